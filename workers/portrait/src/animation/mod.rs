//! Animation: what the face does in each frame, from speech. It is made once for a whole clip, because blinks, beats and
//! pauses depend on what comes before and after; a frame is then a pure function of the portrait and its own [`Pose`].

mod articulate;
mod idle;
mod motion;
mod regression;
mod shape;
mod signal;

pub(crate) use articulate::{Segment, segments};
pub(crate) use idle::IdleMotion;
pub(crate) use motion::{Motion, MotionReader, Pose};
pub(crate) use shape::AIMS;

use self::{
    articulate::articulate,
    idle::add_idle_motion,
    regression::mouth_from_sound,
    signal::{Activity, smooth},
};

/// A frame follows the sound in the middle of its time on the screen, 20 ms after its start at 25 frames a second. Lips lead
/// the sound all the same, because the dominance of a phoneme begins before it.
pub(crate) const LEAD_S: f64 = 0.02;
/// The frame rate at which lengths that are given in frames were tuned.
pub(crate) const TUNED_FPS: f64 = 25.0;

/// The speech that the face follows.
#[derive(Debug)]
pub(crate) struct Speech<'a> {
    pub(crate) samples: &'a [f32],
    pub(crate) rate_hz: u32,
    /// The phonemes and their times, where they are known.
    pub(crate) segments: Option<&'a [Segment]>,
}

/// The movement of a face that speaks this, for `frames` frames.
pub(crate) fn animate(speech: &Speech<'_>, frames: usize, fps: u32, idle: Option<IdleMotion>) -> Motion {
    let rate = f64::from(fps);
    let activity = Activity::new(&Activity::levels(speech.samples, speech.rate_hz, rate, frames)).0;
    let mut poses = match speech.segments {
        Some(segments) => from_phonemes(segments, &activity, frames, rate),
        None => from_sound(speech.samples, &activity, frames, rate),
    };
    // Whatever is spoken starts from the closed mouth. Any of the photo's own open smile that stays would be wider than
    // what sounds open, and going back to it in every pause would look restless.
    poses.iter_mut().for_each(|pose| pose.close = 1.0);
    if let Some(idle) = idle {
        add_idle_motion(&mut poses, &activity, rate, idle);
    }
    Motion { fps, poses }
}

fn from_phonemes(segments: &[Segment], activity: &[f64], frames: usize, fps: f64) -> Vec<Pose> {
    let mut poses = articulate(segments, frames, fps);
    for (pose, loudness) in poses.iter_mut().zip(smooth(activity, 1.0, fps)) {
        pose.jaw *= (0.55 + 0.5 * loudness) as f32;
    }
    poses
}

/// Without phonemes: a regression on the sound, opened by loudness and closed by silence, since the regression misses the
/// closures of p, b and m.
fn from_sound(samples: &[f32], activity: &[f64], frames: usize, fps: f64) -> Vec<Pose> {
    let mut aims = mouth_from_sound(samples, frames, fps);
    let speaking: Vec<f64> = activity.iter().map(|&loud| (6.0 * loud).clamp(0.0, 1.0)).collect();
    let speaking = smooth(&speaking, 0.7, fps);
    for ((aims, &loud), speaking) in aims.iter_mut().zip(activity).zip(speaking) {
        let [jaw, wide, round, upper, lower, _, tuck, tongue] = *aims;
        let jaw = (1.5 * jaw * (0.3 + 0.7 * loud) + 0.25 * loud * loud).clamp(0.0, 1.1);
        *aims = [jaw, 1.3 * wide, 1.4 * round, upper, lower, 0.0, 0.5 * tuck, 0.5 * tongue].map(|v| v * speaking);
    }
    for k in 0..AIMS {
        let track: Vec<f64> = aims.iter().map(|aims| aims[k]).collect();
        aims.iter_mut().zip(smooth(&track, 0.7, fps)).for_each(|(aims, v)| aims[k] = v);
    }
    aims.iter().map(Pose::of_mouth).collect()
}
