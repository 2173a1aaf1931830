//! The merchant's address: the first rows of the header that together are one.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    address::{self, has_postcode, is_branch, is_house_and_street, is_region, is_town, names_building, starts_address},
    evidence::field,
    header_rows::{CONTACT, contact_at, fixed, is_title, of_rows, own_text, phone_of},
    mended::spelled,
    names::{is_legal_name, is_trade_name},
};
use crate::{date, document::Field, layout::Sheet, lexicon::fold};

/// A mark at the edge of the paper: `SELANGOR.O`.
static EDGE: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"([A-Za-z]{4})[.,]\s?\w$|\s*[(\[]\s?[A-Z]{0,3}\d{5,12}\s?-\s?[A-Z]\s?[)\]]$"));

/// The first rows that together are an address.
pub(super) fn address(sheet: &Sheet, rows: Range<usize>) -> Option<(Range<usize>, Field<String>)> {
    let search = Search { sheet, rows }.below_the_name();
    let Some(start) = search.start() else { return labelled_address(sheet) };
    let (end, has_end) = search.end(start);
    let lines: Vec<usize> = (start..end).collect();
    let parts: Vec<String> = lines.iter().map(|&row| search.part(row)).filter(|part| !part.is_empty()).collect();
    let value = EDGE.replace(&spelled(sheet, &parts.join(" ")), "$1").into_owned();
    // Most that begin with a house number and have a postcode were whole.
    let sure = match (starts_address(&value), has_end) {
        (true, true) => 0.99,
        (false, true) => 0.85,
        _ => 0.75,
    };
    (!value.is_empty()).then(|| (start..end, of_rows(sheet, &lines, value, sure)))
}

/// Rows in which an address is looked for.
struct Search<'a> {
    sheet: &'a Sheet,
    rows: Range<usize>,
}

impl Search<'_> {
    fn text(&self, row: usize) -> String {
        own_text(&self.sheet.rows[row])
    }

    /// How much a row looks like one of an address.
    fn score(&self, row: usize) -> u32 {
        let text = self.text(row);
        // `好邻居超市（人民路店）`: a shop named after its street.
        let is_shop = is_trade_name(&text) && !text.contains(|c: char| c.is_ascii_digit()) && text.contains('店');
        if is_title(&text) || is_shop || CONTACT.find(&fold(&text)).is_some_and(|found| found.start() < 3) {
            0
        } else {
            address::score(&text)
        }
    }

    /// A branch's place above the registered name is not the address below that name.
    fn below_the_name(self) -> Self {
        let is_name = |row: usize| is_legal_name(&self.text(row)) && !has_postcode(&self.text(row));
        let name = self.rows.clone().find(|&row| is_name(row)).filter(|&name| {
            let mut below = name + 1..self.rows.end.min(name + 3);
            let is_plain = |row: usize| !has_postcode(&self.text(row)) && !self.text(row).contains(',');
            below.any(|row| self.score(row) >= 2) && (self.rows.start..name).all(is_plain)
        });
        let rows = name.map_or(self.rows.clone(), |name| name + 1..self.rows.end);
        Self { rows, ..self }
    }

    fn start(&self) -> Option<usize> {
        let has_place = |row: usize| !is_legal_name(&self.text(row)) || has_postcode(&self.text(row));
        let mut start = self.rows.clone().find(|&row| self.score(row) >= 2 && has_place(row))?;
        // The line above may hold only the house number: `NO 12 & 14,`.
        if start > self.rows.start {
            let above = self.text(start - 1);
            let is_number = starts_address(&above) && self.score(start - 1) > 0
                || has_postcode(&self.text(start)) && is_house_and_street(&above);
            if is_number && !is_legal_name(&above) {
                start -= 1;
            }
        }
        if self.is_name_above(start) {
            start += 1;
        }
        Some(start)
    }

    /// A shop's name above the house number belongs to the merchant's name.
    fn is_name_above(&self, row: usize) -> bool {
        let begins = |row: usize| starts_address(&self.text(row)) || is_house_and_street(&self.text(row));
        let text = self.text(row);
        !begins(row)
            && row + 1 < self.rows.end
            && begins(row + 1)
            && !text.contains(',')
            && !has_postcode(&text)
            && !text.contains(|c: char| c.is_ascii_digit())
            && (row == self.rows.start || is_trade_name(&text) || !names_building(&text))
    }

    /// The row behind the address, and whether a postcode was in it.
    fn end(&self, start: usize) -> (usize, bool) {
        let (mut end, mut has_postcode_yet) = (start, false);
        for row in start..self.rows.end.min(start + 7) {
            let line = self.text(row);
            if !self.is_near(row, start) || is_title(&line) {
                break;
            }
            if row > start && (is_other(&line) || !self.goes_on(row, has_postcode_yet)) {
                break;
            }
            end = row + 1;
            has_postcode_yet |= has_postcode(&line);
            if contact_at(&line).is_some() {
                break;
            }
        }
        (end, has_postcode_yet)
    }

    fn is_near(&self, row: usize, start: usize) -> bool {
        let rows = &self.sheet.rows;
        row == start || rows[row].top - rows[row - 1].bottom < 2.5 * rows[row].height()
    }

    fn goes_on(&self, row: usize, has_postcode_yet: bool) -> bool {
        let line = self.text(row);
        if has_postcode_yet {
            return is_region(&line) && !is_legal_name(&line) || is_branch(&line);
        }
        let before_place = row + 1 < self.rows.end && self.score(row + 1) >= 2;
        self.score(row) >= 1 || is_town(&line) || is_name_of_place(&line, before_place)
    }

    /// What a row has of the address.
    fn part(&self, row: usize) -> String {
        let line = self.text(row);
        let cut = contact_at(&line).unwrap_or(line.len());
        let line = line.get(..cut).unwrap_or(&line).trim().trim_end_matches(['(', '|', '[']).trim();
        let line = ADDRESS_LABEL.find(line).map_or(line, |label| &line[label.end()..]);
        line.strip_prefix("地址").unwrap_or(line).trim_start_matches([':', '：', ' ']).to_owned()
    }
}

/// `HQ:`, `Address:`, `Alamat :` in front of an address.
static ADDRESS_LABEL: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)^(?:H\.?Q\.?|(?:[A-Z]+ )?OFFICE|OUTLET|BRANCH|ADDRESS|ADDR\.?|ALAMAT|ADRESSE|DIRECCION|INDIRIZZO|ADRES)\s?(?:[:：]|\.\s)\s*",
    )
});

/// An address after its label anywhere on the receipt. Chinese receipts print it at the bottom.
fn labelled_address(sheet: &Sheet) -> Option<(Range<usize>, Field<String>)> {
    static LABEL: LazyLock<Regex> =
        LazyLock::new(|| fixed(r"(?i)^(?:门店|店铺|公司)?(?:地址|ADDRESS|ALAMAT)\s*[:：]\s*(.+)$"));
    sheet.rows.iter().flat_map(|row| &row.cells).find_map(|cell| {
        let found = LABEL.captures(cell.text.trim())?.get(1)?.as_str();
        // It takes no rows of the header, so all of those are still searched for the name.
        (address::score(found) >= 2)
            .then(|| (sheet.rows.len()..sheet.rows.len(), field(sheet, cell.line, spelled(sheet, found), found, 0.9)))
    })
}

fn is_other(line: &str) -> bool {
    contact_at(line).is_some_and(|at| at < 3)
        || !date::dates(line, date::DateOrder::Auto).is_empty()
        || phone_of(line).is_some_and(|phone| phone.len() + 2 >= line.trim().len())
}

/// Letters only, in the middle of an address: `SETAPAK,`, or a town above its postcode.
fn is_name_of_place(line: &str, goes_on_below: bool) -> bool {
    line.chars().all(|c| c.is_alphabetic() || c.is_whitespace() || matches!(c, ',' | '.' | '-' | '\''))
        && (line.trim().ends_with(',') || goes_on_below)
}
