use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use medley_models::{Models, Session, SessionOptions};

use crate::{ClipError, Family, OwnModel, Preprocess, Scoring};

/// Where the towers are in a folder of the owner's: as clip-as-service has them, and as Optimum and transformers.js do.
const IMAGE_TOWERS: [&str; 3] = ["visual.onnx", "vision_model.onnx", "onnx/vision_model.onnx"];
const TEXT_TOWERS: [&str; 3] = ["textual.onnx", "text_model.onnx", "onnx/text_model.onnx"];

/// The models of the registry, their families and the side of their images in px.
const KNOWN: [(&str, Family, u32); 9] = [
    ("clip-vit-base-patch32", Family::Clip, 224),
    ("clip-vit-base-patch32-8bit", Family::Clip, 224),
    ("clip-vit-base-patch16", Family::Clip, 224),
    ("clip-vit-large-patch14", Family::Clip, 224),
    ("clip-vit-large-patch14-8bit", Family::Clip, 224),
    ("clip-vit-large-patch14-336", Family::Clip, 336),
    ("siglip-base-patch16-224", Family::Siglip, 224),
    ("chinese-clip-vit-base-patch16", Family::ChineseClip, 224),
    ("chinese-clip-vit-large-patch14", Family::ChineseClip, 224),
];

/// Which two towers, and what they expect.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipSpec {
    /// The name in the registry, or of the owner's folder.
    pub name: String,
    /// A folder of the machine's owner with both towers, instead of the registry.
    pub folder: Option<PathBuf>,
    pub family: Family,
    pub preprocess: Preprocess,
    pub scoring: Scoring,
}

impl ClipSpec {
    /// The model of this name: one of the owner's, else one of the registry.
    ///
    /// # Errors
    /// When neither has it.
    pub fn named(name: &str, own: &BTreeMap<String, OwnModel>) -> Result<Self, ClipError> {
        match own.get(name) {
            Some(model) => Ok(Self::of_owner(name, model)),
            None => Self::of_registry(name),
        }
    }

    /// A model of the registry.
    ///
    /// # Errors
    /// When the registry has no such CLIP model.
    pub fn of_registry(name: &str) -> Result<Self, ClipError> {
        let Some((_, family, side_px)) = KNOWN.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<&str> = KNOWN.iter().map(|(known, ..)| *known).collect();
            let known = known.join(", ");
            return Err(ClipError::Params(format!(
                "'{name}' is no CLIP model that is known: give {known}, or one of [caption.models] in medley.toml"
            )));
        };
        let (preprocess, scoring) = (family.preprocess(*side_px), family.scoring());
        Ok(Self { name: name.into(), folder: None, family: *family, preprocess, scoring })
    }

    /// Two towers of the owner's to the contract of their family.
    pub fn of_owner(name: &str, own: &OwnModel) -> Self {
        Self {
            name: name.into(),
            folder: Some(own.folder.clone()),
            family: own.family,
            preprocess: own.family.preprocess(own.side_px),
            scoring: own.family.scoring().with(own.logit_scale, own.logit_bias),
        }
    }

    pub(crate) fn image_session(&self, models: &Models, options: SessionOptions) -> Result<Session, ClipError> {
        self.session(models, &IMAGE_TOWERS, options)
    }

    pub(crate) fn text_session(&self, models: &Models, options: SessionOptions) -> Result<Session, ClipError> {
        self.session(models, &TEXT_TOWERS, options)
    }

    fn session(&self, models: &Models, places: &[&str], options: SessionOptions) -> Result<Session, ClipError> {
        match &self.folder {
            None => Ok(models.session(&self.name, places[0], options)?),
            Some(folder) => {
                let there = places.iter().map(|place| folder.join(place)).find(|path| path.is_file());
                let path = there.ok_or_else(|| self.lacks(folder, &places.join(" or ")))?;
                Ok(models.session_at(&path, options)?)
            }
        }
    }

    /// The vocabulary: the folder's, else the one that all models of the family share.
    pub(crate) fn vocabulary(&self, models: &Models) -> Result<PathBuf, ClipError> {
        let own = |file: &str| self.folder.as_ref().map(|folder| folder.join(file)).filter(|path| path.is_file());
        match (self.family, &self.folder) {
            (Family::Clip, _) => Ok(models.file("clip-vocabulary", "bpe.txt.gz")?),
            (Family::ChineseClip, _) => match own("vocab.txt") {
                Some(path) => Ok(path),
                None => Ok(models.file("chinese-clip-vocabulary", "vocab.txt")?),
            },
            (Family::Siglip, None) => Ok(models.file(&self.name, "spiece.model")?),
            (Family::Siglip, Some(folder)) => own("spiece.model").ok_or_else(|| self.lacks(folder, "spiece.model")),
        }
    }

    fn lacks(&self, folder: &Path, files: &str) -> ClipError {
        let what = format!("[caption.models.{}]: the folder {} has no {files}", self.name, folder.display());
        ClipError::Params(what)
    }
}
