use std::{
    fs,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use medley_step::{StepContext, StepError};

use crate::{
    animation::{MotionReader, Pose},
    draw::{Canvas, Sprite, Yuv},
    encode::{FilmEncoder, FilmFormat},
    engine::{FrameSpec, LipSync, MelFrames, MeshFace, Subject, Wav2Lip, mel},
    networks::Networks,
    overlay::Timed,
    params::Engine,
    scene::Scene,
    step::{FILM, FILM_TYPE, PortraitOutput, Render},
};

/// Frames that a thread may be ahead of the encoder.
const AHEAD: usize = 3;
/// An input that is also drawn from, where it exists.
const MEL: &str = "mel.f32";

pub(crate) fn run(step: Render, networks: &Networks, cx: &StepContext<'_>) -> Result<PortraitOutput, StepError> {
    let scene: Scene = cx.input_json(0)?;
    let base = Canvas::from_rgb(&decode(cx, 1)?.to_rgb8());
    let mut motion = MotionReader::open(&cx.input(2)?.path)?;
    let fps = motion.fps;
    let poses = motion.read(step.from, step.to)?;
    let seconds = |frame: usize| frame as f64 / f64::from(fps);
    let overlays = scene.overlays.drawn(&base, logo(&scene, cx)?, seconds(step.from), seconds(step.to))?;
    let face = face(networks, &Part { step, scene: &scene, base: &base, fps }, cx)?;

    let path = cx.place(FILM)?;
    let format = FilmFormat { width: scene.width, height: scene.height, fps, crf: step.crf };
    let mut film = FilmEncoder::new(format, &path)?;
    let renderer =
        FrameRenderer { base: &base, face: &*face, poses: &poses, overlays: &overlays, first: step.from, fps };
    renderer.render(cx.threads(), |i, frame| {
        film.frame(frame)?;
        if i % fps as usize == 0 {
            cx.checkpoint()?;
            cx.progress(seconds(i), seconds(poses.len()), "s of film");
        }
        Ok(())
    })?;
    film.close()?;
    cx.publish_file(FILM, FILM_TYPE, &path)?;
    Ok(PortraitOutput { frames: poses.len(), fps, parts: step.parts, ..PortraitOutput::default() })
}

/// The part of the film that a step renders.
struct Part<'a> {
    step: Render,
    scene: &'a Scene,
    base: &'a Canvas,
    fps: u32,
}

/// The engine that the scene asks for, ready to draw the step's frames.
fn face(networks: &Networks, part: &Part<'_>, cx: &StepContext<'_>) -> Result<Box<dyn LipSync>, StepError> {
    let Part { step, scene, base, fps } = *part;
    let subject = Subject::of(scene, base);
    if scene.engine == Engine::Mesh {
        return Ok(Box::new(MeshFace::new(&subject, &networks.face_detector()?.canonical)));
    }
    let input = cx.inputs().iter().find(|input| input.name == MEL);
    let bytes = fs::read(&input.ok_or_else(|| StepError::internal("the scene's sound is not among the inputs"))?.path)?;
    let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let mel: Vec<[f32; mel::BANDS]> =
        bytes.chunks_exact(4 * mel::BANDS).map(|frame| std::array::from_fn(|band| value(&frame[4 * band..]))).collect();
    let sound = MelFrames { mel: &mel, fps, from: step.from, to: step.to };
    let session = networks.wav2lip(cx.threads())?;
    Ok(Box::new(Wav2Lip::new(&subject, &session, &sound, || cx.checkpoint())?))
}

fn decode(cx: &StepContext<'_>, index: usize) -> Result<image::DynamicImage, StepError> {
    let damaged =
        |error: image::ImageError| StepError::internal("a picture of an earlier step is damaged").because(error);
    image::ImageReader::open(&cx.input(index)?.path)?.with_guessed_format()?.decode().map_err(damaged)
}

fn logo(scene: &Scene, cx: &StepContext<'_>) -> Result<Option<Sprite>, StepError> {
    let Some(rect) = scene.overlays.logo else { return Ok(None) };
    let index = cx.inputs().iter().position(|input| input.name == "logo.png");
    let index = index.ok_or_else(|| StepError::internal("the scene's logo is not among the inputs"))?;
    let pixels = decode(cx, index)?.to_rgba8().pixels().map(|pixel| pixel.0).collect();
    Ok(Some(Sprite { rect, pixels }))
}

/// Everything that frames are made from.
struct FrameRenderer<'a> {
    base: &'a Canvas,
    face: &'a dyn LipSync,
    poses: &'a [Pose],
    overlays: &'a [Timed],
    /// The number of the first pose in the clip.
    first: usize,
    fps: u32,
}

impl FrameRenderer<'_> {
    /// Draws all frames on `threads` threads, which take turns frame by frame, and hands them on in order.
    fn render(
        &self,
        threads: usize,
        mut take: impl FnMut(usize, &[u8]) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let threads = threads.clamp(1, self.poses.len().max(1));
        thread::scope(|scope| {
            let lanes: Vec<Receiver<Vec<u8>>> = (0..threads)
                .map(|lane| {
                    let (send, receive) = sync_channel(AHEAD);
                    scope.spawn(move || self.lane(lane, threads, &send));
                    receive
                })
                .collect();
            for i in 0..self.poses.len() {
                // A lane that is gone has panicked, and the scope passes the panic on.
                let Ok(frame) = lanes[i % threads].recv() else { break };
                take(i, &frame)?;
            }
            Ok(())
        })
    }

    /// Draws and converts only the parts that move or are under an overlay.
    fn lane(&self, lane: usize, threads: usize, send: &SyncSender<Vec<u8>>) {
        let reach = self.face.reach();
        let mut canvas = self.base.clone();
        let mut yuv = Yuv::new(&canvas);
        let mut drawn_on = Vec::new();
        for (i, pose) in self.poses.iter().enumerate().skip(lane).step_by(threads) {
            let mut dirty = std::mem::take(&mut drawn_on);
            dirty.push(reach);
            dirty.iter().for_each(|&rect| canvas.restore(self.base, rect));
            self.face.draw(&mut canvas, &FrameSpec { pose, number: self.first + i });
            let time_s = (self.first + i) as f64 / f64::from(self.fps);
            self.overlays.iter().for_each(|overlay| overlay.lay(&mut canvas, time_s, &mut drawn_on));
            dirty.iter().chain(&drawn_on).for_each(|&rect| yuv.update(&canvas, rect));
            // The receiver is gone when the step was stopped.
            if send.send(yuv.bytes().to_vec()).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;
    use medley_models::Models;
    use medley_text::subtitle::Cue;

    use super::*;
    use crate::{
        overlay::Overlays,
        scene::{FaceDetector, about_the_head},
    };

    fn astronaut() -> RgbImage {
        let models = Models::open(&Models::default_dir());
        image::open(models.file("sample-pictures", "astronaut.png").unwrap()).unwrap().to_rgb8()
    }

    fn sight() -> FaceDetector {
        FaceDetector::open(&Models::open(&Models::default_dir()), Default::default()).unwrap()
    }

    fn speaking(frames: usize) -> Vec<Pose> {
        let wave = |i: usize, k: f32| ((i as f32) * k).sin();
        (0..frames)
            .map(|i| Pose {
                jaw: 0.5 + 0.5 * wave(i, 0.9),
                round: 0.3 + 0.3 * wave(i, 0.4),
                close: 0.9,
                blink: if i % 11 < 3 { 0.7 } else { 0.0 },
                yaw_deg: 3.0 * wave(i, 0.2),
                ..Pose::default()
            })
            .collect()
    }

    fn frames(renderer: &FrameRenderer<'_>, threads: usize) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        renderer
            .render(threads, |_, frame| {
                frames.push(frame.to_vec());
                Ok(())
            })
            .unwrap();
        frames
    }

    #[test]
    fn any_part_alone_on_any_number_of_threads_is_the_same_film() {
        let (photo, sight) = (astronaut(), sight());
        let found = sight.find(&photo, 1, "astronaut").unwrap();
        let (base, scene) = about_the_head(&photo, &found, 160);
        let face = MeshFace::new(&Subject::of(&scene, &base), &sight.canonical);
        let cue = Cue { start_s: 0.3, end_s: 0.6, lines: vec!["Words".into()], speaker: None };
        let overlays = Overlays { label: Some("AI".into()), cues: vec![cue], burnt: true, ..Overlays::default() };
        let overlays = overlays.drawn(&base, None, 0.0, 1.0).unwrap();
        let poses = speaking(24);
        let part = |from: usize, to: usize| FrameRenderer {
            base: &base,
            face: &face,
            poses: &poses[from..to],
            overlays: &overlays,
            first: from,
            fps: 25,
        };
        let whole = frames(&part(0, 24), 1);
        assert!(whole.windows(2).all(|w| w[0] != w[1]), "the face moves");
        assert_eq!(whole, frames(&part(0, 24), 3));
        assert_eq!(whole[7..17], frames(&part(7, 17), 2));
    }

    #[test]
    fn a_still_head_changes_nothing_but_the_lower_face() {
        let (photo, sight) = (astronaut(), sight());
        let found = sight.find(&photo, 1, "astronaut").unwrap();
        let (base, mut scene) = about_the_head(&photo, &found, 256);
        scene.lively = false;
        let face = MeshFace::new(&Subject::of(&scene, &base), &sight.canonical);
        let mut canvas = base.clone();
        let pose = Pose { jaw: 1.0, close: 1.0, ..Pose::default() };
        face.draw(&mut canvas, &FrameSpec { pose: &pose, number: 0 });
        let eyes_y = scene.mesh[33][1].max(scene.mesh[263][1]) as usize;
        let changed = |y: usize| (0..256).filter(|x| canvas.pixels[y * 256 + x] != base.pixels[y * 256 + x]).count();
        assert_eq!((0..=eyes_y).map(changed).sum::<usize>(), 0, "above the eyes");
        assert!((eyes_y..256).map(changed).sum::<usize>() > 2000, "the jaw opens");
    }

    #[test]
    fn the_face_mesh_sees_the_mouth_that_was_drawn() {
        let (photo, sight) = (astronaut(), sight());
        let found = sight.find(&photo, 1, "astronaut").unwrap();
        let (base, scene) = about_the_head(&photo, &found, 320);
        let face = MeshFace::new(&Subject::of(&scene, &base), &sight.canonical);
        let seen = |pose: Pose| {
            let mut canvas = base.clone();
            face.draw(&mut canvas, &FrameSpec { pose: &pose, number: 0 });
            let mesh = sight.find(&canvas.to_rgb(), 1, "drawn").unwrap().mesh;
            let across = |a: usize, b: usize| (mesh[a][0] - mesh[b][0]).hypot(mesh[a][1] - mesh[b][1]);
            let eyes = across(33, 263);
            (across(13, 14) / eyes, across(61, 291) / eyes)
        };
        let pose = Pose { close: 1.0, ..Pose::default() };
        let closed = seen(Pose { close: 1.0, press: 1.0, ..pose });
        let half = seen(Pose { jaw: 0.45, ..pose });
        let open = seen(Pose { jaw: 1.0, lower: 0.2, ..pose });
        let round = seen(Pose { jaw: 0.22, round: 1.0, ..pose });
        // The mesh network biases mouths towards those it was trained on: the order is reliable, the extent is not.
        assert!(closed.0 < 0.05 && half.0 > closed.0 + 0.02 && open.0 > half.0 + 0.01, "{closed:?} {half:?} {open:?}");
        assert!(round.1 < closed.1 && round.0 > closed.0, "a round vowel is narrower and open: {round:?} {closed:?}");
    }
}
