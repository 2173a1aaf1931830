//! Jobs and what they leave.

mod actions;
mod artifacts;
mod conditions;
mod filter;
mod input_files;
mod inputs;
mod list;
mod read;
mod revisions;
mod steps;
mod submit;
mod view;

use medley_runtime::JobStatus;

use self::{
    actions::{BatchAnswer, BatchRequest},
    artifacts::ArtifactList,
    list::JobList,
    revisions::{RevisionForm, RevisionList, RevisionView},
    steps::StepList,
    submit::{JobForm, JobRequest},
};
pub(crate) use self::{
    input_files::{Form, FormFile},
    read::look,
    view::{JobView, ProgressView},
};
use crate::{
    access::{Caller, Scope},
    problem::Problem,
    routes::{Answer, Content, Route},
    state::App,
};

/// A job of the caller's tenant.
pub(crate) async fn status_of(app: &App, caller: &Caller, job: medley_proto::JobId) -> Result<JobStatus, Problem> {
    Ok(app.client.status(&caller.tenant, job).await?)
}

const WAIT: &str = "Waits so many seconds, 60 at most, for the job to end, or with If-None-Match to change.";
const REVISION: &str = "As they are at this revision; the newest when left out, and 0 are the job's own.";

pub(crate) fn routes() -> Vec<Route> {
    [one(), many(), artifacts(), revisions()].concat()
}

fn one() -> Vec<Route> {
    let view = |status, about| Answer::json::<JobView>(status, about);
    vec![
        Route::post("/v1/jobs", "createJob", submit::submit)
            .summary("Ask for a job")
            .about(
                "By JSON with addresses or text, or as a form with files: its part `request` is the same JSON. Asked again \
                 with the same Idempotency-Key, the answer is the same job. `Prefer: wait=30` waits for its end, and \
                 `Accept: text/event-stream` follows it.",
            )
            .scope(Scope::Submit)
            .header::<String>("Idempotency-Key", "The same key is the same job, however often it is asked for.")
            .header::<String>("Prefer", "`respond-async` (the default) or `wait=N`, 60 seconds at most.")
            .body(Content::json::<JobRequest>())
            .body(Content::form::<JobForm>())
            .answer(view(200, "The key's job had ended before, or it ended while the request waited.").content(
                Content::bytes("text/event-stream"),
            ))
            .answer(view(202, "The job is accepted: it will end.").header("Location", "The job."))
            .problems(&[404, 409, 413, 415, 422]),
        Route::get("/v1/jobs/{job}", "getJob", read::get)
            .summary("Where a job stands")
            .scope(Scope::Read)
            .query::<Option<u64>>("wait_s", WAIT)
            .header::<String>("If-None-Match", "The ETag of an earlier answer.")
            .answer(view(200, "The job.").header("ETag", "Another one when the job's state or revision is another."))
            .answer(Answer::new(304, "It has not changed.")),
        Route::delete("/v1/jobs/{job}", "deleteJob", actions::delete)
            .summary("Remove a job and everything of it")
            .about("A job that runs is stopped first.")
            .scope(Scope::Submit)
            .answer(Answer::new(204, "It is gone.")),
        Route::post("/v1/jobs/{job}/cancel", "cancelJob", actions::cancel)
            .summary("Ask a job to stop")
            .scope(Scope::Submit)
            .answer(view(202, "It will end as cancelled, or had ended.")),
        Route::post("/v1/jobs/{job}/retry", "retryJob", actions::retry)
            .summary("Ask again for what an ended job asked for")
            .about("A new job with the same kind, inputs and params, labelled `retry-of`.")
            .scope(Scope::Submit)
            .answer(view(202, "The new job.").header("Location", "The new job."))
            .problems(&[409, 422]),
    ]
}

fn many() -> Vec<Route> {
    let list = Route::get("/v1/jobs", "listJobs", list::list)
        .summary("The jobs, the newest first")
        .about("A page may be short, or empty, before the end: `next_cursor` tells. Labels filter by `label.<name>=<value>`.")
        .scope(Scope::Read)
        .query::<Option<usize>>("limit", "At most so many, 1 to 100; 20 when left out.")
        .query::<Option<String>>("cursor", "An earlier page's `next_cursor`.")
        .answer(Answer::json::<JobList>(200, "A page."));
    vec![
        filter::describe(list),
        Route::post("/v1/jobs/actions", "actOnJobs", actions::batch)
            .summary("Cancel, retry or delete all jobs that match")
            .about("A request looks at 1,000 jobs at most; go on with `next_cursor` until there is none.")
            .scope(Scope::Admin)
            .body(Content::json::<BatchRequest>())
            .answer(Answer::json::<BatchAnswer>(200, "What was done."))
            .problems(&[415]),
    ]
}

fn artifacts() -> Vec<Route> {
    let file = |route: Route| {
        route
            .scope(Scope::Read)
            .query::<Option<u32>>("revision", REVISION)
            .query::<Option<u8>>("download", "1: the browser saves it and does not show it.")
            .query::<Option<u8>>("redirect", "1: sends to a presigned URL, where the store gives out such.")
            .header::<String>("Range", "One range of bytes.")
            .header::<String>("If-Range", "The range, if the artifact is still this one.")
            .header::<String>("If-None-Match", "The ETag of an earlier answer.")
            .answer(
                Answer::new(200, "Its bytes.")
                    .content(Content::bytes("*/*"))
                    .header("ETag", "Its SHA-256.")
                    .header("Content-Disposition", "Its name, and whether a browser may show it."),
            )
            .answer(Answer::new(206, "The range.").content(Content::bytes("*/*")))
            .answer(Answer::new(304, "It has not changed."))
            .answer(Answer::new(307, "It is at `Location`."))
            .problems(&[409, 416])
    };
    vec![
        Route::get("/v1/jobs/{job}/steps", "listSteps", steps::list)
            .summary("The steps that are done, given up or tried again")
            .about("Of the first thousand records that a job's steps left.")
            .scope(Scope::Read)
            .answer(Answer::json::<StepList>(200, "By stage.")),
        Route::get("/v1/jobs/{job}/inputs/{number}", "getInput", inputs::get)
            .summary("An input's bytes")
            .about("Of an input that is kept here: an upload, or a file of a form. Counted from 0.")
            .scope(Scope::Read)
            .query::<Option<u8>>("download", "1: the browser saves it and does not show it.")
            .header::<String>("Range", "One range of bytes.")
            .answer(Answer::new(200, "Its bytes.").content(Content::bytes("*/*")).header("ETag", "Its SHA-256."))
            .answer(Answer::new(206, "The range.").content(Content::bytes("*/*")))
            .answer(Answer::new(304, "It has not changed."))
            .problems(&[416]),
        Route::get("/v1/jobs/{job}/artifacts", "listArtifacts", artifacts::list)
            .summary("What an ended job made")
            .scope(Scope::Read)
            .query::<Option<u32>>("revision", REVISION)
            .answer(Answer::json::<ArtifactList>(200, "The artifacts."))
            .problems(&[409]),
        file(Route::get("/v1/jobs/{job}/artifacts/{*name}", "getArtifact", artifacts::get))
            .summary("An artifact's bytes"),
    ]
}

fn revisions() -> Vec<Route> {
    vec![
        Route::get("/v1/jobs/{job}/revisions", "listRevisions", revisions::list)
            .summary("The corrections of a job's artifacts")
            .scope(Scope::Read)
            .answer(
                Answer::json::<RevisionList>(200, "The oldest first.").header("ETag", "The newest one's, for If-Match."),
            ),
        Route::get("/v1/jobs/{job}/revisions/{name}", "getRevision", revisions::get)
            .summary("One correction")
            .scope(Scope::Read)
            .answer(Answer::json::<RevisionView>(200, "The revision.").header("ETag", "For If-Match.")),
        Route::post("/v1/jobs/{job}/revisions", "createRevision", revisions::create)
            .summary("Correct artifacts of an ended job")
            .about(
                "A form: each file stands for the artifact of its file name from this revision on, and the part `note` says \
                 what was changed. The job's own artifacts stay as they are.",
            )
            .scope(Scope::Submit)
            .header::<String>("If-Match", "The ETag of the newest revision that its writer saw; `\"0\"`: none.")
            .body(Content::form::<RevisionForm>())
            .answer(Answer::json::<RevisionView>(201, "The revision.").header("ETag", "For If-Match."))
            .problems(&[409, 412, 413, 415, 422, 428]),
    ]
}
