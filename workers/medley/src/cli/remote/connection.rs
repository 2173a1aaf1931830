//! Asks a gateway, and asks again where that is safe and may help.

use std::{
    io::Read,
    thread,
    time::{Duration, Instant, SystemTime},
};

use medley_environment::Environment;
use medley_net::{Address, retry_after};
use medley_proto::ErrorCode;
use serde::{Deserialize, de::DeserializeOwned};
use ureq::{
    Agent, Body, SendBody,
    http::{Method, Request, Response, StatusCode, Uri, header},
};

use crate::cli::{Failed, printable::plain};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest that the gateway may be silent: it waits for a job for 60 seconds at most.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(120);
const RETRIES: u32 = 4;
/// The longest that all waits of one request take.
const RETRY_BUDGET: Duration = Duration::from_secs(90);
/// The largest document that is read.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;

/// A gateway, and the token that opens it.
pub(in crate::cli) struct Server {
    agent: Agent,
    /// Without a stroke at its end.
    base: String,
    token: Option<String>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", Address::from(self.base.as_str()))
    }
}

/// A request that may be made again.
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Makes the body, each time.
    pub(super) body: &'a dyn Fn() -> Result<Option<Box<dyn Read + Send + Sync>>, Failed>,
    /// Statuses beside 2xx that are answers and no failures.
    pub(super) answers: &'a [u16],
    /// Whether it does the same when it is made twice.
    pub(super) repeats: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn new(method: Method, path: &'a str) -> Self {
        let repeats = method != Method::POST && method != Method::PATCH;
        Self { method, path, headers: Vec::new(), body: &|| Ok(None), answers: &[], repeats }
    }
}

/// The gateway's own form of an error.
#[derive(Debug, Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

impl Server {
    /// # Errors
    /// When the address is none of a gateway, or the token would go over a network unencrypted.
    pub(in crate::cli) fn new(address: &str) -> Result<Self, Failed> {
        let token = &Environment::get().token;
        let token = token.text().map_err(|error| Failed::config(error.to_string()))?.map(str::to_owned);
        Self::with_token(address, token)
    }

    fn with_token(address: &str, token: Option<String>) -> Result<Self, Failed> {
        let base = address.trim_end_matches('/').to_owned();
        let uri: Option<Uri> = base.parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let (scheme, query) = uri.as_ref().map_or((None, None), |uri| (uri.scheme_str(), uri.query()));
        if host.is_empty() || query.is_some() || base.contains('@') || !matches!(scheme, Some("http" | "https")) {
            return Err(Failed::usage("--server: write a gateway's address, such as https://medley.example.org"));
        }
        if scheme == Some("http") && !is_here && token.is_some() {
            let why = "MEDLEY_TOKEN would go over the network for all to read; write https://, or reach the gateway by a tunnel";
            return Err(Failed::usage(format!("--server: {why}")));
        }
        let token = token.map(|token| token.trim().to_owned());
        if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Failed::config("MEDLEY_TOKEN is no token; `medley token create` prints one"));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // The token is for this address only.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(SILENCE_TIMEOUT))
            .timeout_per_read(Some(SILENCE_TIMEOUT))
            .user_agent(concat!("medley/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build()
            .into();
        Ok(Self { agent, base, token })
    }

    /// A JSON document.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        self.read(self.ask(&Asked::new(Method::GET, path))?)
    }

    pub(super) fn read<T: DeserializeOwned>(&self, answer: Response<Body>) -> Result<T, Failed> {
        let text = text_of(answer).map_err(|error| self.unreachable(&error))?;
        serde_json::from_str(&text).map_err(|error| self.unreachable(&format!("its answer cannot be read ({error})")))
    }

    /// Asks, and asks again when the gateway was not reached, is busy or restarts. `Ok` has a status of 2xx or one of
    /// `answers`.
    pub(super) fn ask(&self, asked: &Asked<'_>) -> Result<Response<Body>, Failed> {
        let started = Instant::now();
        let mut retries = 0;
        loop {
            let (failed, wish) = match self.once(asked)? {
                Ok(answer) if answer.status().is_success() || asked.answers.contains(&answer.status().as_u16()) => {
                    return Ok(answer);
                }
                Ok(answer) => {
                    let wish = may_pass(answer.status()).then(|| wish(&answer));
                    // What was refused was not done; what failed within a proxy may have been.
                    let wish = wish.filter(|_| asked.repeats || matches!(answer.status().as_u16(), 429 | 503));
                    (self.refused(answer), wish)
                }
                Err(error) => (self.unreachable(&error), asked.repeats.then_some(Duration::ZERO)),
            };
            let wait = wish.map(|wish| wish.max(Duration::from_secs(1 << retries)));
            match wait {
                Some(wait) if retries < RETRIES && started.elapsed() + wait <= RETRY_BUDGET => thread::sleep(wait),
                _ => return Err(failed),
            }
            retries += 1;
        }
    }

    fn once(&self, asked: &Asked<'_>) -> Result<Result<Response<Body>, ureq::Error>, Failed> {
        let mut request = Request::builder().method(asked.method.clone()).uri(format!("{}{}", self.base, asked.path));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &asked.headers {
            request = request.header(*name, value);
        }
        let whole = |error: ureq::http::Error| Failed::usage(format!("the request cannot be made: {error}"));
        Ok(match (asked.body)()? {
            None => self.agent.run(request.body(()).map_err(whole)?),
            Some(body) => self.agent.run(request.body(SendBody::from_owned_reader(body)).map_err(whole)?),
        })
    }

    fn unreachable(&self, error: &dyn std::fmt::Display) -> Failed {
        Failed::service(format!("{} is not reached: {}", Address::from(self.base.as_str()), plain(error)))
    }

    /// What the gateway says.
    fn refused(&self, answer: Response<Body>) -> Failed {
        let status = answer.status();
        let text = text_of(answer).unwrap_or_default();
        match serde_json::from_str::<Problem>(&text) {
            Ok(Problem { code, detail }) => match serde_json::from_value::<ErrorCode>(code.into()) {
                Ok(code) => Failed::job(code, detail),
                Err(_) => Failed::service(detail),
            },
            Err(_) => Failed::service(format!("{} answers {status}", Address::from(self.base.as_str()))),
        }
    }
}

fn text_of(mut answer: Response<Body>) -> Result<String, ureq::Error> {
    answer.body_mut().with_config().limit(MAX_DOCUMENT_BYTES).read_to_string()
}

/// Too early, too often, or a fault that a restart or a proxy mends.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 502 | 503 | 504)
}

fn wish(answer: &Response<Body>) -> Duration {
    let value = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    value.and_then(|value| retry_after(value, SystemTime::now())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stays_off_open_networks() {
        let server = |address: &str, token: Option<&str>| Server::with_token(address, token.map(str::to_owned));
        for address in
            ["https://medley.example.org/", "http://127.0.0.1:8750", "http://[::1]:8750", "http://localhost:8750/m"]
        {
            let server = server(address, Some("mdl_secret")).unwrap();
            assert!(!format!("{server:?}").contains("secret"));
            assert!(!server.base.ends_with('/'));
        }
        assert!(server("http://medley.lan:8750", None).is_ok());
        let refused = server("http://medley.lan:8750", Some("mdl_secret")).unwrap_err();
        assert!(refused.message().contains("https://") && !refused.message().contains("mdl_"), "{refused}");
        for address in
            ["", "medley.example.org", "ftp://x", "https://", "https://u:p@host", "https://host/?a=1", "s3://b"]
        {
            assert!(server(address, None).is_err(), "{address}");
        }
        assert!(server("https://host", Some("two words")).is_err());
    }
}
