//! What of a finished job is not needed to know that it is done: its steps' results, its artifacts, its fetched inputs.

use futures_util::{StreamExt, TryStreamExt, stream};
use medley_proto::{JobId, Name};

use crate::{
    Error, Medley,
    layout::keys::{JobKeys, tenant},
    store::{Key, StoreError},
};

/// How many objects are removed side by side: each waits for its disk.
const REMOVALS: usize = 16;
/// So many results are counted; more are not told apart.
const MOST_STEPS: usize = 1_000;

impl Medley {
    /// Removes all of a finished job but its envelope and its manifest, for whoever has its artifacts: asked for again it is
    /// done at once, but its artifacts cannot be fetched any more. A job that has not ended keeps everything.
    ///
    /// # Errors
    /// [`Error::NotFinished`], [`Error::NoSuchJob`], or one of the store; then it may be asked for again.
    pub async fn trim(&self, of: &Name, job: JobId) -> Result<(), Error> {
        if !self.status(of, job).await?.state.is_final() {
            return Err(Error::NotFinished(job));
        }
        let keys = JobKeys::new(of, job);
        Ok(self.remove_all(&keys.root(), &[keys.job(), keys.manifest(), keys.cancel()]).await?)
    }

    /// Removes the tenant's cached results and uploaded inputs. Jobs that have not ended may read the latter.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn drop_shared(&self, of: &Name) -> Result<(), Error> {
        self.remove_all(&tenant::cache(of), &[]).await?;
        Ok(self.remove_all(&tenant::inputs(of), &[]).await?)
    }

    /// How many steps of a job have a result, up to 1,000.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn steps_done(&self, of: &Name, job: JobId) -> Result<usize, Error> {
        let page = self.store.list(&JobKeys::new(of, job).steps(), None, MOST_STEPS).await?;
        Ok(page.objects.iter().filter(|object| object.key.as_str().ends_with("/result.json")).count())
    }

    async fn remove_all(&self, prefix: &Key, but: &[Key]) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(prefix, after.as_deref(), 1_000).await?;
            let gone = page.objects.iter().filter(|object| !but.contains(&object.key));
            let removals = gone.map(|object| self.store.delete(&object.key));
            stream::iter(removals).buffer_unordered(REMOVALS).try_collect::<()>().await?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
