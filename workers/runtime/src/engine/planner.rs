//! Plans and publishes steps: the first ones of a job, those that follow a finished group, and the one that ends the job
//! (docs/decisions/0003-scatter-and-gather-without-a-database.md).

use medley_proto::{EventBody, Job, Lineage, Name, Step, StepId, StepResult, VERSION};
use medley_step::{Planned, StepDraft, StepError};
use serde::{Deserialize, Serialize};

use super::groups::{self, Group};
use crate::{Backend, Error, breakpoint::breakpoint, layout::keys::JobKeys};

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
    backend.queue.publish(&steps).await?;
    let (work, unit) = planned.work.unwrap_or((0.0, ""));
    let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    backend.send_event(&job.tenant, job.id, None, EventBody::Planned { steps: count, work, unit: unit.into() }).await;
    Ok(())
}

pub(crate) fn steps(backend: &Backend, job: &Job, drafts: Vec<StepDraft>, from: &Lineage) -> Vec<Step> {
    let published_ms = backend.clock.now_ms();
    let lineages = inherit(from, drafts.len());
    let made = drafts.into_iter().zip(lineages).map(|(draft, lineage)| Step {
        v: VERSION,
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

/// Called when a step of the group has its result, by whoever found or wrote it: when it was the last, publishes
/// what follows. Doing it twice is harmless.
pub(crate) async fn advance(backend: &Backend, job: &Job, group: &Group, just_done: StepResult) -> Result<(), Error> {
    let Some(done) = groups::group_done(&*backend.store, &JobKeys::of(job), group, Some(just_done)).await? else {
        return Ok(());
    };
    let lineage = groups::lineage_of(&done.results);
    let planned = {
        let job = job.clone();
        backend.ask_recipe(move |registry| registry.find_recipe(&job.kind)?.next(&job, &done)).await?
    };
    if planned.steps.is_empty() {
        publish_finish(backend, job, &FinishParams::last(group.clone()), &lineage).await?;
    } else {
        publish(backend, job, planned, &lineage).await?;
    }
    breakpoint("after_publish_next");
    Ok(())
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
