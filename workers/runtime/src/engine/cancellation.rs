//! Stops running steps whose job was cancelled or has ended.

use std::sync::Arc;

use futures_util::StreamExt;
use medley_proto::{JobId, Name};
use tokio_util::sync::CancellationToken;

use super::{backoff::pause, executor::Executor};
use crate::layout::{documents, keys::JobKeys};

/// Looks at once when a signal says that a job was cancelled, was deleted or has failed.
pub(crate) async fn listen_for_cancels(executor: Arc<Executor>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let cancels = tokio::select! {
            () = stop.cancelled() => break,
            cancels = executor.backend.queue.cancels() => cancels,
        };
        match cancels {
            Ok(mut cancels) => {
                while let Some(Some((tenant, job))) = stop.run_until_cancelled(cancels.next()).await {
                    stop_steps(&executor, &tenant, job).await;
                }
            }
            Err(error) => tracing::debug!(%error, "cancellations are not received now; steps look for them"),
        }
        pause(&stop).await;
    }
}

async fn stop_steps(executor: &Executor, tenant: &Name, job: JobId) {
    if !executor.running.has(tenant, job) {
        return;
    }
    match documents::is_over(&*executor.backend.store, &JobKeys::new(tenant, job)).await {
        Ok(true) => executor.running.cancel(tenant, job),
        Ok(false) => {}
        Err(error) => tracing::debug!(%error, "a cancellation cannot be looked for"),
    }
}
