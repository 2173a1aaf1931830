use std::io::BufWriter;

use image::RgbImage;
use medley_media::picture::{self, PictureLimits};
use medley_proto::{Sha256, SpeechTiming};
use medley_step::{LocalInput, StepContext, StepError};
use medley_text::subtitle;

use crate::{
    PortraitError,
    alignment::{Reference, align},
    animation::{IdleMotion, Pose, Speech, animate, segments},
    draw::{Canvas, Rect, Sprite},
    engine::{FrameSpec, LipSync, MeshFace, Subject, mel},
    front_matter::FrontMatter,
    networks::Networks,
    overlay::{Overlays, subtitle_limits},
    params::{Engine, Framing, Lips},
    rig::Canonical,
    scene::{DetectedFace, Quality, Scene, about_the_head, whole_picture},
    sound::{RATE_HZ, read_speech},
    step::{Clip, PortraitOutput, Prepare, PrepareInputs, Subtitles},
};

/// One render step makes this much film.
const PART_S: usize = 10;
/// A clip smaller than this on its longer side, and a photo enlarged more than this, get a warning: they look poor.
const MIN_PX_WITHOUT_WARNING: u32 = 480;
const MAX_ENLARGED_WITHOUT_WARNING: f64 = 2.0;
/// The longest synthetic speech: it may be slower than the recording that it is aligned with.
const MAX_REFERENCE_S: f64 = 4.0 * 3600.0;

pub(crate) fn run(
    step: &Prepare,
    networks: &Networks,
    max_sound_s: u32,
    cx: &StepContext<'_>,
) -> Result<PortraitOutput, StepError> {
    let (params, sources) = (&step.portrait, &step.sources);
    params.check()?;
    let picture = cx.input(sources.picture)?;
    let photo = open(picture)?;
    let face_detector = networks.face_detector()?;
    let face = face_detector.find(&photo, params.face, &picture.name)?;
    cx.checkpoint()?;
    let (canvas, mut scene) = place(step, &photo, &face, cx)?;
    // Wav2Lip's faces are drawn over the still photo.
    scene.lively = !params.still && params.engine == Engine::Mesh;
    scene.engine = params.engine;
    scene.fps = params.fps;

    let sound = cx.input(sources.sound)?;
    let samples = read_speech(sound, f64::from(max_sound_s))?;
    cx.checkpoint()?;
    let duration_s = samples.len() as f64 / f64::from(RATE_HZ);
    let frames = (duration_s * f64::from(params.fps)).ceil() as usize;
    let (timing, lips_from) = timing(sources, &samples, cx)?;
    cx.checkpoint()?;
    let front = front_matter(step, cx)?;
    scene.overlays = overlays(step, &front, timing.as_ref(), (scene.width, scene.height));
    judge(&mut scene, step, &face, lips_from);
    scene.quality.consent = params.consent.clone().or(front.consent);
    let segments = timing.as_ref().map(segments);
    let idle = IdleMotion {
        head: params.head_motion,
        brows: params.brows,
        blinks: true,
        seed: seed(&[picture.sha256, sound.sha256]),
    };
    let speech = Speech { samples: &samples, rate_hz: RATE_HZ, segments: segments.as_deref() };
    let motion = animate(&speech, frames, params.fps, scene.lively.then_some(idle));

    if scene.engine == Engine::Wav2lip {
        let bands: Vec<u8> = mel::mel(&samples).iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
        cx.publish("mel.f32", "application/octet-stream", &bands)?;
    }
    cx.publish("scene.png", "image/png", &picture::png_rgb8(&rgb(&canvas), scene.width, scene.height)?)?;
    let mut file = cx.create("motion.f32", "application/octet-stream")?;
    motion.write(BufWriter::new(&mut file))?;
    file.keep()?;
    let logo = sources.logo.map(|logo| logo_of(cx.input(logo)?, &mut scene, cx)).transpose()?;
    if step.clip.is_some() {
        cx.publish("poster.jpg", "image/jpeg", &poster(&canvas, &scene, &face_detector.canonical, logo)?)?;
        cx.hand_on(sources.sound, "speech.wav")?;
    }
    cx.publish("scene.json", "application/json", &serde_json::to_vec(&scene)?)?;
    let parts = frames.div_ceil(PART_S * params.fps as usize);
    let parts = u32::try_from(parts).unwrap_or(u32::MAX);
    Ok(PortraitOutput { frames, fps: params.fps, parts, ..PortraitOutput::default() })
}

/// A frame's height times a photo's width is resampled in sixteen bytes a pixel: longer panoramas are no portraits.
fn limits() -> PictureLimits {
    PictureLimits { max_side_px: 20_000, ..PictureLimits::default() }
}

fn open(input: &LocalInput) -> Result<RgbImage, StepError> {
    let opened = picture::open(&input.path, &limits()).map_err(|error| error.named(&input.name))?;
    RgbImage::from_raw(opened.width_px, opened.height_px, opened.over([255; 3]))
        .ok_or_else(|| StepError::internal("a picture has fewer bytes than pixels"))
}

fn place(
    step: &Prepare,
    photo: &RgbImage,
    face: &DetectedFace,
    cx: &StepContext<'_>,
) -> Result<(Canvas, Scene), StepError> {
    let params = &step.portrait;
    Ok(match (&step.clip, params.framing) {
        (Some(clip), _) => {
            let behind = step.sources.background.map(|input| open(cx.input(input)?)).transpose()?;
            clip.stage.compose(photo, face, behind.as_ref())
        }
        (None, Framing::Picture) => whole_picture(photo, face, params.max_px),
        (None, Framing::Head) => about_the_head(photo, face, params.head_px),
    })
}

/// The time of each phoneme, and where it comes from.
fn timing(
    sources: &PrepareInputs,
    samples: &[f32],
    cx: &StepContext<'_>,
) -> Result<(Option<SpeechTiming>, &'static str), StepError> {
    if let Some(timing) = sources.timing {
        return Ok((Some(cx.input_json(timing)?), "timing"));
    }
    if let Some((speech, timing)) = sources.reference {
        let spoken = read_speech(cx.input(speech)?, MAX_REFERENCE_S)?;
        let timing = cx.input_json(timing)?;
        let script: Option<PortraitOutput> = sources.script.map(|input| cx.input_json(input)).transpose()?;
        let transcript = script.and_then(|script| script.transcript);
        let reference = Reference { samples: &spoken, timing: &timing };
        if let Some(timing) = align(samples, transcript.as_ref(), &reference) {
            return Ok((Some(timing), "transcript"));
        }
    }
    Ok((None, "sound"))
}

/// The front matter of the script, where there is one.
fn front_matter(step: &Prepare, cx: &StepContext<'_>) -> Result<FrontMatter, StepError> {
    let script: Option<PortraitOutput> = step.sources.script.map(|input| cx.input_json(input)).transpose()?;
    Ok(script.and_then(|script| script.script).unwrap_or_default())
}

fn overlays(
    step: &Prepare,
    front: &FrontMatter,
    timing: Option<&SpeechTiming>,
    (width, height): (u32, u32),
) -> Overlays {
    let mut overlays = Overlays { label: step.portrait.label.clone(), ..Overlays::default() };
    let Some(Clip { subtitles, lower_third, .. }) = &step.clip else { return overlays };
    if *lower_third && (front.anchor.is_some() || front.title.is_some()) {
        let [name, line] = [&front.anchor, &front.title].map(|text| text.clone().unwrap_or_default());
        overlays.lower_third = Some((name, line));
    }
    overlays.title = front.title.clone();
    overlays.burnt = *subtitles == Subtitles::Burnt;
    let limits = subtitle_limits(overlays.burnt, width, height);
    overlays.cues = timing.map(|timing| subtitle::speech(timing, limits)).unwrap_or_default();
    overlays
}

/// Notes in the scene how good the clip can be.
fn judge(scene: &mut Scene, step: &Prepare, face: &DetectedFace, lips_from: &str) {
    let (params, width, height) = (&step.portrait, scene.width, scene.height);
    let wanted_px = match params.framing {
        Framing::Picture => params.max_px.min(MIN_PX_WITHOUT_WARNING),
        Framing::Head => params.head_px.min(MIN_PX_WITHOUT_WARNING),
    };
    let warnings = &mut scene.quality.warnings;
    if step.clip.is_some() && f64::from(scene.enlarged) > MAX_ENLARGED_WITHOUT_WARNING {
        warnings.push(format!("the photo is small: it is enlarged {:.1} times in the clip", scene.enlarged));
    }
    // Sides are even, so one pixel may be missing.
    if step.clip.is_none() && width.max(height) + 1 < wanted_px {
        warnings
            .push(format!("the photo is small: the clip has only {width} × {height} px, as many as the photo gives"));
    }
    let wanted_words = params.lips == Lips::Words && params.engine == Engine::Mesh;
    if lips_from == "sound" && wanted_words {
        warnings.push("the lips follow the sound alone: no words were heard in it that the voices here can say".into());
    }
    scene.quality = Quality {
        lips_from: lips_from.into(),
        faces: face.faces,
        face_score: rounded(f64::from(face.score)),
        face_yaw_deg: rounded(face.yaw_deg),
        face_pitch_deg: rounded(face.pitch_deg),
        ..std::mem::take(&mut scene.quality)
    };
}

/// Brings the logo to a twelfth of the canvas' shorter side, at the top right, and leaves it as `logo.png`.
fn logo_of(input: &LocalInput, scene: &mut Scene, cx: &StepContext<'_>) -> Result<Sprite, StepError> {
    let opened = picture::open(&input.path, &limits()).map_err(|error| error.named(&input.name))?;
    let alpha = opened.alpha.unwrap_or_else(|| vec![255; opened.rgb.len() / 3]);
    let bytes = opened.rgb.chunks_exact(3).zip(&alpha).flat_map(|(rgb, &a)| [rgb[0], rgb[1], rgb[2], a]).collect();
    let image = image::RgbaImage::from_raw(opened.width_px, opened.height_px, bytes)
        .ok_or_else(|| StepError::internal("a picture has fewer bytes than pixels"))?;
    let short = scene.width.min(scene.height);
    let height = (short / 12).max(8);
    let width = (u64::from(image.width()) * u64::from(height) / u64::from(image.height().max(1))) as u32;
    let width = width.clamp(1, scene.width / 2);
    let small = image::imageops::resize(&image, width, height, image::imageops::FilterType::Lanczos3);
    let margin = (short / 30) as i32;
    let x = scene.width as i32 - margin - width as i32;
    let rect = Rect::new(x, margin, x + width as i32, margin + height as i32);
    scene.overlays.logo = Some(rect);
    let mut png = std::io::Cursor::new(Vec::new());
    small
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(|error| StepError::internal("the logo cannot be written").because(error))?;
    cx.publish("logo.png", "image/png", &png.into_inner())?;
    Ok(Sprite { rect, pixels: small.pixels().map(|pixel| pixel.0).collect() })
}

/// A still of the clip's beginning, mouth closed.
fn poster(canvas: &Canvas, scene: &Scene, canonical: &Canonical, logo: Option<Sprite>) -> Result<Vec<u8>, StepError> {
    const AT_S: f64 = 1.5;
    let mut drawn = canvas.clone();
    let pose = Pose { close: 1.0, ..Pose::default() };
    MeshFace::new(&Subject::of(scene, canvas), canonical).draw(&mut drawn, &FrameSpec { pose: &pose, number: 0 });
    let overlays = Overlays { cues: Vec::new(), ..scene.overlays.clone() };
    for overlay in overlays.drawn(canvas, logo, AT_S, AT_S + 0.1)? {
        overlay.lay(&mut drawn, AT_S, &mut Vec::new());
    }
    Ok(picture::jpeg(&rgb(&drawn), scene.width, scene.height, 88).map_err(PortraitError::from)?)
}

fn rgb(canvas: &Canvas) -> Vec<u8> {
    canvas.pixels.iter().flat_map(|p| [p[0], p[1], p[2]]).collect()
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A seed that is the same for the same inputs.
fn seed(of: &[Sha256]) -> u64 {
    let bytes: Vec<u8> = of.iter().flat_map(|sha| *sha.as_bytes()).collect();
    let digest = Sha256::of(&bytes);
    digest.as_bytes()[..8].iter().fold(0, |seed, &byte| seed << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use medley_text::subtitle::srt;

    use super::*;
    use crate::{
        composition::{Aspect, Background, Composition},
        params::PortraitParams,
    };

    /// Kinds that show speech test the same files: the same words have the same cues whatever kind asks.
    #[test]
    fn speech_has_the_cues_that_every_kind_gives_it() {
        let timing: SpeechTiming =
            serde_json::from_str(include_str!("../../../text/tests/golden/speech.json")).unwrap();
        let stage = Composition { aspect: Aspect::Wide, short_px: 1080, background: Background::Blur };
        let step = |subtitles| Prepare {
            portrait: PortraitParams::default(),
            sources: PrepareInputs::default(),
            clip: Some(Clip { stage, subtitles, lower_third: false }),
        };
        let made = |subtitles, size| overlays(&step(subtitles), &FrontMatter::default(), Some(&timing), size);
        for (subtitles, size) in [(Subtitles::Soft, (1080, 1920)), (Subtitles::Burnt, (1920, 1080))] {
            let cues = made(subtitles, size).cues;
            assert_eq!(srt(&cues), include_str!("../../../text/tests/golden/speech.srt"), "{subtitles:?}");
        }
        let upright = made(Subtitles::Burnt, (1080, 1920));
        let limits = subtitle_limits(true, 1080, 1920);
        assert!(upright.cues.iter().flat_map(|cue| &cue.lines).all(|line| limits.holds(line)));
    }
}
