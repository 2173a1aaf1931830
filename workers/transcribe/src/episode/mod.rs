//! The kind `podcast`: chapters, a summary and a page, made from the transcript of an episode.

mod abstractive;
mod announcements;
mod chapters;
pub(crate) mod notes;
mod page;
mod params;
mod publish;
mod recipe;
pub(crate) mod step;
mod summary;
mod titles;

pub use params::PodcastParams;
pub(crate) use publish::publish;
pub use recipe::PodcastRecipe;
pub use step::PublishStep;
