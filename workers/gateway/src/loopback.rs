//! What keeps web pages of others out of a gateway on loopback. Any page in a browser may send requests to 127.0.0.1, or have
//! its own name resolve to it (DNS rebinding): the name that it asks for, and where it comes from, give it away.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{problem::Problem, state::App};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The names by which this machine calls itself.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses what a foreign page asks for.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match check(request.headers(), request.uri().authority(), app.access.has_tokens()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// With tokens a proxy may stand before the gateway, and the host is whatever that is called. A request that brings a token
/// itself is not one that a page makes its reader's browser send.
fn check(headers: &HeaderMap, authority: Option<&Authority>, has_tokens: bool) -> Result<(), Problem> {
    let host = authority.map(Authority::as_str).or_else(|| text(headers, &header::HOST)).unwrap_or_default();
    if !has_tokens && !OWN_NAMES.contains(&name_of(host)) {
        let detail = "without a token the gateway answers to localhost, 127.0.0.1 and [::1] only; use one of these";
        return Err(Problem::forbidden("host_foreign", detail));
    }
    if has_tokens && headers.contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    let foreign = match text(headers, &header::ORIGIN) {
        Some(origin) => origin.split_once("://").is_none_or(|(_, of)| of != host),
        None => headers.contains_key(header::ORIGIN),
    };
    if foreign || text(headers, &SEC_FETCH_SITE) == Some("cross-site") {
        let detail = "a page of another site asked; no other site may use this gateway";
        return Err(Problem::forbidden("origin_foreign", detail));
    }
    Ok(())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn refused(pairs: &[(HeaderName, &'static str)], has_tokens: bool) -> Option<String> {
        let pairs = pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        let headers: HeaderMap = pairs.collect();
        check(&headers, None, has_tokens).err().map(|problem| problem.code.into_owned())
    }

    #[test]
    fn only_this_machine_s_own_names_are_answered_to() {
        for host in ["localhost", "localhost:8750", "127.0.0.1:1", "[::1]", "[::1]:8750"] {
            assert_eq!(refused(&[(header::HOST, host)], false), None, "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example:8750", "127.0.0.1.nip.io", "127.1", "[::2]:8750"] {
            assert_eq!(refused(&[(header::HOST, host)], false).as_deref(), Some("host_foreign"), "{host}");
        }
        assert_eq!(refused(&[(header::HOST, "medley.example")], true), None);
    }

    #[test]
    fn pages_of_others_are_refused() {
        let host = (header::HOST, "localhost:8750");
        for origin in ["https://evil.example", "null", "http://localhost:3000", "localhost:8750"] {
            let headers = [host.clone(), (header::ORIGIN, origin)];
            assert_eq!(refused(&headers, false).as_deref(), Some("origin_foreign"), "{origin}");
            assert_eq!(refused(&headers, true).as_deref(), Some("origin_foreign"), "{origin}");
        }
        assert_eq!(refused(&[host.clone(), (header::ORIGIN, "http://localhost:8750")], false), None);
        let cross_site = [host.clone(), (SEC_FETCH_SITE, "cross-site")];
        assert_eq!(refused(&cross_site, false).as_deref(), Some("origin_foreign"));
        assert_eq!(refused(&[host, (SEC_FETCH_SITE, "same-origin")], false), None);
    }

    #[test]
    fn who_brings_a_token_may_come_from_anywhere() {
        let headers = [
            (header::HOST, "medley.example"),
            (header::ORIGIN, "https://other.example"),
            (header::AUTHORIZATION, "Bearer mdl_x"),
        ];
        assert_eq!(refused(&headers, true), None);
        assert!(refused(&headers, false).is_some(), "without tokens a header proves nothing");
    }
}
