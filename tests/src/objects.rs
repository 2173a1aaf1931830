//! s3s-fs keeps an object as a file called like its key: a key below another's, or one longer than a file's name, is beyond
//! it, and it makes a bucket of every name. Here an object lies under the digest of its key, as with servers that are meant
//! for use.

use std::{
    collections::BTreeMap,
    ops::Bound,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use medley_proto::Sha256;
use s3s::{
    S3, S3Request, S3Response, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteObjectInput,
        DeleteObjectOutput, ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
        ListObjectsV2Input, ListObjectsV2Output, Object, PutObjectInput, PutObjectOutput, Timestamp, UploadPartInput,
        UploadPartOutput,
    },
    s3_error,
};
use s3s_fs::FileSystem;

#[derive(Debug, Clone)]
pub(crate) struct Objects {
    files: Arc<FileSystem>,
    root: PathBuf,
    buckets: Arc<Mutex<Buckets>>,
}

/// The keys of each bucket.
type Buckets = BTreeMap<String, BTreeMap<String, Known>>;

#[derive(Debug, Clone)]
struct Known {
    bytes: i64,
    modified: SystemTime,
}

impl Known {
    /// Another one for another state of the object, as a server's digest of the content is.
    fn e_tag(&self) -> String {
        let age = self.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        format!("{:x}-{:x}", age.as_nanos(), self.bytes)
    }
}

/// What the file of an object is called.
fn name(key: &str) -> String {
    Sha256::of(key.as_bytes()).to_string()
}

impl Objects {
    pub(crate) fn new(root: PathBuf) -> Self {
        let files = Arc::new(FileSystem::new(&root).expect("the folder is there"));
        Self { files, root, buckets: Arc::default() }
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn make_bucket(&self, bucket: &str) -> std::io::Result<()> {
        std::fs::create_dir(self.root.join(bucket))
    }

    pub(crate) fn place(&self, bucket: &str, key: &str, bytes: &[u8]) -> std::io::Result<()> {
        std::fs::write(self.root.join(bucket).join(name(key)), bytes)?;
        self.note(bucket, key);
        Ok(())
    }

    /// An object was written.
    fn note(&self, bucket: &str, key: &str) {
        if let Ok(meta) = std::fs::metadata(self.root.join(bucket).join(name(key))) {
            let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let known = Known { bytes: i64::try_from(meta.len()).unwrap_or(i64::MAX), modified };
            self.buckets().entry(bucket.to_owned()).or_default().insert(key.to_owned(), known);
        }
    }

    fn has_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.root.join(bucket).is_dir() { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }
}

#[async_trait::async_trait]
impl S3 for Objects {
    async fn put_object(&self, mut req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.has_bucket(&req.input.bucket)?;
        let (bucket, key) = (req.input.bucket.clone(), req.input.key.clone());
        req.input.key = name(&key);
        let answer = self.files.put_object(req).await?;
        self.note(&bucket, &key);
        Ok(answer)
    }

    async fn get_object(&self, mut req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.has_bucket(&req.input.bucket)?;
        req.input.key = name(&req.input.key);
        self.files.get_object(req).await
    }

    async fn head_object(&self, mut req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.has_bucket(&req.input.bucket)?;
        req.input.key = name(&req.input.key);
        self.files.head_object(req).await
    }

    async fn delete_object(&self, mut req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.has_bucket(&req.input.bucket)?;
        if let Some(keys) = self.buckets().get_mut(&req.input.bucket) {
            keys.remove(&req.input.key);
        }
        req.input.key = name(&req.input.key);
        self.files.delete_object(req).await
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        self.has_bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.or(input.start_after).unwrap_or_default();
        let most = usize::try_from(input.max_keys.unwrap_or(1_000)).unwrap_or_default();
        let buckets = self.buckets();
        let found = buckets.get(&input.bucket).into_iter().flat_map(|keys| {
            let from = if after < prefix { Bound::Included(&prefix) } else { Bound::Excluded(&after) };
            keys.range::<String, _>((from, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(&prefix))
        });
        let mut contents: Vec<Object> = found
            .take(most + 1)
            .map(|(key, known)| Object {
                key: Some(key.clone()),
                size: Some(known.bytes),
                e_tag: Some(ETag::Strong(known.e_tag())),
                last_modified: Some(Timestamp::from(known.modified)),
                ..Default::default()
            })
            .collect();
        let more = contents.len() > most;
        contents.truncate(most);
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            is_truncated: Some(more),
            key_count: i32::try_from(contents.len()).ok(),
            next_continuation_token: contents.last().filter(|_| more).and_then(|last| last.key.clone()),
            contents: Some(contents),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        mut req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.has_bucket(&req.input.bucket)?;
        req.input.key = name(&req.input.key);
        self.files.create_multipart_upload(req).await
    }

    async fn upload_part(&self, mut req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        req.input.key = name(&req.input.key);
        self.files.upload_part(req).await
    }

    async fn complete_multipart_upload(
        &self,
        mut req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let (bucket, key) = (req.input.bucket.clone(), req.input.key.clone());
        req.input.key = name(&key);
        let answer = self.files.complete_multipart_upload(req).await?;
        self.note(&bucket, &key);
        Ok(answer)
    }

    async fn abort_multipart_upload(
        &self,
        mut req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        req.input.key = name(&req.input.key);
        self.files.abort_multipart_upload(req).await
    }
}
