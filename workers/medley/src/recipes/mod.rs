//! The recipes that are made of several kinds. No kind's crate knows another's: here they meet, typed by their params.

#[cfg(feature = "news")]
mod news;
#[cfg(feature = "portrait")]
mod portrait;
#[cfg(feature = "speak")]
mod speak;

#[cfg(test)]
#[cfg(feature = "news")]
mod tests;

#[cfg(feature = "news")]
pub(crate) use news::NewsRecipe;
#[cfg(feature = "portrait")]
pub(crate) use portrait::PortraitRecipe;
#[cfg(feature = "speak")]
pub(crate) use speak::SpeakRecipe;
