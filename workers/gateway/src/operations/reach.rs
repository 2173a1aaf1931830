use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use medley_runtime::Client;

/// Queue and store have so long to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Anyone may ask, so the answer is kept for so long.
const KEPT: Duration = Duration::from_secs(1);

/// When queue and store were last asked, and whether they answered.
#[derive(Debug, Default)]
pub(crate) struct Reach(Mutex<Option<(Instant, bool)>>);

impl Reach {
    pub(super) async fn look(&self, client: &Client) -> bool {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, reached)) = known
            && at.elapsed() < KEPT
        {
            return reached;
        }
        let reached = match tokio::time::timeout(ANSWER_LIMIT, client.reach()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "not ready: queue or store cannot be reached");
                false
            }
            Err(_) => {
                tracing::warn!("not ready: queue or store do not answer");
                false
            }
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), reached));
        reached
    }
}
