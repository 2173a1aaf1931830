//! OpenAI's audio protocol, driven by the unmodified packages of PyPI and npm.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use medley_tests::{binary::sample, clients};

use crate::served::Served;

fn clip() -> String {
    sample("sample-speech", "beckett.wav").display().to_string()
}

/// The Python script that makes calls; `what` names the function of it to run.
fn python(served: &Served, what: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/openai_client.py");
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", clients::pip(&["openai==3.57.0"])).stdin(Stdio::null());
    command.arg(script).args([&served.base_url(), &clip(), what]);
    command
}

#[track_caller]
fn ok(what: &str, output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {out}{err}");
    out.trim().to_owned()
}

#[test]
fn the_package_of_pypi_is_answered() {
    let served = Served::start(&["--work"]);
    let tells_speakers = served.medley.call(&["schema", "transcribe"]).out.contains("\"speakers\"");
    let speakers = if tells_speakers { "speakers" } else { "no_speakers" };
    for what in ["models", "formats", "stream", "errors", speakers] {
        ok(what, &python(&served, what).output().unwrap());
    }
    let job = ok("speech", &python(&served, "speech").output().unwrap());
    // What became a job is one like any other.
    assert_eq!(served.medley.call(&["cancel", &job]).code, Some(0), "{job}");
}

#[test]
fn the_package_of_npm_is_answered() {
    let served = Served::start(&["--work"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/openai_client.cjs");
    let mut node = Command::new("node");
    node.env("NODE_PATH", clients::npm(&["openai@6.49.0"])).arg(script).args([&served.base_url(), &clip()]);
    ok("openai_client.cjs", &node.stdin(Stdio::null()).output().unwrap());
}

/// The promise that nobody else makes: the call is a job, and outlives whoever computes it.
#[test]
fn a_call_outlives_impatience_and_a_worker_that_is_killed() {
    let served = Served::start(&[]);
    // No worker is there yet: the client gives up twice and sends everything again.
    ok("impatient", &python(&served, "impatient").output().unwrap());
    let listed =
        |served: &Served| served.medley.call(&["list"]).out.lines().filter(|line| line.contains("transcribe")).count();
    assert_eq!(listed(&served), 1, "{}", served.medley.call(&["list"]).out);

    let call = python(&served, "patient").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut worker = served.medley.command(&["worker"]);
    let killed = worker.env("MEDLEY_TEST_BREAKPOINT", "after_result:2").stderr(Stdio::null()).output().unwrap();
    assert_eq!(killed.status.code(), None, "the worker was not killed");
    let mut second = served.medley.command(&["worker"]).stderr(Stdio::null()).spawn().unwrap();
    ok("patient", &call.wait_with_output().unwrap());
    assert_eq!(listed(&served), 1, "the call made another job");
    second.kill().unwrap();
    second.wait().unwrap();
}
