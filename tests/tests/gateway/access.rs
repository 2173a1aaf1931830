//! Tokens, tenants and quotas over the real binary, and the command line over a gateway.

use std::{
    fs,
    io::Read,
    time::{Duration, Instant},
};

use medley_tests::binary::{Ended, Medley, artifacts};
use serde_json::{Value, json};

use super::{Gateway, edges, http::Answer, picture};

/// What docs/access.md promises of a revoked token.
const DIES_WITHIN: Duration = Duration::from_secs(30);

fn token(medley: &Medley, args: &[&str]) -> String {
    let made = medley.call(&[&["token", "create", "test"], args].concat());
    assert_eq!(made.code, Some(0), "{made:?}");
    let token = made.out.trim().to_owned();
    assert!(token.starts_with("mdl_") && !made.err.contains(&token), "{made:?}");
    token
}

fn id_of(token: &str) -> String {
    token.rsplit('_').nth(2).unwrap().to_owned()
}

fn ask(gateway: &Gateway, method: &str, path: &str, token: &str) -> Answer {
    gateway.call(method, path).header("Authorization", &format!("Bearer {token}")).send()
}

/// Every route of the table, asked for by another tenant: with the ids of a job, an upload and a token that are not its own.
#[test]
fn no_route_shows_a_tenant_another_one() {
    let medley = Medley::default();
    let kim = token(&medley, &["--tenant", "kim", "--scope", "admin"]);
    let lee = token(&medley, &["--tenant", "lee", "--scope", "admin"]);
    let gateway = Gateway::start_in(medley, &["--work"]);
    let (request, pixels) = (edges(&[]).to_string(), fs::read(picture()).unwrap());
    let form = [("request", None, request.as_bytes()), ("picture", Some("secret-name.png"), &pixels[..])];
    let made = gateway.call("POST", "/v1/jobs").header("Authorization", &format!("Bearer {kim}")).form(&form).send();
    assert_eq!(made.status, 202, "{}", made.text());
    let job = made.json()["id"].as_str().unwrap().to_owned();
    let ended = ask(&gateway, "GET", &format!("/v1/jobs/{job}?wait_s=60"), &kim);
    assert_eq!(ended.json()["state"], "succeeded", "{}", ended.text());

    let table = gateway.get("/openapi.json").json();
    let mut looked_at = 0;
    for (path, item) in table["paths"].as_object().unwrap() {
        let filled = path
            .replace("{job}", &job)
            .replace("{token}", &id_of(&kim))
            .replace("{name}", "canny.png")
            .replace("{*name}", "canny.png")
            .replace("{kind}", "control");
        for (method, operation) in item.as_object().unwrap() {
            let is_stream = operation.to_string().contains("text/event-stream") && !path.contains("{job}");
            if !matches!(method.as_str(), "get" | "head" | "delete" | "post") || is_stream {
                continue;
            }
            let answer = match method.as_str() {
                "post" if !path.contains("{job}") && !path.contains("{token}") => continue,
                "post" => {
                    let call = gateway.call("POST", &filled).header("Authorization", &format!("Bearer {lee}"));
                    call.json(&json!({})).send()
                }
                method => ask(&gateway, &method.to_uppercase(), &filled, &lee),
            };
            looked_at += 1;
            let text = answer.text();
            assert!(answer.status < 500, "{method} {path}: {} {text}", answer.status);
            assert!(!text.contains("secret-name"), "{method} {path}: {text}");
            // A refusal may repeat what was asked for.
            assert!(path.contains("{token}") || !text.contains(&id_of(&kim)), "{method} {path}: {text}");
            if path.contains("{job}") || path.contains("{token}") {
                let refused = matches!(answer.status, 400 | 404 | 409 | 412 | 415 | 422 | 428);
                assert!(refused, "{method} {path}: {} {text}", answer.status);
            } else {
                assert!(!text.contains(&job), "{method} {path}: {text}");
            }
        }
    }
    assert!(looked_at > 20, "{looked_at} operations");
    let still = ask(&gateway, "GET", &format!("/v1/jobs/{job}"), &kim).json();
    assert_eq!(still["state"], "succeeded", "nothing was done to it: {still}");
    assert_eq!(ask(&gateway, "GET", "/v1/tokens", &kim).json()["data"].as_array().unwrap().len(), 1);
}

/// Each scope opens what the table says, and nothing else.
#[test]
fn scopes_are_those_of_the_table() {
    let medley = Medley::default();
    let [read, submit] = ["read", "submit"].map(|scope| token(&medley, &["--scope", scope]));
    let gateway = Gateway::start_in(medley, &[]);
    for (method, path, opens) in [
        ("GET", "/v1/jobs", [200, 403]),
        ("GET", "/v1/kinds", [200, 403]),
        ("POST", "/v1/jobs/01JD00000000000000000000AA/cancel", [403, 404]),
        ("GET", "/v1/audit", [403, 403]),
        ("GET", "/v1/usage", [403, 403]),
        ("GET", "/v1/tokens", [403, 403]),
        ("POST", "/v1/jobs/actions", [403, 403]),
    ] {
        let found = [&read, &submit].map(|token| ask(&gateway, method, path, token).status);
        assert_eq!(found, opens, "{method} {path}");
        assert_eq!(gateway.call(method, path).send().status, 401, "{method} {path}");
    }
    assert_eq!(gateway.get("/healthz").status, 200);
    let log = gateway.log();
    for secret in [&read, &submit].map(|token| token.rsplit('_').nth(1).unwrap().to_owned()) {
        assert!(!log.contains(&secret), "no log has a secret");
    }
}

/// The promise of 30 seconds over another process's revocation: a new request is refused, and a stream breaks off.
#[test]
fn a_revoked_token_dies_everywhere_in_time() {
    let medley = Medley::default();
    let (kept, lost) = (token(&medley, &["--scope", "admin"]), token(&medley, &[]));
    let gateway = Gateway::start_in(medley, &[]);
    let request = json!({ "kind": "speak", "inputs": [{ "text": "Hello." }] });
    let bearer = format!("Bearer {lost}");
    let made = gateway.call("POST", "/v1/jobs").header("Authorization", &bearer).json(&request).send();
    let events = format!("{}/events", made.headers["location"]);
    let call = gateway.call("GET", &events).header("Authorization", &bearer).header("Accept", "text/event-stream");
    let mut stream = call.open();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200", "nobody works on the job: the stream stays open");

    let revoked = gateway.medley.call(&["token", "revoke", &id_of(&lost)]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    let from = Instant::now();
    while ask(&gateway, "GET", "/v1/jobs", &lost).status != 401 {
        assert!(from.elapsed() < DIES_WITHIN, "still good");
        std::thread::sleep(Duration::from_millis(500));
    }
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    // A busy machine gets five seconds more.
    assert!(from.elapsed() < DIES_WITHIN + Duration::from_secs(5), "{:?}", from.elapsed());
    assert!(!rest.ends_with(b"0\r\n\r\n"), "broken off, and not ended");
    let log = ask(&gateway, "GET", "/v1/audit", &kept).json();
    let actions: Vec<_> =
        log["data"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"POST /v1/jobs"), "{actions:?}");
    assert!(!log.to_string().contains(lost.rsplit('_').nth(1).unwrap()));
}

#[test]
fn quotas_are_kept() {
    let medley = Medley::default();
    fs::write(medley.path("medley.toml"), "[tenants.default]\nmax_jobs_in_flight = 2\n").unwrap();
    let gateway = Gateway::start_in(medley, &[]);
    let submit = |key: &str| {
        let request = json!({ "kind": "speak", "inputs": [{ "text": "Hello." }] });
        gateway.call("POST", "/v1/jobs").header("Idempotency-Key", key).json(&request).send()
    };
    let first = submit("\"1\"");
    assert_eq!((first.status, submit("\"2\"").status), (202, 202));
    let refused = submit("\"3\"");
    assert_eq!((refused.status, refused.code().as_str()), (429, "quota_exceeded"), "{}", refused.text());
    assert_eq!(refused.json()["violated-policies"], json!(["jobs"]));
    assert_eq!(refused.headers["ratelimit-policy"], "\"jobs\";q=2;qu=\"concurrent-requests\"");
    assert_eq!(refused.headers["ratelimit"], "\"jobs\";r=0");
    assert_eq!(submit("\"1\"").status, 202, "who asks again is not turned away");
    let at = &first.headers["location"];
    assert_eq!(gateway.call("DELETE", at).send().status, 204);
    let deadline = Instant::now() + Duration::from_secs(20);
    while submit("\"3\"").status != 202 {
        assert!(Instant::now() < deadline, "the room of a job that is gone is free within a second");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// `medley --server`: the same verbs, and a file that takes several parts to send is whole at the other end.
#[test]
fn the_command_line_works_over_a_gateway() {
    let medley = Medley::default();
    let token = token(&medley, &[]);
    let gateway = Gateway::start_in(medley, &["--work"]);
    let user = Medley::default();
    let server = format!("http://{}", gateway.address);
    let call = |args: &[&str]| -> Ended {
        let mut command = user.command(&[&["--server", &server], args].concat());
        command.env("MEDLEY_TOKEN", &token).output().unwrap().into()
    };
    let picture = picture();
    let submitted =
        call(&["submit", "control", picture.to_str().unwrap(), "--annotators", "canny", "--job-label", "a=b"]);
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    let job = submitted.out.trim().to_owned();
    let watched = call(&["watch", &job]);
    assert_eq!(watched.code, Some(0), "{watched:?}");
    let status = call(&["status", &job, "--json"]);
    let view: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!((&view["state"], &view["labels"]["a"]), (&json!("succeeded"), &json!("b")), "{view}");
    assert_eq!(view["inputs"][0]["name"], "coffee.png");
    let listed = call(&["list"]);
    assert!(listed.out.contains(&job) && listed.out.contains("succeeded"), "{listed:?}");
    for _ in 0..2 {
        let fetched = call(&["fetch", &job, "-o", "out"]);
        assert_eq!(fetched.code, Some(0), "{fetched:?}");
    }
    let files = artifacts(&user.path("out"));
    assert!(files["canny.png"].starts_with(b"\x89PNG") && files.contains_key("job.json"), "{:?}", files.keys());
    assert_eq!(call(&["delete", &job]).code, Some(0));
    let gone = call(&["status", &job]);
    assert!(gone.code == Some(1) && gone.err.contains("no job"), "{gone:?}");

    let text = call(&["submit", "speak", "Hello there."]);
    assert_eq!(text.code, Some(0), "{text:?}");
    let cancelled = call(&["cancel", text.out.trim()]);
    assert_eq!(cancelled.code, Some(0), "{cancelled:?}");

    let elsewhere = call(&["doctor"]);
    assert_eq!(elsewhere.code, Some(2), "{elsewhere:?}");
    let mut without = user.command(&["--server", &server, "list"]);
    let refused: Ended = without.env_remove("MEDLEY_TOKEN").output().unwrap().into();
    assert!(refused.code == Some(1) && refused.err.contains("token_missing"), "{refused:?}");
}
