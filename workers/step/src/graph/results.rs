//! The results that planning reads.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use medley_proto::{Job, Name, StepId, StepResult};

use super::{
    Graph,
    numbers::{nth, size_at},
};
use crate::StepError;

/// What was read of the store: results, and the knowledge that there are none.
pub type Known = BTreeMap<StepId, Option<StepResult>>;

/// Why a plan cannot be made now.
#[derive(Debug)]
pub enum Stop {
    /// Results must be read first.
    Read,
    /// The stage does not run in this job.
    Skipped,
    Failed(StepError),
}

impl From<StepError> for Stop {
    fn from(error: StepError) -> Self {
        Self::Failed(error)
    }
}

/// One question to the planner while it is answered: the job, the results that are known, and those that are missing.
#[derive(Debug)]
pub struct Evaluation<'a> {
    graph: &'a Graph,
    pub(super) job: &'a Job,
    known: &'a Known,
    missing: RefCell<BTreeSet<StepId>>,
    /// Whether each stage runs, as far as that was asked.
    runs: RefCell<BTreeMap<usize, bool>>,
    /// How many steps each wide stage has, as far as that was asked.
    widths: RefCell<BTreeMap<usize, u32>>,
}

/// A stage that is done: the results at the top of its tree.
pub(super) struct Finished<'a> {
    pub(super) results: Vec<&'a StepResult>,
    pub(super) level: u32,
    /// How many parts there are below.
    pub(super) width: u32,
    /// The stage of the parts.
    pub(super) leaves: Name,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(graph: &'a Graph, job: &'a Job, known: &'a Known) -> Self {
        let (missing, runs, widths) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { graph, job, known, missing, runs, widths }
    }

    /// What was asked for and is not known.
    pub(super) fn missing(&self) -> Vec<StepId> {
        self.missing.borrow().iter().cloned().collect()
    }

    pub(super) fn set_width(&self, stage: usize, width: u32) {
        self.widths.borrow_mut().insert(stage, width);
    }

    pub(super) fn set_runs(&self, stage: usize) {
        self.runs.borrow_mut().insert(stage, true);
    }

    pub(super) fn result(&self, id: &StepId) -> Result<&'a StepResult, Stop> {
        match self.known.get(id) {
            Some(Some(result)) => Ok(result),
            Some(None) => {
                let message = format!("step {id} has no result, though a step that follows from it has one");
                Err(Stop::Failed(StepError::internal(message)))
            }
            None => {
                self.missing.borrow_mut().insert(id.clone());
                Err(Stop::Read)
            }
        }
    }

    /// The results of steps; asks for all that are missing at once.
    pub(super) fn results(&self, ids: impl Iterator<Item = StepId>) -> Result<Vec<&'a StepResult>, Stop> {
        let read: Vec<_> = ids.map(|id| self.result(&id)).collect();
        read.into_iter().collect()
    }

    /// Fails with [`Stop::Skipped`] when the stage does not run in this job.
    fn must_run(&self, at: usize) -> Result<(), Stop> {
        if self.graph.stages[at].always {
            return Ok(());
        }
        let known = self.runs.borrow().get(&at).copied();
        let runs = match known {
            Some(runs) => runs,
            None => match (self.graph.stages[at].gate)(self) {
                Ok(()) => true,
                Err(Stop::Skipped) => false,
                Err(stop) => return Err(stop),
            },
        };
        self.runs.borrow_mut().insert(at, runs);
        if runs { Ok(()) } else { Err(Stop::Skipped) }
    }

    /// How many steps a stage has: as the envelope or the stage's name said, else by planning it again.
    pub(super) fn width(&self, at: usize) -> Result<u32, Stop> {
        let known = self.widths.borrow().get(&at).copied();
        if let Some(width) = known {
            return Ok(width);
        }
        let planned = (self.graph.stages[at].plan)(self)?;
        let width = steps_count(planned.steps.len())?;
        self.set_width(at, width);
        Ok(width)
    }

    /// How many steps a level of a stage's tree has.
    pub(super) fn level_size(&self, at: usize, level: u32) -> Result<u32, Stop> {
        Ok(size_at(level, self.width(at)?))
    }

    pub(super) fn finished(&self, at: usize) -> Result<Finished<'a>, Stop> {
        self.must_run(at)?;
        let stage = &self.graph.stages[at];
        let Some(tree) = &stage.tree else {
            let leaves = stage.leaves(1)?;
            return Ok(Finished { results: vec![self.result(&nth(&leaves, 0))?], level: 0, width: 1, leaves });
        };
        let width = self.width(at)?;
        let (level, size) = tree.top(width);
        let leaves = stage.leaves(width)?;
        let top = if level == 0 { leaves.clone() } else { tree.level(level, size)? };
        Ok(Finished { results: self.results((0..size).map(|n| nth(&top, n)))?, level, width, leaves })
    }
}

pub(super) fn steps_count(steps: usize) -> Result<u32, StepError> {
    u32::try_from(steps).map_err(|_| StepError::internal("a stage has more steps than fit a number"))
}
