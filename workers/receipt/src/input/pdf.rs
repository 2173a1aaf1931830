//! PDF: the text layer of a page where it can be trusted, else a picture of the page.

use std::{io::Cursor, path::PathBuf};

use image::{DynamicImage, ImageFormat, imageops};
use medley_step::{Host, LocalInput, StepContext, StepError};

use super::{
    page::Page,
    poppler,
    text_layer::{Doubted, TextLayer, Verdict},
};
use crate::{
    error::{PopplerError, ReceiptError},
    params::ReceiptParams,
};

/// The resolution of drawn pages in dots per inch; large pages are drawn at less.
const DPI: f32 = 200.0;
const POINTS_PER_INCH: f32 = 72.0;
/// The longest side of a drawn page.
const MAX_SIDE_PX: f32 = 5000.0;
/// The resolution at which ink is compared with the text layer, in dots per inch.
const INK_DPI: f32 = 75.0;
/// A page is a scan when pictures cover more than this share of it.
const SCAN_SHARE: f32 = 0.5;

/// An opened PDF.
#[derive(Debug)]
pub(crate) struct Pdf {
    path: PathBuf,
    pages: usize,
    to_read: usize,
    text_layer: bool,
    overlay: bool,
}

impl Pdf {
    /// Reads the number of pages.
    ///
    /// # Errors
    /// When the PDF is damaged or protected by a password.
    pub(crate) fn open(input: &LocalInput, params: &ReceiptParams, cx: &StepContext<'_>) -> Result<Self, StepError> {
        let name = || input.name.clone();
        let info = poppler::run("pdfinfo", &[], &input.path, false, cx.host()).map_err(|source| match source {
            PopplerError::Refused { ref message, .. } if message.contains("password") => {
                ReceiptError::PasswordProtected { input: name(), source }
            }
            PopplerError::Refused { .. } => ReceiptError::Damaged { input: name(), source },
            other => other.into(),
        })?;
        let info = String::from_utf8_lossy(&info);
        let pages = info.lines().find_map(|line| line.strip_prefix("Pages:")?.trim().parse::<usize>().ok());
        let pages = pages.filter(|&pages| pages > 0).ok_or_else(|| ReceiptError::NoPages { input: name() })?;
        Ok(Self {
            path: input.path.clone(),
            pages,
            to_read: pages.min(params.max_pages as usize),
            text_layer: !params.ignore_text_layer,
            overlay: params.overlay,
        })
    }

    pub(crate) fn to_read(&self) -> usize {
        self.to_read
    }

    pub(crate) fn left_out(&self) -> usize {
        self.pages - self.to_read
    }

    /// The page of this number, counted from 0.
    pub(crate) fn page(&self, number: usize, cx: &StepContext<'_>) -> Result<Page, StepError> {
        let host = cx.host();
        let range = ["-f", "-l"].map(|flag| [flag.to_owned(), (number + 1).to_string()]).concat();
        // Nothing outside of the crop box is visible.
        let args = [&range[..], &["-bbox-layout".to_owned(), "-cropbox".to_owned()]].concat();
        let layout = poppler::run("pdftotext", &args, &self.path, true, host)?;
        let mut layer = TextLayer::of(&String::from_utf8_lossy(&layout));
        let longest = layer.size.0.max(layer.size.1);
        let dpi = DPI.min(MAX_SIDE_PX * POINTS_PER_INCH / longest);
        let verdict = if self.text_layer {
            let ink_dpi = INK_DPI.min(dpi);
            let ink = self.draw(&[&range[..], &["-gray".to_owned()]].concat(), ink_dpi, host)?.into_luma8();
            layer.judge(&ink, self.is_scan(&range, layer.size, host)?)
        } else {
            Verdict::Missing
        };
        if verdict == Verdict::Trusted {
            let picture = (number == 0 && self.overlay).then(|| self.draw(&range, dpi, host)).transpose()?;
            let text = layer.page(dpi / POINTS_PER_INCH);
            return Ok(Page::Text { text, picture: picture.map(DynamicImage::into_rgb8) });
        }
        let picture = self.draw(&range, dpi, host)?.into_rgb8();
        Ok(match verdict {
            Verdict::Doubted(doubt) => {
                Page::Doubted { picture, layer: Doubted { layer, scale: dpi / POINTS_PER_INCH, doubt } }
            }
            Verdict::Mirrored => {
                Page::Picture { picture: imageops::flip_horizontal(&picture), unused_layer: Some("is mirrored") }
            }
            Verdict::Refused(doubt) => Page::Picture { picture, unused_layer: Some(doubt) },
            Verdict::Missing | Verdict::Trusted => Page::Picture { picture, unused_layer: None },
        })
    }

    /// Whether pictures cover most of the page. A scan may consist of strips.
    fn is_scan(&self, range: &[String], (width, height): (f32, f32), host: &dyn Host) -> Result<bool, StepError> {
        let args = [&["-list".to_owned()], range].concat();
        let list = poppler::run("pdfimages", &args, &self.path, false, host)?;
        let area = String::from_utf8_lossy(&list).lines().filter_map(picture_area).sum::<f32>();
        Ok(area > SCAN_SHARE * width * height)
    }

    fn draw(&self, args: &[String], dpi: f32, host: &dyn Host) -> Result<DynamicImage, StepError> {
        let args = [args, &["-cropbox".to_owned(), "-r".to_owned(), format!("{dpi:.2}")]].concat();
        // Without a name for its output pdftoppm writes a PPM or PGM to the pipe.
        let ppm = poppler::run("pdftoppm", &args, &self.path, false, host)?;
        let picture = image::load(Cursor::new(ppm), ImageFormat::Pnm);
        Ok(picture.map_err(ReceiptError::DrawnPage)?)
    }
}

/// The area on the page of the picture in a line of `pdfimages -list`, in square points.
fn picture_area(line: &str) -> Option<f32> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    // page num type width height color comp bpc enc interp object ID x-ppi y-ppi size ratio; inline ones have one column less.
    let is_picture = matches!(*columns.get(2)?, "image" | "stencil" | "mask");
    let from_end = |index: usize| columns.get(columns.len().checked_sub(index)?)?.parse::<f32>().ok();
    let (width, height): (f32, f32) = (columns.get(3)?.parse().ok()?, columns.get(4)?.parse().ok()?);
    let (x_ppi, y_ppi) = (from_end(4)?, from_end(3)?);
    let inches = (width / x_ppi.max(1.0)) * (height / y_ppi.max(1.0));
    is_picture.then_some(inches * POINTS_PER_INCH * POINTS_PER_INCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_takes_a_part_of_the_page() {
        let line = "   1     0 image    1240  1754  rgb     3   8  image  no         3  0   150   150 48.1K 0.8%";
        let a4 = 595.0 * 842.0;
        assert!((picture_area(line).unwrap() / a4 - 1.0).abs() < 0.01);
        let inline = "   1     0 image     620   877  gray    1   8  image  no   [inline]     150   150 48.1K 9.1%";
        assert!((picture_area(inline).unwrap() / a4 - 0.25).abs() < 0.01);
        assert_eq!(
            picture_area(
                "page   num  type   width height color comp bpc  enc interp  object ID x-ppi y-ppi size ratio"
            ),
            None
        );
        assert_eq!(picture_area("-----"), None);
    }
}
