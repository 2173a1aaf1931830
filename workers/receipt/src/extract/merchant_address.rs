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

/// The first rows that together are an address.
pub(super) fn address(sheet: &Sheet, rows: Range<usize>) -> Option<(Range<usize>, Field<String>)> {
    let text = |row: usize| own_text(&sheet.rows[row]);
    let score = |row: usize| {
        let text = text(row);
        // `好邻居超市（人民路店）`: a shop named after its street.
        let is_shop = is_trade_name(&text) && !text.contains(|c: char| c.is_ascii_digit()) && text.contains('店');
        if is_title(&text) || is_shop || CONTACT.find(&fold(&text)).is_some_and(|found| found.start() < 3) {
            0
        } else {
            address::score(&text)
        }
    };
    // A branch's place above the registered name is not the address below that name.
    let after_name = rows.clone().find(|&row| is_legal_name(&text(row)) && !has_postcode(&text(row))).filter(|&name| {
        let below = name + 1..rows.end.min(name + 3);
        below.clone().any(|row| score(row) >= 2)
            && (rows.start..name).all(|row| !has_postcode(&text(row)) && !text(row).contains(','))
    });
    let rows = after_name.map_or(rows.clone(), |name| name + 1..rows.end);
    let Some(mut start) =
        rows.clone().find(|&row| score(row) >= 2 && (!is_legal_name(&text(row)) || has_postcode(&text(row))))
    else {
        return labelled_address(sheet);
    };
    // The line above may hold only the house number: `NO 12 & 14,`.
    if start > rows.start
        && !is_legal_name(&text(start - 1))
        && (starts_address(&text(start - 1)) && score(start - 1) > 0
            || has_postcode(&text(start)) && is_house_and_street(&text(start - 1)))
    {
        start -= 1;
    }
    // A shop's name above the house number belongs to the merchant's name.
    let begins = |row: usize| starts_address(&text(row)) || is_house_and_street(&text(row));
    if !begins(start)
        && start + 1 < rows.end
        && begins(start + 1)
        && !text(start).contains(',')
        && !has_postcode(&text(start))
        && !text(start).contains(|c: char| c.is_ascii_digit())
        && (start == rows.start || is_trade_name(&text(start)) || !names_building(&text(start)))
    {
        start += 1;
    }
    let mut end = start;
    let mut ended = false;
    for row in start..rows.end.min(start + 7) {
        let line = text(row);
        let near = row == start || sheet.rows[row].top - sheet.rows[row - 1].bottom < 2.5 * sheet.rows[row].height();
        let goes_on = if ended {
            is_region(&line) && !is_legal_name(&line) || is_branch(&line)
        } else {
            score(row) >= 1 || is_town(&line) || is_name_of_place(&line, row + 1 < rows.end && score(row + 1) >= 2)
        };
        if !near || is_title(&line) || (row > start && (is_other(&line) || !goes_on)) {
            break;
        }
        end = row + 1;
        ended |= has_postcode(&line);
        if contact_at(&line).is_some() {
            break;
        }
    }
    let lines: Vec<usize> = (start..end).collect();
    let parts: Vec<String> = lines
        .iter()
        .map(|&row| {
            let line = text(row);
            let cut = contact_at(&line).unwrap_or(line.len());
            let line = line.get(..cut).unwrap_or(&line).trim().trim_end_matches(['(', '|', '[']).trim();
            let line = ADDRESS_LABEL.find(line).map_or(line, |label| &line[label.end()..]);
            line.strip_prefix("地址").unwrap_or(line).trim_start_matches([':', '：', ' ']).to_owned()
        })
        .filter(|line| !line.is_empty())
        .collect();
    // A mark at the edge of the paper: `SELANGOR.O`.
    static EDGE: LazyLock<Regex> =
        LazyLock::new(|| fixed(r"([A-Za-z]{4})[.,]\s?\w$|\s*[(\[]\s?[A-Z]{0,3}\d{5,12}\s?-\s?[A-Z]\s?[)\]]$"));
    let value = EDGE.replace(&spelled(sheet, &parts.join(" ")), "$1").into_owned();
    // Most that begin with a house number and have a postcode were whole.
    let sure = match (starts_address(&value), ended) {
        (true, true) => 0.99,
        (false, true) => 0.85,
        _ => 0.75,
    };
    (!value.is_empty()).then(|| (start..end, of_rows(sheet, &lines, value, sure)))
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
