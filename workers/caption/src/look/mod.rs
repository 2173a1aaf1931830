use std::path::PathBuf;

use medley_models::Models;
use medley_step::Host;

use crate::{CaptionError, LookParams, Row};

/// How many images are looked at side by side, each on one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookSlots {
    /// Threads of one call of [`Looker::look`].
    pub threads: usize,
    /// Calls at the same time (the slots of the compute child).
    pub calls: usize,
}

/// What was seen of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub row: Row,
    /// A unit vector, when there is a CLIP model; the row's `embedding` is the caller's to set.
    pub embedding: Option<Vec<f32>>,
    /// The image upright, its longer side [`LookParams::thumbnail_px`] at most, when that is not 0.
    pub thumbnail: Option<image::RgbImage>,
}

/// Looks at images. Shared by threads; cheap to clone, clones share models.
#[derive(Debug, Clone)]
pub struct Looker {
    params: LookParams,
    slots: LookSlots,
}

impl Looker {
    /// Loads what the params ask for.
    ///
    /// # Errors
    /// When params cannot be used or a model is missing.
    pub fn open(_models: &Models, params: &LookParams, slots: LookSlots) -> Result<Self, CaptionError> {
        Ok(Self { params: params.clone(), slots })
    }

    /// One answer for each file (the path to show, the path to read), in their order. An image that cannot be read is
    /// a row with an error.
    ///
    /// # Errors
    /// When a model fails, or `host` says stop.
    pub fn look(&self, _files: &[(String, PathBuf)], _host: &dyn Host) -> Result<Vec<Seen>, CaptionError> {
        Err(CaptionError::Params(format!("not yet: {:?} {:?}", self.params.model, self.slots.threads)))
    }
}
