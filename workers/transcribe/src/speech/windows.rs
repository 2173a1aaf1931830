//! Packs regions of speech into windows that are decoded in one go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    SAMPLE_RATE_HZ,
    span::{Span, milliseconds},
};

/// The most audio in a window. Whisper's encoder costs the same for one second as for 30, so windows are filled; the
/// rest is room for its habit of trailing off at the very end.
pub(crate) const MAX_AUDIO_S: f64 = 28.0;
/// How much of a pause is kept on each side of it.
const PAD_S: f64 = 0.24;
/// A window may end this much before it is full when there is a longer pause.
const EASE_S: f64 = 4.0;

/// A window that is decoded in one go: pieces of the file, in order, joined without the long silences between them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Stretches of the file, in seconds; together at most [`MAX_AUDIO_S`].
    pub(crate) pieces: Vec<Span>,
    /// The regions of speech, in seconds of the file; each inside one piece.
    pub(crate) speech: Vec<Span>,
}

impl Window {
    pub(crate) fn audio_s(&self) -> f64 {
        self.pieces.iter().map(Span::len_s).sum()
    }

    pub(crate) fn speech_s(&self) -> f64 {
        self.speech.iter().map(Span::len_s).sum()
    }

    pub(crate) fn start_s(&self) -> f64 {
        self.pieces.first().map_or(0.0, |piece| piece.start_s)
    }

    pub(crate) fn end_s(&self) -> f64 {
        self.pieces.last().map_or(0.0, |piece| piece.end_s)
    }

    /// A time of the window's own audio as a time of the file.
    #[cfg(test)]
    pub(crate) fn to_file_s(&self, at_s: f64) -> f64 {
        let mut before = 0.0;
        for piece in &self.pieces {
            if at_s <= before + piece.len_s() {
                return piece.start_s + (at_s - before).max(0.0);
            }
            before += piece.len_s();
        }
        self.end_s()
    }

    /// A time of the file as a time of the window's own audio; what lies between pieces falls together.
    pub(crate) fn to_window_s(&self, at_s: f64) -> f64 {
        let mut before = 0.0;
        for piece in &self.pieces {
            if at_s < piece.end_s {
                return before + (at_s - piece.start_s).max(0.0);
            }
            before += piece.len_s();
        }
        before
    }

    /// The two halves at the longest pause near the middle, when there is one.
    pub(crate) fn halves(&self) -> Option<(Self, Self)> {
        let total = self.speech_s();
        let mut before = 0.0;
        let mut best: Option<(f64, usize)> = None;
        for (n, pair) in self.speech.windows(2).enumerate() {
            before += pair[0].len_s();
            let pause = (pair[1].start_s - pair[0].end_s).min(1.0);
            // A cut in the middle is worth as much as a second of pause.
            let score = pause - (before / total - 0.5).abs();
            if before > 1.0 && total - before > 1.0 && best.is_none_or(|(best, _)| score > best) {
                best = Some((score, n + 1));
            }
        }
        let (_, at) = best?;
        let (left, right) = self.speech.split_at(at);
        Some((of_regions(left, self.start_s(), right[0].start_s), of_regions(right, left[at - 1].end_s, self.end_s())))
    }

    /// The part that holds stretches of its speech, which lie in it in order: from the first of `within` to the last plus one.
    pub(crate) fn part(&self, stretches: &[Span], within: (usize, usize)) -> Self {
        if within == (0, stretches.len()) {
            return self.clone();
        }
        let floor_s = within.0.checked_sub(1).map_or(self.start_s(), |before| stretches[before].end_s);
        let ceiling_s = stretches.get(within.1).map_or(self.end_s(), |after| after.start_s);
        let mut speech: Vec<Span> = Vec::new();
        for stretch in &stretches[within.0..within.1] {
            match speech.last_mut() {
                Some(last) if stretch.start_s <= last.end_s => last.end_s = stretch.end_s,
                _ => speech.push(*stretch),
            }
        }
        of_regions(&speech, floor_s, ceiling_s)
    }
}

/// The window of these regions; `floor_s` and `ceiling_s` bound its audio.
fn of_regions(speech: &[Span], floor_s: f64, ceiling_s: f64) -> Window {
    let mut pieces: Vec<Span> = Vec::new();
    for (n, region) in speech.iter().enumerate() {
        let before = if n == 0 { floor_s } else { middle(speech[n - 1].end_s, region.start_s) };
        let after = speech.get(n + 1).map_or(ceiling_s, |next| middle(region.end_s, next.start_s));
        let padded = Span::new((region.start_s - PAD_S).max(before), (region.end_s + PAD_S).min(after));
        match pieces.last_mut() {
            Some(last) if padded.start_s <= last.end_s + 1e-6 => last.end_s = padded.end_s,
            _ => pieces.push(padded),
        }
    }
    Window { pieces, speech: speech.to_vec() }
}

/// Halfway, on the millisecond grid.
fn middle(a_s: f64, b_s: f64) -> f64 {
    milliseconds(f64::midpoint(a_s, b_s))
}

/// Packs a stream of regions; holds the regions of at most two windows.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    waiting: Vec<Span>,
    /// No window begins before this: the middle of the pause after the window before.
    floor_s: f64,
}

impl Packer {
    /// Takes the next region; a window that is full goes to `out`.
    pub(crate) fn push(&mut self, region: Span, out: &mut Vec<Window>) {
        self.waiting.push(region);
        while of_regions(&self.waiting, self.floor_s, f64::INFINITY).audio_s() > MAX_AUDIO_S && self.waiting.len() > 1 {
            self.cut(out);
        }
    }

    /// Packs what is waiting at the end of the file, which is `duration_s` long.
    pub(crate) fn finish(&mut self, duration_s: f64, out: &mut Vec<Window>) {
        if !self.waiting.is_empty() {
            out.push(of_regions(&self.waiting, self.floor_s, duration_s));
            self.waiting.clear();
        }
    }

    /// Ends a window at the longest pause among those that leave it nearly full.
    fn cut(&mut self, out: &mut Vec<Window>) {
        let full = |n: usize| of_regions(&self.waiting[..n], self.floor_s, f64::INFINITY).audio_s();
        let pause = |n: usize| self.waiting[n].start_s - self.waiting[n - 1].end_s;
        let last = self.waiting.len() - 1;
        let min_s = full(last) - EASE_S;
        let at = (1..=last)
            .rev()
            .take_while(|n| full(*n) >= min_s)
            .max_by(|a, b| pause(*a).total_cmp(&pause(*b)))
            .unwrap_or(last);
        let border = middle(self.waiting[at - 1].end_s, self.waiting[at].start_s);
        out.push(of_regions(&self.waiting[..at], self.floor_s, border));
        self.waiting.drain(..at);
        self.floor_s = border;
    }
}

/// Joins the window's pieces from samples of the file that begin at `from` (an index of the file).
pub(crate) fn join(window: &Window, samples: &[f32], from: usize) -> Vec<f32> {
    let mut joined = Vec::with_capacity((window.audio_s() * SAMPLE_RATE_HZ as f64) as usize + 16);
    for piece in &window.pieces {
        let start = sample(piece.start_s).saturating_sub(from).min(samples.len());
        let end = sample(piece.end_s).saturating_sub(from).clamp(start, samples.len());
        joined.extend_from_slice(&samples[start..end]);
    }
    joined
}

/// The index of the sample at a time.
pub(crate) fn sample(at_s: f64) -> usize {
    (at_s * SAMPLE_RATE_HZ as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pack(speech: &[Span], duration_s: f64) -> Vec<Window> {
        let mut packer = Packer::default();
        let mut out = Vec::new();
        speech.iter().for_each(|region| packer.push(*region, &mut out));
        packer.finish(duration_s, &mut out);
        out
    }

    fn speech() -> impl Strategy<Value = (Vec<Span>, f64)> {
        prop::collection::vec((1_u32..20_000, 96_u32..27_000), 1..60).prop_map(|runs| {
            let mut at = 0;
            let mut speech = Vec::new();
            for (pause_ms, speech_ms) in runs {
                let start = at + pause_ms;
                at = start + speech_ms;
                speech.push(Span::new(f64::from(start) / 1000.0, f64::from(at) / 1000.0));
            }
            (speech, f64::from(at + 10) / 1000.0)
        })
    }

    proptest! {
        /// A recogniser that decodes exactly the words whose sound is in the window loses none and doubles none: every
        /// sample of speech is in exactly one window, windows do not overlap, and none is longer than allowed.
        #[test]
        fn no_speech_is_lost_or_doubled_at_a_cut((speech, duration_s) in speech()) {
            let windows = pack(&speech, duration_s);
            let all: Vec<Span> = windows.iter().flat_map(|w| w.speech.iter().copied()).collect();
            prop_assert_eq!(&all, &speech);
            let mut last = 0.0;
            for window in &windows {
                prop_assert!(window.audio_s() <= MAX_AUDIO_S + 1e-6, "{}", window.audio_s());
                for piece in &window.pieces {
                    prop_assert!(piece.start_s >= last - 1e-9 && piece.end_s > piece.start_s);
                    last = piece.end_s;
                }
                for region in &window.speech {
                    let holders = window.pieces.iter().filter(|p| p.start_s <= region.start_s && region.end_s <= p.end_s).count();
                    prop_assert_eq!(holders, 1);
                }
            }
            prop_assert!(last <= duration_s + 1e-9);
        }

        /// Times go there and back.
        #[test]
        fn window_times_and_file_times_agree((speech, duration_s) in speech(), part in 0.0..1.0_f64) {
            for window in pack(&speech, duration_s) {
                for region in &window.speech {
                    let at = region.start_s + part * region.len_s();
                    prop_assert!((window.to_file_s(window.to_window_s(at)) - at).abs() < 1e-6);
                }
            }
        }

        /// Parts share out the regions, whatever region a change lies in, and lie in the window's own audio.
        #[test]
        fn parts_lose_nothing((speech, duration_s) in speech(), at in 0.0..1.0_f64) {
            for window in pack(&speech, duration_s) {
                let cut = |region: &Span| {
                    let middle_s = milliseconds(region.start_s + region.len_s() / 2.0);
                    [Span::new(region.start_s, middle_s), Span::new(middle_s, region.end_s)]
                };
                let stretches: Vec<Span> = window.speech.iter().flat_map(cut).collect();
                let at = ((at * stretches.len() as f64) as usize).clamp(1, stretches.len() - 1);
                let parts = [window.part(&stretches, (0, at)), window.part(&stretches, (at, stretches.len()))];
                let speech_s: f64 = parts.iter().map(Window::speech_s).sum();
                prop_assert!((speech_s - window.speech_s()).abs() < 1e-6);
                for piece in parts.iter().flat_map(|part| &part.pieces) {
                    let holders = window.pieces.iter();
                    let inside = |p: &&Span| p.start_s <= piece.start_s + 1e-6 && piece.end_s <= p.end_s + 1e-6;
                    prop_assert_eq!(holders.filter(inside).count(), 1, "{:?} in {:?}", piece, window);
                }
                prop_assert_eq!(window.part(&stretches, (0, stretches.len())), window);
            }
        }

        /// Halves share out the regions.
        #[test]
        fn halves_lose_nothing((speech, duration_s) in speech()) {
            for window in pack(&speech, duration_s) {
                if let Some((left, right)) = window.halves() {
                    let both: Vec<Span> = left.speech.iter().chain(&right.speech).copied().collect();
                    prop_assert_eq!(&both, &window.speech);
                    prop_assert!(left.end_s() <= right.start_s() + PAD_S * 2.0);
                }
            }
        }
    }
}
