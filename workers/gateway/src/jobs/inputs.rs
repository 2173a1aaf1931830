//! The bytes of a job's inputs: what a person compares a result with. They are as hostile as artifacts and sent like them.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use medley_proto::{Artifact, Input, JobId};
use serde::Deserialize;

use super::{artifacts, status_of};
use crate::{access::Caller, extract::Asked, problem::Problem, state::App};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetQuery {
    #[serde(default)]
    download: u8,
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((job, number)): Path<(String, String)>,
    Asked(query): Asked<GetQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job: JobId =
        job.parse().map_err(|_| Problem::not_found("that is no job's id; GET /v1/jobs lists the jobs there are"))?;
    let status = status_of(&app, &caller, job).await?;
    let input = number.parse::<usize>().ok().and_then(|number| status.job.inputs.get(number));
    let input = input
        .ok_or_else(|| Problem::not_found(format!("job {job} has no input of that number; they are counted from 0")))?;
    let elsewhere =
        || Problem::not_found("the input is not kept here: the job names its address, or has its text in `inputs`");
    let key = app.client.input_key(&caller.tenant, input)?.ok_or_else(elsewhere)?;
    let found = app.client.store().head(&key).await?.ok_or_else(elsewhere)?;
    let described = Artifact {
        name: input.name.clone(),
        sha256: input.sha256.ok_or_else(elsewhere)?,
        bytes: found.bytes,
        media_type: media_type(input).to_owned(),
    };
    artifacts::send(&app, &described, key, query.download != 0, &headers).await
}

/// What the client said, or what the name's ending says: browsers play and show by it.
fn media_type(input: &Input) -> &str {
    if let Some(given) = &input.media_type {
        return given;
    }
    let ending = input.name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "flac" => "audio/flac",
        "mp4" | "m4v" | "mov" => "video/mp4",
        "webm" => "video/webm",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use medley_proto::Source;

    use super::*;

    #[test]
    fn a_name_tells_what_a_browser_may_play() {
        let input = |name: &str, given: Option<&str>| Input {
            name: name.to_owned(),
            source: Source::Text(String::new()),
            sha256: None,
            bytes: None,
            media_type: given.map(str::to_owned),
        };
        assert_eq!(media_type(&input("A.WAV", None)), "audio/wav");
        assert_eq!(media_type(&input("a.svg", None)), "application/octet-stream");
        assert_eq!(media_type(&input("a.wav", Some("audio/x-own"))), "audio/x-own");
    }
}
