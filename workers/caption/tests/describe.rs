//! Captions by a vision model: a small server stands in for one, and says what a real one might.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::PathBuf,
    sync::Arc,
    thread,
};

use medley_assist::{Assistant, Config};
use medley_caption::{Analyzer, AnalyzerSlots, CaptionParams, CaptionedBy, Row};
use medley_models::Models;
use medley_step::testing::QuietHost;
use serde_json::{Value, json};

/// Answers one request with this status and body; what it was asked.
fn serve(status: u16, body: String) -> (String, thread::JoinHandle<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut request = vec![0; length];
        reader.read_exact(&mut request).unwrap();
        write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
            .unwrap();
        serde_json::from_slice(&request).unwrap()
    });
    (endpoint, asked)
}

fn describe(endpoint: String) -> Row {
    let models = Models::open(&Models::default_dir());
    let config = Config { endpoint: Some(endpoint), max_attempts: 1, timeout_s: 10, ..Config::default() };
    let assistant = Assistant::new(&config).unwrap().map(Arc::new);
    let params = CaptionParams {
        describe: true,
        trigger: Some("sks".into()),
        text: false,
        people: false,
        objects: false,
        nsfw: false,
        ..CaptionParams::default()
    };
    let analyzer = Analyzer::open(&models, &params, AnalyzerSlots { threads: 1, calls: 1 })
        .unwrap()
        .with_assistant(assistant)
        .unwrap();
    let files: Vec<(String, PathBuf)> =
        vec![("coffee.png".into(), models.file("sample-pictures", "coffee.png").unwrap())];
    analyzer.analyze(&files, &QuietHost::default()).unwrap().remove(0).row
}

fn completion(text: &str) -> String {
    json!({ "choices": [{ "message": { "role": "assistant", "content": text } }] }).to_string()
}

#[test]
fn its_sentence_is_the_caption_and_it_saw_the_image() {
    let (endpoint, asked) = serve(200, completion("\"A cup of coffee\n on a wooden table.\""));
    let row = describe(endpoint);
    assert_eq!(row.caption, "sks, A cup of coffee on a wooden table.");
    assert_eq!(row.captioned_by, CaptionedBy::Assistant);
    let asked = asked.join().unwrap().to_string();
    assert!(asked.contains("data:image/jpeg;base64,") && asked.contains("Caption this image"));
}

#[test]
fn a_failure_or_an_essay_leaves_the_sentence() {
    for (status, body) in [(500, String::new()), (200, completion(&"word ".repeat(500))), (200, "no JSON".into())] {
        let (endpoint, asked) = serve(status, body);
        let row = describe(endpoint);
        assert_eq!(row.captioned_by, CaptionedBy::Sentence);
        assert!(row.caption.starts_with("sks, A") && row.error.is_none(), "{row:?}");
        asked.join().unwrap();
    }
}
