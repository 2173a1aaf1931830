//! Arithmetic: the sums that a receipt must satisfy check its amounts and correct misread digits.

use std::collections::BTreeSet;

use super::totals::Totals;
use crate::{
    document::Check,
    layout::{LabelledAmount, Sheet},
    money::{Decimal, amount},
};

/// The tolerance of sums with tax, which is rounded before it is added. All other sums are exact.
const TAX_ROUNDING: Decimal = Decimal::new(200, 2);

/// The amounts of the sums, as indices into the labelled amounts.
pub(super) struct Sums<'a> {
    pub(super) totals: &'a Totals,
    /// The items' amounts.
    pub(super) items: Vec<usize>,
    /// The total in words, if it is printed.
    pub(super) words: Option<Decimal>,
    /// Totals before rounding, if they are printed.
    pub(super) unrounded: Vec<usize>,
}

impl Sums<'_> {
    /// The checks that these values allow.
    pub(super) fn checks(&self, value: &dyn Fn(usize) -> Decimal) -> Vec<Check> {
        if !self.totals.total.map(value).is_some_and(Decimal::is_negative) {
            return self.checks_of_sale(value);
        }
        // A refund adds up like a sale with all signs reversed. Some print only the total as negative.
        let total_alone = self.parts().into_iter().filter(|&part| value(part).is_negative()).count() == 1;
        let given = |index: usize| if total_alone { value(index).abs() } else { -value(index) };
        let mut checks = self.checks_of_sale(&given);
        for check in &mut checks {
            (check.found, check.expected) = (-check.found, -check.expected);
        }
        checks
    }

    fn checks_of_sale(&self, value: &dyn Fn(usize) -> Decimal) -> Vec<Check> {
        let t = self.totals;
        let Some(total) = t.total.map(value) else { return Vec::new() };
        let or_zero = |index: Option<usize>| index.map(value).unwrap_or_default();
        let rounding = or_zero(t.rounding);
        let extras = or_zero(t.service) + or_zero(t.tip);
        let discount: Decimal = t.discounts.iter().map(|&index| value(index).abs()).sum();
        let tax: Decimal = t.taxes.iter().map(|tax| value(tax.amount)).sum();
        let exact = Decimal::default();
        let tolerance = if tax.is_zero() { exact } else { TAX_ROUNDING };
        let mut checks = Vec::new();
        if let Some(words) = self.words {
            checks.push(check("words", "the total in words", (total, exact), &[words]));
        }
        if let (Some(tendered), Some(change)) = (t.tendered.map(value), t.change.map(value)) {
            let found = tendered.abs() - change.abs();
            // The payment is rounded even if the printed total is not.
            let sums = [found, found - rounding];
            checks.push(check("change", "tendered - change", (total, exact), &sums));
        }
        let items = (!self.items.is_empty()).then(|| self.items.iter().map(|&index| value(index)).sum::<Decimal>());
        if let Some(subtotal) = t.subtotal.filter(|&index| Some(index) != t.total).map(value) {
            let sums = with_and_without(subtotal + extras + rounding, tax, discount);
            checks.push(check("total", "subtotal + tax + service - discounts + rounding", (total, tolerance), &sums));
            if let Some(items) = items {
                // Prices may include tax, so the items add up to the subtotal or to the total before rounding.
                let inclusive = total - rounding - extras;
                let sums = with_and_without(items, tax, discount);
                let expected = if sums.contains(&inclusive) { inclusive } else { subtotal };
                checks.push(check("items", "sum of the items + tax - discounts", (expected, tolerance), &sums));
            }
        } else if let Some(items) = items {
            let sums = with_and_without(items + extras + rounding, tax, discount);
            checks.push(check(
                "items",
                "sum of the items + tax + service - discounts + rounding",
                (total, tolerance),
                &sums,
            ));
        }
        if !rounding.is_zero() && !self.unrounded.is_empty() {
            let sums: Vec<Decimal> = self.unrounded.iter().map(|&index| value(index) + rounding).collect();
            checks.push(check("rounding", "total before rounding + rounding", (total, exact), &sums));
        }
        checks
    }

    fn parts(&self) -> BTreeSet<usize> {
        let t = self.totals;
        [t.total, t.subtotal, t.rounding, t.service, t.tip, t.tendered, t.change]
            .into_iter()
            .flatten()
            .chain(t.discounts.iter().copied())
            .chain(t.taxes.iter().map(|tax| tax.amount))
            .chain(self.items.iter().copied())
            .chain(self.unrounded.iter().copied())
            .collect()
    }

    /// Makes a rounding negative if that alone makes every sum hold: its small dash is often lost. Returns the number of
    /// corrections.
    fn negate_rounding(&self, labelled: &mut [LabelledAmount]) -> usize {
        let Some(rounding) = self.totals.rounding.filter(|&index| !labelled[index].amount.value.is_zero()) else {
            return 0;
        };
        let value = |index: usize| labelled[index].amount.value;
        let turned = |index: usize| if index == rounding { -value(index) } else { value(index) };
        let all_right = |checks: Vec<Check>| !checks.is_empty() && exact(&checks).iter().all(|holds| *holds);
        if value(rounding).is_negative() || all_right(self.checks(&value)) || !all_right(self.checks(&turned)) {
            return 0;
        }
        labelled[rounding].amount.value = -labelled[rounding].amount.value;
        labelled[rounding].corrected = true;
        1
    }

    /// Replaces one misread digit in each of at most two amounts, if that makes more sums hold and breaks none. A digit
    /// that OCR held possible needs one more sum, any other digit two. Returns the number of corrections.
    pub(super) fn correct(&self, sheet: &Sheet, labelled: &mut [LabelledAmount]) -> usize {
        let mut corrected = self.negate_rounding(labelled);
        for _ in 0..2 {
            let values: Vec<Decimal> = labelled.iter().map(|l| l.amount.value).collect();
            let before = exact(&self.checks(&|index| values[index]));
            if before.iter().all(|holds| *holds) {
                break;
            }
            let mut best: Option<(usize, f32, usize, Decimal)> = None;
            let mut rivals = 0;
            for index in self.parts() {
                for (candidate, prob) in variants(sheet, &labelled[index]) {
                    let after = exact(&self.checks(&|i| if i == index { candidate } else { values[i] }));
                    let broken = before.iter().zip(&after).any(|(before, after)| *before && !*after);
                    let gain = count(&after).saturating_sub(count(&before));
                    let needed = if prob > 0.0 { 1 } else { 2 };
                    if broken || gain < needed || after.len() != before.len() {
                        continue;
                    }
                    match &best {
                        Some((least, p, ..)) if (gain, prob) < (*least, *p) => {}
                        Some((least, p, ..)) if (gain, prob) == (*least, *p) => rivals += 1,
                        _ => {
                            rivals = 0;
                            best = Some((gain, prob, index, candidate));
                        }
                    }
                }
            }
            let Some((_, _, index, value)) = best.filter(|_| rivals == 0) else { break };
            labelled[index].amount.value = value;
            labelled[index].corrected = true;
            corrected += 1;
        }
        corrected
    }
}

fn with_and_without(sum: Decimal, tax: Decimal, discount: Decimal) -> Vec<Decimal> {
    let mut sums = vec![sum];
    if !tax.is_zero() {
        sums.push(sum + tax);
    }
    if !discount.is_zero() {
        let discounted: Vec<Decimal> = sums.iter().map(|&sum| sum - discount).collect();
        sums.extend(discounted);
    }
    sums
}

fn check(name: &'static str, sum: &str, (expected, tolerance): (Decimal, Decimal), sums: &[Decimal]) -> Check {
    let found = sums.iter().copied().min_by_key(|&sum| (sum - expected).abs()).unwrap_or_default();
    let holds = found.is_about(expected, tolerance);
    Check { name, sum: sum.into(), found: found.as_money(), expected: expected.as_money(), holds }
}

fn count(holds: &[bool]) -> usize {
    holds.iter().filter(|holds| **holds).count()
}

/// Whether each check holds to the cent.
fn exact(checks: &[Check]) -> Vec<bool> {
    checks.iter().map(|check| check.found == check.expected).collect()
}

/// The values of an amount with one digit replaced, each with the probability that OCR gave that digit, or 0.
fn variants(sheet: &Sheet, l: &LabelledAmount) -> Vec<(Decimal, f32)> {
    let line = &sheet.lines[l.line];
    if line.glyphs.is_empty() {
        return Vec::new();
    }
    let first = line.text[..l.amount.span.start].chars().count();
    let printed: Vec<char> = line.text[l.amount.span.clone()].chars().collect();
    let mut out = Vec::new();
    for (offset, &c) in printed.iter().enumerate() {
        let Some(glyph) = line.glyphs.get(first + offset).filter(|_| c.is_ascii_digit()) else { continue };
        for digit in ('0'..='9').filter(|&digit| digit != c) {
            let mut changed = printed.clone();
            changed[offset] = digit;
            let changed: String = changed.into_iter().collect();
            let Some(found) = amount::amounts(&changed, sheet.style).into_iter().next() else { continue };
            let value = if l.amount.value.is_negative() { -found.value.abs() } else { found.value };
            let prob = glyph.instead.iter().find(|(other, _)| *other == digit).map_or(0.0, |(_, prob)| *prob);
            out.push((value, prob));
        }
    }
    out
}
