//! Where somebody speaks, where the voice changes, and where two speak at once.
//!
//! The model hears 10 s at a time and names up to three *local* speakers, whose numbers mean nothing beyond the window.
//! Windows overlap, so several vote on each frame. Constants were chosen on synthetic conversations and three real ones
//! (decision record 0100).

use medley_models::Session;
use ndarray::ArrayView3;
use ort::value::TensorRef;

use super::error::ListenError;
use crate::speech::{SAMPLE_RATE_HZ, span::Span};

/// Samples that the model hears at once: 10 s.
pub(super) const WINDOW: usize = 10 * SAMPLE_RATE_HZ as usize;
/// Samples from a window to the next: 2.5 s.
pub(super) const HOP: usize = WINDOW / 4;
/// Samples of one frame of the model's answer: 16.875 ms.
const FRAME: usize = 270;
const FRAME_S: f64 = FRAME as f64 / SAMPLE_RATE_HZ as f64;
/// The middle of the first frame.
const FIRST_S: f64 = 991.0 / 2.0 / SAMPLE_RATE_HZ as f64;
/// Who speaks in each of the model's classes, as bits.
const CLASSES: [u8; 7] = [0b000, 0b001, 0b010, 0b100, 0b011, 0b101, 0b110];

/// The share of windows that must hear a voice.
const MIN_SPEECH_SHARE: f64 = 0.5;
/// Shorter pauses are filled, and speech that is shorter still is dropped.
const FILLED_PAUSE_S: f64 = 0.3;
const MIN_SPEECH_S: f64 = 0.1;
/// The share of windows that must hear a change of the voice within [`CHANGE_WITHIN_S`] on either side.
const MIN_CHANGE_SHARE: f64 = 0.4;
const CHANGE_WITHIN_S: f64 = 0.25;
/// No cut is nearer to the end of a stretch of speech.
const MIN_FROM_END_S: f64 = 0.25;
/// The mean number of voices from which two speak.
const MIN_VOICES: f64 = 1.5;

/// Where the windows begin that hear something of a stretch, in samples of the file.
pub(super) fn window_starts(stretch: Span, file_samples: usize) -> Vec<usize> {
    let sample = |at_s: f64| (at_s * f64::from(SAMPLE_RATE_HZ)).round() as usize;
    let (from, to) = (sample(stretch.start_s), sample(stretch.end_s));
    let last = file_samples.saturating_sub(WINDOW).div_ceil(HOP);
    let first = (from + 1).saturating_sub(WINDOW).div_ceil(HOP).min(last);
    (first..=last).map(|n| n * HOP).take_while(|start| *start < to || *start == first * HOP).collect()
}

/// Asks the model who speaks in each frame of 10 s, as bits.
pub(super) fn hear(session: &Session, wave: &[f32]) -> Result<Vec<u8>, ListenError> {
    session.with(|session| {
        let view = ArrayView3::from_shape((1, 1, wave.len()), wave).map_err(|_| ListenError::Contract)?;
        let outputs = session.run(ort::inputs!["wave" => TensorRef::from_array_view(view)?])?;
        let (_, logp) = outputs["logp"].try_extract_tensor::<f32>()?;
        let most = |row: &[f32]| (0..CLASSES.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0);
        Ok(logp.chunks_exact(CLASSES.len()).map(|row| CLASSES[most(row)]).collect())
    })
}

/// What windows say about the frames of a stretch and its surroundings.
#[derive(Debug)]
pub(super) struct Votes {
    /// The frame of the file that the first frame here is.
    first: usize,
    windows: Vec<u16>,
    speech: Vec<u16>,
    voices: Vec<u16>,
    changes: Vec<u16>,
}

impl Votes {
    /// For windows that begin at these samples.
    pub(super) fn new(starts: &[usize]) -> Self {
        let first = frame(starts.first().copied().unwrap_or(0));
        let end = frame(starts.last().copied().unwrap_or(0) + WINDOW) + 1;
        let zeros = || vec![0; end - first];
        Self { first, windows: zeros(), speech: zeros(), voices: zeros(), changes: zeros() }
    }

    /// Counts the votes of a window.
    pub(super) fn add(&mut self, start: usize, heard: &[u8]) {
        let at = frame(start) - self.first;
        let mut alone_before: Option<(u8, usize)> = None;
        for (n, who) in heard.iter().enumerate().take(self.windows.len() - at) {
            let voices = who.count_ones() as u16;
            self.windows[at + n] += 1;
            self.speech[at + n] += voices.min(1);
            self.voices[at + n] += voices;
            if voices == 1 {
                match alone_before {
                    Some((before, when)) if before != *who => self.changes[at + usize::midpoint(n, when)] += 1,
                    _ => {}
                }
                alone_before = Some((*who, n));
            }
        }
    }

    /// Speech inside a stretch, whoever speaks.
    pub(super) fn speech(&self, stretch: Span) -> Vec<Span> {
        self.runs(stretch, |n| self.share(&self.speech, n) >= MIN_SPEECH_SHARE, FILLED_PAUSE_S)
    }

    /// Speech inside a stretch, cut where the voice changes.
    pub(super) fn pieces(&self, stretch: Span) -> Vec<Span> {
        let speech = self.speech(stretch);
        let cuts = self.cuts();
        let mut pieces = Vec::new();
        for run in speech {
            let mut start_s = run.start_s;
            let inner = |cut_s: &&f64| **cut_s > run.start_s + MIN_FROM_END_S && **cut_s < run.end_s - MIN_FROM_END_S;
            for cut_s in cuts.iter().filter(inner) {
                pieces.push(Span::new(start_s, *cut_s));
                start_s = *cut_s;
            }
            pieces.push(Span::new(start_s, run.end_s));
        }
        pieces
    }

    /// Where two speak at once inside a stretch.
    pub(super) fn both(&self, stretch: Span) -> Vec<Span> {
        self.runs(stretch, |n| self.share(&self.voices, n) >= MIN_VOICES, MIN_SPEECH_S)
    }

    fn share(&self, votes: &[u16], n: usize) -> f64 {
        f64::from(votes[n]) / f64::from(self.windows[n].max(1))
    }

    /// Where the voice changes.
    fn cuts(&self) -> Vec<f64> {
        let changes: Vec<f64> = (0..self.changes.len()).map(|n| self.share(&self.changes, n)).collect();
        let around = (CHANGE_WITHIN_S / FRAME_S) as usize;
        let near = |n: usize| {
            let (from, to) = (n.saturating_sub(around), (n + around + 1).min(changes.len()));
            changes[from..to].iter().sum::<f64>() >= MIN_CHANGE_SHARE - 1e-9
        };
        let middle = |(from, to): (usize, usize)| {
            let total: f64 = changes[from..to].iter().sum();
            let moment: f64 = (from..to).map(|n| n as f64 * changes[n]).sum();
            let at = if total > 0.0 { moment / total } else { (from + to) as f64 / 2.0 };
            FIRST_S + (self.first as f64 + at - 0.5) * FRAME_S
        };
        stretches_of(changes.len(), near).into_iter().map(middle).collect()
    }

    /// Stretches of frames, in seconds and inside of `stretch`; shorter pauses are filled, what is very short is dropped.
    fn runs(&self, stretch: Span, is: impl Fn(usize) -> bool, filled_pause_s: f64) -> Vec<Span> {
        let at_s = |n: usize| FIRST_S + ((self.first + n) as f64 - 0.5) * FRAME_S;
        let mut runs: Vec<Span> = Vec::new();
        for (from, to) in stretches_of(self.windows.len(), is) {
            let start_s = if self.first + from == 0 { 0.0 } else { at_s(from) };
            let run = Span::new(start_s.max(stretch.start_s), at_s(to).min(stretch.end_s));
            match runs.last_mut() {
                _ if run.len_s() <= 0.0 => {}
                Some(last) if run.start_s - last.end_s < filled_pause_s => last.end_s = run.end_s,
                _ => runs.push(run),
            }
        }
        runs.retain(|run| run.len_s() >= MIN_SPEECH_S);
        runs
    }
}

/// The frame that begins nearest to a sample.
fn frame(sample: usize) -> usize {
    (sample + FRAME / 2) / FRAME
}

/// Stretches of numbers below `count` for which something holds, each as its first number and its last plus one.
fn stretches_of(count: usize, is: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for n in (0..count).filter(|n| is(*n)) {
        match found.last_mut() {
            Some((_, end)) if *end == n => *end = n + 1,
            _ => found.push((n, n + 1)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Votes of windows that all hear the same truth: who speaks at a time.
    fn votes(duration_s: f64, who: impl Fn(f64) -> u8) -> Votes {
        let starts = window_starts(Span::new(0.0, duration_s), (duration_s * 16_000.0) as usize);
        let mut votes = Votes::new(&starts);
        for start in starts {
            let at_s = |n: usize| start as f64 / 16_000.0 + FIRST_S + n as f64 * FRAME_S;
            votes.add(start, &(0..589).map(|n| who(at_s(n))).collect::<Vec<_>>());
        }
        votes
    }

    fn near(found: &[Span], wanted: &[(f64, f64)]) -> bool {
        let is_near = |(span, (start_s, end_s)): (&Span, &(f64, f64))| {
            (span.start_s - start_s).abs() < 0.03 && (span.end_s - end_s).abs() < 0.03
        };
        found.len() == wanted.len() && found.iter().zip(wanted).all(is_near)
    }

    #[test]
    fn windows_cover_the_file_and_a_stretch_hears_all_that_bear_on_it() {
        let all = window_starts(Span::new(0.0, 60.0), 60 * 16_000);
        assert_eq!((all[0], all.len()), (0, 21));
        assert_eq!(all[20] + WINDOW, 60 * 16_000);
        assert_eq!(window_starts(Span::new(0.0, 3.0), 3 * 16_000), [0]);
        let part = window_starts(Span::new(30.0, 40.0), 60 * 16_000);
        let bear_on_it: Vec<usize> =
            all.iter().copied().filter(|start| *start < 40 * 16_000 && start + WINDOW > 30 * 16_000).collect();
        assert_eq!(part, bear_on_it);
        let end = window_starts(Span::new(59.0, 60.0), 60 * 16_000);
        assert_eq!(end.last(), all.last());
    }

    #[test]
    fn speech_is_cut_where_the_voice_changes_and_overlap_is_found() {
        let who = |at_s: f64| match at_s {
            2.0..6.0 => 0b001,
            6.0..6.5 => 0b011,
            6.5..9.0 => 0b010,
            9.0..9.2 => 0,
            9.2..14.0 => 0b010,
            20.0..20.05 => 0b001,
            _ => 0,
        };
        let votes = votes(30.0, who);
        let whole = Span::new(0.0, 30.0);
        let pieces = votes.pieces(whole);
        assert!(near(&pieces, &[(2.0, 6.25), (6.25, 14.0)]), "{pieces:?}");
        let both = votes.both(whole);
        assert!(near(&both, &[(6.0, 6.5)]), "{both:?}");
        let inside = votes.pieces(Span::new(0.0, 8.0));
        assert!(near(&inside, &[(2.0, 6.25), (6.25, 8.0)]), "{inside:?}");
    }
}
