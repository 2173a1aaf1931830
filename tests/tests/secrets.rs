//! Nothing that a person or program reads of a job shows a password or signature: terminal, logs, records, artifacts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    thread,
};

use medley_tests::binary::{Ended, Medley};

const SECRETS: [&str; 2] = ["S3CRET", "T0KEN"];

/// Answers every request the same.
fn server(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 8192]);
            let _ = stream.write_all(&answer);
        }
    });
    address
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A picture of one colour.
fn picture() -> Vec<u8> {
    let mut bytes = b"P6 64 64 255\n".to_vec();
    bytes.extend(std::iter::repeat_n(200, 64 * 64 * 3));
    bytes
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

fn keeps_quiet(ended: &Ended, folder: &Path) {
    for secret in SECRETS {
        assert!(!holds(ended.err.as_bytes(), secret), "{ended:?}");
        assert!(!holds(ended.out.as_bytes(), secret), "{ended:?}");
        for file in files(folder) {
            assert!(!holds(&fs::read(&file).unwrap(), secret), "{} holds {secret}", file.display());
        }
    }
}

#[test]
fn a_run_shows_and_keeps_no_secret_of_an_address() {
    let cases = [
        (answer("404 Not Found", b""), 1, "input_not_found"),
        (answer("503 Busy", b""), 3, "service_unavailable"),
        (answer("200 OK", b"no picture at all"), 1, "media_"),
        (answer("200 OK", &picture()), 0, ""),
    ];
    for (answer, code, told) in cases {
        let address = server(answer);
        let medley = Medley::default();
        let config =
            format!("[inputs]\ntrusted = [\"{address}\"]\n[worker]\nmax_attempts = 2\nfirst_backoff_ms = 10\n");
        fs::write(medley.path("medley.toml"), config).unwrap();
        let url = format!("http://bob:S3CRET@{address}/some/none.ppm?sig=T0KEN");
        let mut command = medley.command(&["run", "control", &url, "-o", "out", "--json", "--annotators", "canny"]);
        let ended = Ended::from(command.env("MEDLEY_LOG", "trace").output().unwrap());
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.err.contains(told), "{ended:?}");
        // The user's own file may say what it likes.
        fs::remove_file(medley.path("medley.toml")).unwrap();
        keeps_quiet(&ended, &medley.path("out"));
        let shown = format!("http://{address}/some/none.ppm");
        assert!(code == 0 || ended.err.contains(&shown) || ended.err.contains("none.ppm"), "{ended:?}");
        assert!(ended.out.contains(&shown), "the manifest says where it came from: {ended:?}");
    }
}

#[test]
fn two_addresses_that_differ_in_what_is_hidden_are_two_jobs() {
    let address = server(answer("404 Not Found", b""));
    let medley = Medley::default();
    fs::write(medley.path("medley.toml"), format!("[inputs]\ntrusted = [\"{address}\"]\n")).unwrap();
    let submit = |query: &str| {
        let url = format!("http://{address}/a.png?{query}");
        medley.call(&["submit", "control", &url, "--key", "one"])
    };
    let first = submit("page=1");
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(submit("page=1").out, first.out, "the same request is the same job");
    let second = submit("page=2");
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.err.contains("idempotency_conflict"), "{second:?}");
}

#[test]
fn no_command_repeats_the_password_of_queue_or_store() {
    let medley = Medley::default();
    for (name, value) in [
        ("MEDLEY_QUEUE", "amqp://bob:S3CRET@127.0.0.1:1/medley?x=T0KEN"),
        ("MEDLEY_QUEUE", "amqp://bob:S3CRET/T0KEN@127.0.0.1:1"),
        ("MEDLEY_QUEUE", "kafka://bob:S3CRET@127.0.0.1:1/?x=T0KEN"),
        ("MEDLEY_STORE", "gs://bob:S3CRET@bucket/?x=T0KEN"),
    ] {
        for args in [&["list"][..], &["submit", "speak", "Hello."], &["worker"], &["doctor"], &["dead", "list"]] {
            let mut command = medley.command(args);
            let ended = Ended::from(command.env(name, value).env("MEDLEY_LOG", "trace").output().unwrap());
            for secret in SECRETS {
                assert!(!ended.err.contains(secret) && !ended.out.contains(secret), "{args:?}: {ended:?}");
            }
        }
    }
}

#[test]
fn a_mistake_in_the_configuration_is_told_without_the_line() {
    let medley = Medley::default();
    for text in [
        "[queue]\nurll = \"amqp://bob:S3CRET@127.0.0.1/\"\n",
        "[queue]\nurl = \"amqp://bob:S3CRET@127.0.0.1/\n",
        "[store]\nurl = \"s3://bucket\" secret_key = \"S3CRET\"\n",
    ] {
        fs::write(medley.path("medley.toml"), text).unwrap();
        let ended = medley.call(&["list"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains("medley.toml") && !ended.err.contains("S3CRET"), "{ended:?}");
    }
}
