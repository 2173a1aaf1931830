//! Stops running steps whose job was cancelled or has ended.

use std::sync::Arc;

use futures_util::StreamExt;
use medley_proto::{JobId, Name};
use tokio_util::sync::CancellationToken;

use super::{backoff::pause, executor::Executor};
use crate::{
    Backend, Error,
    layout::{documents, keys::JobKeys},
};

/// Whether nobody waits for the job's steps any more: it was cancelled, or it has ended.
pub(crate) async fn is_over(backend: &Backend, tenant: &Name, job: JobId) -> Result<bool, Error> {
    let (store, keys) = (&*backend.store, JobKeys::new(tenant, job));
    Ok(documents::exists(store, &keys.cancel()).await? || documents::exists(store, &keys.manifest()).await?)
}

/// Looks at once when somebody says that a job was cancelled or has ended otherwise than well.
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
    match is_over(&executor.backend, tenant, job).await {
        Ok(true) => executor.running.cancel(tenant, job),
        Ok(false) => {}
        Err(error) => tracing::debug!(%error, "a cancellation cannot be looked for"),
    }
}
