//! Which workers there are, how long their steps take, and which kinds are paused.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::Name;

use super::Client;
use crate::{
    Error,
    engine::{
        KindRate, WorkerNote,
        presence::{self, SILENCE},
    },
    layout::{documents, keys::fleet},
    store::PAGE_LIMIT,
};

/// The note of a worker that was silent for so long is removed: also clocks that differ much do not reach so far.
const LONG_GONE: Duration = Duration::from_secs(86_400);

impl Client {
    /// The workers that said lately that they are there; one that died is listed for 45 seconds more.
    ///
    /// # Errors
    /// Those of the store.
    pub fn workers(&self) -> BoxFuture<'_, Result<Vec<WorkerNote>, Error>> {
        async move {
            let store = &*self.backend.store;
            let now_ms = self.backend.clock.now_ms();
            let before = |span: Duration| now_ms.saturating_sub(span.as_millis() as u64);
            let page = store.list(&fleet::workers(), None, PAGE_LIMIT).await?;
            let mut workers = Vec::new();
            for object in page.objects {
                if object.modified_ms < before(LONG_GONE) {
                    // Whoever looks tidies up behind those that died.
                    store.delete(&object.key).await?;
                }
                if object.modified_ms < before(SILENCE) {
                    continue;
                }
                workers.extend(documents::read::<WorkerNote>(store, &object.key).await?);
            }
            Ok(workers)
        }
        .boxed()
    }

    /// How long steps of the kinds took lately; of kinds that no announced worker ever computed nothing is known.
    ///
    /// # Errors
    /// Those of the store.
    pub fn rates(&self) -> BoxFuture<'_, Result<BTreeMap<Name, KindRate>, Error>> {
        async move {
            let page = self.backend.store.list(&fleet::rates(), None, PAGE_LIMIT).await?;
            let mut rates = BTreeMap::new();
            for object in page.objects {
                let Some(kind) = object.key.as_str().rsplit('/').next().and_then(|kind| kind.parse::<Name>().ok())
                else {
                    continue;
                };
                if let Some(rate) = documents::read::<KindRate>(&*self.backend.store, &object.key).await? {
                    rates.insert(kind, rate);
                }
            }
            Ok(rates)
        }
        .boxed()
    }

    /// The kinds of step that no worker takes.
    ///
    /// # Errors
    /// Those of the store.
    pub fn paused(&self) -> BoxFuture<'_, Result<BTreeSet<Name>, Error>> {
        presence::paused(&self.backend).boxed()
    }

    /// Workers take no more steps of this kind, within 15 seconds and until [`resume`](Self::resume); those that run go on.
    ///
    /// # Errors
    /// Those of the store.
    pub fn pause<'a>(&'a self, kind: &'a Name) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let key = fleet::paused_kind(kind);
            Ok(self.backend.store.put(&key, Bytes::from_static(b"{}"), &documents::meta()).await?)
        }
        .boxed()
    }

    /// Workers take steps of this kind again.
    ///
    /// # Errors
    /// Those of the store.
    pub fn resume<'a>(&'a self, kind: &'a Name) -> BoxFuture<'a, Result<(), Error>> {
        async move { Ok(self.backend.store.delete(&fleet::paused_kind(kind)).await?) }.boxed()
    }
}
