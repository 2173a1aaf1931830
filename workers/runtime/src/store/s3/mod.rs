//! The fleet's store: a bucket of any server that speaks S3 (docs/fleet.md).

mod bounded;
mod client;
mod error;
mod transfer;

use std::{collections::HashMap, fs::File, ops::Range, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_s3::{
    Client,
    operation::{head_object::HeadObjectOutput, put_object::builders::PutObjectFluentBuilder},
    presigning::PresigningConfig,
    primitives::{ByteStream, DateTime},
    types::ChecksumAlgorithm,
};
use bytes::Bytes;
use medley_proto::Sha256;
use medley_step::{RemoteFile, RemotePage};

pub use self::client::S3Config;
use self::error::{Failed, broken_off, classify, status};

use super::PAGE_LIMIT;
use crate::store::{Key, ObjectInfo, ObjectMeta, Page, Store, StoreError};

/// The name of the metadata that holds an object's digest.
const SHA256: &str = "sha256";
/// The longest that a URL can be valid.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// S3 takes keys of 1,024 bytes: what ours leave of them, with the `/` between.
const MAX_PREFIX_BYTES: usize = 1024 - Key::MAX_BYTES - 1;
/// How often a small object whose answer broke off is asked for again.
const TRIES: u32 = 5;

/// A store in a bucket.
#[derive(Debug, Clone)]
pub struct S3Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    bucket: String,
    /// Empty, or ends with `/`.
    prefix: String,
}

/// An object of the bucket: the key that the server knows it by, and what errors call it.
#[derive(Debug)]
struct Object {
    key: String,
    named: Key,
}

fn unnamed() -> Key {
    Key::new(["object"]).expect("letters are a valid key")
}

impl S3Store {
    /// Makes the client; nothing is asked of the server yet.
    pub fn new(config: &S3Config) -> Result<Self, StoreError> {
        let mut prefix = config.prefix.trim_matches('/').to_owned();
        if !prefix.is_empty() {
            if prefix.len() > MAX_PREFIX_BYTES {
                return Err(StoreError::InvalidKey(prefix));
            }
            Key::parse(&prefix)?;
            prefix.push('/');
        }
        let client = client::client(config)?;
        Ok(Self { inner: Arc::new(Inner { client, bucket: config.bucket.clone(), prefix }) })
    }

    fn client(&self) -> &Client {
        &self.inner.client
    }

    fn bucket(&self) -> &str {
        &self.inner.bucket
    }

    fn full_key(&self, key: &Key) -> String {
        format!("{}{key}", self.inner.prefix)
    }

    fn object(&self, key: &Key) -> Object {
        Object { key: self.full_key(key), named: key.clone() }
    }

    /// An object that others put into the bucket, whatever its key looks like.
    fn object_of_others(&self, key: &str) -> Object {
        let odd = |c: char| c.is_control() || "\\?#%\"<>|:".contains(c);
        let plain: String = key.chars().map(|c| if odd(c) { '_' } else { c }).collect();
        let segments = plain.split('/').filter(|segment| !segment.is_empty());
        let named = Key::new(segments).or_else(|_| Key::parse(self.bucket())).unwrap_or_else(|_| unnamed());
        Object { key: key.to_owned(), named }
    }

    /// How many bytes such an object has.
    pub(crate) async fn size_of(&self, key: &str) -> Result<u64, StoreError> {
        let object = self.object_of_others(key);
        let head = self.client().head_object().bucket(self.bucket()).key(&object.key).send().await;
        Ok(unsigned(head.map_err(|error| classify(&object.named, error))?.content_length()))
    }

    /// Streams such an object into a file, as [`Store::fetch`] does.
    pub(crate) async fn fetch_any(&self, key: &str, path: &Path) -> Result<u64, StoreError> {
        transfer::download(self, &self.object_of_others(key), path).await
    }

    fn put_request(&self, key: &Key, bytes: Bytes, meta: &ObjectMeta) -> Result<PutObjectFluentBuilder, StoreError> {
        if meta.sha256.is_some_and(|announced| announced != Sha256::of(&bytes)) {
            return Err(StoreError::Checksum(key.clone()));
        }
        let request = (self.client().put_object())
            .bucket(self.bucket())
            .key(self.full_key(key))
            .set_content_type(meta.media_type.clone())
            .set_metadata(metadata(meta))
            .body(ByteStream::from(bytes));
        Ok(match meta.sha256 {
            Some(digest) => request.checksum_sha256(aws_smithy_types::base64::encode(digest.as_bytes())),
            None => request.checksum_algorithm(ChecksumAlgorithm::Crc32C),
        })
    }

    /// A page of what others have put below a prefix (empty, or ending with `/`), whatever its keys look like.
    pub(crate) async fn list_below(&self, prefix: &str, after: Option<&str>) -> Result<RemotePage, StoreError> {
        let named = self.object_of_others(prefix).named;
        let listed = (self.client().list_objects_v2())
            .bucket(self.bucket())
            .prefix(prefix)
            .set_start_after(after.map(|after| format!("{prefix}{after}")))
            .max_keys(i32::try_from(PAGE_LIMIT).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| classify(&named, error))?;
        let file = |object: &aws_sdk_s3::types::Object| {
            // What ends with `/` is a folder that some tool made.
            let name = object.key()?.strip_prefix(prefix).filter(|name| !name.is_empty() && !name.ends_with('/'))?;
            // The ETag changes with the content and only with it.
            let stamp = object.e_tag().map_or_else(|| unix_ms(object.last_modified()).to_string(), str::to_owned);
            Some(RemoteFile { name: name.to_owned(), bytes: unsigned(object.size()), stamp })
        };
        let last = listed.contents().last().and_then(|object| object.key()?.strip_prefix(prefix));
        let next = last.filter(|_| listed.is_truncated() == Some(true)).map(str::to_owned);
        Ok(RemotePage { files: listed.contents().iter().filter_map(file).collect(), next })
    }

    async fn find(&self, key: &Key) -> Result<Option<HeadObjectOutput>, StoreError> {
        let found = self.client().head_object().bucket(self.bucket()).key(self.full_key(key)).send().await;
        match found.map_err(|error| classify(key, error)) {
            Ok(head) => Ok(Some(head)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn get_once(&self, key: &Key, limit: u64) -> Result<Option<Bytes>, Failed> {
        let request = self.client().get_object().bucket(self.bucket()).key(self.full_key(key));
        let mut answer = match request.send().await.map_err(|error| classify(key, error)) {
            Ok(answer) => answer,
            Err(StoreError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(Failed::Unanswered(error)),
        };
        let bytes = unsigned(answer.content_length());
        let too_large = |bytes| Failed::Unanswered(StoreError::TooLarge { key: key.clone(), bytes, limit });
        if bytes > limit {
            return Err(too_large(bytes));
        }
        let mut body = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
        while let Some(some) = answer.body.next().await {
            body.extend_from_slice(&some.map_err(|error| Failed::Torn(broken_off(key, error)))?);
            if body.len() as u64 > limit {
                return Err(too_large(body.len() as u64));
            }
        }
        if answer.content_length().is_some() && body.len() as u64 != bytes {
            return Err(Failed::Torn(broken_off(key, format!("{} bytes came of {bytes}", body.len()))));
        }
        Ok(Some(body.into()))
    }
}

fn metadata(meta: &ObjectMeta) -> Option<HashMap<String, String>> {
    meta.sha256.map(|digest| HashMap::from([(SHA256.to_owned(), digest.to_string())]))
}

fn unsigned(count: Option<i64>) -> u64 {
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
}

fn unix_ms(time: Option<&DateTime>) -> u64 {
    time.and_then(|time| time.to_millis().ok()).and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default()
}

/// Waits before the next try, longer each time, with jitter.
async fn pause(tries: u32) {
    let max_ms = 50 << tries.min(7);
    tokio::time::sleep(Duration::from_millis(rand::random_range(max_ms / 2..=max_ms))).await;
}

#[async_trait]
impl Store for S3Store {
    async fn put(&self, key: &Key, bytes: Bytes, meta: &ObjectMeta) -> Result<(), StoreError> {
        let request = self.put_request(key, bytes, meta)?;
        request.send().await.map(drop).map_err(|error| classify(key, error))
    }

    async fn put_file(&self, key: &Key, path: &Path, meta: &ObjectMeta) -> Result<(), StoreError> {
        let opened = {
            let path = path.to_owned();
            tokio::task::spawn_blocking(move || {
                let file = File::open(&path)?;
                let meta = file.metadata()?;
                if !meta.is_file() {
                    return Err(std::io::Error::other("not a file"));
                }
                Ok((file, meta.len()))
            })
        };
        let opened = opened.await.map_err(|error| broken_off(key, error))?;
        let (file, bytes) = opened.map_err(|error| StoreError::Unavailable {
            message: format!("{}: {error}", path.display()),
            retry_after: None,
            source: Some(error.into()),
        })?;
        if bytes > transfer::PART_BYTES {
            return transfer::upload(self, &self.object(key), file, bytes, meta).await;
        }
        let read = tokio::fs::read(path).await.map_err(|error| broken_off(key, error))?;
        self.put(key, read.into(), meta).await
    }

    /// Asks first, since a server that does not know `If-None-Match` would overwrite.
    async fn put_if_absent(&self, key: &Key, bytes: Bytes, meta: &ObjectMeta) -> Result<bool, StoreError> {
        let request = self.put_request(key, bytes.clone(), meta)?;
        if self.find(key).await?.is_some() {
            return Ok(false);
        }
        match request.if_none_match("*").send().await {
            Ok(_) => Ok(true),
            Err(error) if matches!(status(&error), Some(412)) => Ok(false),
            // A server that refuses what it does not know.
            Err(error) if matches!(status(&error), Some(501)) => self.put(key, bytes, meta).await.map(|()| true),
            Err(error) => Err(classify(key, error)),
        }
    }

    async fn get(&self, key: &Key, limit: u64) -> Result<Option<Bytes>, StoreError> {
        let mut tries = 0;
        loop {
            let trouble = match self.get_once(key, limit).await {
                Err(Failed::Torn(error)) => error,
                other => return other.map_err(Failed::into_error),
            };
            tries += 1;
            if tries == TRIES {
                return Err(trouble);
            }
            pause(tries).await;
        }
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.start >= range.end {
            return match self.find(key).await? {
                Some(_) => Ok(Bytes::new()),
                None => Err(StoreError::NotFound(key.clone())),
            };
        }
        transfer::range(self, &self.object(key), range).await
    }

    async fn fetch(&self, key: &Key, path: &Path) -> Result<u64, StoreError> {
        transfer::download(self, &self.object(key), path).await
    }

    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        let head = self.find(key).await?;
        Ok(head.map(|head| ObjectInfo {
            key: key.clone(),
            bytes: unsigned(head.content_length()),
            modified_ms: unix_ms(head.last_modified()),
        }))
    }

    async fn list(&self, prefix: &Key, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let limit = limit.clamp(1, PAGE_LIMIT);
        let listed = (self.client().list_objects_v2())
            .bucket(self.bucket())
            .prefix(format!("{}/", self.full_key(prefix)))
            .set_start_after(after.map(|after| format!("{}{after}", self.inner.prefix)))
            .max_keys(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| classify(prefix, error))?;
        let info = |object: &aws_sdk_s3::types::Object| {
            // What others put into the bucket may have keys that are none of ours.
            let key = Key::parse(object.key()?.strip_prefix(&self.inner.prefix)?).ok()?;
            Some(ObjectInfo { key, bytes: unsigned(object.size()), modified_ms: unix_ms(object.last_modified()) })
        };
        let last = listed.contents().last().and_then(|object| object.key()?.strip_prefix(&self.inner.prefix));
        let next = last.filter(|_| listed.is_truncated() == Some(true)).map(str::to_owned);
        Ok(Page { objects: listed.contents().iter().filter_map(info).collect(), next })
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let deleted = self.client().delete_object().bucket(self.bucket()).key(self.full_key(key)).send().await;
        match deleted.map_err(|error| classify(key, error)) {
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn presign_get(&self, key: &Key, valid_for: Duration) -> Result<String, StoreError> {
        let request = self.client().get_object().bucket(self.bucket()).key(self.full_key(key));
        let signed = request.presigned(presigning(valid_for)?).await.map_err(|error| classify(key, error))?;
        Ok(signed.uri().to_owned())
    }

    async fn presign_put(&self, key: &Key, valid_for: Duration) -> Result<String, StoreError> {
        let request = self.client().put_object().bucket(self.bucket()).key(self.full_key(key));
        let signed = request.presigned(presigning(valid_for)?).await.map_err(|error| classify(key, error))?;
        Ok(signed.uri().to_owned())
    }
}

fn presigning(valid_for: Duration) -> Result<PresigningConfig, StoreError> {
    PresigningConfig::expires_in(valid_for.min(WEEK))
        .map_err(|error| StoreError::Refused("a URL cannot be signed".into(), Some(error.into())))
}
