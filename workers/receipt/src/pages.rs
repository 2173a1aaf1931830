//! A job's input as pages: a picture is one, a PDF has many.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};
use medley_proto::ErrorCode;
use medley_step::{LocalInput, StepContext, StepError};
use medley_vision::text::TextPage;

use crate::{pdf::Pdf, worker::ReceiptParams};

/// Pictures of more pixels are refused: 200 million take 600 MB before anything is read.
const MOST_PIXELS: u64 = 200_000_000;

/// A page to read.
pub(crate) enum Page {
    Picture(RgbImage),
    /// Text that a PDF brings along; a picture of the page where one was asked for.
    Text {
        text: TextPage,
        picture: Option<RgbImage>,
    },
}

/// An opened input.
pub(crate) enum Pages {
    Picture(Option<RgbImage>),
    Pdf(Pdf),
}

/// Opens a picture or a PDF, told apart by their first bytes.
pub(crate) fn open(input: &LocalInput, params: &ReceiptParams, cx: &StepContext<'_>) -> Result<Pages, StepError> {
    let bytes = std::fs::read(&input.path)?;
    // The header may follow up to a kilobyte of something else (PDF 32000, annex H.3).
    if bytes[..bytes.len().min(1024)].windows(5).any(|window| window == b"%PDF-") {
        return Ok(Pages::Pdf(Pdf::open(input, params, cx)?));
    }
    Ok(Pages::Picture(Some(picture(bytes, input)?)))
}

/// Decodes a picture, turned as its EXIF says.
fn picture(bytes: Vec<u8>, input: &LocalInput) -> Result<RgbImage, StepError> {
    let undecodable = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => {
            let what =
                format!("it has more than the {} megapixels that are read; make it smaller", MOST_PIXELS / 1_000_000);
            StepError::bad_input(ErrorCode::MEDIA_TOO_LARGE, input, &what).because(error)
        }
        image::ImageError::Unsupported(_) => StepError::bad_input(
            ErrorCode::MEDIA_UNSUPPORTED,
            input,
            "it is neither a PDF nor a PNG, JPEG, WebP, GIF, BMP, TIFF or PNM picture",
        )
        .because(error),
        _ => StepError::bad_input(ErrorCode::MEDIA_UNDECODABLE, input, "the picture cannot be decoded").because(error),
    };
    let reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| undecodable(error.into()))?;
    let mut decoder = reader.into_decoder().map_err(undecodable)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        let limit = image::error::LimitError::from_kind(image::error::LimitErrorKind::DimensionError);
        return Err(undecodable(image::ImageError::Limits(limit)));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_PIXELS * 8);
    decoder.set_limits(limits).map_err(undecodable)?;
    let orientation = decoder.orientation().map_err(undecodable)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

impl Pages {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Picture(_) => 1,
            Self::Pdf(pdf) => pdf.pages(),
        }
    }

    /// How many pages there are beyond those that are read.
    pub(crate) fn left_out(&self) -> usize {
        match self {
            Self::Picture(_) => 0,
            Self::Pdf(pdf) => pdf.left_out(),
        }
    }

    /// The page of this number, counted from 0.
    pub(crate) fn page(&mut self, number: usize, cx: &StepContext<'_>) -> Result<Page, StepError> {
        match self {
            Self::Picture(picture) => {
                picture.take().map(Page::Picture).ok_or_else(|| StepError::internal("a page was asked for twice"))
            }
            Self::Pdf(pdf) => pdf.page(number, cx),
        }
    }
}
