//! Stages and the names of their steps.
//!
//! A stage is called by its name, its tree's levels by the tree's name and their number: `decode`, `merge-1`, `merge-2`.
//! Stages with *sized names* carry the number of their steps as well: `look-256`, `merge-1-4`, `merge-2-1`. The ids in
//! the stores of earlier versions are of this form, so the forms are fixed.

use std::fmt;

use medley_proto::Name;

use super::{
    GROUP_MAX,
    numbers::groups,
    results::{Evaluation, Stop},
    task::ErasedDraft,
};
use crate::StepError;

/// The steps that a stage consists of.
#[derive(Debug)]
pub(super) struct PlannedStage {
    pub(super) steps: Vec<ErasedDraft>,
    pub(super) work: Option<(f64, &'static str)>,
}

pub(super) type Plan = Box<dyn Fn(&Evaluation<'_>) -> Result<PlannedStage, Stop> + Send + Sync>;
/// Says whether a stage runs in a job, by [`Stop::Skipped`] when it does not.
pub(super) type Gate = Box<dyn Fn(&Evaluation<'_>) -> Result<(), Stop> + Send + Sync>;
/// The merge of a group of the level below.
pub(super) type Merge =
    Box<dyn Fn(&Evaluation<'_>, u32, Vec<&medley_proto::StepResult>) -> Result<ErasedDraft, Stop> + Send + Sync>;

/// What a stage follows from.
#[derive(Debug, Clone, Copy)]
pub struct Dependency {
    pub(super) stage: usize,
    pub(super) serial: u64,
    /// Whether the stage is skipped when this one is.
    pub(super) needed: bool,
}

pub(super) struct Stage {
    pub(super) name: String,
    /// The kind of worker.
    pub(super) kind: Name,
    pub(super) after: Vec<Dependency>,
    pub(super) plan: Plan,
    pub(super) gate: Gate,
    /// Whether it runs in every job.
    pub(super) always: bool,
    /// Whether it was scattered.
    pub(super) wide: bool,
    pub(super) sized: bool,
    pub(super) tree: Option<Tree>,
}

/// How the steps of a wide stage become few.
pub(super) struct Tree {
    pub(super) name: String,
    pub(super) sized: bool,
    pub(super) until: Until,
    /// None: nothing is computed, and the runtime marks each finished group itself.
    pub(super) merge: Option<Merge>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// At most [`GROUP_MAX`] results are left; a stage of one group is not merged at all.
    OneGroup,
    /// One result is left; every stage is merged at least once.
    OneResult,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("name", &self.name).field("after", &self.after).finish_non_exhaustive()
    }
}

impl Stage {
    /// The name of the stage's own steps when there are so many.
    pub(super) fn leaves(&self, width: u32) -> Result<Name, StepError> {
        if self.sized { name(format!("{}-{width}", self.name)) } else { name(self.name.clone()) }
    }

    /// The form of each name that its steps can have: the words, and how many numbers follow them.
    pub(super) fn forms(&self) -> impl Iterator<Item = (&str, usize)> {
        let own = (self.name.as_str(), usize::from(self.sized));
        let levels = self.tree.iter().map(|tree| (tree.name.as_str(), 1 + usize::from(tree.sized)));
        std::iter::once(own).chain(levels)
    }
}

impl Tree {
    /// The name of a level of so many steps; levels count from 1.
    pub(super) fn level(&self, level: u32, size: u32) -> Result<Name, StepError> {
        let text = if self.sized { format!("{}-{level}-{size}", self.name) } else { format!("{}-{level}", self.name) };
        name(text)
    }

    /// Whether nothing is merged above a level of so many steps.
    pub(super) fn is_top(&self, level: u32, size: u32) -> bool {
        match self.until {
            Until::OneGroup => size <= GROUP_MAX,
            Until::OneResult => size == 0 || (level > 0 && size == 1),
        }
    }

    /// The topmost level above so many parts, and how many steps it has.
    pub(super) fn top(&self, width: u32) -> (u32, u32) {
        let (mut level, mut size) = (0, width);
        while !self.is_top(level, size) {
            (level, size) = (level + 1, groups(size));
        }
        (level, size)
    }
}

/// A stage's name as it was in a step's id, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form<'a> {
    pub(super) words: &'a str,
    pub(super) numbers: Vec<u32>,
}

impl<'a> Form<'a> {
    /// Takes the numbers off the end of a name.
    pub(super) fn of(name: &'a str) -> Self {
        let (mut words, mut numbers) = (name, Vec::new());
        while let Some((rest, last)) = words.rsplit_once('-')
            && let Some(number) = number(last)
        {
            words = rest;
            numbers.insert(0, number);
        }
        Self { words, numbers }
    }
}

/// A number as names have it: decimal, without leading zeros.
fn number(text: &str) -> Option<u32> {
    text.parse::<u32>().ok().filter(|number| number.to_string() == text)
}

fn name(text: String) -> Result<Name, StepError> {
    Name::try_from(text).map_err(|error| StepError::internal("a stage has no usable name").because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart_as_they_were_put_together() {
        let form = |name| {
            let Form { words, numbers } = Form::of(name);
            (words, numbers)
        };
        assert_eq!(form("decode"), ("decode", vec![]));
        assert_eq!(form("hear-decode"), ("hear-decode", vec![]));
        assert_eq!(form("look-256"), ("look", vec![256]));
        assert_eq!(form("merge-2-4"), ("merge", vec![2, 4]));
        assert_eq!(form("merge-01"), ("merge-01", vec![]));
        assert_eq!(form("look-"), ("look-", vec![]));
        assert_eq!(form("7"), ("7", vec![]));
    }

    #[test]
    fn trees_end_where_they_say() {
        let tree = |until| Tree { name: "merge".into(), sized: false, until, merge: None };
        assert_eq!(tree(Until::OneGroup).top(0), (0, 0));
        assert_eq!(tree(Until::OneGroup).top(64), (0, 64));
        assert_eq!(tree(Until::OneGroup).top(65), (1, 2));
        assert_eq!(tree(Until::OneGroup).top(4_096), (1, 64));
        assert_eq!(tree(Until::OneGroup).top(4_097), (2, 2));
        assert_eq!(tree(Until::OneResult).top(0), (0, 0));
        assert_eq!(tree(Until::OneResult).top(1), (1, 1));
        assert_eq!(tree(Until::OneResult).top(65), (2, 1));
        assert_eq!(tree(Until::OneResult).top(64 * 64 + 1), (3, 1));
    }
}
