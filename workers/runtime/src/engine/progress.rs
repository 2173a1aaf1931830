//! Where a job stands, found by asking its recipe step by step: for jobs that got stuck, and for replays. Reads every
//! result and writes the marks that are missing, so nothing calls it in the ordinary course.

use std::collections::BTreeMap;

use medley_proto::{Failure, Job, Lineage, Name, Step, StepId, StepResult, VERSION};
use medley_step::{Planned, StepError, graph::Group};

use super::{
    groups::{self, GroupFiles},
    planner::{self, FinishParams, Following},
};
use crate::{
    Backend, Error,
    layout::{documents, keys::JobKeys},
};

/// What a job waits for.
#[derive(Debug)]
pub(crate) enum Standing {
    /// These steps have neither result nor error.
    Open(Vec<Step>),
    /// This step left an error.
    Failed(StepId),
    /// All steps are done; this was the last group.
    Done(Group, Lineage),
    /// The recipe refuses to go on after this group.
    Stuck(Group, StepError),
}

/// A job's standing, and when it last gave a sign of life.
#[derive(Debug)]
pub(crate) struct JobProgress {
    pub(crate) standing: Standing,
    pub(crate) newest_ms: u64,
}

/// Finds out where a job stands.
pub(crate) async fn find(backend: &Backend, job: &Job) -> Result<JobProgress, Error> {
    let start = {
        let job = job.clone();
        backend.ask_recipe(move |registry| registry.find_recipe(&job.kind)?.start(&job)).await?
    };
    let mut search = Search::new(backend, job);
    let mut planned: Vec<(Planned, Lineage)> = vec![(start, Lineage::default())];
    while let Some((plan, from)) = planned.pop() {
        let mut reached = BTreeMap::new();
        for step in planner::steps(backend, job, plan.steps, &from) {
            let group = Group::of(&step);
            reached.insert((group.stage.clone(), group.group), group);
            search.steps.insert(step.id.clone(), step);
        }
        for group in reached.into_values() {
            match search.climb(group).await? {
                Climbed::Incomplete => {}
                Climbed::Next(next, lineage) => planned.push((next, lineage)),
                Climbed::Stuck(group, error) => return Ok(search.ended(Standing::Stuck(group, error))),
            }
        }
    }
    let standing = standing(std::mem::take(&mut search.steps), &search.groups, search.done.take());
    Ok(search.ended(standing))
}

/// What is known of a job so far.
struct Search<'a> {
    backend: &'a Backend,
    job: &'a Job,
    keys: JobKeys,
    /// Steps that a worker computes.
    steps: BTreeMap<StepId, Step>,
    /// What lies in the groups that were looked at and need no second look.
    groups: BTreeMap<(Name, u32), GroupFiles>,
    newest_ms: u64,
    done: Option<(Group, Lineage)>,
}

/// What came of a group.
enum Climbed {
    /// Nothing yet, or nothing new.
    Incomplete,
    Next(Planned, Lineage),
    Stuck(Group, StepError),
}

impl<'a> Search<'a> {
    fn new(backend: &'a Backend, job: &'a Job) -> Self {
        let (steps, groups) = (BTreeMap::new(), BTreeMap::new());
        Self { backend, job, keys: JobKeys::of(job), steps, groups, newest_ms: 0, done: None }
    }

    fn ended(&self, standing: Standing) -> JobProgress {
        JobProgress { standing, newest_ms: self.newest_ms }
    }

    /// Looks at a group and, while groups are complete and only waited for, marks them and looks at the marks' group.
    async fn climb(&mut self, mut group: Group) -> Result<Climbed, Error> {
        let store = &*self.backend.store;
        let mut is_mark = false;
        loop {
            let name = (group.stage.clone(), group.group);
            if self.groups.contains_key(&name) {
                return Ok(Climbed::Incomplete);
            }
            let files = groups::files_of(store, &self.keys, &group).await?;
            if !is_mark {
                // A mark is no sign of life: this search itself may have written it.
                self.newest_ms = self.newest_ms.max(files.newest_ms);
            }
            let complete = files.results.len() == group.size as usize;
            if complete || !is_mark {
                // Marks are written on the way: their group is looked at again with each.
                self.groups.insert(name, files);
            }
            if !complete {
                return Ok(Climbed::Incomplete);
            }
            let Some(results) = groups::results_of(store, &self.keys, &group, None).await? else {
                return Ok(Climbed::Incomplete);
            };
            let lineage = groups::lineage_of(&results);
            match planner::following(self.backend, self.job, &group, results).await {
                Ok(Following::Steps(next)) => return Ok(Climbed::Next(next, lineage)),
                Ok(Following::End) => {
                    self.done = Some((group, lineage));
                    return Ok(Climbed::Incomplete);
                }
                Ok(Following::Mark(mark)) => {
                    if planner::write_mark(self.backend, &self.keys, mark.id, lineage).await?.is_none() {
                        return Ok(Climbed::Incomplete);
                    }
                    (group, is_mark) = (mark.group, true);
                }
                Err(Error::Refused(error)) => return Ok(Climbed::Stuck(group, error)),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The lineage of a step that has a result; empty otherwise.
pub(crate) async fn lineage_at(backend: &Backend, keys: &JobKeys, step: &StepId) -> Result<Lineage, Error> {
    let result = documents::read::<StepResult>(&*backend.store, &keys.result(step)).await?;
    Ok(result.map(|result| result.lineage).unwrap_or_default())
}

/// Publishes whatever a job that stands still needs to go on.
pub(crate) async fn resume(backend: &Backend, job: &Job, standing: Standing) -> Result<(), Error> {
    let keys = JobKeys::of(job);
    match standing {
        Standing::Open(steps) => backend.queue.publish(&steps).await?,
        Standing::Failed(step) => {
            let lineage = lineage_at(backend, &keys, &step).await?;
            planner::publish_finish(backend, job, &FinishParams::failed(step), &lineage).await?;
        }
        Standing::Done(group, lineage) => {
            planner::publish_finish(backend, job, &FinishParams::last(group), &lineage).await?;
        }
        Standing::Stuck(group, error) => {
            let step = groups::last_step(&group);
            let failure = Failure {
                v: VERSION,
                code: error.code(),
                message: error.to_string(),
                causes: error.causes(),
                attempt: 1,
                at_ms: backend.clock.now_ms(),
            };
            documents::write_once(&*backend.store, &keys.error(&step), failure).await?;
            let lineage = lineage_at(backend, &keys, &step).await?;
            planner::publish_finish(backend, job, &FinishParams::failed(step), &lineage).await?;
        }
    }
    Ok(())
}

fn standing(
    steps: BTreeMap<StepId, Step>,
    groups: &BTreeMap<(Name, u32), GroupFiles>,
    done: Option<(Group, Lineage)>,
) -> Standing {
    let found = |id: &StepId| groups.get(&(id.stage.clone(), id.group));
    let without_result = |id: &StepId| found(id).is_none_or(|found| !found.results.contains(&id.n));
    let failed = |id: &StepId| without_result(id) && found(id).is_some_and(|found| found.errors.contains(&id.n));
    if let Some(id) = steps.keys().find(|id| failed(id)) {
        return Standing::Failed(id.clone());
    }
    let open: Vec<_> = steps.into_iter().filter(|(id, _)| without_result(id)).map(|(_, step)| step).collect();
    match done {
        Some((group, lineage)) if open.is_empty() => Standing::Done(group, lineage),
        _ => Standing::Open(open),
    }
}
