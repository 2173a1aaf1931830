//! Text formats for archives: hOCR 1.2 (Breuel, the HTML of OCR workflows) and ALTO 4.2 (Library of Congress). Each line
//! of the receipt is one line of the format.

use std::fmt::Write as _;

use crate::document::{OutLine, Receipt};

/// hOCR: HTML whose `title`s state the box of each line, in pixels of its page's picture, and its confidence.
pub(crate) fn hocr(receipt: &Receipt) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" \
         \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n<html xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n\
         <title>receipt</title>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=utf-8\"/>\n\
         <meta name=\"ocr-system\" content=\"medley\"/>\n<meta name=\"ocr-capabilities\" content=\"ocr_page ocr_line\"/>\n\
         </head>\n<body>\n",
    );
    for (number, page) in receipt.pages.iter().enumerate() {
        let (width, height) = (page.width_px, page.height_px);
        let _ = writeln!(
            out,
            "<div class=\"ocr_page\" id=\"page_{}\" title=\"bbox 0 0 {width} {height}; ppageno {number}\">",
            number + 1
        );
        for (index, line) in lines_of(receipt, number) {
            let [left, top, right, bottom] = bounds(line);
            let _ = writeln!(
                out,
                "<span class=\"ocr_line\" id=\"line_{}\" title=\"bbox {left} {top} {right} {bottom}; x_wconf {:.0}\">{}</span><br/>",
                index + 1,
                line.confidence * 100.0,
                escaped(&line.text)
            );
        }
        out.push_str("</div>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}

/// ALTO: each line a `TextLine` of one `String`, in pixels of its page's picture.
pub(crate) fn alto(receipt: &Receipt) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alto xmlns=\"http://www.loc.gov/standards/alto/ns-v4#\">\n<Description>\n\
         <MeasurementUnit>pixel</MeasurementUnit>\n<OCRProcessing ID=\"OCR_1\"><ocrProcessingStep><processingSoftware>\
         <softwareName>medley</softwareName></processingSoftware></ocrProcessingStep></OCRProcessing>\n</Description>\n<Layout>\n",
    );
    for (number, page) in receipt.pages.iter().enumerate() {
        let (width, height) = (page.width_px, page.height_px);
        let place = format!("HPOS=\"0\" VPOS=\"0\" WIDTH=\"{width}\" HEIGHT=\"{height}\"");
        let _ = writeln!(
            out,
            "<Page ID=\"page_{n}\" PHYSICAL_IMG_NR=\"{n}\" WIDTH=\"{width}\" HEIGHT=\"{height}\">\n<PrintSpace {place}>\n\
             <TextBlock ID=\"block_{n}\" {place}>",
            n = number + 1,
        );
        for (index, line) in lines_of(receipt, number) {
            let [left, top, right, bottom] = bounds(line);
            let place =
                format!("HPOS=\"{left}\" VPOS=\"{top}\" WIDTH=\"{}\" HEIGHT=\"{}\"", right - left, bottom - top);
            let _ = writeln!(
                out,
                "<TextLine ID=\"line_{n}\" {place}><String ID=\"string_{n}\" {place} WC=\"{:.2}\" CONTENT=\"{}\"/></TextLine>",
                line.confidence,
                escaped(&line.text),
                n = index + 1,
            );
        }
        out.push_str("</TextBlock>\n</PrintSpace>\n</Page>\n");
    }
    out.push_str("</Layout>\n</alto>\n");
    out
}

fn lines_of(receipt: &Receipt, page: usize) -> impl Iterator<Item = (usize, &OutLine)> {
    receipt.lines.iter().enumerate().filter(move |(_, line)| line.page == page)
}

/// The upright box around a line, in whole pixels; never negative, as both formats ask.
fn bounds(line: &OutLine) -> [u32; 4] {
    let [left, top, right, bottom] = line.polygon.bounds();
    [left.floor(), top.floor(), right.ceil(), bottom.ceil()].map(|value| value.max(0.0) as u32)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no place for control characters.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use medley_vision::text::Quad;

    use super::*;
    use crate::document::PageInfo;

    fn receipt() -> Receipt {
        let line = |text: &str, page, left: f32| OutLine {
            text: text.into(),
            polygon: Quad([[left, 10.2], [90.5, 10.2], [90.5, 30.0], [left, 30.0]].map(Into::into)),
            confidence: 0.987,
            page,
        };
        let page = PageInfo { width_px: 100, height_px: 200, turn_deg: 0, lean_deg: 0.0, source: "ocr" };
        Receipt {
            lines: vec![line("Salt & \"Pepper\" <1kg>", 0, -0.5), line("Total 5.00", 1, 3.0)],
            pages: vec![page.clone(), page],
            ..Receipt::default()
        }
    }

    #[test]
    fn lines_stand_on_their_pages_and_are_escaped() {
        let hocr = hocr(&receipt());
        assert!(
            hocr.contains("title=\"bbox 0 10 91 30; x_wconf 99\">Salt &amp; &quot;Pepper&quot; &lt;1kg&gt;</span>")
        );
        let second = hocr.split("ppageno 1").nth(1).unwrap_or_default();
        assert!(second.contains("id=\"line_2\"") && !second.contains("Pepper"));
        let alto = alto(&receipt());
        assert!(
            alto.contains("HPOS=\"3\" VPOS=\"10\" WIDTH=\"88\" HEIGHT=\"20\" WC=\"0.99\" CONTENT=\"Total 5.00\"/>")
        );
        assert_eq!(alto.matches("<Page ").count(), 2);
        for (tag, count) in [("TextLine", 2), ("TextBlock", 2), ("PrintSpace", 2)] {
            assert_eq!(alto.matches(&format!("</{tag}>")).count(), count, "{tag}");
        }
    }
}
