//! A job's input as pages: a picture is one, a PDF has many.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};
use medley_proto::ErrorCode;
use medley_step::{LocalInput, StepContext, StepError};
use medley_vision::text::TextPage;

use crate::worker::ReceiptParams;

/// A page to read.
pub(crate) enum Page {
    Picture(RgbImage),
    /// Text that a PDF brings along, with a picture of the page where one is wanted.
    Text {
        text: TextPage,
        picture: Option<RgbImage>,
    },
}

pub(crate) enum Pages {
    Picture(Option<RgbImage>),
}

pub(crate) fn open(input: &LocalInput, _params: &ReceiptParams, _cx: &StepContext<'_>) -> Result<Pages, StepError> {
    let bytes = std::fs::read(&input.path)?;
    let undecodable = |error: image::ImageError| {
        StepError::bad_input(ErrorCode::MEDIA_UNDECODABLE, input, "the picture cannot be decoded").because(error)
    };
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| undecodable(e.into()))?;
    reader.limits(Limits::default());
    let mut decoder = reader.into_decoder().map_err(undecodable)?;
    let orientation = decoder.orientation().map_err(undecodable)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    picture.apply_orientation(orientation);
    Ok(Pages::Picture(Some(picture.into_rgb8())))
}

impl Pages {
    pub(crate) fn len(&self) -> usize {
        1
    }

    pub(crate) fn page(&mut self, _number: usize, _cx: &StepContext<'_>) -> Result<Page, StepError> {
        let Self::Picture(picture) = self;
        picture.take().map(Page::Picture).ok_or_else(|| StepError::internal("a page was asked for twice"))
    }
}
