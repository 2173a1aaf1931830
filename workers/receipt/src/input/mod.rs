//! A job's input as pages: a picture is one page, a PDF or TIFF has many.

mod ink;
mod page;
mod pdf;
mod poppler;
mod text_layer;

use std::{fs::File, io::Read};

use image::RgbImage;
use medley_media::picture::{self, Picture, PictureLimits, TiffPages};
use medley_step::{LocalInput, StepContext, StepError};
pub(crate) use page::Page;
use pdf::Pdf;

use crate::params::ReceiptParams;

/// An opened input.
pub(crate) enum Pages {
    Picture(Option<RgbImage>),
    Tiff {
        tiff: TiffPages,
        to_read: usize,
        /// The input's name, for messages.
        name: String,
    },
    Pdf(Pdf),
}

/// Lays a transparent picture on white, the colour of paper.
fn on_paper(opened: Picture) -> Result<RgbImage, StepError> {
    let (width, height) = (opened.width_px, opened.height_px);
    let rgb = if opened.alpha.is_some() { opened.over([255; 3]) } else { opened.rgb };
    RgbImage::from_raw(width, height, rgb)
        .ok_or_else(|| StepError::internal("a picture does not have the size that it says"))
}

impl Pages {
    /// Opens a picture, a TIFF or a PDF, recognised by its first bytes.
    pub(crate) fn open(input: &LocalInput, params: &ReceiptParams, cx: &StepContext<'_>) -> Result<Self, StepError> {
        // The header may follow up to a kilobyte of something else (PDF 32000, annex H.3).
        let mut start = Vec::new();
        File::open(&input.path)?.take(1024).read_to_end(&mut start)?;
        if start.windows(5).any(|window| window == b"%PDF-") {
            return Ok(Self::Pdf(Pdf::open(input, params, cx)?));
        }
        let named = |error: medley_media::MediaError| error.named(&input.name);
        let limits = PictureLimits::default();
        if let Some(tiff) = TiffPages::open(&input.path, &limits).map_err(named)? {
            let to_read = tiff.len().min(params.max_pages as usize);
            return Ok(Self::Tiff { tiff, to_read, name: input.name.clone() });
        }
        Ok(Self::Picture(Some(on_paper(picture::open(&input.path, &limits).map_err(named)?)?)))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Picture(_) => 1,
            Self::Tiff { to_read, .. } => *to_read,
            Self::Pdf(pdf) => pdf.to_read(),
        }
    }

    /// The number of pages beyond the limit, which are not read.
    pub(crate) fn left_out(&self) -> usize {
        match self {
            Self::Picture(_) => 0,
            Self::Tiff { tiff, to_read, .. } => tiff.len() - to_read,
            Self::Pdf(pdf) => pdf.left_out(),
        }
    }

    /// The page with this number, counted from 0.
    pub(crate) fn page(&mut self, number: usize, cx: &StepContext<'_>) -> Result<Page, StepError> {
        match self {
            Self::Picture(picture) => {
                let picture = picture.take().ok_or_else(|| StepError::internal("a page was asked for twice"))?;
                Ok(Page::Picture { picture, unused_layer: None })
            }
            Self::Tiff { tiff, name, .. } => {
                let page = tiff.page(number).map_err(|error| error.named(format!("{name}, page {}", number + 1)))?;
                Ok(Page::Picture { picture: on_paper(page)?, unused_layer: None })
            }
            Self::Pdf(pdf) => pdf.page(number, cx),
        }
    }
}
