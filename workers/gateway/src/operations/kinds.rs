//! The kinds of job, and pausing.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use medley_proto::Name;
use medley_step::ErasedRecipe;
use schemars::JsonSchema;
use serde::Serialize;

use super::notice;
use crate::{extract::KindPath, problem::Problem, state::App};

/// The kinds of job.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KindList {
    data: Vec<KindView>,
}

/// A kind of job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Kind")]
pub(crate) struct KindView {
    name: Name,
    about: &'static str,
    inputs: KindInputs,
    /// The kinds of step that each of its jobs has.
    steps: BTreeSet<Name>,
    /// Where the JSON Schema of its params is.
    schema_url: String,
    /// What keeps its jobs from going on.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

/// What its jobs read.
#[derive(Debug, Serialize, JsonSchema)]
struct KindInputs {
    min: usize,
    max: usize,
    /// What each is, in order, where they differ.
    roles: &'static [&'static str],
    /// Whether one may be text itself.
    text: bool,
    /// Whether one may be a folder.
    folder: bool,
}

impl KindView {
    fn new(recipe: &dyn ErasedRecipe, notice: Option<String>) -> Self {
        let (name, takes) = (recipe.kind(), recipe.inputs());
        Self {
            schema_url: format!("/v1/kinds/{name}/schema"),
            name,
            about: recipe.about(),
            inputs: KindInputs {
                min: *takes.start(),
                max: *takes.end(),
                roles: recipe.input_roles(),
                text: recipe.takes_text(),
                folder: recipe.takes_folder(),
            },
            steps: recipe.graph().step_kinds().into_iter().cloned().collect(),
            notice,
        }
    }
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<KindList> {
    let mut data = Vec::new();
    for recipe in app.registry().recipes() {
        data.push(KindView::new(recipe, notice(&app, &recipe.kind()).await));
    }
    Json(KindList { data })
}

fn find<'a>(app: &'a App, kind: &Name) -> Result<&'a dyn ErasedRecipe, Problem> {
    let none =
        |_| Problem::not_found(format!("no kind of job is called '{kind}'; GET /v1/kinds lists those there are"));
    app.registry().find_recipe(kind).map_err(none)
}

pub(crate) async fn get(State(app): State<Arc<App>>, KindPath(kind): KindPath) -> Result<Json<KindView>, Problem> {
    let recipe = find(&app, &kind)?;
    Ok(Json(KindView::new(recipe, notice(&app, &kind).await)))
}

pub(crate) async fn schema(State(app): State<Arc<App>>, KindPath(kind): KindPath) -> Result<Response, Problem> {
    let text = serde_json::to_string_pretty(&find(&app, &kind)?.schema()).map_err(|_| Problem::internal())?;
    Ok(([(header::CONTENT_TYPE, "application/schema+json")], text + "\n").into_response())
}

/// Only steps wait in queues.
fn check_step(app: &App, kind: &Name) -> Result<(), Problem> {
    if app.registry().worker_kinds().any(|known| known == kind) {
        return Ok(());
    }
    let detail = format!("no kind of step is called '{kind}'; GET /v1/queues lists those there are");
    Err(Problem::not_found(detail))
}

pub(crate) async fn pause(State(app): State<Arc<App>>, KindPath(kind): KindPath) -> Result<StatusCode, Problem> {
    check_step(&app, &kind)?;
    app.client.pause(&kind).await?;
    tracing::info!(%kind, "paused");
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn resume(State(app): State<Arc<App>>, KindPath(kind): KindPath) -> Result<StatusCode, Problem> {
    check_step(&app, &kind)?;
    app.client.resume(&kind).await?;
    tracing::info!(%kind, "resumed");
    Ok(StatusCode::NO_CONTENT)
}
