//! Signatures by Standard Webhooks (<https://www.standardwebhooks.com>): HMAC-SHA256 of `id.timestamp.body`, one for each secret
//! that holds, so that a receiver may change over in its own time.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What a secret begins with where people see it.
const PREFIX: &str = "whsec_";
/// The standard asks for 24 to 64.
const SECRET_BYTES: usize = 32;

/// A secret that this gateway and a receiver share. It stands in the gateway's records, in no log and in no answer but the one
/// to whoever made it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Secret {
    /// As its user sees it.
    text: String,
    pub(super) created_ms: u64,
    /// Unix time after which it signs nothing; none for the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_ms: Option<u64>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("created_ms", &self.created_ms).finish_non_exhaustive()
    }
}

impl Secret {
    pub(super) fn fresh(now_ms: u64) -> Self {
        let mut key = [0; SECRET_BYTES];
        rand::rng().fill_bytes(&mut key);
        Self::of(&key, now_ms)
    }

    fn of(key: &[u8], created_ms: u64) -> Self {
        Self { text: format!("{PREFIX}{}", STANDARD.encode(key)), created_ms, expires_ms: None }
    }

    /// For whoever made it, once.
    pub(super) fn reveal(&self) -> &str {
        &self.text
    }

    pub(super) fn holds(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|expires_ms| expires_ms > now_ms)
    }

    fn sign(&self, content: &[u8]) -> Option<String> {
        let key = STANDARD.decode(self.text.strip_prefix(PREFIX)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(content);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// The value of `webhook-signature`.
pub(super) fn signature<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    id: &str,
    timestamp_s: u64,
    body: &str,
) -> String {
    let content = format!("{id}.{timestamp_s}.{body}");
    let signatures = secrets.into_iter().filter_map(|secret| secret.sign(content.as_bytes()));
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's own libraries.
    #[test]
    fn the_standards_example_is_signed_alike() {
        let secret = Secret { text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), created_ms: 0, expires_ms: None };
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
        let signed = signature([&secret], id, 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let two = signature([&Secret::fresh(1), &secret], id, 1_614_265_330, body);
        assert!(two.ends_with(&format!(" {signed}")) && two.matches("v1,").count() == 2, "{two}");
    }

    #[test]
    fn secrets_are_long_different_and_hidden() {
        let (one, other) = (Secret::fresh(1), Secret::fresh(1));
        assert_ne!(one, other);
        let key = STANDARD.decode(one.reveal().strip_prefix("whsec_").unwrap()).unwrap();
        assert!((24..=64).contains(&key.len()));
        assert!(!format!("{one:?}").contains(&one.reveal()[6..]));
        let old = Secret { expires_ms: Some(10), ..one };
        assert!(old.holds(9) && !old.holds(10));
    }
}
