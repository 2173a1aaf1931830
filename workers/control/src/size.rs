//! Sizes as in `resize_image` of controlnet_aux.

use medley_media::picture::SizeLimit;
use opencv::{core::Mat, imgproc};

use crate::{ControlError, mat};

/// The most pixels of a map.
const MAX_PX: u64 = 32 << 20;
/// The largest proportion of a map's sides. Each pixel takes some fifty bytes while a map is made.
const MAX_PROPORTION: u64 = 32;

/// The size at which the short side is about `resolution` and both sides are multiples of 64; `None` when that is too
/// large.
pub(crate) fn rounded([width, height]: [u32; 2], resolution: u32) -> Option<[u32; 2]> {
    let scale = f64::from(resolution) / f64::from(width.min(height));
    // numpy's round: ties go to the even number.
    let side = |length: u32| ((f64::from(length) * scale / 64.0).round_ties_even() * 64.0).max(64.0);
    let short = u64::from(resolution).next_multiple_of(64);
    let limit = SizeLimit { max_side_px: u32::MAX, max_pixels: MAX_PX.min(MAX_PROPORTION * short * short) };
    limit.check("", [side(width), side(height)]).ok()
}

/// The picture with a short side of about `resolution`: Lanczos when it grows, areas when it shrinks.
pub(crate) fn resize_image(picture: &Mat, resolution: u32, name: &str) -> Result<Mat, ControlError> {
    let [width, height] = mat::size(picture);
    let target = rounded([width, height], resolution).ok_or_else(|| ControlError::TooLong {
        name: name.into(),
        width,
        height,
        resolution,
    })?;
    let grows = f64::from(resolution) / f64::from(width.min(height)) > 1.0;
    let interpolation = if grows { imgproc::INTER_LANCZOS4 } else { imgproc::INTER_AREA };
    Ok(mat::resize(picture, target, interpolation)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_the_reference() {
        // from controlnet_aux.util.resize_image
        assert_eq!(rounded([640, 427], 512), Some([768, 512]));
        assert_eq!(rounded([600, 400], 512), Some([768, 512]));
        assert_eq!(rounded([512, 512], 512), Some([512, 512]));
        assert_eq!(rounded([1, 1], 512), Some([512, 512]));
        assert_eq!(rounded([416, 512], 512), Some([512, 640]));
        assert_eq!(rounded([1, 5000], 512), None);
        assert_eq!(rounded([u32::MAX, 1], 4096), None);
        assert_eq!(rounded([3200, 100], 512), Some([16_384, 512]));
        assert_eq!(rounded([4000, 100], 512), None);
    }
}
