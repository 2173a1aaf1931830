//! What each stage of a job computes. The recipe orders them: `plan`, `say` for each part, `join`, `verify`.

pub(crate) mod join;
pub(crate) mod plan;
pub(crate) mod synthesize;
pub(crate) mod verify;
