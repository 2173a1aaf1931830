//! Faces: where they are ([`FaceFinder`]), their 468 points in space ([`FaceMesher`]) and the model that the points
//! are numbered after ([`CanonicalFace`]).

mod canonical;
mod finder;
mod mesher;
pub mod topology;

pub use canonical::CanonicalFace;
pub use finder::{Face, FaceFinder};
pub use mesher::{FaceMesher, Mesh};
