//! How the steps of a stage are numbered, put into groups, and counted above so many parts.

use medley_proto::{Name, StepId};

use super::GROUP_MAX;

/// How many groups so many steps stand in.
pub(super) fn groups(steps: u32) -> u32 {
    steps.div_ceil(GROUP_MAX)
}

/// How many steps a level has above so many parts.
pub(super) fn size_at(level: u32, width: u32) -> u32 {
    (0..level).fold(width, |size, _| groups(size))
}

/// The size of a group of a stage of so many steps.
pub(super) fn group_size(group: u32, steps: u32) -> u32 {
    steps.saturating_sub(group.saturating_mul(GROUP_MAX)).min(GROUP_MAX)
}

/// The `n`th step of a stage, put into its group.
pub(super) fn nth(stage: &Name, n: u32) -> StepId {
    StepId::new(stage.clone(), n / GROUP_MAX, n % GROUP_MAX)
}
