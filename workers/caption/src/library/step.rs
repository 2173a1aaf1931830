//! What the steps of a library are told and what they answer.

use medley_proto::{Artifact, Sha256};
use medley_step::StepError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LibraryParams;
use crate::LookParams;

/// One step of a library. The inputs of a step that reads images start with the job's own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum LibraryStep {
    /// Names the images and shares them out.
    List(LibraryParams),
    /// Looks at a share; the last input is the list.
    Look { look: LookParams, share: Share },
    /// Joins the answers of looks: the inputs are their outputs.
    MergeLooks,
    /// Joins what merges left: the inputs are their artifacts.
    MergeParts { of: Merged },
    /// Writes the data set; the inputs are the first step's answer and the last merge's artifacts.
    Gather { params: LibraryParams, of: Merged },
    /// Writes training archives; the last input is the list of what goes into them.
    Pack(Pack),
    /// Hands all its inputs on.
    Done,
}

/// A run of lines of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    pub offset: u64,
    pub bytes: u64,
    pub images: u32,
    /// Whether they are on a contact sheet.
    pub thumbnails: bool,
    /// Digest of the lines: of paths, and of what tells one state of these images from the next.
    pub state: Sha256,
}

/// Archives that one step packs, of 1,000 images each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pack {
    pub offset: u64,
    pub bytes: u64,
    /// The number of the first archive.
    pub first: u32,
    /// What the gather step left for the user.
    pub gathered: Vec<Artifact>,
}

/// What a step answers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "done")]
pub enum LibraryOutput {
    List(Listing),
    Look(Looked),
    Merge(Merged),
    Gather { images: u64, packs: Vec<Pack> },
    Pack { images: u64, gathered: Vec<Artifact> },
    Done,
}

/// What the list holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listing {
    pub images: u64,
    /// Files that do not look like images by name.
    pub files_passed_over: u64,
    /// Folders that could not or should not be walked.
    pub folders_passed_over: u64,
    /// The models' files and this version: what looking depends on besides images and params.
    pub with: Sha256,
    pub shares: Vec<Share>,
}

/// What was seen of a share. Small and inline, without artifacts, so that the cache keeps it for the next job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Looked {
    pub images: u32,
    /// The lines of the list.
    pub list: String,
    /// A [`crate::Row`] a line, in the order of the list.
    pub rows: String,
    /// Values of an embedding; 0 without.
    pub dim: u32,
    /// The embeddings of the rows that have one: f32, little-endian, in base64.
    pub vectors: String,
    /// A JPEG for each row in base64, empty where there is none; no element at all when none were asked for.
    pub thumbnails: Vec<String>,
}

/// What a merge left in its artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Merged {
    pub images: u64,
    pub dim: u32,
}

impl Merged {
    /// Embeddings of two models cannot stand in one file.
    pub(crate) fn and(self, other: Self) -> Result<Self, StepError> {
        let dim = match (self.dim, other.dim) {
            (dim, 0) | (0, dim) => dim,
            (one, other) if one == other => one,
            (one, other) => {
                let message = format!("embeddings of {one} and of {other} values in one library; please report it");
                return Err(StepError::internal(message));
            }
        };
        Ok(Self { images: self.images + other.images, dim })
    }
}
