//! Fetching by URL, from a small server of our own that breaks off, redirects and lies; and never from where it should
//! not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use medley_proto::ErrorCode;
use medley_runtime::fetch::{Fetcher, HttpsFetcher, HttpsPolicy};
use medley_step::StepError;

struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request by `answer(how many came before, head, stream)`.
    fn start(answer: impl Fn(usize, &str, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = asked.clone();
        thread::spawn(move || {
            for (before, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let head = read_head(&stream);
                log.lock().unwrap().push(head.clone());
                answer(before, &head, &mut stream);
            }
        });
        Self { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}/a.mp3", self.address)
    }

    fn fetcher(&self) -> HttpsFetcher {
        HttpsFetcher::new(HttpsPolicy { trusted: vec![self.address], timeout: Duration::from_secs(60) })
    }

    async fn fetch(&self, max_bytes: u64) -> Result<Vec<u8>, StepError> {
        fetch(&self.fetcher(), &self.url(), max_bytes).await
    }
}

fn read_head(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
    head.to_ascii_lowercase()
}

fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    let _ = stream.write_all(body);
}

async fn fetch(fetcher: &HttpsFetcher, url: &str, max_bytes: u64) -> Result<Vec<u8>, StepError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("input");
    fetcher.fetch(&url.into(), &path, max_bytes).await?;
    Ok(std::fs::read(path).unwrap())
}

fn body() -> Vec<u8> {
    (0..200_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[tokio::test]
async fn a_file_arrives_whole() {
    let server = Server::start(|_, _, stream| send(stream, "200 OK", "", &body()));
    assert_eq!(server.fetch(1 << 20).await.unwrap(), body());
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_stopped() {
    let server = Server::start(|before, head, stream| {
        let all = body();
        if before == 0 {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\netag: \"v1\"\r\n\r\n", all.len());
            let _ = stream.write_all(&all[..300_000]);
            return;
        }
        let from: usize = head.split("range: bytes=").nth(1).unwrap().split('-').next().unwrap().parse().unwrap();
        assert!(head.contains("if-range: \"v1\""), "{head}");
        send(stream, "206 Partial Content", "etag: \"v1\"\r\n", &all[from..]);
    });
    assert_eq!(server.fetch(1 << 20).await.unwrap(), body());
    assert_eq!(server.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_fetched_from_the_start() {
    let server = Server::start(|before, _, stream| match before {
        0 => drop(write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\netag: \"v1\"\r\n\r\nold old old")),
        _ => send(stream, "200 OK", "etag: \"v2\"\r\n", b"new"),
    });
    assert_eq!(server.fetch(1 << 20).await.unwrap(), b"new");
}

#[tokio::test]
async fn without_a_strong_tag_a_broken_download_is_an_error_to_try_again() {
    let server = Server::start(|_, _, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\netag: W/\"v1\"\r\n\r\nshort");
    });
    let error = server.fetch(1 << 20).await.unwrap_err();
    assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
}

#[tokio::test]
async fn too_much_is_refused_announced_or_not() {
    let announced = Server::start(|_, _, stream| send(stream, "200 OK", "", &body()));
    let endless = Server::start(|_, _, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        while stream.write_all(&[0; 4096]).is_ok() {}
    });
    for server in [announced, endless] {
        let error = server.fetch(100_000).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::MEDIA_TOO_LARGE, "{error:?}");
    }
}

#[tokio::test]
async fn answers_have_their_classes() {
    for (status, code, permanent) in [
        ("404 Not Found", ErrorCode::INPUT_NOT_FOUND, true),
        ("403 Forbidden", ErrorCode::INPUT_FORBIDDEN, true),
        ("503 Service Unavailable", ErrorCode::SERVICE_UNAVAILABLE, false),
    ] {
        let server = Server::start(move |_, _, stream| send(stream, status, "retry-after: 7\r\n", b""));
        let error = server.fetch(100).await.unwrap_err();
        assert_eq!(error.code(), code);
        match error {
            StepError::Permanent { .. } => assert!(permanent),
            StepError::Transient { retry_after, .. } => {
                assert_eq!((permanent, retry_after), (false, Some(Duration::from_secs(7))));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_silent_server_runs_into_the_time_limit() {
    // It says nothing until the client has had enough.
    let server = Server::start(|_, _, stream| drop(stream.read(&mut [0])));
    let fetcher = HttpsFetcher::new(HttpsPolicy { trusted: vec![server.address], timeout: Duration::from_secs(1) });
    assert!(matches!(fetch(&fetcher, &server.url(), 100).await, Err(StepError::Transient { .. })));
}

#[tokio::test]
async fn a_redirect_does_not_lead_inside() {
    let inside = Server::start(|_, _, stream| send(stream, "200 OK", "", b"secret"));
    let target = inside.url();
    let outside = Server::start(move |_, _, stream| send(stream, "302 Found", &format!("location: {target}\r\n"), b""));
    let error = outside.fetch(100).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::INPUT_FORBIDDEN, "{error:?}");
    assert!(inside.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn addresses_of_this_machine_and_its_networks_are_refused() {
    let fetcher = HttpsFetcher::new(HttpsPolicy::default());
    for url in [
        "https://127.0.0.1/a",
        "https://localhost/a",
        "https://[::1]/a",
        "https://[::ffff:127.0.0.1]/a",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1:8443/a",
        "https://2130706433/a",
        "https://0x7f.1/a",
        "https://user:pass@127.0.0.1/a",
    ] {
        let error = fetch(&fetcher, url, 100).await.unwrap_err();
        assert!(matches!(error, StepError::Permanent { .. }), "{url}: {error:?}");
        assert_eq!(error.code(), ErrorCode::INPUT_FORBIDDEN, "{url}: {error:?}");
    }
}

#[test]
fn only_https_is_served_by_default() {
    let fetcher = HttpsFetcher::new(HttpsPolicy::default());
    assert!(fetcher.serves(&"https://example.org/a.mp3".into()));
    for other in ["http://example.org/a", "ftp://example.org/a", "file:///etc/passwd", "concat:a|b", "a.mp3"] {
        assert!(!fetcher.serves(&other.into()), "{other}");
    }
}
