//! Hands jobs to a gateway.

use std::process::ExitCode;

use medley_runtime::InputRequest;
use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::{
    connection::{Asked, Server},
    jobs::Job,
    upload::upload,
};
use crate::cli::{
    Failed,
    asked::{Asked as AskedJobs, AskedJob},
    given::label,
    outputs, submit,
};

pub(in crate::cli) fn submit(server: &Server, asked: AskedJobs, args: &submit::Args) -> Result<ExitCode, Failed> {
    if args.tenant.is_some() {
        return Err(Failed::usage("--tenant: over a gateway the token says whose job it is; leave it out"));
    }
    let several = asked.jobs.len() > 1;
    let mut exit = ExitCode::SUCCESS;
    for (n, job) in asked.jobs.iter().enumerate() {
        match hand_in(server, job, args, several.then_some(n)) {
            Ok(job) => drop(outputs::print_line(&job.id.to_string())?),
            Err(failed) => exit = failed.report(),
        }
    }
    Ok(exit)
}

fn hand_in(server: &Server, job: &AskedJob, args: &submit::Args, n: Option<usize>) -> Result<Job, Failed> {
    let mut inputs = Vec::with_capacity(job.request.inputs.len());
    for (at, input) in job.request.inputs.iter().enumerate() {
        // Standard input has no name of its own: the job's label is its.
        let name = if at == 0 { job.label.clone() } else { label(input) };
        inputs.push(match input {
            InputRequest::File(path) => json!({ "upload": upload(server, path, &name)? }),
            InputRequest::Uri(address) => json!({ "uri": address.reveal() }),
            InputRequest::Text(text) => json!({ "text": text }),
            InputRequest::Spooled(_) | InputRequest::Stored(_) => {
                return Err(Failed::usage("an input that lies in a store cannot be sent"));
            }
        });
    }
    let mut request = Map::new();
    request.insert("kind".into(), json!(job.request.kind));
    request.insert("inputs".into(), inputs.into());
    request.insert("params".into(), job.request.params.clone());
    request.insert("class".into(), json!(args.class));
    request.insert("labels".into(), json!(args.labels.iter().cloned().collect::<std::collections::BTreeMap<_, _>>()));
    if let Some(deadline_ms) = args.deadline_ms() {
        request.insert("deadline_ms".into(), deadline_ms.into());
    }
    let text = Value::Object(request).to_string();
    // Asked again after a broken connection, the same key is the same job.
    let key = match (&args.key, n) {
        (Some(key), Some(n)) => format!("{key}/{n}"),
        (Some(key), None) => key.clone(),
        (None, _) => ulid::Ulid::generate().to_string(),
    };
    let headers = vec![("Content-Type", "application/json".into()), ("Idempotency-Key", quoted(&key)?)];
    let body = || -> Result<Option<Box<dyn std::io::Read + Send + Sync>>, Failed> {
        Ok(Some(Box::new(std::io::Cursor::new(text.clone().into_bytes()))))
    };
    let asked = Asked { headers, body: &body, repeats: true, ..Asked::new(Method::POST, "/v1/jobs") };
    server.read(server.ask(&asked)?)
}

/// A structured header's string.
fn quoted(key: &str) -> Result<String, Failed> {
    if key.bytes().any(|byte| !(0x20..0x7f).contains(&byte)) {
        return Err(Failed::usage("--key: over a gateway a key has printable ASCII characters only"));
    }
    Ok(format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_quoted() {
        assert_eq!(quoted("talk.mp3").unwrap(), "\"talk.mp3\"");
        assert_eq!(quoted("a\"b\\c").unwrap(), r#""a\"b\\c""#);
        assert!(quoted("a\nb").is_err() && quoted("录音").is_err());
    }
}
