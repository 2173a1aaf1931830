//! Which sound is heard when, where no `timing.json` says so: from the transcript, by laying synthetic speech of the
//! same words over the recording ([`align`]); as a last resort from the sound alone ([`guess`]).

mod align;
mod features;
mod guess;
pub(crate) mod mel;

pub(crate) use align::{Reference, align};
pub(crate) use guess::guess;
