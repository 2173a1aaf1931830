//! The values of SSML attributes.

use crate::{delivery::Delivery, language::Language, voices::Voices};

/// The longest pause.
const MAX_PAUSE_MS: f64 = 60_000.0;

pub(super) fn language(code: &str) -> Result<Language, String> {
    match code.split(['-', '_']).next().unwrap_or_default().to_lowercase().as_str() {
        "en" => Ok(Language::En),
        "zh" | "cmn" => Ok(Language::Zh),
        _ => Err(format!("the language '{code}' is not spoken; use en or zh")),
    }
}

/// The voices after one of them changed, and the language of a name that is only Chinese.
pub(super) fn voice(voices: Voices, name: &str) -> Result<(Voices, Option<Language>), String> {
    voices.with(match name.to_lowercase().as_str() {
        "female" => "hibari",
        "male" => "joe",
        _ => name,
    })
}

pub(super) fn pause(time: Option<&str>, strength: Option<&str>) -> Result<u32, String> {
    let Some(time) = time else {
        return Ok(match strength.unwrap_or("medium") {
            "none" => 0,
            "x-weak" => 100,
            "weak" => 200,
            "medium" => 400,
            "strong" => 700,
            "x-strong" => 1_200,
            other => {
                return Err(format!("strength=\"{other}\" is not one of none, x-weak, weak, medium, strong, x-strong"));
            }
        });
    };
    let (number, scale) = match time.trim().strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (time.trim().trim_end_matches('s'), 1_000.0),
    };
    let ms = number.trim().parse::<f64>().ok().filter(|_| time.trim().ends_with('s')).map(|number| number * scale);
    match ms.filter(|ms| (0.0..=MAX_PAUSE_MS).contains(ms)) {
        Some(ms) => Ok(ms.round() as u32),
        None => Err(format!("time=\"{time}\" is no pause; write 500ms or 1.5s, at most 60s")),
    }
}

pub(super) fn prosody<'a>(delivery: &mut Delivery, value: impl Fn(&str) -> Option<&'a str>) -> Result<(), String> {
    if let Some(rate) = value("rate") {
        delivery.rate = within("rate", rate, delivery.rate * factor("rate", rate, &RATES)?)?;
    }
    if let Some(pitch) = value("pitch") {
        delivery.pitch = within("pitch", pitch, delivery.pitch * factor("pitch", pitch, &PITCHES)?)?;
    }
    if let Some(volume) = value("volume") {
        delivery.volume_db = (delivery.volume_db + volume_db(volume)?).clamp(-60.0, 12.0);
    }
    Ok(())
}

const RATES: [(&str, f32); 6] =
    [("x-slow", 0.6), ("slow", 0.8), ("medium", 1.0), ("default", 1.0), ("fast", 1.25), ("x-fast", 1.6)];
const PITCHES: [(&str, f32); 6] =
    [("x-low", 0.75), ("low", 0.88), ("medium", 1.0), ("default", 1.0), ("high", 1.13), ("x-high", 1.3)];

/// "slow", "120%", "+20%", "1.2", "+2st".
fn factor(name: &str, text: &str, names: &[(&str, f32)]) -> Result<f32, String> {
    let text = text.trim();
    if let Some((_, factor)) = names.iter().find(|(name, _)| *name == text) {
        return Ok(*factor);
    }
    let number = |digits: &str| digits.parse::<f32>().ok().filter(|value| value.is_finite());
    let signed = text.starts_with(['+', '-']);
    let factor = if let Some(percent) = text.strip_suffix('%').and_then(number) {
        Some(percent / 100.0 + if signed { 1.0 } else { 0.0 })
    } else if let Some(semitones) = text.strip_suffix("st").and_then(number) {
        Some(2_f32.powf(semitones / 12.0))
    } else {
        number(text).filter(|_| !signed)
    };
    factor.ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        format!("{name}=\"{text}\" is not read; write a percentage such as 90% or +10%, or one of {}", names.join(", "))
    })
}

fn within(name: &str, text: &str, factor: f32) -> Result<f32, String> {
    if (0.5..=2.0).contains(&factor) {
        Ok(factor)
    } else {
        Err(format!("{name}=\"{text}\" makes {factor:.2} times the voice's own; stay between 0.5 and 2"))
    }
}

fn volume_db(text: &str) -> Result<f32, String> {
    let text = text.trim();
    Ok(match text {
        "silent" => -60.0,
        "x-soft" => -12.0,
        "soft" => -6.0,
        "medium" | "default" => 0.0,
        "loud" => 3.0,
        "x-loud" => 6.0,
        _ => {
            let db = text.strip_suffix("dB").and_then(|db| db.trim().parse::<f32>().ok()).filter(|db| db.is_finite());
            db.ok_or_else(|| {
                format!(
                    "volume=\"{text}\" is not read; write +6dB or -6dB, or silent, x-soft, soft, medium, loud, x-loud"
                )
            })?
        }
    })
}

pub(super) fn emphasis(delivery: &mut Delivery, level: &str) -> Result<(), String> {
    let (rate, volume_db) = match level {
        "strong" => (0.88, 3.0),
        "moderate" => (0.94, 1.5),
        "none" => (1.0, 0.0),
        "reduced" => (1.05, -2.0),
        other => return Err(format!("level=\"{other}\" is not one of strong, moderate, none, reduced")),
    };
    delivery.rate = (delivery.rate * rate).clamp(0.5, 2.0);
    delivery.volume_db += volume_db;
    Ok(())
}

/// Rewrites a text so that it is read as `kind`.
pub(super) fn say_as(kind: &str, format: Option<&str>, text: &str, main: Language) -> Result<String, String> {
    let text = text.trim();
    let apart = |of: fn(&char) -> bool| {
        let names = text.chars().filter(of).map(|c| match (c, main) {
            // A letter by itself would be the article.
            ('a' | 'A', _) => "eigh".to_owned(),
            _ => c.to_uppercase().to_string(),
        });
        names.collect::<Vec<_>>().join(" ")
    };
    Ok(match kind {
        "characters" | "spell-out" | "verbatim" | "letters" => apart(|c| !c.is_whitespace()),
        "digits" => apart(char::is_ascii_digit),
        "telephone" => match main {
            Language::En => apart(char::is_ascii_digit),
            Language::Zh => apart(char::is_ascii_digit).replace('1', "幺"),
        },
        "cardinal" | "number" => cardinal(text).ok_or_else(|| format!("'{text}' is no number"))?,
        "ordinal" => {
            let digits = cardinal(text).ok_or_else(|| format!("'{text}' is no number"))?;
            match main {
                Language::En => format!("{digits}{}", ordinal_ending(&digits)),
                Language::Zh => format!("第{digits}"),
            }
        }
        "date" => date(text, format.unwrap_or("ymd"))?,
        "time" | "currency" | "unit" | "fraction" | "address" | "text" => text.to_owned(),
        other => {
            return Err(format!(
                "interpret-as=\"{other}\" is not read; there are characters, digits, telephone, cardinal, ordinal, date, time, currency, unit, fraction and address"
            ));
        }
    })
}

/// A number with thousands separators, so that it is not read as a year.
fn cardinal(text: &str) -> Option<String> {
    let plain = text.replace([',', ' '], "");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let fraction = rest.strip_prefix('.').unwrap_or("0");
    let number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if !number(digits) || !number(fraction) {
        return None;
    }
    let mut grouped = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    Some(format!("{sign}{grouped}{rest}"))
}

fn ordinal_ending(digits: &str) -> &'static str {
    let tens = digits.len() > 1 && digits[..digits.len() - 1].ends_with('1');
    match digits.chars().next_back() {
        Some('1') if !tens => "st",
        Some('2') if !tens => "nd",
        Some('3') if !tens => "rd",
        _ => "th",
    }
}

/// A date in the given order of its parts as ISO 8601, which both languages read.
fn date(text: &str, format: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let wrong = || format!("'{text}' is no date in the order {format}");
    if !text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '/' | '.' | ' ')) {
        // "5 March 2024" is unambiguous.
        return Ok(text.to_owned());
    }
    if parts.len() != format.len() {
        return Err(wrong());
    }
    let part = |letter: char| format.find(letter).and_then(|at| parts.get(at)).copied();
    match (part('y'), part('m'), part('d')) {
        (Some(y), Some(m), Some(d)) => {
            let (month, day): (u8, u8) = (m.parse().map_err(|_| wrong())?, d.parse().map_err(|_| wrong())?);
            if y.len() != 4 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
                return Err(wrong());
            }
            Ok(format!("{y}-{month:02}-{day:02}"))
        }
        _ => Err(format!("format=\"{format}\" is not read; use ymd, mdy or dmy")),
    }
}
