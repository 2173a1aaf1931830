//! What stands before every route: who asks, whether that may be, how much comes in, and a note of it.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use medley_proto::Name;

use super::{Access, AuditEntry, Caller, Scope, TokenId, sessions::Cookie, verifier::Refusal};
use crate::{problem::Problem, request_id, state::App};

/// How often a long request's token is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(8);
/// The longest part of what a client sent that is noted.
const MAX_NOTED_BYTES: usize = 300;

/// What stands before a route.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) app: Arc<App>,
    /// None: anyone may ask.
    pub(crate) scope: Option<Scope>,
    pub(crate) render: fn(Problem) -> Response,
}

/// Finds out who asks, refuses whoever may not, and hands the [`Caller`] on.
pub(crate) async fn identify(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let Guard { app, scope, render } = guard;
    let Some(scope) = scope else { return next.run(request).await };
    let access = &app.access;
    let seen = Seen::of(&request);
    let presented = match Credential::of(request.headers()) {
        Ok(presented) => presented,
        Err(refusal) => return unauthorized(render, &refusal),
    };
    let caller = match access.caller(&presented).await {
        Ok(caller) => caller,
        Err(refusal) => {
            let answer = unauthorized(render, &refusal);
            seen.note_refusal(access, &refusal, answer.status());
            return answer;
        }
    };
    if !caller.may(scope) {
        let problem = Problem::forbidden(
            "scope_missing",
            format!("the token does not allow this; it needs the scope '{}'", scope.as_str()),
        );
        access.audit.note_refusal(&caller.tenant, seen.entry(access, caller.token.clone(), StatusCode::FORBIDDEN));
        return render(problem);
    }
    if let Credential::Session(cookie) = &presented
        && caller.token.is_some()
        && seen.changes
        && !cookie.is_vouched_for(request.headers())
    {
        access.audit.note_refusal(&caller.tenant, seen.entry(access, caller.token.clone(), StatusCode::FORBIDDEN));
        return render(csrf_missing());
    }
    let over_quota = match meter(&app, &caller, &mut request).await {
        Ok(over_quota) => over_quota,
        Err(problem) => {
            let mut answer = render(problem);
            access.quotas.describe(&caller.tenant, answer.headers_mut());
            return answer;
        }
    };
    request.extensions_mut().insert(caller.clone());
    let credential = Some(presented).filter(|_| caller.token.is_some());
    let mut answer = match &credential {
        None => next.run(request).await,
        Some(credential) => tokio::select! {
            biased;
            answer = next.run(request) => answer,
            refusal = access.until_refused(credential) => unauthorized(render, &refusal),
        },
    };
    if over_quota.load(Ordering::Acquire) && answer.status().is_client_error() {
        answer = render(access.quotas.bytes_used_up());
    }
    if scope != Scope::Read {
        access.quotas.describe(&caller.tenant, answer.headers_mut());
    }
    if seen.changes {
        let durable = scope == Scope::Admin;
        access.audit.note(&caller.tenant, seen.entry(access, caller.token, answer.status()), durable).await;
    }
    match credential {
        Some(credential) if answer.body().size_hint().exact().is_none() => watched(app, credential, answer),
        _ => answer,
    }
}

/// By what a request says who asks.
pub(super) enum Credential {
    None,
    Token(String),
    /// The console's cookie; a token in the header goes before it.
    Session(Cookie),
}

impl Credential {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        Ok(match bearer(headers)? {
            Some(token) => Self::Token(token.to_owned()),
            None => Cookie::of(headers).map_or(Self::None, Self::Session),
        })
    }
}

pub(super) fn csrf_missing() -> Problem {
    let detail = "a request by the console's cookie needs the header X-CSRF-Token: reload the page";
    Problem::forbidden("csrf_missing", detail)
}

/// The token of `Authorization: Bearer …`; none when there is no such header.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::Form);
    }
    let text = value.to_str().map_err(|_| Refusal::Form)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Refusal::Form),
    }
}

/// The 401, which says what is wrong as far as that helps nobody to guess.
pub(super) fn unauthorized(render: fn(Problem) -> Response, refusal: &Refusal) -> Response {
    let (code, detail) = match refusal {
        Refusal::Missing => ("token_missing", "a token is needed: send it as `Authorization: Bearer mdl_…`"),
        Refusal::Form => ("token_invalid", "this is no token of Medley: send one as `Authorization: Bearer mdl_…`"),
        Refusal::Checksum => ("token_invalid", "a character of the token is wrong: copy it again"),
        Refusal::Unknown { .. } => ("token_invalid", "the token is not good; `medley token list` shows those that are"),
        Refusal::Expired { .. } => ("token_expired", "the token has ended; make another with `medley token create`"),
        Refusal::SessionOver => ("session_over", "the session has ended; sign in again with a token"),
        Refusal::Away(error) => {
            tracing::warn!(%error, "a token cannot be looked at");
            let problem = Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "tokens cannot be looked at now; ask again in a few seconds",
            );
            return render(problem.retry_after(Duration::from_secs(5)));
        }
    };
    let mut answer = render(Problem::new(StatusCode::UNAUTHORIZED, code, detail));
    let challenge = match refusal {
        Refusal::Missing | Refusal::SessionOver => "Bearer realm=\"medley\"",
        _ => "Bearer realm=\"medley\", error=\"invalid_token\"",
    };
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    answer
}

/// What is noted of a request.
struct Seen {
    action: String,
    path: String,
    from: Option<String>,
    request: Option<String>,
    /// Whether the request may change something.
    changes: bool,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let from = request.extensions().get::<ConnectInfo<SocketAddr>>();
        Self {
            action: format!("{} {route}", request.method()),
            path: short(request.uri().path()),
            from: from.map(|ConnectInfo(address)| address.ip().to_string()),
            request: request_id::current(),
            changes: !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS),
        }
    }

    fn entry(&self, access: &Access, token: Option<TokenId>, status: StatusCode) -> AuditEntry {
        AuditEntry {
            at_ms: access.clock.now_ms(),
            token,
            action: self.action.clone(),
            path: self.path.clone(),
            status: status.as_u16(),
            from: self.from.clone(),
            request: self.request.clone(),
        }
    }

    /// In the log of the tenant whose token it claims to be, when there is such a token; only then somebody knows its id.
    fn note_refusal(&self, access: &Access, refusal: &Refusal, status: StatusCode) {
        let Self { action, path, from, .. } = self;
        tracing::info!(action, path, from, ?refusal, "a request was refused");
        let whose: Option<(&Name, &TokenId)> = match refusal {
            Refusal::Unknown { forged: Some((tenant, id)) } | Refusal::Expired { tenant, id } => Some((tenant, id)),
            _ => None,
        };
        if let Some((tenant, id)) = whose {
            access.audit.note_refusal(tenant, self.entry(access, Some(id.clone()), status));
        }
    }
}

fn short(text: &str) -> String {
    let mut end = text.len().min(MAX_NOTED_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Counts the request's body; the flag is set when it ran over the tenant's bytes on its way.
async fn meter(app: &Arc<App>, caller: &Caller, request: &mut Request) -> Result<Arc<AtomicBool>, Problem> {
    let over_quota = Arc::new(AtomicBool::new(false));
    if request.body().is_end_stream() || !announces_body(request.headers()) {
        return Ok(over_quota);
    }
    // What is announced is let in or refused as a whole, before it is read. No body is longer than its announcement: the
    // connection sees to that.
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    app.access.quotas.reserve(&caller.tenant, announced).await?;
    let body = std::mem::take(request.body_mut());
    let metered = Metered {
        inner: body,
        app: Arc::clone(app),
        tenant: caller.tenant.clone(),
        reserved: announced,
        reserving: None,
        over_quota: Arc::clone(&over_quota),
    };
    *request.body_mut() = Body::new(metered);
    Ok(over_quota)
}

/// A request without either header has no body.
fn announces_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING) || headers.get(header::CONTENT_LENGTH).is_some_and(|it| it != "0")
}

type Reserving = Pin<Box<dyn Future<Output = Result<Bytes, Problem>> + Send>>;

/// A body whose bytes are counted. What was announced is counted already; of a body of unknown length each part is, before
/// it goes on.
struct Metered {
    inner: Body,
    app: Arc<App>,
    tenant: Name,
    /// What was counted and has not come.
    reserved: u64,
    reserving: Option<Reserving>,
    over_quota: Arc<AtomicBool>,
}

impl Metered {
    fn take(&mut self, data: Bytes) -> Option<Bytes> {
        let length = data.len() as u64;
        if length <= self.reserved {
            self.reserved -= length;
            return Some(data);
        }
        let (app, tenant) = (Arc::clone(&self.app), self.tenant.clone());
        let more = length - std::mem::take(&mut self.reserved);
        self.reserving = Some(Box::pin(async move {
            app.access.quotas.reserve(&tenant, more).await?;
            Ok(data)
        }));
        None
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if self.reserved > 0 {
            self.app.access.quotas.give_back(&self.tenant, self.reserved);
        }
    }
}

impl HttpBody for Metered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        loop {
            if let Some(reserving) = &mut self.reserving {
                let reserved = std::task::ready!(reserving.as_mut().poll(cx));
                self.reserving = None;
                return Poll::Ready(Some(reserved.map(Frame::data).map_err(|problem| {
                    self.over_quota.store(problem.status == StatusCode::TOO_MANY_REQUESTS, Ordering::Release);
                    axum::Error::new(std::io::Error::other(problem.detail))
                })));
            }
            let Some(frame) = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx)) else {
                return Poll::Ready(None);
            };
            match frame?.into_data() {
                Ok(data) => {
                    if let Some(data) = self.take(data) {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.reserving.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer that goes on for long, such as a stream of events, ends when its token does.
fn watched(app: Arc<App>, credential: Credential, answer: Response) -> Response {
    answer.map(|inner| {
        let refused = Box::pin(async move {
            app.access.until_refused(&credential).await;
        });
        Body::new(Watched { inner, refused })
    })
}

struct Watched {
    inner: Body,
    refused: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.refused.as_mut().poll(cx).is_ready() {
            // Broken off, and not ended: whoever reads must not take it for the whole.
            return Poll::Ready(Some(Err(axum::Error::new(std::io::Error::other("the token is not good any more")))));
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Access {
    /// Waits until the token or session opens nothing any more. While nobody can tell, it goes on.
    async fn until_refused(&self, credential: &Credential) -> Refusal {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            match self.caller(credential).await {
                Ok(_) | Err(Refusal::Away(_)) => {}
                Err(refusal) => return refusal,
            }
        }
    }
}
