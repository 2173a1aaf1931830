//! From rows of text to the fields of a receipt.

mod evidence;
mod head;
mod items;
mod magnitude;
mod place;
mod refund;
mod totals;
mod when;
mod witness;

use medley_vision::text::TextPage;

use crate::{
    date::DateOrder,
    decimal::Decimal,
    document::{Field, Merchant, OutLine, Payment, Quality, Receipt},
    layout::{Labelled, Sheet},
    lexicon::{Kind, has_word, mentions},
    words::amount_in_words,
};

/// What the asker knows beforehand.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    pub date_order: DateOrder,
    /// ISO 4217.
    pub currency: Option<String>,
}

/// Reads the fields off pages of text, laid one below the other. What is known of the pictures, [`Receipt::pages`], is
/// left for the caller to fill in.
pub fn fields(pages: Vec<TextPage>, hints: &Hints) -> Receipt {
    let sheet = Sheet::of_pages(pages, hints.currency.as_deref());
    let cut = extract(&sheet, hints);
    match sheet.with_blank_groups() {
        Some(grouped) => magnitude::choose(&sheet, cut, extract(&grouped, hints)).receipt,
        None => cut.receipt,
    }
}

/// A record, and what its sums alone say of it.
struct Extracted {
    receipt: Receipt,
    sums_hold: bool,
}

fn extract(sheet: &Sheet, hints: &Hints) -> Extracted {
    let mut labelled = sheet.labelled();
    totals::tell_rounded_totals(&mut labelled);
    let zone = items::zone(sheet, &labelled);
    let words = in_words(sheet);
    let refund = refund::is_refund(sheet, &labelled, &zone);
    let totals = totals::find(sheet, &labelled, zone.start, &totals::Known { words, refund });
    let articles = items::amount_indices(sheet, &labelled, zone.clone());
    let unrounded = unrounded(&labelled, &totals, zone.start);
    let sums = witness::Sums { totals: &totals, items: articles, words, unrounded };
    let corrected = sums.correct(sheet, &mut labelled);
    let mut checks = sums.checks(&|index| labelled[index].amount.value);
    let sums_hold = !checks.is_empty() && checks.iter().all(|check| check.holds);
    checks.extend(totals.total.and_then(|total| magnitude::check(sheet, &labelled[total])));
    let adds_up = (!checks.is_empty()).then(|| checks.iter().all(|check| check.holds));
    let is_negative = totals.total.is_some_and(|total| refund && labelled[total].amount.value.is_negative());

    let head_end = head_end(sheet, &labelled, zone.start);
    let merchant = head::merchant(sheet, 0..head_end);
    let currency = currency(sheet, &labelled, hints);
    let order = date_order(sheet, currency.as_ref(), hints);
    let when = when::find(sheet, order);
    let backed = |index: Option<usize>, sure: f32| {
        index.map(|index| {
            let field = totals::amount_field(sheet, &labelled[index], sure);
            // What the sums say twice is surer than what was read once.
            let field = if adds_up == Some(true) {
                Field { confidence: field.confidence.max(0.5).sqrt(), ..field }
            } else {
                field
            };
            let keeps_sign = Some(index) == totals.rounding
                || is_negative && Some(index) != totals.change && !totals.discounts.contains(&index);
            if field.value.is_negative() && !keeps_sign { Field { value: field.value.abs(), ..field } } else { field }
        })
    };
    let mut receipt = Receipt {
        number: head::number(sheet),
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
        date: when.date,
        time: when.time,
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
        warnings: warnings(&receipt, adds_up, may_be_cut, when.ambiguous),
    };
    Extracted { receipt, sums_hold }
}

/// The total in words.
fn in_words(sheet: &Sheet) -> Option<Decimal> {
    let spelled = sheet.lines.iter().filter_map(|line| Some(amount_in_words(&line.text)?.0));
    spelled.filter(|value| !value.is_zero()).max()
}

/// Totals of the same kind that the rounding leads from.
fn unrounded(labelled: &[Labelled], totals: &totals::Totals, from: usize) -> Vec<usize> {
    let (Some(total), Some(rounding)) = (totals.total, totals.rounding) else { return Vec::new() };
    let near = |value: Decimal| {
        let difference = (value - labelled[total].amount.value).abs();
        difference <= labelled[rounding].amount.value.abs() + Decimal::cents(9)
    };
    let candidates = labelled.iter().enumerate().filter(|(index, l)| {
        *index != total
            && l.row >= from
            && matches!(l.kind, Some(Kind::Total | Kind::GrandTotal))
            && near(l.amount.value)
    });
    candidates.map(|(index, _)| index).collect()
}

/// The head ends where articles begin, or at the words that name their columns.
fn head_end(sheet: &Sheet, labelled: &[Labelled], zone_start: usize) -> usize {
    let first_amount = labelled.iter().map(|l| l.row).find(|&row| row >= zone_start).unwrap_or(sheet.rows.len());
    let end = if zone_start == 0 { first_amount } else { zone_start };
    if end < 2 { sheet.rows.len().min(12) } else { end }
}

fn payment(
    sheet: &Sheet,
    labelled: &[Labelled],
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

/// Is the receipt from Malaysia, by its words?
fn is_malaysian(sheet: &Sheet) -> bool {
    let says = |row: &crate::layout::Row| {
        let text = row.text();
        has_word(
            &text,
            &[
                "SDN", "BHD", "JALAN", "JLN", "TAMAN", "SELANGOR", "MALAYSIA", "JOHOR", "RESTORAN", "KEDAI", "RINGGIT",
                "LUMPUR",
            ],
        ) || mentions(&text, &["SDN BHD"])
    };
    sheet.rows.iter().any(says)
}

/// Codes of ISO 4217 that are no words.
const CODES: [&str; 17] = [
    "EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "ZAR", "INR", "JPY", "KRW", "IDR", "SGD",
    "HKD",
];

/// Kana stand in Japanese alone.
fn is_japanese(sheet: &Sheet) -> bool {
    sheet.lines.iter().flat_map(|line| line.text.chars()).filter(|c| ('\u{3041}'..='\u{30fa}').contains(c)).count() > 2
}

/// Whose crown `kr` is, by the country's words.
fn crown(sheet: &Sheet) -> &'static str {
    let says = |words: &[&str]| sheet.lines.iter().any(|line| has_word(&line.text, words));
    if says(&["NOK", "MVA", "OSLO", "NORGE", "BERGEN"]) {
        "NOK"
    } else if says(&["DKK", "CVR", "DANMARK", "KOBENHAVN"]) {
        "DKK"
    } else {
        "SEK"
    }
}

fn currency(sheet: &Sheet, labelled: &[Labelled], hints: &Hints) -> Option<Field<String>> {
    let concluded = |code: &str, sure: f32| Field {
        value: code.to_owned(),
        raw: String::new(),
        confidence: sure,
        line: None,
        page: 0,
        polygon: None,
        corrected: false,
    };
    if let Some(code) = &hints.currency {
        return Some(concluded(code, 1.0));
    }
    let malaysian = is_malaysian(sheet);
    let signed = labelled.iter().find_map(|l| {
        let sign = l.amount.currency?;
        let code = match sign {
            "$" if malaysian => "MYR",
            // Pesos without cents, and it is not said whose.
            "$" if sheet.style.no_cents => return None,
            "$" => "USD",
            "¥" if is_japanese(sheet) => "JPY",
            "¥" => "CNY",
            // A lost `M`.
            "ZAR" if malaysian => "MYR",
            "kr" => crown(sheet),
            code => code,
        };
        let raw: String =
            sheet.lines[l.line].text[l.amount.span.clone()].chars().take_while(|c| !c.is_ascii_digit()).collect();
        Some(evidence::field(sheet, l.line, code.to_owned(), raw.trim(), 0.95))
    });
    signed
        .or_else(|| {
            // A code in the name of a sum: `Total SEK`.
            let sums = labelled.iter().filter(|l| matches!(l.kind, Some(Kind::Total | Kind::GrandTotal)));
            let mut codes = sums.filter_map(|l| {
                let code = CODES.iter().find(|code| has_word(&l.label, &[code]))?;
                Some(evidence::field(sheet, l.line, (*code).to_owned(), code, 0.9))
            });
            codes.next()
        })
        .or_else(|| {
            // A sign in a column's heading: `Amount (RM)`.
            let heading =
                sheet.rows.iter().flat_map(|row| &row.cells).find(|cell| has_word(&cell.text, &["RM", "MYR"]))?;
            Some(evidence::field(sheet, heading.line, "MYR".to_owned(), "RM", 0.9))
        })
        .or_else(|| malaysian.then(|| concluded("MYR", 0.6)))
        .or_else(|| {
            let chinese = sheet
                .lines
                .iter()
                .flat_map(|line| line.text.chars())
                .filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c))
                .count();
            (chinese > 10).then(|| concluded("CNY", 0.6))
        })
}

fn date_order(sheet: &Sheet, currency: Option<&Field<String>>, hints: &Hints) -> DateOrder {
    match hints.date_order {
        DateOrder::Auto if currency.is_some_and(|c| c.value == "USD") && !is_malaysian(sheet) => DateOrder::Mdy,
        DateOrder::Auto if currency.is_some_and(|c| c.value == "CNY") => DateOrder::Ymd,
        DateOrder::Auto if is_malaysian(sheet) => DateOrder::Dmy,
        order => order,
    }
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
