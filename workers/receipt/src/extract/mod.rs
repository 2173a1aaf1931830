//! Extraction: from rows of text to the fields of a receipt.

mod address;
mod arithmetic;
mod dates;
mod evidence;
mod header;
mod header_rows;
mod items;
mod locale;
mod magnitude;
mod mended;
mod merchant_address;
mod merchant_name;
mod names;
mod refund;
mod totals;

use medley_vision::text::TextPage;

use crate::{
    date::DateOrder,
    document::{Field, Merchant, OutLine, Payment, Quality, Receipt},
    layout::{LabelledAmount, Sheet},
    lexicon::AmountKind,
    money::{Decimal, spelled::amount_in_words},
};

/// What the caller knows beforehand.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    pub date_order: DateOrder,
    /// ISO 4217.
    pub currency: Option<String>,
}

/// Extracts the fields of a receipt from its pages of text. The caller fills in [`Receipt::pages`], which describes the
/// pictures.
pub fn fields(pages: Vec<TextPage>, hints: &Hints) -> Receipt {
    let sheet = Sheet::of_pages(pages, hints.currency.as_deref());
    let cut = extract(&sheet, hints);
    match sheet.with_blank_groups() {
        Some(grouped) => magnitude::choose(&sheet, cut, extract(&grouped, hints)).receipt,
        None => cut.receipt,
    }
}

/// A record, and whether all of its sums hold.
struct Extracted {
    receipt: Receipt,
    sums_hold: bool,
}

fn extract(sheet: &Sheet, hints: &Hints) -> Extracted {
    let mut labelled = sheet.labelled();
    totals::separate_rounded_totals(&mut labelled);
    let zone = items::zone(sheet, &labelled);
    let words = in_words(sheet);
    let refund = refund::is_refund(sheet, &labelled, &zone);
    let totals = totals::find(sheet, &labelled, zone.start, &totals::Known { words, refund });
    let item_amounts = items::amount_indices(sheet, &labelled, zone.clone());
    let unrounded = unrounded(&labelled, &totals, zone.start);
    let sums = arithmetic::Sums { totals: &totals, items: item_amounts, words, unrounded };
    let corrected = sums.correct(sheet, &mut labelled);
    let mut checks = sums.checks(&|index| labelled[index].amount.value);
    let sums_hold = !checks.is_empty() && checks.iter().all(|check| check.holds);
    checks.extend(totals.total.and_then(|total| magnitude::check(sheet, &labelled[total])));
    let adds_up = (!checks.is_empty()).then(|| checks.iter().all(|check| check.holds));
    let is_negative = totals.total.is_some_and(|total| refund && labelled[total].amount.value.is_negative());

    let header_end = header_end(sheet, &labelled, zone.start);
    let merchant = header::merchant(sheet, 0..header_end);
    let currency = locale::currency(sheet, &labelled, hints);
    let order = locale::date_order(sheet, currency.as_ref(), hints);
    let sale = dates::find(sheet, order);
    let backed = |index: Option<usize>, sure: f32| {
        index.map(|index| {
            let field = totals::amount_field(sheet, &labelled[index], sure);
            // Sums that hold confirm their amounts.
            let field = if adds_up == Some(true) {
                Field { confidence: field.confidence.max(0.5).sqrt(), ..field }
            } else if adds_up == Some(false) {
                Field { confidence: field.confidence * 0.85, ..field }
            } else {
                field
            };
            let keeps_sign = Some(index) == totals.rounding
                || is_negative && Some(index) != totals.change && !totals.discounts.contains(&index);
            if field.value.is_negative() && !keeps_sign { Field { value: field.value.abs(), ..field } } else { field }
        })
    };
    let mut receipt = Receipt {
        number: header::number(sheet),
        items: items::items(sheet, &labelled, zone),
        subtotal: backed(totals.subtotal.filter(|_| totals.subtotal != totals.total), 0.9),
        discounts: totals.discounts.iter().filter_map(|&index| backed(Some(index), 0.85)).collect(),
        taxes: totals.taxes.iter().map(|tax| tax.to_tax(sheet, &labelled)).collect(),
        service_charge: backed(totals.service, 0.9),
        rounding: backed(totals.rounding, 0.9),
        tip: backed(totals.tip, 0.9),
        total: backed(totals.total, 0.9),
        refund,
        payment: payment(sheet, &labelled, &totals, &backed),
        date: sale.date,
        time: sale.time,
        merchant,
        currency,
        lines: lines(sheet),
        ..Receipt::default()
    };
    let may_be_cut = checks.iter().any(|check| check.name == magnitude::NAME);
    receipt.quality = Quality {
        adds_up,
        checks,
        corrected,
        text_confidence: text_confidence(sheet),
        review: review(&receipt),
        warnings: warnings(&receipt, adds_up, may_be_cut, sale.ambiguous),
    };
    Extracted { receipt, sums_hold }
}

/// The total in words, if it is printed.
fn in_words(sheet: &Sheet) -> Option<Decimal> {
    let spelled = sheet.lines.iter().filter_map(|line| Some(amount_in_words(&line.text)?.0));
    spelled.filter(|value| !value.is_zero()).max()
}

/// Printed totals before rounding.
fn unrounded(labelled: &[LabelledAmount], totals: &totals::Totals, from: usize) -> Vec<usize> {
    let (Some(total), Some(rounding)) = (totals.total, totals.rounding) else { return Vec::new() };
    let near = |value: Decimal| {
        let difference = (value - labelled[total].amount.value).abs();
        difference <= labelled[rounding].amount.value.abs() + Decimal::cents(9)
    };
    let candidates = labelled.iter().enumerate().filter(|(index, l)| {
        *index != total
            && l.row >= from
            && matches!(l.kind, Some(AmountKind::Total | AmountKind::GrandTotal))
            && near(l.amount.value)
    });
    candidates.map(|(index, _)| index).collect()
}

/// The header ends where the items begin, or at the heading of their columns.
fn header_end(sheet: &Sheet, labelled: &[LabelledAmount], zone_start: usize) -> usize {
    let first_amount = labelled.iter().map(|l| l.row).find(|&row| row >= zone_start).unwrap_or(sheet.rows.len());
    let end = if zone_start == 0 { first_amount } else { zone_start };
    if end < 2 { sheet.rows.len().min(12) } else { end }
}

fn payment(
    sheet: &Sheet,
    labelled: &[LabelledAmount],
    totals: &totals::Totals,
    backed: &dyn Fn(Option<usize>, f32) -> Option<Field<Decimal>>,
) -> Payment {
    let name = totals.method.and_then(|method| method.name());
    let method = name.and_then(|name| {
        let (line, raw) = match (totals.method_line, totals.tendered) {
            (Some(line), _) => (line, sheet.lines[line].text.trim()),
            (None, Some(index)) => (labelled[index].line, labelled[index].label.trim()),
            (None, None) => return None,
        };
        Some(evidence::field(sheet, line, name.to_owned(), raw, 0.9))
    });
    Payment { method, tendered: backed(totals.tendered, 0.9), change: backed(totals.change, 0.9) }
}

fn lines(sheet: &Sheet) -> Vec<OutLine> {
    let lines = sheet.lines.iter();
    lines
        .map(|line| OutLine {
            text: line.text.clone(),
            polygon: line.polygon,
            confidence: line.confidence,
            page: line.page,
        })
        .collect()
}

fn text_confidence(sheet: &Sheet) -> f32 {
    let weight: f32 = sheet.lines.iter().map(|line| line.text.chars().count() as f32).sum();
    let sum: f32 = sheet.lines.iter().map(|line| line.confidence * line.text.chars().count() as f32).sum();
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// Fields that are surer than this were right 95 times in 100 (docs/receipt.md).
const SURE: f32 = 0.9;

/// The fields that a person should look at.
fn review(receipt: &Receipt) -> Vec<String> {
    let sure = |confidence: Option<f32>| confidence.is_some_and(|confidence| confidence >= SURE);
    let fields = [
        ("merchant.name", receipt.merchant.name.as_ref().map(|field| field.confidence)),
        ("merchant.address", receipt.merchant.address.as_ref().map(|field| field.confidence)),
        ("date", receipt.date.as_ref().map(|field| field.confidence)),
        ("total", receipt.total.as_ref().map(|field| field.confidence)),
    ];
    let unsure = fields.into_iter().filter(|(_, confidence)| !sure(*confidence));
    let mut names: Vec<String> = unsure.map(|(name, _)| name.to_owned()).collect();
    if receipt.currency.is_none() {
        names.push("currency".to_owned());
    }
    names
}

fn warnings(receipt: &Receipt, adds_up: Option<bool>, may_be_cut: bool, ambiguous_date: bool) -> Vec<String> {
    let Receipt { merchant: Merchant { name, .. }, date, total, .. } = receipt;
    let mut warnings = Vec::new();
    for (missing, what) in [(name.is_none(), "merchant's name"), (date.is_none(), "date"), (total.is_none(), "total")] {
        if missing {
            warnings.push(format!("no {what} was found"));
        }
    }
    if adds_up == Some(false) {
        warnings.push("the amounts do not add up: see checks".into());
    }
    if may_be_cut {
        warnings.push("digits stand close to the left of the total: its thousands may be cut off".into());
    }
    if ambiguous_date {
        warnings.push("day and month of the date could be the other way round: set --date-order".into());
    }
    warnings
}
