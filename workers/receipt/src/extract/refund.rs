//! Refunds, returns and credit notes: documents that give money back.

use std::ops::Range;

use crate::{
    layout::{LabelledAmount, Sheet},
    lexicon::{AmountKind, fold, has_word, mentions},
};

/// Phrases in the titles of such documents.
const TITLES: &[&str] = &[
    "CREDIT NOTE",
    "CREDIT MEMO",
    "CREDIT INVOICE",
    "NOTA KREDIT",
    "KREDITNOTA",
    "CREDITNOTA",
    "KREDITFAKTURA",
    "NOTA DE CREDITO",
    "GUTSCHRIFT",
    "REMBOURSEMENT",
    "ERSTATTUNG",
    "DEVOLUCION",
    "退款",
    "退货",
    "退貨",
    "红字",
    "返品",
];
const TITLE_WORDS: &[&str] =
    &["REFUND", "REFUNDED", "REFUNDS", "RETURN", "RETURNS", "RETURNED", "AVOIR", "RETUR", "BAYARANBALIK"];
/// Words that mark a line as the shop's terms of return.
const TERMS: &[&str] = &[
    "NO", "NOT", "NON", "POLICY", "WITHIN", "DAYS", "DAY", "EXCHANGE", "ACCEPTED", "TIDAK", "FOR", "IF", "TERMS",
    "ONLY", "CANNOT", "STRICTLY", "DUE",
];
/// Labels of an amount that is given back.
const AMOUNT_WORDS: &[&str] = &["REFUND", "REFUNDED", "REFUNDS"];
const AMOUNT_PHRASES: &[&str] =
    &["CREDIT NOTE TOTAL", "TOTAL CREDIT", "CREDIT TOTAL", "AMOUNT CREDITED", "应退", "退款"];
const MAX_TITLE_LETTERS: usize = 32;

/// Whether the document gives money back: by its title, the label of an amount, or negative totals.
pub(super) fn is_refund(sheet: &Sheet, labelled: &[LabelledAmount], zone: &Range<usize>) -> bool {
    let titled = sheet
        .rows
        .iter()
        .take(zone.end)
        .filter(|row| !row.has_amount())
        .any(|row| row.cells.iter().any(|cell| is_title(&cell.text)) || is_title(&row.text()));
    let named = labelled.iter().any(|l| {
        l.row >= zone.start
            && !l.amount.value.is_zero()
            && (has_word(&l.label, AMOUNT_WORDS) || mentions(&l.label, AMOUNT_PHRASES))
            && !has_word(&l.label, TERMS)
    });
    titled || named || is_negative(labelled, zone.start)
}

fn is_title(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let upper = fold(text);
    let words = upper.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).count();
    letters <= MAX_TITLE_LETTERS
        && words <= 4
        && (mentions(text, TITLES) || has_word(text, TITLE_WORDS))
        && !has_word(text, TERMS)
}

/// Whether every total is negative, and so is another amount. Discounts, rounding and change do not count: they are
/// negative on any receipt.
fn is_negative(labelled: &[LabelledAmount], from: usize) -> bool {
    let foot = || labelled.iter().filter(|l| l.row >= from && !l.amount.value.is_zero());
    let totals = foot()
        .filter(|l| matches!(l.kind, Some(AmountKind::Total | AmountKind::GrandTotal | AmountKind::RoundedTotal)));
    let signs: Vec<bool> = totals.map(|l| l.amount.value.is_negative()).collect();
    let aside = |l: &&LabelledAmount| {
        matches!(l.kind, Some(AmountKind::Discount | AmountKind::Rounding | AmountKind::Change | AmountKind::Other))
    };
    let negative = foot().filter(|l| !aside(l) && l.amount.value.is_negative()).count();
    !signs.is_empty() && signs.iter().all(|negative| *negative) && negative > signs.len()
}
