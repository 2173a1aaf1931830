//! The kinds `caption` and `library`: describing one image, and making a data set of a whole library.
//!
//! [`Analyzer`] takes image files and gives one [`Row`] for each: text, people, faces and poses, colours, sharpness and
//! exposure, EXIF, a perceptual hash, and with a CLIP model tags, a caption and an embedding. An image that cannot be read
//! is a row with an error.
//!
//! - [`CaptionWorker`] and [`CaptionRecipe`] are the kind `caption`: one image, one row.
//! - [`library`] is the kind `library`: a folder, an archive or a list with up to millions of images as one data set, which
//!   [`library::search`] searches.
//! - [`embed()`] writes embeddings of images and texts as a NumPy file.
//!
//! ```no_run
//! use medley_caption::{Analyzer, AnalyzerSlots, CaptionParams};
//! use medley_models::Models;
//! use medley_step::testing::QuietHost;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let models = Models::open(&Models::default_dir());
//! let slots = AnalyzerSlots { threads: 4, calls: 1 };
//! let analyzer = Analyzer::open(&models, &CaptionParams::default(), slots)?;
//! let files = [("photo.jpg".to_owned(), "/home/me/photo.jpg".into())];
//! for analysis in analyzer.analyze(&files, &QuietHost::default())? {
//!     println!("{}", analysis.row.caption);
//! }
//! # Ok(())
//! # }
//! ```

mod analyzer;
mod analyzer_cache;
mod config;
mod embed;
mod error;
mod kind;
pub mod library;
mod npy;
mod params;
mod recipe;
mod row;
mod worker;

pub use analyzer::{Analysis, Analyzer, AnalyzerSlots, open_rgb};
pub use config::CaptionConfig;
pub use embed::{Item, Pace, embed};
pub use error::CaptionError;
pub use kind::{KIND, LIBRARY};
pub use medley_clip::{OwnModel, Tag};
pub use medley_media::source::RowError;
pub use params::{CaptionParams, Language};
pub use recipe::CaptionRecipe;
pub use row::{CaptionedBy, Chroma, Colour, Exif, PHash, Position, Row, SeenObject};
pub use worker::{CaptionOutput, CaptionWorker};
