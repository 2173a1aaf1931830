//! What can be said about images.
//!
//! [`Looker`] takes image files and gives one [`Row`] for each: text, people, faces and poses, colours, sharpness and
//! exposure, EXIF, a perceptual hash, and with a CLIP model tags, a caption and an embedding. [`Caption`] is the kind
//! `caption`, one image; [`library`] is the kind for a million. An image that cannot be read is a row with an error.

pub mod clip;
mod embed;
mod error;
mod kind;
pub mod library;
mod look;
pub mod npy;
mod params;
pub mod resample;
mod row;
mod worker;

pub use embed::{Item, Pace, embed};
pub use error::CaptionError;
pub use kind::{KIND, LIBRARY};
pub use look::{LookSlots, Looker, Seen, open_rgb};
pub use params::LookParams;
pub use row::{CaptionedBy, Chroma, Colour, Exif, PHash, Row, RowError, Tag};
pub use worker::{Caption, CaptionConfig, CaptionOutput, Lookers, OwnModel};
