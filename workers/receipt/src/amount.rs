//! Sums of money inside a line of text.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use crate::decimal::Decimal;

/// An amount as it stands in a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Amount {
    pub(crate) value: Decimal,
    /// Where it stands, in bytes of the line.
    pub(crate) span: Range<usize>,
    /// ISO 4217, when a sign or code stands beside it.
    pub(crate) currency: Option<&'static str>,
}

/// Signs and codes, the longer first; `$` and `¥` mean different money in different places.
const SIGNS: [(&str, &str); 23] = [
    ("US$", "USD"),
    ("S$", "SGD"),
    ("HK$", "HKD"),
    ("NT$", "TWD"),
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
];

static AMOUNT: LazyLock<Regex> = LazyLock::new(|| {
    let signs = SIGNS.map(|(sign, _)| regex::escape(sign)).join("|");
    let pattern = format!(
        r"(?P<minus>[-−–(]\s?)?(?:(?P<sign>{signs})\s?\.?)?(?P<minus2>[-−–])?(?P<number>\d{{1,3}}(?:[,']\d{{3}})+(?:\.\s?\d{{1,4}})?|\d{{1,3}}(?:\.\d{{3}})+,\d{{2}}|\d+(?:[.,·]\s?\d{{1,4}})?|[.]\d\d)(?P<after>\s?(?:元|圆|€|EUR\b|£))?(?P<minus3>-(?:\s|$))?"
    );
    Regex::new(&pattern).expect("the pattern is fixed")
});

/// The amounts of a line, from left to right: numbers with two places, or with a sign of money.
pub(crate) fn amounts(text: &str) -> Vec<Amount> {
    let mut found: Vec<Amount> = AMOUNT.captures_iter(text).filter_map(|captures| read(text, &captures)).collect();
    if found.is_empty() {
        found.extend(whole_cell(text));
    }
    found
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

fn read(text: &str, captures: &regex::Captures<'_>) -> Option<Amount> {
    let number = captures.name("number")?;
    let whole = captures.get(0)?;
    let before = text[..whole.start()].chars().next_back();
    let after = text[whole.end()..].chars().next();
    let sign = captures.name("sign");
    let sign_after = captures.name("after").map(|sign| match sign.as_str().trim() {
        "€" | "EUR" => "EUR",
        "£" => "GBP",
        _ => "CNY",
    });
    // Part of a date, a time, a code or a longer number.
    let joined = |c: char| c.is_ascii_digit() || matches!(c, '/' | ':' | '%' | '#');
    if after.is_some_and(|c| {
        joined(c) || matches!(c, '.' | ',') && text[whole.end() + 1..].starts_with(|c: char| c.is_ascii_digit())
    }) {
        return None;
    }
    if sign.is_none() && before.is_some_and(|c| joined(c) && c != ':' || matches!(c, '.' | ',') || c == '@') {
        return None;
    }
    // A time: 12:31 has its colon before and no point; 3.5 % and 6 % are rates.
    if text[whole.end()..].trim_start().starts_with('%') {
        return None;
    }
    // `.50` stands alone; in `NO.19` the point belongs to the word.
    if number.as_str().starts_with('.') && sign.is_none() && before.is_some_and(|c| !c.is_whitespace()) {
        return None;
    }
    let (value, places) = number_value(number.as_str())?;
    if places != 2 && sign.is_none() && sign_after.is_none() {
        return None;
    }
    if sign.is_none() && before.is_some_and(char::is_alphabetic) && !is_cjk(before) && places != 2 {
        return None;
    }
    let bracketed = captures.name("minus").is_some_and(|m| m.as_str().starts_with('('));
    let closed = after == Some(')') || text[whole.end()..].trim_start().starts_with(')');
    let dash = captures.name("minus").is_some_and(|m| !m.as_str().starts_with('('));
    // A dash after a letter or digit joins; it does not subtract.
    let dash = dash && !before.is_some_and(|c| c.is_alphanumeric());
    let negative = dash
        || captures.name("minus2").is_some()
        || captures.name("minus3").is_some()
        || (bracketed && closed && text.trim_start().starts_with('('));
    let currency = match sign {
        Some(sign) => SIGNS.iter().find(|(printed, _)| *printed == sign.as_str()).map(|(_, code)| *code),
        None => sign_after,
    };
    let start = sign.map_or(number.start(), |s| s.start());
    let value = if negative { -value } else { value };
    Some(Amount { value: value.as_money(), span: start..number.end(), currency })
}

fn is_cjk(c: Option<char>) -> bool {
    c.is_some_and(|c| ('\u{3000}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ffef}').contains(&c))
}

/// Reads `1,234.50`, `1.234,50`, `12,50`, `0. 60`: the value and its places.
fn number_value(printed: &str) -> Option<(Decimal, u8)> {
    let compact: String = printed.chars().filter(|c| *c != ' ').collect();
    let point = compact.rfind(['.', ',', '·']);
    let (whole, fraction) = match point {
        // Three digits after a comma are thousands.
        Some(at) if compact[at..].starts_with(',') && compact.len() - at == 4 => (compact.as_str(), ""),
        Some(at) => {
            let skip = compact[at..].chars().next().map_or(1, char::len_utf8);
            (&compact[..at], &compact[at + skip..])
        }
        None => (compact.as_str(), ""),
    };
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let value = Decimal::from_digits(&whole, fraction)?;
    Some((value, value.places()))
}

/// A cell that is an amount but for what the reader mistook: `80 91` for `80.91`, `15.0C` for `15.00`.
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
        amounts(text).iter().map(|amount| amount.value.to_string()).collect()
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
        ] {
            assert_eq!(values(text), expected, "{text:?}");
        }
    }

    #[test]
    fn currencies_come_with_their_amounts() {
        assert_eq!(amounts("RM 5.00")[0].currency, Some("MYR"));
        assert_eq!(amounts("12元")[0].currency, Some("CNY"));
        assert_eq!(amounts("Total 12,40 €")[0].currency, Some("EUR"));
        assert_eq!(amounts("5.00")[0].currency, None);
    }

    #[test]
    fn quantities_are_plain_numbers() {
        assert_eq!(plain_number("2X"), Some(Decimal::whole(2)));
        assert_eq!(plain_number("0.525").unwrap().to_string(), "0.525");
        assert_eq!(plain_number("9555302"), None);
        assert_eq!(plain_number("A3"), None);
    }
}
