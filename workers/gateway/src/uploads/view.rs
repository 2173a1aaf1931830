//! Uploads as JSON.

use medley_proto::Sha256;
use medley_runtime::{Upload, UploadId};
use schemars::JsonSchema;
use serde::Serialize;

/// An upload.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Upload")]
pub(super) struct UploadView {
    /// What POST /v1/jobs names it by.
    #[schemars(with = "String")]
    pub(super) id: UploadId,
    /// What people call the file.
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<String>,
    pub(super) state: UploadState,
    /// How many bytes are there.
    pub(super) offset_bytes: u64,
    /// The size of the file; left out while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    /// Of the whole file; left out until it is finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<Sha256>,
    /// Unix time.
    pub(super) created_ms: u64,
    /// Unix time after which it is forgotten.
    pub(super) expires_ms: u64,
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UploadState {
    /// Bytes are missing.
    Receiving,
    /// All bytes are there, and the file is being put together.
    Finishing,
    /// Jobs can read it.
    Finished,
}

impl From<Upload> for UploadView {
    fn from(upload: Upload) -> Self {
        let state = match &upload.input {
            Some(_) => UploadState::Finished,
            None if upload.is_whole() => UploadState::Finishing,
            None => UploadState::Receiving,
        };
        Self {
            id: upload.id,
            name: upload.name,
            media_type: upload.media_type,
            state,
            offset_bytes: upload.offset,
            bytes: upload.bytes,
            sha256: upload.input.and_then(|input| input.sha256),
            created_ms: upload.created_ms,
            expires_ms: upload.expires_ms,
        }
    }
}

/// A page of uploads.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct UploadPage {
    pub(super) data: Vec<UploadView>,
    /// Pass it as `cursor` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(super) next_cursor: Option<UploadId>,
}
