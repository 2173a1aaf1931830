//! English number words.

use num2words::Num2Words;

/// Numbers longer than this are read digit by digit.
const MAX_DIGITS: usize = 15;

/// "1,250.5", "007", "-3" as words.
pub(super) fn number(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix(['-', '−']) {
        Some(rest) => ("minus ", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.replace(',', "");
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut words = match whole {
        "" => "zero".to_owned(),
        _ if whole.len() > MAX_DIGITS || (whole.len() > 1 && whole.starts_with('0')) => spelled(whole),
        _ => cardinal(whole.parse().unwrap_or(0)),
    };
    if !fraction.is_empty() {
        words.push_str(" point ");
        words.push_str(&spelled(fraction));
    }
    format!("{sign}{words}")
}

pub(super) fn cardinal(value: i64) -> String {
    Num2Words::new(value).to_words().unwrap_or_else(|_| spelled(&value.to_string())).replace(" and ", " ")
}

pub(super) fn ordinal(value: i64) -> String {
    Num2Words::new(value).ordinal().to_words().unwrap_or_else(|_| cardinal(value)).replace(" and ", " ")
}

/// 1999 as "nineteen ninety-nine", 2005 as "two thousand five".
pub(super) fn year(value: i64) -> String {
    match (value / 100, value % 100) {
        (10 | 20, 0..=9) => cardinal(value),
        (century, 0) => format!("{} hundred", cardinal(century)),
        (century, rest @ 1..=9) => format!("{} oh {}", cardinal(century), cardinal(rest)),
        (century, rest) => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// 320 as "three twenty", 303 as "three oh three", 1234 digit by digit: flights, models, rooms.
pub(super) fn code(digits: &str) -> String {
    match (digits.len(), digits.parse::<i64>()) {
        (1 | 2, Ok(value)) if !digits.starts_with('0') => cardinal(value),
        (3, Ok(value)) if value >= 100 && value % 100 != 0 => match value % 100 {
            rest @ 1..=9 => format!("{} oh {}", cardinal(value / 100), cardinal(rest)),
            rest => format!("{} {}", cardinal(value / 100), cardinal(rest)),
        },
        (3 | 4, Ok(value)) if value % 100 == 0 && value > 0 => cardinal(value),
        (4, Ok(value)) if (1900..2100).contains(&value) => year(value),
        // 1080p, 7112: in pairs
        (4, Ok(value)) if value >= 1_000 && value % 100 >= 10 => {
            format!("{} {}", cardinal(value / 100), cardinal(value % 100))
        }
        _ => spelled(digits),
    }
}

/// Digit by digit.
pub(super) fn spelled(digits: &str) -> String {
    const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let names = digits.chars().filter_map(|c| c.to_digit(10)).map(|digit| NAMES[digit as usize]);
    names.collect::<Vec<_>>().join(" ")
}

/// The plural of the last word of a number: "nineteen nineties", "two thirds".
pub(super) fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words.ends_with('x') || words.ends_with('s') => format!("{words}es"),
        None => format!("{words}s"),
    }
}

/// The value of a Roman numeral below 4,000, written as the rules have it (not "IIII", "IC").
pub(super) fn roman(text: &str) -> Option<i64> {
    const PARTS: [(&str, i64); 13] = [
        ("M", 1_000),
        ("CM", 900),
        ("D", 500),
        ("CD", 400),
        ("C", 100),
        ("XC", 90),
        ("L", 50),
        ("XL", 40),
        ("X", 10),
        ("IX", 9),
        ("V", 5),
        ("IV", 4),
        ("I", 1),
    ];
    let (mut rest, mut value) = (text, 0);
    for (letters, worth) in PARTS {
        let most = if letters.len() == 1 && matches!(letters, "M" | "C" | "X" | "I") { 3 } else { 1 };
        for _ in 0..most {
            match rest.strip_prefix(letters) {
                Some(after) => (rest, value) = (after, value + worth),
                None => break,
            }
        }
    }
    (rest.is_empty() && value > 0).then_some(value)
}
