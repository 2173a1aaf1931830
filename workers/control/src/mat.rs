//! Conversions between pictures and OpenCV's matrices. Colour is always RGB.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, RgbImage};
use opencv::{
    core::{self, DataType, Mat, Scalar, Size},
    imgproc,
    prelude::*,
};

pub(crate) type Result<T> = std::result::Result<T, opencv::Error>;

/// 8-bit, three channels.
pub(crate) fn of_rgb(image: &RgbImage) -> Result<Mat> {
    of_values(image.as_raw(), image.height(), 3)
}

/// Values row by row, `channels` of them to a pixel.
pub(crate) fn of_values<T: DataType>(values: &[T], rows: u32, channels: i32) -> Result<Mat> {
    Mat::from_slice(values)?.reshape(channels, rows as i32)?.try_clone()
}

/// Black, of the size of `like`, with three 8-bit channels.
pub(crate) fn black_like(like: &Mat) -> Result<Mat> {
    Mat::new_size_with_default(like.size()?, core::CV_8UC3, Scalar::all(0.0))
}

/// Width and height.
pub(crate) fn size(mat: &Mat) -> [u32; 2] {
    [mat.cols().unsigned_abs(), mat.rows().unsigned_abs()]
}

/// An 8-bit picture of one or three channels, or a 16-bit one of one.
pub(crate) fn to_picture(mat: &Mat) -> Result<DynamicImage> {
    let [width, height] = size(mat);
    let unlike = || opencv::Error::new(core::StsUnsupportedFormat, "a map is 8-bit of 1 or 3 channels, or 16-bit of 1");
    let continuous = mat.try_clone()?;
    let picture = match continuous.typ() {
        core::CV_8UC1 => GrayImage::from_raw(width, height, continuous.data_bytes()?.to_vec()).map(DynamicImage::from),
        core::CV_8UC3 => RgbImage::from_raw(width, height, continuous.data_bytes()?.to_vec()).map(DynamicImage::from),
        core::CV_16UC1 => {
            let values = continuous.data_typed::<u16>()?.to_vec();
            ImageBuffer::<Luma<u16>, _>::from_raw(width, height, values).map(DynamicImage::from)
        }
        _ => None,
    };
    picture.ok_or_else(unlike)
}

/// An 8-bit picture of one or three channels, as three.
pub(crate) fn to_rgb(mat: &Mat) -> Result<RgbImage> {
    let mut rgb = Mat::default();
    // `image` would take a grey picture's values through its colour profiles.
    match mat.typ() {
        core::CV_8UC1 => imgproc::cvt_color_def(mat, &mut rgb, imgproc::COLOR_GRAY2RGB)?,
        _ => rgb = mat.try_clone()?,
    }
    to_picture(&rgb).map(DynamicImage::into_rgb8)
}

/// As values of another depth: `value * scale + shift`.
pub(crate) fn convert(mat: &Mat, depth: i32, scale: f64, shift: f64) -> Result<Mat> {
    let mut converted = Mat::default();
    mat.convert_to(&mut converted, depth, scale, shift)?;
    Ok(converted)
}

/// f32 values cut to 0..255 and truncated, as numpy's `clip(0, 255).astype(uint8)` does (OpenCV rounds).
pub(crate) fn truncate_to_u8(values: &[f32], rows: u32, channels: i32) -> Result<Mat> {
    let bytes: Vec<u8> = values.iter().map(|value| value.clamp(0.0, 255.0) as u8).collect();
    of_values(&bytes, rows, channels)
}

pub(crate) fn resize(mat: &Mat, [width, height]: [u32; 2], interpolation: i32) -> Result<Mat> {
    let mut resized = Mat::default();
    imgproc::resize(mat, &mut resized, Size::new(width as i32, height as i32), 0.0, 0.0, interpolation)?;
    Ok(resized)
}

pub(crate) fn gaussian_blur(mat: &Mat, sigma: f64) -> Result<Mat> {
    let mut blurred = Mat::default();
    imgproc::gaussian_blur(mat, &mut blurred, Size::new(0, 0), sigma, 0.0, core::BORDER_DEFAULT)?;
    Ok(blurred)
}

pub(crate) fn sobel(mat: &Mat, dx: i32, dy: i32) -> Result<Mat> {
    let mut gradient = Mat::default();
    imgproc::sobel(mat, &mut gradient, core::CV_32F, dx, dy, 3, 1.0, 0.0, core::BORDER_DEFAULT)?;
    Ok(gradient)
}

pub(crate) fn gray(rgb: &Mat) -> Result<Mat> {
    let mut gray = Mat::default();
    imgproc::cvt_color_def(rgb, &mut gray, imgproc::COLOR_RGB2GRAY)?;
    Ok(gray)
}
