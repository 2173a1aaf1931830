//! For whoever asks servers of others: [`Address`] keeps what is secret in a URI from being shown, and [`retry_after`] reads
//! how long a server asks to be left alone, within bounds that no clock overflows.

mod address;
mod backoff;

pub use address::Address;
pub use backoff::{LONGEST_WISH, retry_after};
