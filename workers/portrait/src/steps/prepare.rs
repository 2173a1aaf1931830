use std::io::BufWriter;

use image::ImageEncoder;
use medley_proto::{Sha256, SpeechTiming, Transcript};
use medley_step::{StepContext, StepError};

use super::{Done, Portrait, Prepare, Sources};
use crate::{
    PortraitError,
    draw::Canvas,
    drive::{Liveliness, Speech, perform, segments},
    hear::{Reference, align},
    scene::{Framing, about_the_head, whole_picture},
    sound::{RATE_HZ, listen},
};

/// One render step makes this much film.
const PART_S: usize = 10;
/// The clip goes on this much longer than the sound, so that the mouth is seen to close.
const AFTER_S: f64 = 0.4;
/// Synthetic speech may be slower than the recording that it is laid over.
const MOST_REFERENCE_S: f64 = 4.0 * 3600.0;

pub(super) fn run(worker: &Portrait, step: &Prepare, cx: &StepContext<'_>) -> Result<Done, StepError> {
    let (params, sources) = (&step.portrait, &step.sources);
    params.check()?;
    let picture = cx.input(sources.picture)?;
    let photo = image::ImageReader::open(&picture.path)?
        .with_guessed_format()?
        .decode()
        .map_err(|source| PortraitError::Picture { name: picture.name.clone(), source })?
        .to_rgb8();
    let found = worker.eyesight()?.find(&photo, params.face, &picture.name)?;
    cx.checkpoint()?;
    let (canvas, mut scene) = match params.framing {
        Framing::Picture => whole_picture(&photo, &found, params.max_px),
        Framing::Head => about_the_head(&photo, &found, params.head_px),
    };
    scene.lively = !params.still;

    let sound = cx.input(sources.sound)?;
    let samples = listen(&sound.path, &sound.name, f64::from(worker.config.most_sound_s))?;
    cx.checkpoint()?;
    let duration_s = samples.len() as f64 / f64::from(RATE_HZ);
    let frames = ((duration_s + AFTER_S) * f64::from(params.fps)).ceil() as usize;
    let (timing, lips_from) = timing(sources, &samples, cx)?;
    cx.checkpoint()?;
    let segments = timing.as_ref().map(segments);
    let life = Liveliness {
        head: params.head_motion,
        brows: params.brows,
        blinks: true,
        seed: seed(&[picture.sha256, sound.sha256]),
    };
    let speech = Speech { samples: &samples, rate_hz: RATE_HZ, segments: segments.as_deref() };
    let motion = perform(&speech, frames, params.fps, (!params.still).then_some(life));

    cx.publish("scene.json", "application/json", &serde_json::to_vec(&scene)?)?;
    cx.publish("scene.png", "image/png", &png(&canvas)?)?;
    let mut file = cx.create("motion.f32", "application/octet-stream")?;
    motion.write(BufWriter::new(&mut file))?;
    file.keep()?;
    cx.quality("lips_from", lips_from);
    cx.quality("faces", found.faces);
    cx.quality("face_score", rounded(f64::from(found.score)));
    cx.quality("face_yaw_deg", rounded(found.yaw_deg));
    cx.quality("face_pitch_deg", rounded(found.pitch_deg));
    let parts = frames.div_ceil(PART_S * params.fps as usize);
    Ok(Done { frames, fps: params.fps, parts: u32::try_from(parts).unwrap_or(u32::MAX) })
}

/// When which sound is heard, and how that is known.
fn timing(
    sources: &Sources,
    samples: &[f32],
    cx: &StepContext<'_>,
) -> Result<(Option<SpeechTiming>, &'static str), StepError> {
    if let Some(timing) = sources.timing {
        return Ok((Some(cx.input_json(timing)?), "timing"));
    }
    if let Some((speech, timing)) = sources.reference {
        let speech = cx.input(speech)?;
        let spoken = listen(&speech.path, &speech.name, MOST_REFERENCE_S)?;
        let timing = cx.input_json(timing)?;
        let transcript: Option<Transcript> = sources.transcript.map(|input| cx.input_json(input)).transpose()?;
        let reference = Reference { samples: &spoken, timing: &timing };
        if let Some(timing) = align(samples, transcript.as_ref(), &reference) {
            return Ok((Some(timing), "transcript"));
        }
    }
    Ok((None, "sound"))
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Chance that is the same for the same inputs.
fn seed(of: &[Sha256]) -> u64 {
    let bytes: Vec<u8> = of.iter().flat_map(|sha| *sha.as_bytes()).collect();
    let digest = Sha256::of(&bytes);
    digest.as_bytes()[..8].iter().fold(0, |seed, &byte| seed << 8 | u64::from(byte))
}

fn png(canvas: &Canvas) -> Result<Vec<u8>, StepError> {
    let rgb: Vec<u8> = canvas.pixels.iter().flat_map(|p| [p[0], p[1], p[2]]).collect();
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(&rgb, canvas.width as u32, canvas.height as u32, image::ExtendedColorType::Rgb8)
        .map_err(|error| StepError::internal("the scene cannot be written").because(error))?;
    Ok(bytes)
}
