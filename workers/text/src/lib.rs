//! What kinds know of written text, whatever they do with it.
//!
//! - [`script`]: which script a character belongs to, and how wide it is.
//! - [`marks`]: punctuation, and where sentences end.
//! - [`numbers`]: what is a number, and what a number belongs to.
//! - `words` (feature `words`): Chinese text as words, by jieba's dictionary.
//! - `subtitle` (feature `subtitle`): timed words as cues, and SubRip and WebVTT files of them.
//!
//! ```
//! use medley_text::{marks, script};
//!
//! assert!(script::is_han('模') && !script::is_han('か'));
//! assert!(marks::is_sentence_end("home.") && !marks::is_sentence_end("Dr."));
//! ```

pub mod marks;
pub mod numbers;
pub mod script;
#[cfg(feature = "subtitle")]
pub mod subtitle;
#[cfg(feature = "words")]
pub mod words;
