//! Texts: from bytes to sentences with their pauses.

pub(crate) mod sentences;
