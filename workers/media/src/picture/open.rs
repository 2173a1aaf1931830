use std::{fs::File, io::Read, panic, path::Path};

use image::{DynamicImage, ImageDecoder, ImageFormat, metadata::Orientation};

use super::{exif::Exif, size::SizeLimit};
use crate::{MediaError, Problem, error::name_of};

/// What a picture may be at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureLimits {
    /// Of the longer side. What is computed from a picture multiplies its sides: a hair of a million pixels becomes gigabytes.
    pub max_side_px: u32,
    pub max_pixels: u64,
    /// Of the file.
    pub max_bytes: u64,
    /// That its decoder may take, the decoded picture included.
    pub max_decode_bytes: u64,
}

impl Default for PictureLimits {
    fn default() -> Self {
        Self { max_side_px: MAX_SIDE_PX, max_pixels: 100_000_000, max_bytes: 256 << 20, max_decode_bytes: 2 << 30 }
    }
}

impl PictureLimits {
    /// The part of it that is about sides.
    pub fn size(&self) -> SizeLimit {
        SizeLimit { max_side_px: self.max_side_px, max_pixels: self.max_pixels }
    }
}

/// What JPEG and GIF can say at most.
const MAX_SIDE_PX: u32 = 65_535;

/// File formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    Png,
    Jpeg,
    WebP,
    Gif,
    Bmp,
    Tiff,
    Pnm,
}

/// A picture as it is seen: upright, 8 bits a channel, sRGB assumed.
#[derive(Clone, PartialEq)]
pub struct Picture {
    pub width_px: u32,
    pub height_px: u32,
    /// Packed RGB, rows from the top; where the file is transparent, the colour it has there.
    pub rgb: Vec<u8>,
    /// Opacity, 0 to 255, when the file says any.
    pub alpha: Option<Vec<u8>>,
    pub format: PictureFormat,
    /// Bits of a channel in the file: 8, 16 or 32.
    pub source_bits: u8,
    pub source_is_gray: bool,
    /// Whether EXIF had it turned or mirrored.
    pub reoriented: bool,
    /// EXIF's orientation, 1 to 8; 1 is as stored.
    pub orientation: u8,
    pub exif: Exif,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { width_px, height_px, format, source_bits, .. } = self;
        write!(f, "Picture({width_px} x {height_px}, {format:?}, {source_bits} bits)")
    }
}

impl Picture {
    /// The picture over a colour, where it is transparent.
    #[must_use]
    pub fn over(&self, background: [u8; 3]) -> Vec<u8> {
        let Some(alpha) = &self.alpha else { return self.rgb.clone() };
        let mut out = self.rgb.clone();
        for (pixel, &a) in out.as_chunks_mut::<3>().0.iter_mut().zip(alpha) {
            for (value, below) in pixel.iter_mut().zip(background) {
                let sum = u32::from(*value) * u32::from(a) + u32::from(below) * u32::from(255 - a);
                *value = ((sum + 127) / 255) as u8;
            }
        }
        out
    }

    /// The pixel at column `x` and row `y`.
    ///
    /// # Panics
    /// Outside of the picture.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let at = (y as usize * self.width_px as usize + x as usize) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }
}

/// Opens a picture: PNG, JPEG, WebP, GIF, BMP, TIFF, PNM. Of an animation, its first frame.
///
/// # Errors
/// When it is not a picture, is damaged, or is over a limit (checked before memory is taken).
pub fn open(path: &Path, limits: &PictureLimits) -> Result<Picture, MediaError> {
    let name = name_of(path);
    let io = |error| MediaError::io(&name, error);
    let file = File::open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    if !meta.is_file() {
        return Err(MediaError::new(&name, Problem::NotAFile));
    }
    let mut bytes = Vec::with_capacity(meta.len().min(limits.max_bytes) as usize + 1);
    file.take(limits.max_bytes + 1).read_to_end(&mut bytes).map_err(io)?;
    from_bytes(&bytes, &name, limits)
}

/// The same for a file in memory; `name` is for messages.
///
/// # Errors
/// As [`open`].
pub fn from_bytes(bytes: &[u8], name: &str, limits: &PictureLimits) -> Result<Picture, MediaError> {
    if bytes.is_empty() {
        return Err(MediaError::new(name, Problem::Empty("picture")));
    }
    if bytes.len() as u64 > limits.max_bytes {
        let what = format!("has more than the {} bytes allowed", limits.max_bytes);
        return Err(MediaError::new(name, Problem::TooLarge(what)));
    }
    // The decoders are safe Rust; a panic in one is damage of the file, not of the process.
    panic::catch_unwind(|| decode(bytes, name, limits))
        .unwrap_or_else(|_| Err(MediaError::undecodable(name, "its decoder gave up")))
}

fn decode(bytes: &[u8], name: &str, limits: &PictureLimits) -> Result<Picture, MediaError> {
    let (bytes, guessed) = find_start(bytes);
    let unsupported = || {
        let what = "not a picture that is read: give PNG, JPEG, WebP, GIF, BMP, TIFF or PNM";
        MediaError::new(name, Problem::Unsupported(what.into()))
    };
    let (format, kind) = match guessed.ok_or_else(unsupported)? {
        kind @ ImageFormat::Png => (PictureFormat::Png, kind),
        kind @ ImageFormat::Jpeg => (PictureFormat::Jpeg, kind),
        kind @ ImageFormat::WebP => (PictureFormat::WebP, kind),
        kind @ ImageFormat::Gif => (PictureFormat::Gif, kind),
        kind @ ImageFormat::Bmp => (PictureFormat::Bmp, kind),
        kind @ ImageFormat::Tiff => (PictureFormat::Tiff, kind),
        kind @ ImageFormat::Pnm => (PictureFormat::Pnm, kind),
        _ => return Err(unsupported()),
    };
    let failed = |error| error_of(name, error);
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), kind);
    let mut decoder_limits = image::Limits::no_limits();
    decoder_limits.max_alloc = Some(limits.max_decode_bytes);
    reader.limits(decoder_limits);
    if let Some(size) = bmp_size(bytes).filter(|_| format == PictureFormat::Bmp) {
        // Its decoder calls a long side damage.
        limits.size().check(name, size)?;
    }
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(MediaError::new(name, Problem::Empty("picture")));
    }
    limits.size().check(name, [f64::from(width), f64::from(height)])?;
    if decoder.total_bytes() > limits.max_decode_bytes {
        let what = format!("needs more than {} bytes to decode", limits.max_decode_bytes);
        return Err(MediaError::new(name, Problem::TooLarge(what)));
    }
    if format == PictureFormat::Jpeg && super::whole::is_cut_off(bytes) {
        return Err(MediaError::undecodable(name, "the file ends before the picture does"));
    }
    // Broken metadata does not make a picture unreadable.
    let raw_exif = decoder.exif_metadata().ok().flatten();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut decoded = match super::cmyk::decode(bytes, format) {
        Some(rgb) => DynamicImage::ImageRgb8(rgb.map_err(|reason| MediaError::undecodable(name, reason))?),
        None => DynamicImage::from_decoder(decoder).map_err(failed)?,
    };
    let color = decoded.color();
    decoded.apply_orientation(orientation);
    let alpha = color.has_alpha().then(|| decoded.to_rgba8().as_chunks::<4>().0.iter().map(|p| p[3]).collect());
    let rgb = decoded.into_rgb8();
    Ok(Picture {
        width_px: rgb.width(),
        height_px: rgb.height(),
        rgb: rgb.into_raw(),
        alpha,
        format,
        source_bits: (color.bits_per_pixel() / u16::from(color.channel_count())) as u8,
        source_is_gray: !color.has_color(),
        reoriented: orientation != Orientation::NoTransforms,
        orientation: orientation.to_exif(),
        exif: raw_exif.map(|raw| Exif::parse(&raw)).unwrap_or_default(),
    })
}

/// Width and height by a BMP's header: of 16 bits in the oldest kind, else of 32, and negative where rows begin at the top.
fn bmp_size(bytes: &[u8]) -> Option<[f64; 2]> {
    let header_bytes = u32::from_le_bytes(*bytes.get(14..)?.first_chunk()?);
    let long = |at: usize| Some(f64::from(i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).abs());
    let short = |at: usize| Some(f64::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
    if header_bytes == 12 { Some([short(18)?, short(20)?]) } else { Some([long(18)?, long(22)?]) }
}

/// How far a JPEG is looked for behind junk, as browsers and cameras' tools do.
const SEARCH_BYTES: usize = 4096;

fn find_start(bytes: &[u8]) -> (&[u8], Option<ImageFormat>) {
    if let Ok(format) = image::guess_format(bytes) {
        return (bytes, Some(format));
    }
    let start = bytes.windows(3).take(SEARCH_BYTES).position(|window| window == [0xff, 0xd8, 0xff]);
    start.map_or((bytes, None), |start| (&bytes[start..], Some(ImageFormat::Jpeg)))
}

fn error_of(name: &str, error: image::ImageError) -> MediaError {
    match error {
        image::ImageError::Limits(_) => {
            MediaError::new(name, Problem::TooLarge("needs more memory to decode than allowed".into())).because(error)
        }
        image::ImageError::Unsupported(_) => {
            MediaError::new(name, Problem::Unsupported(format!("a picture of a kind that is not read ({error})")))
        }
        other => MediaError::undecodable(name, &other).because(other),
    }
}
