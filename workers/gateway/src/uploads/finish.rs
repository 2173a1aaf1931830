//! Makes inputs of whole uploads: once each, however many ask, and few at a time, since each takes the file's size of disk.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use medley_proto::{Input, Name};
use medley_runtime::{Client, UploadId};
use tokio::sync::Semaphore;

use super::receive::WholeFile;
use crate::problem::Problem;

/// How many uploads are put together at a time.
const AT_ONCE: usize = 2;

type Outcome = Shared<BoxFuture<'static, Result<Input, Problem>>>;

/// Uploads that become inputs at this moment.
#[derive(Debug, Clone)]
pub(super) struct Finishing {
    under_way: Arc<Mutex<HashMap<UploadId, Outcome>>>,
    turns: Arc<Semaphore>,
}

impl Default for Finishing {
    fn default() -> Self {
        Self { under_way: Arc::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Finishing {
    /// Puts an upload together from its parts. It goes on when nobody waits for it any more.
    pub(super) fn finish(&self, client: &Client, of: &Name, id: UploadId) -> Outcome {
        let (client, of, turns) = (client.clone(), of.clone(), self.turns.clone());
        self.once(id, async move {
            let _turn = turns.acquire_owned().await.map_err(|_| Problem::internal())?;
            Ok(client.finish_upload(&of, id).await?)
        })
    }

    /// Makes an input of a file that one request sent.
    pub(super) fn finish_from(&self, client: &Client, of: &Name, id: UploadId, file: WholeFile) -> Outcome {
        let (client, of) = (client.clone(), of.clone());
        self.once(id, async move { Ok(client.finish_upload_from(&of, id, file.scratch.path()).await?) })
    }

    fn once(&self, id: UploadId, work: impl Future<Output = Result<Input, Problem>> + Send + 'static) -> Outcome {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = under_way.get(&id) {
            return outcome.clone();
        }
        let mine = self.under_way.clone();
        let task = tokio::spawn(async move {
            let outcome = work.await;
            mine.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            outcome
        });
        let outcome = async move { task.await.unwrap_or_else(|_| Err(Problem::internal())) }.boxed().shared();
        under_way.insert(id, outcome.clone());
        outcome
    }
}
