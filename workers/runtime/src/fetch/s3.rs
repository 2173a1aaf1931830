use std::{collections::BTreeMap, path::Path, sync::Mutex};

use async_trait::async_trait;
use medley_net::Address;
use medley_proto::ErrorCode;
use medley_step::{RemotePage, Retryable, StepError};

use crate::{
    fetch::Fetcher,
    store::{S3Config, S3Store, StoreError},
};

const SCHEME: &str = "s3://";
/// The longest key that S3 takes.
const MAX_KEY_BYTES: usize = 1_024;

/// Fetches `s3://bucket/key` inputs with the worker's own credentials, from the places that its owner names and no
/// others: whoever may submit a job must not read all that the worker may read.
#[derive(Debug)]
pub struct S3Fetcher {
    /// Server and credentials; the bucket is each input's own.
    server: S3Config,
    /// What an input's URL must begin with: `s3://bucket/prefix/`.
    allowed: Vec<String>,
    stores: Mutex<BTreeMap<String, S3Store>>,
}

impl S3Fetcher {
    /// `allowed` are buckets or prefixes of them: `s3://podcasts`, `s3://media/raw`.
    pub fn new(server: S3Config, allowed: impl IntoIterator<Item = String>) -> Self {
        let whole = |place: String| format!("{}/", place.trim_end_matches('/'));
        Self { server, allowed: allowed.into_iter().map(whole).collect(), stores: Mutex::default() }
    }

    fn store(&self, bucket: &str) -> Result<S3Store, StoreError> {
        let mut stores = self.stores.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(store) = stores.get(bucket) {
            return Ok(store.clone());
        }
        let config = S3Config { bucket: bucket.to_owned(), prefix: String::new(), ..self.server.clone() };
        let store = S3Store::new(&config)?;
        stores.insert(bucket.to_owned(), store.clone());
        Ok(store)
    }

    /// The bucket and what stands behind it.
    fn place<'a>(&self, address: &'a Address) -> Result<(S3Store, &'a str), StepError> {
        let uri = address.reveal();
        if !self.allowed.iter().any(|place| uri.starts_with(place)) {
            let what = "inputs are not read from there; its place must stand in inputs.s3 of the worker's medley.toml";
            return Err(refused(address, ErrorCode::INPUT_FORBIDDEN, what));
        }
        let (bucket, key) = uri.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/')).unwrap_or_default();
        // Servers that keep objects as files would leave the allowed place by such a key.
        if key.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(refused(address, ErrorCode::INPUT_FORBIDDEN, "its key has a segment . or .."));
        }
        Ok((self.store(bucket).map_err(|error| sort(address, error))?, key))
    }

    async fn read(&self, address: &Address, into: &Path, max_bytes: u64) -> Result<(), StepError> {
        let refused = |code, what: &str| refused(address, code, what);
        let sort = |error| sort(address, error);
        let (store, key) = self.place(address)?;
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(refused(ErrorCode::INPUT_NOT_FOUND, "this is no key of an object"));
        }
        let fits = |bytes: u64| {
            let what = format!("it has {bytes} bytes, more than limits.input_bytes = {max_bytes}");
            if bytes > max_bytes { Err(refused(ErrorCode::MEDIA_TOO_LARGE, &what)) } else { Ok(()) }
        };
        let bytes = store.size_of(key).await.map_err(sort)?;
        fits(bytes)?;
        if bytes == 0 {
            return Err(refused(ErrorCode::MEDIA_EMPTY, "it is empty; give an object with content"));
        }
        // It may have been replaced by a larger one since.
        fits(store.fetch_any(key, into).await.map_err(sort)?)
    }
}

fn refused(address: &Address, code: ErrorCode, what: &str) -> StepError {
    StepError::permanent(code, format!("{address}: {what}"))
}

fn sort(address: &Address, error: StoreError) -> StepError {
    let refused = |code, what| refused(address, code, what);
    match error {
        StoreError::NotFound(_) => {
            refused(ErrorCode::INPUT_NOT_FOUND, "there is no such object; a folder is written with a / at its end")
        }
        StoreError::Refused(..) => {
            refused(ErrorCode::INPUT_FORBIDDEN, "the bucket is missing, or closed to this worker").because(error)
        }
        StoreError::InvalidKey(_) => refused(ErrorCode::INPUT_NOT_FOUND, "this is no key of an object").because(error),
        StoreError::Unavailable { retry_after, .. } => StepError::Transient {
            code: ErrorCode::SERVICE_UNAVAILABLE,
            message: format!("{address}: the bucket's server is not available"),
            retry_after,
            source: Some(error.into()),
        },
        StoreError::TooLarge { .. } => {
            refused(ErrorCode::MEDIA_TOO_LARGE, "the server lists more at once than a server may").because(error)
        }
        StoreError::Checksum(_) => {
            StepError::transient(ErrorCode::SERVICE_UNAVAILABLE, format!("{address} arrived damaged")).because(error)
        }
        other => other.into_step_error(),
    }
}

#[async_trait]
impl Fetcher for S3Fetcher {
    fn serves(&self, address: &Address) -> bool {
        address.reveal().starts_with(SCHEME)
    }

    async fn fetch(&self, address: &Address, into: &Path, max_bytes: u64) -> Result<(), StepError> {
        self.read(address, into, max_bytes).await
    }

    fn lists(&self) -> bool {
        true
    }

    async fn list(&self, address: &Address, after: Option<&str>) -> Result<RemotePage, StepError> {
        let (store, prefix) = self.place(address)?;
        store.list_below(prefix, after).await.map_err(|error| sort(address, error))
    }
}
