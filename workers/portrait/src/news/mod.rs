//! The kind `news`: a script and a portrait become a clip with subtitles.

mod params;
mod recipe;

pub use params::NewsParams;
pub use recipe::NewsRecipe;
