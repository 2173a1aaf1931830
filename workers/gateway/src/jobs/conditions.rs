//! What a client asks for beside the job itself: `Prefer`, `Idempotency-Key`, `Accept`.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};

use crate::{extract::header_text, problem::Problem};

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// No request waits for longer.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(60);
const MAX_KEY_BYTES: usize = 255;

/// The time of `Prefer: wait=N`; none: the client does not want to wait.
pub(crate) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let preferences = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut each = preferences.flat_map(|value| value.split([',', ';'])).map(str::trim);
    let seconds = each.find_map(|one| one.strip_prefix("wait=")?.trim_matches('"').parse::<u64>().ok())?;
    Some(Duration::from_secs(seconds).min(MAX_WAIT))
}

/// The key of `Idempotency-Key`, with the quotes of its draft or without.
///
/// # Errors
/// When it is empty, too long, or not ASCII.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_key =
        (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if is_key {
        return Ok(Some(key.to_owned()));
    }
    let detail = format!("an Idempotency-Key has 1 to {MAX_KEY_BYTES} printable ASCII characters; send a UUID");
    Err(Problem::bad_request("idempotency_key_invalid", detail))
}

/// Whether the client wants to follow the job.
pub(crate) fn wants_events(headers: &HeaderMap) -> bool {
    header_text(headers, &header::ACCEPT).is_some_and(|accept| accept.contains("text/event-stream"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn preferences_are_read_as_rfc_7240_writes_them() {
        let of = |value| wait(&headers(PREFER, value));
        assert_eq!(of("wait=5"), Some(Duration::from_secs(5)));
        assert_eq!(of("respond-async, wait=5"), Some(Duration::from_secs(5)));
        assert_eq!(of("wait=86400"), Some(MAX_WAIT));
        assert_eq!((of("respond-async"), of("wait=x"), of("")), (None, None, None));
    }

    #[test]
    fn keys_come_with_quotes_and_without() {
        let of = |value| idempotency_key(&headers(IDEMPOTENCY_KEY, value));
        assert_eq!(of("\"8e03978e\"").unwrap().as_deref(), Some("8e03978e"));
        assert_eq!(of("8e03978e").unwrap().as_deref(), Some("8e03978e"));
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
        assert_eq!(of("\"\"").unwrap_err().code, "idempotency_key_invalid");
    }
}
