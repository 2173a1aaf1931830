//! Jobs: asked for, found again, corrected, taken back.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Gateway, edges, picture};

#[test]
fn a_file_becomes_artifacts() {
    let gateway = Gateway::shared();
    let job = gateway.submit_picture();
    let view = gateway.wait(&job);
    assert_eq!(view["state"], "succeeded", "{view}");
    assert_eq!(view["inputs"][0]["name"], "coffee.png");
    let names: Vec<_> = view["artifacts"].as_array().unwrap().iter().map(|artifact| &artifact["name"]).collect();
    assert!(names.contains(&&json!("canny.png")), "{names:?}");
    let url = view["artifacts"].as_array().unwrap().iter().find(|artifact| artifact["name"] == "canny.png").unwrap();
    let url = url["url"].as_str().unwrap();
    let whole = gateway.get(url);
    assert_eq!((whole.status, whole.headers["content-type"].as_str()), (200, "image/png"));
    assert_eq!(&whole.body[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(whole.headers["x-content-type-options"], "nosniff");
    assert!(whole.headers["content-disposition"].starts_with("inline; filename=\"canny.png\""));
    let tag = whole.headers["etag"].clone();
    assert_eq!(gateway.call("GET", url).header("If-None-Match", &tag).send().status, 304);
    let part = gateway.call("GET", url).header("Range", "bytes=1-3").header("If-Range", &tag).send();
    assert_eq!((part.status, &part.body[..]), (206, &b"PNG"[..]));
    assert_eq!(part.headers["content-range"], format!("bytes 1-3/{}", whole.body.len()));
    let none = gateway.call("GET", url).header("Range", "bytes=999999999-").send();
    assert_eq!((none.status, none.code().as_str()), (416, "range_invalid"));
    assert_eq!(none.headers["content-range"], format!("bytes */{}", whole.body.len()));
    // Objects that are files have no URL of their own.
    assert_eq!(gateway.get(&format!("{url}?redirect=1")).body, whole.body);
    let head = gateway.call("HEAD", url).send();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.headers["content-length"], whole.body.len().to_string());
}

#[test]
fn the_same_key_is_the_same_job() {
    // Nobody works on it meanwhile.
    let gateway = Gateway::start(&[]);
    let ask = |text: &str| {
        let request =
            json!({ "kind": "speak", "inputs": [{ "text": text }], "labels": { "test": "key" }, "class": "batch" });
        gateway.call("POST", "/v1/jobs").header("Idempotency-Key", "\"one-key\"").json(&request).send()
    };
    let first = ask("Hello.");
    assert_eq!(first.status, 202, "{}", first.text());
    let again = ask("Hello.");
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let other = ask("Goodbye.");
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency_conflict"));
    let at = first.headers["location"].clone();
    let cancelled = gateway.call("POST", &format!("{at}/cancel")).send();
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (202, &json!("cancelling")));
}

#[test]
fn bad_requests_are_answered_with_what_to_do() {
    let gateway = Gateway::shared();
    for (request, status, code) in [
        (json!({ "kind": "nothing" }), 400, "kind_unknown"),
        (json!({ "kind": "control" }), 422, "params_invalid"),
        (json!({ "kind": "control", "inputs": [{ "uri": "file:///etc/hostname" }] }), 400, "input_forbidden"),
        (json!({ "kind": "control", "inputs": [{ "uri": "gopher://a/b" }] }), 400, "input_scheme_unsupported"),
        (json!({ "kind": "control", "inputs": [{ "part": "none" }] }), 400, "part_missing"),
        (json!({ "knid": "control" }), 400, "request_invalid"),
    ] {
        let answer = gateway.post("/v1/jobs", &request);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{request}: {}", answer.text());
        assert!(answer.json()["instance"].as_str().unwrap().ends_with(&answer.headers["x-request-id"]));
    }
    let answer = gateway.call("POST", "/v1/jobs").header("Content-Type", "text/plain").send();
    assert_eq!((answer.status, answer.code().as_str()), (415, "content_type_unsupported"));
    for (path, code) in [
        ("/v1/jobs/01JD0000000000000000000000", "not_found"),
        ("/v1/jobs/none", "not_found"),
        ("/v1/nothing", "not_found"),
    ] {
        let answer = gateway.get(path);
        assert_eq!((answer.status, answer.code().as_str()), (404, code), "{path}");
    }
    let wrong = gateway.call("PATCH", "/v1/jobs").send();
    assert_eq!((wrong.status, wrong.code().as_str()), (405, "method_not_allowed"));
}

#[test]
fn a_list_is_filtered_page_by_page_and_acted_on() {
    let gateway = Gateway::start(&[]);
    for n in 0..3 {
        let text = format!("Number {n}.");
        let request =
            json!({ "kind": "speak", "inputs": [{ "text": text }], "labels": { "n": n.to_string(), "of": "list" } });
        assert_eq!(gateway.post("/v1/jobs", &request).status, 202);
    }
    let other = json!({ "kind": "speak", "inputs": [{ "text": "Another." }] });
    assert!(gateway.post("/v1/jobs", &other).json()["notice"].as_str().unwrap().contains("no worker serves"));
    let first = gateway.get("/v1/jobs?label.of=list&limit=2").json();
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    assert_eq!(first["data"][0]["labels"]["n"], "2", "the newest first");
    let rest =
        gateway.get(&format!("/v1/jobs?label.of=list&limit=2&cursor={}", first["next_cursor"].as_str().unwrap()));
    let rest = rest.json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &Value::Null));
    assert_eq!(gateway.get("/v1/jobs?state=running").json()["data"], json!([]));
    assert_eq!(gateway.get("/v1/jobs?sate=running").code(), "query_invalid");
    let empty = gateway.post("/v1/jobs/actions", &json!({ "action": "delete" }));
    assert_eq!((empty.status, empty.code().as_str()), (400, "filter_empty"));
    let filter = json!({ "action": "delete", "filter": { "labels": { "of": "list" } } });
    let deleted = gateway.post("/v1/jobs/actions", &filter).json();
    assert_eq!((deleted["done"].as_array().unwrap().len(), &deleted["failed"]), (3, &json!([])));
    assert_eq!(gateway.get("/v1/jobs").json()["data"].as_array().unwrap().len(), 1);
    let queues = gateway.get("/v1/queues").json();
    let waits = |queue: &&Value| queue["kind"] == "speak" && queue["class"] == "interactive";
    let queue = queues["data"].as_array().unwrap().iter().find(waits).unwrap();
    assert!(queue["waiting"].as_u64() >= Some(1) && queue["oldest_s"].as_f64().is_some(), "{queue}");
    assert_eq!(queue["slots"], 0);
    let metrics = gateway.get("/metrics").text();
    for line in
        ["medley_queue_depth{kind=\"speak\",class=\"interactive\"}", "medley_queue_oldest_seconds{", "medley_workers 0"]
    {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[test]
fn a_failed_job_says_why_and_is_asked_for_again() {
    let gateway = Gateway::shared();
    let request = edges(&[]).to_string();
    let form = [("request", None, request.as_bytes()), ("file", Some("none.png"), &b"no picture at all"[..])];
    let answer = gateway.call("POST", "/v1/jobs").header("Prefer", "wait=60").form(&form).send();
    assert_eq!(answer.headers["preference-applied"], "wait");
    let job = answer.json()["id"].as_str().unwrap().to_owned();
    let view = gateway.wait(&job);
    let code = view["error"]["code"].as_str().unwrap().to_owned();
    assert!(view["state"] == "failed" && code.starts_with("media_"), "{view}");
    let again = gateway.call("POST", &format!("/v1/jobs/{job}/retry")).send();
    assert_eq!((again.status, again.json()["labels"]["retry-of"].as_str()), (202, Some(job.as_str())));
    let again = again.json()["id"].as_str().unwrap().to_owned();
    assert_ne!(again, job);
    // The input is still there when its first job is gone.
    assert_eq!(gateway.call("DELETE", &format!("/v1/jobs/{job}")).send().status, 204);
    assert_eq!(gateway.get(&format!("/v1/jobs/{job}")).status, 404);
    assert_eq!(gateway.wait(&again)["error"]["code"], code);
    assert_eq!(gateway.get(&format!("/v1/dead/{again}")).status, 404);
}

#[test]
fn who_knows_a_job_is_told_when_it_has_changed() {
    let gateway = Gateway::shared();
    let job = gateway.submit_picture();
    gateway.wait(&job);
    let path = format!("/v1/jobs/{job}");
    let tag = gateway.get(&path).headers["etag"].clone();
    let began = Instant::now();
    assert_eq!(gateway.call("GET", &format!("{path}?wait_s=60")).header("If-None-Match", &tag).send().status, 304);
    assert!(began.elapsed() < Duration::from_secs(30), "an ended job does not change: nobody waits");
    let known = gateway.call("GET", &path).header("If-None-Match", "W/\"queued-0-0\"").send();
    assert_eq!(known.status, 200);
}

#[test]
fn artifacts_are_corrected_and_kept() {
    let gateway = Gateway::shared();
    let job = gateway.submit_picture();
    gateway.wait(&job);
    let path = format!("/v1/jobs/{job}/revisions");
    let correct = |base: &str, text: &[u8]| {
        let form = [("note", None, &b"by hand"[..]), ("a", Some("canny.png"), text)];
        gateway.call("POST", &path).header("If-Match", base).form(&form).send()
    };
    assert_eq!(gateway.get(&path).headers["etag"], "\"0\"");
    let made = correct("\"0\"", b"first");
    assert_eq!((made.status, made.headers["etag"].as_str()), (201, "\"1\""), "{}", made.text());
    let stale = correct("\"0\"", b"second");
    assert_eq!((stale.status, stale.code().as_str(), &stale.json()["newest"]), (412, "revision_stale", &json!(1)));
    assert_eq!(correct("\"1\"", b"second").status, 201);
    let form = [("a", Some("canny.png"), &b"x"[..])];
    assert_eq!(gateway.call("POST", &path).form(&form).send().code(), "condition_missing");
    let artifact = |revision: &str| gateway.get(&format!("/v1/jobs/{job}/artifacts/canny.png{revision}")).body;
    assert_eq!((artifact(""), artifact("?revision=1")), (b"second".to_vec(), b"first".to_vec()));
    assert_eq!(&artifact("?revision=0")[1..4], b"PNG");
    let view = gateway.get(&format!("/v1/jobs/{job}")).json();
    assert_eq!(view["revision"], 2);
    assert_eq!(gateway.get(&format!("{path}/1")).json()["note"], "by hand");
    assert_eq!(gateway.get(&format!("{path}/3")).status, 404);
}

#[test]
fn kinds_are_those_of_the_binary() {
    let gateway = Gateway::shared();
    let kinds = gateway.get("/v1/kinds").json();
    let control = kinds["data"].as_array().unwrap().iter().find(|kind| kind["name"] == "control").unwrap();
    assert_eq!(control["inputs"]["min"], 1);
    let schema = gateway.get(control["schema_url"].as_str().unwrap()).text();
    assert_eq!(schema, gateway.medley.call(&["schema", "control"]).out, "byte for byte");
    let document = gateway.get("/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.1");
    assert!(document["components"]["schemas"]["kind.control"].is_object());
    assert_eq!(gateway.get("/healthz").json()["status"], "ok");
    assert_eq!(gateway.get("/readyz").json()["status"], "ready");
}

#[test]
fn a_paused_kind_waits_until_it_is_resumed() {
    let gateway = Gateway::start(&["--work"]);
    assert_eq!(gateway.call("POST", "/v1/kinds/control/pause").send().status, 204);
    assert_eq!(gateway.call("POST", "/v1/kinds/nothing/pause").send().status, 404);
    let queue = |gateway: &Gateway| {
        let queues = gateway.get("/v1/queues").json();
        queues["data"].as_array().unwrap().iter().find(|queue| queue["kind"] == "control").unwrap().clone()
    };
    assert_eq!(queue(&gateway)["paused"], true);
    // A worker that begins now knows it from its first look on, and says so by taking a step of another kind.
    let gateway = gateway.restarted(&["--work"]);
    until(&gateway, "the worker is there", || queue(&gateway)["slots"] == 1);
    let job = gateway.submit_picture();
    let view = gateway.get(&format!("/v1/jobs/{job}?wait_s=3")).json();
    assert_eq!(view["state"], "queued", "{view}");
    assert!(view["notice"].as_str().unwrap().contains("paused"));
    assert_eq!(gateway.call("POST", "/v1/kinds/control/resume").send().status, 204);
    assert_eq!(gateway.wait(&job)["state"], "succeeded");
    let workers = gateway.get("/v1/workers").json();
    assert_eq!(workers["data"].as_array().unwrap().len(), 1, "the one that stopped took its note along");
}

fn until(gateway: &Gateway, what: &str, mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + super::PATIENCE;
    while !there() {
        assert!(Instant::now() < deadline, "waited in vain until {what}\n{}", gateway.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn jobs_of_the_command_line_are_the_gateway_s_too() {
    let gateway = Gateway::shared();
    fs::copy(picture(), gateway.medley.path("mine.png")).unwrap();
    let submitted = gateway.medley.call(&["submit", "control", "mine.png", "--annotators", "canny"]);
    let view = gateway.wait(submitted.out.trim());
    assert_eq!(view["state"], "succeeded", "{view}");
}
