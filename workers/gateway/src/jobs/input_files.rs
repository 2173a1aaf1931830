//! Files that come with a form: each becomes a file of this process's own, bounded and hashed while it comes.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use axum::{
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, multipart::Field},
    http::StatusCode,
};
use bytes::Bytes;
use medley_proto::Sha256;
use medley_runtime::{Scratch, Spooled};
use serde::de::DeserializeOwned;
use sha2::Digest;

use crate::{extract::too_large, problem::Problem, state::App};

/// The part that has the request's JSON.
pub(crate) const REQUEST: &str = "request";
/// The most parts of a form.
const MAX_PARTS: usize = 256;
/// The longest name of a part or file.
const MAX_NAME_BYTES: usize = 255;

/// A form.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// The parts that are no files, in their order.
    pub(crate) fields: Vec<(String, Bytes)>,
    pub(crate) files: Vec<FormFile>,
}

/// A file of a form.
#[derive(Debug)]
pub(crate) struct FormFile {
    /// The name of its part.
    pub(crate) part: String,
    pub(crate) media_type: Option<String>,
    pub(crate) spooled: Spooled,
    /// The file goes with it.
    _on_disk: Scratch,
}

impl Form {
    /// Reads a whole form. A part with a file name is a file, and any other is small.
    ///
    /// # Errors
    /// When it is no form, a limit is exceeded, or the disk is full.
    pub(crate) async fn read(app: &App, mut request: Request) -> Result<Self, Problem> {
        // Each part has its own limit.
        DefaultBodyLimit::disable().apply(&mut request);
        let form = Multipart::from_request(request, &()).await;
        let mut parts = form.map_err(|rejection| Problem::bad_request("form_invalid", rejection.body_text()))?;
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await.map_err(broken)? {
            if form.fields.len() + form.files.len() == MAX_PARTS {
                return Err(Problem::bad_request(
                    "form_invalid",
                    format!("a form has at most {MAX_PARTS} parts; send several"),
                ));
            }
            form.take(app, part).await?;
        }
        Ok(form)
    }

    async fn take(&mut self, app: &App, part: Field<'_>) -> Result<(), Problem> {
        let name = short(part.name().unwrap_or_default(), "a part")?;
        // A request may be handed in as a file, as `curl -F request=@job.json` does.
        match part.file_name().map(str::to_owned).filter(|_| name != REQUEST) {
            None => self.fields.push((name, small(part, app.settings.max_body_bytes).await?)),
            Some(file_name) => {
                let file_name = short(base_name(&file_name), "a file")?;
                let media_type = part.content_type().map(str::to_owned);
                let (spooled, _on_disk) = spool(app, part, file_name).await?;
                self.files.push(FormFile { part: name, media_type, spooled, _on_disk });
            }
        }
        Ok(())
    }

    /// The JSON of the one field, and the files.
    ///
    /// # Errors
    /// When there is no such field, or its JSON is another.
    pub(crate) fn with_document<T: DeserializeOwned>(mut self, field: &str) -> Result<(T, Vec<FormFile>), Problem> {
        let text = match self.fields.iter().position(|(name, _)| name == field) {
            Some(at) => self.fields.swap_remove(at).1,
            None => {
                let detail = format!("the form has no part {field:?}; send the request's JSON under that name");
                return Err(Problem::bad_request("part_missing", detail));
            }
        };
        if let Some((name, _)) = self.fields.first() {
            let detail = format!("the part {name:?} has no file name, and is no part of this form; leave it out");
            return Err(Problem::bad_request("form_invalid", detail));
        }
        let document = serde_json::from_slice(&text);
        let document = document
            .map_err(|error| Problem::bad_request("request_invalid", format!("the part {field:?}: {error}")))?;
        Ok((document, self.files))
    }
}

/// What a browser on Windows or a careless script puts before the name.
fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

fn short(name: &str, what: &str) -> Result<String, Problem> {
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    let detail = format!(
        "the name of {what} of the form is empty, longer than {MAX_NAME_BYTES} bytes or no text; give it another"
    );
    Err(Problem::bad_request("form_invalid", detail))
}

fn broken(error: axum::extract::multipart::MultipartError) -> Problem {
    Problem::bad_request("form_invalid", format!("the form cannot be read: {}", error.body_text()))
}

async fn small(mut part: Field<'_>, max_bytes: usize) -> Result<Bytes, Problem> {
    let mut text = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(broken)? {
        if text.len() + piece.len() > max_bytes {
            return Err(too_large("gateway.max_body_bytes"));
        }
        text.extend_from_slice(&piece);
    }
    Ok(text.into())
}

/// Writes a part to a file of its own.
async fn spool(app: &App, mut part: Field<'_>, name: String) -> Result<(Spooled, Scratch), Problem> {
    let settings = app.client.backend().settings();
    let scratch = app.client.scratch()?;
    let path = std::path::absolute(scratch.path()).map_err(|error| unwritable(scratch.path(), &error))?;
    let file = File::create_new(&path).map_err(|error| unwritable(&path, &error))?;
    let mut writing = Writing { file: Arc::new(file), hash: sha2::Sha256::new(), bytes: 0 };
    while let Some(piece) = part.chunk().await.map_err(broken)? {
        if writing.bytes + piece.len() as u64 > settings.limits.input_bytes {
            return Err(too_large("limits.input_bytes"));
        }
        writing = writing.write(piece).await.map_err(|error| unwritable(&path, &error))?;
    }
    let Writing { hash, bytes, .. } = writing;
    Ok((Spooled { path, name, sha256: Sha256::new(hash.finalize().into()), bytes }, scratch))
}

/// A file on its way.
struct Writing {
    file: Arc<File>,
    hash: sha2::Sha256,
    bytes: u64,
}

impl Writing {
    /// On a thread of its own: a slow disk holds up nobody else.
    async fn write(mut self, piece: Bytes) -> io::Result<Self> {
        let write = move || -> io::Result<Self> {
            self.hash.update(&piece);
            (&*self.file).write_all(&piece)?;
            self.bytes += piece.len() as u64;
            Ok(self)
        };
        tokio::task::spawn_blocking(write).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    tracing::error!(path = %path.display(), %error, "a file that a client sent cannot be kept");
    let detail = "the gateway cannot keep the file now; ask again later, and tell the owner to look at its disk";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_part_of_a_path_is_a_file_s_name() {
        assert_eq!(base_name("C:\\Users\\kim\\talk.mp3"), "talk.mp3");
        assert_eq!(base_name("../../etc/passwd"), "passwd");
        assert_eq!(base_name("talk.mp3"), "talk.mp3");
        assert!(short("", "a file").is_err() && short("a\r\nb", "a file").is_err());
    }
}
