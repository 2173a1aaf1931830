//! Which words are whose.

use medley_text::marks::is_sentence_end;

use super::step::Turn;
use crate::step::{DecodedWindow, TimedWord};

/// A word outside of all turns is its nearest speaker's, within this.
const NEAR_S: f64 = 2.0;
/// The voice may seem to change in the middle of a sentence when it does at one's end, this many words away…
const MAX_SHIFT_WORDS: usize = 2;
/// …and at most so long before or after.
const MAX_SHIFT_S: f64 = 0.8;
/// A pause that is as good as a sentence's end.
const PAUSE_S: f64 = 0.4;

/// Gives each word its speaker. Turns and words are in order.
pub(crate) fn attribute(windows: &mut [DecodedWindow], turns: &[Turn]) {
    let mut words: Vec<&mut TimedWord> = windows.iter_mut().flat_map(|window| &mut window.words).collect();
    let (mut from, mut before) = (0, None);
    for word in &mut words {
        while turns.get(from).is_some_and(|turn| turn.span.end_s + NEAR_S < word.start_s) {
            from += 1;
        }
        let near: Vec<&Turn> =
            turns[from..].iter().take_while(|turn| turn.span.start_s < word.end_s + NEAR_S).collect();
        word.speaker = speaker(word, &near, before).or(before);
        word.overlap = is_talked_over(word, &near);
        before = word.speaker;
    }
    move_changes(&mut words);
}

/// How long a turn and a word go together, in seconds; less than nothing is how far they are apart.
fn common_s(word: &TimedWord, turn: &Turn) -> f64 {
    word.end_s.min(turn.span.end_s) - word.start_s.max(turn.span.start_s)
}

/// The speaker of most of a word: of two who say all of it, the one who spoke before.
fn speaker(word: &TimedWord, near: &[&Turn], before: Option<u32>) -> Option<u32> {
    let worth = |turn: &&&Turn| (common_s(word, turn) * 1000.0).round() as i64;
    let best = near.iter().map(|turn| worth(&turn)).max()?;
    let mut equals = near.iter().filter(|turn| worth(turn) == best);
    let first = equals.clone().next().map(|turn| turn.speaker);
    equals.find(|turn| Some(turn.speaker) == before).map(|turn| turn.speaker).or(first)
}

/// Whether two speak during most of a word.
fn is_talked_over(word: &TimedWord, near: &[&Turn]) -> bool {
    let mut half = near.iter().filter(|turn| common_s(word, turn) * 2.0 > word.end_s - word.start_s);
    let Some(first) = half.next() else { return false };
    half.any(|turn| turn.speaker != first.speaker)
}

/// Moves changes of the speaker to the ends of sentences that are close by.
fn move_changes(words: &mut [&mut TimedWord]) {
    let mut at = 1;
    let mut last_change = 0;
    while at < words.len() {
        if words[at - 1].speaker == words[at].speaker {
            at += 1;
            continue;
        }
        let next_change = (at + 1..words.len()).find(|n| words[*n].speaker != words[at].speaker).unwrap_or(words.len());
        let to = better_place(words, at, last_change + 1, next_change).unwrap_or(at);
        let (left, right) = (words[at - 1].speaker, words[at].speaker);
        words[to.min(at)..at].iter_mut().for_each(|word| word.speaker = right);
        words[at..to.max(at)].iter_mut().for_each(|word| word.speaker = left);
        last_change = to;
        at = to.max(at) + 1;
    }
}

/// The nearest end of a sentence, from `first` on and before `end`; none where the change is at one already.
fn better_place(words: &[&mut TimedWord], at: usize, first: usize, end: usize) -> Option<usize> {
    let ends_before =
        |n: usize| is_sentence_end(&words[n - 1].text) || words[n].start_s - words[n - 1].end_s >= PAUSE_S;
    let at_s = words[at].start_s;
    let places = at.saturating_sub(MAX_SHIFT_WORDS).max(first)..(at + MAX_SHIFT_WORDS + 1).min(end);
    let near = places.filter(|n| ends_before(*n) && (words[*n].start_s - at_s).abs() <= MAX_SHIFT_S);
    near.min_by(|a, b| {
        let far = |n: usize| (words[n].start_s - at_s).abs();
        far(*a).total_cmp(&far(*b)).then(a.cmp(b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of 0.4 s without pauses, by the speakers of these turns.
    fn attributed(text: &str, turns: &[(f64, f64, u32)]) -> Vec<(String, Option<u32>, bool)> {
        let word = |(n, text): (usize, &str)| TimedWord {
            start_s: n as f64 * 0.4,
            end_s: n as f64 * 0.4 + 0.4,
            text: format!(" {text}"),
            ..TimedWord::default()
        };
        let words = text.split(' ').enumerate().map(word).collect();
        let turns: Vec<Turn> = turns.iter().copied().map(Turn::from).collect();
        let mut windows = [DecodedWindow { words, ..DecodedWindow::default() }];
        attribute(&mut windows, &turns);
        windows[0].words.iter().map(|word| (word.text.trim().to_owned(), word.speaker, word.overlap)).collect()
    }

    fn speakers(text: &str, turns: &[(f64, f64, u32)]) -> String {
        let name = |speaker: Option<u32>| speaker.map_or('-', |n| char::from(b'a' + n as u8));
        attributed(text, turns).into_iter().map(|(_, speaker, _)| name(speaker)).collect()
    }

    #[test]
    fn words_are_theirs_who_say_most_of_them() {
        assert_eq!(speakers("one two three four", &[(0.0, 0.9, 0), (0.9, 1.6, 1)]), "aabb");
        assert_eq!(speakers("one two three four", &[(0.0, 0.7, 0), (1.25, 1.6, 1)]), "aabb", "the nearest");
        assert_eq!(speakers("one two", &[]), "--");
        assert_eq!(speakers("one two", &[(9.0, 10.0, 0)]), "--", "nobody is near");
    }

    #[test]
    fn a_change_in_a_sentence_moves_to_its_end() {
        assert_eq!(speakers("are you there? yes I am", &[(0.0, 0.85, 0), (0.85, 2.4, 1)]), "aaabbb");
        assert_eq!(speakers("are you there? yes I am", &[(0.0, 1.6, 0), (1.6, 2.4, 1)]), "aaabbb");
        assert_eq!(speakers("a b c d e f", &[(0.0, 1.2, 0), (1.2, 2.4, 1)]), "aaabbb", "no end is near");
        assert_eq!(speakers("so. yes. no", &[(0.0, 0.4, 0), (0.4, 0.8, 1), (0.8, 1.2, 0)]), "aba");
    }

    #[test]
    fn words_that_two_say_at_once_are_flagged_and_stay_with_who_spoke() {
        let found = attributed("one two three four", &[(0.0, 1.6, 0), (0.8, 1.2, 1)]);
        let flags: Vec<bool> = found.iter().map(|(_, _, overlap)| *overlap).collect();
        assert_eq!(flags, [false, false, true, false]);
        assert!(found.iter().all(|(_, speaker, _)| *speaker == Some(0)));
    }
}
