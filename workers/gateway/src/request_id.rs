//! The id of a request, by which client and log find it again.

use axum::http::{HeaderMap, HeaderName};

/// Where it stands in request and answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a client or proxy.
const MAX_ID_BYTES: usize = 128;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task serves.
pub(crate) fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Does a request's work under its id.
pub(crate) async fn scope<T>(id: String, work: impl Future<Output = T>) -> T {
    CURRENT.scope(id, work).await
}

/// The id that the client or a proxy gave, or a new one.
pub(crate) fn of(headers: &HeaderMap) -> String {
    let given = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_id(id));
    given.map_or_else(|| ulid::Ulid::generate().to_string(), str::to_owned)
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
