//! One file by its URL, by our own client: no stage of an image and no machine needs `curl` for it.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime},
};

use medley_net::{Address, retry_after};
use ureq::{
    Agent, Body,
    http::{Response, StatusCode, header},
};

use crate::files;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that the server may be silent: before its answer, and between two blocks of it.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
const REDIRECTS: u32 = 10;
/// How often a download that failed for a reason that may pass begins again.
const RETRIES: u32 = 3;
/// The longest that the waits between them may take in all, whatever `Retry-After` asks for.
const RETRY_BUDGET: Duration = Duration::from_secs(60);
/// A server that gives less than this in [`SLOW_FOR`] is given up.
const SLOWEST_BYTES: u64 = 60_000;
const SLOW_FOR: Duration = Duration::from_secs(60);
const BLOCK_BYTES: usize = 64 << 10;

/// Why one try failed.
struct Refused {
    why: String,
    /// How long to wait before it is worth another try; `None`: it never is.
    retry_in: Option<Duration>,
}

/// Fetches `https:`, `http:` or `file:` to a file. A redirect leads to `https:` only.
///
/// # Errors
/// What went wrong, for a person.
pub(crate) fn download(url: &str, to: &Path) -> Result<(), String> {
    if let Some(path) = url.strip_prefix("file://") {
        let copied = files::open(Path::new(path)).and_then(|mut from| io::copy(&mut from, &mut File::create(to)?));
        return copied.map(drop).map_err(|error| format!("{path}: {error}"));
    }
    let started = Instant::now();
    let mut retries = 0;
    loop {
        let refused = match once(url, to) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        let wish = refused.retry_in.map(|wish| wish.max(Duration::from_secs(1 << retries)));
        match wish {
            Some(wait) if retries < RETRIES && started.elapsed() + wait <= RETRY_BUDGET => thread::sleep(wait),
            _ => return Err(refused.why),
        }
        retries += 1;
    }
}

fn once(url: &str, to: &Path) -> Result<(), Refused> {
    let mut answer = ask(url)?;
    if answer.status().is_redirection() {
        // Only plain http gets here: its client follows nothing by itself.
        let place = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let Some(place) = place.filter(|place| place.starts_with("https://")) else {
            return Err(never("the server redirects to an address that is not https"));
        };
        answer = ask(place)?;
    }
    let status = answer.status();
    if !status.is_success() {
        let why = format!("{} answers {status}", Address::from(url));
        return Err(Refused { why, retry_in: may_pass(status).then(|| wish(&answer)) });
    }
    let mut file = File::create(to).map_err(|error| never(format!("{}: {error}", to.display())))?;
    copy(&mut answer.into_body(), &mut file)
}

fn ask(url: &str) -> Result<Response<Body>, Refused> {
    let secure = url.starts_with("https://");
    let agent: Agent = Agent::config_builder()
        .https_only(secure)
        .max_redirects(if secure { REDIRECTS } else { 0 })
        .max_redirects_will_error(secure)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(SILENCE_TIMEOUT))
        .timeout_per_read(Some(SILENCE_TIMEOUT))
        .user_agent(concat!("medley/", env!("CARGO_PKG_VERSION")))
        // Hashes are of the files as they are.
        .accept_encoding("identity")
        .build()
        .into();
    agent.get(url).call().map_err(|error| {
        let why = error.to_string();
        match error {
            ureq::Error::BadUri(_)
            | ureq::Error::Http(_)
            | ureq::Error::RequireHttpsOnly(_)
            | ureq::Error::TooManyRedirects
            | ureq::Error::HostNotFound => never(why),
            ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => never(why),
            _ => Refused { why, retry_in: Some(Duration::ZERO) },
        }
    })
}

/// Too early, too often, or a fault of the server's own.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error()
}

fn wish(answer: &Response<Body>) -> Duration {
    let value = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    value.and_then(|value| retry_after(value, SystemTime::now())).unwrap_or_default()
}

fn never(why: impl Into<String>) -> Refused {
    Refused { why: why.into(), retry_in: None }
}

fn copy(body: &mut Body, file: &mut File) -> Result<(), Refused> {
    let again = |why: String| Refused { why, retry_in: Some(Duration::ZERO) };
    let mut from = body.with_config().limit(u64::MAX).reader();
    let mut block = vec![0; BLOCK_BYTES];
    let (mut since, mut came) = (Instant::now(), 0);
    loop {
        let count = from.read(&mut block).map_err(|error| again(format!("the download broke off: {error}")))?;
        if count == 0 {
            return Ok(());
        }
        file.write_all(&block[..count]).map_err(|error| never(error.to_string()))?;
        came += count as u64;
        if since.elapsed() >= SLOW_FOR {
            if came < SLOWEST_BYTES {
                return Err(again(format!("the server gave {came} bytes in {} s", SLOW_FOR.as_secs())));
            }
            (since, came) = (Instant::now(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, net::TcpListener, thread, time::Duration};

    use super::*;

    /// Answers the requests with these, in turn.
    fn server(answers: Vec<String>) -> (String, thread::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = format!("http://{}", listener.local_addr().unwrap());
        let served = thread::spawn(move || {
            let count = answers.len();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            }
            count
        });
        (place, served)
    }

    fn answer(head: &str, body: &str) -> String {
        format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn a_server_that_asks_for_years_is_not_waited_for() {
        let (place, served) = server(vec![answer("503 Busy\r\nRetry-After: 99999999999", "")]);
        let folder = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let why = download(&place, &folder.path().join("x")).unwrap_err();
        assert!(why.contains("503"), "{why}");
        assert!(started.elapsed() < Duration::from_secs(120));
        served.join().unwrap();
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_cannot_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("x");
        let broken = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal".to_owned();
        let (place, served) = server(vec![answer("500 Oh", ""), broken, answer("200 OK", "whole")]);
        download(&place, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"whole");
        assert_eq!(served.join().unwrap(), 3);
        let (place, served) = server(vec![answer("404 Not Found", "")]);
        let started = Instant::now();
        assert!(download(&place, &to).unwrap_err().contains("404"));
        assert!(started.elapsed() < Duration::from_secs(1));
        served.join().unwrap();
    }

    #[test]
    fn a_redirect_leads_to_https_only() {
        let folder = tempfile::tempdir().unwrap();
        let (place, served) = server(vec![answer("302 Found\r\nLocation: http://127.0.0.1:1/x", "")]);
        let why = download(&place, &folder.path().join("x")).unwrap_err();
        assert!(why.contains("not https"), "{why}");
        served.join().unwrap();
    }
}
