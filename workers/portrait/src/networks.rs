use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use medley_models::{Models, Session, SessionOptions};
use medley_proto::ModelUse;
use medley_step::BuildContext;

use crate::{PortraitError, config::PortraitConfig, scene::FaceDetector};

/// The networks of this worker, opened when a step first needs them.
#[derive(Debug)]
pub(crate) struct Networks {
    models: Models,
    /// How many steps run at once.
    parallel: usize,
    wav2lip_model: Option<PathBuf>,
    face_detector: Mutex<Option<Arc<FaceDetector>>>,
}

impl Networks {
    pub(crate) fn new(config: &PortraitConfig, cx: &BuildContext) -> Self {
        Self {
            models: Models::open(&cx.models_dir),
            parallel: cx.slots,
            wav2lip_model: config.wav2lip_model.clone(),
            face_detector: Mutex::new(None),
        }
    }

    pub(crate) fn used(&self) -> Vec<ModelUse> {
        self.models.used()
    }

    pub(crate) fn face_detector(&self) -> Result<Arc<FaceDetector>, PortraitError> {
        let mut face_detector = self.face_detector.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(face_detector) = &*face_detector {
            return Ok(face_detector.clone());
        }
        let options = SessionOptions { threads: 1, parallel: self.parallel };
        let opened = Arc::new(FaceDetector::open(&self.models, options)?);
        *face_detector = Some(opened.clone());
        Ok(opened)
    }

    pub(crate) fn wav2lip(&self, threads: usize) -> Result<Session, PortraitError> {
        let options = SessionOptions { threads, parallel: self.parallel };
        Ok(match &self.wav2lip_model {
            Some(path) => self.models.session_at(path, options)?,
            None => self.models.session("wav2lip-gan-96", "wav2lip.onnx", options)?,
        })
    }
}
