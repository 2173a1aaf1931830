//! PDF: the text layer where a page has one, else a picture of the page.

use std::{io::Cursor, path::PathBuf, sync::LazyLock};

use image::{ImageFormat, RgbImage};
use medley_proto::ErrorCode;
use medley_step::{Host, LocalInput, StepContext, StepError};
use medley_vision::text::{Point, Quad, TextPage};
use regex::Regex;

use crate::{
    pages::Page,
    poppler::{self, PopplerError},
    worker::ReceiptParams,
};

/// Pages are drawn at this many dots per inch, large ones at fewer.
const DPI: f32 = 200.0;
const POINTS_PER_INCH: f32 = 72.0;
/// The longest side of a drawn page.
const MOST_SIDE_PX: f32 = 5000.0;
/// A text layer counts from so many letters and digits on; less is a page number on a scan.
const LEAST_LETTERS: usize = 20;
/// Words further apart than so many times their height stand in different cells.
const CELL_GAP: f32 = 1.2;

/// An opened PDF.
#[derive(Debug)]
pub(crate) struct Pdf {
    path: PathBuf,
    pages: usize,
    read: usize,
    text_layer: bool,
    overlay: bool,
}

impl Pdf {
    /// Reads the number of pages.
    ///
    /// # Errors
    /// When the PDF is damaged, or closed with a password.
    pub(crate) fn open(input: &LocalInput, params: &ReceiptParams, cx: &StepContext<'_>) -> Result<Self, StepError> {
        let info = poppler::run("pdfinfo", &[], &input.path, false, cx.host()).map_err(|error| match error {
            PopplerError::Refused { ref message, .. } if message.contains("password") => StepError::bad_input(
                ErrorCode::MEDIA_UNDECODABLE,
                input,
                "the PDF is closed with a password; open it first",
            )
            .because(error),
            PopplerError::Refused { .. } => {
                StepError::bad_input(ErrorCode::MEDIA_UNDECODABLE, input, "the PDF is damaged").because(error)
            }
            other => other.into(),
        })?;
        let info = String::from_utf8_lossy(&info);
        let pages = info.lines().find_map(|line| line.strip_prefix("Pages:")?.trim().parse::<usize>().ok());
        let pages = pages
            .filter(|&pages| pages > 0)
            .ok_or_else(|| StepError::bad_input(ErrorCode::MEDIA_EMPTY, input, "the PDF has no pages"))?;
        Ok(Self {
            path: input.path.clone(),
            pages,
            read: pages.min(params.max_pages as usize),
            text_layer: !params.ignore_text_layer,
            overlay: params.overlay,
        })
    }

    pub(crate) fn to_read(&self) -> usize {
        self.read
    }

    pub(crate) fn left_out(&self) -> usize {
        self.pages - self.read
    }

    /// The page of this number, counted from 0.
    pub(crate) fn page(&self, number: usize, cx: &StepContext<'_>) -> Result<Page, StepError> {
        let host = cx.host();
        let range = ["-f", "-l"].map(|flag| [flag.to_owned(), (number + 1).to_string()]).concat();
        let args = [&range[..], &["-bbox-layout".to_owned()]].concat();
        let layout = poppler::run("pdftotext", &args, &self.path, true, host)?;
        let layout = String::from_utf8_lossy(&layout);
        let (width, height) = page_size(&layout).unwrap_or((595.0, 842.0));
        let dpi = DPI.min(MOST_SIDE_PX * POINTS_PER_INCH / width.max(height));
        let text = text_of(&layout, dpi / POINTS_PER_INCH);
        let letters = text.lines.iter().flat_map(|line| line.text.chars()).filter(|c| c.is_alphanumeric()).count();
        if self.text_layer && letters >= LEAST_LETTERS {
            let picture = if number == 0 && self.overlay { Some(self.draw(&range, dpi, host)?) } else { None };
            return Ok(Page::Text { text, picture });
        }
        Ok(Page::Picture(self.draw(&range, dpi, host)?))
    }

    fn draw(&self, range: &[String], dpi: f32, host: &dyn Host) -> Result<RgbImage, StepError> {
        let args = [range, &["-r".to_owned(), format!("{dpi:.2}")]].concat();
        // Without a name for its output pdftoppm writes a PPM to the pipe.
        let ppm = poppler::run("pdftoppm", &args, &self.path, false, host)?;
        let picture = image::load(Cursor::new(ppm), ImageFormat::Pnm);
        Ok(picture.map_err(|error| StepError::internal("a drawn page could not be read").because(error))?.into_rgb8())
    }
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed")
}

static PAGE: LazyLock<Regex> = LazyLock::new(|| fixed(r#"<page width="([\d.]+)" height="([\d.]+)""#));
static WORD_OR_LINE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r#"<line |<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">([^<]*)</word>"#)
});

/// Width and height in points.
fn page_size(layout: &str) -> Option<(f32, f32)> {
    let captures = PAGE.captures(layout)?;
    Some((captures[1].parse().ok()?, captures[2].parse().ok()?))
}

/// The words of `pdftotext -bbox-layout` as cells; `scale` makes pixels of points.
fn text_of(layout: &str, scale: f32) -> TextPage {
    let mut cells: Vec<(String, [f32; 4])> = Vec::new();
    let mut fresh = true;
    for captures in WORD_OR_LINE.captures_iter(layout) {
        let Some(word) = captures.get(5) else {
            fresh = true;
            continue;
        };
        let numbers = [1, 2, 3, 4].map(|i| captures[i].parse::<f32>().unwrap_or_default() * scale);
        let word = unescaped(word.as_str());
        match cells.last_mut() {
            Some((text, bounds)) if !fresh && numbers[0] - bounds[2] < CELL_GAP * (numbers[3] - numbers[1]) => {
                // Ideographs have no spaces between them.
                if numbers[0] - bounds[2] > 0.1 * (numbers[3] - numbers[1]) {
                    text.push(' ');
                }
                text.push_str(&word);
                *bounds = [
                    bounds[0].min(numbers[0]),
                    bounds[1].min(numbers[1]),
                    bounds[2].max(numbers[2]),
                    bounds[3].max(numbers[3]),
                ];
            }
            _ => cells.push((word, numbers)),
        }
        fresh = false;
    }
    let (width, height) = page_size(layout).unwrap_or_default();
    let lines = cells
        .into_iter()
        .filter(|(text, _)| !text.trim().is_empty())
        .map(|(text, [l, t, r, b])| (text, Quad([[l, t], [r, t], [r, b], [l, b]].map(Point::from))));
    TextPage::of_lines(width * scale, height * scale, lines.collect())
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_cells_and_cells_rows() {
        let layout = r#"<page width="200.0" height="400.0"><flow><block><line xMin="10">
            <word xMin="10" yMin="10" xMax="50" yMax="20">Grand</word><word xMin="53" yMin="10" xMax="80" yMax="20">Total</word>
            <word xMin="150" yMin="10" xMax="180" yMax="20">12.50</word></line></block>
            <block><line xMin="10"><word xMin="10" yMin="30" xMax="60" yMax="40">A&amp;B</word></line></block></flow></page>"#;
        let page = text_of(layout, 2.0);
        let rows: Vec<_> = page.lines.iter().map(|line| (line.row, line.text.as_str())).collect();
        assert_eq!(rows, [(0, "Grand Total"), (0, "12.50"), (1, "A&B")]);
        assert_eq!((page.width, page.height), (400.0, 800.0));
    }
}
