//! Speech with its timing, and how pieces of it are joined.

use std::ops::Range;

use medley_media::audio::resample;
use medley_proto::{MarkTime, PhonemeTime, SentenceTime, SpeechTiming, Viseme, WordTime};

use super::{
    level::{self, RATE_HZ},
    viseme::{of_chinese, of_english},
};
use crate::{document::Mark, language::Language, phonemes::Symbol, voice::Spoken};

/// Mono sound at 24 kHz with the times of its sentences, words, phonemes and marks.
#[derive(Debug, Default)]
pub struct Speech {
    pub pcm: Vec<f32>,
    pub timing: SpeechTiming,
}

impl Speech {
    pub const RATE_HZ: u32 = RATE_HZ;

    pub fn duration_s(&self) -> f64 {
        seconds(self.pcm.len())
    }

    pub(crate) fn silence(&mut self, samples: usize) {
        self.pcm.resize(self.pcm.len() + samples, 0.0);
        self.timing.duration_s = self.duration_s();
    }

    /// Appends other speech.
    pub(crate) fn append(&mut self, other: Speech) {
        let offset_s = self.duration_s();
        self.pcm.extend(other.pcm);
        let mut timing = other.timing;
        shift(&mut timing, offset_s);
        self.timing.sentences.append(&mut timing.sentences);
        self.timing.words.append(&mut timing.words);
        self.timing.phonemes.append(&mut timing.phonemes);
        self.timing.marks.append(&mut timing.marks);
        self.timing.duration_s = self.duration_s();
    }

    /// Records the time of each mark: the start of the word that follows it, or the end of the speech.
    pub(crate) fn mark(&mut self, text: &str, marks: &[Mark]) {
        let mut at = 0;
        let mut starts = Vec::new();
        for word in &self.timing.words {
            if let Some(found) = text[at..].find(word.text.as_str()) {
                starts.push((at + found + word.text.len(), word.start_s));
                at += found + word.text.len();
            }
        }
        for mark in marks {
            let next = starts.iter().find(|(end, _)| *end > mark.at);
            let time_s = next.map_or(rounded(self.duration_s()), |(_, start_s)| *start_s);
            self.timing.marks.push(MarkTime { time_s, name: mark.name.clone() });
        }
    }

    /// Makes the whole speech one sentence.
    pub(crate) fn sentence(&mut self, text: &str, language: Language) {
        let end_s = self.timing.words.last().map_or(self.duration_s(), |word| word.end_s);
        let start_s = self.timing.words.first().map_or(0.0, |word| word.start_s);
        self.timing.sentences =
            vec![SentenceTime { start_s, end_s, text: text.into(), language: language.code().into() }];
    }
}

/// A voice's sound at the common rate, with the samples of each symbol.
pub(crate) struct Sound {
    pub(crate) samples: Vec<f32>,
    spans: Vec<Range<usize>>,
}

impl Sound {
    pub(crate) fn of(spoken: Spoken) -> Self {
        let scale = f64::from(RATE_HZ) / f64::from(spoken.rate_hz);
        let samples = resample(&spoken.pcm, spoken.rate_hz, RATE_HZ);
        let place = |sample: usize| ((sample as f64 * scale).round() as usize).min(samples.len());
        let spans = spoken.spans.iter().map(|span| place(span.start)..place(span.end)).collect();
        Self { samples, spans }
    }

    /// The sound of some of the symbols, with half of the pauses before and after them.
    pub(crate) fn part(&self, symbols: Range<usize>) -> Self {
        let pause = |at: Option<usize>| at.and_then(|at| self.spans.get(at)).map(|span| (span.start + span.end) / 2);
        let start = pause(symbols.start.checked_sub(1)).unwrap_or(0);
        let end = pause(Some(symbols.end)).unwrap_or(self.samples.len()).max(start);
        let place = |sample: usize| sample.clamp(start, end) - start;
        let spans = self.spans[symbols].iter().map(|span| place(span.start)..place(span.end)).collect();
        Self { samples: self.samples[start..end].to_vec(), spans }
    }

    /// Trims, amplifies by `gain` and fades the sound, and computes its timing.
    pub(crate) fn speech(&self, phrase: &[Symbol], words: &[&str], gain: f32) -> Speech {
        let active = level::speech(&self.samples);
        // A soft consonant at the edge may be below the threshold of silence.
        let edge = |of: Option<&Range<usize>>| of.cloned().unwrap_or(active.clone());
        let (first, last) = (edge(self.spans.first()), edge(self.spans.last()));
        let kept = active.start.min(first.start)..active.end.max(last.end).min(self.samples.len());
        let pcm = level::levelled(&self.samples[kept.clone()], gain);
        let place = |sample: usize| sample.clamp(kept.start, kept.end) - kept.start;
        let spans: Vec<Range<usize>> = self.spans.iter().map(|span| place(span.start)..place(span.end)).collect();
        let mut timing = timing(phrase, &spans, words);
        timing.duration_s = seconds(pcm.len());
        Speech { pcm, timing }
    }
}

/// Moves all times by `by_s` seconds.
pub(crate) fn shift(timing: &mut SpeechTiming, by_s: f64) {
    let moved = |start: &mut f64, end: &mut f64| {
        *start = rounded(*start + by_s);
        *end = rounded(*end + by_s);
    };
    timing.sentences.iter_mut().for_each(|time| moved(&mut time.start_s, &mut time.end_s));
    timing.words.iter_mut().for_each(|time| moved(&mut time.start_s, &mut time.end_s));
    timing.phonemes.iter_mut().for_each(|time| moved(&mut time.start_s, &mut time.end_s));
    timing.marks.iter_mut().for_each(|mark| mark.time_s = rounded(mark.time_s + by_s));
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(RATE_HZ)
}

/// A tenth of a millisecond is finer than any voice's frames.
fn rounded(s: f64) -> f64 {
    (s * 1e4).round() / 1e4
}

/// The times of a spoken phrase's words and phonemes. `spans` are samples of the phrase's sound at the common rate;
/// `words` is the text of each word number.
fn timing(symbols: &[Symbol], spans: &[Range<usize>], words: &[&str]) -> SpeechTiming {
    let mut timing = SpeechTiming::default();
    let mut last_word = None;
    // A sign without a sound of its own (stress) gives its time to the phoneme that follows.
    let mut carried: Option<usize> = None;
    for (symbol, span) in symbols.iter().zip(spans) {
        let Some(word) = symbol.word else {
            carried = None;
            continue;
        };
        if span.is_empty() {
            continue;
        }
        let start = carried.take().unwrap_or(span.start);
        let shapes = shapes(symbol.language, &symbol.text);
        if shapes.is_empty() {
            match timing.phonemes.last_mut() {
                Some(last) if symbol.text == "ː" => last.end_s = rounded(seconds(span.end)),
                _ => carried = Some(start),
            }
        }
        let mut at = start as f64;
        for (phoneme, viseme, share) in shapes {
            let end = at + (span.end - start) as f64 * f64::from(share);
            timing.phonemes.push(PhonemeTime { start_s: time(at), end_s: time(end), phoneme, viseme });
            at = end;
        }
        let text = words.get(word).copied().unwrap_or_default();
        match timing.words.last_mut() {
            Some(last) if last_word == Some(word) => last.end_s = time(span.end as f64),
            _ => timing.words.push(WordTime {
                start_s: time(start as f64),
                end_s: time(span.end as f64),
                text: text.into(),
            }),
        }
        last_word = Some(word);
    }
    timing
}

fn time(samples: f64) -> f64 {
    rounded(samples / f64::from(RATE_HZ))
}

fn shapes(language: Language, symbol: &str) -> Vec<(String, Viseme, f32)> {
    match language {
        Language::En => {
            let first = symbol.chars().next().unwrap_or(' ');
            of_english(first).iter().map(|(phoneme, viseme, share)| ((*phoneme).to_owned(), *viseme, *share)).collect()
        }
        Language::Zh => {
            let plain = symbol.trim_end_matches(|c: char| c.is_ascii_digit());
            of_chinese(symbol).iter().map(|(viseme, share)| (plain.to_owned(), *viseme, *share)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stress_lends_its_time_to_the_vowel_and_pauses_have_no_phoneme() {
        let symbols =
            [Symbol::of('h', 0), Symbol::of('ˈ', 0), Symbol::of('I', 0), Symbol::mark(","), Symbol::of('m', 1)];
        let spans = [0..2_400, 2_400..4_800, 4_800..9_600, 9_600..24_000, 24_000..26_400];
        let timing = timing(&symbols, &spans, &["hi", "mum"]);
        let got: Vec<_> = timing.phonemes.iter().map(|p| (p.phoneme.as_str(), p.start_s, p.end_s)).collect();
        assert_eq!(got, [("h", 0.0, 0.1), ("a", 0.1, 0.28), ("ɪ", 0.28, 0.4), ("m", 1.0, 1.1)]);
        let words: Vec<_> = timing.words.iter().map(|w| (w.text.as_str(), w.start_s, w.end_s)).collect();
        assert_eq!(words, [("hi", 0.0, 0.4), ("mum", 1.0, 1.1)]);
    }

    #[test]
    fn appended_speech_is_later() {
        let mut whole = Speech::default();
        whole.silence(24_000);
        let mut part = Speech { pcm: vec![0.0; 2_400], timing: SpeechTiming::default() };
        part.timing.words.push(WordTime { start_s: 0.05, end_s: 0.1, text: "a".into() });
        whole.append(part);
        assert_eq!((whole.timing.words[0].start_s, whole.timing.words[0].end_s), (1.05, 1.1));
        assert_eq!(whole.timing.duration_s, 1.1);
    }
}
