//! A job's input as pages: a picture is one, a PDF has many.

use std::{fs::File, io::Read};

use image::RgbImage;
use medley_media::picture::{self, PictureLimits};
use medley_step::{LocalInput, StepContext, StepError};
use medley_vision::text::TextPage;

use crate::{pdf::Pdf, worker::ReceiptParams};

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
    // The header may follow up to a kilobyte of something else (PDF 32000, annex H.3).
    let mut start = Vec::new();
    File::open(&input.path)?.take(1024).read_to_end(&mut start)?;
    if start.windows(5).any(|window| window == b"%PDF-") {
        return Ok(Pages::Pdf(Pdf::open(input, params, cx)?));
    }
    let opened = picture::open(&input.path, &PictureLimits::default()).map_err(|error| error.named(&input.name))?;
    let (width, height) = (opened.width_px, opened.height_px);
    // Paper is white where a scan is transparent.
    let rgb = if opened.alpha.is_some() { opened.over([255; 3]) } else { opened.rgb };
    let picture = RgbImage::from_raw(width, height, rgb)
        .ok_or_else(|| StepError::internal("a picture does not have the size that it says"))?;
    Ok(Pages::Picture(Some(picture)))
}

impl Pages {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Picture(_) => 1,
            Self::Pdf(pdf) => pdf.to_read(),
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
