//! Servers that mean no good, and addresses with something secret in them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use medley_net::{Address, LONGEST_WISH};
use medley_proto::ErrorCode;
use medley_runtime::fetch::{Fetcher, HttpsFetcher, HttpsPolicy};
use medley_step::StepError;

/// Answers every request by what `answer` makes of its head; keeps the heads.
fn server(answer: impl Fn(&str) -> String + Send + 'static) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = read_head(&stream);
            let _ = stream.write_all(answer(&head).as_bytes());
            log.lock().unwrap().push(head);
        }
    });
    (address, asked)
}

fn read_head(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
    head
}

fn answer(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n")
}

fn fetcher(trusted: &[SocketAddr]) -> HttpsFetcher {
    HttpsFetcher::new(HttpsPolicy { trusted: trusted.to_vec(), timeout: Duration::from_secs(20) })
}

async fn fetch(fetcher: &HttpsFetcher, url: &str) -> Result<Vec<u8>, StepError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("input");
    fetcher.fetch(&Address::new(url), &path, 1 << 20).await?;
    Ok(std::fs::read(path).unwrap())
}

#[tokio::test]
async fn a_wish_of_ages_is_bounded() {
    for wish in ["99999999999", "18446744073709551615", "999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let (address, _) = server(move |_| answer("503 Busy", &format!("retry-after: {wish}\r\n")));
        match fetch(&fetcher(&[address]), &format!("http://{address}/x")).await.unwrap_err() {
            StepError::Transient { code, retry_after, .. } => {
                assert_eq!(code, ErrorCode::SERVICE_UNAVAILABLE);
                assert_eq!(retry_after, Some(LONGEST_WISH), "{wish}");
            }
            other => panic!("{wish}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_time_limit_without_end_is_no_defect() {
    let (address, _) = server(|_| answer("200 OK", ""));
    let forever = HttpsFetcher::new(HttpsPolicy { trusted: vec![address], timeout: Duration::MAX });
    assert_eq!(fetch(&forever, &format!("http://{address}/x")).await.unwrap(), b"");
}

#[tokio::test]
async fn redirects_in_circles_are_final() {
    let (address, asked) = server(|head| {
        let path = head.split(' ').nth(1).unwrap_or("/");
        answer("302 Found", &format!("location: {path}0\r\n"))
    });
    let (itself, _) = server(|_| answer("301 Moved", "location: /x?sig=S3CRET\r\n"));
    let (nowhere, _) = server(|_| answer("302 Found", ""));
    for server in [address, itself, nowhere] {
        let error = fetch(&fetcher(&[server]), &format!("http://{server}/x")).await.unwrap_err();
        assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
        assert_eq!(error.code(), ErrorCode::INPUT_NOT_FOUND, "{error:?}");
    }
    assert!(asked.lock().unwrap().len() < 20);
}

#[tokio::test]
async fn no_error_repeats_what_is_secret() {
    let answers = [
        answer("404 Not Found", ""),
        answer("403 Forbidden", ""),
        answer("503 Busy", ""),
        answer("302 Found", "location: http://bob:S3CRET@127.0.0.1:1/y?sig=T0KEN\r\n"),
        answer("302 Found", "location: https://127.0.0.1:1/y?sig=T0KEN\r\n"),
        answer("302 Found", "location: http://a b/?sig=T0KEN\r\n"),
        "nonsense\r\n\r\n".to_owned(),
        String::new(),
    ];
    for text in answers {
        let sent = text.clone();
        let (address, _) = server(move |_| sent.clone());
        for host in [address.to_string(), "127.0.0.1:1".into(), "no.such.host.invalid".into(), "bad host".into()] {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://bob:S3CRET@{host}/none.mp3?sig=T0KEN#S3CRET");
                let error = fetch(&fetcher(&[address]), &url).await.unwrap_err();
                let told = format!("{error} {error:?} {:?}", error.causes());
                assert!(!told.contains("S3CRET") && !told.contains("T0KEN"), "{text}: {told}");
                assert!(error.to_string().contains("/none.mp3"), "{error}");
            }
        }
    }
    // Without trusted addresses plain http is refused by the client itself, which repeats it.
    let (address, _) = server(|_| answer("200 OK", ""));
    let error = fetch(&fetcher(&[]), &format!("http://bob:S3CRET@{address}/x?sig=T0KEN")).await.unwrap_err();
    assert!(!format!("{error:?} {:?}", error.causes()).contains("S3CRET"), "{error:?}");
}

#[tokio::test]
async fn user_and_password_go_to_the_server_and_to_no_other() {
    let (other, asked_other) = server(|_| answer("200 OK", ""));
    let (address, asked) = server(move |_| answer("302 Found", &format!("location: http://{other}/y\r\n")));
    let url = format!("http://bob:p%40ss@{address}/x?a=1");
    fetch(&fetcher(&[address, other]), &url).await.unwrap();
    let head = asked.lock().unwrap()[0].clone();
    assert!(head.to_lowercase().contains("authorization: basic") && head.contains("Ym9iOnBAc3M="), "{head}");
    assert!(head.starts_with("GET /x?a=1 "), "{head}");
    let head = asked_other.lock().unwrap()[0].to_lowercase();
    assert!(!head.contains("authorization"), "{head}");
}
