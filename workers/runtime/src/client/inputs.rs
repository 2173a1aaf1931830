//! What a job reads, as its user gives it: checked, hashed and put where every worker finds it.

use std::path::{Path, PathBuf};

use medley_net::Address;
use medley_proto::{ErrorCode, Input, Name, Sha256, Source};
use medley_step::StepError;

use super::Client;
use crate::{
    Error, LimitSettings,
    fetch::{
        file_uri,
        local_files::{self, KnownFile},
    },
    layout::keys::tenant,
    store::{Key, ObjectInfo, ObjectMeta},
};

/// An uploaded input is used again by other jobs for so long: half of the shortest time that inputs are kept.
const REUSE_MS: u64 = 43_200_000;

/// An input as the user gives it.
#[derive(Debug, Clone)]
pub enum InputRequest {
    /// A file of this machine. With a store of local files it stays where it is; otherwise it is uploaded. A folder,
    /// for kinds that take one, always stays: all workers must see it at the same path.
    File(PathBuf),
    /// `file:`, or a scheme that a fetcher serves; for kinds that take a folder one may end with `/`.
    Uri(Address),
    /// A file that a client sent, whole and hashed: it goes into the store, also into one of local files, and the file may be
    /// removed when the job is accepted.
    Spooled(Spooled),
    /// The text itself, at most 64 KiB.
    Text(String),
    /// One that lies in the tenant's store already.
    Stored(Input),
}

/// A file of this machine that holds what a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    /// Absolute.
    pub path: PathBuf,
    /// As its user knows it.
    pub name: String,
    pub sha256: Sha256,
    pub bytes: u64,
}

impl InputRequest {
    /// What tells this request from others, secrets too: for a digest, and not to be shown.
    pub fn identity(&self) -> String {
        match self {
            Self::Uri(address) => format!("Uri({:?})", address.reveal()),
            other => format!("{other:?}"),
        }
    }
}

/// An input that was checked; nothing of it is in the store yet.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) input: Input,
    pub(crate) upload: Option<Upload>,
    /// Its whole address, where the input shows only a part of it.
    pub(crate) hidden: Option<Address>,
}

impl From<Input> for Accepted {
    fn from(input: Input) -> Self {
        Self { input, upload: None, hidden: None }
    }
}

/// A file of this machine that the workers read from the store.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) key: Key,
    pub(crate) file: KnownFile,
}

impl Upload {
    /// Whether it is the object that a job calls so, below its tenant.
    pub(crate) fn is(&self, below: &str) -> bool {
        self.key.as_str().split_once('/').is_some_and(|(_, own)| own == below)
    }
}

impl Client {
    /// Checks an input.
    pub(crate) async fn accept(&self, of: &Name, given: InputRequest, folders: bool) -> Result<Accepted, Error> {
        let file = async |path: PathBuf| -> Result<Accepted, Error> {
            if folders && path.is_dir() {
                Ok(self.accept_local_folder(path).await?.into())
            } else {
                self.accept_file(of, &path).await
            }
        };
        match given {
            InputRequest::File(path) => file(path).await,
            InputRequest::Uri(address) => match file_uri::path_of(address.reveal()) {
                Some(path) => file(path).await,
                None => {
                    let input = if folders && self.backend.inputs.is_remote_folder(&address) {
                        self.accept_remote_folder(&address).await?
                    } else {
                        self.accept_address(&address)?
                    };
                    let hidden = Some(address).filter(Address::hides_something);
                    Ok(Accepted { input, upload: None, hidden })
                }
            },
            InputRequest::Spooled(spooled) => self.accept_spooled(of, spooled),
            InputRequest::Text(text) => Ok(accept_text(text)?.into()),
            InputRequest::Stored(input) => Ok(input.into()),
        }
    }

    async fn accept_file(&self, of: &Name, path: &Path) -> Result<Accepted, Error> {
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
        let known = self.backend.inputs.local_file(name.clone(), path.to_owned()).await?;
        let mut input = Input {
            name,
            source: Source::Uri(file_uri::of(&known.path)),
            sha256: Some(known.sha256),
            bytes: Some(known.bytes),
            media_type: None,
        };
        let key = tenant::input(of, known.sha256, &input.name);
        if self.backend.store.local_path(&key).is_some() {
            self.check_workers_read(&input.name, path).await?;
            return Ok(input.into());
        }
        let (_, below) = key.as_str().split_once('/').unwrap_or_default();
        input.source = Source::Stored(below.to_owned());
        Ok(Accepted { input, upload: Some(Upload { key, file: known }), hidden: None })
    }

    fn accept_spooled(&self, of: &Name, spooled: Spooled) -> Result<Accepted, Error> {
        let Spooled { path, name, sha256, bytes } = spooled;
        let refuse = |code, message| Err(StepError::permanent(code, message).into());
        if bytes == 0 {
            return refuse(ErrorCode::MEDIA_EMPTY, format!("{name} is empty; give a file with content"));
        }
        let limit = self.backend.settings.limits.input_bytes;
        if bytes > limit {
            let message = format!("{name} has {bytes} bytes, more than limits.input_bytes = {limit}");
            return refuse(ErrorCode::MEDIA_TOO_LARGE, message);
        }
        let key = tenant::input(of, sha256, &name);
        let (_, below) = key.as_str().split_once('/').unwrap_or_default();
        let source = Source::Stored(below.to_owned());
        let input = Input { name, source, sha256: Some(sha256), bytes: Some(bytes), media_type: None };
        Ok(Accepted { input, upload: Some(Upload { key, file: KnownFile { path, sha256, bytes } }), hidden: None })
    }

    /// Puts a file where the workers find it, unless it is there.
    pub(crate) async fn put_upload(&self, upload: &Upload) -> Result<(), Error> {
        let Upload { key, file } = upload;
        let now_ms = self.backend.clock.now_ms();
        // One that was uploaded long ago may be about to be removed; uploading it again makes it young.
        let fresh =
            |object: ObjectInfo| object.bytes == file.bytes && now_ms.saturating_sub(object.modified_ms) < REUSE_MS;
        if !self.backend.store.head(key).await?.is_some_and(fresh) {
            let meta = ObjectMeta { media_type: None, sha256: Some(file.sha256) };
            self.backend.store.put_file(key, &file.path, &meta).await?;
        }
        Ok(())
    }

    fn accept_address(&self, address: &Address) -> Result<Input, StepError> {
        if self.backend.inputs.fetcher(address).is_none() {
            let message = match address.to_string().split_once(':') {
                Some((scheme, _)) => format!("{address}: inputs by '{scheme}:' are not served here; give a local file"),
                None => format!("{address} is no URL; give a local file"),
            };
            return Err(StepError::permanent(ErrorCode::INPUT_SCHEME_UNSUPPORTED, message));
        }
        let source = Source::Uri(address.to_string());
        Ok(Input { name: address.name(), source, sha256: None, bytes: None, media_type: None })
    }

    /// Whether the workers may read what stays on this machine's disks; refused now and not when the job runs.
    pub(crate) async fn check_workers_read(&self, name: &str, path: &Path) -> Result<(), StepError> {
        let Some(roots) = self.worker_roots.clone() else { return Ok(()) };
        let (name, path) = (name.to_owned(), path.to_owned());
        let inside = tokio::task::spawn_blocking(move || match local_files::lies_below_any(&path, &roots) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let message = format!(
                    "{name}: no worker may read {}; name its folder in limits.file_roots of medley.toml, here and where \
                     the workers run, or put it into a bucket",
                    path.display()
                );
                Err(StepError::permanent(ErrorCode::INPUT_FORBIDDEN, message))
            }
            Err(error) => Err(local_files::refused(&name, &path, error)),
        });
        inside.await.map_err(|panic| StepError::internal("an input could not be looked at").because(panic))?
    }
}

/// What a file of this process's own holds.
pub(crate) async fn hashed(path: &Path) -> Result<KnownFile, Error> {
    let path = path.to_owned();
    let hashed = move || -> std::io::Result<KnownFile> {
        let mut file = std::fs::File::open(&path)?;
        let (sha256, bytes) = (local_files::hash(&mut file)?, file.metadata()?.len());
        Ok(KnownFile { path, sha256, bytes })
    };
    let hashed = tokio::task::spawn_blocking(hashed).await;
    let hashed = hashed.map_err(|panic| StepError::internal("an upload could not be hashed").because(panic))?;
    hashed.map_err(|error| Error::local("an upload could not be hashed", error))
}

fn accept_text(text: String) -> Result<Input, StepError> {
    if text.trim().is_empty() {
        return Err(StepError::permanent(ErrorCode::MEDIA_EMPTY, "the text is empty; give one"));
    }
    if text.len() > LimitSettings::MAX_TEXT_BYTES {
        let message = format!("the text has {} bytes, more than 65,536; put it into a file", text.len());
        return Err(StepError::permanent(ErrorCode::MEDIA_TOO_LARGE, message));
    }
    Ok(Input {
        name: "text".into(),
        sha256: Some(Sha256::of(text.as_bytes())),
        bytes: Some(text.len() as u64),
        media_type: Some("text/plain".into()),
        source: Source::Text(text),
    })
}
