//! Large objects: parts side by side, each small enough that memory stays bounded.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

use aws_sdk_s3::{
    Client,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use medley_proto::Sha256;
use sha2::Digest;
use tokio::sync::mpsc;

use crate::store::{ObjectMeta, StoreError};

use super::{
    Object, S3Store, SHA256,
    error::{broken_off, classify, status},
};

/// The size of a part, unless an object of that size would have more than 10,000 of them.
pub(super) const PART_BYTES: u64 = 8 << 20;
const MAX_PARTS: u64 = 10_000;
/// How many parts are on their way at once, in each direction.
const PARALLEL: usize = 4;
/// How often a part whose answer broke off is asked for again; the SDK repeats what fails before that.
const TRIES: u32 = 5;

/// Ends the upload on the server unless it was completed.
struct Upload<'a> {
    store: &'a S3Store,
    object: &'a Object,
    id: String,
    completed: bool,
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if self.completed {
            return;
        }
        let abort = (self.store.client().abort_multipart_upload())
            .bucket(self.store.bucket())
            .key(&self.object.key)
            .upload_id(&self.id)
            .send();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = abort.await {
                    tracing::debug!(%error, "an upload was left unfinished; the bucket's lifecycle rule ends it");
                }
            });
        }
    }
}

pub(super) async fn upload(
    store: &S3Store,
    object: &Object,
    file: File,
    bytes: u64,
    meta: &ObjectMeta,
) -> Result<(), StoreError> {
    let created = (store.client().create_multipart_upload())
        .bucket(store.bucket())
        .key(&object.key)
        .set_content_type(meta.media_type.clone())
        .set_metadata(super::metadata(meta))
        .checksum_algorithm(ChecksumAlgorithm::Crc32C)
        .send()
        .await
        .map_err(|error| classify(&object.named, error))?;
    let id = created.upload_id().unwrap_or_default().to_owned();
    let mut upload = Upload { store, object, id, completed: false };
    let part_bytes = PART_BYTES.max(bytes.div_ceil(MAX_PARTS));
    let (parts, reading) = read_parts(file, part_bytes);
    let sent = stream::unfold(parts, |mut parts| async move { parts.recv().await.map(|part| (part, parts)) })
        .enumerate()
        .map(|(index, part)| upload.part(index, part))
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<_>>();
    let mut sent = sent.await?;
    let read = reading.await.map_err(|error| broken_off(&object.named, error))?;
    let (digest, count) = read.map_err(|error| broken_off(&object.named, error))?;
    if count != bytes || meta.sha256.is_some_and(|announced| announced != digest) {
        return Err(StoreError::Checksum(object.named.clone()));
    }
    sent.sort_by_key(CompletedPart::part_number);
    (store.client().complete_multipart_upload())
        .bucket(store.bucket())
        .key(&object.key)
        .upload_id(&upload.id)
        .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(sent)).build())
        .send()
        .await
        .map_err(|error| classify(&object.named, error))?;
    upload.completed = true;
    Ok(())
}

impl Upload<'_> {
    async fn part(&self, index: usize, part: Bytes) -> Result<CompletedPart, StoreError> {
        let number = i32::try_from(index + 1).unwrap_or(i32::MAX);
        let sent = (self.store.client().upload_part())
            .bucket(self.store.bucket())
            .key(&self.object.key)
            .upload_id(&self.id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32C)
            .body(ByteStream::from(part))
            .send()
            .await
            .map_err(|error| classify(&self.object.named, error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32_c(sent.checksum_crc32_c)
            .build())
    }
}

type Reading = tokio::task::JoinHandle<std::io::Result<(Sha256, u64)>>;

/// Reads a file on a blocking thread, one part ahead, and gives its digest and length at the end.
fn read_parts(mut file: File, part_bytes: u64) -> (mpsc::Receiver<Bytes>, Reading) {
    let (send, parts) = mpsc::channel(1);
    let reading = tokio::task::spawn_blocking(move || {
        let mut hash = sha2::Sha256::new();
        let mut count = 0;
        loop {
            let mut part = Vec::new();
            Read::take(&mut file, part_bytes).read_to_end(&mut part)?;
            if part.is_empty() {
                return Ok((Sha256::new(hash.finalize().into()), count));
            }
            hash.update(&part);
            count += part.len() as u64;
            if send.blocking_send(part.into()).is_err() {
                // The upload has failed already and says why.
                return Ok((Sha256::new(hash.finalize().into()), count));
            }
        }
    });
    (parts, reading)
}

/// One range of an object as it was when its `etag` was seen.
struct Range {
    from: u64,
    to: u64,
}

struct Part {
    bytes: Bytes,
    total: u64,
    etag: Option<String>,
    sha256: Option<Sha256>,
}

enum Trouble {
    /// The object was replaced while it was being read.
    Replaced,
    /// The answer broke off.
    Torn(StoreError),
    Other(StoreError),
}

/// Streams an object into a file; parts arrive side by side and are written in order, hashed as they are.
pub(super) async fn download(store: &S3Store, object: &Object, path: &Path) -> Result<u64, StoreError> {
    for _ in 0..TRIES {
        match download_once(store, object, path).await {
            Ok(bytes) => return Ok(bytes),
            Err(Trouble::Replaced) => {}
            Err(Trouble::Torn(error) | Trouble::Other(error)) => return Err(error),
        }
    }
    Err(broken_off(&object.named, "the object was replaced again and again while it was read"))
}

async fn download_once(store: &S3Store, object: &Object, path: &Path) -> Result<u64, Trouble> {
    let first = part(store, object, &Range { from: 0, to: PART_BYTES }, None).await?;
    let (total, announced, etag) = (first.total, first.sha256, first.etag.clone());
    let (send, mut parts) = mpsc::channel::<Bytes>(1);
    let path = path.to_owned();
    let writing = tokio::task::spawn_blocking(move || {
        let mut file = File::create(&path)?;
        let mut hash = sha2::Sha256::new();
        while let Some(part) = parts.blocking_recv() {
            hash.update(&part);
            file.write_all(&part)?;
        }
        Ok::<_, std::io::Error>(Sha256::new(hash.finalize().into()))
    });
    let starts = (1..total.div_ceil(PART_BYTES)).map(|n| n * PART_BYTES);
    let rest = stream::iter(starts)
        .map(|from| {
            let etag = etag.clone();
            async move { part(store, object, &Range { from, to: (from + PART_BYTES).min(total) }, etag).await }
        })
        .buffered(PARALLEL);
    let mut all = std::pin::pin!(stream::once(async { Ok(first) }).chain(rest));
    while let Some(part) = all.try_next().await? {
        if send.send(part.bytes).await.is_err() {
            // The file cannot be written; the writer says why.
            break;
        }
    }
    drop(send);
    let written = writing.await.map_err(|error| Trouble::Other(broken_off(&object.named, error)))?;
    let digest = written.map_err(|error| {
        Trouble::Other(match error.kind() {
            std::io::ErrorKind::StorageFull => StoreError::Full(Some(error.into())),
            _ => broken_off(&object.named, error),
        })
    })?;
    if announced.is_some_and(|announced| announced != digest) {
        return Err(Trouble::Other(StoreError::Checksum(object.named.clone())));
    }
    Ok(total)
}

async fn part(store: &S3Store, object: &Object, range: &Range, etag: Option<String>) -> Result<Part, Trouble> {
    let mut tries = 0;
    loop {
        let trouble = match part_once(store, object, range, etag.clone()).await {
            Err(Trouble::Torn(error)) => error,
            other => return other,
        };
        tries += 1;
        if tries == TRIES {
            return Err(Trouble::Other(trouble));
        }
        super::pause(tries).await;
    }
}

async fn part_once(store: &S3Store, object: &Object, range: &Range, etag: Option<String>) -> Result<Part, Trouble> {
    let request = get(store.client(), store.bucket(), &object.key, range).set_if_match(etag);
    let mut answer = match request.send().await {
        Ok(answer) => answer,
        // An empty object has no first byte.
        Err(error) if status(&error) == Some(416) && range.from == 0 => {
            return Ok(Part { bytes: Bytes::new(), total: 0, etag: None, sha256: None });
        }
        Err(error) if status(&error) == Some(412) => return Err(Trouble::Replaced),
        Err(error) => return Err(Trouble::Other(classify(&object.named, error))),
    };
    let length = u64::try_from(answer.content_length().unwrap_or_default()).unwrap_or_default();
    let total = (answer.content_range())
        .and_then(|range| range.rsplit_once('/'))
        .and_then(|(_, total)| total.parse().ok())
        .unwrap_or(length);
    let wanted = range.to.min(total).saturating_sub(range.from);
    let mut bytes = BytesMut::with_capacity(usize::try_from(wanted.min(PART_BYTES)).unwrap_or_default());
    while let Some(some) = answer.body.next().await {
        bytes.extend_from_slice(&some.map_err(|error| Trouble::Torn(broken_off(&object.named, error)))?);
        if bytes.len() as u64 > wanted {
            break;
        }
    }
    if bytes.len() as u64 != wanted {
        let message = format!("{} bytes came of {wanted}", bytes.len());
        return Err(Trouble::Torn(broken_off(&object.named, message)));
    }
    let sha256 = answer.metadata().and_then(|metadata| metadata.get(SHA256)).and_then(|digest| digest.parse().ok());
    Ok(Part { bytes: bytes.freeze(), total, etag: answer.e_tag, sha256 })
}

fn get(
    client: &Client,
    bucket: &str,
    key: &str,
    range: &Range,
) -> aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder {
    // Servers refuse an end that is no `i64`.
    let to = if range.to > i64::MAX as u64 { String::new() } else { (range.to - 1).to_string() };
    client.get_object().bucket(bucket).key(key).range(format!("bytes={}-{to}", range.from))
}

/// The bytes of a range that is not empty; none when it begins beyond the end.
pub(super) async fn range(store: &S3Store, object: &Object, wanted: std::ops::Range<u64>) -> Result<Bytes, StoreError> {
    let mut tries = 0;
    loop {
        let request = get(store.client(), store.bucket(), &object.key, &Range { from: wanted.start, to: wanted.end });
        let trouble = match request.send().await {
            Err(error) if status(&error) == Some(416) => return Ok(Bytes::new()),
            Err(error) => return Err(classify(&object.named, error)),
            Ok(answer) => match answer.body.collect().await {
                Ok(bytes) => return Ok(bytes.into_bytes()),
                Err(error) => broken_off(&object.named, error),
            },
        };
        tries += 1;
        if tries == TRIES {
            return Err(trouble);
        }
        super::pause(tries).await;
    }
}
