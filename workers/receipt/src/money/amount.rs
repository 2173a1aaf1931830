//! Amounts of money in a line of text.

use std::{ops::Range, sync::LazyLock};

use medley_text::script::is_wide;
use regex::Regex;

use super::{
    decimal::Decimal,
    number::{self, NumberStyle},
};
use crate::lexicon::{self, AmountKind};

/// An amount in a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Amount {
    pub(crate) value: Decimal,
    /// Its place in the line, in bytes.
    pub(crate) span: Range<usize>,
    /// ISO 4217, or the sign where it is ambiguous (`$`, `¥`, `kr`); none without a sign or code beside it.
    pub(crate) currency: Option<&'static str>,
}

/// Signs and codes before a number, longest first. `$` and `¥` mean different currencies in different countries.
const SIGNS: [(&str, &str); 31] = [
    ("US$", "USD"),
    ("S$", "SGD"),
    ("HK$", "HKD"),
    ("NT$", "TWD"),
    ("NZ$", "NZD"),
    ("R$", "BRL"),
    ("A$", "AUD"),
    ("C$", "CAD"),
    ("RMB", "CNY"),
    ("CNY", "CNY"),
    ("MYR", "MYR"),
    ("USD", "USD"),
    ("SGD", "SGD"),
    ("EUR", "EUR"),
    ("GBP", "GBP"),
    ("HKD", "HKD"),
    ("IDR", "IDR"),
    ("THB", "THB"),
    ("RM", "MYR"),
    ("Rp", "IDR"),
    ("$", "$"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "¥"),
    ("￥", "¥"),
    ("₹", "INR"),
    ("₩", "KRW"),
    ("₫", "VND"),
    ("₱", "PHP"),
    ("₽", "RUB"),
    ("₺", "TRY"),
];

/// Codes that occur inside words too, so they must stand alone.
const WORD_SIGNS: [(&str, &str); 31] = [
    ("INR", "INR"),
    ("Rs", "INR"),
    ("RS", "INR"),
    ("ZAR", "ZAR"),
    ("R", "ZAR"),
    ("SEK", "SEK"),
    ("NOK", "NOK"),
    ("DKK", "DKK"),
    ("kr", "kr"),
    ("Kr", "kr"),
    ("PLN", "PLN"),
    ("CZK", "CZK"),
    ("HUF", "HUF"),
    ("CHF", "CHF"),
    ("Fr", "CHF"),
    ("JPY", "JPY"),
    ("KRW", "KRW"),
    ("VND", "VND"),
    ("CLP", "CLP"),
    ("COP", "COP"),
    ("BRL", "BRL"),
    ("PHP", "PHP"),
    ("AUD", "AUD"),
    ("NZD", "NZD"),
    ("CAD", "CAD"),
    ("AED", "AED"),
    ("KWD", "KWD"),
    ("KD", "KWD"),
    ("BHD", "BHD"),
    ("OMR", "OMR"),
    ("JOD", "JOD"),
];

/// Signs after a number.
const SIGNS_AFTER: [(&str, &str); 23] = [
    ("元", "CNY"),
    ("圆", "CNY"),
    ("円", "JPY"),
    ("원", "KRW"),
    ("₫", "VND"),
    ("đ", "VND"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("zł", "PLN"),
    ("Kč", "CZK"),
    ("₽", "RUB"),
    ("₺", "TRY"),
    ("EUR", "EUR"),
    ("SEK", "SEK"),
    ("NOK", "NOK"),
    ("DKK", "DKK"),
    ("PLN", "PLN"),
    ("CZK", "CZK"),
    ("HUF", "HUF"),
    ("VND", "VND"),
    ("CHF", "CHF"),
    ("Ft", "HUF"),
    ("kr", "kr"),
];

/// The pattern of an amount, with or without plain spaces as the thousands separator.
fn pattern(blank_groups: bool) -> Regex {
    let any = |signs: &[(&str, &str)]| signs.iter().map(|(sign, _)| regex::escape(sign)).collect::<Vec<_>>().join("|");
    let (signs, word_signs) = (any(&SIGNS), any(&WORD_SIGNS));
    // A code after a number must end there; a sign need not.
    let after = SIGNS_AFTER.map(|(sign, _)| if sign.is_ascii() { format!(r"{sign}\b") } else { regex::escape(sign) });
    let (thin, apostrophes) = (number::THIN_BLANKS, number::APOSTROPHES);
    let blank = if blank_groups { r"|\d{1,3}(?: \d{3})+(?:[.,·]\s?\d{2})?" } else { "" };
    let pattern = format!(
        r"(?P<minus>[-−–—(]\s?)?(?:(?P<sign>{signs}|\b(?:{word_signs}))\s?[.:]?\s?)?(?P<minus2>[-−–—(]\s?)?(?P<number>\d{{1,3}}(?:[.{apostrophes}]\d{{3}})*[.,][-–—]+|\d{{1,2}}(?:,\d{{2}})+,\d{{3}}(?:\.\d{{1,2}})?|\d{{1,3}}(?:\s?,\s?\d{{3}})+(?:[.,]\s?\d{{1,4}})?|\d{{1,3}}(?:[{apostrophes}]\d{{3}})+(?:[.,]\s?\d{{1,4}})?|\d{{1,3}}(?:[{thin}]\d{{3}})+(?:[.,]\d{{1,4}})?|\d{{1,3}}(?:\.\d{{3}})+[.,]\d{{2}}|\d{{1,3}}(?:\.\d{{3}}){{2,}}{blank}|\d+(?:[.,·]\s?\d{{1,4}})?|[.]\d\d)(?P<after>\s?(?:{after}))?(?P<minus3>[-−–—](?:\s|$)|\s?CR\b)?",
        after = after.join("|"),
    );
    Regex::new(&pattern).expect("the pattern is fixed")
}

static AMOUNT: LazyLock<Regex> = LazyLock::new(|| pattern(false));
static SPACED_AMOUNT: LazyLock<Regex> = LazyLock::new(|| pattern(true));

/// The amounts of a line, from left to right: numbers with two decimal places or a currency sign.
pub(crate) fn amounts(text: &str, style: NumberStyle) -> Vec<Amount> {
    let pattern = if style.blank_groups { &*SPACED_AMOUNT } else { &*AMOUNT };
    let mut amounts = Vec::new();
    let mut at = 0;
    while let Some(captures) = pattern.captures_at(text, at) {
        let Some(whole) = captures.get(0) else { break };
        let amount = read(text, &captures, style);
        // A sign after an amount that has one before it belongs to the next amount: `kr 12,50 kr 25,00`.
        let own_end = captures.name("number").map_or(whole.end(), |number| number.end());
        let signed = captures.name("sign").is_some() && captures.name("after").is_some();
        at = if signed { own_end } else { whole.end() };
        amounts.extend(amount);
    }
    if amounts.is_empty() {
        amounts.extend(whole_cell(text));
    }
    if amounts.is_empty() && style.no_cents {
        amounts.extend(whole_number(text));
    }
    amounts
}

/// A whole number of three digits or more that fills a cell or follows its label: money without cents.
fn whole_number(text: &str) -> Option<Amount> {
    let end = text.trim_end().len();
    let start =
        text[..end].rfind(char::is_whitespace).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let number = &text[start..end];
    let labelled = start == 0 || lexicon::kind_of(&text[..start]).is_some();
    let is_number =
        (3..=7).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    let value = Decimal::from_digits(number, "").filter(|_| labelled && is_number)?;
    Some(Amount { value: value.as_money(), span: start..end, currency: None })
}

/// The only plain number of a cell that is nothing but that number (`12`, `0.5`, `3 X`), for quantities.
pub(crate) fn plain_number(text: &str) -> Option<Decimal> {
    let text = text.trim().trim_end_matches(['x', 'X', '×', ' ']).trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.len() <= 6 && part.bytes().all(|b| b.is_ascii_digit());
    let (negative, whole) = whole.strip_prefix('-').map_or((false, whole), |rest| (true, rest));
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let value = Decimal::from_digits(whole, fraction)?;
    Some(if negative { -value } else { value })
}

fn read(text: &str, captures: &regex::Captures<'_>, style: NumberStyle) -> Option<Amount> {
    let number = captures.name("number")?;
    let whole = captures.get(0)?;
    let (before, after) = (&text[..whole.start()], &text[whole.end()..]);
    let sign = captures.name("sign");
    let sign_after = captures.name("after").filter(|_| sign.is_none());
    if !stands_alone(number.as_str(), before, after, sign.is_some()) {
        return None;
    }
    let printed = number::value(number.as_str(), style)?;
    let known = |signs: &[(&str, &'static str)], sign: &str| {
        signs.iter().find(|(printed, _)| *printed == sign).map(|(_, code)| *code)
    };
    let strong = sign.and_then(|sign| known(&SIGNS, sign.as_str()));
    let weak = sign.and_then(|sign| known(&WORD_SIGNS, sign.as_str()));
    let behind = sign_after.and_then(|sign| known(&SIGNS_AFTER, sign.as_str().trim()));
    // Without a sign an amount has decimals, or, in a currency without cents, a thousands separator.
    let by_form = printed.places == 2
        || style.no_cents && printed.grouped && printed.places == 0
        || style.mils && printed.places == 3;
    let by_sign = strong.is_some() || behind.is_some() || weak.is_some() && (printed.grouped || style.no_cents);
    if !by_form && !by_sign {
        return None;
    }
    let glued = before.chars().next_back().filter(|c| c.is_alphabetic());
    if sign.is_none() && glued.is_some() && !glued.is_some_and(is_wide) && printed.places != 2 {
        return None;
    }
    let start = sign.map_or(number.start(), |s| s.start());
    let value = if is_negative(captures, before, after) { -printed.value } else { printed.value };
    Some(Amount { value: value.as_money(), span: start..number.end(), currency: strong.or(weak).or(behind) })
}

/// Whether the number is not part of a date, a time, a code, a rate or a longer number.
fn stands_alone(number: &str, before: &str, after: &str, signed: bool) -> bool {
    let joined = |c: char| c.is_ascii_digit() || matches!(c, '/' | ':' | '%' | '#');
    let goes_on = |rest: &str| {
        let mut chars = rest.chars();
        match chars.next() {
            Some('.' | ',') => chars.next().is_some_and(|c| c.is_ascii_digit()),
            Some(c) => joined(c),
            None => false,
        }
    };
    if goes_on(after) || after.trim_start().starts_with('%') {
        return false;
    }
    let last = before.chars().next_back();
    if !signed && last.is_some_and(|c| joined(c) && c != ':' || matches!(c, '.' | ',' | '@')) {
        return false;
    }
    // `.50` stands alone; in `NO.19` the point belongs to the word.
    !(number.starts_with('.') && !signed && last.is_some_and(|c| !c.is_whitespace()))
}

/// `TOTAL - 5.00`: a dash between spaces separates label and amount, except where the label names a deduction.
fn separates_label(captures: &regex::Captures<'_>, before: &str) -> bool {
    let spaced = captures.name("minus").is_some_and(|mark| mark.as_str().ends_with(char::is_whitespace));
    let label = before.trim_end();
    let is_deduction = matches!(lexicon::kind_of(label), Some(AmountKind::Rounding | AmountKind::Discount));
    spaced && label.len() < before.len() && label.ends_with(char::is_alphabetic) && !is_deduction
}

/// `-5.00`, `$-5.00`, `5.00-`, `(5.00)`, `5.00 CR`.
fn is_negative(captures: &regex::Captures<'_>, before: &str, after: &str) -> bool {
    let marks = ["minus", "minus2"].map(|name| captures.name(name).map(|mark| mark.as_str().starts_with('(')));
    // A dash after a letter or digit is a hyphen, not a minus.
    let joins = before.ends_with(char::is_alphanumeric) || separates_label(captures, before);
    let dash = marks[0] == Some(false) && !joins || marks[1] == Some(false);
    // Brackets around the amount alone, at the end of the line, are a minus.
    let bracketed = marks.contains(&Some(true)) && after.trim() == ")";
    dash || bracketed || captures.name("minus3").is_some()
}

/// A cell that is a misread amount: `80 91` for `80.91`, `15.0C` for `15.00`.
fn whole_cell(text: &str) -> Option<Amount> {
    let start = text.len() - text.trim_start().len();
    let (sign, cell) = SIGNS
        .iter()
        .find_map(|(sign, code)| Some((Some(*code), text.trim().strip_prefix(sign)?)))
        .unwrap_or((None, text.trim()));
    let end = start + text.trim().len();
    // A tax code behind it: `RM5.60 S`.
    let cell = cell
        .rsplit_once(' ')
        .filter(|(_, code)| code.chars().all(char::is_alphabetic) && code.len() < 3)
        .map_or(cell, |(cell, _)| cell);
    let cell = cell.trim();
    let (whole, fraction) = cell.rsplit_once(['.', ' '])?;
    let mend = |part: &str| -> Option<String> {
        part.chars()
            .map(|c| match c {
                '0'..='9' => Some(c),
                'O' | 'o' | 'C' | 'D' | 'Q' | '(' => Some('0'),
                'l' | 'I' | '|' => Some('1'),
                'S' | 's' => Some('5'),
                'B' => Some('8'),
                _ => None,
            })
            .collect()
    };
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    if fraction.chars().count() != 2
        || digits < 2
        || digits * 2 < cell.chars().count()
        || whole.is_empty()
        || whole.len() > 6
    {
        return None;
    }
    let value = Decimal::from_digits(&mend(whole)?, &mend(fraction)?)?;
    Some(Amount { value, span: start..end, currency: sign })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        amounts(text, NumberStyle::default()).iter().map(|amount| amount.value.to_string()).collect()
    }

    #[test]
    fn amounts_are_found_and_codes_dates_and_rates_are_not() {
        for (text, expected) in [
            ("5.90SR", &["5.90"][..]),
            ("RM 1,234.50", &["1234.50"]),
            ("Grand Total RM51.30", &["51.30"]),
            ("1.234,50 €", &["1234.50"]),
            ("12,5 €", &["12.50"]),
            ("0.02-", &["-0.02"]),
            ("-RM0.02", &["-0.02"]),
            ("Rounding: -0.01", &["-0.01"]),
            ("$7", &["7.00"]),
            ("合计 35元", &["35.00"]),
            ("¥128.00", &["128.00"]),
            ("2 X 2.90 5.80", &["2.90", "5.80"]),
            ("30.04.2018", &[]),
            ("GST 6%", &[]),
            ("6.00%", &[]),
            ("000008190901", &[]),
            ("80 91", &["80.91"]),
            ("15.0C", &["15.00"]),
            ("RMS.60 s", &["5.60"]),
            ("NO.19 & 21", &[]),
            (".00", &["0.00"]),
            ("12.5kg", &[]),
            ("(12.00)", &["-12.00"]),
            ("Total ($41.12)", &["-41.12"]),
            ("$-41.12", &["-41.12"]),
            ("41.12 CR", &["-41.12"]),
            ("Total - 41.12", &["41.12"]),
            ("Rounding - 0.02", &["-0.02"]),
            ("- $41.12", &["-41.12"]),
            ("12,-", &["12.00"]),
            ("1.234.50", &["1234.50"]),
            ("R 12 HIGH STREET", &[]),
            ("SUGAR 5.00", &["5.00"]),
            ("149 kr", &["149.00"]),
        ] {
            assert_eq!(values(text), expected, "{text:?}");
        }
    }

    #[test]
    fn currencies_come_with_their_amounts() {
        assert_eq!(amounts("RM 5.00", NumberStyle::default())[0].currency, Some("MYR"));
        assert_eq!(amounts("12元", NumberStyle::default())[0].currency, Some("CNY"));
        assert_eq!(amounts("Total 12,40 €", NumberStyle::default())[0].currency, Some("EUR"));
        assert_eq!(amounts("5.00", NumberStyle::default())[0].currency, None);
    }

    #[test]
    fn quantities_are_plain_numbers() {
        assert_eq!(plain_number("2X"), Some(Decimal::whole(2)));
        assert_eq!(plain_number("0.525").unwrap().to_string(), "0.525");
        assert_eq!(plain_number("9555302"), None);
        assert_eq!(plain_number("A3"), None);
    }
}
