//! What crosses the wire: the params of a library's steps, and their outputs. The names in `serde` attributes are those of
//! the wire, which jobs in stores have.

use medley_proto::Sha256;
use medley_step::StepError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LibraryParams;
use crate::CaptionParams;

/// One step of a library. The inputs of a step that reads images start with the job's own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum LibraryStep {
    /// Names the images and cuts the list into shards.
    List(LibraryParams),
    /// Analyzes a shard; the last input is the list.
    #[serde(rename = "look")]
    Analyze(AnalyzeStep),
    /// Joins the analyses of shards; the inputs are their outputs.
    #[serde(rename = "merge_looks")]
    MergeAnalyses,
    /// Joins parts; the inputs are their artifacts.
    MergeParts { of: Part },
    /// Writes the data set; the inputs are the first step's answer and the last merge's artifacts.
    #[serde(rename = "gather")]
    Assemble(AssembleStep),
    /// Writes training archives; the last input is the list of the images that go into them.
    Pack(ArchiveRange),
    /// Hands all its inputs on.
    Done(DoneStep),
}

/// Images to analyze, and how.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AnalyzeStep {
    #[serde(rename = "look")]
    pub params: CaptionParams,
    #[serde(rename = "share")]
    pub shard: Shard,
}

/// The data set to write.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AssembleStep {
    pub params: LibraryParams,
    pub of: Part,
}

/// All that the user gets.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DoneStep {}

/// Successive lines of the list: the images that one step analyzes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    pub offset: u64,
    pub bytes: u64,
    pub images: u32,
    /// Whether the images are on a contact sheet.
    pub thumbnails: bool,
    /// Digest of the lines: of paths, and of stamps that change when an image changes.
    pub state: Sha256,
}

/// The training archives that one step packs, of 1,000 images each: successive lines of `pack.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArchiveRange {
    pub offset: u64,
    pub bytes: u64,
    /// The number of the first archive.
    pub first: u32,
}

/// The output of a step.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "done")]
pub enum LibraryOutput {
    List(Listing),
    #[serde(rename = "look")]
    Analyze(ShardAnalysis),
    Merge(Part),
    #[serde(rename = "gather")]
    Assemble(Assembled),
    Pack {
        images: u64,
    },
    Done,
}

/// The data set as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assembled {
    pub images: u64,
    /// The training archives to pack.
    #[serde(rename = "packs")]
    pub archives: Vec<ArchiveRange>,
}

/// The contents of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listing {
    pub images: u64,
    /// Files that do not look like images by name.
    pub files_passed_over: u64,
    /// Folders that could not or should not be walked.
    pub folders_passed_over: u64,
    /// Digest of the models' files and this version of Medley: what an analysis depends on besides image and params.
    #[serde(rename = "with")]
    pub analyzer_version: Sha256,
    #[serde(rename = "shares")]
    pub shards: Vec<Shard>,
}

/// The analysis of a shard. It is small and inline, without artifacts, so that the cache keeps it for the next job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardAnalysis {
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

/// What the artifacts of a merge hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    pub images: u64,
    pub dim: u32,
}

impl Part {
    /// The two joined. Embeddings of two models cannot stand in one file.
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Checks that `value` is written as `wire`, and read again from it.
    fn is_on_the_wire<T: Serialize + serde::de::DeserializeOwned>(value: &T, wire: &Value) {
        assert_eq!(serde_json::to_value(value).unwrap(), *wire);
        let read: T = serde_json::from_value(wire.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), *wire);
    }

    #[test]
    fn steps_keep_the_names_that_jobs_in_stores_have() {
        let digest = Sha256::of(b"");
        let shard = Shard { offset: 1, bytes: 2, images: 3, thumbnails: true, state: digest };
        let on_the_wire = json!({ "offset": 1, "bytes": 2, "images": 3, "thumbnails": true, "state": digest });
        let params = CaptionParams::default();
        let look = json!({ "do": "look", "look": params, "share": on_the_wire });
        is_on_the_wire(&LibraryStep::Analyze(AnalyzeStep { params, shard: shard.clone() }), &look);
        is_on_the_wire(&LibraryStep::MergeAnalyses, &json!({ "do": "merge_looks" }));
        let of = Part { images: 4, dim: 5 };
        let part = json!({ "images": 4, "dim": 5 });
        is_on_the_wire(&LibraryStep::MergeParts { of }, &json!({ "do": "merge_parts", "of": part }));
        let params = LibraryParams::default();
        let gather = json!({ "do": "gather", "params": params, "of": part });
        is_on_the_wire(&LibraryStep::Assemble(AssembleStep { params, of }), &gather);
        let range = ArchiveRange { offset: 1, bytes: 2, first: 3 };
        let pack = json!({ "do": "pack", "offset": 1, "bytes": 2, "first": 3 });
        is_on_the_wire(&LibraryStep::Pack(range.clone()), &pack);
        is_on_the_wire(&LibraryStep::Done(DoneStep {}), &json!({ "do": "done" }));
        // Version 1 handed on what the user gets by the first of these steps.
        let version_1 = json!({ "do": "pack", "offset": 1, "bytes": 2, "first": 3, "gathered": [] });
        assert!(matches!(serde_json::from_value(version_1).unwrap(), LibraryStep::Pack(read) if read == range));

        let listing = Listing {
            images: 1,
            files_passed_over: 2,
            folders_passed_over: 3,
            analyzer_version: digest,
            shards: vec![shard],
        };
        let list = json!({
            "done": "list", "images": 1, "files_passed_over": 2, "folders_passed_over": 3, "with": digest,
            "shares": [on_the_wire],
        });
        is_on_the_wire(&LibraryOutput::List(listing), &list);
        let look = json!({
            "done": "look", "images": 0, "list": "", "rows": "", "dim": 0, "vectors": "", "thumbnails": [],
        });
        is_on_the_wire(&LibraryOutput::Analyze(ShardAnalysis::default()), &look);
        is_on_the_wire(&LibraryOutput::Merge(of), &json!({ "done": "merge", "images": 4, "dim": 5 }));
        let packs = json!([{ "offset": 1, "bytes": 2, "first": 3 }]);
        let gather = json!({ "done": "gather", "images": 6, "packs": packs });
        is_on_the_wire(&LibraryOutput::Assemble(Assembled { images: 6, archives: vec![range] }), &gather);
        is_on_the_wire(&LibraryOutput::Pack { images: 6 }, &json!({ "done": "pack", "images": 6 }));
        is_on_the_wire(&LibraryOutput::Done, &json!({ "done": "done" }));
    }
}
