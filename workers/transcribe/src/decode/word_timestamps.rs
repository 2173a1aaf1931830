//! The start and end of each word.
//!
//! Whisper's attention (dynamic time warping over its alignment heads, as in OpenAI's `timing.py`) shows when the model moved
//! from one token to the next. At a pause this is vague: the model may move anywhere within it. The voice detector places
//! pauses to a thirtieth of a second but knows no words. This module joins the two. Dynamic programming assigns the words to
//! the regions of speech in order, by the attention's times, by how long a word of that length takes to say, and by
//! punctuation, which tends to stand at pauses. Inside a region the attention's times stand; the first word begins where the
//! region begins, and the last word ends where it ends.

use medley_text::{
    marks::{ends_phrase, final_mark, is_sentence_end},
    script::is_unspaced,
};

use crate::{
    speech::{span::Span, windows::Window},
    whisper::DecodedWord,
};

/// Weight of "as long as so many letters take" against "where the attention was", both in squared seconds.
const LENGTH_WEIGHT: f64 = 0.5;
/// What a pause of a second or more after the end of a sentence is worth; half of it after a comma.
const PUNCTUATION_BONUS: f64 = 0.6;
/// The attention marks where a word ended; the sound of the word came this much earlier.
const BEFORE_END_S: f64 = 0.15;
/// No word is shorter unless there is no room.
const MIN_WORD_S: f64 = 0.06;

/// The time of each word, in seconds of the file: in order, inside the window, none overlapping the next.
pub(crate) fn place(words: &[DecodedWord], window: &Window) -> Vec<Span> {
    if words.is_empty() || window.speech.is_empty() {
        return words.iter().map(|_| Span::new(window.start_s(), window.end_s())).collect();
    }
    let bounds = share_out(words, window);
    let mut times = Vec::with_capacity(words.len());
    for (region, range) in window.speech.iter().zip(bounds.windows(2)) {
        inside(&words[range[0]..range[1]], region, window, &mut times);
    }
    times
}

/// Speech without words that lasts this long is more than a hum, a laugh or a word drawn out.
const MIN_UNHEARD_S: f64 = 3.0;

/// The stretches in which speech lasts for seconds without a word: from the word before to the word after, within speech.
pub(crate) fn unheard(words: &[Span], speech: &[Span]) -> Vec<Span> {
    let mut unheard = Vec::new();
    let mut since_s = f64::NEG_INFINITY;
    let starts = words.iter().map(|word| word.start_s).chain([f64::INFINITY]);
    for (n, until_s) in starts.enumerate() {
        let silent = |region: &Span| Span::new(region.start_s.max(since_s), region.end_s.min(until_s));
        let parts: Vec<Span> = speech.iter().map(silent).filter(|part| part.len_s() > 0.0).collect();
        if let (Some(first), Some(last)) = (parts.first(), parts.last())
            && parts.iter().map(Span::len_s).sum::<f64>() >= MIN_UNHEARD_S
        {
            unheard.push(Span::new(first.start_s, last.end_s));
        }
        since_s = words.get(n).map_or(until_s, |word| word.end_s);
    }
    unheard
}

/// Seconds that a word takes to say, up to a factor.
fn weight(word: &str) -> f64 {
    let letters = word.chars().filter(|c| c.is_alphanumeric());
    0.5 + letters
        .map(|c| {
            if is_unspaced(c) {
                2.5
            } else if c.is_numeric() {
                2.0
            } else {
                1.0
            }
        })
        .sum::<f64>()
}

/// Which words were said in which region: `words[bounds[r]..bounds[r + 1]]` in region `r`.
fn share_out(words: &[DecodedWord], window: &Window) -> Vec<usize> {
    let (n, regions) = (words.len(), window.speech.len());
    let mut said = vec![0.0; n + 1];
    for (i, word) in words.iter().enumerate() {
        said[i + 1] = said[i] + weight(&word.text);
    }
    let pace = window.speech_s() / said[n];

    let mut costs = vec![f64::INFINITY; n + 1];
    costs[0] = 0.0;
    let mut choices: Vec<Vec<usize>> = Vec::with_capacity(regions);
    for (r, region) in window.speech.iter().enumerate() {
        let far = distances(words, region, window);
        let bonus = |k: usize| match r.checked_sub(1) {
            Some(before) if k > 0 && k < n => {
                punctuation_bonus(&words[k - 1].text, region.start_s - window.speech[before].end_s)
            }
            _ => 0.0,
        };
        let mut next = vec![f64::INFINITY; n + 1];
        let mut choice = vec![0; n + 1];
        for k in (0..=n).filter(|k| costs[*k].is_finite()) {
            for i in k..=n {
                let late = pace * (said[i] - said[k]) - region.len_s();
                let cost = costs[k] + far[i] - far[k] + LENGTH_WEIGHT * late * late / (region.len_s() + 0.3) - bonus(k);
                if cost < next[i] {
                    next[i] = cost;
                    choice[i] = k;
                }
            }
        }
        costs = next;
        choices.push(choice);
    }
    let mut bounds = vec![n; regions + 1];
    for r in (0..regions).rev() {
        bounds[r] = choices[r][bounds[r + 1]];
    }
    bounds
}

/// Running sum over the words of how far (squared) the attention's time of each is from the region.
fn distances(words: &[DecodedWord], region: &Span, window: &Window) -> Vec<f64> {
    let (start, end) = (window.to_window_s(region.start_s), window.to_window_s(region.end_s));
    let mut sums = vec![0.0; words.len() + 1];
    for (i, word) in words.iter().enumerate() {
        let far = word.end_s.map_or(0.0, |end_s| {
            let at = end_s - BEFORE_END_S;
            (start - at).max(at - end).clamp(0.0, 3.0)
        });
        sums[i + 1] = sums[i] + far * far;
    }
    sums
}

fn punctuation_bonus(word_before: &str, pause_s: f64) -> f64 {
    let share = if is_sentence_end(word_before) {
        1.0
    } else if final_mark(word_before).is_some_and(ends_phrase) {
        0.5
    } else {
        0.0
    };
    PUNCTUATION_BONUS * share * pause_s.min(1.0)
}

/// Times of the words of one region.
fn inside(words: &[DecodedWord], region: &Span, window: &Window, times: &mut Vec<Span>) {
    let n = words.len();
    if n == 0 {
        return;
    }
    let offset = region.start_s - window.to_window_s(region.start_s);
    let total: f64 = words.iter().map(|word| weight(&word.text)).sum();
    let shortest = MIN_WORD_S.min(region.len_s() / n as f64);
    let mut ends = Vec::with_capacity(n);
    let mut said = 0.0;
    for word in words {
        said += weight(&word.text);
        let by_length = region.start_s + region.len_s() * said / total;
        ends.push(word.end_s.map_or(by_length, |end_s| end_s + offset));
    }
    ends[n - 1] = region.end_s;
    let mut floor = region.start_s;
    for end in &mut ends {
        floor = end.max(floor + shortest).min(region.end_s);
        *end = floor;
    }
    let mut ceiling = region.end_s;
    for (i, end) in ends.iter_mut().enumerate().rev() {
        *end = end.min(ceiling).max(region.start_s + shortest * i as f64);
        ceiling = *end - shortest;
    }
    let mut start = region.start_s;
    for (word, end) in words.iter().zip(ends) {
        let longest = 0.5 + 0.09 * weight(&word.text);
        // The first word keeps its start, which the voice detector found; the others keep their end.
        let first = start == region.start_s;
        let from = if first { start } else { start.max(end - longest) };
        times.push(Span::new(from, if first { end.min(start + longest) } else { end }));
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word(text: &str, end_s: f64) -> DecodedWord {
        DecodedWord { text: text.into(), logprob: -0.1, end_s: Some(end_s) }
    }

    fn window(speech: &[(f64, f64)]) -> Window {
        let speech: Vec<Span> = speech.iter().map(|(a, b)| Span::new(*a, *b)).collect();
        let pieces = vec![Span::new(speech[0].start_s - 0.2, speech[speech.len() - 1].end_s + 0.2)];
        Window { pieces, speech }
    }

    #[test]
    fn the_word_after_a_pause_begins_where_speech_begins_again() {
        let window = window(&[(10.0, 11.0), (13.0, 14.0)]);
        // The attention goes on in the middle of the pause and is late by a third of a second elsewhere.
        let words =
            [word(" Good", 0.9), word(" morning.", 2.1), word(" How", 3.6), word(" are", 3.9), word(" you?", 4.2)];
        let times = place(&words, &window);
        assert_eq!((times[0].start_s, times[1].end_s), (10.0, 11.0));
        assert_eq!((times[2].start_s, times[4].end_s), (13.0, 14.0));
    }

    #[test]
    fn speech_without_words_is_reported() {
        let speech = [Span::new(1.0, 5.0), Span::new(6.0, 8.0), Span::new(8.5, 9.0)];
        let words = [Span::new(1.0, 1.4), Span::new(8.5, 9.0)];
        assert_eq!(unheard(&words, &speech), [Span::new(1.4, 8.0)]);
        assert_eq!(unheard(&[], &speech), [Span::new(1.0, 9.0)]);
        assert_eq!(unheard(&[Span::new(3.0, 3.4), Span::new(6.0, 6.5)], &speech), []);
    }

    proptest! {
        /// Whatever the attention says: times are in order, inside the window, and none overlaps the next.
        #[test]
        fn times_are_monotonic_and_inside(
            ends in prop::collection::vec(0.0..30.0_f64, 1..80),
            runs in prop::collection::vec((0.1..4.0_f64, 0.1..3.0_f64), 1..12),
            aligned in any::<bool>(),
        ) {
            let mut at = 5.0;
            let speech: Vec<(f64, f64)> = runs.iter().map(|(pause, len)| { let a = at + pause; at = a + len; (a, at) }).collect();
            let window = window(&speech);
            let words: Vec<DecodedWord> = ends.iter().map(|end| DecodedWord { end_s: aligned.then_some(*end), ..word(" word,", 0.0) }).collect();
            let times = place(&words, &window);
            prop_assert_eq!(times.len(), words.len());
            let mut last = window.start_s();
            for time in times {
                prop_assert!(time.start_s >= last - 1e-9 && time.end_s >= time.start_s - 1e-9, "{:?} after {}", time, last);
                last = time.end_s;
            }
            prop_assert!(last <= window.end_s() + 1e-9);
        }
    }
}
