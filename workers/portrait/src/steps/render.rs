use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use medley_step::{StepContext, StepError};

use super::{Done, Portrait, Render};
use crate::{
    draw::{Canvas, Yuv},
    drive::{MotionReader, Pose},
    engine::{LipSync, MeshFace, Sitter},
    scene::Scene,
    sound::{Film, Reel},
};

/// Frames that a thread may be ahead of the encoder.
const AHEAD: usize = 3;

pub(super) fn run(worker: &Portrait, step: Render, cx: &StepContext<'_>) -> Result<Done, StepError> {
    let scene: Scene = cx.input_json(0)?;
    let picture = image::ImageReader::open(&cx.input(1)?.path)?
        .with_guessed_format()?
        .decode()
        .map_err(|error| StepError::internal("the scene's picture is damaged").because(error))?;
    let base = Canvas::from_rgb(&picture.to_rgb8());
    let mut motion = MotionReader::open(&cx.input(2)?.path)?;
    let fps = motion.fps;
    let poses = motion.read(step.from, step.to)?;
    let eyesight = worker.eyesight()?;
    let sitter =
        Sitter { canvas: &base, photo: scene.photo, mesh: &scene.mesh, enlarged: scene.enlarged, lively: scene.lively };
    let face = MeshFace::new(&sitter, &eyesight.canonical);

    let path = cx.place("film.ts")?;
    let reel = Reel { width: scene.width, height: scene.height, fps, crf: step.crf, first: step.from };
    let mut film = Film::new(reel, &path)?;
    let studio = Studio { base: &base, face: &face, poses: &poses };
    studio.shoot(cx.threads(), |i, frame| {
        film.frame(frame)?;
        if i % fps as usize == 0 {
            cx.checkpoint()?;
            cx.progress(i as f64 / f64::from(fps), poses.len() as f64 / f64::from(fps), "s");
        }
        Ok(())
    })?;
    film.close()?;
    cx.publish_file("film.ts", "video/mp2t", &path)?;
    cx.hand_on(0, "scene.json")?;
    Ok(Done { frames: poses.len(), fps, parts: step.parts })
}

/// Everything that frames are made from.
struct Studio<'a> {
    base: &'a Canvas,
    face: &'a dyn LipSync,
    poses: &'a [Pose],
}

impl Studio<'_> {
    /// Draws all frames on `threads` threads, each every so many-th frame, and hands them on in order.
    fn shoot(
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

    fn lane(&self, lane: usize, threads: usize, send: &SyncSender<Vec<u8>>) {
        let reach = self.face.reach();
        let mut canvas = self.base.clone();
        let mut yuv = Yuv::new(&canvas);
        for pose in self.poses.iter().skip(lane).step_by(threads) {
            canvas.restore(self.base, reach);
            self.face.draw(&mut canvas, pose);
            yuv.update(&canvas, reach);
            // Nobody waits any more when the step was stopped.
            if send.send(yuv.bytes().to_vec()).is_err() {
                return;
            }
        }
    }
}

