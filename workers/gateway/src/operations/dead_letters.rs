//! Steps whose attempts are used up.

use std::sync::Arc;

use axum::{Json, extract::State};
use medley_proto::DeadLetter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    access::Caller,
    extract::{Asked, JobPath},
    problem::Problem,
    state::App,
};

const MAX_LIMIT: usize = 1_000;
const USUAL_LIMIT: usize = 100;

/// Dead letters.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeadLetterList {
    data: Vec<DeadLetter>,
}

/// What became of them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LettersAnswer {
    letters: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<usize>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<DeadLetterList>, Problem> {
    let limit = query.limit.unwrap_or(USUAL_LIMIT).clamp(1, MAX_LIMIT);
    Ok(Json(DeadLetterList { data: app.client.dead_letters(&caller.tenant, limit).await? }))
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<Json<DeadLetterList>, Problem> {
    Ok(Json(DeadLetterList { data: app.client.dead_letters_of(&caller.tenant, job).await? }))
}

pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<Json<LettersAnswer>, Problem> {
    Ok(Json(LettersAnswer { letters: app.client.replay(&caller.tenant, job).await? }))
}

pub(crate) async fn forget(
    State(app): State<Arc<App>>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<Json<LettersAnswer>, Problem> {
    Ok(Json(LettersAnswer { letters: app.client.drop_dead(&caller.tenant, job).await? }))
}
