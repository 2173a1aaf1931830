//! What a listener and a publisher want from an episode, made of its transcript: chapters, a summary, a page.

mod abstractive;
mod chapters;
mod page;
mod params;
mod publish;
mod recipe;
mod summary;

pub use params::PodcastParams;
pub use publish::EpisodeStep;
pub(crate) use publish::publish;
pub use recipe::PodcastJob;
