use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use medley_proto::Name;

/// The steps that were computed since the last beat.
#[derive(Debug, Default)]
pub(crate) struct Measured(Mutex<HashMap<Name, (u64, u64)>>);

impl Measured {
    pub(crate) fn add(&self, kind: &Name, run_ms: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (steps, total_ms) = all.entry(kind.clone()).or_default();
        *steps += 1;
        *total_ms = total_ms.saturating_add(run_ms);
    }

    pub(crate) fn take(&self) -> HashMap<Name, (u64, u64)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
