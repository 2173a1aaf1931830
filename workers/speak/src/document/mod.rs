//! Documents: plain text, Markdown and SSML become sentences with pauses.

mod clean;
mod foreign;
mod html;
mod markdown;
pub(crate) mod pauses;
pub(crate) mod sentences;
mod ssml;
mod tex;

use medley_text::script::is_han;
use pauses::{END_MS, PARAGRAPH_MS, pause_after};
use serde::{Deserialize, Serialize};

use crate::{
    SpeakError,
    delivery::Delivery,
    language::Language,
    params::{SpeakParams, TextFormat},
    pronunciation::{Lexicon, Reading},
};

/// The longest text of one job: about 100 hours of speech.
pub(crate) const MAX_BYTES: u64 = 8 << 20;

/// One sentence of a job: a line of `script.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Utterance {
    pub(crate) text: String,
    /// The main language; none to detect it.
    pub(crate) language: Option<Language>,
    pub(crate) delivery: Delivery,
    /// The silence after it.
    pub(crate) pause_ms: u32,
    /// Stretches with a pronunciation of their own, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) readings: Vec<Reading>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) marks: Vec<Mark>,
}

impl Utterance {
    /// Text without readings and marks.
    pub(crate) fn plain(text: &str, language: Option<Language>, delivery: Delivery, pause_ms: u32) -> Self {
        Self { text: text.into(), language, delivery, pause_ms, readings: Vec::new(), marks: Vec::new() }
    }

    /// Nothing but a pause.
    fn silence(pause_ms: u32) -> Self {
        Self::plain("", None, Delivery::default(), pause_ms)
    }
}

/// A named place in a text, whose time `timing.json` states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) name: String,
    /// Byte of the text.
    pub(crate) at: usize,
}

/// A document that was read.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) utterances: Vec<Utterance>,
    /// The number of letters in writing systems that no voice reads. They are left out.
    pub(crate) unspoken_letters: u64,
    /// Sentences for the user about what the voices do not read properly.
    pub(crate) warnings: Vec<String>,
}

/// A paragraph and the silence after it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Paragraph {
    text: String,
    pause_ms: u32,
}

/// The sentences of a text.
///
/// # Errors
/// When it is not UTF-8, is longer than [`MAX_BYTES`], is SSML that cannot be read, has nothing to say, or is wholly
/// in a language that no voice has.
pub(crate) fn read(name: &str, bytes: &[u8], params: &SpeakParams, lexicon: &Lexicon) -> Result<Document, SpeakError> {
    let size = bytes.len() as u64;
    if size > MAX_BYTES {
        return Err(SpeakError::TooLong { input: name.into(), bytes: size, limit: MAX_BYTES });
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| SpeakError::NotUtf8 { input: name.into(), offset: error.valid_up_to() })?;
    let (language, delivery) = (params.language(), params.delivery());
    let speakers = params.speakers()?;
    let of_paragraphs = |paragraphs: Vec<Paragraph>| -> (String, Vec<Utterance>) {
        let written = paragraphs.iter().map(|paragraph| paragraph.text.as_str()).collect::<Vec<_>>().join("\n");
        let mut now = delivery.voices;
        let of_paragraph = |Paragraph { text, pause_ms }: &Paragraph| -> Vec<Utterance> {
            let mut spoken = Vec::new();
            for (voices, text) in speakers.stretches(text, &mut now, delivery.voices) {
                spoken.extend(utterances(text, language, Delivery { voices, ..delivery }));
            }
            if let Some(last) = spoken.last_mut() {
                last.pause_ms = *pause_ms;
            }
            spoken
        };
        (written, paragraphs.iter().flat_map(of_paragraph).collect())
    };
    let (written, mut utterances) = match format(name, text, params.format) {
        TextFormat::Ssml => (clean::clean(text), ssml::utterances(name, text, language, delivery)?),
        TextFormat::Markdown => of_paragraphs(markdown::paragraphs(text)),
        _ => of_paragraphs(plain(&clean::clean(text))),
    };
    let warnings = foreign::check(name, &written, language)?;
    let unspoken_letters = clean::unspoken(&written) as u64;
    for utterance in &mut utterances {
        utterance.readings = lexicon.readings(&utterance.text, std::mem::take(&mut utterance.readings));
    }
    match utterances.iter().rposition(|utterance| !utterance.text.is_empty()) {
        Some(last) => {
            utterances[last].pause_ms = utterances[last].pause_ms.min(END_MS);
            Ok(Document { utterances, unspoken_letters, warnings })
        }
        None => Err(SpeakError::NothingToSay { input: name.into() }),
    }
}

fn format(name: &str, text: &str, asked: TextFormat) -> TextFormat {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
    let begins = text.trim_start();
    match (asked, extension.as_str()) {
        (TextFormat::Auto, "ssml" | "xml") => TextFormat::Ssml,
        (TextFormat::Auto, _) if ["<speak", "<?xml", "<!DOCTYPE"].iter().any(|xml| begins.starts_with(xml)) => {
            TextFormat::Ssml
        }
        (TextFormat::Auto, "md" | "markdown" | "mdown" | "mkd" | "mdx" | "qmd" | "rmd") => TextFormat::Markdown,
        (TextFormat::Auto, _) if markdown::is_markdown(text) => TextFormat::Markdown,
        (TextFormat::Auto, _) => TextFormat::Plain,
        (asked, _) => asked,
    }
}

/// An empty line ends a paragraph; the lines of a paragraph are joined.
fn plain(text: &str) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    let mut current = String::new();
    let mut finish = |current: &mut String| {
        if !current.trim().is_empty() {
            paragraphs.push(Paragraph { text: std::mem::take(current), pause_ms: PARAGRAPH_MS });
        }
        current.clear();
    };
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() {
            finish(&mut current);
            continue;
        }
        if !current.is_empty() {
            let han = current.ends_with(is_han) && line.starts_with(is_han);
            current.push_str(if han { "" } else { " " });
        }
        current.push_str(line);
    }
    finish(&mut current);
    paragraphs
}

/// The sentences of a stretch of a paragraph.
fn utterances(text: &str, language: Option<Language>, delivery: Delivery) -> Vec<Utterance> {
    let sentences = sentences::split(text).into_iter().map(|range| &text[range]);
    let utterance = |text: &str| Utterance::plain(text, language, delivery, pause_after(text));
    sentences.filter(|text| clean::is_sayable(text)).map(utterance).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str, text: &str) -> Result<Vec<String>, SpeakError> {
        let read = read(name, text.as_bytes(), &SpeakParams::default(), &Lexicon::default())?;
        Ok(read.utterances.into_iter().map(|utterance| utterance.text).collect())
    }

    #[test]
    fn paragraphs_and_wrapped_lines() {
        let text = "One line\nthat is wrapped. Two!\n\n今天\n天气好。\n\n\n😀\n\nEnd";
        assert_eq!(texts("a.txt", text).unwrap(), ["One line that is wrapped.", "Two!", "今天天气好。", "End"]);
    }

    #[test]
    fn markdown_is_known_by_its_name_or_its_headings() {
        assert_eq!(texts("a.md", "*Hello* there").unwrap(), ["Hello there"]);
        assert_eq!(texts("text", "# Title\n\nBody").unwrap(), ["Title", "Body"]);
        assert_eq!(texts("text", "2 * 3 * 4").unwrap(), ["2 * 3 * 4"]);
        assert_eq!(texts("text", " <speak>a &lt; b</speak>").unwrap(), ["a < b"]);
    }

    #[test]
    fn bad_texts_are_answered() {
        let answer =
            |bytes: &[u8]| read("a.txt", bytes, &SpeakParams::default(), &Lexicon::default()).unwrap_err().code();
        assert_eq!(answer(b"abc \xff\xfe").as_str(), "media_undecodable");
        assert_eq!(answer("😀 \u{202e}".as_bytes()).as_str(), "media_empty");
        assert_eq!(answer(&vec![b'a'; MAX_BYTES as usize + 1]).as_str(), "media_too_large");
    }

    #[test]
    fn a_text_without_a_full_stop_is_cut_into_bounded_sentences() {
        let text = "word ".repeat(200_000);
        let sentences = texts("a.txt", &text).unwrap();
        assert!(sentences.iter().all(|sentence| sentence.chars().count() <= sentences::MAX_CHARS));
        assert_eq!(sentences.iter().map(|sentence| sentence.split(' ').count()).sum::<usize>(), 200_000);
    }
}
