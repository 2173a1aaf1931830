//! Money, percentages, units, fractions, scores, ranges, ordinals and plain numbers.

use regex::Captures;

use super::{
    super::{Around, Rule},
    NUMBER,
    codes::grouped,
    counting::counts,
    numbers::{cardinal, code, number, ordinal, plural, spelled},
    numerals,
    tables::UNITS,
};

pub(super) const TO: &str = r"\s?[-–—~]\s?";

pub(super) fn rules() -> Vec<Rule> {
    let mut rules = percentages();
    rules.extend(telephone_numbers());
    rules.extend(measures());
    rules.extend(fractions());
    rules.extend(numbers());
    // World War II, Louis XIV
    rules.extend(numerals::rules());
    rules.extend(names_of_numbers());
    rules
}

fn percentages() -> Vec<Rule> {
    vec![
        // 12.5%, 5-10%
        Rule::anywhere(
            &format!(r"(?P<n>[-−+]?(?:{NUMBER}))(?:{TO}(?P<n2>{NUMBER})|%{TO}(?P<n3>{NUMBER}))?\s?%"),
            |found, around| {
                let value = signed(&found["n"], around);
                let until = found.name("n2").or(found.name("n3"));
                Some(match until {
                    Some(until) => format!("{value} to {} percent", number(until.as_str())),
                    None => format!("{value} percent"),
                })
            },
        ),
    ]
}

fn telephone_numbers() -> Vec<Rule> {
    vec![
        // +1 (555) 123-4567, 555-123-4567, 1-800-555-0199
        Rule::whole(r"(?:\+\d{1,3}[\s-]?)?(?:1-)?\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}", |found, _| {
            Some(grouped(&found[0]))
        }),
        Rule::whole(r"\+\d{1,3}(?:[\s-]\d{2,4}){2,4}", |found, _| Some(grouped(&found[0]))),
        Rule::whole(r"\d{3}-\d{4}", |found, _| Some(grouped(&found[0]))),
        Rule::whole(r"\d{3}", |found, around| {
            let called = matches!(around.word_before().as_str(), "call" | "called" | "calling" | "dial" | "dialed");
            (called && !counts(around.after)).then(|| spelled(&found[0]))
        }),
    ]
}

fn measures() -> Vec<Rule> {
    let mut units: Vec<String> = UNITS.iter().map(|(written, ..)| regex::escape(written)).collect();
    units.sort_by_key(|unit| std::cmp::Reverse(unit.len()));
    let units = units.join("|");
    vec![
        // 5'10"
        Rule::anywhere(r#"(?P<f>\d)['′](?P<i>\d{1,2})["″]"#, |found, _| {
            Some(format!("{} foot {}", number(&found["f"]), number(&found["i"])))
        }),
        // 120 km/h, 5-10kg, -5°C
        Rule::anywhere(
            &format!(
                r"(?P<n>[-−]?(?:{NUMBER}))(?:(?:\s?(?P<u1>{units}))?(?:{TO}|\sto\s)(?P<n2>[-−]?(?:{NUMBER})))?(?P<gap>[\s-]?)(?P<u>{units})"
            ),
            unit,
        ),
    ]
}

/// Multiples and fractions.
fn fractions() -> Vec<Rule> {
    vec![
        // 3x
        Rule::whole(r"(?P<n>\d+(?:\.\d+)?)[x×]", |found, _| Some(format!("{} times", number(&found["n"])))),
        Rule::whole(r"24/7", |_, _| Some("twenty-four seven".into())),
        Rule::whole(r"9/11", |_, _| Some("nine eleven".into())),
        // 2/3, 1 1/2
        Rule::whole(r"(?:(?P<w>\d+)\s)?(?P<a>\d{1,3})/(?P<b>\d{1,3})", |found, _| {
            let part = fraction(found["a"].parse().ok()?, found["b"].parse().ok()?)?;
            Some(match found.name("w") {
                Some(whole) => format!("{} and {part}", number(whole.as_str())),
                None => part,
            })
        }),
        Rule::anywhere(r"(?P<w>\d+)?\s?(?P<f>[½¼¾⅓⅔⅕⅛])", |found, _| {
            let part = match &found["f"] {
                "½" => "a half",
                "¼" => "a quarter",
                "¾" => "three quarters",
                "⅓" => "a third",
                "⅔" => "two thirds",
                "⅕" => "a fifth",
                _ => "an eighth",
            };
            Some(match found.name("w") {
                Some(whole) => format!("{} and {part}", number(whole.as_str())),
                None => part.to_owned(),
            })
        }),
    ]
}

/// Ordinals and scores.
fn numbers() -> Vec<Rule> {
    vec![
        // 1st, 22nd
        Rule::whole(r"(?P<n>\d[\d,]*)(?:st|nd|rd|th)", |found, _| {
            Some(ordinal(found["n"].replace(',', "").parse().ok()?))
        }),
        // 3-2, 10-15, 3:2
        Rule::whole(&format!(r"(?P<a>{NUMBER})(?:{TO}|:)(?P<b>{NUMBER})"), |found, _| {
            Some(format!("{} to {}", number(&found["a"]), number(&found["b"])))
        }),
    ]
}

/// Numbers that name a thing, and every other number.
fn names_of_numbers() -> Vec<Rule> {
    vec![
        // #5, No. 5
        Rule::anywhere(&format!(r"(?:#|\b[Nn]o\.\s?|№\s?)(?P<n>{NUMBER})"), |found, _| {
            Some(format!("number {}", number(&found["n"])))
        }),
        // account no. 12345678, where a rule of codes has read the digits
        Rule::anywhere(r"\b[Nn]o(?P<many>s?)\.\s?", |found, around| {
            let numbered = around.after.starts_with(|c: char| c.is_ascii_digit() || c == '#');
            numbered.then(|| if found["many"].is_empty() { "number" } else { "numbers" }.into())
        }),
        // a Boeing 747, room 302
        Rule::whole(r"\d{3,4}", |found, around| {
            let numbered = matches!(
                around.word_before().as_str(),
                "boeing" | "airbus" | "flight" | "room" | "route" | "highway" | "bus" | "suite" | "apartment"
            );
            numbered.then(|| code(&found[0]))
        }),
        // .5
        Rule::whole(r"\.\d+", |found, around| {
            let begins = around.before.chars().next_back().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '-'));
            begins.then(|| number(&found[0]))
        }),
        // 5 million, -3, 1.5
        Rule::whole(&format!(r"[-−+]?(?:{NUMBER})"), |found, around| Some(signed(&found[0], around))),
    ]
}

/// A number whose sign is one only at the start of a word.
fn signed(text: &str, around: &Around<'_>) -> String {
    let begins = around.before.chars().next_back().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ':' | ','));
    match text.strip_prefix(['-', '−', '+']) {
        Some(rest) if begins && text.starts_with('+') => format!("plus {}", number(rest)),
        Some(rest) if begins => format!("minus {}", number(rest)),
        Some(rest) => number(rest),
        None => number(text),
    }
}

fn unit(found: &Captures<'_>, around: &Around<'_>) -> Option<String> {
    let written = &found["u"];
    let after = around.after.chars().next();
    if around.before.ends_with(|c: char| c.is_alphanumeric()) || after.is_some_and(char::is_alphanumeric) {
        return None;
    }
    // "3 m" may be a stray letter, "1990 s" as well: short units stand close to their number.
    if found["gap"] == *" " && matches!(written, "s" | "h" | "V" | "W" | "L" | "l") {
        return None;
    }
    // "5m-10ft" is no range of one unit.
    if found.name("u1").is_some_and(|first| first.as_str() != written) {
        return None;
    }
    let (_, one, many) = UNITS.iter().find(|(unit, ..)| *unit == written)?;
    let adjective = found["gap"] == *"-";
    let value = signed(&found["n"], around);
    let single = adjective || (matches!(&found["n"], "1" | "-1" | "−1") && found.name("n2").is_none());
    let name = if single { one } else { many };
    Some(match found.name("n2") {
        Some(until) => format!("{value} to {} {name}", number(until.as_str())),
        None => format!("{value} {name}"),
    })
}

/// "two thirds".
fn fraction(above: i64, below: i64) -> Option<String> {
    if below < 2 || (above == below && below == 50) {
        return (below >= 2).then(|| format!("{} {}", cardinal(above), cardinal(below)));
    }
    let name = match below {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        _ => ordinal(below),
    };
    Some(match (above, below) {
        (1, _) => format!("one {name}"),
        (_, 2) => format!("{} halves", cardinal(above)),
        _ => format!("{} {}", cardinal(above), plural(&name)),
    })
}
