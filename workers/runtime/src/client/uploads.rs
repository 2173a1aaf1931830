//! Uploads: files that come in pieces and end as inputs of jobs.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use medley_proto::{ErrorCode, Input, Name, Source};
use medley_step::StepError;
use tokio::io::AsyncWriteExt;

use super::{Client, inputs};
use crate::{
    Error,
    breakpoint::breakpoint,
    layout::{
        documents,
        keys::tenant,
        orphans,
        uploads::{self, MAX_PARTS, Part, Parts, UploadKeys, UploadRecord},
    },
    store::{ObjectMeta, StoreError},
};

pub use crate::layout::uploads::UploadId;

/// How much of a part is in memory while an upload is put together.
const BLOCK_BYTES: u64 = 8 << 20;

/// What is known of an upload when it begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewUpload {
    /// What people call the file.
    pub name: String,
    pub media_type: Option<String>,
    /// None when it is known later.
    pub bytes: Option<u64>,
    /// What the client wants to hear again, as it gave it.
    pub metadata: String,
    /// Unix time after which it counts as gone.
    pub expires_ms: u64,
}

/// An upload and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub id: UploadId,
    pub name: String,
    pub media_type: Option<String>,
    pub metadata: String,
    /// None while it is not known.
    pub bytes: Option<u64>,
    /// So many bytes are there, durably.
    pub offset: u64,
    /// What a job reads, once it is put together.
    pub input: Option<Input>,
    pub created_ms: u64,
    pub expires_ms: u64,
}

/// One page of a tenant's uploads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UploadPage {
    pub uploads: Vec<Upload>,
    /// Pass it as `after` for the next page; none at the end.
    pub next: Option<UploadId>,
}

impl Upload {
    /// Whether all bytes are there.
    pub fn is_whole(&self) -> bool {
        self.input.is_some() || self.bytes == Some(self.offset)
    }
}

/// A file of this process's own below the work folder, which goes with this.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may never have been written.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Client {
    /// The place for a new file on this machine's disk; what processes that died left there goes with the first one.
    ///
    /// # Errors
    /// When the work folder cannot be made.
    pub fn scratch(&self) -> Result<Scratch, Error> {
        static SWEEP: std::sync::Once = std::sync::Once::new();
        let work_dir = &self.backend.settings.worker.work_dir;
        SWEEP.call_once(|| orphans::sweep(work_dir));
        let folder = orphans::own_folder(work_dir, "scratch");
        std::fs::create_dir_all(&folder)
            .map_err(|error| Error::local(format!("{} cannot be made", folder.display()), error))?;
        Ok(Scratch(folder.join(ulid::Ulid::generate().to_string())))
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// `media_empty` and `media_too_large` for a length that no input may have, or one of the store.
    pub fn create_upload<'a>(&'a self, of: &'a Name, new: NewUpload) -> BoxFuture<'a, Result<Upload, Error>> {
        async move {
            if let Some(bytes) = new.bytes {
                self.check_length(&new.name, bytes)?;
            }
            let created_ms = self.backend.clock.now_ms();
            let id = UploadId::fresh(created_ms);
            let NewUpload { name, media_type, bytes, metadata, expires_ms } = new;
            let record = UploadRecord { name, media_type, bytes, metadata, created_ms, expires_ms };
            let store = &*self.backend.store;
            // The sweeper finds the tenant's uploads by this.
            self.tenants.register(store, of).await?;
            documents::write(store, &UploadKeys::new(of, id).record(), &record).await?;
            Ok(shown(id, record, 0, None))
        }
        .boxed()
    }

    fn check_length(&self, name: &str, bytes: u64) -> Result<(), StepError> {
        let most = self.backend.settings.limits.input_bytes;
        if bytes == 0 {
            let message = format!("{name} is empty; upload a file with content");
            return Err(StepError::permanent(ErrorCode::MEDIA_EMPTY, message));
        }
        if bytes > most {
            let message = format!("{name} has {bytes} bytes, more than limits.input_bytes = {most}");
            return Err(StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, message));
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::NoSuchUpload`], also after its time, or one of the store.
    pub fn upload<'a>(&'a self, of: &'a Name, id: UploadId) -> BoxFuture<'a, Result<Upload, Error>> {
        async move {
            let keys = UploadKeys::new(of, id);
            let mut record = self.upload_record(&keys, id).await?;
            let store = &*self.backend.store;
            if record.bytes.is_none() {
                record.bytes = documents::read(store, &keys.length()).await?;
            }
            if let Some(input) = self.finished_input(&keys).await? {
                let bytes = input.bytes.unwrap_or_default();
                return Ok(shown(id, record, bytes, Some(input)));
            }
            let offset = Parts::read(store, &keys).await?.reach();
            Ok(shown(id, record, offset, None))
        }
        .boxed()
    }

    async fn upload_record(&self, keys: &UploadKeys, id: UploadId) -> Result<UploadRecord, Error> {
        let record = documents::read::<UploadRecord>(&*self.backend.store, &keys.record()).await?;
        let now_ms = self.backend.clock.now_ms();
        record.filter(|record| record.expires_ms > now_ms).ok_or(Error::NoSuchUpload(id))
    }

    /// The input, when its object is there.
    async fn finished_input(&self, keys: &UploadKeys) -> Result<Option<Input>, Error> {
        let store = &*self.backend.store;
        let Some(input) = documents::read::<Input>(store, &keys.input()).await? else { return Ok(None) };
        let Some(object) = keys.object(&input)? else { return Ok(None) };
        let there = store.head(&object).await?.is_some_and(|object| Some(object.bytes) == input.bytes);
        Ok(Some(input).filter(|_| there))
    }

    /// The tenant's uploads behind `after`, the oldest first.
    ///
    /// # Errors
    /// Those of the store.
    pub fn uploads<'a>(
        &'a self,
        of: &'a Name,
        after: Option<UploadId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<UploadPage, Error>> {
        async move {
            let (ids, next) = uploads::list(&*self.backend.store, of, after, limit).await?;
            let mut page = UploadPage { uploads: Vec::with_capacity(ids.len()), next };
            for id in ids {
                match self.upload(of, id).await {
                    Ok(upload) => page.uploads.push(upload),
                    Err(Error::NoSuchUpload(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(page)
        }
        .boxed()
    }

    /// Says how long an upload is that began without that, once. Returns the length that stands.
    ///
    /// # Errors
    /// As [`create_upload`](Self::create_upload).
    pub fn set_upload_length<'a>(
        &'a self,
        of: &'a Name,
        upload: &'a Upload,
        bytes: u64,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        async move {
            self.check_length(&upload.name, bytes)?;
            documents::write_once(&*self.backend.store, &UploadKeys::new(of, upload.id).length(), bytes).await
        }
        .boxed()
    }

    /// Keeps the bytes of a local file as those of the upload from `start` on. They are durable when this returns.
    ///
    /// # Errors
    /// `media_too_large` when the upload is in too many pieces, [`Error::NoSuchUpload`] when it was ended meanwhile, or one of
    /// the store.
    pub fn put_upload_part<'a>(
        &'a self,
        of: &'a Name,
        id: UploadId,
        start: u64,
        file: &'a Path,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let (store, keys) = (&*self.backend.store, UploadKeys::new(of, id));
            let found = tokio::fs::metadata(file).await;
            let bytes = found.map_err(|error| Error::local(format!("{} cannot be read", file.display()), error))?.len();
            if bytes == 0 {
                return Ok(());
            }
            if Parts::read(store, &keys).await?.count() >= MAX_PARTS {
                let message =
                    format!("the upload came in more than {MAX_PARTS} pieces; begin it again with larger ones");
                return Err(StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, message).into());
            }
            store.put_file(&keys.part(Part { start, end: start + bytes }), file, &ObjectMeta::default()).await?;
            breakpoint("after_upload_part");
            if !documents::exists(store, &keys.record()).await? {
                uploads::remove_parts(store, &keys).await?;
                return Err(Error::NoSuchUpload(id));
            }
            Ok(())
        }
        .boxed()
    }

    /// Makes an input of an upload whose bytes are all there. Done again it gives the same.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`], `input_not_found` when bytes are missing, or one of the store.
    pub fn finish_upload<'a>(&'a self, of: &'a Name, id: UploadId) -> BoxFuture<'a, Result<Input, Error>> {
        async move {
            let upload = self.upload(of, id).await?;
            if let Some(input) = upload.input {
                return Ok(input);
            }
            let keys = UploadKeys::new(of, id);
            let parts = Parts::read(&*self.backend.store, &keys).await?;
            let chain = upload.bytes.and_then(|bytes| parts.chain(bytes)).ok_or_else(|| {
                let message = format!("upload {id} is not whole: {} bytes are there; go on with it", upload.offset);
                StepError::permanent(ErrorCode::INPUT_NOT_FOUND, message)
            })?;
            let file = self.scratch()?;
            match self.put_together(&keys, &chain, file.path()).await {
                // Another gateway was quicker, and the parts are gone.
                Err(Error::Store(StoreError::NotFound(_))) => {
                    self.finished_input(&keys).await?.ok_or(Error::NoSuchUpload(id))
                }
                Err(error) => Err(error),
                Ok(()) => self.finish_upload_from(of, id, file.path()).await,
            }
        }
        .boxed()
    }

    async fn put_together(&self, keys: &UploadKeys, chain: &[Part], into: &Path) -> Result<(), Error> {
        let broken = |error| Error::local(format!("{} cannot be written", into.display()), error);
        let mut file = tokio::fs::File::create(into).await.map_err(broken)?;
        for part in chain {
            let (key, bytes) = (keys.part(*part), part.end - part.start);
            let mut at = 0;
            while at < bytes {
                let block = self.backend.store.get_range(&key, at..(at + BLOCK_BYTES).min(bytes)).await?;
                if block.is_empty() {
                    return Err(StoreError::Checksum(key).into());
                }
                file.write_all(&block).await.map_err(broken)?;
                at += block.len() as u64;
            }
        }
        file.flush().await.map_err(broken)
    }

    /// Makes an input of a local file that is the whole upload.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`], or one of the store.
    pub fn finish_upload_from<'a>(
        &'a self,
        of: &'a Name,
        id: UploadId,
        file: &'a Path,
    ) -> BoxFuture<'a, Result<Input, Error>> {
        async move {
            let (store, keys) = (&*self.backend.store, UploadKeys::new(of, id));
            let record = self.upload_record(&keys, id).await?;
            let known = inputs::hashed(file).await?;
            let object = tenant::input(of, known.sha256, &record.name);
            let (_, below) = object.as_str().split_once('/').unwrap_or_default();
            let input = Input {
                name: record.name,
                source: Source::Stored(below.to_owned()),
                sha256: Some(known.sha256),
                bytes: Some(known.bytes),
                media_type: record.media_type,
            };
            // The record names the object, and the marker keeps it, before it is there: a removal finds both wherever this ends.
            documents::write(store, &keys.input(), &input).await?;
            store.put(&keys.user_of(&object)?, Bytes::from_static(b"{}"), &documents::meta()).await?;
            breakpoint("after_upload_marker");
            self.put_upload(&inputs::Upload { key: object, file: known }).await?;
            breakpoint("after_upload_object");
            uploads::remove_parts(store, &keys).await?;
            if !documents::exists(store, &keys.record()).await? {
                uploads::remove(store, &keys).await?;
                return Err(Error::NoSuchUpload(id));
            }
            Ok(input)
        }
        .boxed()
    }

    /// Makes an input of a local file at once: an upload that is whole when it begins.
    ///
    /// # Errors
    /// As [`create_upload`](Self::create_upload) and [`finish_upload_from`](Self::finish_upload_from).
    pub fn upload_file<'a>(
        &'a self,
        of: &'a Name,
        new: NewUpload,
        file: &'a Path,
    ) -> BoxFuture<'a, Result<Input, Error>> {
        async move {
            let upload = self.create_upload(of, new).await?;
            self.finish_upload_from(of, upload.id, file).await
        }
        .boxed()
    }

    /// Ends an upload and forgets its bytes. Jobs that use its file keep it.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`], or one of the store; then it may be asked for again.
    pub fn delete_upload<'a>(&'a self, of: &'a Name, id: UploadId) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let keys = UploadKeys::new(of, id);
            self.upload_record(&keys, id).await?;
            uploads::remove(&*self.backend.store, &keys).await
        }
        .boxed()
    }
}

fn shown(id: UploadId, record: UploadRecord, offset: u64, input: Option<Input>) -> Upload {
    let UploadRecord { name, media_type, bytes, metadata, created_ms, expires_ms } = record;
    Upload { id, name, media_type, metadata, bytes, offset, input, created_ms, expires_ms }
}
