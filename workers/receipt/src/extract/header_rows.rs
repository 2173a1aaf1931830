//! Rows of the header: what they hold besides the receipt's own title, number and date, and fields that cover whole rows.

use std::sync::LazyLock;

use medley_vision::text::Quad;
use regex::Regex;

use super::{
    address::{self, starts_address},
    names::is_legal_name,
};
use crate::{
    date,
    document::Field,
    layout::{Cell, Row, Sheet},
    lexicon::{fold, mentions},
};

pub(super) fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed")
}

/// Words of a contact or a registration. They end an address and are no name.
pub(super) static CONTACT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)(?:\b|[^a-z])(?:TEL|TE1|TELEPHONE|PHONE|FAX|MOBILE|H/P|HP NO|WHATSAPPS?|HOTLINE|E-?MAIL|WWW\.|HTTP|GST|SST|VAT|TAX ID|REG\.? NO|ROC|CO\.? ?REG|CO\.? ?NO|COMPANY (?:REG|NO)|BRN|电话|税号|传真|手机|纳税人)(?:[^a-z]|[A-Z]?\b|$)",
    )
});

static PHONE: LazyLock<Regex> = LazyLock::new(|| fixed(r"\+?\(?\d[\d\s()\-.]{5,16}\d"));

pub(super) static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)(?P<key>INV(?:OICE|OLCE|QICE|O1CE)?|IRVOLCE|RECEIPT|RECELPT|RCPT|RESIT|BILL|CHECK|CHK|CB|DOC(?:UMENT)?|SLIP|TRANS(?:ACTION)?|TRX|ORDER|REF(?:ERENCE)?|CASH INV|TXN|发票号码|发票号|单据号|小票号|流水号|单号|交易号|订单号|收据号)\s*(?:NUMBER|NO|N0|NUM|#|ID)?\s*[.:：#)\[\s]*(?P<number>[A-Z0-9][A-Z0-9/\-]{2,29})",
    )
});

const TITLES: &[&str] = &[
    "TAX INVOICE",
    "SIMPLIFIED TAX",
    "CASH BILL",
    "CASH SALE",
    "CASH RECEIPT",
    "OFFICIAL RECEIPT",
    "INVOICE",
    "RECEIPT",
    "RESIT",
    "WELCOME",
    "THANK YOU",
    "TERIMA KASIH",
    "DELIVERY ORDER",
    "COPY",
    "发票",
    "收据",
    "小票",
    "欢迎",
    "谢谢",
    "GUEST CHECK",
    "ADJUSTMENT NOTE",
];

/// Whether a row can only belong to the header: a title, a contact or a date.
pub(super) fn belongs_to_header(text: &str) -> bool {
    is_title(text)
        || contact_at(text).is_some()
        || starts_address(text) && address::score(text) >= 4
        || !date::dates(text, date::DateOrder::Auto).is_empty()
}

pub(super) fn is_title(text: &str) -> bool {
    mentions(text, TITLES) && !is_legal_name(text)
}

/// A row's cells without those about the receipt itself (its title, number and date), which stand beside the merchant.
pub(super) fn own_cells(row: &Row) -> Vec<&Cell> {
    let of_receipt = |cell: &&Cell| {
        is_title(&cell.text)
            || NUMBER.is_match(&cell.text)
            || !date::dates(&cell.text, date::DateOrder::Auto).is_empty()
    };
    let own: Vec<&Cell> = row.cells.iter().filter(|cell| !of_receipt(cell)).collect();
    if own.is_empty() { row.cells.iter().collect() } else { own }
}

pub(super) fn own_text(row: &Row) -> String {
    own_cells(row).iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// The place in a line where a phone, tax or registration number begins.
pub(super) fn contact_at(line: &str) -> Option<usize> {
    let upper = fold(line);
    if upper.len() != line.len() {
        return None;
    }
    CONTACT.find(&upper).map(|found| found.start())
}

pub(super) fn phone_of(line: &str) -> Option<&str> {
    let found = PHONE.find(line)?;
    let digits = found.as_str().bytes().filter(u8::is_ascii_digit).count();
    ((7..=13).contains(&digits)).then(|| found.as_str().trim())
}

pub(super) fn confidence(sheet: &Sheet, row: usize) -> f32 {
    let cells = &sheet.rows[row].cells;
    cells.iter().map(|cell| sheet.lines[cell.line].confidence).sum::<f32>() / cells.len().max(1) as f32
}

/// How much an expected error takes from the confidence in a whole name or address. It is less than 1, because errors come
/// together and OCR is less sure of itself than it could be.
const ERROR_WEIGHT: f32 = 0.1;

/// The number of characters that OCR expects to have misread in these lines.
pub(super) fn expected_errors(sheet: &Sheet, lines: &[usize]) -> f32 {
    let of = |line: &crate::layout::Line| line.text.chars().count() as f32 * (1.0 - line.confidence);
    lines.iter().map(|&line| of(&sheet.lines[line])).sum()
}

/// A field that covers whole rows. Its polygon is the box around them.
pub(super) fn of_rows(sheet: &Sheet, rows: &[usize], value: String, sure: f32) -> Field<String> {
    let lines: Vec<usize> = rows.iter().flat_map(|&row| own_cells(&sheet.rows[row])).map(|cell| cell.line).collect();
    let raw = lines.iter().map(|&line| sheet.lines[line].text.as_str()).collect::<Vec<_>>().join("\n");
    let confidence = (-ERROR_WEIGHT * expected_errors(sheet, &lines)).exp();
    let polygon = around(lines.iter().map(|&line| &sheet.lines[line].polygon));
    Field {
        value,
        raw,
        confidence: confidence * sure,
        line: lines.first().copied(),
        page: lines.first().map_or(0, |&line| sheet.lines[line].page),
        polygon,
        corrected: false,
    }
}

/// The upright box around quadrilaterals.
fn around<'a>(quads: impl Iterator<Item = &'a Quad>) -> Option<Quad> {
    let bounds =
        quads.map(Quad::bounds).reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])?;
    let [left, top, right, bottom] = bounds;
    Some(Quad([[left, top], [right, top], [right, bottom], [left, bottom]].map(Into::into)))
}
