//! Harness shared by the cross-crate tests: a real binary, real services on free ports.

pub mod binary;
pub mod chat;
