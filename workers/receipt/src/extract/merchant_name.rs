//! The merchant's name: the line of the header with the most evidence, and the lines that belong to it.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    address::{self, starts_address},
    evidence::field,
    header_rows::{CONTACT, confidence, fixed, is_title, of_rows, own_text},
    mended::spelled,
    names::{continues, goes_on, is_legal_name, is_only_legal_form, is_only_trade, is_trade_name},
};
use crate::{
    date,
    document::Field,
    layout::{Row, Sheet},
    lexicon::{fold, squeeze},
};

static REGISTRATION: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\s*(?:[\(\[]\s?[A-Z]{0,3}[-:.\s]?\d{4,12}\s?[-—]?\s?[A-Z]{0,2}\s?[\)\]]?|\b[A-Z]{0,2}\d{5,12}\s?[-—]?\s?[A-Z]{0,2})\.?\s*$",
    )
});

static BRANCH_CODE: LazyLock<Regex> = LazyLock::new(|| fixed(r"\s*\([A-Z]{0,4}\d{1,4}\)\s*$"));

pub(super) fn name(sheet: &Sheet, rows: Range<usize>) -> Option<Field<String>> {
    let heights: Vec<f32> = sheet.rows.iter().map(Row::height).collect();
    let median = median(&heights);
    let mut best: Option<(f32, usize, String)> = None;
    let first_title = rows.clone().find(|&row| is_title(&sheet.rows[row].text()));
    for (position, row) in rows.clone().enumerate() {
        let text = own_text(&sheet.rows[row]);
        let name = bare(&text);
        let letters = name.chars().filter(|c| c.is_alphabetic()).count();
        let digits = name.chars().filter(char::is_ascii_digit).count();
        if letters < 3 && !name.chars().any(|c| c > '\u{2e80}')
            || digits > letters
            || is_title(&text)
            || sheet.rows[row].has_amount()
        {
            continue;
        }
        if !date::dates(&text, date::DateOrder::Auto).is_empty() {
            continue;
        }
        let mut score = 3.0 - 0.4 * position as f32;
        score += if is_legal_name(&name) { 5.0 } else { 0.0 };
        score += if is_trade_name(&name) { 2.5 } else { 0.0 };
        score += ((sheet.rows[row].height() / median - 1.0) * 2.0).clamp(-1.0, 2.0);
        // Handwriting is read as small letters; names are printed with capitals.
        score -= if name.chars().any(char::is_uppercase) || name.chars().any(|c| c > '\u{2e80}') { 0.0 } else { 4.0 };
        score -= if address::score(&name) >= 2 && !is_legal_name(&name) { 3.0 } else { 0.0 };
        score -= if first_title.is_some_and(|title| row > title && title > rows.start) { 3.0 } else { 0.0 };
        score -= (1.0 - confidence(sheet, row)) * 4.0;
        // A second name in brackets.
        score -= if text.trim_start().starts_with('(') { 2.0 } else { 0.0 };
        score -= if letters < 4 && name.is_ascii() { 2.0 } else { 0.0 };
        if best.as_ref().is_none_or(|(least, ..)| score > *least) {
            best = Some((score, row, name));
        }
    }
    let (score, row, mut value) = best?;
    let lines = joined_rows(sheet, &rows, row, &mut value);
    value = with_legal_form(&value);
    // The score tells names from other lines; how often the best one was right depends on what names it.
    let named = if is_legal_name(&value) {
        0.99
    } else if is_trade_name(&value) {
        0.95
    } else if lines[0] == rows.start && is_printed_again(sheet, &lines, &value) {
        0.93
    } else {
        0.8
    };
    let sure = named * if score < UNSURE_SCORE { 0.85 } else { 1.0 };
    Some(of_rows(sheet, &lines, spelled(sheet, &value), sure))
}

/// Names with a lower score were often something else.
const UNSURE_SCORE: f32 = 2.5;

/// The name in a row, without contacts and the registration number after it; empty if there is none.
fn bare(text: &str) -> String {
    let upper = fold(text);
    let cut = CONTACT.find(&upper).map_or(text.len(), |found| found.start());
    let text = if upper.len() == text.len() { text.get(..cut).unwrap_or(text) } else { text };
    let mut name = text.trim().to_owned();
    // `KEDAI MAJU S/B 123456-U (KJ1)`: a registration may have the branch's code after it.
    for _ in 0..2 {
        let shorter = REGISTRATION.replace(&name, "").into_owned();
        let shorter = if shorter == name { BRANCH_CODE.replace(&name, "").into_owned() } else { shorter };
        if shorter == name {
            break;
        }
        name = shorter;
    }
    let name = name.trim_matches(['*', '-', '=', '~', ':', '#', '_', ' ', '(', '[', ',', '|']);
    let name = name.trim_start_matches('.');
    // A bracket that is closed belongs to the name: `(M) SDN BHD`.
    if text.starts_with('(') && name.contains(')') { format!("({name}") } else { name.to_owned() }
}

/// Whether a name stands on the receipt once more: `THANK YOU FOR SHOPPING AT …`.
fn is_printed_again(sheet: &Sheet, lines: &[usize], name: &str) -> bool {
    let name = squeeze(name);
    let others = sheet.rows.iter().enumerate().filter(|(row, _)| !lines.contains(row));
    name.len() >= 4
        && others.map(|(_, row)| squeeze(&row.text())).any(|row| row.windows(name.len()).any(|part| part == name))
}

/// A name with its misread legal form mended, and without what was read behind that.
fn with_legal_form(name: &str) -> String {
    static FORM: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bS[DO0U][NHM](\.?\s?)B[HN][DO0]\b"));
    static SHORT: LazyLock<Regex> = LazyLock::new(|| fixed(r"\b[S5]\s?/\s?[B8](\W|\d|$)"));
    // The registration number with its bracket lost, or letters that the edge of the paper makes.
    static BEHIND: LazyLock<Regex> =
        LazyLock::new(|| fixed(r"(S/B|SDN\.?\s?BHD\.?)(?:[A-Z]{1,2}|\s?[\[(]?[A-Z]{0,2}\d[\dA-Z]{3,}[-\dA-Z()\]]*)$"));
    let name = FORM.replace(name, "SDN${1}BHD");
    let name = SHORT.replace(&name, "S/B$1");
    BEHIND.replace(&name, "$1").into_owned()
}

/// Joins the rows above and below a name that belong to it, and returns all of its rows.
fn joined_rows(sheet: &Sheet, rows: &Range<usize>, row: usize, value: &mut String) -> Vec<usize> {
    let part = |row: usize| {
        let text = own_text(sheet.rows.get(row)?);
        let name = bare(&text);
        let letters = name.chars().filter(|c| c.is_alphabetic()).count();
        let is_name = letters >= 3 && !is_title(&text) && address::score(&name) < 2 && !starts_address(&name);
        (is_name && date::dates(&text, date::DateOrder::Auto).is_empty()).then_some(name)
    };
    let alike = |a: usize, b: usize| {
        let (a, b) = (sheet.rows[a].height(), sheet.rows[b].height());
        (0.7..1.45).contains(&(a / b.max(1.0)))
    };
    let mut lines = vec![row];
    // Above: a line that ends with a conjunction, or the name of which this line has only the trade and the legal form.
    if row > rows.start
        && let Some(before) = part(row - 1)
        && (goes_on(&before)
            || continues(value)
            || is_only_legal_form(value)
            || is_only_trade(value) && !is_legal_name(&before) && alike(row - 1, row))
    {
        *value = format!("{before} {value}");
        lines.insert(0, row - 1);
    }
    // Below: what a conjunction announces, or the trade and the legal form.
    let mut last = row;
    while last < row + 2
        && let Some(next) = part(last + 1).or_else(|| {
            let form = bare(&own_text(sheet.rows.get(last + 1)?));
            is_only_legal_form(&form).then_some(form)
        })
        && (goes_on(value)
            || continues(&next)
            || !is_legal_name(value) && (is_only_legal_form(&next) || is_only_trade(&next) && alike(last, last + 1)))
    {
        *value = format!("{value} {next}");
        last += 1;
        lines.push(last);
    }
    lines
}

/// The merchant of an electronic invoice, which labels it: 销售方 … 名称.
pub(super) fn named_in_invoice(sheet: &Sheet) -> Option<Field<String>> {
    let seller = sheet.rows.iter().position(|row| row.text().contains("销售方") || row.text().contains("销方"))?;
    let mut named: Vec<(usize, usize)> = Vec::new();
    for (index, row) in sheet.rows.iter().enumerate().skip(seller.saturating_sub(3)).take(8) {
        let cells = row
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| cell.text.contains("名称") && !cell.text.contains("项目名称"));
        named.extend(cells.map(|(position, _)| (index, position)));
    }
    // The buyer stands to the left or above.
    let &(row, position) = named.last()?;
    let cell = &sheet.rows[row].cells[position];
    let printed = cell.text.split("名称").last().unwrap_or_default();
    let value = printed.trim_matches([':', '：', ' ', '称']).to_owned();
    (!value.is_empty()).then(|| field(sheet, cell.line, value.clone(), &value, 0.95))
}

pub(super) fn median(values: &[f32]) -> f32 {
    let mut values = values.to_vec();
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(1.0).max(1.0)
}
