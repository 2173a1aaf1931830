//! A stretch of time on the millisecond grid.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stretch of time, in seconds of the file. It crosses the wire as `[start, end]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Span {
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
}

impl Span {
    pub(crate) fn new(start_s: f64, end_s: f64) -> Self {
        Self { start_s, end_s }
    }

    pub(crate) fn len_s(&self) -> f64 {
        self.end_s - self.start_s
    }
}

impl From<[f64; 2]> for Span {
    fn from([start_s, end_s]: [f64; 2]) -> Self {
        Self { start_s, end_s }
    }
}

impl From<Span> for [f64; 2] {
    fn from(span: Span) -> Self {
        [span.start_s, span.end_s].map(milliseconds)
    }
}

/// Rounds to a millisecond, so that every machine computes with exactly what the wire carries.
pub(crate) fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
