//! From the voice detector's probabilities to regions of speech.

use super::{
    span::{Span, milliseconds},
    vad::FRAME_S,
    windows::MAX_AUDIO_S,
};

/// When a region of speech begins and ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RegionRules {
    /// A region begins with a frame at least this probable…
    pub(crate) on: f32,
    /// …and ends when frames stay below this…
    pub(crate) off: f32,
    /// …for so many frames.
    pub(crate) min_silence_frames: usize,
    /// Shorter regions are noise.
    pub(crate) min_speech_frames: usize,
    /// No region is longer: it is split where it is quietest.
    pub(crate) max_frames: usize,
}

impl RegionRules {
    pub(crate) fn new(threshold: f32) -> Self {
        Self {
            on: threshold,
            off: (threshold - 0.15).max(0.01),
            min_silence_frames: 5,
            min_speech_frames: 3,
            max_frames: (MAX_AUDIO_S / FRAME_S) as usize - 16,
        }
    }
}

/// Cuts a stream of frames into regions; holds at most the frames of one region.
#[derive(Debug)]
pub(crate) struct Regions {
    rules: RegionRules,
    /// Index of the next frame.
    next: usize,
    /// The first frame of the open region.
    start: Option<usize>,
    /// Loudness of each frame since `start`.
    energy: Vec<f32>,
    /// Frames below `off` at the end.
    silent: usize,
    /// The open region is the rest of one that was split, and counts however short it is.
    rest: bool,
}

impl Regions {
    pub(crate) fn new(rules: RegionRules) -> Self {
        Self { rules, next: 0, start: None, energy: Vec::new(), silent: 0, rest: false }
    }

    /// Takes the next frame's probability of speech and its mean square.
    pub(crate) fn push(&mut self, prob: f32, energy: f32, out: &mut Vec<Span>) {
        let n = self.next;
        self.next += 1;
        let Some(start) = self.start else {
            if prob >= self.rules.on {
                self.start = Some(n);
                self.energy.clear();
                self.energy.push(energy);
                self.silent = 0;
            }
            return;
        };
        self.energy.push(energy);
        self.silent = if prob < self.rules.off { self.silent + 1 } else { 0 };
        if self.silent >= self.rules.min_silence_frames {
            self.close(start, n + 1 - self.silent, out);
        } else if self.energy.len() >= self.rules.max_frames {
            let cut = self.quietest();
            out.push(frames(start, start + cut));
            self.energy.drain(..cut);
            self.start = Some(start + cut);
            self.rest = true;
        }
    }

    /// Closes the open region at the end of the file.
    pub(crate) fn finish(&mut self, out: &mut Vec<Span>) {
        if let Some(start) = self.start {
            self.close(start, self.next - self.silent, out);
        }
    }

    fn close(&mut self, start: usize, end: usize, out: &mut Vec<Span>) {
        let min_frames = if self.rest { 1 } else { self.rules.min_speech_frames };
        if end.saturating_sub(start) >= min_frames {
            out.push(frames(start, end));
        }
        self.start = None;
        self.rest = false;
    }

    /// Of the second half of the region: how many frames lie before the middle of its quietest 160 ms.
    fn quietest(&self) -> usize {
        const WIDTH: usize = 5;
        let from = self.energy.len() / 2;
        let to = self.energy.len() - WIDTH;
        let loudness = |at: &usize| self.energy[*at..*at + WIDTH].iter().sum::<f32>();
        let quietest = (from..to).min_by(|a, b| loudness(a).total_cmp(&loudness(b))).unwrap_or(from);
        quietest + WIDTH / 2
    }
}

fn frames(start: usize, end: usize) -> Span {
    Span::new(milliseconds(start as f64 * FRAME_S), milliseconds(end as f64 * FRAME_S))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn regions(probs: &[f32]) -> Vec<Span> {
        let mut regions = Regions::new(RegionRules::new(0.5));
        let mut out = Vec::new();
        probs.iter().for_each(|prob| regions.push(*prob, *prob, &mut out));
        regions.finish(&mut out);
        out
    }

    #[test]
    fn a_short_dip_does_not_end_a_region_and_a_blip_is_none() {
        let mut probs = vec![0.0; 10];
        probs.extend([0.9; 20]);
        probs.extend([0.1; 3]);
        probs.extend([0.9; 20]);
        probs.extend([0.1; 10]);
        probs.extend([0.9; 2]);
        probs.extend([0.1; 10]);
        assert_eq!(regions(&probs), [Span::new(0.32, 1.696)]);
    }

    proptest! {
        /// Every frame that is surely speech and not an isolated blip is inside exactly one region; no region is
        /// longer than a window and none overlaps the next.
        #[test]
        fn regions_cover_speech_once(runs in prop::collection::vec((any::<bool>(), 6_usize..2500), 1..12)) {
            let probs: Vec<f32> = runs.iter().flat_map(|(on, n)| std::iter::repeat_n(if *on { 0.9 } else { 0.0 }, *n)).collect();
            let found = regions(&probs);
            for pair in found.windows(2) {
                prop_assert!(pair[0].end_s <= pair[1].start_s);
            }
            for region in &found {
                prop_assert!(region.len_s() > 0.0 && region.len_s() <= MAX_AUDIO_S);
            }
            for (n, prob) in probs.iter().enumerate() {
                let middle = (n as f64 + 0.5) * FRAME_S;
                let inside = found.iter().filter(|r| r.start_s <= middle && middle < r.end_s).count();
                prop_assert_eq!(inside, usize::from(*prob > 0.5), "frame {}", n);
            }
        }
    }
}
