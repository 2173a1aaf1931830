//! The words on receipts, in English, Malay and Chinese: which kind of amount a label names.

mod abroad;
mod kind;
mod matching;
mod phrases;
mod spelling;

use std::sync::LazyLock;

pub(crate) use kind::{AmountKind, PaymentMethod};
use matching::{Phrase, Words};
pub(crate) use matching::{fold, has_word, mentions, squeeze, unaccented};
use phrases::KINDS;
use regex::Regex;
pub(crate) use spelling::{PLACES, Spelling};

/// The kind of amount that a label names; none for a label that the lexicon does not know.
pub(crate) fn kind_of(label: &str) -> Option<AmountKind> {
    if COUNT.is_match(label) {
        return Some(AmountKind::Other);
    }
    if SERVICE.is_match(label) {
        return Some(AmountKind::Service);
    }
    if let Some(kind) = abroad::kind_of(label) {
        return Some(kind);
    }
    if PERCENT_OFF.is_match(label) {
        return Some(AmountKind::Discount);
    }
    if SUM.is_match(label) {
        return Some(AmountKind::Total);
    }
    if DUE.is_match(label) {
        return Some(AmountKind::GrandTotal);
    }
    if PAY.is_match(label) {
        return Some(AmountKind::Paid(PaymentMethod::Unnamed));
    }
    if TAXABLE.is_match(label) {
        return Some(AmountKind::Subtotal);
    }
    let label = Words::of(label);
    let first = COMPILED.iter().find(|(_, phrases)| phrases.iter().any(|phrase| label.has(phrase)));
    first.map(|&(kind, _)| kind)
}

/// `ITEM(S) : 2`, `Qty(s): 3`, with nothing else: a count of the items.
static COUNT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^\W*(?:(?:TOTAL\s+|NO\.?\s*(?:OF\s+)?)?(?:ITEM|QTY|ARTICLE|PIECE|PC)(?:\s?\(S\)\s*(?:SOLD)?\s*[:=]?|S\s*(?:SOLD)?\s*[:=])\s*\d*\W*)+$",
    )
    .expect("the pattern is fixed")
});
/// `Service 10%`, `10% S/C`, `Svc Chg @ 10%`: a charge. `Service Tax` is a tax.
static SERVICE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^\W*(?:\d{1,2}(?:\.\d+)?\s?%\s*)?(?:SERVICE|SERV|SVC|SVR|S/C|S\.C)\.?(?:\s*CH(?:ARGES?|GE?|RG)?\.?)?\s*(?:[(@]*\s*\d{1,2}(?:\.\d+)?\s?%\s*\)?)?\s*[:.]*\s*$",
    )
    .expect("the pattern is fixed")
});
/// `Sum`, `Sum NOK`, with nothing else: `Dim Sum` is a dish.
static SUM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^\W*SUM(?:\s+(?:[A-Z]{3}|KR))?\W*$").expect("the pattern is fixed"));
/// `Due`, with nothing else: `Due date` is none.
static DUE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\W*(?:NET|NETT|BAL\.?|AMT\.?)?\s*DUE(?:\s+(?:[A-Z]{3}|RM))?\W*$").expect("the pattern is fixed")
});
/// `Pay`, `Paid`, with nothing else.
static PAY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^\W*(?:PAY|PAID)(?:\s+(?:[A-Z]{3}|RM))?\W*$").expect("the pattern is fixed"));
/// `Taxable`, `Taxable Value`; what is not taxable is no subtotal.
static TAXABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\W*(?:NET\s+|TOTAL\s+)?TAXABLE(?:\s+(?:VALUE|AMT\.?|SALES?))?\W*$").expect("the pattern is fixed")
});
/// `10% OFF`
static PERCENT_OFF: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\d\s?%\s*(?:OFF|DISC|DIS)\b").expect("the pattern is fixed"));

type Compiled = Vec<(AmountKind, Vec<Phrase>)>;

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    KINDS.iter().map(|(kind, phrases)| (*kind, phrases.iter().map(|phrase| Phrase::of(phrase)).collect())).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_what_their_amounts_are() {
        for (label, kind) in [
            ("Total Sales (lnclusive of GST) :", Some(AmountKind::Total)),
            ("Total Sales (Excluding GST)", Some(AmountKind::Subtotal)),
            ("TOTAL INCLUDES 6% GST", Some(AmountKind::Tax)),
            ("GST @6% included in total", Some(AmountKind::Tax)),
            ("Total GST", Some(AmountKind::Tax)),
            ("TOTAL:", Some(AmountKind::Total)),
            ("Total Rounded", Some(AmountKind::RoundedTotal)),
            ("RoundIng (RM) :", Some(AmountKind::Rounding)),
            ("TTL ATF RND", Some(AmountKind::RoundedTotal)),
            ("Nett Total:", Some(AmountKind::GrandTotal)),
            ("Cash Tendered", Some(AmountKind::Paid(PaymentMethod::Cash))),
            ("TOTAL QTY: 6", Some(AmountKind::Other)),
            ("10% Srv Chg", Some(AmountKind::Service)),
            ("合计：", Some(AmountKind::Total)),
            ("价税合计(小写)", Some(AmountKind::GrandTotal)),
            ("找零", Some(AmountKind::Change)),
            ("Jumlah", Some(AmountKind::Total)),
            ("Baki", Some(AmountKind::Change)),
            ("ITEM(S) : 2", Some(AmountKind::Other)),
            ("ITEM(S) : 1 QTY(S) : 3", Some(AmountKind::Other)),
            ("Service 12.5%", Some(AmountKind::Service)),
            ("Service Tax 6%", Some(AmountKind::Tax)),
            ("10% OFF", Some(AmountKind::Discount)),
            ("CGST 9%", Some(AmountKind::Tax)),
            ("TOTAL REFUND", Some(AmountKind::GrandTotal)),
            ("Refund to VISA", Some(AmountKind::Paid(PaymentMethod::Card))),
            ("STERILE FILTRAT", None),
            ("Taxable", Some(AmountKind::Subtotal)),
            ("Taxable Value:", Some(AmountKind::Subtotal)),
            ("Non-Taxable Toys", None),
            ("Sum", Some(AmountKind::Total)),
            ("Sum NOK", Some(AmountKind::Total)),
            ("Dim Sum", None),
            ("DUE", Some(AmountKind::GrandTotal)),
            ("Due date", None),
            ("PAY", Some(AmountKind::Paid(PaymentMethod::Unnamed))),
            ("Paypoint", None),
            ("Zwischensumme", Some(AmountKind::Subtotal)),
            ("Sous-total HT", Some(AmountKind::Subtotal)),
            ("Delsumma", Some(AmountKind::Subtotal)),
            ("Gesamtbetrag", Some(AmountKind::Total)),
            ("Rechnungsbetrag EUR", Some(AmountKind::Total)),
            ("Tong cong", Some(AmountKind::Total)),
            ("Tổng cộng:", Some(AmountKind::Total)),
        ] {
            assert_eq!(kind_of(label), kind, "{label:?}");
        }
    }

    #[test]
    fn misread_letters_are_forgiven_in_long_phrases() {
        assert_eq!(kind_of("Grand T0ta1"), Some(AmountKind::GrandTotal));
    }
}
