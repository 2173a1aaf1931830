//! The client against a small server that speaks the protocol and, told to, breaks it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use medley_assist::{AssistError, Assistant, Config, Picture};
use medley_tests::chat::{Answer, ChatServer, says, send};
use serde_json::json;

fn assistant(server: &ChatServer) -> Assistant {
    let config =
        Config { endpoint: Some(server.endpoint.clone()), model: "m".into(), timeout_s: 1, ..Config::default() };
    Assistant::new(&config).unwrap().unwrap()
}

fn ok(stream: &mut TcpStream) {
    send(stream, "200 OK", "", &says(" A summary. "));
}

#[test]
fn a_chat_is_answered_and_asked_as_the_protocol_says() {
    let server = ChatServer::start(&[ok]);
    assert_eq!(assistant(&server).chat("be brief", "what?").unwrap(), "A summary.");
    let (head, body) = server.asked.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /v1/chat/completions "), "{head}");
    assert_eq!(body["model"], "m");
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "be brief"}));
    assert_eq!(body["messages"][1], json!({"role": "user", "content": "what?"}));
}

#[test]
fn a_picture_goes_along_as_a_data_url() {
    let server = ChatServer::start(&[ok]);
    assistant(&server).look("s", "u", Picture { media_type: "image/png", bytes: b"png" }).unwrap();
    let body = server.asked.lock().unwrap()[0].1.clone();
    assert_eq!(body["messages"][1]["content"][1]["image_url"]["url"], "data:image/png;base64,cG5n");
}

#[test]
fn errors_that_may_pass_are_tried_again() {
    let server = ChatServer::start(&[
        |stream| send(stream, "503 Service Unavailable", "", "busy"),
        |stream| send(stream, "429 Too Many Requests", "retry-after: 0\r\n", "slow down"),
        ok,
    ]);
    assert_eq!(assistant(&server).chat("s", "u").unwrap(), "A summary.");
    assert_eq!(server.calls(), 3);
}

#[test]
fn attempts_end() {
    let server = ChatServer::start(&[|stream| send(stream, "500 Internal Server Error", "", "")]);
    assert!(matches!(assistant(&server).chat("s", "u"), Err(AssistError::Busy { status: 500, .. })));
    assert_eq!(server.calls(), 3);
}

#[test]
fn a_refusal_is_final() {
    let server = ChatServer::start(&[|stream| send(stream, "401 Unauthorized", "", "bad key")]);
    let error = assistant(&server).chat("s", "u").unwrap_err();
    assert!(matches!(&error, AssistError::Refused { status: 401, detail } if detail == "bad key"), "{error}");
    assert_eq!(server.calls(), 1);
}

#[test]
fn a_wait_longer_than_the_total_is_not_waited() {
    let server = ChatServer::start(&[|stream| send(stream, "429 Too Many Requests", "retry-after: 86400\r\n", "")]);
    // Were it waited, it would be asked again a day later.
    assert!(matches!(assistant(&server).chat("s", "u"), Err(AssistError::Busy { .. })));
    assert_eq!(server.calls(), 1);
}

#[test]
fn no_wish_and_no_setting_overflows_the_clock() {
    let ages: [&'static [Answer]; 3] = [
        &[|stream| send(stream, "429 Too Many Requests", "retry-after: 18446744073709551615\r\n", "")],
        &[|stream| send(stream, "503 Busy", "retry-after: 99999999999999999999999\r\n", "")],
        &[|stream| send(stream, "503 Busy", "retry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\n", "")],
    ];
    for answers in ages {
        let server = ChatServer::start(answers);
        assert!(matches!(assistant(&server).chat("s", "u"), Err(AssistError::Busy { .. })));
        assert_eq!(server.calls(), 1);
    }
    let server = ChatServer::start(&[ok]);
    let (endpoint, forever) = (Some(server.endpoint.clone()), u64::MAX);
    let config = Config { endpoint, timeout_s: forever, total_timeout_s: forever, ..Config::default() };
    assert_eq!(Assistant::new(&config).unwrap().unwrap().chat("s", "u").unwrap(), "A summary.");
}

#[test]
fn broken_answers_are_errors() {
    let broken: [&'static [Answer]; 5] = [
        &[|stream| send(stream, "200 OK", "", "<html>")],
        &[|stream| send(stream, "200 OK", "", r#"{"choices": []}"#)],
        &[|stream| send(stream, "200 OK", "", &says("  "))],
        &[|stream| send(stream, "200 OK", "", r#"{"choices": [{"message": {"content": null}}]}"#)],
        &[|stream| send(stream, "200 OK", "", &says(&"x".repeat(2 << 20)))],
    ];
    for answers in broken {
        let error = assistant(&ChatServer::start(answers)).chat("s", "u").unwrap_err();
        assert!(matches!(error, AssistError::BadAnswer(_)), "{error:?}");
    }
}

#[test]
fn hanging_and_torn_answers_run_into_the_limits() {
    let slow: &'static [Answer] = &[|stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{{");
        // Until the client has had enough.
        let _ = stream.read(&mut [0]);
    }];
    let torn: &'static [Answer] = &[|stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{{");
    }];
    for answers in [slow, torn] {
        let server = ChatServer::start(answers);
        let config =
            Config { endpoint: Some(server.endpoint.clone()), timeout_s: 1, max_attempts: 1, ..Config::default() };
        let error = Assistant::new(&config).unwrap().unwrap().chat("s", "u").unwrap_err();
        assert!(matches!(error, AssistError::Unreachable(_)), "{error:?}");
    }
}

#[test]
fn json_is_read_as_asked_or_refused() {
    #[derive(Debug, serde::Deserialize)]
    struct Titled {
        title: String,
    }
    let server = ChatServer::start(&[|stream| send(stream, "200 OK", "", &says(r#"{"title": "T"}"#)), ok]);
    assert_eq!(assistant(&server).chat_json::<Titled>("s", "u").unwrap().title, "T");
    assert!(matches!(assistant(&server).chat_json::<Titled>("s", "u"), Err(AssistError::BadAnswer(_))));
}

#[test]
fn without_an_endpoint_there_is_no_assistant_and_a_missing_key_is_named() {
    assert!(Assistant::new(&Config::default()).unwrap().is_none());
    let config = Config {
        endpoint: Some("http://localhost/v1".into()),
        api_key_file: Some("/no/such/key".into()),
        ..Config::default()
    };
    assert!(Assistant::new(&config).unwrap_err().to_string().contains("/no/such/key"));
}
