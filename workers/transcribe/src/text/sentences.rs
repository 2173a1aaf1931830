//! From timed words to sentences.

use medley_text::{
    marks::{ends_phrase, final_mark, is_sentence_end},
    script::is_tight,
};

use crate::step::{DecodedWindow, TimedWord};

/// A pause that ends a sentence, whatever its last word is.
const SENTENCE_PAUSE_S: f64 = 1.2;
/// The same in text that has no punctuation of its own (no mark in the last 40 words).
const BARE_PAUSE_S: f64 = 0.5;
/// A sentence that is longer ends at the next comma…
const LONG_S: f64 = 14.0;
/// …and one that is longer still ends at the next word.
const MAX_S: f64 = 24.0;

/// Words that belong together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sentence {
    pub(crate) words: Vec<TimedWord>,
    /// The probability of the window that it begins in.
    pub(crate) no_speech_prob: f64,
    /// The language it is spoken in, ISO 639-1.
    pub(crate) language: String,
    /// Who says it.
    pub(crate) speaker: Option<u32>,
}

impl Sentence {
    pub(crate) fn start_s(&self) -> f64 {
        self.words.first().map_or(0.0, |word| word.start_s)
    }

    pub(crate) fn end_s(&self) -> f64 {
        self.words.last().map_or(0.0, |word| word.end_s)
    }

    pub(crate) fn text(&self) -> String {
        let text: String = self.words.iter().map(|word| word.text.as_str()).collect();
        text.trim().to_owned()
    }
}

/// Cuts the words of all windows into sentences; none is in two languages, or of two speakers.
pub(crate) fn sentences(windows: &[DecodedWindow]) -> Vec<Sentence> {
    let words: Vec<(&TimedWord, &DecodedWindow)> =
        windows.iter().flat_map(|window| window.words.iter().map(move |word| (word, window))).collect();
    let mut sentences = Vec::new();
    let mut open = Sentence::default();
    let mut unmarked = 0;
    for (n, (word, window)) in words.iter().enumerate() {
        if open.words.is_empty() {
            open.no_speech_prob = window.no_speech_prob;
            open.language.clone_from(&window.language);
            open.speaker = word.speaker;
        }
        open.words.push((*word).clone());
        let mark = final_mark(&word.text);
        unmarked = if is_sentence_end(&word.text) { 0 } else { unmarked + 1 };
        let next = words.get(n + 1);
        let pause_s = next.map_or(f64::INFINITY, |(next, _)| next.start_s - word.end_s);
        let long_s = word.end_s - open.start_s();
        let enough = if unmarked > 40 { BARE_PAUSE_S } else { SENTENCE_PAUSE_S };
        if is_sentence_end(&word.text)
            || pause_s >= enough
            || next.is_some_and(|(next, other)| other.language != window.language || next.speaker != word.speaker)
            || long_s > LONG_S && mark.is_some_and(ends_phrase)
            || long_s > MAX_S
        {
            sentences.push(std::mem::take(&mut open));
        }
    }
    sentences
}

/// Joins texts, with a space unless both sides are of a script without spaces.
pub(crate) fn join<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for text in texts {
        let tight = joined.chars().next_back().is_none_or(is_tight) && text.chars().next().is_none_or(is_tight);
        if !tight && !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(text);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spoken(text: &str) -> DecodedWindow {
        let word = |(n, text): (usize, &str)| TimedWord {
            start_s: n as f64 * 0.4,
            end_s: n as f64 * 0.4 + 0.3,
            text: text.into(),
            logprob: -0.1,
            ..TimedWord::default()
        };
        DecodedWindow { words: text.split_inclusive(' ').enumerate().map(word).collect(), ..DecodedWindow::default() }
    }

    #[test]
    fn sentences_end_at_their_marks_and_not_at_abbreviations() {
        let found = sentences(&[spoken("Dr. Smith came home. He was tired! Was he?")]);
        let texts: Vec<String> = found.iter().map(Sentence::text).collect();
        assert_eq!(texts, ["Dr. Smith came home.", "He was tired!", "Was he?"]);
    }

    #[test]
    fn another_language_is_another_sentence() {
        let [mut english, mut chinese] = [spoken("and he said"), spoken("你好")];
        (english.language, chinese.language) = ("en".into(), "zh".into());
        let found = sentences(&[english, chinese]);
        let languages: Vec<&str> = found.iter().map(|sentence| sentence.language.as_str()).collect();
        assert_eq!(languages, ["en", "zh"]);
    }

    #[test]
    fn another_speaker_is_another_sentence() {
        let mut said = spoken("are you there yes I am");
        said.words.iter_mut().enumerate().for_each(|(n, word)| word.speaker = Some(u32::from(n > 2)));
        let found = sentences(&[said]);
        let texts: Vec<(Option<u32>, String)> = found.iter().map(|s| (s.speaker, s.text())).collect();
        assert_eq!(texts, [(Some(0), "are you there".into()), (Some(1), "yes I am".into())]);
    }

    #[test]
    fn texts_join_as_they_are_written() {
        assert_eq!(join(["One.", "Two."]), "One. Two.");
        assert_eq!(join(["你好。", "再见。"]), "你好。再见。");
        assert_eq!(join(["他说", "OK", "好"]), "他说 OK 好");
    }

    proptest! {
        /// No word is lost, whatever the text and wherever the windows are cut.
        #[test]
        fn no_word_is_lost_in_sentences(text in "([a-z]{1,8}[,.?]? ){1,120}", cut in 0_usize..120) {
            let all = spoken(&text);
            let cut = cut.min(all.words.len());
            let (left, right) = all.words.split_at(cut);
            let windows = [left, right].map(|words| DecodedWindow { words: words.to_vec(), ..DecodedWindow::default() });
            let found = sentences(&windows);
            let back: Vec<TimedWord> = found.iter().flat_map(|sentence| sentence.words.clone()).collect();
            prop_assert_eq!(back, all.words);
        }
    }
}
