//! Dates, years and times of day.

use super::{
    super::{Around, Rule},
    numbers::{cardinal, ordinal, plural, spelled, year},
    tables::{MONTHS, month},
};

const MONTH: &str = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?";

pub(super) fn rules() -> Vec<Rule> {
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
        // 2:30 pm, 14:30, 2:30:15
        Rule::whole(
            r"(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2}))?(?:\s?(?P<half>[AaPp])(?:\.\s?[Mm]\.|[Mm]\b))?",
            |found, _| {
                let (hour, minute): (i64, i64) = (found["h"].parse().ok()?, found["m"].parse().ok()?);
                if hour > 24 || minute > 59 {
                    return None;
                }
                let half = found.name("half").map(|half| half.as_str());
                let mut words = match minute {
                    0 if half.is_some() => cardinal(hour),
                    0 if (1..=12).contains(&hour) => format!("{} o'clock", cardinal(hour)),
                    0 => format!("{} hundred", cardinal(hour)),
                    1..=9 => format!("{} oh {}", cardinal(hour), cardinal(minute)),
                    _ => format!("{} {}", cardinal(hour), cardinal(minute)),
                };
                if let Some(seconds) = found.name("s") {
                    words.push_str(&format!(" and {} seconds", cardinal(seconds.as_str().parse().ok()?)));
                }
                words.push_str(half_day(half));
                Some(words)
            },
        ),
        // 2 pm
        Rule::whole(r"(?P<h>\d{1,2})\s?(?P<half>[AaPp])(?:\.\s?[Mm]\.|[Mm]\b)", |found, _| {
            let hour: i64 = found["h"].parse().ok()?;
            (hour <= 12).then(|| format!("{}{}", cardinal(hour), half_day(Some(&found["half"]))))
        }),
        // 1990s, the '90s
        Rule::whole(r"['’]?(?P<y>\d{2}|\d{3}0)s", |found, _| {
            let value: i64 = found["y"].parse().ok()?;
            let words = if value < 100 { cardinal(value) } else { year(value) };
            (value % 10 == 0 && value >= 20).then(|| plural(&words))
        }),
        // 1999-2004, 2019-20
        Rule::whole(r"(?P<a>1[1-9]\d{2}|20\d{2})\s?[-–—]\s?(?P<b>1[1-9]\d{2}|20\d{2}|\d{2})", |found, _| {
            let (from, to): (i64, i64) = (found["a"].parse().ok()?, found["b"].parse().ok()?);
            let to = if to < 100 { cardinal(to) } else { year(to) };
            Some(format!("{} to {to}", year(from)))
        }),
        // 1999
        Rule::whole(r"1[1-9]\d{2}|20\d{2}", |found, around| {
            let value: i64 = found[0].parse().ok()?;
            is_year(around).then(|| year(value))
        }),
    ]
}

/// A four-digit number is a year unless something is counted with it.
fn is_year(around: &Around<'_>) -> bool {
    let dated =
        ["in", "since", "until", "by", "of", "before", "after", "from", "year", "late", "early", "mid", "during"];
    let before = around.word_before();
    let quarter = matches!(before.as_str(), "q1" | "q2" | "q3" | "q4" | "h1" | "h2" | "fy");
    if quarter || dated.contains(&before.as_str()) {
        return true;
    }
    let after = around.word_after();
    let counted =
        after.len() > 3 && after.ends_with('s') && !after.ends_with("ss") && after.chars().all(char::is_lowercase);
    let measured = around.after.trim_start().starts_with(['%', '°', '℃']);
    !(counted || measured || matches!(after, "people" | "men" | "women" | "children" | "percent" | "km" | "kg" | "m"))
}

fn day(text: &str) -> Option<String> {
    let day: i64 = text.parse().ok()?;
    (1..=31).contains(&day).then(|| ordinal(day))
}

fn date(y: &str, m: &str, d: &str) -> Option<String> {
    let month = MONTHS.get(m.parse::<usize>().ok()?.checked_sub(1)?)?;
    Some(format!("{month} {}, {}", day(d)?, year(y.parse().ok()?)))
}

/// ", twenty twenty-four" for ", 2024"; a year that goes on as a decimal is none.
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

/// "five five five, one two three four": a telephone number, in its groups.
pub(super) fn telephone(text: &str) -> String {
    let groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let plus = if text.starts_with('+') { "plus " } else { "" };
    format!("{plus}{}", groups.map(spelled).collect::<Vec<_>>().join(", "))
}
