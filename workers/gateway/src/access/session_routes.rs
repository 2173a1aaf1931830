//! Signing in to the console, and out.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use medley_proto::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Caller, Credential, Scope, Token, TokenId,
    identify::{csrf_missing, unauthorized},
    sessions::Cookie,
};
use crate::{
    extract,
    problem::Problem,
    routes::{Answer, Content, Route},
    state::App,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/session", "getSession", get)
            .tag("access")
            .open()
            .summary("Who asks, and what they may")
            .answer(Answer::json::<SessionView>(200, "By token, by session, or as the owner on loopback."))
            .problems(&[401]),
        Route::post("/v1/session", "openSession", open)
            .tag("access")
            .open()
            .summary("Signs in to the console by a token")
            .about(
                "Sets a cookie that scripts cannot read. Requests that change something need `csrf` of the answer as the \
                 header `X-CSRF-Token`. The session ends with its token, and after `gateway.session_hours`.",
            )
            .body(Content::json::<SignIn>())
            .answer(Answer::json::<SessionView>(201, "The session.").header("Set-Cookie", "The session's cookie."))
            .problems(&[401, 413, 415]),
        Route::delete("/v1/session", "closeSession", close)
            .tag("access")
            .open()
            .summary("Signs out")
            .header::<String>("X-CSRF-Token", "`csrf` of the session.")
            .answer(Answer::new(204, "The session has ended."))
            .problems(&[]),
    ]
}

/// A token, handed in once.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// `mdl_…`.
    token: String,
}

/// Who asks.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
struct SessionView {
    tenant: Name,
    scopes: Vec<Scope>,
    /// The token's id; none on loopback without tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenId>,
    /// Of a session: what the header `X-CSRF-Token` of requests that change something has.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<String>,
    /// The version of Medley.
    medley: &'static str,
}

impl SessionView {
    fn new(caller: Caller, cookie: Option<&Cookie>) -> Self {
        let scopes = Scope::ALL.into_iter().filter(|scope| caller.may(*scope)).collect();
        let csrf = cookie.filter(|_| caller.token.is_some()).map(Cookie::csrf);
        Self { tenant: caller.tenant, scopes, token: caller.token, csrf, medley: env!("CARGO_PKG_VERSION") }
    }
}

/// Whether the browser speaks TLS, to this gateway or to a proxy before it.
fn is_secure(app: &App, headers: &HeaderMap) -> bool {
    let forwarded = headers.get("x-forwarded-proto").and_then(|proto| proto.to_str().ok());
    app.settings.tls.is_some() || forwarded == Some("https")
}

async fn get(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let found = async {
        let credential = Credential::of(&headers)?;
        let caller = app.access.caller(&credential).await?;
        let cookie = match &credential {
            Credential::Session(cookie) => Some(cookie),
            _ => None,
        };
        Ok(SessionView::new(caller, cookie))
    };
    match found.await {
        Ok(view) => Json(view).into_response(),
        Err(refusal) => unauthorized(Problem::into_response, &refusal),
    }
}

async fn open(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    extract::Json(SignIn { token }): extract::Json<SignIn>,
) -> Result<Response, Problem> {
    let caller = match app.access.verifier.verify(token.trim()).await {
        Ok(caller) => caller,
        Err(refusal) => return Ok(unauthorized(Problem::into_response, &refusal)),
    };
    let token = Token::parse(token.trim()).map_err(|_| Problem::internal())?;
    let keep_s = app.settings.session_s();
    let (cookie, _) = app.access.sessions.open(&token, keep_s.saturating_mul(1_000)).await?;
    tracing::info!(tenant = %caller.tenant, token = %token.id(), "somebody signed in to the console");
    let set = cookie.kept(keep_s, is_secure(&app, &headers)).ok_or_else(Problem::internal)?;
    let view = SessionView::new(caller, Some(&cookie));
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, set)], Json(view)).into_response())
}

async fn close(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(cookie) = Cookie::of(&headers) {
        if !cookie.is_vouched_for(&headers) {
            return Err(csrf_missing());
        }
        app.access.sessions.close(&cookie).await?;
    }
    let set = Cookie::forgotten(is_secure(&app, &headers)).ok_or_else(Problem::internal)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, set)]).into_response())
}
