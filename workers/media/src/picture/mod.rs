//! Pictures: any file as RGB, upright, within limits; and back.

mod cmyk;
mod encode;
mod exif;
mod open;
mod size;
mod tiff_pages;
mod whole;

pub use encode::{jpeg, png_gray8, png_gray16, png_rgb8};
pub use exif::Exif;
pub use open::{Picture, PictureFormat, PictureLimits, from_bytes, open};
pub use size::SizeLimit;
pub use tiff_pages::TiffPages;
