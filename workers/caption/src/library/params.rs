use std::collections::BTreeMap;

use medley_proto::ErrorCode;
use medley_step::StepError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::CaptionParams;

/// What is made of a library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LibraryParams {
    #[serde(flatten)]
    pub analysis: CaptionParams,
    /// Data sets for training, besides `captions.jsonl` and `captions.parquet`.
    pub write: Vec<DataSet>,
    /// The most images on contact sheets, 0 for none; a page has 2,000.
    pub contact_sheet: u32,
    /// Images whose perceptual hashes differ in so many of 64 bits are duplicates, 0 to 8.
    pub duplicate_bits: u32,
    /// Leave all but the best of each group of duplicates out of the training sets.
    pub drop_duplicates: bool,
    /// Leave images out of the training sets whose shorter side has fewer px.
    pub min_side_px: u32,
    /// Leave images out of the training sets that are more likely not safe for work, 0 to 1.
    pub max_nsfw: Option<f32>,
    /// Tell changed files by what is in them and not by their times: for libraries that are copied or unpacked anew.
    pub by_content: bool,
    /// Fields of no known name, which `check` refuses.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// A data set in the form that a tool reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataSet {
    /// A text file beside each image, as kohya's trainers read it: `sidecars.tar`, to be unpacked over the library.
    Kohya,
    /// Archives of 1,000 images with their captions: `train-000000.tar`, …
    Webdataset,
    /// `captions_coco.json`, as pycocotools reads it.
    Coco,
    /// `metadata.jsonl`, as Hugging Face's `imagefolder` reads it; goes into the library's folder.
    Huggingface,
}

impl Default for LibraryParams {
    fn default() -> Self {
        Self {
            analysis: CaptionParams::default(),
            write: Vec::new(),
            contact_sheet: 10_000,
            duplicate_bits: 5,
            drop_duplicates: false,
            min_side_px: 0,
            max_nsfw: None,
            by_content: false,
            unknown: BTreeMap::new(),
        }
    }
}

/// The longer side of a contact sheet's thumbnails, unless the params say another.
const THUMBNAIL_PX: u32 = 160;

impl LibraryParams {
    pub(crate) fn check(&self) -> Result<(), StepError> {
        let refuse = |message: String| Err(StepError::permanent(ErrorCode::PARAMS_INVALID, message));
        if let Some(name) = self.unknown.keys().next() {
            return refuse(format!("library params: unknown field `{name}`; `medley schema library` lists them"));
        }
        self.analysis.check()?;
        if self.duplicate_bits > super::near_duplicates::MAX_BITS {
            return refuse(format!("duplicate_bits: {} is too many; give 0 to 8", self.duplicate_bits));
        }
        if self.max_nsfw.is_some_and(|max| !(0.0..=1.0).contains(&max)) {
            return refuse("max_nsfw: give a number from 0 to 1".into());
        }
        if self.max_nsfw.is_some() && !self.analysis.nsfw {
            return refuse("max_nsfw needs the score: leave --nsfw on".into());
        }
        Ok(())
    }

    /// The params of the analysis of a shard, with or without thumbnails.
    pub(crate) fn of_shard(&self, thumbnails: bool) -> CaptionParams {
        let px = if self.analysis.thumbnail_px == 0 { THUMBNAIL_PX } else { self.analysis.thumbnail_px };
        CaptionParams { thumbnail_px: if thumbnails { px } else { 0 }, ..self.analysis.clone() }
    }

    pub(crate) fn writes(&self, what: DataSet) -> bool {
        self.write.contains(&what)
    }
}
