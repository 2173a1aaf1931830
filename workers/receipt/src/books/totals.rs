//! What was spent: by month, by merchant and by currency. Duplicates and unreadable files do not count.

use std::collections::BTreeMap;

use super::row::BookRow;
use crate::money::Decimal;

/// Receipts and the sum of their totals.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) receipts: u64,
    pub(super) total: Decimal,
}

impl Sum {
    fn add(&mut self, total: Decimal) {
        self.receipts += 1;
        self.total = self.total + total;
    }
}

/// Sums by a name and a currency.
pub(super) type Sums = BTreeMap<(String, String), Sum>;

#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) by_currency: Sums,
    pub(super) by_month: Sums,
    pub(super) by_merchant: Sums,
}

/// The words for what is not known.
const UNKNOWN: &str = "not known";

impl Totals {
    pub(super) fn add(&mut self, row: &BookRow) {
        let Some(total) = amount(&row.total) else { return };
        // A refund that is printed without a sign goes back all the same.
        let total = if row.refund { -total.abs() } else { total };
        let or_unknown = |text: &str| if text.is_empty() { UNKNOWN.to_owned() } else { text.to_owned() };
        let currency = or_unknown(&row.currency);
        let month = or_unknown(row.date.get(..7).unwrap_or_default());
        self.by_currency.entry((currency.clone(), String::new())).or_default().add(total);
        self.by_month.entry((month, currency.clone())).or_default().add(total);
        self.by_merchant.entry((or_unknown(&row.merchant), currency)).or_default().add(total);
    }
}

fn amount(text: &str) -> Option<Decimal> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let value = Decimal::from_digits(whole, fraction)?;
    Some(if sign < 0 { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refunds_go_back() {
        let row = |total: &str, refund| BookRow {
            merchant: "Blue Heron".into(),
            date: "2024-05-06".into(),
            currency: "MYR".into(),
            total: total.into(),
            refund,
            ..BookRow::default()
        };
        let mut totals = Totals::default();
        for row in [row("12.50", false), row("2.50", true), row("-1.00", true), row("", false)] {
            totals.add(&row);
        }
        let sum = totals.by_month[&("2024-05".to_owned(), "MYR".to_owned())];
        assert_eq!((sum.receipts, sum.total.to_string().as_str()), (3, "9.00"));
    }
}
