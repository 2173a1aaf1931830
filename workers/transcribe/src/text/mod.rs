//! From words to text: scripts, sentences, paragraphs, terms.

pub(crate) mod chinese;
pub(crate) mod markup;
pub(crate) mod paragraphs;
pub(crate) mod sentences;
pub(crate) mod terms;
