//! Internet addresses, abbreviations, words with digits, acronyms and signs.

use std::{collections::HashSet, sync::LazyLock};

use super::{
    super::{Around, Rule},
    numbers::{code, number, spelled},
    tables::{ABBREVIATIONS, ACRONYM_WORDS, DOMAIN_WORDS, DOTTED, EMPHASISED, EMPHASISED_IN_COMPANY, SPELLED_CAPITALS},
};

/// Rules that come before those of numbers and dates.
pub(super) fn addresses() -> Vec<Rule> {
    vec![
        Rule::anywhere(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", |found, _| Some(address(&found[0]))),
        Rule::anywhere(r"(?:https?://|www\.)[^\s<>，。！？）)]*[A-Za-z0-9/#]", |found, _| {
            let text = found[0].trim_start_matches("https://").trim_start_matches("http://");
            Some(address(text.trim_end_matches('/')))
        }),
        Rule::whole(
            r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:com|net|org|gov|edu|io|ai|cn|uk|info|app|dev|co)(?:/[A-Za-z0-9._/-]*[A-Za-z0-9/])?",
            |found, _| Some(address(found[0].trim_end_matches('/'))),
        ),
        // v2.0.1, 192.168.0.1
        Rule::anywhere(r"\b[vV]?\d+(?:\.\d+){2,}\b|\b[vV]\d+(?:\.\d+)?\b", |found, around| {
            let said = around.word_before() == "version";
            let version = if found[0].starts_with(['v', 'V']) && !said { "version " } else { "" };
            let parts = found[0].trim_start_matches(['v', 'V']).split('.').map(code).collect::<Vec<_>>();
            Some(format!("{version}{}", parts.join(" point ")))
        }),
    ]
}

pub(super) fn rules() -> Vec<Rule> {
    let mut titles: Vec<&str> = ABBREVIATIONS.iter().map(|(short, _)| *short).collect();
    titles.sort_by_key(|title| std::cmp::Reverse(title.len()));
    vec![
        Rule::anywhere(&format!(r"\b(?P<a>{})\.", titles.join("|")), |found, around| {
            let (_, long) = ABBREVIATIONS.iter().find(|(short, _)| *short == &found["a"])?;
            let at_end = around.after.trim().is_empty();
            let needs_next = matches!(&found["a"], "ed" | "min" | "max" | "fig" | "vol" | "est" | "Co" | "Ft" | "Mt");
            (!(at_end && needs_next) || &found["a"] == "Co").then(|| (*long).to_owned())
        }),
        Rule::anywhere(r"\b(?P<a>Mr|Mrs|Ms|Prof)\s", |found, around| {
            let named = around.after.starts_with(char::is_uppercase);
            let (_, long) = ABBREVIATIONS.iter().find(|(short, _)| *short == &found["a"])?;
            named.then(|| (*long).to_owned())
        }),
        Rule::anywhere(r"\bvs\b", |_, _| Some("versus".into())),
        Rule::anywhere(r"\b(?:Ph\.D\.|(?:[A-Za-z]\.){2,}[A-Z]?\b|(?:[A-Za-z]\.){2,})", |found, _| {
            let known = DOTTED.iter().find(|(short, _)| found[0].eq_ignore_ascii_case(short));
            Some(known.map_or_else(|| letters(&found[0]), |(_, long)| (*long).to_owned()))
        }),
        // PM2.5, Web3.0
        Rule::whole(r"(?P<w>[A-Za-z]+)(?P<n>\d+\.\d+)", |found, _| {
            Some(format!("{} {}", mixed(&found["w"]), number(&found["n"])))
        }),
        // COVID-19, F-16, MP3, iPhone15, 5G
        Rule::whole(r"(?:[A-Za-z]+-?\d+|\d+-?[A-Za-z]+)(?:-?[A-Za-z]+|-?\d+)*", |found, _| Some(mixed(&found[0]))),
        Rule::whole(r"[A-Z]{2,}s?", |found, around| {
            Some(emphasised(&found[0], around).unwrap_or_else(|| capitals(&found[0])))
        }),
        Rule::anywhere(r"#(?P<w>[A-Za-z]\w*)", |found, _| Some(format!("hashtag {}", camel(&found["w"])))),
        Rule::whole(r"[A-Z]?[a-z]+(?:[A-Z]+[a-z]+)+|[A-Z][a-z]+[A-Z]+|i[A-Z][a-z]+|e[A-Z][a-z]+", |found, _| {
            Some(camel(&found[0]))
        }),
        Rule::whole(r"C\+\+", |_, _| Some("C plus plus".into())),
        Rule::whole(r"C#", |_, _| Some("C sharp".into())),
        Rule::whole(r"w/o", |_, _| Some("without".into())),
        Rule::whole(r"w/", |_, _| Some("with".into())),
    ]
}

/// The name of a sign by itself; most are not read.
pub(super) fn sign(c: char) -> Option<&'static str> {
    Some(match c {
        '&' => "and",
        '@' => "at",
        '+' => "plus",
        '=' => "equals",
        '%' => "percent",
        '×' => "times",
        '÷' => "divided by",
        '±' => "plus or minus",
        '≈' => "approximately",
        '≠' => "is not equal to",
        '≥' => "greater than or equal to",
        '≤' => "less than or equal to",
        '∞' => "infinity",
        '‰' => "per mille",
        '¢' => "cents",
        '°' => "degrees",
        '$' => "dollars",
        '£' => "pounds",
        '€' => "euros",
        '§' => "section",
        'µ' => "micro",
        'π' => "pi",
        '<' => "less than",
        '>' => "greater than",
        '²' => "squared",
        '³' => "cubed",
        _ => return None,
    })
}

/// Letters by their names. An A by itself would be read as the article.
fn letters(text: &str) -> String {
    let names = text.chars().filter(|c| c.is_alphanumeric()).map(|c| match c {
        'A' | 'a' => "eigh".to_owned(),
        _ => c.to_uppercase().to_string(),
    });
    names.collect::<Vec<_>>().join(" ")
}

/// A word in capitals that is no acronym, in small letters.
fn emphasised(word: &str, around: &Around<'_>) -> Option<String> {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| EMPHASISED.split_whitespace().collect());
    // "Portland, ME" is in Maine.
    if word.len() == 2 && around.before.trim_end().ends_with(',') {
        return None;
    }
    let lower = word.to_lowercase();
    let is_ordinary = |word: &str| {
        word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase()) && WORDS.contains(&*word.to_lowercase())
    };
    let beside = |word: Option<&str>| {
        word.is_some_and(|word| {
            is_ordinary(word) && !matches!(word, "THE" | "OF" | "AND" | "FOR" | "FROM" | "TO" | "BY")
        })
    };
    let in_company = || {
        let before = around.before.split_whitespace().next_back();
        let after =
            around.after.split_whitespace().next().map(|word| word.trim_end_matches(|c: char| !c.is_alphabetic()));
        EMPHASISED_IN_COMPANY.contains(&word) && (beside(before) || beside(after))
    };
    (is_ordinary(word) || in_company()).then_some(lower)
}

fn capitals(text: &str) -> String {
    let (word, plural) = match text.strip_suffix('s') {
        Some(word) if word.len() > 1 => (word, "s"),
        _ => (text, ""),
    };
    let long = word.len() >= 5 && !SPELLED_CAPITALS.contains(&word) && word.contains(['A', 'E', 'I', 'O', 'U']);
    if long || ACRONYM_WORDS.contains(&word) {
        return format!("{}{plural}", word.to_lowercase());
    }
    match plural {
        "" => letters(word),
        _ => format!("{}'s", letters(word)),
    }
}

/// "PaddleSpeech" as two words; capitals inside are letters ("OpenAI").
fn camel(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    for c in text.chars() {
        let breaks = c.is_uppercase() && !previous.is_uppercase() || c.is_numeric() != previous.is_numeric();
        if breaks || words.is_empty() {
            words.push(String::new());
        }
        if let Some(last) = words.last_mut() {
            last.push(c);
        }
        previous = c;
    }
    let said = words.into_iter().map(|word| {
        let upper = word.len() > 1 && word.chars().all(char::is_uppercase);
        if upper {
            capitals(&word)
        } else if word == "i" {
            "eye".into()
        } else {
            word
        }
    });
    said.collect::<Vec<_>>().join(" ")
}

/// Words with digits in them, part by part.
fn mixed(text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for c in text.chars().filter(|c| c.is_alphanumeric()) {
        match parts.last_mut() {
            Some(last) if last.ends_with(|p: char| p.is_ascii_digit() == c.is_ascii_digit()) => last.push(c),
            _ => parts.push(c.to_string()),
        }
    }
    let said = parts.iter().map(|part| {
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            code(part)
        } else if part.chars().all(char::is_uppercase) || part.len() == 1 {
            capitals(&part.to_uppercase())
        } else {
            camel(part)
        }
    });
    said.collect::<Vec<_>>().join(" ")
}

/// "name at host dot com".
fn address(text: &str) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut word = String::new();
    let finish = |word: &mut String, said: &mut Vec<String>| {
        if !word.is_empty() {
            said.push(host_word(word));
            word.clear();
        }
    };
    for c in text.chars() {
        let sign = match c {
            '.' => "dot",
            '/' => "slash",
            '@' => "at",
            '-' => "dash",
            '_' => "underscore",
            ':' => "colon",
            '%' => "percent",
            '+' => "plus",
            '=' => "equals",
            '?' => "question mark",
            '&' => "and",
            '#' => "hash",
            '~' => "tilde",
            _ => {
                if word.ends_with(|p: char| p.is_ascii_digit()) != c.is_ascii_digit() {
                    finish(&mut word, &mut said);
                }
                word.push(c);
                continue;
            }
        };
        finish(&mut word, &mut said);
        said.push(sign.to_owned());
    }
    finish(&mut word, &mut said);
    said.join(" ")
}

/// A part of an address: short ones without a vowel are spelled.
fn host_word(word: &str) -> String {
    let lower = word.to_lowercase();
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return if word.len() > 2 { spelled(word) } else { code(word) };
    }
    let vowels = lower.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    if DOMAIN_WORDS.contains(&lower.as_str()) || (vowels && lower.len() > 3) { camel(word) } else { letters(word) }
}
