//! Sums at the foot of a receipt: which amount is the total, what was paid, what is tax.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::evidence::field;
use crate::{
    document::{Field, Tax},
    layout::{LabelledAmount, Sheet},
    lexicon::{self, AmountKind, PaymentMethod, fold, has_word, mentions},
    money::Decimal,
};

/// The amounts at the bottom of a receipt, as indices into the labelled amounts.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    pub(super) total: Option<usize>,
    pub(super) subtotal: Option<usize>,
    pub(super) rounding: Option<usize>,
    pub(super) service: Option<usize>,
    pub(super) tip: Option<usize>,
    pub(super) discounts: Vec<usize>,
    pub(super) tendered: Option<usize>,
    pub(super) method: Option<PaymentMethod>,
    /// The line that names the method, where that is not the line of the amount.
    pub(super) method_line: Option<usize>,
    pub(super) change: Option<usize>,
    pub(super) taxes: Vec<TaxRow>,
}

/// A row of tax, with indices into the labelled amounts.
#[derive(Debug, Clone)]
pub(super) struct TaxRow {
    pub(super) name: String,
    pub(super) rate: Option<(Decimal, String)>,
    pub(super) base: Option<usize>,
    pub(super) amount: usize,
    pub(super) included: Option<bool>,
}

static RATE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\d{1,2}(?:\.\d{1,2})?)\s?[%％]").expect("the pattern is fixed"));

/// The rows of a table of taxes: base and tax for each code, below a heading.
pub(super) fn tax_table(sheet: &Sheet) -> Option<Range<usize>> {
    // The columns of the articles have names that no table of taxes has.
    const OF_ARTICLES: &[&str] = &["QTY", "PRICE", "DESCRIPTION", "ITEM", "UOM"];
    let names_articles = |index: usize| {
        let near = index.saturating_sub(1)..(index + 2).min(sheet.rows.len());
        near.clone().any(|row| mentions(&sheet.rows[row].text(), &OF_ARTICLES[..2]) && !sheet.rows[row].has_amount())
            || mentions(&sheet.rows[index].text(), OF_ARTICLES)
    };
    let heading = sheet.rows.iter().enumerate().position(|(index, row)| {
        let text = row.text();
        !row.has_amount()
            && (mentions(
                &text,
                &["GST SUMMARY", "TAX SUMMARY", "SST SUMMARY", "VAT SUMMARY", "GST ANALYSIS", "RINGKASAN CUKAI"],
            ) || !names_articles(index)
                && (mentions(&text, &["TAX CODE"])
                    || mentions(&text, &["TAX", "GST"]) && mentions(&text, &["AMOUNT", "AMT"]) && row.cells.len() >= 2))
    })?;
    let mut end = heading + 1;
    let mut blanks = 0;
    for (index, row) in sheet.rows.iter().enumerate().skip(heading + 1).take(12) {
        if row.has_amount() {
            end = index + 1;
            blanks = 0;
        } else {
            blanks += 1;
        }
        // The names of the columns may take several rows.
        if blanks > if end > heading + 1 { 1 } else { 3 } {
            break;
        }
    }
    Some(heading..end)
}

/// The largest amount by which a total is rounded.
const MAX_ROUNDING: Decimal = Decimal::new(10_000, 2);

/// What is known before the totals are searched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// The total in words.
    pub(super) words: Option<Decimal>,
    /// It is a refund, so the total may be negative.
    pub(super) refund: bool,
}

pub(super) fn find(sheet: &Sheet, labelled: &[LabelledAmount], from: usize, known: &Known) -> Totals {
    let table = tax_table(sheet).unwrap_or(0..0);
    let foot = |entry: &&(usize, &LabelledAmount)| entry.1.row >= from && !table.contains(&entry.1.row);
    let entries: Vec<(usize, &LabelledAmount)> = labelled.iter().enumerate().collect();
    // Of several amounts of one kind in a row the rightmost counts.
    let of = |kind: AmountKind| {
        entries
            .iter()
            .filter(foot)
            .filter(move |(_, l)| l.kind == Some(kind))
            .map(|&(index, _)| index)
            .collect::<Vec<_>>()
    };
    let last_in_row = |indices: Vec<usize>| -> Vec<usize> {
        let mut kept: Vec<usize> = Vec::new();
        for index in indices {
            match kept.last_mut() {
                Some(last) if labelled[*last].row == labelled[index].row => *last = index,
                _ => kept.push(index),
            }
        }
        kept
    };
    let first = |kind: AmountKind| last_in_row(of(kind)).first().copied();
    let last = |kind: AmountKind| last_in_row(of(kind)).last().copied();
    let change = last(AmountKind::Change);
    let (tendered, method) = payment(labelled, &entries.iter().filter(foot).copied().collect::<Vec<_>>());
    let subtotals = last_in_row(of(AmountKind::Subtotal));
    let taxes = taxes(sheet, labelled, &last_in_row(of(AmountKind::Tax)), &table);
    let mut totals = Totals {
        total: None,
        subtotal: subtotals.last().copied(),
        rounding: last(AmountKind::Rounding),
        service: first(AmountKind::Service),
        tip: first(AmountKind::Tip),
        discounts: last_in_row(of(AmountKind::Discount))
            .into_iter()
            .filter(|&i| !labelled[i].amount.value.is_zero())
            .collect(),
        tendered,
        method,
        method_line: None,
        change,
        taxes,
    };
    let foot: Vec<(usize, &LabelledAmount)> = entries.iter().filter(foot).copied().collect();
    totals.total = total(labelled, &foot, &totals, known).or_else(|| the_only_amount(labelled, from));
    paid_after_discount(labelled, &mut totals);
    paid_after_rounding(labelled, &mut totals);
    if totals.method.and_then(PaymentMethod::name).is_none()
        && let Some((method, line)) = method_alone(sheet, from)
    {
        (totals.method, totals.method_line) = (Some(method), Some(line));
    }
    net_and_tax(labelled, &foot, &mut totals);
    totals
}

/// `Rounding Adjustment 0.02, Rounding 42.35`: of two amounts that are labelled as rounding, the one that is too large
/// for it is the rounded total.
pub(super) fn separate_rounded_totals(labelled: &mut [LabelledAmount]) {
    let small = |l: &LabelledAmount| l.amount.value.abs() <= MAX_ROUNDING;
    let rounding = |l: &&mut LabelledAmount| l.kind == Some(AmountKind::Rounding);
    if labelled.iter().any(|l| l.kind == Some(AmountKind::Rounding) && small(l)) {
        for l in labelled.iter_mut().filter(rounding).filter(|l| !small(l)) {
            l.kind = Some(AmountKind::RoundedTotal);
        }
    }
}

/// `消费合计 100.00, 折扣 -10.00, 实收 90.00`: the labelled total is the one before the discounts.
fn paid_after_discount(labelled: &[LabelledAmount], totals: &mut Totals) {
    let (Some(total), Some(paid)) = (totals.total, totals.tendered) else { return };
    let value = |index: usize| labelled[index].amount.value;
    let discounts: Decimal = totals.discounts.iter().map(|&index| value(index).abs()).sum();
    let rounding = totals.rounding.map(value).unwrap_or_default();
    let is_plain = labelled[total].kind == Some(AmountKind::Total) && totals.change.is_none();
    if is_plain && !discounts.is_zero() && value(total) - discounts + rounding == value(paid) {
        totals.subtotal = Some(total);
        totals.total = Some(paid);
    }
}

/// `Total 20.02, Rounding -0.02, VISA 20.00`: what was to be paid is printed only as paid.
fn paid_after_rounding(labelled: &[LabelledAmount], totals: &mut Totals) {
    let (Some(total), Some(paid), Some(rounding), None) =
        (totals.total, totals.tendered, totals.rounding, totals.change)
    else {
        return;
    };
    let value = |index: usize| labelled[index].amount.value;
    if !value(rounding).is_zero() && total != paid && value(total) + value(rounding) == value(paid) {
        totals.total = Some(paid);
    }
}

/// The total of a ticket that prints one amount, once or several times, without a label.
fn the_only_amount(labelled: &[LabelledAmount], from: usize) -> Option<usize> {
    let mut amounts = (0..labelled.len())
        .filter(|&index| labelled[index].row >= from && labelled[index].kind != Some(AmountKind::Other))
        .filter(|&index| !labelled[index].amount.value.is_zero());
    let first = amounts.next()?;
    amounts.all(|index| labelled[index].amount.value == labelled[first].amount.value).then_some(first)
}

/// How it was paid, in a row without an amount: `Paid by: TOUCH N GO`, `支付方式：微信`, or the word alone.
fn method_alone(sheet: &Sheet, from: usize) -> Option<(PaymentMethod, usize)> {
    const PAID_BY: &[&str] = &[
        "PAID BY",
        "PAYMENT",
        "PAY BY",
        "TENDER TYPE",
        "CARA BAYARAN",
        "PEMBAYARAN",
        "支付方式",
        "付款方式",
        "结账方式",
    ];
    sheet.rows.iter().skip(from).filter(|row| !row.has_amount()).find_map(|row| {
        let text = row.text();
        let alone = text.split_whitespace().count() <= 2 && !text.contains(|c: char| c.is_ascii_digit());
        match lexicon::kind_of(&text) {
            Some(AmountKind::Paid(method)) if method.name().is_some() && (alone || mentions(&text, PAID_BY)) => {
                Some((method, row.cells.last()?.line))
            }
            _ => None,
        }
    })
}

/// A row `合计 ¥100.00 ¥13.00`: net and tax side by side, whose sum is the total.
fn net_and_tax(labelled: &[LabelledAmount], foot: &[(usize, &LabelledAmount)], totals: &mut Totals) {
    let Some(total) = totals.total.map(|index| labelled[index].amount.value) else { return };
    for pair in foot.windows(2) {
        let [(net, a), (tax, b)] = pair else { continue };
        let side_by_side = a.row == b.row && a.kind == Some(AmountKind::Total) && b.kind == Some(AmountKind::Total);
        if side_by_side && !b.amount.value.is_zero() && a.amount.value + b.amount.value == total {
            totals.subtotal = Some(*net);
            if totals.taxes.is_empty() {
                let name = "税额".to_owned();
                totals.taxes.push(TaxRow { name, rate: None, base: Some(*net), amount: *tax, included: Some(false) });
            }
            return;
        }
    }
}

fn payment(labelled: &[LabelledAmount], foot: &[(usize, &LabelledAmount)]) -> (Option<usize>, Option<PaymentMethod>) {
    let paid = foot.iter().filter_map(|&(index, l)| match l.kind {
        Some(AmountKind::Paid(method)) => Some((index, method)),
        _ => None,
    });
    // The first payment with a method; one without a method only if there is no other.
    let mut paid: Vec<(usize, PaymentMethod)> =
        paid.filter(|&(index, _)| !labelled[index].amount.value.is_zero()).collect();
    paid.sort_by_key(|&(index, method)| (method == PaymentMethod::Unnamed, index));
    let Some(&(index, method)) = paid.first() else { return (None, None) };
    (Some(index), Some(method))
}

/// The amount with the most evidence of being the total.
fn total(
    labelled: &[LabelledAmount],
    foot: &[(usize, &LabelledAmount)],
    totals: &Totals,
    known: &Known,
) -> Option<usize> {
    let value = |index: Option<usize>| index.map(|index| labelled[index].amount.value.abs());
    let tendered = value(totals.tendered);
    let paid_less_change = match (tendered, value(totals.change)) {
        (Some(tendered), Some(change)) if tendered >= change => Some(tendered - change),
        (tendered, None) if totals.method != Some(PaymentMethod::Cash) => tendered,
        _ => None,
    };
    let rounding = totals.rounding.map(|index| labelled[index].amount.value).unwrap_or_default();
    let mut candidates: Vec<(usize, &LabelledAmount)> = foot
        .iter()
        .copied()
        .filter(|(_, l)| matches!(l.kind, Some(AmountKind::Total | AmountKind::GrandTotal | AmountKind::RoundedTotal)))
        .collect();
    // If any candidate of a sale is positive, a negative one is not the total: its dash may belong to the layout.
    if !known.refund && candidates.iter().any(|(_, l)| !l.amount.value.is_negative()) {
        candidates.retain(|(_, l)| !l.amount.value.is_negative());
    }
    let mut best: Option<(f32, usize)> = None;
    for &(index, l) in &candidates {
        let amount = l.amount.value;
        let mut score = match l.kind {
            Some(AmountKind::RoundedTotal) => 5.0,
            Some(AmountKind::GrandTotal) => 4.0,
            _ => 3.0,
        };
        if paid_less_change == Some(amount.abs()) {
            score += 3.0;
        }
        if known.words == Some(amount.abs()) {
            score += 6.0;
        }
        // The total is the amount after rounding, not the one before it.
        if !rounding.is_zero() {
            if candidates.iter().any(|(_, other)| other.amount.value + rounding == amount) {
                score += 3.0;
            }
            if candidates.iter().any(|(_, other)| amount + rounding == other.amount.value) {
                score -= 2.0;
            }
        }
        let echoes = candidates.iter().filter(|(_, other)| other.amount.value == amount).count();
        score += 0.5 * echoes.min(4) as f32 + if amount.is_zero() { -6.0 } else { 0.0 };
        // Among equals the one further right, lower and larger wins.
        score += 0.3 * l.across + 0.02 * (l.row as f32).min(40.0) + 0.002 * l.height.min(100.0);
        if best.is_none_or(|(least, _)| score > least) {
            best = Some((score, index));
        }
    }
    // Without a label the total is the subtotal, else the amount paid less the change: where it is printed, or where it
    // was handed over.
    best.map(|(_, index)| index).or(totals.subtotal).or_else(|| {
        let exact = |l: &LabelledAmount| Some(l.amount.value) == paid_less_change;
        let named = foot.iter().find(|(_, l)| exact(l) && mentions(&l.label, &["TOTAL", "JUMLAH", "AMOUNT"]));
        named.or_else(|| foot.iter().find(|(_, l)| exact(l))).map(|&(index, _)| index)
    })
}

fn taxes(sheet: &Sheet, labelled: &[LabelledAmount], lines: &[usize], table: &Range<usize>) -> Vec<TaxRow> {
    let rate_of = |row: usize| {
        let text = sheet.rows[row].text();
        let captures = RATE.captures(&text)?;
        let (whole, fraction) = captures[1].split_once('.').unwrap_or((&captures[1], ""));
        Some((Decimal::from_digits(whole, fraction)?, captures[0].to_owned()))
    };
    let mut taxes: Vec<TaxRow> = Vec::new();
    for row in table.clone() {
        let amounts: Vec<usize> = (0..labelled.len()).filter(|&i| labelled[i].row == row).collect();
        let text = sheet.rows[row].text();
        if amounts.len() < 2 {
            continue;
        }
        if mentions(&text, &["TOTAL", "JUMLAH", "合计"]) {
            continue;
        }
        let name = name_of(&text);
        // `SR | 6 | 255.00 | 15.30`: the rate without its sign.
        let bare = || {
            let cell = sheet.rows[row].cells.iter().find_map(|cell| {
                let number = crate::money::amount::plain_number(&cell.text)?;
                (number <= Decimal::whole(30)).then(|| (number, cell.text.trim().to_owned()))
            });
            cell.filter(|_| amounts.len() < 4)
        };
        let rate = rate_of(row).or_else(bare);
        let (base, amount) = base_and_tax(labelled, &amounts, rate.as_ref().map(|(rate, _)| *rate));
        taxes.push(TaxRow { name, rate, base: Some(base), amount, included: None });
    }
    for &index in lines {
        let l = &labelled[index];
        let text = sheet.rows[l.row].text();
        let included = mentions(&text, &["INCLUD", "INCLUSIVE", "INCL"]).then_some(true);
        let value = l.amount.value;
        let name = name_of(&text);
        // The halves of a tax are equal amounts with different names.
        let same = |tax: &&mut TaxRow| {
            let is_half = |name: &str| HALVES.contains(&name);
            labelled[tax.amount].amount.value == value && (tax.name == name || !(is_half(&tax.name) && is_half(&name)))
        };
        if let Some(known) = taxes.iter_mut().find(same) {
            known.included = known.included.or(included);
            continue;
        }
        // The sum of the table's taxes is not another tax.
        let table_sum: Decimal = taxes.iter().map(|tax| labelled[tax.amount].amount.value).sum();
        if !taxes.is_empty() && table_sum == value && !HALVES.contains(&name.as_str()) {
            continue;
        }
        taxes.push(TaxRow { name, rate: rate_of(l.row), base: None, amount: index, included });
    }
    taxes
}

/// The base and the tax among the amounts of a row of the tax table: those that fit the rate, else the last two. Their
/// sum may follow as a third.
fn base_and_tax(labelled: &[LabelledAmount], amounts: &[usize], rate: Option<Decimal>) -> (usize, usize) {
    let value = |index: usize| labelled[index].amount.value;
    let percent = Decimal::new(100, 4);
    for pair in amounts.windows(2) {
        let fits =
            |rate: Decimal| value(pair[0]).times(rate).times(percent).is_about(value(pair[1]), Decimal::cents(2));
        if rate.is_some_and(fits) {
            return (pair[0], pair[1]);
        }
    }
    match *amounts {
        [.., base, tax, sum] if value(base) + value(tax) == value(sum) => (base, tax),
        [.., base, tax] => (base, tax),
        _ => (amounts[0], amounts[0]),
    }
}

/// Taxes that are levied together on one sale, often at the same rate.
const HALVES: &[&str] = &["CGST", "SGST", "IGST", "UTGST", "CESS", "PST"];

/// The name of a tax: a known one, else the first word of the row.
fn name_of(text: &str) -> String {
    let upper = fold(text);
    if let Some(half) = HALVES.iter().find(|half| has_word(text, &[half])) {
        return (*half).to_owned();
    }
    for name in ["GST", "SST", "VAT", "SERVICE TAX", "SALES TAX", "CUKAI", "增值税", "税额"] {
        if upper.contains(name) {
            return name.to_owned();
        }
    }
    upper.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty()).unwrap_or("TAX").to_owned()
}

impl TaxRow {
    pub(super) fn to_tax(&self, sheet: &Sheet, labelled: &[LabelledAmount]) -> Tax {
        let of = |index: usize| amount_field(sheet, &labelled[index], 0.9);
        let rate = self.rate.as_ref().map(|(value, raw)| field(sheet, labelled[self.amount].line, *value, raw, 0.9));
        Tax { name: self.name.clone(), rate, base: self.base.map(of), amount: of(self.amount), included: self.included }
    }
}

/// A labelled amount as a field of the record.
pub(super) fn amount_field(sheet: &Sheet, l: &LabelledAmount, sure: f32) -> Field<Decimal> {
    let text = &sheet.lines[l.line].text;
    let raw = text.get(l.amount.span.clone()).unwrap_or_default().to_owned();
    let mut field = field(sheet, l.line, l.amount.value, &raw, sure);
    field.corrected = l.corrected;
    field
}

#[cfg(test)]
mod tests {
    use medley_vision::text::{Quad, TextPage};

    /// The total of a receipt with these labels and amounts at its foot.
    fn total(foot: &[(&str, &str)]) -> String {
        let head = [("MAJU JAYA SDN BHD", ""), ("NO 5, JALAN MELUR 2,", ""), ("43000 KAJANG", ""), ("TAX INVOICE", "")];
        let quad = |row: usize, left: f32, text: &str| {
            let (top, right) = (30.0 * row as f32, left + 11.0 * text.len() as f32);
            Quad([[left, top], [right, top], [right, top + 20.0], [left, top + 20.0]].map(Into::into))
        };
        let mut lines = Vec::new();
        for (row, (label, amount)) in head.iter().chain(foot).enumerate() {
            lines.push(((*label).to_owned(), quad(row, 20.0, label)));
            if !amount.is_empty() {
                lines.push(((*amount).to_owned(), quad(row, 580.0 - 11.0 * amount.len() as f32, amount)));
            }
        }
        let receipt = crate::fields(vec![TextPage::of_lines(600.0, 900.0, lines)], &crate::Hints::default());
        receipt.total.map(|total| total.value.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_was_handed_over_is_not_the_total() {
        for (foot, expected) in [
            (&[("Rice", "7.40"), ("TOTAL", "7.40"), ("CASH", "10.00"), ("CHANGE", "2.60")][..], "7.40"),
            (&[("Rice", "8.50"), ("TOTAL", "8.50"), ("TOTAL TENDERED", "100.00"), ("TOTAL CHANGE", "91.50")], "8.50"),
            (&[("Rice", "8.50"), ("TOTAL TENDERED", "100.00"), ("CHANGE", "91.50")], "8.50"),
            (&[("Rice", "8.50"), ("TOTAL", "8.50"), ("PAID AMOUNT", "100.00"), ("CHANGE", "91.50")], "8.50"),
            (&[("Rice", "8.50"), ("TOTAL PAID", "100.00"), ("TOTAL DUE", "8.50"), ("CHANGE", "91.50")], "8.50"),
            (
                &[("Rice", "8.50"), ("Amount Due", "8.50"), ("Amount Tendered", "50.00"), ("Change Due", "41.50")],
                "8.50",
            ),
            (&[("Rice", "8.50"), ("TOTAL AMT", "8.50"), ("AMT RECEIVED", "50.00"), ("BALANCE", "41.50")], "8.50"),
            (&[("Rice", "8.50"), ("Total RM", "8.50"), ("Cash RM", "50.00"), ("Change RM", "41.50")], "8.50"),
            (&[("Rice", "8.50"), ("TOTAL", "8.50"), ("CASH TOTAL", "50.00"), ("CHANGE", "41.50")], "8.50"),
            (&[("Rice", "8.50"), ("Bill Total", "8.50"), ("Payment Total", "50.00"), ("Change", "41.50")], "8.50"),
        ] {
            assert_eq!(total(foot), expected, "{foot:?}");
        }
    }

    #[test]
    fn the_total_is_the_one_after_rounding() {
        for (foot, expected) in [
            (&[("Rice", "20.02"), ("Total", "20.02"), ("Rounding", "-0.02"), ("VISA", "20.00")][..], "20.00"),
            (&[("Rice", "177.22"), ("Total", "177.22"), ("Rounding", "-0.02"), ("Total", "177.20")][..], "177.20"),
            (
                &[
                    ("Rice", "177.22"),
                    ("Total", "177.22"),
                    ("Rounding Adj", "-0.02"),
                    ("Nett Total", "177.20"),
                    ("Cash", "200.00"),
                    ("Change", "22.80"),
                ],
                "177.20",
            ),
            (
                &[
                    ("Rice", "60.31"),
                    ("TOTAL SALES (INCL GST)", "60.31"),
                    ("ROUNDING ADJUSTMENT", "-0.01"),
                    ("ROUNDING", "60.30"),
                    ("CASH", "60.30"),
                ],
                "60.30",
            ),
            (
                &[("Rice", "181.98"), ("Total Amount", "181.98"), ("Rounding", "0.02"), ("Total Payable", "182.00")],
                "182.00",
            ),
            (
                &[
                    ("Rice", "13.58"),
                    ("Total Inclusive GST", "13.58"),
                    ("Rounding Amount", "0.02"),
                    ("Total Rounded", "13.60"),
                ],
                "13.60",
            ),
            (
                &[
                    ("Rice", "13.58"),
                    ("Total", "13.58"),
                    ("Rnd", "0.02"),
                    ("Cash", "20.00"),
                    ("Change", "6.40"),
                    ("Amount Due", "13.60"),
                ],
                "13.60",
            ),
            (
                &[
                    ("Rice", "13.58"),
                    ("Sub Total", "13.58"),
                    ("Rounding", "0.02"),
                    ("CASH", "20.00"),
                    ("CHANGE", "6.40"),
                    ("TOTAL", "13.60"),
                ],
                "13.60",
            ),
        ] {
            assert_eq!(total(foot), expected, "{foot:?}");
        }
    }

    #[test]
    fn a_tax_or_an_article_is_not_the_total() {
        for (foot, expected) in [
            (
                &[
                    ("Rice", "78.30"),
                    ("Total (Excluding GST)", "73.87"),
                    ("Total GST", "4.43"),
                    ("Total (Inclusive GST)", "78.30"),
                ][..],
                "78.30",
            ),
            (
                &[
                    ("Rice", "51.88"),
                    ("Total Excl Tax", "48.94"),
                    ("Total Tax", "2.94"),
                    ("TOTAL", "51.88"),
                    ("GST Summary", ""),
                    ("Code  Amount  Tax", ""),
                    ("SR", "48.94"),
                    ("Total", "2.94"),
                ],
                "51.88",
            ),
            (
                &[
                    ("Rice", "30.00"),
                    ("Beans", "21.00"),
                    ("TOTAL", "51.00"),
                    ("Total Saving", "19.83"),
                    ("VISA", "51.00"),
                ],
                "51.00",
            ),
            (
                &[
                    ("Rice", "30.00"),
                    ("Beans", "21.00"),
                    ("Total Item", "2.00"),
                    ("TOTAL", "51.00"),
                    ("Total Points", "51.00"),
                ],
                "51.00",
            ),
            (&[("Rice", "30.00"), ("TOTAL INCLUDES GST 6%", "1.70"), ("TOTAL", "30.00"), ("CASH", "30.00")], "30.00"),
        ] {
            assert_eq!(total(foot), expected, "{foot:?}");
        }
    }
}
