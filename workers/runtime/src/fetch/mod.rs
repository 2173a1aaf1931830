//! Inputs that lie elsewhere: `https:` by [`HttpsFetcher`].

mod addresses;
mod https;

pub use https::{HttpsFetcher, HttpsPolicy};
