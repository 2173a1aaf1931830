//! Tokens, usage and the audit log over HTTP: all of them an administrator's, and of the administrator's own tenant.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::{ToSpan, civil::Date};
use medley_proto::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Caller, NewToken, Scope, Token, TokenError, TokenId, TokenInfo,
    audit::{AuditPage, Cursor},
    session_routes,
    usage::DayUse,
};
use crate::{
    extract::{self, Asked},
    problem::Problem,
    routes::{Answer, Content, Route},
    state::App,
};

/// The most days that one answer covers.
const MAX_DAYS: i32 = 92;
const DEFAULT_DAYS: i32 = 30;
const MAX_PAGE: usize = 500;
const DEFAULT_PAGE: usize = 100;

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = session_routes::routes();
    routes.extend(of_administrators());
    routes
}

fn of_administrators() -> Vec<Route> {
    vec![
        Route::get("/v1/tokens", "listTokens", list)
            .tag("access")
            .scope(Scope::Admin)
            .summary("Lists the tenant's tokens, without their secrets")
            .answer(Answer::json::<TokenList>(200, "The tokens, the newest first.")),
        Route::post("/v1/tokens", "createToken", create)
            .tag("access")
            .scope(Scope::Admin)
            .summary("Makes a token for the tenant")
            .about("The secret is told this once. From the first token on, every request needs one.")
            .body(Content::json::<CreateToken>())
            .answer(Answer::json::<IssuedToken>(201, "The token, with its secret."))
            .problems(&[413, 415, 422]),
        Route::post("/v1/tokens/{token}/rotate", "rotateToken", rotate)
            .tag("access")
            .scope(Scope::Admin)
            .summary("Gives a token another secret")
            .about("The secret before is good for `grace_s` seconds more.")
            .body(Content::json::<RotateToken>())
            .answer(Answer::json::<IssuedToken>(200, "The token, with its new secret."))
            .problems(&[404, 413, 415, 422]),
        Route::delete("/v1/tokens/{token}", "revokeToken", revoke)
            .tag("access")
            .scope(Scope::Admin)
            .summary("Revokes a token: every gateway refuses it within 30 seconds, and streams that it opened end")
            .answer(Answer::new(204, "The token is revoked."))
            .problems(&[404]),
        Route::get("/v1/usage", "getUsage", usage)
            .tag("access")
            .scope(Scope::Admin)
            .summary("Says what the tenant used, by day")
            .query::<Option<String>>(
                "from",
                "The first day, as `2026-11-30` in UTC; 30 days before `to` when left out.",
            )
            .query::<Option<String>>("to", "The last day; today when left out. At most 92 days.")
            .answer(Answer::json::<UsageReport>(200, "One entry for each day, and what was agreed.")),
        Route::get("/v1/audit", "listAudit", audit)
            .tag("access")
            .scope(Scope::Admin)
            .summary("Lists who did what, when and from where, the newest first")
            .query::<Option<usize>>("limit", "At most so many entries: 1 to 500, by default 100.")
            .query::<Option<String>>("cursor", "`next_cursor` of the page before.")
            .answer(Answer::json::<AuditPage>(200, "A page of entries.")),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct TokenList {
    data: Vec<TokenInfo>,
}

/// What a new token should be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateToken {
    /// What people know it by.
    name: String,
    scopes: BTreeSet<Scope>,
    /// It ends after so many seconds; it does not end when left out.
    #[serde(default)]
    expires_in_s: Option<u64>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct RotateToken {
    /// So long the secret before is good too; at most 30 days.
    grace_s: u64,
}

/// A token with its secret, which is told once.
#[derive(Debug, Serialize, JsonSchema)]
struct IssuedToken {
    /// `mdl_…`: keep it where secrets are kept.
    token: String,
    #[serde(flatten)]
    info: TokenInfo,
}

/// What a tenant used, and what was agreed.
#[derive(Debug, Serialize, JsonSchema)]
struct UsageReport {
    tenant: Name,
    /// The latest day first.
    data: Vec<DayUse>,
    quotas: Agreed,
}

/// What a tenant may take; what is left out has no limit.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Agreed {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_jobs_in_flight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes_a_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_media_minutes_a_day: Option<u32>,
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let detail = error.to_string();
        match error {
            TokenError::NoSuchToken(_) => Self::not_found(detail),
            TokenError::Revoked(_) | TokenError::Refused(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "token_refused", detail)
            }
            TokenError::Runtime(error) => error.into(),
        }
    }
}

fn token_id(text: &str) -> Result<TokenId, Problem> {
    text.parse().map_err(|_| Problem::not_found("there is no such token; GET /v1/tokens lists those there are"))
}

async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<TokenList>, Problem> {
    Ok(Json(TokenList { data: app.access.tokens.list(&caller.tenant).await? }))
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    extract::Json(CreateToken { name, scopes, expires_in_s }): extract::Json<CreateToken>,
) -> Result<Response, Problem> {
    let new = NewToken { name, scopes, expires_in: expires_in_s.map(Duration::from_secs) };
    let issued = app.access.tokens.create(&caller.tenant, new).await?;
    app.access.verifier.require();
    Ok(secret(StatusCode::CREATED, issued))
}

async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(token): Path<String>,
    extract::Json(RotateToken { grace_s }): extract::Json<RotateToken>,
) -> Result<Response, Problem> {
    let id = token_id(&token)?;
    let issued = app.access.tokens.rotate(&caller.tenant, &id, Duration::from_secs(grace_s)).await?;
    app.access.verifier.forget(&caller.tenant, &id);
    Ok(secret(StatusCode::OK, issued))
}

/// No cache keeps a secret.
fn secret(status: StatusCode, (token, info): (Token, TokenInfo)) -> Response {
    let mut answer = (status, Json(IssuedToken { token: token.reveal().to_owned(), info })).into_response();
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

async fn revoke(State(app): State<Arc<App>>, caller: Caller, Path(token): Path<String>) -> Result<StatusCode, Problem> {
    let id = token_id(&token)?;
    app.access.tokens.revoke(&caller.tenant, &id).await?;
    app.access.verifier.forget(&caller.tenant, &id);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Days {
    from: Option<String>,
    to: Option<String>,
}

async fn usage(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(days): Asked<Days>,
) -> Result<Json<UsageReport>, Problem> {
    let (from, to) = span(&days, app.access.usage.today())?;
    let mut data = Vec::new();
    let mut day = to;
    while day >= from {
        data.push(app.access.usage.day(&caller.tenant, day).await?);
        let Ok(before) = day.yesterday() else { break };
        day = before;
    }
    let agreed = app.client.backend().settings().tenants.get(&caller.tenant);
    let quotas = agreed.map_or_else(Agreed::default, |agreed| Agreed {
        max_jobs_in_flight: agreed.max_jobs_in_flight,
        max_bytes_a_day: agreed.max_bytes_a_day,
        max_media_minutes_a_day: agreed.max_media_minutes_a_day,
    });
    Ok(Json(UsageReport { tenant: caller.tenant, data, quotas }))
}

/// The first and the last day.
fn span(days: &Days, today: Date) -> Result<(Date, Date), Problem> {
    let read = |name: &str, text: &Option<String>, default: Date| match text {
        None => Ok(default),
        Some(text) => text.parse::<Date>().map_err(|_| {
            Problem::bad_request("query_invalid", format!("`{name}` is no day; write it as {today}"))
                .with("param", name)
        }),
    };
    let to = read("to", &days.to, today)?.min(today);
    let from = read("from", &days.from, to.saturating_sub((DEFAULT_DAYS - 1).days()))?;
    let count = (to - from).get_days() + 1;
    if from > to || count > MAX_DAYS {
        let detail = format!("from {from} to {to} is no span of 1 to {MAX_DAYS} days that have begun; choose another");
        return Err(Problem::bad_request("query_invalid", detail).with("param", "from"));
    }
    Ok((from, to))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PageOf {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn audit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(PageOf { limit, cursor }): Asked<PageOf>,
) -> Result<Json<AuditPage>, Problem> {
    let refuse = |param: &str, detail: String| Problem::bad_request("query_invalid", detail).with("param", param);
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(refuse("limit", format!("`limit` is {limit}, and a page has 1 to {MAX_PAGE} entries")));
    }
    let cursor = cursor.map(|text| text.parse::<Cursor>()).transpose();
    let cursor = cursor.map_err(|()| refuse("cursor", "`cursor` is not one that a page before gave".into()))?;
    Ok(Json(app.access.audit.page(&caller.tenant, cursor, limit).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_days_has_limits() {
        let today: Date = "2026-11-30".parse().unwrap();
        let days = |from: Option<&str>, to: Option<&str>| {
            let days = Days { from: from.map(str::to_owned), to: to.map(str::to_owned) };
            span(&days, today).map(|(from, to)| format!("{from} {to}")).map_err(|problem| problem.detail)
        };
        assert_eq!(days(None, None).unwrap(), "2026-11-01 2026-11-30");
        assert_eq!(days(Some("2026-11-30"), Some("2027-01-01")).unwrap(), "2026-11-30 2026-11-30");
        assert_eq!(days(None, Some("2026-03-01")).unwrap(), "2026-01-31 2026-03-01");
        for (from, to) in
            [("2026-01-01", "2026-11-30"), ("2026-11-30", "2026-11-29"), ("x", "y"), ("-9999-01-01", "9999-12-31")]
        {
            assert!(days(Some(from), Some(to)).is_err(), "{from} {to}");
        }
    }
}
