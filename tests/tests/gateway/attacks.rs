//! What strangers try, each with what it comes to.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Gateway, edges, http::read_answer, picture};

#[test]
fn pages_of_others_cannot_use_a_gateway_on_loopback() {
    let gateway = Gateway::shared();
    for (name, value, code) in [
        ("Host", "evil.example", "host_foreign"),
        ("Host", "127.0.0.1.nip.io:8750", "host_foreign"),
        ("Origin", "https://evil.example", "origin_foreign"),
        ("Origin", "null", "origin_foreign"),
        ("Sec-Fetch-Site", "cross-site", "origin_foreign"),
    ] {
        for path in ["/v1/jobs", "/healthz", "/v1/nothing"] {
            let answer = gateway.call("GET", path).header(name, value).send();
            assert_eq!((answer.status, answer.code().as_str()), (403, code), "{name}: {value} {path}");
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
    }
    let port = gateway.address.port();
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let origin = format!("http://{host}");
        let answer = gateway.call("GET", "/v1/jobs").header("Host", &host).header("Origin", &origin).send();
        assert_eq!(answer.status, 200, "{host}");
    }
}

#[test]
fn only_loopback_is_served_without_a_token() {
    let refused = medley_tests::binary::Medley::default().call(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("no token"), "{refused:?}");
}

#[test]
fn what_browsers_could_run_is_not_shown() {
    let gateway = Gateway::shared();
    let job = gateway.submit_picture();
    gateway.wait(&job);
    let script = b"<script>alert(1)</script>";
    let form = [("a", Some("page.html"), &script[..]), ("b", Some("picture.svg"), &script[..])];
    let made =
        gateway.call("POST", &format!("/v1/jobs/{job}/revisions")).header("If-Match", "\"0\"").form(&form).send();
    assert_eq!(made.status, 201, "{}", made.text());
    for name in ["page.html", "picture.svg"] {
        let answer = gateway.get(&format!("/v1/jobs/{job}/artifacts/{name}"));
        assert_eq!(answer.body, script);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(answer.headers["content-security-policy"].contains("sandbox"), "{name}");
        assert!(answer.headers["content-disposition"].starts_with("attachment"), "{name}");
    }
}

#[test]
fn no_name_leads_out_of_a_job() {
    let gateway = Gateway::shared();
    let job = gateway.submit_picture();
    gateway.wait(&job);
    for name in [
        "../manifest.json",
        "..%2fjob.json",
        "%2e%2e/%2e%2e/job.json",
        "..%5c..%5cjob.json",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "canny.png%00",
        ".%2e/x",
        "canny.png/../../job.json",
    ] {
        let answer = gateway.get(&format!("/v1/jobs/{job}/artifacts/{name}"));
        assert!(matches!(answer.status, 400 | 404), "{name}: {} {}", answer.status, answer.text());
    }
    let correct = |name: &str| {
        let form = [("a", Some(name), &b"x"[..])];
        gateway.call("POST", &format!("/v1/jobs/{job}/revisions")).header("If-Match", "\"0\"").form(&form).send()
    };
    for name in ["../manifest.json", "..%2fjob.json", "a/..", "a?b.json", "a:b"] {
        let answer = correct(name);
        assert_eq!((answer.status, answer.code().as_str()), (422, "params_invalid"), "{name}: {}", answer.text());
    }
    // What is left of a path is its last part.
    assert_eq!(correct("../../../job.json").json()["artifacts"][0]["name"], "job.json");
    assert_eq!(gateway.get(&format!("/v1/jobs/{job}")).json()["state"], "succeeded");
}

#[test]
fn inputs_reach_nothing_private() {
    let gateway = Gateway::shared();
    let files =
        ["file:///etc/passwd", "FILE:///etc/passwd", "file:/etc/passwd", "file://localhost/etc/passwd", "/etc/passwd"];
    let schemes = ["gopher://a/", "ftp://a/b", "data:text/plain,x", "s3://bucket/key", "javascript:1"];
    for uri in files.iter().chain(&schemes) {
        let answer = gateway.post("/v1/jobs", &edges(&[json!({ "uri": uri })]));
        assert_eq!(answer.status, 400, "{uri}: {}", answer.text());
    }
    // Private addresses are refused when they are resolved: by the job, and with a code.
    for uri in ["https://127.0.0.1/a.png", "https://[::1]/a.png", "https://169.254.169.254/a.png"] {
        let answer = gateway.post("/v1/jobs", &edges(&[json!({ "uri": uri })]));
        assert_eq!(answer.status, 202, "{uri}: {}", answer.text());
        let view = gateway.wait(answer.json()["id"].as_str().unwrap());
        assert_eq!(
            (&view["state"], &view["error"]["code"]),
            (&json!("failed"), &json!("input_forbidden")),
            "{uri}: {view}"
        );
    }
}

#[test]
fn large_requests_are_refused_early() {
    let gateway = Gateway::shared();
    let long = "x".repeat(2 << 20);
    let body = gateway.post("/v1/jobs", &json!({ "kind": "speak", "inputs": [{ "text": long }] }));
    assert_eq!((body.status, body.code().as_str()), (413, "request_too_large"));
    let head = gateway.call("GET", "/healthz").header("X-Long", &"x".repeat(200 << 10)).send();
    assert_eq!(head.status, 431);
    let request = long.as_bytes();
    let form = gateway.call("POST", "/v1/jobs").form(&[("request", None, request)]).send();
    assert_eq!((form.status, form.code().as_str()), (413, "request_too_large"));
}

#[test]
fn a_head_that_never_ends_does_not_hold_a_connection() {
    let medley = medley_tests::binary::Medley::default();
    std::fs::write(medley.path("medley.toml"), "[gateway]\nhead_timeout_s = 1\nbody_pause_s = 1\n").unwrap();
    let gateway = Gateway::start_in(medley, &[]);
    let began = Instant::now();
    let mut slow = TcpStream::connect(gateway.address).unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    let mut end = Vec::new();
    let _ = slow.read_to_end(&mut end);
    assert!(began.elapsed() < Duration::from_secs(60), "the gateway ended it");
    let mut slow = TcpStream::connect(gateway.address).unwrap();
    let head = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    slow.write_all(format!("{head}Content-Length: 1000\r\n\r\n{{").as_bytes()).unwrap();
    let answer = read_answer(slow);
    assert!(answer.status == 400, "{} {}", answer.status, answer.text());
    assert_eq!(gateway.get("/healthz").status, 200);
}

#[test]
fn two_lengths_are_no_request() {
    let gateway = Gateway::shared();
    for framing in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Content-Length: +5\r\n",
        "Content-Length : 5\r\n",
    ] {
        let mut stream = TcpStream::connect(gateway.address).unwrap();
        let smuggled = "0\r\n\r\nGET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let request =
            format!("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{framing}\r\n{smuggled}");
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let answers = String::from_utf8_lossy(&bytes).matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "{framing}: {}", String::from_utf8_lossy(&bytes));
        assert!(!bytes.starts_with(b"HTTP/1.1 2"), "{framing}: {}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn names_of_files_add_no_headers_and_no_lines() {
    let gateway = Gateway::shared();
    let picture = std::fs::read(picture()).unwrap();
    let request = edges(&[]).to_string();
    let form = [("request", None, request.as_bytes()), ("f", Some("a\u{7}b.png"), &picture[..])];
    let answer = gateway.call("POST", "/v1/jobs").form(&form).send();
    assert_eq!((answer.status, answer.code().as_str()), (400, "form_invalid"));
    let id = gateway.call("GET", "/healthz").header("X-Request-Id", "a b<script>").send();
    assert!(!id.headers["x-request-id"].contains('<'));
    let id = gateway.call("GET", "/healthz").header("X-Request-Id", "mine-1").send();
    assert_eq!(id.headers["x-request-id"], "mine-1");
}
