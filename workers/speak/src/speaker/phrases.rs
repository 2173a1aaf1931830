//! Phrases: how a run longer than a voice can speak is cut.

use std::ops::Range;

use super::CLAUSE_MS;
use crate::{
    SpeakError,
    phonemes::Symbol,
    sound::{
        level,
        speech::{Sound, Speech},
    },
    voice::{Prosody, Voice},
};

/// Speaks symbols in phrases that the voice can take.
pub(super) fn speak<V: Voice>(
    voice: &V,
    symbols: &[Symbol],
    words: &[&str],
    prosody: Prosody,
) -> Result<Speech, SpeakError> {
    let mut whole = Speech::default();
    for range in cut(voice, symbols) {
        let phrase = &symbols[range];
        if !whole.pcm.is_empty() {
            whole.silence(level::samples_of(CLAUSE_MS));
        }
        let sound = Sound::of(voice.speak(phrase, prosody)?);
        let gain = level::gain(&sound.samples);
        whole.append(sound.speech(phrase, words, gain));
    }
    Ok(whole)
}

/// Ranges that the voice can take: cut after a pause if there is one in the second half, else between words. A range that
/// it can take and does not speak well is cut after a pause only.
fn cut<V: Voice>(voice: &V, symbols: &[Symbol]) -> Vec<Range<usize>> {
    let pause = |at: &usize| symbols[*at].word.is_none() && !symbols[*at].is_seam();
    let between = |at: &usize| matches!(symbols[*at].text.as_str(), " " | "#1");
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < symbols.len() {
        // The end of what has at most so many symbols of the voice.
        let reach = |longest: usize| {
            let mut size = 0;
            let fits = symbols[start..].iter().take_while(|symbol| {
                size += voice.size(symbol);
                size <= longest
            });
            start + fits.count().max(1)
        };
        let mut end = reach(V::MAX_SYMBOLS);
        let good = reach(V::GOOD_SYMBOLS);
        let window = |end: usize| start + (end - start) / 2..end;
        if let Some(at) = window(good).rev().find(pause).filter(|_| good < symbols.len()) {
            end = at + 1;
        } else if end < symbols.len() {
            end = window(end).rev().find(pause).or_else(|| window(end).rev().find(between)).map_or(end, |at| at + 1);
        }
        ranges.push(start..end);
        start = end;
    }
    ranges.retain(|range| symbols[range.clone()].iter().any(|symbol| symbol.word.is_some()));
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::Spoken;

    struct Short;

    impl Voice for Short {
        const MAX_SYMBOLS: usize = 40;
        const GOOD_SYMBOLS: usize = 20;

        fn size(&self, symbol: &Symbol) -> usize {
            if symbol.word.is_some() { 2 } else { 1 }
        }

        fn speak(&self, _phrase: &[Symbol], _prosody: Prosody) -> Result<Spoken, SpeakError> {
            Ok(Spoken { pcm: Vec::new(), rate_hz: 24_000, spans: Vec::new() })
        }
    }

    fn cuts(text: &str) -> Vec<String> {
        let of = |c: char| if c.is_alphabetic() { Symbol::of(c, 0) } else { Symbol::mark(&c.to_string()) };
        let symbols: Vec<Symbol> = text.chars().map(of).collect();
        cut(&Short, &symbols).into_iter().map(|range| text[range].to_owned()).collect()
    }

    #[test]
    fn a_phrase_is_cut_where_it_pauses_and_only_a_long_one_between_words() {
        assert_eq!(cuts("abc def, gh"), ["abc def, gh"]);
        assert_eq!(cuts("abc def, ghi jkl mno"), ["abc def,", " ghi jkl mno"]);
        assert_eq!(cuts("abcdef ghijklmn"), ["abcdef ghijklmn"], "not well spoken, and there is no pause");
        assert_eq!(cuts("abcdef ghijklm nopqrst uvw"), ["abcdef ghijklm ", "nopqrst uvw"]);
        assert_eq!(cuts(&"a".repeat(30)), ["a".repeat(20), "a".repeat(10)]);
    }
}
