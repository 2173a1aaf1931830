//! Subtitles: timed words become cues that can be read in the time they are shown, broken where the sentence allows it.
//! Every kind that shows speech uses this layout, so the same speech has the same cues wherever it comes from.
//!
//! The rules are those of the BBC's Subtitle Guidelines and of Netflix's Timed Text Style Guides (general, English,
//! Simplified Chinese): two lines of 42 letters or 16 full-width characters, 17 letters or 9 Chinese characters a
//! second, 5/6 of a second to 7 seconds, two frames between cues, short gaps closed, no cue across a long pause.
//! Decision record 0072 has the figures.
//!
//! [`Layout`] takes speech as it comes and gives cues as they are complete. It holds a block of text between two pauses
//! and never more than [`MAX_BLOCK_CHARS`]. A block is cut into *atoms*, between which a break is allowed and has a
//! cost (`breaks`); dynamic programming finds the cheapest cues (`block`).
//!
//! ```
//! use medley_text::subtitle::{Layout, Limits, srt};
//!
//! let mut layout = Layout::new(Limits::default());
//! for (n, word) in ["Good", " morning,", " and", " welcome."].into_iter().enumerate() {
//!     let start_s = n as f64 * 0.5;
//!     layout.word(start_s, start_s + 0.4, word);
//! }
//! let cues = layout.finish(4.0);
//! assert_eq!(srt(&cues), "1\n00:00:00,000 --> 00:00:01,900\nGood morning, and welcome.\n\n");
//! ```

mod alignment;
mod atoms;
mod block;
mod breaks;
mod cue;
mod display;
mod files;
mod layout;
mod limits;
mod spoken;

pub use cue::Cue;
pub use files::{SrtWriter, parse_vtt, srt, vtt};
pub use layout::{Layout, MAX_BLOCK_CHARS, speech};
pub use limits::Limits;
