use std::{fs::File, io::Read, path::Path};

use image::{DynamicImage, RgbImage, metadata::Orientation};
use medley_media::{
    MediaError,
    picture::{self, PictureFormat, PictureLimits},
};
use medley_proto::{ErrorCode, Sha256};

use super::jpeg;
use crate::{RowError, row::Exif};

/// The largest image that is decoded: room for panoramas of 100 megapixels.
const LIMITS: PictureLimits =
    PictureLimits { max_side_px: 65_535, max_pixels: 120_000_000, max_bytes: 256 << 20, max_decode_bytes: 2 << 30 };
/// With [`Detail::Enough`], a JPEG is decoded to at least so many pixels.
const ENOUGH_PIXELS: u64 = 3_000_000;

/// An image, decoded once, upright.
#[derive(Debug)]
pub(super) struct Photo {
    /// The image as networks see it: where the file is transparent, with the colour stored there (as Pillow's
    /// `convert("RGB")`).
    pub(super) rgb: RgbImage,
    /// The image on a white ground, when the file is transparent.
    on_white: Option<RgbImage>,
    /// Of the file, upright; `rgb` may be smaller.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) format: &'static str,
    pub(super) orientation: u8,
    pub(super) exif: Option<Exif>,
}

/// How many pixels are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// All of them, to the bit.
    Full,
    /// About three million do; a larger JPEG is decoded to a half or less.
    Enough,
}

/// An image file in memory, not decoded yet.
#[derive(Debug)]
pub(super) struct ImageFile {
    pub(super) bytes: Vec<u8>,
    pub(super) sha256: Sha256,
}

/// Reads and hashes a file.
///
/// # Errors
/// When it cannot be read, or is too large to be an image.
pub(super) fn read(shown: &str, path: &Path) -> Result<ImageFile, RowError> {
    let failed = |code: ErrorCode, what: &str| RowError { code, message: format!("{shown} {what}") };
    let file = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (meta, file) = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failed(ErrorCode::INPUT_NOT_FOUND, "does not exist: check the path"),
        _ => failed(ErrorCode::INPUT_FORBIDDEN, "may not be read: check its permissions"),
    })?;
    if !meta.is_file() {
        return Err(failed(ErrorCode::INPUT_NOT_A_FILE, "is not a regular file: give a file"));
    }
    if meta.len() > LIMITS.max_bytes {
        return Err(failed(ErrorCode::MEDIA_TOO_LARGE, "has more than 256 MiB: give a smaller file"));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize + 1);
    file.take(LIMITS.max_bytes)
        .read_to_end(&mut bytes)
        .map_err(|_| failed(ErrorCode::INPUT_FORBIDDEN, "could not be read to its end: check the disk"))?;
    let sha256 = Sha256::of(&bytes);
    Ok(ImageFile { bytes, sha256 })
}

impl Photo {
    /// Decodes an image.
    ///
    /// # Errors
    /// When it is none, is damaged, or is over a limit (checked before memory is taken).
    pub(super) fn decode(bytes: &[u8], shown: &str, detail: Detail) -> Result<Self, MediaError> {
        if let Some(photo) = Self::jpeg(bytes, detail) {
            return Ok(photo);
        }
        let picture = picture::from_bytes(bytes, shown, &LIMITS)?;
        let (width, height) = (picture.width_px, picture.height_px);
        let on_white =
            picture.alpha.as_ref().filter(|alpha| alpha.iter().any(|a| *a < 255)).map(|_| picture.over([255; 3]));
        let image = |raw| RgbImage::from_raw(width, height, raw).expect("three bytes for each pixel");
        Ok(Self {
            on_white: on_white.map(image),
            width,
            height,
            format: name_of(picture.format),
            orientation: picture.orientation,
            exif: known(&picture.exif),
            rgb: image(picture.rgb),
        })
    }

    /// Decodes an ordinary photo, a complete JPEG of one or three components within the limits; none for all else.
    fn jpeg(bytes: &[u8], detail: Detail) -> Option<Self> {
        let header = jpeg::header(bytes)?;
        let pixels = u64::from(header.width) * u64::from(header.height);
        if !header.whole || !matches!(header.components, 1 | 3) || pixels > LIMITS.max_pixels {
            return None;
        }
        let shrink = match detail {
            Detail::Full => 1,
            Detail::Enough => [8, 4, 2]
                .into_iter()
                .find(|by| pixels / (u64::from(*by) * u64::from(*by)) >= ENOUGH_PIXELS)
                .unwrap_or(1),
        };
        let mut image = DynamicImage::ImageRgb8(jpeg::decode(bytes, shrink)?);
        let orientation = header.exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
        image.apply_orientation(orientation);
        let turned = matches!(orientation.to_exif(), 5..=8);
        Some(Self {
            rgb: image.into_rgb8(),
            on_white: None,
            width: if turned { header.height } else { header.width },
            height: if turned { header.width } else { header.height },
            format: "jpeg",
            orientation: orientation.to_exif(),
            exif: header.exif.and_then(|exif| known(&picture::Exif::parse(exif))),
        })
    }

    /// The image as people see it: on a white ground where the file is transparent.
    pub(super) fn on_white(&self) -> &RgbImage {
        self.on_white.as_ref().unwrap_or(&self.rgb)
    }
}

fn name_of(format: PictureFormat) -> &'static str {
    match format {
        PictureFormat::Png => "png",
        PictureFormat::Jpeg => "jpeg",
        PictureFormat::WebP => "webp",
        PictureFormat::Gif => "gif",
        PictureFormat::Bmp => "bmp",
        PictureFormat::Tiff => "tiff",
        PictureFormat::Pnm => "pnm",
    }
}

/// What a row keeps of EXIF; nothing when nothing of it is there.
fn known(exif: &picture::Exif) -> Option<Exif> {
    let camera = match (&exif.make, &exif.model) {
        // Many models begin with their maker's name.
        (Some(make), Some(model)) if !model.starts_with(make.as_str()) => Some(format!("{make} {model}")),
        (_, Some(name)) | (Some(name), None) => Some(name.clone()),
        (None, None) => None,
    };
    let exif = Exif { camera, time: exif.taken_at.clone(), lat: exif.latitude, lon: exif.longitude };
    (exif != Exif::default()).then_some(exif)
}
