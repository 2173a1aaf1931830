//! Resumable uploads by tus 1.0.0 at `/v1/inputs` (docs/uploads.md). Bytes are durable in the store part by part, so an upload
//! goes on after a broken connection, a restart, and at any other gateway
//! (docs/decisions/0090-uploads-are-parts-in-the-store.md).

mod finish;
mod handlers;
mod protocol;
mod receive;
pub(crate) mod settings;
pub(crate) mod under_way;
mod view;

use std::time::Duration;

use axum::http::StatusCode;
use medley_proto::{Input, Name};
use medley_runtime::{Upload, UploadId};

use self::view::{UploadPage, UploadView};
use crate::{
    access::Scope,
    problem::Problem,
    routes::{Answer, Content, Route},
    state::App,
};

/// How long a request waits for a whole upload to become an input.
const PATIENCE: Duration = Duration::from_secs(25);

/// The input of a job that names a finished upload.
pub(crate) async fn input_of(app: &App, of: &Name, id: &str) -> Result<Input, Problem> {
    let upload = app.client.upload(of, id_of(id)?).await?;
    if let Some(input) = upload.input {
        return Ok(input);
    }
    if !upload.is_whole() {
        let (id, offset) = (upload.id, upload.offset);
        let detail = format!("upload {id} is not whole, {offset} bytes of it are there; go on with it by PATCH");
        return Err(Problem::new(StatusCode::CONFLICT, "upload_incomplete", detail));
    }
    let finished = tokio::time::timeout(PATIENCE, app.uploads.finishing.finish(&app.client, of, upload.id)).await;
    finished.unwrap_or_else(|_| {
        let detail = format!("upload {id} is still being put together; ask again in a few seconds");
        let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "upload_unfinished", detail);
        Err(busy.retry_after(Duration::from_secs(5)))
    })
}

fn id_of(text: &str) -> Result<UploadId, Problem> {
    let unknown = |_| Problem::not_found("there is no such upload; POST /v1/inputs begins one");
    text.parse().map_err(unknown)
}

/// Where an upload is asked for.
fn location(upload: &Upload) -> String {
    format!("/v1/inputs/{}", upload.id)
}

pub(crate) fn routes() -> Vec<Route> {
    const TUS: &str = "1.0.0";
    const ONE: &str = "/v1/inputs/{upload}";
    let piece = || Content::bytes(protocol::OFFSET_STREAM);
    let offset = |answer: Answer| {
        let answer = answer.header("Tus-Resumable", TUS).header("Upload-Offset", "how many bytes are there");
        answer.header("Upload-Expires", "when the upload is forgotten")
    };
    let tus = |route: Route| {
        let route = route.tag("inputs").scope(Scope::Submit).header::<String>("Tus-Resumable", "1.0.0");
        route.problems(&[404, 412])
    };
    vec![
        Route::options("/v1/inputs", "describeUploads", handlers::describe)
            .tag("inputs")
            .open()
            .summary("What uploads are served (tus 1.0.0)")
            .answer(Answer::new(204, "versions, extensions and limits, as headers")),
        Route::options(ONE, "describeUpload", handlers::describe)
            .tag("inputs")
            .open()
            .summary("What uploads are served (tus 1.0.0)")
            .answer(Answer::new(204, "versions, extensions and limits, as headers")),
        tus(Route::post("/v1/inputs", "createUpload", handlers::create))
            .summary("Begin a resumable upload (tus 1.0.0)")
            .about("A finished upload is an input of a job: `{\"upload\": \"<id>\"}` in `inputs` of POST /v1/jobs.")
            .header::<Option<u64>>("Upload-Length", "the size of the file in bytes")
            .header::<Option<u64>>("Upload-Defer-Length", "1: the size is said later")
            .header::<Option<String>>("Upload-Metadata", "`filename <base64>,filetype <base64>`")
            .header::<Option<String>>("Upload-Checksum", "`sha256 <base64>` of the body")
            .body(piece())
            .answer(offset(Answer::new(201, "the upload begins").header("Location", "the upload")))
            .problems(&[413, 415, 422, 460]),
        Route::get("/v1/inputs", "listUploads", handlers::list)
            .tag("inputs")
            .scope(Scope::Read)
            .summary("List uploads, the oldest first")
            .query::<Option<String>>("cursor", "the `next_cursor` of the page before")
            .query::<Option<usize>>("limit", "how many, at most 100")
            .answer(Answer::json::<UploadPage>(200, "a page of uploads")),
        Route::head(ONE, "uploadOffset", handlers::offset)
            .tag("inputs")
            .scope(Scope::Submit)
            .summary("How far an upload has come (tus 1.0.0)")
            .header::<String>("Tus-Resumable", "1.0.0")
            .answer(offset(Answer::new(200, "where to go on")))
            .problems(&[404, 412]),
        Route::get(ONE, "getUpload", handlers::get)
            .tag("inputs")
            .scope(Scope::Read)
            .summary("An upload, as JSON")
            .answer(Answer::json::<UploadView>(200, "the upload"))
            .problems(&[404]),
        tus(Route::patch(ONE, "continueUpload", handlers::append))
            .summary("Send bytes of an upload (tus 1.0.0)")
            .header::<u64>("Upload-Offset", "where the body belongs: how far the upload has come")
            .header::<Option<u64>>("Upload-Length", "the size of the file, when it was not said before")
            .header::<Option<String>>("Upload-Checksum", "`sha256 <base64>` of the body")
            .body(piece())
            .answer(offset(Answer::new(204, "the bytes are durable")))
            .problems(&[408, 409, 413, 415, 423, 460]),
        tus(Route::post(ONE, "overrideUploadMethod", handlers::overridden))
            .summary("PATCH or DELETE for clients that cannot send it")
            .header::<String>("X-HTTP-Method-Override", "PATCH or DELETE")
            .body(piece())
            .answer(offset(Answer::new(204, "as of that method")))
            .problems(&[408, 409, 413, 415, 423, 460]),
        tus(Route::delete(ONE, "endUpload", handlers::end))
            .summary("End an upload and forget its bytes (tus 1.0.0)")
            .about("Jobs that use its file keep it.")
            .answer(Answer::new(204, "the upload is gone")),
    ]
}
