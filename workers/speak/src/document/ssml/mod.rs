//! A subset of SSML 1.1 (W3C, 2010): `speak p s break prosody say-as sub phoneme lang voice mark emphasis audio`.
//!
//! An element that changes the style ends the utterance before it; `sub`, `say-as` and `phoneme` are readings inside an
//! utterance. Nothing is fetched: the words inside `audio` are spoken. Document types are refused, so the only entities
//! are the five of XML.

mod values;

use roxmltree::{Document, Node, ParsingOptions};

use super::{
    Mark, Utterance, clean,
    pauses::{PARAGRAPH_MS, pause_after},
    sentences,
};
use crate::{
    SpeakError,
    delivery::Delivery,
    language::{Language, main_language},
    pronunciation::{Pronunciation, Reading},
};

/// The most elements and texts of a document.
const MAX_NODES: u32 = 500_000;
const MAX_DEPTH: usize = 32;
const MAX_ALIAS_BYTES: usize = 1_000;
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// Between two stretches of one sentence that are spoken differently.
const SEAM_MS: u32 = 40;

/// The utterances of a document.
///
/// # Errors
/// [`SpeakError::Ssml`] with line and column.
pub(super) fn utterances(
    input: &str,
    text: &str,
    language: Option<Language>,
    delivery: Delivery,
) -> Result<Vec<Utterance>, SpeakError> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let refuse = |place: roxmltree::TextPos, what: String| SpeakError::Ssml {
        input: input.into(),
        line: place.row as usize,
        column: place.col as usize,
        what,
    };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        let place = error.pos();
        let what = match error {
            roxmltree::Error::DtdDetected => "a document type is not read; remove the DOCTYPE".into(),
            roxmltree::Error::NodesLimitReached => format!("there are more than {MAX_NODES} elements; split it"),
            // Its own sentences end with the place.
            other => other.to_string().split(" at ").next().unwrap_or_default().to_owned(),
        };
        refuse(place, what)
    })?;
    let root = document.root_element();
    let words: String = root.descendants().filter_map(|node| node.text()).take(64).collect();
    let style = Style { language, delivery, main: language.unwrap_or_else(|| main_language(&words)) };
    let mut reader = Reader { style, ..Reader::default() };
    let read = if root.tag_name().name() == "speak" {
        reader.element(root, 0)
    } else {
        Err(Wrong::at(root, format!("the document is a <{}>; SSML begins with <speak>", root.tag_name().name())))
    };
    read.map_err(|wrong| refuse(document.text_pos_at(wrong.at), wrong.what))?;
    reader.flush(PARAGRAPH_MS);
    Ok(reader.utterances)
}

/// A fault, and the byte where it is.
struct Wrong {
    at: usize,
    what: String,
}

impl Wrong {
    fn at(node: Node<'_, '_>, what: impl Into<String>) -> Self {
        Self { at: node.range().start, what: what.into() }
    }
}

/// The style of the text that follows.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Style {
    language: Option<Language>,
    delivery: Delivery,
    /// The language that signs without one are read in.
    main: Language,
}

impl Default for Style {
    fn default() -> Self {
        Self { language: None, delivery: Delivery::default(), main: Language::En }
    }
}

#[derive(Default)]
struct Reader {
    utterances: Vec<Utterance>,
    style: Style,
    /// The text of the next utterance.
    text: String,
    readings: Vec<Reading>,
    marks: Vec<Mark>,
}

impl Reader {
    fn element(&mut self, node: Node<'_, '_>, depth: usize) -> Result<(), Wrong> {
        if depth > MAX_DEPTH {
            return Err(Wrong::at(node, format!("elements lie deeper than {MAX_DEPTH} in each other")));
        }
        let outer = self.style;
        let mut inner = outer;
        if let Some(code) = node.attribute((XML, "lang")) {
            inner.language = Some(values::language(code).map_err(|what| Wrong::at(node, what))?);
            inner.main = inner.language.unwrap_or(inner.main);
        }
        let value = |name: &str| node.attribute(name);
        let wrong = |what: String| Wrong::at(node, what);
        let needed = |name: &str| {
            value(name).ok_or_else(|| Wrong::at(node, format!("<{}> needs {name}=\"…\"", node.tag_name().name())))
        };
        match node.tag_name().name() {
            "speak" | "lang" | "s" | "p" => {}
            "prosody" => values::prosody(&mut inner.delivery, value).map_err(wrong)?,
            "emphasis" => values::emphasis(&mut inner.delivery, value("level").unwrap_or("moderate")).map_err(wrong)?,
            "voice" => {
                if let Some(name) = value("name").or_else(|| value("gender")) {
                    let (voices, language) = values::voice(inner.delivery.voices, name).map_err(wrong)?;
                    inner.delivery.voices = voices;
                    inner.language = language.or(inner.language);
                }
            }
            "break" => {
                let pause_ms = values::pause(value("time"), value("strength")).map_err(wrong)?;
                self.pause(pause_ms);
                return Ok(());
            }
            "mark" => {
                let name = clean::clean(needed("name")?);
                self.marks.push(Mark { name, at: self.text.len() });
                return Ok(());
            }
            "sub" => return self.read_as(node, Pronunciation::Said(clean::clean(needed("alias")?))),
            "phoneme" => {
                let alphabet = value("alphabet").unwrap_or("ipa");
                let how = Pronunciation::phonemes(alphabet, needed("ph")?).map_err(wrong)?;
                return self.read_as(node, how);
            }
            "say-as" => {
                let kind = needed("interpret-as")?;
                let said = values::say_as(kind, value("format"), &words(node), outer.main).map_err(wrong)?;
                return self.read_as(node, Pronunciation::Said(said));
            }
            "audio" if words(node).trim().is_empty() => {
                return Err(wrong(
                    "sound files are not fetched; put into <audio> the words that are said instead".into(),
                ));
            }
            "audio" => {}
            "desc" | "meta" | "metadata" => return Ok(()),
            other => {
                return Err(wrong(format!(
                    "<{other}> is not read; there are speak, p, s, break, prosody, say-as, sub, phoneme, lang, voice, mark, emphasis and audio"
                )));
            }
        }
        let pause_ms = match node.tag_name().name() {
            "p" => Some(PARAGRAPH_MS),
            "s" => Some(0),
            _ => None,
        };
        self.begin(inner, pause_ms);
        for child in node.children() {
            if child.is_element() {
                self.element(child, depth + 1)?;
            } else if let Some(text) = child.text().filter(|_| child.is_text()) {
                self.write(text);
            }
        }
        self.begin(outer, pause_ms);
        Ok(())
    }

    /// Begins another style, or another paragraph (with a pause of at least `pause_ms` before it).
    fn begin(&mut self, style: Style, pause_ms: Option<u32>) {
        if let Some(pause_ms) = pause_ms {
            self.flush(pause_ms);
            // The sentence that ended before has its own pause.
            if let Some(last) = self.utterances.last_mut() {
                last.pause_ms = last.pause_ms.max(pause_ms);
            }
        } else if style != self.style {
            self.flush(SEAM_MS);
        }
        self.style = style;
    }

    /// Appends text, with each run of white space as one space.
    fn write(&mut self, text: &str) {
        for c in clean::clean(text).chars() {
            let space = c.is_whitespace();
            if !space || !(self.text.is_empty() || self.text.ends_with(' ')) {
                self.text.push(if space { ' ' } else { c });
            }
        }
    }

    /// Appends the words of an element with a pronunciation of their own.
    fn read_as(&mut self, node: Node<'_, '_>, how: Pronunciation) -> Result<(), Wrong> {
        let start = self.text.len();
        self.write(&words(node));
        let end = self.text.trim_end().len();
        let said = match &how {
            Pronunciation::Said(said) if said.len() > MAX_ALIAS_BYTES => {
                return Err(Wrong::at(node, format!("an alias has at most {MAX_ALIAS_BYTES} bytes")));
            }
            Pronunciation::Said(said) => clean::is_sayable(said),
            _ => true,
        };
        if end <= start || !said {
            return Err(Wrong::at(node, format!("<{}> has nothing to say", node.tag_name().name())));
        }
        self.readings.push(Reading { range: start..end, how });
        Ok(())
    }

    /// Appends a pause of this length.
    fn pause(&mut self, pause_ms: u32) {
        self.flush(0);
        match self.utterances.last_mut() {
            Some(last) => last.pause_ms = pause_ms,
            None => self.utterances.push(Utterance::silence(pause_ms)),
        }
    }

    /// Makes utterances of the text so far; after the last of them is the pause of its mark, or one of `pause_ms` where
    /// that is longer.
    fn flush(&mut self, pause_ms: u32) {
        let text = std::mem::take(&mut self.text);
        let readings = std::mem::take(&mut self.readings);
        // A stop inside a reading ends no sentence.
        let masked = masked(&text, &readings);
        let mut readings = readings.into_iter().peekable();
        let mut marks = std::mem::take(&mut self.marks).into_iter().peekable();
        let ranges: Vec<_> =
            sentences::split(&masked).into_iter().filter(|r| clean::is_sayable(&text[r.clone()])).collect();
        let last = ranges.len().saturating_sub(1);
        for (n, range) in ranges.into_iter().enumerate() {
            let written = &text[range.clone()];
            let mut own_readings = Vec::new();
            while let Some(Reading { range: at, how }) = readings.next_if(|reading| reading.range.start < range.end) {
                // A reading that crosses the cut of a sentence that is too long is dropped.
                if range.start <= at.start && at.end <= range.end {
                    own_readings.push(Reading { range: at.start - range.start..at.end - range.start, how });
                }
            }
            let mut own_marks = Vec::new();
            while let Some(mark) = marks.next_if(|mark| n == last || mark.at < range.end) {
                own_marks.push(Mark { at: mark.at.saturating_sub(range.start).min(written.len()), ..mark });
            }
            let natural = if written.ends_with(|c: char| c.is_alphanumeric()) { 0 } else { pause_after(written) };
            self.utterances.push(Utterance {
                text: written.into(),
                language: self.style.language,
                delivery: self.style.delivery,
                pause_ms: if n == last { natural.max(pause_ms) } else { pause_after(written) },
                readings: own_readings,
                marks: own_marks,
            });
        }
        // A mark without words before the next change moves to the beginning of the next utterance.
        self.marks = marks.map(|mark| Mark { at: 0, ..mark }).collect();
    }
}

/// The text with a name in place of what has a reading.
fn masked(text: &str, readings: &[Reading]) -> String {
    let mut masked = text.to_owned().into_bytes();
    for reading in readings {
        masked[reading.range.clone()].fill(b'x');
        masked[reading.range.start] = b'X';
    }
    String::from_utf8(masked).unwrap_or_else(|_| text.to_owned())
}

fn words(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

#[cfg(test)]
mod tests;
