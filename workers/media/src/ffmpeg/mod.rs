//! ffmpeg and ffprobe as guarded children (see [`crate::child`]).
//!
//! The file is the child's standard input: it never sees a name. Its type was found by magic bytes and its demuxer is
//! forced, so that nothing in the file (a playlist, a concat script, a reference) can make ffmpeg open anything else;
//! only the protocols `pipe`, or `file` where it must seek in its own input, are allowed. It runs on one thread, under
//! limits of CPU time, memory and file size, is given up when it makes no progress, and what it says is bounded.

mod child;
pub(crate) mod probe;

pub use crate::child::{Limits, command};
pub use child::{Feed, Running};
pub(crate) use child::{Input, run_to_end, write_all};
pub use probe::{AudioStream, Probe, Search, VideoStream, probe};
