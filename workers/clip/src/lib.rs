//! CLIP and its relatives: images and texts as vectors of one space (Radford et al., 2021).
//!
//! - [`Clip`] is a pair of ONNX towers, one for images and one for texts. [`ClipSpec`] names the pair, from the model
//!   registry or from a folder of the machine's owner ([`OwnModel`]), and [`Family`] says which contract it keeps: CLIP,
//!   SigLIP or Chinese-CLIP.
//! - [`Preprocess`] turns an image into a tower's input, and [`Tokenizer`] a text, both exactly as the towers were trained.
//! - [`Embedder`] is the trait that everything else is written against. [`Batcher`] lets many threads share one, a batch
//!   at a time.
//! - [`Sentences`] is no CLIP: a small model that embeds English sentences by what they mean.
//! - [`Bank`] holds embedded labels and finds the best for an image; [`Phrases`] composes a caption.
//!
//! ```no_run
//! use medley_clip::{Bank, Clip, ClipSpec, Embedder, Family, templates};
//! use medley_models::Models;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let models = Models::open(&Models::default_dir());
//! let clip = Clip::open(&models, ClipSpec::of_registry("clip-vit-base-patch32")?, 4)?;
//! let labels = ["cat", "dog", "car"].map(str::to_owned).to_vec();
//! let bank = Bank::embed(&*clip, labels, templates(Family::Clip, true))?;
//!
//! let image = image::open("photo.png")?.into_rgb8();
//! let mut pixels = Vec::new();
//! clip.preprocess().append(&image, &mut pixels);
//! let vector = clip.images(&pixels)?.remove(0);
//! for tag in bank.best(&vector, clip.scoring(), 3, 0.05) {
//!     println!("{} {:.2}", tag.label, tag.score);
//! }
//! # Ok(())
//! # }
//! ```

mod bank;
mod batcher;
mod config;
mod embedder;
mod error;
mod family;
mod model;
mod phrases;
mod preprocess;
mod scoring;
mod sentences;
mod spec;
mod tokenizer;
mod tower;
mod vector;

pub use bank::{AS_THEY_ARE, Bank, MAX_LABELS, Tag, built_in, lines, templates};
pub use batcher::Batcher;
pub use config::OwnModel;
pub use embedder::Embedder;
pub use error::ClipError;
pub use family::Family;
pub use model::Clip;
pub use phrases::Phrases;
pub use preprocess::{Fit, Preprocess};
pub use scoring::Scoring;
pub use sentences::Sentences;
pub use spec::ClipSpec;
pub use tokenizer::{Context, Tokenizer};
