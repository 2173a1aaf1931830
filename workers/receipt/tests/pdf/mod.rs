//! The smallest PDFs that hold a text layer or a picture.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::io::Cursor;

use image::{ImageFormat, RgbImage};

/// What a page shows.
pub(crate) enum Page<'a> {
    /// Lines of text at `(x, y)` in points from the bottom left, Helvetica of 11 points.
    Text(Vec<(f32, f32, &'a str)>),
    /// A scan that fills the page.
    Scan(&'a RgbImage),
    /// A scan with text over it, at places as above: a stamp, or (`invisible`) what another reader made of it.
    Stamped { scan: &'a RgbImage, text: Vec<(f32, f32, &'a str)>, invisible: bool },
    /// Text of a page that is shown turned clockwise by so many degrees.
    Turned(u32, Vec<(f32, f32, &'a str)>),
}

fn text_content(lines: &[(f32, f32, &str)], mode: u8) -> String {
    let lines = lines.iter().map(|(x, y, text)| {
        let text = text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
        format!("BT {mode} Tr /F1 11 Tf {x} {y} Td ({text}) Tj ET\n")
    });
    lines.collect()
}

/// The picture as an object.
fn scan_object(picture: &RgbImage) -> Vec<u8> {
    let mut jpeg = Vec::new();
    picture.write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
    let (w, h) = picture.dimensions();
    let head = format!(
        "<< /Type /XObject /Subtype /Image /Width {w} /Height {h} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode /Length {} >>\nstream\n",
        jpeg.len()
    );
    [head.as_bytes(), &jpeg, b"\nendstream"].concat()
}

fn scan_content(picture: &RgbImage) -> String {
    let width = 842.0 * picture.width() as f32 / picture.height() as f32;
    format!("q {} 0 0 842 0 0 cm /Scan Do Q\n", width.min(595.0))
}

/// A4 pages.
pub(crate) fn pdf(pages: &[Page<'_>]) -> Vec<u8> {
    let mut objects: Vec<Vec<u8>> = vec![b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(), Vec::new()];
    objects.push(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec());
    let mut kids = Vec::new();
    for page in pages {
        let font = "/Font << /F1 3 0 R >>";
        let (content, resources) = match page {
            Page::Text(lines) | Page::Turned(_, lines) => (text_content(lines, 0), format!("<< {font} >>")),
            Page::Scan(picture) => {
                objects.push(scan_object(picture));
                (scan_content(picture), format!("<< /XObject << /Scan {} 0 R >> >>", objects.len()))
            }
            Page::Stamped { scan, text, invisible } => {
                objects.push(scan_object(scan));
                let text = text_content(text, if *invisible { 3 } else { 0 });
                (scan_content(scan) + &text, format!("<< {font} /XObject << /Scan {} 0 R >> >>", objects.len()))
            }
        };
        let turn = match page {
            Page::Turned(degrees, _) => *degrees,
            _ => 0,
        };
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()).into_bytes());
        let content = objects.len();
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Rotate {turn} /Resources {resources} /Contents {content} 0 R >>"
            )
            .into_bytes(),
        );
        kids.push(format!("{} 0 R", objects.len()));
    }
    objects[1] = format!("<< /Type /Pages /Count {} /Kids [{}] >>", kids.len(), kids.join(" ")).into_bytes();
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n", index + 1).bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let table = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).bytes());
    for place in &places {
        out.extend(format!("{place:010} 00000 n \n").bytes());
    }
    out.extend(format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", places.len() + 1).bytes());
    out
}
