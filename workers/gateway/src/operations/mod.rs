//! What the owner of the machine asks: health, metrics, kinds, queues, workers, dead letters.

mod dead_letters;
mod health;
mod kinds;
mod metrics;
mod queues;
pub(crate) mod reach;
pub(crate) mod recorder;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use medley_proto::Name;
use serde_json::Value;

pub(crate) use self::metrics::count;
use self::{
    dead_letters::{DeadLetterList, LettersAnswer},
    health::HealthView,
    kinds::{KindList, KindView},
    queues::{QueueList, WorkerList},
};
use crate::{
    access::Scope,
    routes::{Answer, Content, Route},
    state::App,
};

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = [watched_over(), kinds(), queues(), dead_letters()].concat();
    for route in &mut routes {
        route.tag = "operations";
    }
    routes
}

fn watched_over() -> Vec<Route> {
    vec![
        Route::get("/healthz", "health", health::alive)
            .summary("Whether the process answers")
            .open()
            .answer(Answer::json::<HealthView>(200, "It does.")),
        Route::get("/readyz", "readiness", health::ready)
            .summary("Whether queue and store answer, and the gateway is not stopping")
            .open()
            .answer(Answer::json::<HealthView>(200, "It serves."))
            .answer(Answer::json::<HealthView>(503, "It does not; `reason` says why.")),
        Route::get("/metrics", "metrics", metrics::render)
            .summary("Prometheus text")
            .about("Also how many steps wait, for how long, and how much work that is, while no worker runs.")
            .scope(Scope::Admin)
            .answer(Answer::new(200, "The metrics.").content(Content::bytes("text/plain"))),
        Route::get("/openapi.json", "openapi", document)
            .summary("This document")
            .open()
            .answer(Answer::json::<Value>(200, "OpenAPI 3.1.")),
    ]
}

async fn document(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.openapi.clone()).into_response()
}

fn kinds() -> Vec<Route> {
    vec![
        Route::get("/v1/kinds", "listKinds", kinds::list)
            .summary("The kinds of job")
            .scope(Scope::Read)
            .answer(Answer::json::<KindList>(200, "All of them.")),
        Route::get("/v1/kinds/{kind}", "getKind", kinds::get)
            .summary("A kind of job")
            .scope(Scope::Read)
            .answer(Answer::json::<KindView>(200, "The kind.")),
        Route::get("/v1/kinds/{kind}/schema", "getKindSchema", kinds::schema)
            .summary("The JSON Schema of a kind's params")
            .about("Byte for byte what `medley schema KIND` prints.")
            .scope(Scope::Read)
            .answer(Answer::new(200, "The schema.").content(Content::bytes("application/schema+json"))),
        Route::post("/v1/kinds/{kind}/pause", "pauseKind", kinds::pause)
            .summary("Take no more steps of a kind")
            .about(
                "For a kind of step (`GET /v1/queues` lists them). Workers heed it within 15 seconds; steps that run go on, \
                 and jobs are still accepted.",
            )
            .scope(Scope::Admin)
            .answer(Answer::new(204, "It is paused.")),
        Route::post("/v1/kinds/{kind}/resume", "resumeKind", kinds::resume)
            .summary("Take steps of a kind again")
            .scope(Scope::Admin)
            .answer(Answer::new(204, "It is not paused.")),
    ]
}

fn queues() -> Vec<Route> {
    vec![
        Route::get("/v1/queues", "listQueues", queues::queues)
            .summary("How many steps wait, and for how long")
            .scope(Scope::Read)
            .answer(Answer::json::<QueueList>(200, "The queues.")),
        Route::get("/v1/workers", "listWorkers", queues::workers)
            .summary("The workers that are there")
            .scope(Scope::Read)
            .answer(Answer::json::<WorkerList>(200, "Those that said so in the last 45 seconds.")),
    ]
}

fn dead_letters() -> Vec<Route> {
    vec![
        Route::get("/v1/dead", "listDeadLetters", dead_letters::list)
            .summary("Steps that were given up")
            .scope(Scope::Read)
            .query::<Option<usize>>("limit", "At most so many, 1 to 1,000; 100 when left out.")
            .answer(Answer::json::<DeadLetterList>(200, "By job.")),
        Route::get("/v1/dead/{job}", "getDeadLetters", dead_letters::get)
            .summary("Those of one job")
            .scope(Scope::Read)
            .answer(Answer::json::<DeadLetterList>(200, "With their failures.")),
        Route::post("/v1/dead/{job}/replay", "replayDeadLetters", dead_letters::replay)
            .summary("Open a failed job again")
            .about("Its dead letters are forgotten, and what the job still needs is computed.")
            .scope(Scope::Admin)
            .answer(Answer::json::<LettersAnswer>(200, "How many there were.")),
        Route::delete("/v1/dead/{job}", "dropDeadLetters", dead_letters::forget)
            .summary("Forget a job's dead letters")
            .about("The job stays failed.")
            .scope(Scope::Admin)
            .answer(Answer::json::<LettersAnswer>(200, "How many there were.")),
    ]
}

/// What keeps jobs of a kind from going on, in a sentence; none when nothing does, or the store cannot tell.
pub(crate) async fn notice(app: &App, kind: &Name) -> Option<String> {
    let needed: BTreeSet<&Name> = app.registry().find_recipe(kind).ok()?.graph().step_kinds();
    let paused = app.client.paused().await.ok()?;
    if let Some(paused) = needed.iter().find(|kind| paused.contains(**kind)) {
        return Some(format!("steps of {paused} are paused; POST /v1/kinds/{paused}/resume goes on"));
    }
    let served: BTreeSet<Name> = app.client.workers().await.ok()?.into_iter().flat_map(|worker| worker.kinds).collect();
    let unserved = needed.iter().find(|kind| !served.contains(**kind))?;
    Some(format!("no worker serves {unserved}; start one with `medley worker`"))
}
