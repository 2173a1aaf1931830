use image::RgbImage;
use medley_vision::resample::{Filter, resize};
use opencv::{
    core::{self, Mat},
    imgproc,
    prelude::*,
};

use crate::{
    ControlError, mat,
    network::{DEVIATION, MEAN, Network, normalised_planes},
};

/// The input that a depth network expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DepthContract {
    /// Depth-Anything-V2, as the DPT image processor of transformers does it: the side nearer to 518 brought to 518, both
    /// to multiples of 14, Pillow's bicubic. A graph of fixed size gets that size.
    Dpt,
    /// MiDaS v2.1 small, as its `run_onnx.py` does it: 256×256, OpenCV's bicubic.
    Midas,
}

const DPT_SIDE: f64 = 518.0;
const DPT_MULTIPLE: f64 = 14.0;
const MIDAS_SIDE: usize = 256;
/// The most pixels of the input, for long pictures.
const MAX_SHOWN_PX: f64 = 4.0 * DPT_SIDE * DPT_SIDE;

/// Inverse depth of the view's size: f32, more is nearer.
pub(super) fn inverse_depth(network: &Network, contract: DepthContract, view: &Mat) -> Result<Mat, ControlError> {
    let own = mat::size(view);
    let fixed = network.fixed_size();
    let (shown, planes) = match contract {
        DepthContract::Dpt => dpt_planes(view.data_bytes()?, own, fixed),
        DepthContract::Midas => midas_planes(view, fixed)?,
    };
    let [height, width] = shown;
    let output = network.run([1, 3, height, width], planes)?;
    // [1, H, W] or [1, 1, H, W]; the size may differ from the input's.
    let [.., rows, columns] = output.shape[..] else {
        return Err(network.breach("depth is [1, H, W]"));
    };
    if rows * columns == 0 || output.values.len() != rows * columns {
        return Err(network.breach("depth is one value for each pixel"));
    }
    if output.values.iter().any(|value| !value.is_finite()) {
        return Err(network.breach("depth is finite"));
    }
    Ok(mat::resize(&mat::of_values(&output.values, rows as u32, 1)?, own, imgproc::INTER_CUBIC)?)
}

/// Height and width, and the tensor [1, 3, height, width].
pub(crate) fn dpt_planes(rgb: &[u8], [width, height]: [u32; 2], fixed: Option<[usize; 2]>) -> ([usize; 2], Vec<f32>) {
    let [to_height, to_width] = fixed.unwrap_or_else(|| dpt_size([width, height]));
    let image = RgbImage::from_raw(width, height, rgb.to_vec()).expect("three bytes for each pixel");
    let resized = resize(&image, [to_width as u32, to_height as u32], Filter::Bicubic);
    let values: Vec<f32> = resized.as_raw().iter().map(|value| f32::from(*value)).collect();
    ([to_height, to_width], normalised_planes(&values, MEAN, DEVIATION))
}

/// `get_resize_output_image_size` of transformers, keeping the aspect ratio: height and width.
fn dpt_size([width, height]: [u32; 2]) -> [usize; 2] {
    let (width, height) = (f64::from(width), f64::from(height));
    let (by_width, by_height) = (DPT_SIDE / width, DPT_SIDE / height);
    let mut scale = if (1.0 - by_width).abs() < (1.0 - by_height).abs() { by_width } else { by_height };
    scale = scale.min((MAX_SHOWN_PX / (width * height)).sqrt());
    [height, width].map(|side| ((side * scale / DPT_MULTIPLE).round_ties_even().max(1.0) * DPT_MULTIPLE) as usize)
}

fn midas_planes(view: &Mat, fixed: Option<[usize; 2]>) -> mat::Result<([usize; 2], Vec<f32>)> {
    let [height, width] = fixed.unwrap_or([MIDAS_SIDE; 2]);
    let float = mat::convert(view, core::CV_32F, 1.0, 0.0)?;
    let resized = mat::resize(&float, [width as u32, height as u32], imgproc::INTER_CUBIC)?;
    let rgb = resized.reshape(1, 0)?.data_typed::<f32>()?.to_vec();
    Ok(([height, width], normalised_planes(&rgb, MEAN, DEVIATION)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_the_dpt_processor() {
        // From transformers, see `dpt_sizes` in tests/goldens/goldens.json.
        assert_eq!(dpt_size([768, 512]), [518, 784]);
        assert_eq!(dpt_size([512, 768]), [784, 518]);
        assert_eq!(dpt_size([512, 512]), [518, 518]);
        assert_eq!(dpt_size([1024, 640]), [518, 826]);
    }
}
