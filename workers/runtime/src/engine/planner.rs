//! Plans and publishes steps: the first ones of a job, those that follow a finished group, and the one that ends the job
//! (docs/decisions/0003-scatter-and-gather-without-a-database.md, 0070-a-typed-stage-graph.md).

use medley_proto::{EventBody, Job, Lineage, Name, Step, StepId, StepResult, VERSION};
use medley_step::{
    Planned, StepDraft, StepError,
    graph::{Group, Known, Mark, Next},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::groups;
use crate::{
    Backend, Error,
    breakpoint::breakpoint,
    layout::{
        documents::{self, PlannedWork},
        keys::JobKeys,
        removal,
    },
};

/// The kind of the step that ends a job.
pub(crate) const FINISH: Name = Name::from_static("finish");

/// Why a `finish` step was published: where its reader should look. It believes only what it finds there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FinishParams {
    /// A step that left `error.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<StepId>,
    /// The group after which nothing follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Group>,
}

impl FinishParams {
    pub(crate) fn cancelled() -> Self {
        Self::default()
    }

    pub(crate) fn failed(step: StepId) -> Self {
        Self { failed: Some(step), last: None }
    }

    pub(crate) fn last(group: Group) -> Self {
        Self { failed: None, last: Some(group) }
    }
}

/// Publishes what a recipe planned. `from` is what the steps follow from.
pub(crate) async fn publish(backend: &Backend, job: &Job, planned: Planned, from: &Lineage) -> Result<(), Error> {
    let steps = steps(backend, job, planned.steps, from);
    let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let stage = steps.first().map(|step| step.id.stage.clone());
    if let (Some((work, unit)), Some(stage)) = (planned.work, &stage) {
        // Events are lost on whoever begins to watch later.
        let planned = PlannedWork { stage: stage.clone(), steps: count, work, unit: unit.into() };
        documents::write(&*backend.store, &JobKeys::of(job).planned(), &planned).await?;
    }
    backend.queue.publish(&steps).await?;
    let (work, unit) = planned.work.unwrap_or((0.0, ""));
    let body = EventBody::Planned { steps: count, work, unit: unit.into(), stage, done: 0 };
    backend.send_event(&job.tenant, job.id, None, body).await;
    Ok(())
}

pub(crate) fn steps(backend: &Backend, job: &Job, drafts: Vec<StepDraft>, from: &Lineage) -> Vec<Step> {
    let published_ms = backend.clock.now_ms();
    let lineages = inherit(from, drafts.len());
    let made = drafts.into_iter().zip(lineages).map(|(draft, lineage)| Step {
        // Only steps that say their stage's size may read whole stages.
        v: if draft.stage_size.is_some() { Step::MAX_VERSION } else { VERSION },
        tenant: job.tenant.clone(),
        job: job.id,
        job_kind: job.kind.clone(),
        id: draft.id,
        kind: draft.kind,
        class: job.class,
        group_size: draft.group_size,
        stage_size: draft.stage_size,
        attempt: 1,
        params: draft.params,
        inputs: draft.inputs,
        cache_key: draft.cache_key,
        deadline_ms: job.deadline_ms,
        published_ms,
        lineage,
        traceparent: None,
    });
    made.collect()
}

/// Publishes the job's one `finish` step.
pub(crate) async fn publish_finish(
    backend: &Backend,
    job: &Job,
    params: &FinishParams,
    from: &Lineage,
) -> Result<(), Error> {
    let draft = StepDraft {
        id: StepId::new(FINISH, 0, 0),
        kind: FINISH,
        group_size: 1,
        stage_size: None,
        params: serde_json::to_value(params).map_err(StepError::from)?,
        inputs: Vec::new(),
        cache_key: None,
        lineage: Lineage::default(),
    };
    let mut steps = steps(backend, job, vec![draft], from);
    for step in &mut steps {
        // A job's end is always in time.
        step.deadline_ms = None;
    }
    Ok(backend.queue.publish(&steps).await?)
}

/// Publishes what follows a group when all its results are there. Called each time when a result of it was written or
/// found; doing it twice is harmless. Groups that are only waited for are marked on the way. A death in between heals as
/// any other does: the step comes back, has a result, and the check is made again.
pub(crate) async fn advance(backend: &Backend, job: &Job, group: &Group, just_done: StepResult) -> Result<(), Error> {
    let keys = JobKeys::of(job);
    let (mut group, mut just_done) = (group.clone(), just_done);
    loop {
        let Some(results) = groups::results_of(&*backend.store, &keys, &group, Some(just_done)).await? else {
            return Ok(());
        };
        let lineage = groups::lineage_of(&results);
        match following(backend, job, &group, results).await? {
            Following::Mark(mark) => {
                breakpoint("before_mark");
                let Some(marked) = write_mark(backend, &keys, mark.id, lineage).await? else { return Ok(()) };
                breakpoint("after_mark");
                (group, just_done) = (mark.group, marked);
            }
            Following::Steps(planned) => {
                publish(backend, job, planned, &lineage).await?;
                break;
            }
            Following::End => {
                publish_finish(backend, job, &FinishParams::last(group), &lineage).await?;
                break;
            }
        }
    }
    breakpoint("after_publish_next");
    Ok(())
}

/// What follows from a group whose results are all there.
#[derive(Debug)]
pub(crate) enum Following {
    Steps(Planned),
    /// The group is only waited for.
    Mark(Mark),
    /// The group was the job's last.
    End,
}

/// Asks the recipe, and reads the results that it asks for.
pub(crate) async fn following(
    backend: &Backend,
    job: &Job,
    group: &Group,
    results: Vec<StepResult>,
) -> Result<Following, Error> {
    let mut known: Known = results.into_iter().map(|result| (result.id.clone(), Some(result))).collect();
    loop {
        let (next, seen) = {
            let (job, group) = (job.clone(), group.clone());
            let ask = move |registry: &medley_step::Registry| {
                let next = registry.find_recipe(&job.kind)?.next(&job, &group, &known)?;
                Ok((next, known))
            };
            backend.ask_recipe(ask).await?
        };
        known = seen;
        match next {
            Next::Publish(planned) => return Ok(Following::Steps(planned)),
            Next::Mark(mark) => return Ok(Following::Mark(mark)),
            Next::Last => return Ok(Following::End),
            Next::Read(ids) if ids.iter().all(|id| known.contains_key(id)) => {
                let message = format!("the recipe of kind '{}' asks for nothing that it was not given", job.kind);
                return Err(StepError::internal(message).into());
            }
            Next::Read(ids) => known.extend(groups::results_at(&*backend.store, &JobKeys::of(job), ids).await?),
        }
    }
}

/// Writes the empty result of a step that nobody computes, and returns the result that stands; none when the job was
/// deleted meanwhile. It counts as a step, as it did when workers handed files on.
pub(crate) async fn write_mark(
    backend: &Backend,
    keys: &JobKeys,
    id: StepId,
    mut lineage: Lineage,
) -> Result<Option<StepResult>, Error> {
    lineage.absorb(&Lineage { steps: 1, ..Lineage::default() });
    let key = keys.result(&id);
    let mark = StepResult { v: VERSION, id, output: Value::Null, artifacts: Vec::new(), quality: Map::new(), lineage };
    let mark = documents::write_once(&*backend.store, &key, mark).await?;
    Ok((!removal::remove_if_deleted(&*backend.store, keys).await?).then_some(mark))
}

/// What each of several steps inherits: the models all of them; times and counts only the first, so that nothing is
/// counted twice where the branches meet again.
fn inherit(from: &Lineage, steps: usize) -> impl Iterator<Item = Lineage> {
    let models = Lineage { models: from.models.clone(), ..Lineage::default() };
    std::iter::once(from.clone()).chain(std::iter::repeat(models)).take(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However a job scatters and gathers, every step is counted once at the end.
        #[test]
        fn nothing_is_counted_twice(widths in proptest::collection::vec(1_usize..20, 1..6)) {
            let one = Lineage { compute_ms: 5, steps: 1, ..Lineage::default() };
            let mut from = Lineage::default();
            let mut steps = 0;
            for width in widths {
                let mut gathered = Lineage::default();
                for mut lineage in inherit(&from, width) {
                    lineage.absorb(&one);
                    gathered.absorb(&lineage);
                }
                steps += width as u64;
                from = gathered;
            }
            prop_assert_eq!(from.steps, steps);
            prop_assert_eq!(from.compute_ms, 5 * steps);
        }
    }
}
