//! Whether amounts are complete. If every amount lost its thousands, the sums still hold, so only the digits to the left
//! of the amounts can show it.

use super::{Extracted, items};
use crate::{
    document::Check,
    layout::{LabelledAmount, Sheet},
    lexicon::mentions,
    money::number,
};

pub(super) const NAME: &str = "magnitude";

/// Chooses between two readings: plain spaces as gaps between columns (`cut`), or as thousands separators (`grouped`).
pub(super) fn choose(sheet: &Sheet, cut: Extracted, grouped: Extracted) -> Extracted {
    let lines = || sheet.lines.iter().map(|line| line.text.as_str());
    // After a currency sign, in two groups, or before a comma and cents, a space can only separate thousands.
    let sure = lines().any(number::has_blank_groups)
        || sheet.style.decimal_comma && lines().any(number::may_have_blank_groups);
    let same_total = match (&cut.receipt.total, &grouped.receipt.total) {
        (Some(cut), Some(grouped)) => cut.value == grouped.value,
        (cut, grouped) => cut.is_none() && grouped.is_none(),
    };
    let is_whole = match (cut.sums_hold, grouped.sums_hold) {
        (false, true) => true,
        (true, false) => sure,
        // There are digits before the total itself; they could only be a quantity in a column of quantities.
        _ => sure || !same_total && !has_counts(sheet, &cut),
    };
    if is_whole { grouped } else { cut }
}

/// Whether the numbers before the prices are quantities.
fn has_counts(sheet: &Sheet, cut: &Extracted) -> bool {
    let named = items::heading(sheet)
        .is_some_and(|row| mentions(&sheet.rows[row].text(), &["QTY", "QUANTITY", "KUANTITI", "数量", "PCS", "COUNT"]));
    let multiplied = cut.receipt.items.iter().filter(|item| item.quantity.is_some() && item.unit_price.is_some());
    named || multiplied.count() > 0
}

/// The check that fails where the total may lack its thousands.
pub(super) fn check(sheet: &Sheet, total: &LabelledAmount) -> Option<Check> {
    let value = total.amount.value.as_money();
    let open = !sheet.style.blank_groups && sheet.is_open_to_the_left(total.row, total.line, &total.amount);
    open.then(|| Check {
        name: NAME,
        sum: "no digits left of the total".into(),
        found: value,
        expected: value,
        holds: false,
    })
}
