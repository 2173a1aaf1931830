//! How long to wait before something is tried again.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::WorkerSettings;

/// A pause is never longer, whatever settings and servers say.
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(24 * 3_600);

/// The pause before the attempt after this one.
pub(crate) fn backoff(settings: &WorkerSettings, attempt: u32) -> Duration {
    let doubled = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
    let pause = settings.first_backoff_ms.saturating_mul(doubled).min(settings.max_backoff_ms);
    Duration::from_millis(pause).min(MAX_PAUSE)
}

/// Between half and one and a half of the pause, so that what failed together does not come back together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    // The low bits of a fresh ULID are random.
    let random = (ulid::Ulid::generate().random() & 0xFFFF) as u32;
    pause / 2 + pause.saturating_mul(random) / 0xFFFF
}

/// Waits about two seconds, or until the worker stops.
pub(crate) async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(jittered(Duration::from_secs(2))) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pauses_grow_and_stay_within_bounds(attempt in 1_u32..100) {
            let settings = WorkerSettings::default();
            let (this, next) = (backoff(&settings, attempt), backoff(&settings, attempt + 1));
            prop_assert!(this <= next && next <= Duration::from_millis(settings.max_backoff_ms));
            let jittered = jittered(this);
            prop_assert!(this / 2 <= jittered && jittered <= this * 3 / 2);
        }
    }
}
