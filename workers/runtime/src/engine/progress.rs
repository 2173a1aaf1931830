//! Where a job stands, found by asking its recipe step by step: for jobs that got stuck, and for replays. Reads every
//! result, so nothing calls it in the ordinary course.

use std::collections::BTreeMap;

use medley_proto::{Failure, Job, Lineage, Name, Step, StepId, StepResult, VERSION};
use medley_step::{Planned, StepError};

use super::{
    groups::{self, Group, GroupFiles},
    planner::{self, FinishParams},
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

pub(crate) async fn find(backend: &Backend, job: &Job) -> Result<JobProgress, Error> {
    let keys = JobKeys::of(job);
    let start = {
        let job = job.clone();
        backend.ask_recipe(move |registry| registry.find_recipe(&job.kind)?.start(&job)).await?
    };
    let mut steps: BTreeMap<StepId, Step> = BTreeMap::new();
    let mut groups: BTreeMap<(Name, u32), GroupFiles> = BTreeMap::new();
    let mut planned: Vec<(Planned, Lineage)> = vec![(start, Lineage::default())];
    let mut newest_ms = 0;
    let mut done = None;
    while let Some((plan, from)) = planned.pop() {
        let mut reached = BTreeMap::new();
        for step in planner::steps(backend, job, plan.steps, &from) {
            let group = Group::of(&step);
            reached.insert((group.stage.clone(), group.group), group);
            steps.insert(step.id.clone(), step);
        }
        for (name, group) in reached {
            if groups.contains_key(&name) {
                continue;
            }
            let found = groups::files_of(&*backend.store, &keys, &group).await?;
            newest_ms = newest_ms.max(found.newest_ms);
            let complete = found.results.len() == group.size as usize;
            groups.insert(name, found);
            if complete && let Some(all) = groups::group_done(&*backend.store, &keys, &group, None).await? {
                let lineage = groups::lineage_of(&all.results);
                let job = job.clone();
                match backend.ask_recipe(move |registry| registry.find_recipe(&job.kind)?.next(&job, &all)).await {
                    Ok(next) if next.steps.is_empty() => done = Some((group, lineage)),
                    Ok(next) => planned.push((next, lineage)),
                    Err(error) => return Ok(JobProgress { standing: Standing::Stuck(group, error), newest_ms }),
                }
            }
        }
    }
    Ok(JobProgress { standing: standing(steps, &groups, done), newest_ms })
}

/// The lineage of a result that is there, for whoever ends the job in its name.
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
            let step = Group::last(&group);
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
