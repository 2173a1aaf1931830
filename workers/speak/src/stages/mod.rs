//! What each stage of a job computes. The recipe orders them: `plan`, `say` for each part, `join`, `verify`,
//! and where something was misheard `retake` and `mend`.

pub(crate) mod join;
pub(crate) mod mend;
pub(crate) mod plan;
pub(crate) mod retake;
pub(crate) mod synthesize;
pub(crate) mod verify;
