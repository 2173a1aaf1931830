//! Resumable uploads, by the packages that people use and by requests that these do not send.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use medley_proto::Sha256;
use medley_tests::{binary::sample, clients};
use serde_json::json;

use crate::{
    exchange::{Answer, ask, break_off},
    served::Served,
};

const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");
const PIECE: (&str, &str) = ("Content-Type", "application/offset+octet-stream");
/// More than one part, and no multiple of anything.
const LONG: usize = 20_000_003;

/// A file that compresses badly and repeats nowhere near.
fn long_file(served: &Served) -> (PathBuf, Sha256) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).to_le_bytes()[0]
    };
    let bytes: Vec<u8> = (0..LONG).map(|_| next()).collect();
    let path = served.medley.path("long.bin");
    fs::write(&path, &bytes).unwrap();
    (path, Sha256::of(&bytes))
}

fn ran(command: &mut Command) -> Vec<String> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.lines().map(str::to_owned).collect()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway").join(name)
}

/// The path of an upload's URL, which may be whole.
fn path_of(url: &str) -> &str {
    &url[url.find("/v1/inputs/").unwrap_or_else(|| panic!("no URL of an upload: {url}"))..]
}

fn view(served: &Served, path: &str) -> serde_json::Value {
    let answer = ask(&served.address, "GET", path, &[], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn is_whole(served: &Served, url: &str, name: &str, sha256: Sha256) {
    let view = view(served, path_of(url));
    assert_eq!((&view["state"], &view["name"]), (&json!("finished"), &json!(name)), "{view}");
    assert_eq!((&view["sha256"], &view["bytes"]), (&json!(sha256), &json!(LONG)), "{view}");
}

#[test]
fn tuspy_goes_on_after_the_gateway_was_killed() {
    let mut served = Served::start(&[]);
    let (file, sha256) = long_file(&served);
    let tuspy = |address: &str, more: &[&str]| {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", clients::pip(&["tuspy==1.1.0"])).arg(script("uploads_client.py"));
        ran(command.arg(address).arg(&file).args(more)).pop().unwrap()
    };
    let url = tuspy(&served.address, &["begin"]);
    served.kill();
    served.start_again(&[]);
    let half = view(&served, path_of(&url));
    assert_eq!((&half["state"], &half["offset_bytes"]), (&json!("receiving"), &json!(15_000_000)), "{half}");
    tuspy(&served.address, &["resume", &url]);
    is_whole(&served, &url, "a talk.bin", sha256);
}

#[test]
fn tus_js_client_uploads_in_each_of_its_ways() {
    let served = Served::start(&[]);
    let (file, sha256) = long_file(&served);
    let mut node = Command::new("node");
    node.env("NODE_PATH", clients::npm(&["tus-js-client@4.3.1"])).arg(script("uploads_client.cjs"));
    let urls = ran(node.arg(&served.address).arg(&file));
    assert_eq!(urls.len(), 3);
    for url in urls {
        is_whole(&served, &url, "录音.bin", sha256);
    }
}

fn begin(served: &Served, more: &[(&str, &str)]) -> Answer {
    ask(&served.address, "POST", "/v1/inputs", &[&[TUS], more].concat(), b"")
}

/// The path of a new upload of so many bytes.
fn new_upload(served: &Served, bytes: usize) -> String {
    let answer = begin(served, &[("Upload-Length", &bytes.to_string()), ("Upload-Metadata", "filename YS50eHQ=")]);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.header("Location").unwrap().to_owned()
}

fn offset(served: &Served, path: &str) -> u64 {
    let answer = ask(&served.address, "HEAD", path, &[TUS], b"");
    assert_eq!((answer.status, answer.header("Cache-Control")), (200, Some("no-store")), "{answer:?}");
    answer.header("Upload-Offset").unwrap().parse().unwrap()
}

fn patch(served: &Served, path: &str, offset: u64, more: &[(&str, &str)], body: &[u8]) -> Answer {
    let offset = offset.to_string();
    let headers = [&[TUS, PIECE, ("Upload-Offset", offset.as_str())], more].concat();
    ask(&served.address, "PATCH", path, &headers, body)
}

#[test]
fn the_protocol_is_spoken_to_the_letter() {
    let served = Served::start(&[]);
    let told = ask(&served.address, "OPTIONS", "/v1/inputs", &[], b"");
    assert_eq!((told.status, told.header("Tus-Version")), (204, Some("1.0.0")), "{told:?}");
    for word in ["creation", "creation-with-upload", "expiration", "checksum", "termination"] {
        assert!(told.header("Tus-Extension").unwrap().split(',').any(|known| known == word), "{told:?}");
    }
    assert!(told.header("Tus-Max-Size").unwrap().parse::<u64>().unwrap() > 1 << 30);

    let old = ask(&served.address, "POST", "/v1/inputs", &[("Tus-Resumable", "0.2.2"), ("Upload-Length", "5")], b"");
    assert_eq!((old.status, old.header("Tus-Version")), (412, Some("1.0.0")), "{old:?}");
    for (headers, status, code) in [
        (&[][..], 400, "upload_invalid"),
        (&[("Upload-Length", "0")], 422, "media_empty"),
        (&[("Upload-Length", "99999999999999")], 413, "media_too_large"),
        (&[("Upload-Length", "5"), ("Upload-Metadata", "filename no base64")], 400, "upload_invalid"),
        (&[("Upload-Length", "5"), ("Upload-Concat", "partial")], 400, "upload_invalid"),
    ] {
        let refused = begin(&served, headers);
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{headers:?}: {refused:?}");
        assert_eq!(refused.header("Tus-Resumable"), Some("1.0.0"));
    }

    let path = new_upload(&served, 11);
    let made = ask(&served.address, "HEAD", &path, &[TUS], b"");
    assert_eq!((made.header("Upload-Length"), made.header("Upload-Metadata")), (Some("11"), Some("filename YS50eHQ=")));
    assert!(made.header("Upload-Expires").unwrap().ends_with("GMT"), "{made:?}");
    assert_eq!(patch(&served, &path, 5, &[], b"hello").status, 409);
    let plain = ask(&served.address, "PATCH", &path, &[TUS, ("Upload-Offset", "0")], b"hello");
    assert_eq!((plain.status, plain.code().as_str()), (415, "upload_type_unsupported"));
    assert_eq!(patch(&served, &path, 0, &[], b"hello, world").status, 413);
    let damaged = patch(&served, &path, 0, &[("Upload-Checksum", "sha1 EfatjsUqKYSrqv18O1FlA3hcIHI=")], b"hello");
    assert_eq!((damaged.status, damaged.code().as_str()), (460, "upload_checksum_mismatch"));
    assert_eq!(patch(&served, &path, 0, &[("Upload-Checksum", "crc99 AAAA")], b"hello").status, 400);
    assert_eq!(offset(&served, &path), 0, "nothing of these was kept");
    let right = patch(&served, &path, 0, &[("Upload-Checksum", "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=")], b"hello");
    assert_eq!((right.status, right.header("Upload-Offset")), (204, Some("5")), "{right:?}");
    let override_it = [TUS, PIECE, ("Upload-Offset", "5"), ("X-HTTP-Method-Override", "PATCH")];
    assert_eq!(ask(&served.address, "POST", &path, &override_it, b" world").status, 204);
    assert_eq!(view(&served, &path)["sha256"], json!(Sha256::of(b"hello world")));

    assert_eq!(ask(&served.address, "DELETE", &path, &[TUS], b"").status, 204);
    assert_eq!(ask(&served.address, "HEAD", &path, &[TUS], b"").status, 404);
    for id in ["../../jobs", "..%2f..%2fjobs", "%2e%2e", "01JD", "01JD0000000000000000000000"] {
        let none = ask(&served.address, "GET", &format!("/v1/inputs/{id}"), &[], b"");
        assert_eq!(none.status, 404, "{id}: {none:?}");
    }
}

#[test]
fn what_came_before_a_connection_broke_is_kept() {
    let served = Served::start(&[]);
    let body = vec![7; 3_000_000];
    let path = new_upload(&served, body.len());
    let headers = [TUS, PIECE, ("Upload-Offset", "0")];
    break_off(&served.address, "PATCH", &path, &headers, &body, 2_000_000);
    // HEAD takes over from the request that broke off, once that is known, and what has come of it is kept first.
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut came = offset(&served, &path);
    while came == 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
        came = offset(&served, &path);
    }
    assert!((1..=2_000_000).contains(&came), "{came}");
    let rest = patch(&served, &path, came, &[], &body[usize::try_from(came).unwrap()..]);
    assert_eq!(rest.status, 204, "{rest:?}");
    assert_eq!(view(&served, &path)["sha256"], json!(Sha256::of(&body)));
}

#[test]
fn a_job_reads_what_was_uploaded() {
    let served = Served::start(&["--work"]);
    let picture = fs::read(sample("sample-pictures", "coffee.png")).unwrap();
    let path = new_upload(&served, picture.len());
    let id = path.rsplit('/').next().unwrap();
    let request = json!({
        "kind": "control",
        "inputs": [{ "upload": id }],
        "params": { "annotators": ["canny"] },
    });
    let submit = || {
        let headers = [("Content-Type", "application/json"), ("Prefer", "wait=60")];
        ask(&served.address, "POST", "/v1/jobs", &headers, request.to_string().as_bytes())
    };
    let early = submit();
    assert_eq!((early.status, early.code().as_str()), (409, "upload_incomplete"), "{early:?}");
    assert_eq!(patch(&served, &path, 0, &[], &picture).status, 204);
    let job = submit();
    assert!(matches!(job.status, 200 | 202), "{job:?}");
    let job = job.json()["id"].as_str().unwrap().to_owned();
    let ended = served.medley.call(&["watch", &job, "--config", "medley.toml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // The job keeps its file.
    assert_eq!(ask(&served.address, "DELETE", &path, &[TUS], b"").status, 204);
    let status = served.medley.call(&["status", &job, "--json", "--config", "medley.toml"]);
    assert!(status.out.contains(&Sha256::of(&picture).to_string()), "{status:?}");
}
