use std::{collections::BTreeMap, path::Path, sync::Mutex};

use async_trait::async_trait;
use medley_proto::ErrorCode;
use medley_step::{Key, RemotePage, Retryable, StepError, Store, StoreError};

use crate::{
    staging::Fetcher,
    store::{S3Config, S3Store},
};

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
    fn place<'a>(&self, uri: &'a str) -> Result<(S3Store, &'a str), StepError> {
        if !self.allowed.iter().any(|place| uri.starts_with(place)) {
            let what = "inputs are not read from there; its place must stand in inputs.s3 of the worker's medley.toml";
            return Err(refused(uri, ErrorCode::INPUT_FORBIDDEN, what));
        }
        let (bucket, key) = uri.trim_start_matches("s3://").split_once('/').unwrap_or_default();
        Ok((self.store(bucket).map_err(|error| sort(uri, error))?, key))
    }

    async fn read(&self, uri: &str, into: &Path, most_bytes: u64) -> Result<(), StepError> {
        let refused = |code, what: &str| refused(uri, code, what);
        let sort = |error| sort(uri, error);
        let (store, key) = self.place(uri)?;
        // A key of a bucket's own may have characters that ours have not; such an object has to be copied first.
        let key = Key::parse(key).map_err(|_| refused(ErrorCode::INPUT_NOT_FOUND, "its key cannot be asked for"))?;
        let object = store.head(&key).await.and_then(|found| found.ok_or(StoreError::NotFound(key.clone())));
        let object = object.map_err(sort)?;
        let fits = |bytes: u64| {
            let what = format!("it has {bytes} bytes, more than limits.input_bytes = {most_bytes}");
            if bytes > most_bytes { Err(refused(ErrorCode::MEDIA_TOO_LARGE, &what)) } else { Ok(()) }
        };
        fits(object.bytes)?;
        if object.bytes == 0 {
            return Err(refused(ErrorCode::MEDIA_EMPTY, "it is empty; give an object with content"));
        }
        // It may have been replaced by a larger one since.
        fits(store.fetch(&key, into).await.map_err(sort)?)
    }
}

fn refused(uri: &str, code: ErrorCode, what: &str) -> StepError {
    StepError::permanent(code, format!("{uri}: {what}"))
}

fn sort(uri: &str, error: StoreError) -> StepError {
    match error {
        StoreError::NotFound(_) => {
            refused(uri, ErrorCode::INPUT_NOT_FOUND, "there is no such object; a folder is written with a / at its end")
        }
        StoreError::Refused(..) => {
            refused(uri, ErrorCode::INPUT_FORBIDDEN, "the bucket is missing, or closed to this worker").because(error)
        }
        other => other.into_step_error(),
    }
}

#[async_trait]
impl Fetcher for S3Fetcher {
    fn serves(&self, uri: &str) -> bool {
        uri.starts_with("s3://")
    }

    async fn fetch(&self, uri: &str, into: &Path, most_bytes: u64) -> Result<(), StepError> {
        self.read(uri, into, most_bytes).await
    }

    fn lists(&self) -> bool {
        true
    }

    async fn list(&self, uri: &str, after: Option<&str>) -> Result<RemotePage, StepError> {
        let (store, prefix) = self.place(uri)?;
        store.list_below(prefix, after).await.map_err(|error| sort(uri, error))
    }
}
