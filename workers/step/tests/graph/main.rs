//! The stage graph: what a recipe may write down, and that every job of every graph ends with each part counted once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod faults;
mod kinds;
mod picture;
mod simulation;
mod versions;
mod widths;
