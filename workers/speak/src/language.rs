//! Which language each part of a sentence is in.

use std::ops::Range;

use medley_text::script::is_han;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::normalization;

/// A language that Medley speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    En,
    /// Mandarin Chinese.
    Zh,
}

impl Language {
    /// As people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Zh => "Chinese",
        }
    }

    /// ISO 639-1.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || (c.is_alphabetic() && c < '\u{0250}')
}

/// The language of a text as a whole: Chinese when it has more than one Chinese character to two Latin words.
pub fn main_language(text: &str) -> Language {
    let han = text.chars().filter(|c| is_han(*c)).count();
    let words = text.split(|c: char| !is_latin(c)).filter(|word| !word.is_empty()).count();
    if han * 2 > words { Language::Zh } else { Language::En }
}

/// The runs of one language in a sentence, in order, covering all of it. Signs, digits and spaces go with what they
/// touch: a number belongs to the Latin word that it is written into ("GPT-4", "v2.0", "Windows 11 Pro"), and
/// otherwise to the sentence's main language.
pub(crate) fn runs(text: &str, main: Language) -> Vec<(Language, Range<usize>)> {
    let mut runs: Vec<(Language, Range<usize>)> = Vec::new();
    for (language, range) in tokens(text, main) {
        match runs.last_mut() {
            Some((last, whole)) if *last == language => whole.end = range.end,
            _ => runs.push((language, range)),
        }
    }
    runs
}

/// Stretches with a language of their own; neutral ones (spaces, marks) go with what stands before them.
fn tokens(text: &str, main: Language) -> Vec<(Language, Range<usize>)> {
    let mut tokens: Vec<(Language, Range<usize>)> = Vec::new();
    let mut rest = 0;
    while let Some(c) = text[rest..].chars().next() {
        let money = money_length(text, rest, main);
        let language = if is_han(c) || money.is_some() {
            Some(Language::Zh)
        } else if is_latin(c) || (c.is_ascii_digit() && latin_code(&text[rest..])) {
            Some(Language::En)
        } else if c.is_ascii_digit()
            || (matches!(c, '$' | '£' | '€' | '¥' | '￥' | '#' | '+' | '-' | '−') && digit_follows(&text[rest..]))
        {
            Some(number_language(text, rest, main))
        } else {
            None
        };
        let end = rest
            + match language {
                Some(Language::En) => latin_length(&text[rest..], main),
                Some(Language::Zh) if !is_han(c) => money.unwrap_or_else(|| number_length(&text[rest..])),
                _ => c.len_utf8(),
            };
        let language = language.unwrap_or_else(|| tokens.last().map_or_else(|| first_language(text, main), |t| t.0));
        tokens.push((language, rest..end));
        rest = end;
    }
    tokens
}

/// The length of an amount whose currency begins with letters, in a Chinese sentence: "HK$20", "RMB 300".
fn money_length(text: &str, at: usize, main: Language) -> Option<usize> {
    if main == Language::En || text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let currency = normalization::chinese::currency_length(&text[at..])?;
    let spaced = currency + usize::from(text[at + currency..].starts_with(' '));
    let amount = at + spaced;
    let is_amount = text[amount..].starts_with(|c: char| c.is_ascii_digit());
    (is_amount && number_language(text, amount, main) == Language::Zh).then(|| spaced + number_length(&text[amount..]))
}

fn digit_follows(text: &str) -> bool {
    text.chars().nth(1).is_some_and(|c| c.is_ascii_digit())
}

/// The language of the first letter or Chinese character.
fn first_language(text: &str, main: Language) -> Language {
    match text.chars().find(|c| is_han(*c) || is_latin(*c)) {
        Some(c) if is_han(c) => Language::Zh,
        Some(_) if main == Language::En => Language::En,
        _ => main,
    }
}

/// A number that is a part of a Latin word: "3D", "4K", "5G" (but not "5kg", which is a quantity).
fn latin_code(text: &str) -> bool {
    let letters = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let word: &str = &letters[..letters.find(|c: char| !is_latin(c)).unwrap_or(letters.len())];
    let bytes = matches!(word, "KB" | "MB" | "GB" | "TB" | "PB");
    let capitals = !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase());
    let counted = normalization::chinese::is_unit(word) || normalization::chinese::is_currency(word);
    capitals && !bytes && !counted
}

/// A number by itself is read in the sentence's language, except between two Latin words.
fn number_language(text: &str, at: usize, main: Language) -> Language {
    if main == Language::En {
        return Language::En;
    }
    let before = text[..at].trim_end().chars().next_back();
    let after = text[at..].trim_start_matches(|c: char| !is_latin(c) && !is_han(c) && !is_stop(c)).chars().next();
    let between = before.is_some_and(is_latin) && after.is_some_and(is_latin);
    let has_unit = text[at..]
        .trim_start_matches(|c: char| !is_latin(c) && !is_han(c))
        .split(|c: char| !is_latin(c))
        .next()
        .is_some_and(normalization::chinese::is_unit);
    if between && !has_unit { Language::En } else { Language::Zh }
}

fn is_stop(c: char) -> bool {
    matches!(c, '，' | '。' | '、' | '；' | '：' | '！' | '？' | ',' | ';' | '!' | '?' | '（' | '）' | '(' | ')')
}

/// A Latin word with what is written into it: "Wi-Fi", "GPT-4", "C++", "v2.0", "name@host.org", "https://…".
fn latin_length(text: &str, main: Language) -> usize {
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let next = text[at + c.len_utf8()..].chars().next();
        let inside = is_latin(c)
            || c.is_ascii_digit()
            || (main == Language::En && !is_han(c))
            || (matches!(c, '-' | '\'' | '’' | '.' | '@' | '_' | '&' | '/' | '%' | '=' | '#' | '~')
                && at > 0
                && next.is_some_and(|c| is_latin(c) || c.is_ascii_digit() || c == '/'))
            || (c == ':' && text[at..].starts_with("://"))
            || (c == '+' && (next == Some('+') || text[..at].ends_with('+')));
        if !inside {
            break;
        }
        end = at + c.len_utf8();
    }
    end
}

/// A number with its signs and its Latin unit or currency, which Chinese rules read: "-5℃", "25°C", "120km/h", "$3.5",
/// "300 RMB".
fn number_length(text: &str) -> usize {
    let sign = text.chars().next().filter(|c| !c.is_ascii_digit()).map_or(0, char::len_utf8);
    let digits = text[sign..]
        .char_indices()
        .find(|(at, c)| {
            let next = text[sign + at + c.len_utf8()..].chars().next();
            !(c.is_ascii_digit()
                || (matches!(c, '.' | ',' | ':' | '-' | '/' | '~' | '–' | '%')
                    && next.is_some_and(|c| c.is_ascii_digit())))
        })
        .map_or(text.len(), |(at, _)| sign + at);
    let spaced = digits + (text[digits..].len() - text[digits..].trim_start_matches(' ').len());
    let unit = &text[spaced..];
    let inside = |c: char| is_latin(c) || matches!(c, '/' | '²' | '³' | '°' | 'μ' | 'Ω');
    let unit = &unit[..unit.find(|c: char| !inside(c)).unwrap_or(unit.len())];
    let unit = unit.trim_end_matches('/');
    let counts = normalization::chinese::is_unit(unit) || normalization::chinese::is_currency(unit);
    if counts { spaced + unit.len() } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        runs(text, main_language(text))
            .into_iter()
            .map(|(language, range)| format!("{}[{}]", language.code(), &text[range]))
            .collect()
    }

    #[test]
    fn runs_cover_the_sentence_in_order() {
        let cases = [
            ("PaddleSpeech也能做语音合成。", "en[PaddleSpeech]zh[也能做语音合成。]"),
            ("我用GPT-4写代码", "zh[我用]en[GPT-4]zh[写代码]"),
            ("iPhone 15售价999美元", "en[iPhone ]zh[15售价999美元]"),
            ("他跑了5km，用时30分钟", "zh[他跑了5km，用时30分钟]"),
            ("请发邮件到name@host.org。", "zh[请发邮件到]en[name@host.org。]"),
            ("The word 你好 means hello.", "en[The word ]zh[你好 ]en[means hello.]"),
            ("5G网络", "en[5G]zh[网络]"),
            ("气温-5℃", "zh[气温-5℃]"),
            ("A股和5A级景区", "en[A]zh[股和]en[5A]zh[级景区]"),
            ("16GB内存", "zh[16]en[GB]zh[内存]"),
            ("iPhone 15 Pro发布", "en[iPhone 15 Pro]zh[发布]"),
            ("Elon Musk花了$440亿", "en[Elon Musk]zh[花了$440亿]"),
            ("2024年GDP增长5.2%", "zh[2024年]en[GDP]zh[增长5.2%]"),
            ("Only English, 12 words.", "en[Only English, 12 words.]"),
            ("1234", "en[1234]"),
            ("我花了US$5，HK$20。", "zh[我花了US$5，HK$20。]"),
            ("门票RMB 300起", "zh[门票RMB 300起]"),
            ("一共300 RMB，就这些", "zh[一共300 RMB，就这些]"),
            ("用USD结算", "zh[用]en[USD]zh[结算]"),
            ("It costs HK$20 in the shop, 对吗?", "en[It costs HK$20 in the shop, ]zh[对吗?]"),
            ("气温 25°C 左右", "zh[气温 25°C 左右]"),
            ("厚5 μm的膜", "zh[厚5 μm的膜]"),
            ("北纬28°N附近", "zh[北纬28°]en[N]zh[附近]"),
        ];
        for (text, wanted) in cases {
            assert_eq!(shown(text), wanted);
        }
    }
}
