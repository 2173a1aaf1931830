//! The words of the header, mended: OCR misreads letters, loses spaces and makes accents of specks of dust.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    address,
    header_rows::fixed,
    locale,
    names::{self, split_trades},
};
use crate::{
    layout::Sheet,
    lexicon::{Spelling, unaccented},
};

/// The sheet with the words of these rows mended ([`Spelling`]), and without the accents that OCR makes of specks of dust where
/// the language has none.
pub(super) fn mended(sheet: &Sheet, rows: Range<usize>) -> Sheet {
    let has_accents = has_accents(sheet);
    let mut mended = sheet.clone();
    for cell in mended.rows[rows].iter_mut().flat_map(|row| &mut row.cells) {
        let line = &sheet.lines[cell.line];
        let text: String = if has_accents { cell.text.clone() } else { cell.text.chars().map(plain_letter).collect() };
        let glyphs = if line.text == cell.text { &line.glyphs[..] } else { &[] };
        cell.text = LOT.replace(&SPELLING.mend(&text, glyphs), "LOT$1").into_owned();
    }
    mended
}

/// `10T 12`, at the start of a line.
static LOT: LazyLock<Regex> = LazyLock::new(|| fixed(r"^[1Il|]\s?[0O]T([\s.,]|\d)"));

pub(super) fn has_accents(sheet: &Sheet) -> bool {
    locale::has_accents(sheet) || sheet.has_accents()
}

static SPELLING: LazyLock<Spelling> = LazyLock::new(|| Spelling::of(address::words().chain(names::words())));

/// A letter without its accent.
fn plain_letter(c: char) -> char {
    if c.is_ascii() || !c.is_alphabetic() {
        return c;
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(capital), None) => {
            let plain = unaccented(capital);
            if plain == capital {
                c
            } else if c.is_lowercase() {
                plain.to_ascii_lowercase()
            } else {
                plain
            }
        }
        _ => c,
    }
}

/// A name or address with spaces that OCR lost and words that it misread, and without the accents that it makes of specks
/// of dust where the language has none.
pub(super) fn spelled(sheet: &Sheet, text: &str) -> String {
    static GLUED: LazyLock<Regex> = LazyLock::new(|| {
        fixed(r"\b(JALAN|Jalan|LEVEL|Level|TAMAN|Taman|LORONG|Lorong)([A-Z]{1,3}\d|\d|[A-Z][a-z])|\b(\d{5})([A-Z])")
    });
    let text = if has_accents(sheet) { text.to_owned() } else { text.chars().map(plain_letter).collect() };
    let text = GLUED.replace_all(&text, "$1$3 $2$4");
    SPELLING.mend(&text, &[]).split(' ').map(split_trades).collect::<Vec<_>>().join(" ").replace(" ,", ",")
}
