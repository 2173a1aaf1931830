//! From speech to movement: what the face does in each frame. Made once for a whole clip, because blinks, beats and
//! pauses look forward and back; a frame is then a pure function of the portrait and its own [`Pose`].

mod articulate;
mod life;
mod motion;
mod shape;
mod signal;

pub(crate) use articulate::{Segment, articulate, segments};
pub(crate) use life::{Liveliness, enliven};
pub(crate) use motion::{Motion, MotionReader, Pose};
pub(crate) use shape::Shape;
pub(crate) use signal::{Activity, smooth};

/// Lips lead the sound: the mouth of a frame is what is heard this much later.
pub(crate) const LEAD_S: f64 = 0.04;
/// The frame rate at which lengths that are given in frames were tuned.
pub(crate) const TUNED_FPS: f64 = 25.0;
