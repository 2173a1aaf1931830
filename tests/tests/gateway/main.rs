//! The gateway as its clients see it: the real binary, and other people's packages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod exchange;
mod openai;
mod served;
mod uploads;
mod webhooks;
