//! Speakers of a dialogue: `[A]` in a text gives what follows to the voice of A.

use std::sync::LazyLock;

use regex::Regex;

use super::{VOICES, Voices};

/// The most speakers of a text, and the longest of their names.
const MAX_SPEAKERS: usize = 64;
const MAX_NAME_CHARS: usize = 40;

static TAG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[([^\[\]\n]{1,40})\]\s?").expect("the pattern is sound"));

/// Names and their voices. Names of Kokoro's voices stand for themselves; any other name in brackets is text.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Speakers(Vec<(String, Voices)>);

impl Speakers {
    /// Reads `A=af_heart B=am_michael,zm_yunxi`; a language that a speaker's voices do not speak is spoken by
    /// `others`.
    ///
    /// # Errors
    /// A sentence about what cannot be read.
    pub(crate) fn read(text: &str, others: Voices) -> Result<Self, String> {
        let mut speakers = Vec::new();
        for pair in text.split_whitespace() {
            let (name, voices) = pair
                .split_once('=')
                .ok_or_else(|| format!("'{pair}' is no speaker; write NAME=VOICE, apart by spaces"))?;
            if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.contains(['[', ']']) {
                return Err(format!(
                    "'{name}' is no speaker's name; use 1 to {MAX_NAME_CHARS} letters without brackets"
                ));
            }
            speakers.push((name.to_owned(), others.with(voices)?.0));
        }
        if speakers.len() > MAX_SPEAKERS {
            return Err(format!("{} speakers are more than the {MAX_SPEAKERS} that a text may have", speakers.len()));
        }
        Ok(Self(speakers))
    }

    /// The stretches of a paragraph, each with its voices. `now` is who speaks when it begins, and then who does when
    /// it ends.
    pub(crate) fn stretches<'t>(&self, text: &'t str, now: &mut Voices, others: Voices) -> Vec<(Voices, &'t str)> {
        let mut stretches = Vec::new();
        let mut start = 0;
        for tag in TAG.captures_iter(text) {
            let Some((whole, voices)) = tag.get(0).zip(self.voices(&tag[1], others)) else { continue };
            stretches.push((*now, &text[start..whole.start()]));
            start = whole.end();
            *now = voices;
        }
        stretches.push((*now, &text[start..]));
        stretches.retain(|(_, text)| !text.trim().is_empty());
        stretches
    }

    fn voices(&self, name: &str, others: Voices) -> Option<Voices> {
        let named = self.0.iter().find(|(speaker, _)| speaker == name).map(|(_, voices)| *voices);
        let own = || VOICES.iter().any(|voice| voice.name == name && voice.model.starts_with("kokoro"));
        named.or_else(|| own().then(|| others.with(name).ok()).flatten().map(|(voices, _)| voices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(speakers: &str, text: &str) -> Vec<String> {
        let others: Voices = "joe".parse().unwrap();
        let speakers = Speakers::read(speakers, others).unwrap();
        let mut now = others;
        let stretches = speakers.stretches(text, &mut now, others).into_iter();
        stretches.map(|(voices, text)| format!("{voices}: {}", text.trim())).collect()
    }

    #[test]
    fn tags_of_speakers_and_of_voices_are_read_and_others_are_text() {
        let text = "So: [A] Hello. [Note] [B]你好。[am_onyx] Bye [1].";
        assert_eq!(
            shown("A=af_heart B=bf_emma,zm_yunxi", text),
            ["joe: So:", "af_heart: Hello. [Note]", "bf_emma,zm_yunxi: 你好。", "am_onyx: Bye [1]."]
        );
        assert_eq!(shown("", "[A] one [B] two"), ["joe: [A] one [B] two"]);
    }

    #[test]
    fn what_is_no_list_of_speakers_is_refused() {
        for (bad, says) in [("A", "write NAME=VOICE"), ("A=nobody", "no voice 'nobody'"), ("=joe", "no speaker's name")]
        {
            let error = Speakers::read(bad, Voices::default()).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }
}
