//! Phrases: how a run longer than a voice can speak is cut.

use std::ops::Range;

use super::CLAUSE_MS;
use crate::{
    SpeakError,
    language::Language,
    sound::{
        level,
        speech::{Sound, Speech},
    },
    voice::{Prosody, Symbol, Voice},
};

/// Speaks symbols in phrases that the voice can take.
pub(super) fn speak<V: Voice>(
    voice: &V,
    language: Language,
    symbols: &[Symbol],
    words: &[&str],
    prosody: Prosody,
) -> Result<Speech, SpeakError> {
    let mut whole = Speech::default();
    for range in cut(symbols, V::MAX_SYMBOLS) {
        let phrase = &symbols[range];
        if !whole.pcm.is_empty() {
            whole.silence(level::samples_of(CLAUSE_MS));
        }
        let sound = Sound::of(voice.speak(phrase, prosody)?);
        let gain = level::gain(&sound.samples);
        whole.append(sound.speech(language, phrase, words, gain));
    }
    Ok(whole)
}

/// Ranges of at most `longest` symbols, cut after a pause if there is one in the second half, else between words.
fn cut(symbols: &[Symbol], longest: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < symbols.len() {
        let mut end = (start + longest).min(symbols.len());
        if end < symbols.len() {
            let window = start + longest / 2..end;
            let pause =
                |at: &usize| symbols[*at].word.is_none() && !matches!(symbols[*at].text.as_str(), " " | "#0" | "#1");
            let between = |at: &usize| matches!(symbols[*at].text.as_str(), " " | "#1");
            end = window.clone().rev().find(pause).or_else(|| window.rev().find(between)).map_or(end, |at| at + 1);
        }
        ranges.push(start..end);
        start = end;
    }
    ranges.retain(|range| symbols[range.clone()].iter().any(|symbol| symbol.word.is_some()));
    ranges
}
