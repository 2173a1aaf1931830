use image::RgbImage;
use medley_vision::resample::{Filter, Window, resize_window};

/// How an image becomes what an image tower sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocess {
    pub side_px: u32,
    pub fit: Fit,
    /// Of each channel, of values from 0 to 1.
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

/// How a rectangle becomes a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The shorter side is resized, the middle kept (CLIP).
    Crop,
    /// Both sides are resized (SigLIP, Chinese-CLIP).
    Squash,
}

impl Preprocess {
    /// CLIP's, for towers of this size.
    pub const fn clip(side_px: u32) -> Self {
        Self {
            side_px,
            fit: Fit::Crop,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        }
    }

    /// Chinese-CLIP's: CLIP's numbers of a square that does not keep the image's proportions (`image_transform` of
    /// `cn_clip` 1.6, and the models' own `size` and `do_center_crop`).
    pub const fn chinese_clip(side_px: u32) -> Self {
        Self { fit: Fit::Squash, ..Self::clip(side_px) }
    }

    /// SigLIP's: a square that does not keep the image's proportions, values from -1 to 1.
    pub const fn siglip(side_px: u32) -> Self {
        Self { side_px, fit: Fit::Squash, mean: [0.5; 3], std: [0.5; 3] }
    }

    /// The pixels that the tower sees, before they become numbers: torchvision's
    /// `Compose([Resize(side, BICUBIC), CenterCrop(side)])` of a PIL image, or `Resize((side, side), BICUBIC)`, to the bit.
    pub fn square(&self, image: &RgbImage) -> RgbImage {
        let side = self.side_px;
        let window = |left, top| Window { left, top, width: side, height: side };
        match self.fit {
            Fit::Squash => resize_window(image, [side; 2], window(0, 0), Filter::Bicubic),
            Fit::Crop => {
                let (width, height) = image.dimensions();
                // Truncated, as torchvision does.
                let longer = |long: u32, short: u32| (u64::from(side) * u64::from(long) / u64::from(short)) as u32;
                let size = if width <= height { [side, longer(height, width)] } else { [longer(width, height), side] };
                let [left, top] = size.map(|length| half_to_even(length - side));
                resize_window(image, size, window(left, top), Filter::Bicubic)
            }
        }
    }

    /// The image as the tower sees it, [3, side, side], appended to `out`.
    pub fn append(&self, image: &RgbImage, out: &mut Vec<f32>) {
        let square = self.square(image);
        for channel in 0..3 {
            let (mean, std) = (self.mean[channel], self.std[channel]);
            // As torch computes it: every value once, since there are only 256.
            let table: [f32; 256] = std::array::from_fn(|value| (value as f32 / 255.0 - mean) / std);
            out.extend(square.as_raw().iter().skip(channel).step_by(3).map(|value| table[usize::from(*value)]));
        }
    }

    /// Values of one preprocessed image.
    pub fn values(&self) -> usize {
        3 * (self.side_px * self.side_px) as usize
    }
}

/// Half of it, as Python rounds: a half to the even neighbour.
fn half_to_even(length: u32) -> u32 {
    let half = length / 2;
    if length % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}
