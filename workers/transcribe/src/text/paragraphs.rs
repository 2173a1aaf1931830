//! Paragraphs: broken where somebody pauses for long or turns to another topic, and never inside a sentence.
//!
//! A long pause after a sentence ends a paragraph. A paragraph that is still long is broken again at the best end of a sentence:
//! after a pause that is long for this speaker, before words unlike those just said (lexical cohesion as in Hearst,
//! "TextTiling", 1997). The length only decides whether to search for such a place.

use medley_text::{
    marks::is_sentence_end,
    numbers::{expects_number, is_number},
    script::is_unspaced,
};

use super::{
    sentences::{Sentence, join},
    terms::{Bag, add, bag, cosine},
};

/// A pause after a sentence that ends a paragraph.
const PAUSE_S: f64 = 2.5;
/// The same where the words before do not seem to end a sentence.
const UNFINISHED_PAUSE_S: f64 = 5.0;
/// A longer paragraph is searched for a better place to end; a Chinese character counts as three.
const LONG_CHARS: usize = 600;
/// A paragraph that is longer ends at the best place, however good that is.
const MAX_CHARS: usize = 1800;
/// A place that leaves less on one side is not considered.
const MIN_CHARS: usize = 160;
/// Sentences that are compared on each side of a place.
const CONTEXT: usize = 4;
/// How good a place must be: a pause twice as long as the speaker's usual one and a half change of words, for instance.
const GOOD: f64 = 1.3;

/// The text as paragraphs, with an empty line between them. Where `name` knows who speaks, a paragraph begins with that.
pub(crate) fn paragraphs(sentences: &[Sentence], name: impl Fn(u32) -> Option<String>) -> String {
    let ends = ends(sentences);
    let mut from = 0;
    let mut paragraphs = Vec::new();
    for to in ends {
        let texts: Vec<String> = sentences[from..to].iter().map(Sentence::text).collect();
        let who = sentences[from].speaker.and_then(&name).map(|name| format!("{name}: ")).unwrap_or_default();
        paragraphs.push(who + &join(texts.iter().map(String::as_str)) + "\n");
        from = to;
    }
    paragraphs.join("\n")
}

/// The sentence after the last of each paragraph.
fn ends(sentences: &[Sentence]) -> Vec<usize> {
    let gaps: Vec<Gap> = (1..sentences.len()).map(|at| Gap::before(sentences, at)).collect();
    let mut pauses: Vec<f64> = gaps.iter().filter(|gap| gap.may_break).map(|gap| gap.pause_s).collect();
    pauses.sort_by(f64::total_cmp);
    let text = Text {
        chars: sentences.iter().map(chars).collect(),
        bags: sentences.iter().map(|sentence| bag(&sentence.text())).collect(),
        usual_pause_s: pauses.get(pauses.len() / 2).copied().unwrap_or(0.0).max(0.2),
        gaps,
    };
    let mut ends = Vec::new();
    let mut from = 0;
    for to in 1..=sentences.len() {
        if to == sentences.len() || text.gaps[to - 1].must_break {
            text.split(from, to, &mut ends);
            from = to;
        }
    }
    ends
}

fn chars(sentence: &Sentence) -> usize {
    let of = |text: &str| text.chars().map(|c| if is_unspaced(c) { 3 } else { 1 }).sum::<usize>();
    sentence.words.iter().map(|word| of(&word.text)).sum()
}

/// The gap between two sentences.
struct Gap {
    pause_s: f64,
    may_break: bool,
    must_break: bool,
}

impl Gap {
    fn before(sentences: &[Sentence], at: usize) -> Self {
        let (left, right) = (&sentences[at - 1], &sentences[at]);
        let pause_s = right.start_s() - left.end_s();
        let (Some(last), Some(next)) = (left.words.last(), right.words.first()) else {
            return Self { pause_s, may_break: false, must_break: false };
        };
        if left.language != right.language || left.speaker != right.speaker {
            return Self { pause_s, may_break: true, must_break: true };
        }
        // "Chapter", a pause, "17".
        let is_torn = expects_number(&last.text) && is_number(&next.text);
        let is_finished = is_sentence_end(&last.text) && !is_torn;
        // What comes next may be a sentence of its own: no lower-case letter, no number.
        let is_new = next.text.trim_start().chars().next().is_some_and(|c| !c.is_lowercase()) && !is_number(&next.text);
        let must_break =
            pause_s >= PAUSE_S && is_finished || pause_s >= UNFINISHED_PAUSE_S && is_new && !expects_number(&last.text);
        Self { pause_s, may_break: is_finished, must_break }
    }
}

struct Text {
    chars: Vec<usize>,
    bags: Vec<Bag>,
    /// `gaps[n]` lies before sentence `n + 1`.
    gaps: Vec<Gap>,
    usual_pause_s: f64,
}

impl Text {
    /// Breaks the sentences from one to another at their best places while they are long.
    fn split(&self, from: usize, to: usize, ends: &mut Vec<usize>) {
        let total: usize = self.chars[from..to].iter().sum();
        let best = if total > LONG_CHARS { self.best(from, to, total) } else { None };
        match best {
            Some((score, at)) if score >= GOOD || total > MAX_CHARS => {
                self.split(from, at, ends);
                self.split(at, to, ends);
            }
            _ => ends.push(to),
        }
    }

    fn best(&self, from: usize, to: usize, total: usize) -> Option<(f64, usize)> {
        let mut best: Option<(f64, usize)> = None;
        let mut before = 0;
        for at in from + 1..to {
            before += self.chars[at - 1];
            let is_short = before < MIN_CHARS || total - before < MIN_CHARS;
            if is_short || !self.gaps[at - 1].may_break {
                continue;
            }
            let score = self.score(from, at, to);
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, at));
            }
        }
        best
    }

    /// How good a place is: the pause against the usual one (an octave is one, three at most), and how unlike the words are.
    fn score(&self, from: usize, at: usize, to: usize) -> f64 {
        let pause = (self.gaps[at - 1].pause_s.max(0.05) / self.usual_pause_s).log2().clamp(-1.0, 3.0);
        let whole = |bags: &[Bag]| {
            let mut whole = Bag::new();
            bags.iter().for_each(|bag| add(&mut whole, bag));
            whole
        };
        let left = whole(&self.bags[at.saturating_sub(CONTEXT).max(from)..at]);
        let right = whole(&self.bags[at..(at + CONTEXT).min(to)]);
        pause + 1.0 - cosine(&left, &right)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        step::{DecodedWindow, TimedWord},
        text::sentences::sentences,
    };

    /// Words with the pause that follows each, in seconds; a word takes 0.3 s.
    fn said(words: &[(&str, f64)]) -> String {
        let mut at_s = 0.0;
        let word = |(text, pause_s): &(&str, f64)| {
            let word = TimedWord {
                start_s: at_s,
                end_s: at_s + 0.3,
                text: format!(" {text}"),
                logprob: -0.1,
                ..TimedWord::default()
            };
            at_s = word.end_s + pause_s;
            word
        };
        let words = words.iter().map(word).collect();
        paragraphs(&sentences(&[DecodedWindow { words, ..DecodedWindow::default() }]), |_| None)
    }

    fn text(sentences: &[(&str, f64)]) -> String {
        let words = sentences.iter().flat_map(|(text, pause_s)| {
            let mut words: Vec<(&str, f64)> = text.split(' ').map(|word| (word, 0.05)).collect();
            if let Some(last) = words.last_mut() {
                last.1 = *pause_s;
            }
            words
        });
        said(&words.collect::<Vec<_>>())
    }

    #[test]
    fn a_number_stays_with_the_words_before_it() {
        assert_eq!(
            said(&[("Chapter", 3.0), ("17.", 3.0), ("It", 0.1), ("rained.", 0.0)]),
            "Chapter 17.\n\nIt rained.\n"
        );
        assert_eq!(said(&[("Chapter.", 6.0), ("17.", 0.0)]), "Chapter. 17.\n");
        assert_eq!(said(&[("Part", 9.0), ("two.", 3.0), ("Then", 0.0)]), "Part two.\n\nThen\n");
        assert_eq!(said(&[("第", 6.0), ("十七章。", 0.0)]), "第十七章。\n");
    }

    #[test]
    fn a_sentence_is_never_broken() {
        assert_eq!(said(&[("He", 0.1), ("paused", 4.0), ("and", 0.1), ("went.", 0.0)]), "He paused and went.\n");
        assert_eq!(said(&[("Good.", 2.6), ("Next.", 0.0)]), "Good.\n\nNext.\n");
        assert_eq!(said(&[("Headline", 6.0), ("Next.", 0.0)]), "Headline\n\nNext.\n");
    }

    #[test]
    fn a_long_text_breaks_where_the_topic_turns() {
        let bees = "The bees gather pollen from the flowers and the hive of the bees keeps honey for winter.";
        let rust = "The compiler checks every borrow in a program and the program frees memory without races.";
        let found = text(&[
            (bees, 0.3),
            (bees, 0.3),
            (bees, 0.3),
            (bees, 0.8),
            (rust, 0.3),
            (rust, 0.3),
            (rust, 0.3),
            (rust, 0.3),
        ]);
        let halves: Vec<&str> = found.split("\n\n").collect();
        assert_eq!(halves.len(), 2, "{found}");
        assert!(!halves[0].contains("compiler") && !halves[1].contains("bees"), "{found}");
        let one: Vec<(&str, f64)> = vec![(bees, 0.3); 12];
        assert!(!text(&one).contains("\n\n"), "one topic without a pause is one paragraph");
    }

    proptest! {
        /// Whatever is said: no word is lost, and every paragraph but the last ends with a sentence.
        #[test]
        fn no_word_is_lost(words in prop::collection::vec(("[a-z]{1,8}[,.?]?", 0.0..2.4_f64), 1..300)) {
            let timed: Vec<(&str, f64)> = words.iter().map(|(text, pause_s)| (text.as_str(), *pause_s)).collect();
            let found = said(&timed);
            let bare = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let all: Vec<&str> = words.iter().map(|(text, _)| text.as_str()).collect();
            prop_assert_eq!(bare(&found), all.join(" "));
            let paragraphs: Vec<&str> = found.split("\n\n").collect();
            for paragraph in &paragraphs[..paragraphs.len() - 1] {
                prop_assert!(paragraph.ends_with(['.', '?']), "{}", paragraph);
            }
        }
    }
}
