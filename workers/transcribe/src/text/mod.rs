//! From words to text: scripts, sentences, paragraphs, subtitles, terms.

pub(crate) mod chars;
pub(crate) mod chinese;
pub(crate) mod markup;
pub(crate) mod paragraphs;
pub(crate) mod phrases;
pub(crate) mod sentences;
pub(crate) mod subtitles;
pub(crate) mod terms;
