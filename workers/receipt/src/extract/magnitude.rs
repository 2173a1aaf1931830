//! Are amounts read whole? Sums hold as well when every amount has lost the same thousands, so they are no witness of
//! that: what stands to the left of the amounts is.

use super::{Extracted, items};
use crate::{
    document::Check,
    layout::{Labelled, Sheet},
    lexicon::mentions,
    number,
};

pub(super) const NAME: &str = "magnitude";

/// Chooses between a reading that takes plain blanks for gaps between columns (`cut`) and one that takes them for what
/// parts thousands.
pub(super) fn choose(sheet: &Sheet, cut: Extracted, grouped: Extracted) -> Extracted {
    let lines = || sheet.lines.iter().map(|line| line.text.as_str());
    // Behind a sign of money, in two groups, or before a comma and cents nothing else is meant.
    let sure = lines().any(number::has_blank_groups)
        || sheet.style.decimal_comma && lines().any(number::may_have_blank_groups);
    let same_total = match (&cut.receipt.total, &grouped.receipt.total) {
        (Some(cut), Some(grouped)) => cut.value == grouped.value,
        (cut, grouped) => cut.is_none() && grouped.is_none(),
    };
    let is_whole = match (cut.sums_hold, grouped.sums_hold) {
        (false, true) => true,
        (true, false) => sure,
        // The total itself has digits before it; a count there needs a column of counts.
        _ => sure || !same_total && !has_counts(sheet, &cut),
    };
    if is_whole { grouped } else { cut }
}

/// Do numbers before the prices count what was bought?
fn has_counts(sheet: &Sheet, cut: &Extracted) -> bool {
    let named = items::heading(sheet)
        .is_some_and(|row| mentions(&sheet.rows[row].text(), &["QTY", "QUANTITY", "KUANTITI", "数量", "PCS", "COUNT"]));
    let multiplied = cut.receipt.items.iter().filter(|item| item.quantity.is_some() && item.unit_price.is_some());
    named || multiplied.count() > 0
}

/// The check that fails where the total may lack its thousands.
pub(super) fn check(sheet: &Sheet, total: &Labelled) -> Option<Check> {
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
