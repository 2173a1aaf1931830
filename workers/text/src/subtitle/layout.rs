//! Takes speech as it comes and gives cues as they are complete.

use medley_proto::{SentenceTime, SpeechTiming, WordTime};

use super::{Cue, Limits, alignment, block, display::Display, spoken::Block};
use crate::script::is_tight;

/// A pause that no cue is shown across.
const PAUSE_S: f64 = 1.0;

/// The most text that waits for a pause. Longer blocks are cut after a sentence, so hours of speech take no more memory.
pub const MAX_BLOCK_CHARS: usize = 4_000;

/// Lays speech out as cues.
///
/// Speech comes in order, by words ([`Layout::word`]) or by sentences ([`Layout::sentence`]). [`Layout::take`] gives the
/// cues that are complete, [`Layout::finish`] the rest.
#[derive(Debug)]
pub struct Layout {
    limits: Limits,
    open: Block,
    display: Display,
}

impl Layout {
    pub fn new(limits: Limits) -> Self {
        Self { limits, open: Block::default(), display: Display::default() }
    }

    /// What follows is said by another speaker; the same one again changes nothing. No cue holds words of two.
    pub fn speaker(&mut self, speaker: Option<&str>) {
        if self.open.speaker.as_deref() != speaker {
            self.close(self.open.spans.len());
            self.open.speaker = speaker.map(str::to_owned);
        }
    }

    /// Adds a word, or any other piece of speech, as it is written: with its punctuation, and with a space before it
    /// where it is written apart.
    pub fn word(&mut self, start_s: f64, end_s: f64, text: &str) {
        if text.is_empty() {
            return;
        }
        let pause_s = self.open.spans.last().map_or(0.0, |last| start_s - last.end_s);
        if pause_s >= PAUSE_S {
            self.close(self.open.spans.len());
        } else if self.open.chars >= MAX_BLOCK_CHARS {
            let all = self.open.spans.len();
            self.close(if self.open.sentences > 0 { self.open.sentences } else { all });
        }
        self.open.push(start_s, end_s.max(start_s), text);
    }

    /// Adds a sentence as it is written, with the times of its words. Words that are not found in the sentence as they
    /// are written are left out, and what has no word shares the time between its neighbours.
    pub fn sentence(&mut self, sentence: &SentenceTime, words: &[WordTime]) {
        let text = sentence.text.trim();
        // As sentences are joined in running text: with a space unless both sides are of a script without spaces.
        let tight = |c: Option<char>| c.is_none_or(is_tight);
        let before = self.open.text.chars().next_back();
        let apart = before.is_some() && !(tight(before) && tight(text.chars().next()));
        for (n, piece) in alignment::pieces(sentence, words).into_iter().enumerate() {
            let space = if n == 0 && apart { " " } else { "" };
            self.word(piece.start_s, piece.end_s, &format!("{space}{}", piece.text));
        }
    }

    /// Adds sentences and the words of all of them, both in order.
    pub fn sentences(&mut self, sentences: &[SentenceTime], words: &[WordTime]) {
        let mut rest = words;
        for sentence in sentences {
            let count = rest.iter().take_while(|word| word.start_s < sentence.end_s).count();
            let (own, later) = rest.split_at(count);
            self.sentence(sentence, own);
            rest = later;
        }
    }

    /// The cues that are complete since the last call.
    pub fn take(&mut self) -> Vec<Cue> {
        self.display.take()
    }

    /// The rest of the cues of a file of `duration_s` seconds.
    pub fn finish(mut self, duration_s: f64) -> Vec<Cue> {
        self.close(self.open.spans.len());
        self.display.finish(duration_s)
    }

    fn close(&mut self, spans: usize) {
        let block = self.open.split(spans);
        for cue in block::cues(&block, self.limits) {
            self.display.add(cue);
        }
    }
}

/// The cues of a whole speech.
pub fn speech(timing: &SpeechTiming, limits: Limits) -> Vec<Cue> {
    let mut layout = Layout::new(limits);
    layout.sentences(&timing.sentences, &timing.words);
    layout.finish(timing.duration_s)
}
