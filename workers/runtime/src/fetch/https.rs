use std::{
    fs::File,
    io::{self, Read, Write},
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use medley_net::{Address, LONGEST_WISH, retry_after};
use medley_proto::ErrorCode;
use medley_step::StepError;
use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, header},
    unversioned::transport::DefaultConnector,
};

use super::guard::Guard;
use crate::{fetch::Fetcher, fetch::file_uri};

/// How often a download that breaks off is taken up where it stopped, where the server can do that.
const RESUMES: u32 = 5;
const REDIRECTS: u32 = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that the server may take to begin its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const BLOCK_BYTES: usize = 64 << 10;

/// What is fetched beyond `https:` from public addresses.
#[derive(Debug, Clone)]
pub struct HttpsPolicy {
    /// Addresses that are asked although they are not public, over plain `http:` too: a company's own media server.
    pub trusted: Vec<SocketAddr>,
    /// The longest that one download may take.
    pub timeout: Duration,
}

impl Default for HttpsPolicy {
    fn default() -> Self {
        Self { trusted: Vec::new(), timeout: Duration::from_secs(600) }
    }
}

/// Fetches `https:` inputs from public addresses only (promise 7). The address is judged after the name was resolved,
/// for each connection, and it is the judged address that is connected to: neither a redirect nor a name that
/// resolves anew leads elsewhere.
#[derive(Debug)]
pub struct HttpsFetcher {
    agent: Agent,
    policy: HttpsPolicy,
}

impl HttpsFetcher {
    pub fn new(policy: HttpsPolicy) -> Self {
        let config = Agent::config_builder()
            // Plain http reaches trusted addresses only: the resolver sees to that.
            .https_only(policy.trusted.is_empty())
            .proxy(None)
            .max_redirects(REDIRECTS)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            // The client adds it to the clock.
            .timeout_global(Some(policy.timeout.min(LONGEST_WISH)))
            .user_agent(concat!("medley/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build();
        let guard = Guard::new(policy.trusted.clone(), Vec::new());
        Self { agent: Agent::with_parts(config, DefaultConnector::default(), guard), policy }
    }
}

#[async_trait]
impl Fetcher for HttpsFetcher {
    fn serves(&self, address: &Address) -> bool {
        match address.scheme().as_deref() {
            Some("https") => true,
            Some("http") => !self.policy.trusted.is_empty(),
            _ => false,
        }
    }

    async fn fetch(&self, address: &Address, into: &Path, max_bytes: u64) -> Result<(), StepError> {
        let download = Download {
            agent: self.agent.clone(),
            address: address.clone(),
            max_bytes,
            give_up: Instant::now().checked_add(self.policy.timeout),
        };
        let into = into.to_owned();
        tokio::task::spawn_blocking(move || download.run(&mut File::create(into)?))
            .await
            .unwrap_or_else(|panic| Err(StepError::internal("a download met a defect").because(panic)))
    }
}

struct Download {
    agent: Agent,
    address: Address,
    max_bytes: u64,
    /// None: never.
    give_up: Option<Instant>,
}

/// How far a download came before it broke off, and what the rest may be asked for by.
struct Broken {
    etag: Option<String>,
    cause: io::Error,
}

impl Download {
    fn run(&self, file: &mut File) -> Result<(), StepError> {
        let mut done = 0;
        let mut etag: Option<String> = None;
        for attempt in 0..=RESUMES {
            let response = self.ask(done, etag.as_deref())?;
            match self.copy(response, file, &mut done)? {
                None => return Ok(file.sync_all()?),
                Some(Broken { etag: Some(tag), .. }) if attempt < RESUMES && self.goes_on() => etag = Some(tag),
                Some(Broken { cause, .. }) => return Err(self.unavailable("the download broke off").because(cause)),
            }
        }
        Err(self.unavailable("the download broke off"))
    }

    fn goes_on(&self) -> bool {
        self.give_up.is_none_or(|give_up| Instant::now() < give_up)
    }

    fn ask(&self, from: u64, etag: Option<&str>) -> Result<Response<Body>, StepError> {
        let mut request = self.agent.get(self.address.reveal());
        if let Some(credentials) = basic(&self.address) {
            // The client takes it along to no other host.
            request = request.header(header::AUTHORIZATION, credentials);
        }
        if let (1.., Some(etag)) = (from, etag) {
            request = request.header(header::RANGE, format!("bytes={from}-")).header(header::IF_RANGE, etag);
        }
        let response = request.call().map_err(|error| self.unreached(error))?;
        match response.status().as_u16() {
            200 | 206 => Ok(response),
            404 | 410 => Err(self.refused(ErrorCode::INPUT_NOT_FOUND, "there is no such file on the server")),
            status @ (408 | 425 | 429 | 500..=599) => Err(self.busy(status, response.headers())),
            status => Err(self.refused(
                ErrorCode::INPUT_FORBIDDEN,
                &format!("the server answered {status}; check the URL and who may read it"),
            )),
        }
    }

    /// Streams the answer into the file; `done` counts what the file holds.
    fn copy(&self, mut response: Response<Body>, file: &mut File, done: &mut u64) -> Result<Option<Broken>, StepError> {
        use std::io::Seek;
        if response.status() != 206 {
            *done = 0;
            file.set_len(0)?;
        }
        file.seek(io::SeekFrom::Start(*done))?;
        let length: Option<u64> =
            response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length| length > self.max_bytes - *done) {
            return Err(self.too_large());
        }
        let expected = length.map(|length| *done + length);
        let etag = strong_etag(response.headers());
        let mut reader = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            let count = match reader.read(&mut block) {
                Ok(0) => break,
                Ok(count) => count,
                Err(cause) => return Ok(Some(Broken { etag, cause })),
            };
            *done += count as u64;
            if *done > self.max_bytes {
                return Err(self.too_large());
            }
            file.write_all(&block[..count])?;
        }
        match expected {
            Some(expected) if *done < expected => Ok(Some(Broken { etag, cause: io::ErrorKind::UnexpectedEof.into() })),
            _ => Ok(None),
        }
    }

    fn unreached(&self, error: ureq::Error) -> StepError {
        let code = ErrorCode::INPUT_FORBIDDEN;
        match error {
            ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
                self.refused(code, "inputs are fetched only from public https addresses").because(cause)
            }
            // These errors repeat the address, secrets and all: they are no cause that could be shown.
            ureq::Error::RequireHttpsOnly(_) => self.refused(code, "the server redirects to a plain http address"),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                self.refused(ErrorCode::INPUT_NOT_FOUND, "this is no URL that can be asked for; check it")
            }
            ureq::Error::TooManyRedirects => self.refused(
                ErrorCode::INPUT_NOT_FOUND,
                &format!("the server redirects in circles, or more than {REDIRECTS} times; check the URL"),
            ),
            ureq::Error::RedirectFailed => self.nowhere(),
            // The client does not export its protocol's errors; of these two one repeats the address, secrets and all.
            ureq::Error::Protocol(error) if error.to_string().contains("location header") => self.nowhere(),
            error => self.unavailable("the server cannot be reached").because(error),
        }
    }

    fn nowhere(&self) -> StepError {
        self.refused(ErrorCode::INPUT_NOT_FOUND, "the server redirects to nowhere; check the URL")
    }

    fn refused(&self, code: ErrorCode, what: &str) -> StepError {
        StepError::permanent(code, format!("{}: {what}", self.address))
    }

    fn unavailable(&self, what: &str) -> StepError {
        StepError::transient(ErrorCode::SERVICE_UNAVAILABLE, format!("{}: {what}", self.address))
    }

    fn busy(&self, status: u16, headers: &HeaderMap) -> StepError {
        let wish = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = wish.and_then(|value| retry_after(value, SystemTime::now()));
        let message = format!("{}: the server answered {status}", self.address);
        StepError::Transient { code: ErrorCode::SERVICE_UNAVAILABLE, message, retry_after, source: None }
    }

    fn too_large(&self) -> StepError {
        let message = format!("{} has more than the {} bytes that an input may have", self.address, self.max_bytes);
        StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, message)
    }
}

/// User and password of the address, as a server asks for them (RFC 7617).
fn basic(address: &Address) -> Option<String> {
    let (user, password) = address.credentials()?;
    let mut text = file_uri::percent_decoded(user)?;
    text.push(b':');
    text.extend(file_uri::percent_decoded(password)?);
    Some(format!("Basic {}", STANDARD.encode(text)))
}

/// A weak tag does not promise the same bytes.
fn strong_etag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(header::ETAG)?.to_str().ok()?;
    (!tag.starts_with("W/")).then(|| tag.to_owned())
}
