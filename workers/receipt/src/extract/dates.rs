//! The date and the time of the sale, among all that are printed.

use super::evidence::field;
use crate::{
    date::{self, DateOrder, ParsedDate},
    document::Field,
    layout::Sheet,
    lexicon::mentions,
};

/// Labels of other dates.
const OTHER_DATES: &[&str] = &[
    "EXPIR",
    "EXP DATE",
    "BEST BEFORE",
    "VALID",
    "UNTIL",
    "DUE DATE",
    "DELIVERY DATE",
    "SINCE",
    "有效期",
    "截止",
    "保质期",
];
const DATE_WORDS: &[&str] = &["DATE", "TARIKH", "DATUM", "FECHA", "DATA", "日期", "时间", "日付", "取引日", "発行日"];

/// The date and the time of the sale.
pub(super) struct SaleTime {
    pub(super) date: Option<Field<String>>,
    pub(super) time: Option<Field<String>>,
    /// Whether day and month of the date could be the other way round.
    pub(super) ambiguous: bool,
}

pub(super) fn find(sheet: &Sheet, order: DateOrder) -> SaleTime {
    let mut best: Option<(f32, usize, usize, ParsedDate)> = None;
    for (index, row) in sheet.rows.iter().enumerate() {
        let whole = row.text();
        if mentions(&whole, OTHER_DATES) && !mentions(&whole, &["INVOICE DATE"]) {
            continue;
        }
        for cell in &row.cells {
            for found in date::dates(&cell.text, order) {
                let mut score = if mentions(&whole, DATE_WORDS) { 3.0 } else { 0.0 };
                score += if date::time(&whole, false).is_some() { 1.5 } else { 0.0 };
                // A compact date is probably a code; one with a year of four digits is probably a date.
                score -= if found.raw.bytes().all(|b| b.is_ascii_digit()) { 3.0 } else { 0.0 };
                score += if found.raw.len() >= 10 { 0.5 } else { 0.0 };
                score -= 0.005 * index as f32;
                if best.as_ref().is_none_or(|(least, ..)| score > *least) {
                    best = Some((score, index, cell.line, found));
                }
            }
        }
    }
    let Some((score, row, line, found)) = best else {
        return SaleTime { date: None, time: time(sheet, None), ambiguous: false };
    };
    let sure = if found.ambiguous { 0.8 } else { 0.98 } * if score > 0.0 { 1.0 } else { 0.8 };
    SaleTime {
        date: Some(field(sheet, line, found.iso, &found.raw, sure)),
        time: time(sheet, Some(row)),
        ambiguous: found.ambiguous,
    }
}

/// The time beside the date, else one with a label, else any.
fn time(sheet: &Sheet, date_row: Option<usize>) -> Option<Field<String>> {
    let of_row = |row: usize, labelled: bool, sure: f32| {
        sheet.rows.get(row)?.cells.iter().find_map(|cell| {
            let found = date::time(&cell.text, labelled)?;
            Some(field(sheet, cell.line, found.iso, &found.raw, sure))
        })
    };
    let beside = date_row.and_then(|row| of_row(row, false, 0.95));
    beside
        .or_else(|| {
            let mut labelled = (0..sheet.rows.len()).filter(|&row| {
                mentions(
                    &sheet.rows[row].text(),
                    &["TIME", "MASA", "TLME", "UHRZEIT", "HEURE", "HORA", "ORA", "TIJD", "时间", "時刻"],
                )
            });
            labelled.find_map(|row| of_row(row, true, 0.9))
        })
        .or_else(|| {
            let mut others =
                (0..sheet.rows.len()).filter(|&row| !mentions(&sheet.rows[row].text(), &["HOURS", "OPEN", "HRS"]));
            others.find_map(|row| of_row(row, false, 0.7))
        })
}
