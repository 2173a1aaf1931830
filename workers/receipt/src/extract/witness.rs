//! Arithmetic as a witness: the sums that a receipt should satisfy choose among what its digits may be.

use std::collections::BTreeSet;

use super::totals::Totals;
use crate::{
    amount,
    decimal::Decimal,
    document::Check,
    layout::{Labelled, Sheet},
};

/// Taxes are rounded by themselves before they are added; nothing else may be off.
const TAX_ROUNDING: Decimal = Decimal::new(200, 2);

/// The amounts that take part in the sums, by their indices among the labelled ones.
pub(super) struct Sums<'a> {
    pub(super) totals: &'a Totals,
    /// The articles' amounts.
    pub(super) items: Vec<usize>,
    /// What the total is in words, where they are printed.
    pub(super) words: Option<Decimal>,
    /// The amount before rounding, where it is printed as a total of its own.
    pub(super) unrounded: Vec<usize>,
}

impl Sums<'_> {
    /// The checks that can be made with these values.
    pub(super) fn checks(&self, value: &dyn Fn(usize) -> Decimal) -> Vec<Check> {
        if !self.totals.total.map(value).is_some_and(Decimal::is_negative) {
            return self.checks_of_sale(value);
        }
        // Money given back adds up as a sale does, with every sign the other way round. Some print only the total so.
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
            // What is paid is rounded even where the total that is printed is not.
            let sums = [found, found - rounding];
            checks.push(check("change", "tendered - change", (total, exact), &sums));
        }
        let items = (!self.items.is_empty()).then(|| self.items.iter().map(|&index| value(index)).sum::<Decimal>());
        if let Some(subtotal) = t.subtotal.filter(|&index| Some(index) != t.total).map(value) {
            let sums = with_and_without(subtotal + extras + rounding, tax, discount);
            checks.push(check("total", "subtotal + tax + service - discounts + rounding", (total, tolerance), &sums));
            if let Some(items) = items {
                // Prices hold their tax or do not: the articles add up to the subtotal or to what was rounded.
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

    /// Takes a rounding off that was added, where that alone makes every sum right: its dash is small and often lost.
    fn turn_rounding(&self, labelled: &mut [Labelled]) -> usize {
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

    /// Replaces at most one misread digit in at most two amounts where that makes sums right and none wrong. What the
    /// reader itself thought possible needs one sum to speak for it, any other digit two. Returns how many were changed.
    pub(super) fn correct(&self, sheet: &Sheet, labelled: &mut [Labelled]) -> usize {
        let mut corrected = self.turn_rounding(labelled);
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

/// Which checks hold to the cent.
fn exact(checks: &[Check]) -> Vec<bool> {
    checks.iter().map(|check| check.found == check.expected).collect()
}

/// What an amount would be with one digit read otherwise, and how likely the reader thought it; 0 when it did not.
fn variants(sheet: &Sheet, l: &Labelled) -> Vec<(Decimal, f32)> {
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
