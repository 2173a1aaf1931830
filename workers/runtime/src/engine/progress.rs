//! Where a job stands, found by asking its recipe step by step: for jobs that got stuck, and for replays. Reads every
//! result, so nothing calls it in the ordinary course.

use std::collections::{BTreeMap, BTreeSet};

use medley_proto::{Job, Lineage, Name, Step, StepId, StepResult};
use medley_step::{Planned, StepError};

use crate::{
    Error, Medley,
    engine::planner::{Group, lineage_of},
    layout::documents,
    layout::keys::JobKeys,
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

/// What lies in a group's folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) results: BTreeSet<u32>,
    pub(crate) errors: BTreeSet<u32>,
    /// When something was written there last.
    pub(crate) newest_ms: u64,
}

/// A job's standing, and when it last gave a sign of life.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) standing: Standing,
    pub(crate) newest_ms: u64,
}

impl Medley {
    pub(crate) async fn walk(&self, job: &Job) -> Result<Walked, Error> {
        let keys = JobKeys::of(job);
        let start = {
            let job = job.clone();
            self.ask(move |registry| registry.find_recipe(&job.kind)?.start(&job)).await?
        };
        let mut steps: BTreeMap<StepId, Step> = BTreeMap::new();
        let mut groups: BTreeMap<(Name, u32), Found> = BTreeMap::new();
        let mut planned: Vec<(Planned, Lineage)> = vec![(start, Lineage::default())];
        let mut newest_ms = 0;
        let mut done = None;
        while let Some((plan, from)) = planned.pop() {
            let mut reached = BTreeMap::new();
            for step in self.steps(job, plan.steps, &from) {
                let group = Group::of(&step);
                reached.insert((group.stage.clone(), group.group), group);
                steps.insert(step.id.clone(), step);
            }
            for (name, group) in reached {
                if groups.contains_key(&name) {
                    continue;
                }
                let found = self.found_in(&keys, &group).await?;
                newest_ms = newest_ms.max(found.newest_ms);
                let complete = found.results.len() == group.size as usize;
                groups.insert(name, found);
                if complete && let Some(all) = self.group_done(&keys, &group, None).await? {
                    let lineage = lineage_of(&all.results);
                    let job = job.clone();
                    match self.ask(move |registry| registry.find_recipe(&job.kind)?.next(&job, &all)).await {
                        Ok(next) if next.steps.is_empty() => done = Some((group, lineage)),
                        Ok(next) => planned.push((next, lineage)),
                        Err(error) => return Ok(Walked { standing: Standing::Stuck(group, error), newest_ms }),
                    }
                }
            }
        }
        Ok(Walked { standing: standing(steps, &groups, done), newest_ms })
    }

    /// What the steps of a group have left.
    pub(crate) async fn found_in(&self, keys: &JobKeys, group: &Group) -> Result<Found, Error> {
        let prefix = keys.group(&group.stage, group.group);
        let mut found = Found::default();
        let mut after = None;
        loop {
            let page = self.store.list(&prefix, after.as_deref(), 1_000).await?;
            for object in &page.objects {
                found.newest_ms = found.newest_ms.max(object.modified_ms);
                match left(prefix.as_str(), object.key.as_str()) {
                    Some((n, "result.json")) if n < group.size => found.results.insert(n),
                    Some((n, "error.json")) if n < group.size => found.errors.insert(n),
                    _ => false,
                };
            }
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The lineage of a result that is there, for whoever ends the job in its name.
    pub(crate) async fn lineage_at(&self, keys: &JobKeys, step: &StepId) -> Result<Lineage, Error> {
        let result = documents::read::<StepResult>(&*self.store, &keys.result(step)).await?;
        Ok(result.map(|result| result.lineage).unwrap_or_default())
    }
}

fn standing(
    steps: BTreeMap<StepId, Step>,
    groups: &BTreeMap<(Name, u32), Found>,
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

/// The number of the step that a key below a group belongs to, and the file's name.
fn left<'a>(prefix: &str, key: &'a str) -> Option<(u32, &'a str)> {
    let (n, file) = key.strip_prefix(prefix)?.strip_prefix('/')?.split_once('/')?;
    Some((n.parse().ok()?, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_files_of_a_step_itself_count() {
        let prefix = "t/jobs/J/steps/decode/3";
        let of = |below: &str| left(prefix, Box::leak(format!("{prefix}/{below}").into_boxed_str()));
        assert_eq!(of("17/result.json"), Some((17, "result.json")));
        assert_eq!(of("17/attempts/1.json"), Some((17, "attempts/1.json")));
        assert_eq!(of("x/result.json"), None);
        assert_eq!(of("result.json"), None);
        assert_eq!(left(prefix, "t/jobs/J/steps/decode/33/1/result.json"), None);
    }
}
