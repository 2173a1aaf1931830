//! What can be said about images.
//!
//! [`Looker`] takes image files and gives one [`Row`] for each: text, people, faces and poses, colours, sharpness and
//! exposure, EXIF, a perceptual hash, and with a CLIP model tags, a caption and an embedding. [`Caption`] is the kind
//! `caption`, one image; [`library`] is the kind for a million. An image that cannot be read is a row with an error.

pub mod clip;
mod error;
pub mod library;
mod look;
mod params;
mod row;

pub use error::CaptionError;
pub use look::{LookSlots, Looker, Seen};
pub use params::LookParams;
pub use row::{Colour, Exif, PHash, Row, RowError, Tag};
