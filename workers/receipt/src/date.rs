//! Dates and times in a line of text, as ISO 8601.

use std::sync::LazyLock;

use jiff::civil::Date;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lexicon::unaccented;

/// Which number of `03/04/2018` is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// Told by the numbers themselves, else by the currency and the country on the receipt, else day first.
    #[default]
    Auto,
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
    /// Year, month, day, also for two-digit years.
    Ymd,
}

/// A date in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParsedDate {
    pub(crate) iso: String,
    pub(crate) raw: String,
    /// Whether day and month could be the other way round.
    pub(crate) ambiguous: bool,
}

/// A time of day in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParsedTime {
    /// `18:21` or `18:21:33`.
    pub(crate) iso: String,
    pub(crate) raw: String,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// Malay, German and French names that do not begin like the English ones.
const OTHER_MONTHS: [(&str, u32); 8] =
    [("MAC", 3), ("MEI", 5), ("OGO", 8), ("OKT", 10), ("DIS", 12), ("MAI", 5), ("DEZ", 12), ("AVR", 4)];

/// German, French, Spanish, Portuguese, Italian and Dutch names that do not begin like these, by their first letters. Some
/// are also English words (`1 SET 20.00`), so the year must have four digits.
const MONTHS_ABROAD: [(&str, u32); 19] = [
    ("JUIL", 7),
    ("JUIN", 6),
    ("FEV", 2),
    ("MAA", 3),
    ("MRT", 3),
    ("ABR", 4),
    ("MAG", 5),
    ("GIU", 6),
    ("LUG", 7),
    ("AOU", 8),
    ("AGO", 8),
    ("SET", 9),
    ("OTT", 10),
    ("OUT", 10),
    ("ENE", 1),
    ("GEN", 1),
    ("DIC", 12),
    ("JANV", 1),
    ("JANE", 1),
];

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed")
}

static CHINESE: LazyLock<Regex> = LazyLock::new(|| fixed(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?"));
/// `令和5年3月14日`, `R5年…`: the years of an emperor's reign.
static JAPANESE: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(令和|平成|R|H)\s?(元|\d{1,2})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?"));
/// `14 de marzo de 2024`, `3. März 2024`, `1er août 2024`
static DAY_ABROAD: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)(?:^|\D)(\d{1,2})(?:er|\.|º)?[-/ ]*(?:de |di |d')?([a-z]{3,10})\.?[-/ ]*(?:de |del )?((?:19|20)\d\d)(?:\D|$)",
    )
});
static YEAR_FIRST: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"((?:19|20)\d\d)\s?[-/.]\s?(\d{1,2})\s?[-/.]\s?(\d{1,2})"));
static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(\d{1,2})\s?/\s?(\d{1,2})\s?/\s?((?:19|20)\d\d|\d\d)|(\d{1,2})\s?-\s?(\d{1,2})\s?-\s?((?:19|20)\d\d|\d\d)|(\d{1,2})\s?[.·]\s?(\d{1,2})\s?[.·]\s?((?:19|20)\d\d|\d\d)",
    )
});
static DAY_NAMED: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i)(\d{1,2})(?:st|nd|rd|th)?[-/., ]*([a-z]{3})[a-z]*[-/., ']*((?:19|20)\d\d|\d\d)"));
static NAMED_DAY: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"(?i)\b([a-z]{3})[a-z]*[-/. ]*(\d{1,2})(?:st|nd|rd|th)?(?:[-/., ]|['’‘´`])*((?:19|20)\d\d)")
});
/// `MAR05'24`: the apostrophe stands for the century.
static NAMED_DAY_SHORT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"(?i)(?:^|[^a-z])([a-z]{3})[a-z]*[-/. ]*(\d{1,2})(?:st|nd|rd|th)?[-/., ]*(?:['’‘´`"°*]\s?|[-/]|,\s)(\d\d)(?:[^\d:]|$)"#,
    )
});
/// The same with the mark lost, where a time of day follows: `MAR0524 7:14PM`.
static NAMED_DAY_GLUED: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i)(?:^|[^a-z])([a-z]{3})[a-z]*[-/. ]*(\d\d) ?(\d\d)\s{1,3}\d{1,2}:\d\d"));
/// `2024-Mar-05`, `2024MAR05`
static YEAR_NAMED: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i)(?:^|\D)((?:19|20)\d\d)[-/., ]*([a-z]{3})[a-z]*[-/., ]*(\d{1,2})(?:\D|$)"));
static COMPACT: LazyLock<Regex> = LazyLock::new(|| fixed(r"(?:^|[^\d])(20[0-4]\d)(\d\d)(\d\d)(?:[^\d]|$)"));
static TIME: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i)([0-2]?\d)\s?[:：]\s?([0-5]\d)(?:\s?[:：.]\s?([0-5]\d))?\s?([ap]\.?m)?"));
static TIME_SPACED: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i)([0-2]?\d)[ .:]([0-5]\d)[ .:]([0-5]\d)\s?([ap]\.?m)?"));
static HOUR: LazyLock<Regex> = LazyLock::new(|| fixed(r"(?i)\b(1[0-2]|0?[1-9])(?:[.]([0-5]\d))?\s?([ap]\.?m)\b"));

/// The dates of a line, the least ambiguous notation first.
pub(crate) fn dates(text: &str, order: DateOrder) -> Vec<ParsedDate> {
    let mut found = Vec::new();
    let mut add = |year: &str, month: u32, day: u32, raw: &str, ambiguous: bool| {
        if let Some(iso) = iso(year, month, day) {
            found.push(ParsedDate { iso, raw: raw.trim().into(), ambiguous });
        }
    };
    let number = |text: &str| text.parse().unwrap_or(0);
    // A dash that was read as a tilde.
    let text = &text.replace('~', "-");
    for part in JAPANESE.captures_iter(text) {
        let before_first = if matches!(&part[1], "令和" | "R") { 2018 } else { 1988 };
        let year = if &part[2] == "元" { 1 } else { number(&part[2]) };
        add(&(before_first + year).to_string(), number(&part[3]), number(&part[4]), &part[0], false);
    }
    for pattern in [&*CHINESE, &*YEAR_FIRST] {
        for part in pattern.captures_iter(text) {
            add(&part[1], number(&part[2]), number(&part[3]), &part[0], false);
        }
    }
    for part in YEAR_NAMED.captures_iter(text) {
        if let Some(month) = month(&part[2]) {
            add(&part[1], month, number(&part[3]), part[0].trim_matches(|c: char| !c.is_ascii_alphanumeric()), false);
        }
    }
    for part in DAY_NAMED.captures_iter(text) {
        let inside = part.get(0).is_some_and(|whole| text[..whole.start()].ends_with(|c: char| c.is_ascii_digit()));
        if let Some(month) = month(&part[2]).filter(|_| !inside) {
            add(&part[3], month, number(&part[1]), &part[0], false);
        }
    }
    let plain: String = text.chars().map(unaccented_letter).collect();
    for part in DAY_ABROAD.captures_iter(&plain) {
        if let Some(month) = month_abroad(&part[2]) {
            add(&part[3], month, number(&part[1]), &part[0], false);
        }
    }
    for pattern in [&*NAMED_DAY, &*NAMED_DAY_SHORT, &*NAMED_DAY_GLUED] {
        for part in pattern.captures_iter(text) {
            let raw = text[part.get(1).map_or(0, |m| m.start())..part.get(3).map_or(text.len(), |m| m.end())].trim();
            if let Some(month) = month(&part[1]) {
                add(&part[3], month, number(&part[2]), raw, false);
            }
        }
    }
    for part in NUMBERS.captures_iter(text) {
        let whole = part.get(0).expect("a match has a whole");
        // The tail of a longer number, or of a date that starts with its year.
        let before = &text[..whole.start()];
        if before.ends_with(|c: char| c.is_ascii_digit()) || before.ends_with('/') && before.len() > 1 {
            continue;
        }
        let numbers: Vec<&str> = part.iter().skip(1).flatten().map(|group| group.as_str()).collect();
        let [first, second, year] = numbers[..] else { continue };
        let (a, b) = (number(first), number(second));
        let short_year = year.len() == 2;
        // 17-05-21 in a place that writes the year first.
        if order == DateOrder::Ymd && short_year {
            add(first, b, number(year), &part[0], false);
            continue;
        }
        let ambiguous = a <= 12 && b <= 12 && a != b;
        let (day, month) = if b > 12 || (ambiguous && order == DateOrder::Mdy) { (b, a) } else { (a, b) };
        add(year, month, day, &part[0], ambiguous && order == DateOrder::Auto);
    }
    for part in COMPACT.captures_iter(text) {
        add(&part[1], number(&part[2]), number(&part[3]), &format!("{}{}{}", &part[1], &part[2], &part[3]), false);
    }
    found
}

fn month(name: &str) -> Option<u32> {
    // OCR reads the O of a month as a zero.
    let name = name.to_ascii_uppercase().replace('0', "O");
    let english = MONTHS.iter().position(|month| *month == name).map(|index| index as u32 + 1);
    english.or_else(|| OTHER_MONTHS.iter().find(|(other, _)| *other == name).map(|(_, month)| *month))
}

fn month_abroad(name: &str) -> Option<u32> {
    let name = name.to_ascii_uppercase();
    let abroad = MONTHS_ABROAD.iter().find(|(first, _)| name.starts_with(first)).map(|(_, month)| *month);
    abroad.or_else(|| month(name.get(..3)?))
}

fn unaccented_letter(c: char) -> char {
    c.to_uppercase().next().map_or(c, unaccented)
}

fn iso(year: &str, month: u32, day: u32) -> Option<String> {
    let year: u32 = year.parse().ok()?;
    let year = if year < 100 { 2000 + year } else { year };
    let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    (1970..2100).contains(&date.year()).then(|| date.to_string())
}

/// The first time of day of a line.
pub(crate) fn time(text: &str, labelled: bool) -> Option<ParsedTime> {
    // A date and a time printed without a gap: 27/05/20188:07 PM.
    let text = YEAR_FIRST.replace_all(text, " ");
    let text = NUMBERS.replace_all(&text, " ");
    let patterns = [&*TIME, &*TIME_SPACED];
    let clock = patterns.iter().take(if labelled { 2 } else { 1 }).find_map(|pattern| pattern.captures(&text));
    if let Some(part) = clock {
        let seconds = part.get(3).map(|seconds| seconds.as_str());
        return time_of(&part[1], &part[2], seconds, part.get(4).map(|m| m.as_str()), &part[0]);
    }
    let part = HOUR.captures(&text)?;
    time_of(&part[1], part.get(2).map_or("00", |m| m.as_str()), None, Some(&part[3]), &part[0])
}

fn time_of(hour: &str, minute: &str, second: Option<&str>, half: Option<&str>, raw: &str) -> Option<ParsedTime> {
    let hour: u32 = hour.parse().ok()?;
    let hour = match half.map(|half| half.starts_with(['p', 'P'])) {
        Some(true) if hour < 12 => hour + 12,
        Some(false) if hour == 12 => 0,
        _ => hour,
    };
    let second = second.map(|second| format!(":{second}")).unwrap_or_default();
    (hour < 24).then(|| ParsedTime { iso: format!("{hour:02}:{minute}{second}"), raw: raw.trim().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<String> {
        dates(text, DateOrder::Auto).into_iter().next().map(|date| date.iso)
    }

    #[test]
    fn dates_of_other_countries() {
        for (text, iso) in [
            ("令和5年3月14日", "2023-03-14"),
            ("令和元年 6月 2日 12:30", "2019-06-02"),
            ("平成30年12月1日", "2018-12-01"),
            ("14 de marzo de 2024", "2024-03-14"),
            ("2 juillet 2023", "2023-07-02"),
            ("1er août 2023", "2023-08-01"),
            ("3. März 2024", "2024-03-03"),
            ("14 maggio 2024", "2024-05-14"),
            ("9 de outubro de 2022", "2022-10-09"),
            ("5 mrt 2021", "2021-03-05"),
        ] {
            assert_eq!(first(text).as_deref(), Some(iso), "{text}");
        }
        assert_eq!(first("1 SET 20.00"), None);
    }

    #[test]
    fn dates_in_many_coats() {
        for (text, iso) in [
            ("Date : 25/12/2018", "2018-12-25"),
            ("30-04-18 18:17 SH01", "2018-04-30"),
            ("Date:2016/05/01 14:11:20", "2016-05-01"),
            ("05 May 2018 18:21", "2018-05-05"),
            ("15 JUN 18", "2018-06-15"),
            ("5-MAC-2021", "2021-03-05"),
            ("March 3, 2021", "2021-03-03"),
            ("开票日期：2023年09月07日", "2023-09-07"),
            ("27/05/20188:07 PM", "2018-05-27"),
            ("[19/06/17] [11:43]", "2017-06-19"),
            ("12/31/2020", "2020-12-31"),
            ("ORD #60 -REG #2- 24/06/2018 22:43", "2018-06-24"),
            ("20180503", "2018-05-03"),
            ("MAR05'24 7:14PM", "2024-03-05"),
            ("MAR05’24  7:14PM", "2024-03-05"),
            ("Chk 1204 MAR05'24 7:14PM", "2024-03-05"),
            ("MAR0524 7:14PM", "2024-03-05"),
            ("Mar05,2024", "2024-03-05"),
            ("JUN 5, 24", "2024-06-05"),
            ("05MAR24", "2024-03-05"),
            ("05MAR2024 19:14", "2024-03-05"),
            ("5Mar'24 19:14", "2024-03-05"),
            ("2024-Mar-05", "2024-03-05"),
            ("2024MAR05", "2024-03-05"),
        ] {
            assert_eq!(first(text).as_deref(), Some(iso), "{text:?}");
        }
        for text in
            ["TABLE 12 24", "MAR05 7:14PM", "TEL 03-8051-9514", "31/02/2018", "Invoice No: 2018020951320023885", "5.90"]
        {
            assert_eq!(first(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_order_decides_what_the_numbers_leave_open() {
        assert_eq!(dates("03/04/2018", DateOrder::Mdy)[0].iso, "2018-03-04");
        let day_first = &dates("03/04/2018", DateOrder::Auto)[0];
        assert_eq!((day_first.iso.as_str(), day_first.ambiguous), ("2018-04-03", true));
    }

    #[test]
    fn times_of_day() {
        for (text, iso) in [
            ("7:31:08 PM", "19:31:08"),
            ("27/05/20188:07 PM", "20:07"),
            ("18/03/201823:02:16", "23:02:16"),
            ("12:05 am", "00:05"),
            ("08:30", "08:30"),
        ] {
            assert_eq!(time(text, false).map(|t| t.iso).as_deref(), Some(iso), "{text:?}");
        }
        assert_eq!(time("12 31.00", true).map(|t| t.iso).as_deref(), Some("12:31:00"));
        assert_eq!(time("5.90", false), None);
    }
}
