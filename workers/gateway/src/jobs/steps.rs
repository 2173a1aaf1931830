//! The steps of a job, as far as they have left something in the store.

use std::sync::Arc;

use axum::extract::State;
use medley_proto::{Failure, Name};
use medley_runtime::StepRecord;
use schemars::JsonSchema;
use serde::Serialize;

use super::status_of;
use crate::{access::Caller, extract::JobPath, problem::Problem, state::App};

/// The steps of a job.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StepList {
    /// By stage, group and number.
    data: Vec<StepView>,
}

/// A step that has a result, or failed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "JobStep")]
struct StepView {
    stage: Name,
    group: u32,
    n: u32,
    state: StepState,
    /// Unix time at which that was known; none while it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ms: Option<u64>,
    /// Its attempts that failed. Of a job with many failures the first 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StepState {
    Done,
    Failed,
    Retrying,
}

impl From<StepRecord> for StepView {
    fn from(record: StepRecord) -> Self {
        let StepRecord { id, done_ms, given_up_ms, failures } = record;
        // A result stands, whatever came before it.
        let (state, at_ms) = match (done_ms, given_up_ms) {
            (Some(done_ms), _) => (StepState::Done, Some(done_ms)),
            (None, Some(given_up_ms)) => (StepState::Failed, Some(given_up_ms)),
            (None, None) => (StepState::Retrying, None),
        };
        Self { stage: id.stage, group: id.group, n: id.n, state, at_ms, failures }
    }
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<axum::Json<StepList>, Problem> {
    status_of(&app, &caller, job).await?;
    let steps = app.client.steps(&caller.tenant, job).await?;
    Ok(axum::Json(StepList { data: steps.into_iter().map(StepView::from).collect() }))
}

#[cfg(test)]
mod tests {
    use medley_proto::StepId;

    use super::*;

    #[test]
    fn a_result_stands_whatever_came_before() {
        let view = |done_ms, given_up_ms| {
            let id = StepId::new(Name::from_static("decode"), 0, 3);
            let view = StepView::from(StepRecord { id, done_ms, given_up_ms, failures: Vec::new() });
            (view.state, view.at_ms)
        };
        assert_eq!(view(Some(5), Some(4)), (StepState::Done, Some(5)));
        assert_eq!(view(None, Some(4)), (StepState::Failed, Some(4)));
        assert_eq!(view(None, None), (StepState::Retrying, None));
    }
}
