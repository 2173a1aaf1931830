//! The list of tenants in the store, by which sweepers find their jobs and uploads.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use medley_proto::Name;

use crate::{
    layout::{documents, keys::tenant},
    store::{Store, StoreError},
};

/// The tenants that this process saw in the list. Nothing takes a tenant out of it, so it is asked once.
#[derive(Debug, Clone, Default)]
pub(super) struct Tenants(Arc<Mutex<HashSet<Name>>>);

impl Tenants {
    /// Puts a tenant into the list, before anything of it is written.
    pub(super) async fn register(&self, store: &dyn Store, name: &Name) -> Result<(), StoreError> {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(name) {
            return Ok(());
        }
        store.put_if_absent(&tenant::registered(name), Bytes::from_static(b"{}"), &documents::meta()).await?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        Ok(())
    }
}
