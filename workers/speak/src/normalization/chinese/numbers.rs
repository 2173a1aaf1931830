//! Chinese number words.

use chinese_number::{ChineseCase, ChineseCountMethod, ChineseVariant, NumberToChinese};

/// Numbers longer than this are read digit by digit.
const MAX_DIGITS: usize = 16;

/// "1,250.5", "-3" as words.
pub(super) fn number(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix(['-', '−']) {
        Some(rest) => ("负", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.replace([',', '，'], "");
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut words = if whole.len() > MAX_DIGITS || (whole.len() > 1 && whole.starts_with('0')) {
        spelled(whole)
    } else {
        cardinal(whole.parse().unwrap_or(0))
    };
    if !fraction.is_empty() {
        words.push('点');
        words.push_str(&spelled(fraction));
    }
    format!("{sign}{words}")
}

/// 200 is 二百, 2,000 is 两千, 20,000 is 两万.
pub(super) fn cardinal(value: u64) -> String {
    let words = value
        .to_chinese(ChineseVariant::Simple, ChineseCase::Lower, ChineseCountMethod::TenThousand)
        .unwrap_or_else(|_| spelled(&value.to_string()));
    let two_thousands = words.replace("二千", "两千").replace("十两千", "十二千");
    match ["二万", "二亿"].iter().find(|two| two_thousands.starts_with(**two)) {
        Some(two) => two_thousands.replacen(*two, &two.replace('二', "两"), 1),
        None => two_thousands,
    }
}

/// A number before a measure word or a unit: 2 is 两.
pub(super) fn counted(text: &str) -> String {
    if text == "2" { "两".into() } else { number(text) }
}

/// Digit by digit.
pub(super) fn spelled(digits: &str) -> String {
    digits.chars().filter_map(|c| c.to_digit(10)).map(|digit| NAMES[digit as usize]).collect()
}

/// Digit by digit, with 幺 for 1: telephone numbers.
pub(super) fn dialled(digits: &str) -> String {
    spelled(digits).replace('一', "幺")
}

const NAMES: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
