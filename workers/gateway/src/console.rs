//! The web console: a page and its files, embedded in the binary. It asks the same routes as every other client.
//!
//! The files are built by esbuild from `console/` and named by their hashes, so that browsers keep them for ever; the page
//! itself is asked for anew each time. Nothing is loaded from elsewhere and no script stands in a page: the policy forbids it.

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use medley_proto::Sha256;

use crate::extract::{header_text, names_tag};

/// A file of the console.
struct File {
    /// Its path below `console/dist`.
    name: &'static str,
    bytes: &'static [u8],
    /// The same, compressed.
    brotli: Option<&'static [u8]>,
}

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

/// Media come from routes of the gateway, pictures also from what the page itself draws.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; \
    connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const KEPT: &str = "public, max-age=31536000, immutable";
/// What is asked for each time, and not sent again when it is the same.
const ASKED: &str = "no-cache";

/// Shown where the console was not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Medley</title><h1>Medley</h1>\
    <p>This gateway was built without its console. <code>scripts/setup.sh console</code> builds it (it needs Node 18 or \
    newer); build the gateway again after it.</p><p>The API is there: <a href=\"/openapi.json\">openapi.json</a>, \
    docs/gateway.md.</p></html>";

/// The routes of the table, and the console beside them.
pub(crate) fn serve(routes: Router) -> Router {
    routes.route("/", get(page)).route("/assets/{name}", get(asset))
}

async fn page(headers: HeaderMap) -> Response {
    match find("index.html") {
        Some(file) => answer(file, ASKED, &headers),
        None => (safe(), [(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response(),
    }
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match find(&format!("assets/{name}")) {
        Some(file) => answer(file, KEPT, &headers),
        None => (StatusCode::NOT_FOUND, safe(), "there is no such file; reload the page").into_response(),
    }
}

fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

fn answer(file: &'static File, kept: &'static str, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", Sha256::of(file.bytes));
    let about = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, kept.to_owned())];
    let vary = [(header::VARY, "accept-encoding")];
    if header_text(headers, &header::IF_NONE_MATCH).is_some_and(|known| names_tag(known, &tag)) {
        return (StatusCode::NOT_MODIFIED, about, vary).into_response();
    }
    let media_type = [(header::CONTENT_TYPE, media_type(file.name))];
    let takes_brotli = header_text(headers, &header::ACCEPT_ENCODING).is_some_and(|accepted| {
        accepted.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == "br")
    });
    match file.brotli.filter(|_| takes_brotli) {
        Some(brotli) => (safe(), about, vary, media_type, [(header::CONTENT_ENCODING, "br")], brotli).into_response(),
        None => (safe(), about, vary, media_type, file.bytes).into_response(),
    }
}

/// What keeps the page to itself.
fn safe() -> [(HeaderName, HeaderValue); 5] {
    [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), microphone=(), geolocation=(), payment=()"),
        ),
    ]
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_page_is_kept_to_itself() {
        let response = page(HeaderMap::new()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        let missing = asset(Path("../index.html".into()), HeaderMap::new()).await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_file_is_sent_once() {
        let file: &File = Box::leak(Box::new(File { name: "a.js", bytes: b"1", brotli: Some(b"2") }));
        let ask = |name: HeaderName, value: &str| {
            answer(file, KEPT, &HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]))
        };
        let plain = ask(header::ACCEPT_ENCODING, "gzip, brown");
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
        assert_eq!(plain.headers()[header::CACHE_CONTROL], KEPT);
        assert_eq!(ask(header::ACCEPT_ENCODING, "gzip, br;q=0.9").headers()[header::CONTENT_ENCODING], "br");
        let tag = plain.headers()[header::ETAG].to_str().unwrap().to_owned();
        assert_eq!(ask(header::IF_NONE_MATCH, &tag).status(), StatusCode::NOT_MODIFIED);
    }
}
