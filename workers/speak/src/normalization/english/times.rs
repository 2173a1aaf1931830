//! Dates, years and times of day.

use super::{
    super::{Around, Rule},
    counting::{counts, is_amount},
    numbers::{cardinal, ordinal, plural, year},
    tables::{MONTHS, month},
};

const MONTH: &str = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?";

pub(super) fn rules() -> Vec<Rule> {
    let mut rules = dates();
    rules.extend(times_of_day());
    rules.extend(years());
    rules
}

fn dates() -> Vec<Rule> {
    vec![
        // March 5, 2024; March 5-7; March 5
        Rule::whole(
            &format!(
                r"(?P<m>{MONTH})\s(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:\s?[-–]\s?(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?)?(?P<y>,?\s\d{{4}}\b)?"
            ),
            |found, around| {
                let day = day(&found["d"])?;
                let until = match found.name("d2") {
                    Some(until) => format!(" to {}", self::day(until.as_str())?),
                    None => String::new(),
                };
                let year = trailing_year(found.name("y").map(|y| y.as_str()), around)?;
                Some(format!("{} {day}{until}{year}", month(&found["m"])?))
            },
        ),
        // 5 March 2024; 5th of March
        Rule::whole(
            &format!(r"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<m>{MONTH})(?P<y>,?\s\d{{4}}\b)?"),
            |found, around| {
                let article = if around.word_before() == "the" { "" } else { "the " };
                let year = trailing_year(found.name("y").map(|y| y.as_str()), around)?;
                Some(format!("{article}{} of {}{year}", day(&found["d"])?, month(&found["m"])?))
            },
        ),
        // March 2024
        Rule::whole(&format!(r"(?P<m>{MONTH})\s(?P<y>\d{{4}})"), |found, _| {
            let value: i64 = found["y"].parse().ok()?;
            Some(format!("{} {}", month(&found["m"])?, year(value)))
        }),
        // 2024-03-05, 2024/3/5
        Rule::whole(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})", |found, _| {
            date(&found["y"], &found["m"], &found["d"])
        }),
        // 3/5/2024
        Rule::whole(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})", |found, _| {
            date(&found["y"], &found["m"], &found["d"]).or_else(|| date(&found["y"], &found["d"], &found["m"]))
        }),
    ]
}

/// Times of day, and the days of a week from one to another.
fn times_of_day() -> Vec<Rule> {
    vec![
        // 9am-5pm, 9-5pm, 9:30-17:00
        Rule::whole(
            r"(?P<a>\d{1,2}(?::\d{2})?)\s?(?P<ha>[AaPp]\.?[Mm]\b\.?)?\s?[-–—~]\s?(?P<b>\d{1,2}(?::\d{2})?)(?:\s?(?P<hb>[AaPp]\.?[Mm]\b))?",
            |found, _| {
                let half = |name: &str| found.name(name).map(|half| &half.as_str()[..1]);
                let clock = found["a"].contains(':') && found["b"].contains(':');
                if !clock && half("ha").is_none() && half("hb").is_none() {
                    return None;
                }
                Some(format!("{} to {}", clock_time(&found["a"], half("ha"))?, clock_time(&found["b"], half("hb"))?))
            },
        ),
        // Mon-Fri
        Rule::whole(
            r"(?P<a>Mon|Tue|Tues|Wed|Thu|Thur|Thurs|Fri|Sat|Sun)\.?\s?[-–—]\s?(?P<b>Mon|Tue|Tues|Wed|Thu|Thur|Thurs|Fri|Sat|Sun)\b",
            |found, _| Some(format!("{} to {}", weekday(&found["a"])?, weekday(&found["b"])?)),
        ),
        // 2:30 pm, 14:30, 2:30:15
        Rule::whole(
            r"(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2}))?(?:\s?(?P<half>[AaPp])(?:\.\s?[Mm]\.|[Mm]\b))?",
            |found, _| {
                let half = found.name("half").map(|half| half.as_str());
                let time = found.get(0)?.as_str();
                let end = time.find(|c: char| !(c.is_ascii_digit() || c == ':')).unwrap_or(time.len());
                clock_time(&time[..end], half)
            },
        ),
        // 2 pm
        Rule::whole(r"(?P<h>\d{1,2})\s?(?P<half>[AaPp])(?:\.\s?[Mm]\.|[Mm]\b)", |found, _| {
            let hour: i64 = found["h"].parse().ok()?;
            (hour <= 12).then(|| format!("{}{}", cardinal(hour), half_day(Some(&found["half"]))))
        }),
    ]
}

fn years() -> Vec<Rule> {
    vec![
        // 1990s, the '90s
        Rule::whole(r"['’]?(?P<y>\d{2}|\d{3}0)['’]?s", |found, _| {
            let value: i64 = found["y"].parse().ok()?;
            let words = if value < 100 { cardinal(value) } else { year(value) };
            (value % 10 == 0 && value >= 20).then(|| plural(&words))
        }),
        // 1999-2004, 2019-20
        Rule::whole(r"(?P<a>1[1-9]\d{2}|20\d{2})\s?[-–—]\s?(?P<b>1[1-9]\d{2}|20\d{2}|\d{2})", |found, around| {
            if !is_year(around) {
                return None;
            }
            let (from, to): (i64, i64) = (found["a"].parse().ok()?, found["b"].parse().ok()?);
            let to = if to < 100 { cardinal(to) } else { year(to) };
            Some(format!("{} to {to}", year(from)))
        }),
        // 1999
        Rule::whole(r"1[1-9]\d{2}|20\d{2}", |found, around| {
            let value: i64 = found[0].parse().ok()?;
            (!measured(value, around) && is_year(around)).then(|| year(value))
        }),
    ]
}

/// A round number that counts what follows: "after 1500 meters", but "in 2010 prices rose" and "by 1990 standards".
fn measured(value: i64, around: &Around<'_>) -> bool {
    let century = value % 100 == 0 && !matches!(value, 1800 | 1900 | 2000);
    let begins = around.word_before() == "in" && around.before.trim_end().split(' ').count() < 2;
    if matches!(around.word_before().as_str(), "q1" | "q2" | "q3" | "q4" | "h1" | "h2" | "fy") {
        return false;
    }
    let preceded = DATED.contains(&around.word_before().as_str());
    counts(around.after) && (!preceded || (century || value % 50 == 0 && around.word_before() != "in") && !begins)
}

const DATED: &[&str] = &[
    "in", "since", "until", "by", "of", "before", "after", "from", "year", "late", "early", "mid", "during", "till",
    "summer", "spring", "autumn", "fall", "winter",
];

/// A four-digit number is a year unless something is counted with it.
fn is_year(around: &Around<'_>) -> bool {
    let range = around.after.trim_start().strip_prefix(['-', '–', '—', '~']);
    if range.is_some_and(|rest| rest.trim_start().starts_with(|c: char| c.is_ascii_digit()))
        || is_amount(around.before)
        || around.before.ends_with(['=', '×', '÷', '/', '*'])
        || around.after.trim_start().starts_with(['=', '×', '÷', '*', '+'])
    {
        return false;
    }
    let before = around.word_before();
    let quarter = matches!(before.as_str(), "q1" | "q2" | "q3" | "q4" | "h1" | "h2" | "fy");
    quarter || DATED.contains(&before.as_str()) || !counts(around.after)
}

/// 14:30, 9 with a half of the day.
fn clock_time(text: &str, half: Option<&str>) -> Option<String> {
    let parts: Vec<i64> = text.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let (&hour, minute) = (parts.first()?, parts.get(1).copied().unwrap_or(0));
    if hour > 24 || minute > 59 || (half.is_some() && hour > 12 && parts.len() < 2) {
        return None;
    }
    let mut words = match minute {
        0 if half.is_some() || parts.len() == 1 => cardinal(hour),
        0 if (1..=12).contains(&hour) => format!("{} o'clock", cardinal(hour)),
        0 => format!("{} hundred", cardinal(hour)),
        1..=9 => format!("{} oh {}", cardinal(hour), cardinal(minute)),
        _ => format!("{} {}", cardinal(hour), cardinal(minute)),
    };
    if let Some(seconds) = parts.get(2) {
        words.push_str(&format!(" and {} seconds", cardinal(*seconds)));
    }
    words.push_str(half_day(half));
    Some(words)
}

fn weekday(short: &str) -> Option<&'static str> {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    DAYS.into_iter().find(|day| day.starts_with(&short[..3]))
}

fn day(text: &str) -> Option<String> {
    let day: i64 = text.parse().ok()?;
    (1..=31).contains(&day).then(|| ordinal(day))
}

fn date(y: &str, m: &str, d: &str) -> Option<String> {
    let month = MONTHS.get(m.parse::<usize>().ok()?.checked_sub(1)?)?;
    Some(format!("{month} {}, {}", day(d)?, year(y.parse().ok()?)))
}

/// ", twenty twenty-four" for ", 2024"; a year that continues as a decimal is none.
fn trailing_year(text: Option<&str>, around: &Around<'_>) -> Option<String> {
    let Some(text) = text else { return Some(String::new()) };
    if around.after.starts_with(['.', ',']) && around.after[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let comma = if text.starts_with(',') { "," } else { "" };
    Some(format!("{comma} {}", year(text.trim_start_matches(',').trim().parse().ok()?)))
}

fn half_day(half: Option<&str>) -> &'static str {
    match half {
        Some("a" | "A") => " eigh m",
        Some(_) => " p m",
        None => "",
    }
}
