//! A searchable PDF: the pages as pictures, with their text invisible on them.
//!
//! The text is set in a font without shapes whose codes are those of UTF-16, as Tesseract sets it (rendering mode 3, PDF
//! 32000-1, 9.3.6). Each line is as long as it is printed, and turned as it is.

use image::{RgbImage, codecs::jpeg::JpegEncoder};
use medley_step::StepError;
use pdf_writer::{
    Content, Filter, Finish, Name, Pdf, Rect, Ref, Str,
    types::{CidFontType, FontFlags, SystemInfo, TextRenderingMode},
};

use crate::document::{OutLine, Receipt};

/// The quality of the pages as JPEG.
const QUALITY: u8 = 80;
/// Pixels of a page for each point: 200 dots per inch.
const PX_PER_POINT: f32 = 200.0 / 72.0;
/// The width of each code, in thousandths of the font's size.
const CODE_WIDTH: f32 = 500.0;

/// The codes of the text are UTF-16, so they are their own meaning.
const TO_UNICODE: &[u8] = b"/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
1 beginbfrange
<0000> <FFFF> <0000>
endbfrange
endcmap
CMapName currentdict /CMap defineresource pop
end
end";

/// A page's picture as it goes into the PDF.
#[derive(Debug)]
pub(crate) struct PagePicture {
    jpeg: Vec<u8>,
    width_px: u32,
    height_px: u32,
}

impl PagePicture {
    pub(crate) fn of(picture: &RgbImage) -> Result<Self, StepError> {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
            .encode_image(picture)
            .map_err(|error| StepError::internal("cannot write a page as JPEG").because(error))?;
        Ok(Self { jpeg, width_px: picture.width(), height_px: picture.height() })
    }
}

/// The PDF of all pages.
pub(super) fn pdf(receipt: &Receipt, pictures: &[PagePicture]) -> Vec<u8> {
    let mut next = 0;
    let mut id = || {
        next += 1;
        Ref::new(next)
    };
    let (catalog, tree, font, cid_font, descriptor, to_unicode) = (id(), id(), id(), id(), id(), id());
    let pages: Vec<[Ref; 3]> = pictures.iter().map(|_| [id(), id(), id()]).collect();
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    pdf.pages(tree).kids(pages.iter().map(|[page, ..]| *page)).count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
    write_font(&mut pdf, font, cid_font, descriptor, to_unicode);
    for (number, (picture, [page_id, content_id, image_id])) in pictures.iter().zip(pages).enumerate() {
        let (width, height) = (picture.width_px as f32 / PX_PER_POINT, picture.height_px as f32 / PX_PER_POINT);
        let mut page = pdf.page(page_id);
        page.media_box(Rect::new(0.0, 0.0, width, height)).parent(tree).contents(content_id);
        let mut resources = page.resources();
        resources.x_objects().pair(Name(b"Page"), image_id);
        resources.fonts().pair(Name(b"Text"), font);
        resources.finish();
        page.finish();
        let mut content = Content::new();
        content.save_state().transform([width, 0.0, 0.0, height, 0.0, 0.0]).x_object(Name(b"Page")).restore_state();
        content.begin_text().set_text_rendering_mode(TextRenderingMode::Invisible);
        for line in receipt.lines.iter().filter(|line| line.page == number) {
            write_line(&mut content, line, height);
        }
        content.end_text();
        pdf.stream(content_id, &content.finish());
        let mut image = pdf.image_xobject(image_id, &picture.jpeg);
        image.filter(Filter::DctDecode);
        image.width(i32::try_from(picture.width_px).unwrap_or(i32::MAX));
        image.height(i32::try_from(picture.height_px).unwrap_or(i32::MAX));
        image.color_space().device_rgb();
        image.bits_per_component(8);
    }
    pdf.finish()
}

fn write_font(pdf: &mut Pdf, font: Ref, cid_font: Ref, descriptor: Ref, to_unicode: Ref) {
    let name = Name(b"NoShapes");
    pdf.type0_font(font)
        .base_font(name)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(cid_font)
        .to_unicode(to_unicode);
    pdf.cid_font(cid_font)
        .subtype(CidFontType::Type2)
        .base_font(name)
        .system_info(SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 })
        .font_descriptor(descriptor)
        .default_width(CODE_WIDTH);
    pdf.font_descriptor(descriptor)
        .name(name)
        .flags(FontFlags::FIXED_PITCH | FontFlags::SYMBOLIC)
        .bbox(Rect::new(0.0, 0.0, CODE_WIDTH, 1_000.0))
        .italic_angle(0.0)
        .ascent(1_000.0)
        .descent(0.0)
        .cap_height(1_000.0)
        .stem_v(80.0);
    pdf.stream(to_unicode, TO_UNICODE);
}

/// Writes a line from the lower left corner of its box along its lower edge.
fn write_line(content: &mut Content, line: &OutLine, page_height: f32) {
    let codes: Vec<u16> = line.text.encode_utf16().collect();
    let [top_left, _, bottom_right, bottom_left] = line.polygon.0;
    let (x, y) = ((bottom_right.x - bottom_left.x) / PX_PER_POINT, (bottom_left.y - bottom_right.y) / PX_PER_POINT);
    let length = x.hypot(y);
    let size = (top_left.x - bottom_left.x).hypot(top_left.y - bottom_left.y) / PX_PER_POINT;
    if codes.is_empty() || length < 0.1 || size < 0.1 {
        return;
    }
    let (cos, sin) = (x / length, y / length);
    let natural = codes.len() as f32 * size * CODE_WIDTH / 1_000.0;
    let bytes: Vec<u8> = codes.iter().flat_map(|code| code.to_be_bytes()).collect();
    let at = [bottom_left.x / PX_PER_POINT, page_height - bottom_left.y / PX_PER_POINT];
    content
        .set_font(Name(b"Text"), size)
        .set_horizontal_scaling(100.0 * length / natural)
        .set_text_matrix([cos, sin, -sin, cos, at[0], at[1]])
        .show(Str(&bytes));
}
