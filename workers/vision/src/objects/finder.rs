use image::RgbImage;
use medley_models::{Models, SessionOptions};

use super::{Object, centernet::CenterNet, nanodet::NanoDet, suppress::fuse};
use crate::VisionError;

/// What is left of NanoDet's score when it looks alone: bounds are for the mean of two detectors' scores.
const ALONE: f32 = 0.8;

/// Whether CenterNet looks too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecondLook {
    #[default]
    No,
    /// The author of its weights names no licence. What it adds was not measured here.
    CenterNet,
}

/// Finds things of COCO's 80 classes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ObjectFinder {
    nanodet: NanoDet,
    centernet: Option<CenterNet>,
}

impl ObjectFinder {
    /// # Errors
    /// When a model is missing.
    pub fn open(models: &Models, second: SecondLook, options: SessionOptions) -> Result<Self, VisionError> {
        let centernet = match second {
            SecondLook::No => None,
            SecondLook::CenterNet => Some(CenterNet::open(models, options)?),
        };
        Ok(Self { nanodet: NanoDet::open(models, options)?, centernet })
    }

    /// Everything in the picture from a score of [`super::MIN_SCORE`] on (before the scores are made comparable), the surest
    /// first. What is told as true should have .35 or more.
    ///
    /// # Errors
    /// When a model cannot be run.
    pub fn find(&self, image: &RgbImage) -> Result<Vec<Object>, VisionError> {
        let mut first = self.nanodet.find(image)?;
        match &self.centernet {
            Some(centernet) => Ok(fuse(first, centernet.find(image)?)),
            None => {
                first.iter_mut().for_each(|object| object.score *= ALONE);
                Ok(first)
            }
        }
    }
}
