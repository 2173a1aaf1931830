//! Bodies: everyone in a picture with 33 points ([`PoseFinder`]), their outline ([`PoseMasker`], [`Mask`]) and OpenPose's 18 points
//! ([`Body18`]).

mod body18;
mod finder;
mod mask;
mod person;

pub use body18::Body18;
pub use finder::{PoseFinder, PoseModel, PoseOptions};
pub use mask::{Mask, PoseMasker};
pub use person::{Landmark, Person, part};
