//! What an error of the SDK means for whoever uses the store.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};

use crate::store::{Key, StoreError};

use super::bounded::{MAX_ANSWER_BYTES, is_too_long};

pub(super) fn classify<E>(key: &Key, error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    if let SdkError::ResponseError(_) = &error {
        // There was an answer, and not all of it.
        return if is_too_long(&error) {
            StoreError::TooLarge {
                key: key.clone(),
                bytes: MAX_ANSWER_BYTES as u64 + 1,
                limit: MAX_ANSWER_BYTES as u64,
            }
        } else {
            broken_off(key, DisplayErrorContext(error).to_string())
        };
    }
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
    let retry_after = error.raw_response().and_then(retry_after);
    let message = match (code.as_str(), status) {
        ("", None) => DisplayErrorContext(&error).to_string(),
        ("", Some(status)) => format!("{key}: the server answered {status}"),
        (code, status) => format!("{key}: the server answered {} {code}", status.unwrap_or_default()),
    };
    match (status, code.as_str()) {
        (_, "NoSuchKey" | "NotFound") => StoreError::NotFound(key.clone()),
        (_, "NoSuchBucket") => StoreError::Refused(message, Some(error.into())),
        (Some(404), "") => StoreError::NotFound(key.clone()),
        (_, "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch") => {
            StoreError::Checksum(key.clone())
        }
        (Some(507), _) | (_, "QuotaExceeded" | "XMinioStorageFull") => StoreError::Full(Some(error.into())),
        // Conflicts, time-outs, throttling and everything that is the server's own fault.
        (Some(408 | 409 | 425 | 429 | 500..), _) | (None, _) | (_, "SlowDown" | "RequestTimeout" | "Throttling") => {
            StoreError::Unavailable { message, retry_after, source: Some(error.into()) }
        }
        (_, "KeyTooLongError" | "InvalidURI") => StoreError::InvalidKey(key.to_string()),
        _ => StoreError::Refused(message, Some(error.into())),
    }
}

/// The server's wish.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    medley_net::retry_after(response.headers().get("retry-after")?, SystemTime::now())
}

pub(super) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The answer broke off, or the network did.
pub(super) fn broken_off(key: &Key, error: impl Into<medley_step::Cause>) -> StoreError {
    let source = error.into();
    StoreError::Unavailable { message: format!("{key}: {source}"), retry_after: None, source: Some(source) }
}

/// Why a request failed, and so whether asking again is ours to do.
pub(super) enum Failed {
    /// Before there was an answer: the SDK has repeated it as often as it should be.
    Unanswered(StoreError),
    /// In the middle of the answer, where the SDK does not look any more.
    Torn(StoreError),
}

impl Failed {
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Unanswered(error) | Self::Torn(error) => error,
        }
    }
}
