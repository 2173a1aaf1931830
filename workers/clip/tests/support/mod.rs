//! What the golden tests share: models, golden files, photographs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use image::RgbImage;
use medley_media::picture::{self, PictureLimits};
use medley_models::Models;
use opencv::{
    core::{MatTraitConst, MatTraitConstManual},
    imgcodecs,
};
use serde_json::Value;

pub(crate) fn models() -> Models {
    Models::open(&Models::default_dir())
}

pub(crate) fn golden_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

pub(crate) fn golden(name: &str) -> Value {
    serde_json::from_slice(&fs::read(golden_path(name)).unwrap()).unwrap()
}

/// The samples are `model/file`.
pub(crate) fn sample(name: &str) -> PathBuf {
    let (model, file) = name.split_once('/').unwrap();
    models().file(model, file).unwrap()
}

/// Decoded as the kind `caption` decodes, to the bit as Pillow does: JPEGs by libjpeg-turbo, all else by the media crate.
pub(crate) fn photo(name: &str) -> RgbImage {
    let bytes = fs::read(sample(name)).unwrap();
    let (width, height, rgb) = if bytes.starts_with(&[0xff, 0xd8]) {
        let flags = imgcodecs::IMREAD_COLOR | imgcodecs::IMREAD_IGNORE_ORIENTATION;
        let mat = imgcodecs::imdecode(&bytes.as_slice(), flags).unwrap();
        let mut rgb = mat.data_bytes().unwrap().to_vec();
        rgb.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel.swap(0, 2));
        (mat.cols() as u32, mat.rows() as u32, rgb)
    } else {
        let picture = picture::from_bytes(&bytes, name, &PictureLimits::default()).unwrap();
        (picture.width_px, picture.height_px, picture.rgb)
    };
    RgbImage::from_raw(width, height, rgb).unwrap()
}

pub(crate) fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

pub(crate) fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
