//! The items: rows between the header and the sums.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    evidence::field,
    header_rows,
    totals::{self, amount_field},
};
use crate::{
    document::{Field, Item},
    layout::{LabelledAmount, Row, Sheet},
    lexicon::{AmountKind, has_word, kind_of, mentions},
    money::{Decimal, amount::plain_number},
};

const COLUMN_NAMES: [&[&str]; 5] = [
    &[
        "ITEM",
        "DESCRIPTION",
        "DESC",
        "PRODUCT",
        "PARTICULARS",
        "PERKARA",
        "KETERANGAN",
        "BARANG",
        "品名",
        "商品",
        "菜品",
        "菜名",
        "项目",
        "名称",
    ],
    &["QTY", "QUANTITY", "KUANTITI", "数量"],
    &["PRICE", "RSP", "UNIT", "HARGA", "单价"],
    &["AMOUNT", "AMT", "AMAUN", "金额"],
    &["TOTAL", "小计", "JUMLAH"],
];

/// The row with the names of the columns.
pub(super) fn heading(sheet: &Sheet) -> Option<usize> {
    let in_table = totals::tax_table(sheet).unwrap_or(0..0);
    let rows = sheet.rows.iter().enumerate().filter(|(index, _)| !in_table.contains(index));
    let mut headings = rows.filter(|(_, row)| {
        let text = row.text();
        let plain = !row.has_amount() && !text.bytes().any(|b| b.is_ascii_digit());
        plain && COLUMN_NAMES.iter().filter(|names| mentions(&text, names)).count() >= 2
    });
    headings.next().map(|(index, _)| index)
}

/// The rows of the items: from below the heading, or the first amount, to the first sum.
pub(super) fn zone(sheet: &Sheet, labelled: &[LabelledAmount]) -> Range<usize> {
    let heading = heading(sheet);
    let from = heading.map_or(0, |row| row + 1);
    let is_sum = |l: &&LabelledAmount| {
        l.row >= from
            && matches!(
                l.kind,
                Some(
                    AmountKind::Subtotal
                        | AmountKind::Total
                        | AmountKind::GrandTotal
                        | AmountKind::RoundedTotal
                        | AmountKind::Paid(_)
                        | AmountKind::Change
                        | AmountKind::Rounding
                        | AmountKind::Service
                )
            )
    };
    let first_sum = labelled.iter().filter(is_sum).map(|l| l.row).min().unwrap_or(sheet.rows.len());
    // A count of the items ends them too.
    let count =
        (from..first_sum).find(|&row| kind_of(&sheet.rows[row].text()) == Some(AmountKind::Other) && row > from + 1);
    let end = count.unwrap_or(first_sum);
    if heading.is_some() {
        return from.min(end)..end;
    }
    // Without a heading the items begin below the last row that can only belong to the header.
    let head = (from..end)
        .rev()
        .find(|&row| header_rows::belongs_to_header(&sheet.rows[row].text()))
        .map_or(from, |row| row + 1);
    head.min(end)..end
}

/// The items' amounts, as indices into `labelled`.
pub(super) fn amount_indices(sheet: &Sheet, labelled: &[LabelledAmount], zone: Range<usize>) -> Vec<usize> {
    let last_of = |row: usize| {
        let amounts = without_tax(sheet, labelled.iter().filter(|l| l.row == row).collect());
        let last = *amounts.last().filter(|_| is_item(sheet, &amounts))?;
        labelled.iter().position(|l| std::ptr::eq(l, last))
    };
    zone.filter_map(last_of).collect()
}

/// The items of the zone. A row without an amount describes the item above or below it.
pub(super) fn items(sheet: &Sheet, labelled: &[LabelledAmount], zone: Range<usize>) -> Vec<Item> {
    let amounts_of = |row: usize| without_tax(sheet, labelled.iter().filter(|l| l.row == row).collect());
    let priced: Vec<usize> = zone.clone().filter(|&row| is_item(sheet, &amounts_of(row))).collect();
    let above = descriptions_stand_above(sheet, &priced, &zone);
    let leading = leading_numbers(sheet, &priced);
    let first_notes = first_notes(sheet, &priced);
    let mut items: Vec<Item> = Vec::new();
    for (position, &row) in priced.iter().enumerate() {
        let before =
            if position == 0 { zone.start.max(row.saturating_sub(first_notes)) } else { priced[position - 1] + 1 };
        let after = priced.get(position + 1).copied().unwrap_or(zone.end);
        let notes = if above { before..row } else { row + 1..after };
        items.extend(item(sheet, row, &amounts_of(row), notes, leading));
    }
    items
}

/// Rows above the first price that may describe it.
const FIRST_NOTES: usize = 2;

/// The number of rows above the first price that describe it. If its own row has words, these are at most as many as
/// between other prices, because the rows above may belong to the header (`Server: Ann  Table 12`).
fn first_notes(sheet: &Sheet, priced: &[usize]) -> usize {
    let between = rows_between(priced);
    if priced.first().is_none_or(|&first| !is_described(sheet, first)) {
        return between.max(FIRST_NOTES);
    }
    // Above a single item below a heading there is nothing else.
    if priced.len() == 1 && heading(sheet).is_some() {
        return FIRST_NOTES;
    }
    between.min(FIRST_NOTES)
}

/// The most rows between two prices.
fn rows_between(priced: &[usize]) -> usize {
    priced.windows(2).map(|pair| pair[1] - pair[0] - 1).max().unwrap_or_default()
}

/// Whether descriptions stand above their prices. They do when words stand above the first price and none below the
/// last, or when as many rows stand above the first price as between two prices.
fn descriptions_stand_above(sheet: &Sheet, priced: &[usize], zone: &Range<usize>) -> bool {
    let (Some(&first), Some(&last)) = (priced.first(), priced.last()) else { return false };
    let between = rows_between(priced);
    let (above, below) = (first.saturating_sub(zone.start), zone.end.saturating_sub(last + 1));
    if between > 0 && (above == between) != (below == between) && !is_described(sheet, first) {
        return above == between;
    }
    let window = zone.start.max(first.saturating_sub(first_notes(sheet, priced).max(1)))..first;
    let words_above = window.into_iter().any(|row| !words(&sheet.rows[row]).is_empty());
    let words_below = last + 1 < zone.end && !words(&sheet.rows[last + 1]).is_empty();
    // Below a heading the first words belong to the first price; without one they may belong to the header.
    let below_heading = zone.start > 0 && heading(sheet) == Some(zone.start - 1);
    words_above && (!words_below || below_heading && !is_described(sheet, first))
}

/// A row's amounts without those after a tax rate, which are the tax on the item.
fn without_tax<'a>(sheet: &Sheet, amounts: Vec<&'a LabelledAmount>) -> Vec<&'a LabelledAmount> {
    let Some(row) = amounts.first().map(|l| &sheet.rows[l.row]) else { return amounts };
    let Some(rate) = row.cells.iter().find(|cell| cell.text.trim_end().ends_with(['%', '％'])) else { return amounts };
    let line = |l: &&LabelledAmount| {
        row.cells.iter().find(|cell| cell.line == l.line).is_some_and(|cell| cell.left < rate.left)
    };
    let before: Vec<&LabelledAmount> = amounts.iter().copied().filter(line).collect();
    if before.is_empty() { amounts } else { before }
}

fn is_item(sheet: &Sheet, amounts: &[&LabelledAmount]) -> bool {
    let Some(last) = amounts.last() else { return false };
    // Prices stand on the right; a discount or tax line is no item.
    last.across > 0.4
        && !matches!(last.kind, Some(AmountKind::Discount | AmountKind::Tax | AmountKind::Other))
        && !mentions(&sheet.rows[last.row].text(), &["SUPPLIES"])
}

fn is_described(sheet: &Sheet, row: usize) -> bool {
    words(&sheet.rows[row]).iter().any(|(_, text)| text.chars().filter(|c| c.is_alphabetic()).count() >= 3)
}

/// `2 x Tea`, `2x Tea` at the start of a description, and where `counted` also `2 Tea`; `1.` and `1)` number the rows.
static COUNT_FIRST: LazyLock<Regex> = LazyLock::new(|| fixed(r"^(\d{1,3})\s?(?:[xX×*]\s?|\s)(\p{Alphabetic}.*)$"));
static ROW_NUMBER: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\d{1,2}[.)]\s?(\p{Alphabetic}.*)$"));
/// A number and the unit it counts, with nothing else: `2 PCS @`, `1.5KG x`, `3件`.
static COUNT_ONLY: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)^(\d{1,4}(?:\.\d{1,3})?)\s?(?:PCS?|NOS?|EA|EACH|UNITS?|KGS?|G|L|ML|PKTS?|PACKS?|BTLS?|CTNS?|BOX|BOXES|SETS?|个|件|瓶|袋|盒|份|杯|碗|斤)?\.?\s?[@xX×*]?$",
    )
});

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed")
}

/// What the numbers are with which the items' rows begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leading {
    /// Not all rows begin with a number: each is a part of its row's text.
    Text,
    Counts,
    RowNumbers,
}

/// Numbers with which all rows begin are quantities, unless they number the rows from 1 on.
fn leading_numbers(sheet: &Sheet, priced: &[usize]) -> Leading {
    let first = |&row: &usize| {
        let cell = sheet.rows[row].cells.first()?;
        let number = cell.text.split_whitespace().next()?;
        number.parse::<u32>().ok().filter(|number| (1..1000).contains(number))
    };
    let Some(numbers) = priced.iter().map(first).collect::<Option<Vec<u32>>>() else { return Leading::Text };
    let counting = numbers.iter().enumerate().all(|(index, &number)| number as usize == index + 1);
    match numbers.len() {
        0 => Leading::Text,
        1 => Leading::Counts,
        _ if counting => Leading::RowNumbers,
        _ => Leading::Counts,
    }
}

/// Removes the quantity or the row number from the start of a description.
fn take_count(line: usize, text: &mut String, leading: Leading) -> Option<Number> {
    if let Some(rest) = ROW_NUMBER.captures(text).map(|found| found[1].to_owned()) {
        *text = rest;
        return None;
    }
    let found = COUNT_FIRST.captures(text)?;
    let (raw, rest) = (found[1].to_owned(), found[2].to_owned());
    let crossed = text[raw.len()..].trim_start().starts_with(['x', 'X', '×', '*'])
        && !rest.is_empty()
        && text.trim_start_matches(|c: char| c.is_ascii_digit()).len() > rest.len();
    if leading == Leading::RowNumbers && !crossed {
        *text = rest;
        return None;
    }
    if !crossed && leading != Leading::Counts {
        return None;
    }
    let value = Decimal::from_digits(&raw, "")?;
    *text = rest;
    Some(Number { line, value, raw, is_money: false })
}

/// The quantity in the only cell of a row that holds a whole number and nothing else. In a currency without cents that
/// may be the amount, which is not the quantity too.
fn lone_count(sheet: &Sheet, row: usize, leading: Leading) -> Option<Number> {
    let cells = &sheet.rows[row].cells;
    let plain = cells.iter().enumerate().filter(|(_, cell)| cell.amounts.is_empty());
    let mut counts = plain.filter_map(|(position, cell)| {
        let raw = COUNT_ONLY.captures(cell.text.trim())?[1].to_owned();
        let value = plain_number(&raw).filter(|value| value.places() == 0 && *value < Decimal::whole(1000))?;
        (!value.is_zero() && (position > 0 || leading == Leading::Counts)).then_some(Number {
            line: cell.line,
            value,
            raw,
            is_money: false,
        })
    });
    let count = counts.next()?;
    counts.next().is_none().then_some(count)
}

/// Units and codes of three letters.
const SHORT_CODES: &[&str] = &[
    "PCS", "NOS", "QTY", "PKT", "KGS", "BOX", "SET", "UNT", "GST", "SST", "VAT", "TAX", "SRE", "ZRE", "DSR", "ZRL",
    "TXN", "MYR", "USD", "SGD",
];

/// The words of a row's cells, without amounts, plain numbers and tax codes.
fn words(row: &Row) -> Vec<(usize, String)> {
    let cells = row.cells.iter().enumerate().filter_map(|(position, cell)| {
        let before = cell.amounts.first().map_or(cell.text.as_str(), |amount| &cell.text[..amount.span.start]);
        let text = before.trim().trim_matches(['|', ':', '*']).trim();
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        // `Saw` in front of its price is a name; `SR` is a tax code wherever it stands.
        let short_name = position == 0 && text.len() == 3 && letters == 3 && !has_word(text, SHORT_CODES);
        let code = letters <= 3 && text.len() <= 3 && !short_name || plain_number(text).is_some();
        // A quantity in front of a price: `2 X`.
        let counts = COUNT_ONLY.is_match(text)
            || text.chars().all(|c| c.is_ascii_digit() || matches!(c, 'x' | 'X' | '×' | '@' | ' ' | '*' | '.'));
        (!code && !counts && !text.is_empty()).then(|| (cell.line, text.to_owned()))
    });
    cells.collect()
}

fn item(sheet: &Sheet, row: usize, amounts: &[&LabelledAmount], notes: Range<usize>, leading: Leading) -> Option<Item> {
    let last = amounts.last()?;
    let amount = amount_field(sheet, last, 0.9);
    let mut described = words(&sheet.rows[row]);
    let own_description = is_described(sheet, row);
    let mut numbers = numbers(sheet, row, last);
    let is_numbered =
        leading == Leading::RowNumbers && numbers.first().is_some_and(|first| begins_with(sheet, row, &first.raw));
    for note in notes {
        // A discount on the item does not describe it; a price inside its name does.
        let row = &sheet.rows[note];
        if names_columns(row) {
            continue;
        }
        if row.cells.iter().any(|cell| !cell.amounts.is_empty()) && kind_of(&row.text()).is_some() {
            continue;
        }
        let more = words(&sheet.rows[note]);
        numbers.extend(self::numbers(sheet, note, last));
        if !own_description || described.len() < 4 {
            described.extend(more);
        }
    }
    let (mut quantity, mut unit_price) = factors(sheet, &numbers, amount.value);
    // Counts of 1, 2, … look like the numbers of rows, but they make the amount with the unit price.
    if is_numbered && unit_price.is_none() {
        (quantity, unit_price) = factors(sheet, &numbers[1..], amount.value);
    }
    let taken = described.first_mut().and_then(|(line, text)| take_count(*line, text, leading));
    let quantity = quantity.or_else(|| {
        let count = taken.or_else(|| lone_count(sheet, row, leading))?;
        Some(field(sheet, count.line, count.value, &count.raw, 0.8))
    });
    let description = describe(sheet, &described);
    (description.is_some() || quantity.is_some()).then_some(Item { description, quantity, unit_price, amount })
}

/// Whether a row's first word is this.
fn begins_with(sheet: &Sheet, row: usize, word: &str) -> bool {
    sheet.rows[row].cells.first().and_then(|cell| cell.text.split_whitespace().next()) == Some(word)
}

/// A second row of the columns' names: `PRICE | TAX | TAX CODE`.
fn names_columns(row: &Row) -> bool {
    let named = |text: &str| {
        COLUMN_NAMES.iter().any(|names| mentions(text, names)) || has_word(text, &["TAX", "CODE", "GST", "RM", "DISC"])
    };
    row.cells.len() > 1 && !row.has_amount() && row.cells.iter().all(|cell| named(&cell.text))
}

/// A number in an item's rows.
struct Number {
    line: usize,
    value: Decimal,
    raw: String,
    /// It has two decimal places, so it is a price.
    is_money: bool,
}

fn numbers(sheet: &Sheet, row: usize, last: &LabelledAmount) -> Vec<Number> {
    let mut numbers = Vec::new();
    for cell in &sheet.rows[row].cells {
        for amount in cell.amounts.iter().filter(|amount| !(cell.line == last.line && amount.span == last.amount.span))
        {
            let raw = cell.text[amount.span.clone()].to_owned();
            numbers.push(Number { line: cell.line, value: amount.value, raw, is_money: true });
        }
        let rest = cell.amounts.first().map_or(cell.text.as_str(), |amount| &cell.text[..amount.span.start]);
        for word in rest.split(|c: char| c.is_whitespace() || matches!(c, '×' | '*' | '@' | 'x' | 'X')) {
            // One kilogram is the size of what is sold, and says of no count.
            if is_one_measure(word) {
                continue;
            }
            let word = word.trim_matches(char::is_alphabetic);
            if let Some(value) = plain_number(word).filter(|value| *value < Decimal::whole(10_000)) {
                numbers.push(Number { line: cell.line, value, raw: word.to_owned(), is_money: false });
            }
        }
    }
    numbers
}

/// `1kg`, `1L`: a name's measure. More than one may be what a unit price is multiplied by.
fn is_one_measure(word: &str) -> bool {
    const MEASURES: &[&str] = &["KG", "G", "L", "LT", "LTR", "ML", "CL", "LB", "LBS", "OZ", "M", "CM", "MM"];
    word.strip_prefix('1').is_some_and(|unit| MEASURES.contains(&unit.to_uppercase().as_str()))
}

/// The quantity and the unit price whose product is the amount.
fn factors(sheet: &Sheet, numbers: &[Number], amount: Decimal) -> (Option<Field<Decimal>>, Option<Field<Decimal>>) {
    let as_field = |number: &Number| field(sheet, number.line, number.value, &number.raw, 0.9);
    let tolerance = Decimal::cents(1);
    let less = numbers
        .iter()
        .filter(|number| number.value.is_negative())
        .map(|number| number.value)
        .next()
        .unwrap_or_default();
    for quantity in numbers.iter().filter(|number| !number.is_money || number.value.places() > 2) {
        let price = numbers.iter().find(|price| {
            let product = quantity.value.times(price.value);
            // Of two plain numbers the price is the one with decimals.
            let is_price = price.is_money || price.value.places() >= 2;
            is_price
                && !std::ptr::eq(*price, quantity)
                && (product.is_about(amount, tolerance)
                    || !less.is_zero() && (product + less).is_about(amount, tolerance))
        });
        if let Some(price) = price {
            return (Some(as_field(quantity)), Some(as_field(price)));
        }
    }
    // A single item at the price of the amount, whose quantity is not printed or was not read.
    let price = numbers.iter().find(|number| number.is_money && number.value == amount);
    let one = numbers.iter().find(|number| !number.is_money && number.value == Decimal::whole(1));
    (one.map(as_field), price.map(as_field))
}

fn describe(sheet: &Sheet, words: &[(usize, String)]) -> Option<Field<String>> {
    // A bar code beside words is not part of the description.
    let is_code = |text: &str| text.bytes().filter(u8::is_ascii_digit).count() * 2 > text.len();
    let named: Vec<&(usize, String)> = words.iter().filter(|(_, text)| !is_code(text)).collect();
    let chosen = if named.is_empty() { words.iter().collect() } else { named };
    let &(line, _) = chosen.first()?;
    let value = chosen.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ");
    let mut described = field(sheet, *line, value, &chosen[0].1, 0.85);
    described.raw = chosen.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n");
    Some(described)
}
