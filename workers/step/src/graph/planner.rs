//! From a finished group, and the results that lie in the store, to the steps that follow. Pure, without I/O.

use medley_proto::{Job, Lineage, Name, Step, StepId};
use serde::{Deserialize, Serialize};

use super::{
    Graph,
    numbers::{group_size, groups, nth},
    results::{Evaluation, Known, Stop, steps_count},
    stage::{Form, PlannedStage, Stage, Tree},
    task::ErasedDraft,
};
use crate::{Planned, StepDraft, StepError};

/// Where the steps of one group stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Group {
    pub stage: Name,
    pub group: u32,
    /// How many steps the group has.
    pub size: u32,
    /// How many steps the stage has in all; not said in messages of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_size: Option<u32>,
}

impl Group {
    /// The group that a step belongs to.
    pub fn of(step: &Step) -> Self {
        let Step { id, group_size, stage_size, .. } = step;
        Self { stage: id.stage.clone(), group: id.group, size: *group_size, stage_size: *stage_size }
    }

    pub fn step(&self, n: u32) -> StepId {
        StepId::new(self.stage.clone(), self.group, n)
    }

    /// The ids of its steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = StepId> + '_ {
        (0..self.size).map(|n| self.step(n))
    }
}

/// A finished group that nothing is computed from: it is only waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The step whose empty result says that the group below is done.
    pub id: StepId,
    /// The group of marks that this one belongs to.
    pub group: Group,
}

/// What follows from a finished group.
#[derive(Debug, Clone)]
pub enum Next {
    /// These steps.
    Publish(Planned),
    /// No step: the runtime writes an empty result under the mark's id itself, and asks again with the mark's group when
    /// that is complete.
    Mark(Mark),
    /// Nothing: the group was the job's last, and its artifacts and quality are the job's.
    Last,
    /// Not yet known: ask again when these results were looked for.
    Read(Vec<StepId>),
}

/// What a step's stage name says: the stage, and the level of its tree, 0 for the stage's own steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    stage: usize,
    level: u32,
    /// How many steps the level has, where names say it.
    size: Option<u32>,
}

impl Graph {
    /// The first steps of a job.
    ///
    /// # Errors
    /// `params_invalid` when the params are none of the kind's; `internal` for a defect of the recipe.
    pub fn start(&self, job: &Job) -> Result<Planned, StepError> {
        let known = Known::new();
        let evaluation = Evaluation::new(self, job, &known);
        match self.first_that_runs(&evaluation, 0) {
            Ok(Some(planned)) => Ok(planned),
            Ok(None) => Err(StepError::internal(format!("a job of kind '{}' has nothing to do", self.kind))),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Read | Stop::Skipped) => {
                Err(StepError::internal(format!("the first stage of kind '{}' follows from a later one", self.kind)))
            }
        }
    }

    /// What follows from a finished group. `known` holds the results of its steps, and those that an earlier answer asked
    /// for.
    ///
    /// # Errors
    /// `internal` when no stage of the kind can have such a group, or when results contradict each other.
    pub fn next(&self, job: &Job, done: &Group, known: &Known) -> Result<Next, StepError> {
        let place = self.place(&done.stage)?;
        let evaluation = Evaluation::new(self, job, known);
        evaluation.set_runs(place.stage);
        match self.after(&evaluation, place, done) {
            Ok(next) => Ok(next),
            Err(Stop::Read) => Ok(Next::Read(evaluation.missing())),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Skipped) => {
                Err(StepError::internal(format!("stage '{}' ran in a job that leaves it out", done.stage)))
            }
        }
    }

    fn after(&self, evaluation: &Evaluation<'_>, place: Place, done: &Group) -> Result<Next, Stop> {
        let stage = &self.stages[place.stage];
        let size = self.size(evaluation, place, done)?;
        if done.group >= groups(size) || done.size != group_size(done.group, size) {
            let message = format!("a group of {size} steps of stage '{}' cannot be {done:?}", done.stage);
            return Err(StepError::internal(message).into());
        }
        if let Some(tree) = &stage.tree {
            if place.level == 0 {
                evaluation.set_width(place.stage, size);
            }
            if !tree.is_top(place.level, size) {
                return climb(evaluation, tree, place.level + 1, done, groups(size));
            }
        }
        match self.first_that_runs(evaluation, place.stage + 1)? {
            Some(planned) => Ok(Next::Publish(planned)),
            None if self.ends.contains(&place.stage) => Ok(Next::Last),
            None => {
                let message =
                    format!("a job of kind '{}' stops after stage {}, which is no end", self.kind, stage.name);
                Err(StepError::internal(message).into())
            }
        }
    }

    /// How many steps the finished group's stage has: by its envelope, else by its name, else (of version 1) by planning
    /// it again.
    fn size(&self, evaluation: &Evaluation<'_>, place: Place, done: &Group) -> Result<u32, Stop> {
        if !self.stages[place.stage].wide {
            return Ok(1);
        }
        match done.stage_size.or(place.size) {
            Some(size) => Ok(size),
            None => evaluation.level_size(place.stage, place.level),
        }
    }

    /// Plans the first stage, from this one on, that has steps in this job.
    fn first_that_runs(&self, evaluation: &Evaluation<'_>, from: usize) -> Result<Option<Planned>, Stop> {
        for stage in &self.stages[from..] {
            match (stage.plan)(evaluation) {
                Ok(planned) if planned.steps.is_empty() => {}
                Ok(planned) => return Ok(Some(publish(stage, planned)?)),
                Err(Stop::Skipped) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(None)
    }

    fn place(&self, name: &Name) -> Result<Place, StepError> {
        let Form { words, numbers } = Form::of(name.as_str());
        let place = |(at, stage): (usize, &Stage)| -> Option<Place> {
            let (level, size) = match numbers.as_slice() {
                [] => (0, None),
                [size] if stage.sized && stage.name == words => (0, Some(*size)),
                [level] => (*level, None),
                [level, size] => (*level, Some(*size)),
                _ => return None,
            };
            let named = stage.forms().nth(usize::from(level > 0));
            (named == Some((words, numbers.len()))).then_some(Place { stage: at, level, size })
        };
        let unknown = || StepError::internal(format!("kind '{}' has no stage '{name}'", self.kind));
        self.stages.iter().enumerate().find_map(place).ok_or_else(unknown)
    }
}

/// The step, or the mark, of the level above a finished group. That level has `size` steps.
fn climb(evaluation: &Evaluation<'_>, tree: &Tree, level: u32, done: &Group, size: u32) -> Result<Next, Stop> {
    let stage = tree.level(level, size)?;
    let id = nth(&stage, done.group);
    let Some(merge) = &tree.merge else {
        let group = Group { stage, group: id.group, size: group_size(id.group, size), stage_size: Some(size) };
        return Ok(Next::Mark(Mark { id, group }));
    };
    let results = evaluation.results(done.steps())?;
    let draft = merge(evaluation, level, results)?;
    Ok(Next::Publish(Planned::one(step(id, size, draft))))
}

fn publish(stage: &Stage, planned: PlannedStage) -> Result<Planned, StepError> {
    let PlannedStage { steps, work } = planned;
    let size = steps_count(steps.len())?;
    let name = stage.leaves(size)?;
    let steps = (0..).zip(steps).map(|(n, draft)| step(nth(&name, n), size, draft)).collect();
    Ok(Planned { steps, work })
}

fn step(id: StepId, stage_size: u32, draft: ErasedDraft) -> StepDraft {
    let ErasedDraft { kind, params, inputs, cache_key } = draft;
    StepDraft {
        kind,
        group_size: group_size(id.group, stage_size),
        stage_size: Some(stage_size),
        params,
        inputs,
        cache_key,
        lineage: Lineage::default(),
        id,
    }
}
