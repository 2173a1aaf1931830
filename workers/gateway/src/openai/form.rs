//! `multipart/form-data` as OpenAI's packages send it: the fields in memory, the sound in a file.

use std::{io, path::PathBuf};

use axum::extract::multipart::{Field, Multipart, MultipartError};
use medley_proto::Sha256;
use medley_runtime::{LimitSettings, Settings, Spooled};
use sha2::Digest;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncWriteExt;

use super::error::ApiError;

/// The most fields of a form: keywords and languages are a field each.
const MAX_FIELDS: usize = 1_000;
/// The longest text of a field, in bytes.
const MAX_FIELD_BYTES: usize = 64 << 10;

/// A form that was read.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Names without `[]`, and texts, in their order.
    fields: Vec<(String, String)>,
    file: Option<SentFile>,
}

/// A file that a client sent; it goes when this does.
#[derive(Debug)]
pub(super) struct SentFile {
    path: TempPath,
    name: String,
    pub(super) sha256: Sha256,
    bytes: u64,
}

impl SentFile {
    pub(super) fn spooled(&self) -> Spooled {
        Spooled { path: self.path.to_path_buf(), name: self.name.clone(), sha256: self.sha256, bytes: self.bytes }
    }

    /// Text as a file.
    pub(super) async fn of_text(text: String, settings: &Settings) -> Result<Self, ApiError> {
        let mut receiver = Receiver::open("text.txt".into(), settings).await?;
        receiver.write(text.as_bytes()).await?;
        receiver.finish().await
    }
}

impl Form {
    /// Reads a form to its end.
    ///
    /// # Errors
    /// When it is none, breaks off, or exceeds a limit.
    pub(super) async fn read(mut parts: Multipart, settings: &Settings) -> Result<Self, ApiError> {
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await.map_err(broken)? {
            let name = part.name().unwrap_or_default().to_owned();
            if name == "file" {
                form.file = Some(receive(part, settings).await?);
                continue;
            }
            if form.fields.len() >= MAX_FIELDS {
                return Err(ApiError::param(name, format!("the form has more than {MAX_FIELDS} fields; send fewer")));
            }
            let text = text_of(part, &name).await?;
            form.fields.push((name.strip_suffix("[]").unwrap_or(&name).to_owned(), text));
        }
        Ok(form)
    }

    /// The last field of this name that is not empty: a client that leaves a choice open may send it without a text.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        let own = |(own, text): &&(String, String)| own == name && !text.trim().is_empty();
        self.fields.iter().rev().find(own).map(|(_, text)| text.as_str())
    }

    /// The fields of this name that are not empty.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(own, text)| own == name && !text.trim().is_empty())
            .map(|(_, text)| text.as_str())
    }

    /// # Errors
    /// Without a file.
    pub(super) fn take_file(&mut self) -> Result<SentFile, ApiError> {
        self.file
            .take()
            .ok_or_else(|| ApiError::param("file", "the form has no file; send the sound in the field 'file'"))
    }
}

#[cfg(test)]
impl Form {
    /// A form without a file.
    pub(super) fn of(fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self { fields, file: None }
    }
}

async fn text_of(mut part: Field<'_>, name: &str) -> Result<String, ApiError> {
    let mut text = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(broken)? {
        // Voices to recognize are refused by their name; what they hold is not kept.
        if is_voice(name) {
            text = b"data:".to_vec();
            continue;
        }
        if text.len() + chunk.len() > MAX_FIELD_BYTES {
            let message = format!("{name} has more than {MAX_FIELD_BYTES} bytes; shorten it");
            return Err(ApiError::param(name.to_owned(), message));
        }
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).map_err(|_| ApiError::param(name.to_owned(), format!("{name} is not UTF-8; convert it")))
}

fn is_voice(name: &str) -> bool {
    name.starts_with("known_speaker_references")
}

async fn receive(mut part: Field<'_>, settings: &Settings) -> Result<SentFile, ApiError> {
    let name = part.file_name().and_then(|name| name.rsplit(['/', '\\']).next()).filter(|name| !name.is_empty());
    let mut receiver = Receiver::open(name.unwrap_or("audio").to_owned(), settings).await?;
    while let Some(chunk) = part.chunk().await.map_err(broken)? {
        receiver.write(&chunk).await?;
    }
    receiver.finish().await
}

/// A file that is written and hashed as it comes.
struct Receiver<'a> {
    file: tokio::fs::File,
    path: TempPath,
    name: String,
    hash: sha2::Sha256,
    bytes: u64,
    limits: &'a LimitSettings,
}

impl<'a> Receiver<'a> {
    async fn open(name: String, settings: &'a Settings) -> Result<Self, ApiError> {
        let folder = spool(settings);
        let open = move || {
            std::fs::create_dir_all(&folder)?;
            NamedTempFile::new_in(folder)
        };
        let opened = tokio::task::spawn_blocking(open).await.map_err(io::Error::other).flatten();
        let (file, path) = opened.map_err(unwritable)?.into_parts();
        let (file, hash) = (tokio::fs::File::from_std(file), sha2::Sha256::new());
        Ok(Self { file, path, name, hash, bytes: 0, limits: &settings.limits })
    }

    async fn write(&mut self, chunk: &[u8]) -> Result<(), ApiError> {
        self.bytes += chunk.len() as u64;
        let limit = self.limits.input_bytes;
        if self.bytes > limit {
            let message = format!("{} has more bytes than limits.input_bytes = {limit}; send a shorter one", self.name);
            return Err(ApiError::too_large("file", message));
        }
        self.hash.update(chunk);
        self.file.write_all(chunk).await.map_err(unwritable)
    }

    async fn finish(mut self) -> Result<SentFile, ApiError> {
        self.file.flush().await.map_err(unwritable)?;
        if self.bytes == 0 {
            return Err(ApiError::bad(
                "media_empty",
                "file",
                format!("{} is empty; send a file with content", self.name),
            ));
        }
        let sha256 = Sha256::new(self.hash.finalize().into());
        Ok(SentFile { path: self.path, name: self.name, sha256, bytes: self.bytes })
    }
}

/// Where files lie until their job is accepted: beside a worker's, on a local disk.
fn spool(settings: &Settings) -> PathBuf {
    let work = &settings.worker.work_dir;
    if work.as_os_str().is_empty() { std::env::temp_dir().join("medley-gateway") } else { work.join("gateway") }
}

fn unwritable(error: io::Error) -> ApiError {
    tracing::warn!(%error, "a sent file cannot be kept; free space in worker.work_dir or permit it");
    ApiError::away("the gateway has no room for the file now; ask again")
}

/// A form that is none, or that breaks off.
fn broken(error: MultipartError) -> ApiError {
    ApiError::param("file", format!("the form cannot be read ({}); send multipart/form-data", error.body_text()))
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        extract::{FromRequest, Request},
        http::header,
    };

    use super::*;

    const FORM: &str = "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
        --x\r\nContent-Disposition: form-data; name=\"keywords[]\"\r\n\r\nMedley\r\n\
        --x\r\nContent-Disposition: form-data; name=\"keywords[]\"\r\n\r\nSilero\r\n\
        --x\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\n\r\n\
        --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.wav\"\r\n\
        Content-Type: text/plain\r\n\r\nRIFF\r\n--x--\r\n";

    async fn read(form: &'static str, settings: &Settings) -> Result<Form, ApiError> {
        let request = Request::builder().method("POST").header(header::CONTENT_TYPE, "multipart/form-data; boundary=x");
        let parts = Multipart::from_request(request.body(Body::from(form)).unwrap(), &()).await.unwrap();
        Form::read(parts, settings).await
    }

    fn settings() -> (tempfile::TempDir, Settings) {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.worker.work_dir = folder.path().to_owned();
        (folder, settings)
    }

    #[tokio::test]
    async fn a_form_is_read_and_its_file_goes_with_it() {
        let (_folder, settings) = settings();
        let mut form = read(FORM, &settings).await.unwrap();
        assert_eq!(form.one("model"), Some("whisper-1"));
        assert_eq!(form.all("keywords").collect::<Vec<_>>(), ["Medley", "Silero"]);
        assert_eq!(form.one("language"), None, "a field without a text is not there");
        let file = form.take_file().unwrap();
        let spooled = file.spooled();
        assert_eq!((spooled.name.as_str(), spooled.bytes, spooled.sha256), ("a.wav", 4, Sha256::of(b"RIFF")));
        assert_eq!(std::fs::read(&spooled.path).unwrap(), b"RIFF");
        drop(file);
        assert!(!spooled.path.exists());
        assert_eq!(form.take_file().unwrap_err().param.as_deref(), Some("file"));
    }

    #[tokio::test]
    async fn a_limit_names_its_setting() {
        let (_folder, mut settings) = settings();
        settings.limits.input_bytes = 3;
        let error = read(FORM, &settings).await.unwrap_err();
        assert_eq!(error.status.as_u16(), 413);
        assert!(error.message.contains("limits.input_bytes = 3"), "{}", error.message);
    }

    #[tokio::test]
    async fn a_form_that_breaks_off_is_an_answer() {
        let (_folder, settings) = settings();
        let cut = &FORM[..FORM.len() - 12];
        assert_eq!(read(cut, &settings).await.unwrap_err().status.as_u16(), 400);
    }
}
