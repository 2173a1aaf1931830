//! The recipes that are made of several kinds. No kind's crate knows another's: here they meet, typed by their params.

mod news;
mod portrait;
mod speak;

#[cfg(test)]
mod tests;

pub(crate) use news::NewsRecipe;
pub(crate) use portrait::PortraitRecipe;
pub(crate) use speak::SpeakRecipe;
