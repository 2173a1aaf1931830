//! Channels into one, so that no voice is lost in it.

/// Frames of a block. Blocks lie at multiples of it on the file's time line, so that the mix of a place depends on the
/// sound around it alone and not on where reading began.
const BLOCK: usize = 4096;
/// Channels cancel each other when their mean has less than this part of the power that it has for sounds that have
/// nothing to do with each other: 10 dB.
const CANCELS: f64 = 0.1;
/// Power below which a block is silent.
const SILENT: f64 = 1e-12;
/// A channel must have so much of the loudest one's power to be the one that others are turned to.
const LEADS: f64 = 0.1;

/// Mixes frames to mono: the mean of the channels, and where they cancel each other in it (a channel wired the wrong
/// way round, a voice taken out for karaoke) the mean of channels turned to one polarity, which for stereo is half
/// the difference. Between the two the gains move over a block, without a step.
#[derive(Debug)]
pub(super) struct Mixer {
    channels: usize,
    /// Gives this channel alone and mixes nothing.
    only: Option<usize>,
    /// Frames from the start of the block that comes out next, interleaved.
    pending: Vec<f32>,
    before: Vec<f32>,
    /// Gains of whole blocks in `pending`.
    gains: std::collections::VecDeque<Vec<f32>>,
    /// Mono frames that are made and not wanted, after a seek.
    drop: usize,
}

impl Mixer {
    pub(super) fn new(channels: usize) -> Self {
        let channels = channels.max(1);
        Self { channels, only: None, pending: Vec::new(), before: Vec::new(), gains: [].into(), drop: 0 }
    }

    /// Gives one channel alone, counted from 0; the last one where there are fewer.
    pub(super) fn only(self, channel: Option<usize>) -> Self {
        let last = self.channels - 1;
        Self { only: channel.map(|channel| channel.min(last)), ..self }
    }

    /// The frame from which the decoder must start, so that the mix from `frame` on is that of the whole file.
    pub(super) fn seek(&mut self, frame: u64) -> u64 {
        self.pending.clear();
        self.before.clear();
        self.gains.clear();
        let from = if self.channels == 1 || self.only.is_some() {
            frame
        } else {
            (frame / BLOCK as u64).saturating_sub(1) * BLOCK as u64
        };
        self.drop = (frame - from) as usize;
        from
    }

    /// Mixes what it can of these frames and of earlier ones; of the last ones only when they are the `last`.
    pub(super) fn mix(&mut self, frames: &mut Vec<f32>, last: bool, out: &mut Vec<f32>) {
        if self.channels == 1 {
            out.append(frames);
            return;
        }
        if let Some(channel) = self.only {
            out.extend(frames.chunks_exact(self.channels).map(|frame| frame[channel]));
            frames.clear();
            return;
        }
        self.pending.append(frames);
        let block = BLOCK * self.channels;
        let whole = self.pending.len() / block;
        for n in self.gains.len()..whole {
            self.gains.push_back(gains(&self.pending[n * block..(n + 1) * block], self.channels));
        }
        let mut done = 0;
        while self.gains.len() > 1 {
            self.block(done..done + block, out);
            done += block;
        }
        if last {
            let rest = done + self.gains.len() * block;
            if rest < self.pending.len() {
                self.gains.push_back(gains(&self.pending[rest..], self.channels));
            }
            while !self.gains.is_empty() {
                let end = (done + block).min(self.pending.len());
                self.block(done..end, out);
                done = end;
            }
        }
        self.pending.drain(..done);
    }

    /// Mixes the first block that has gains.
    fn block(&mut self, range: std::ops::Range<usize>, out: &mut Vec<f32>) {
        let Some(here) = self.gains.pop_front() else { return };
        let before = if self.before.is_empty() { &here } else { &self.before };
        let behind = self.gains.front().unwrap_or(&here);
        let frames = self.pending[range].chunks_exact(self.channels);
        let dropped = self.drop.min(frames.len());
        self.drop -= dropped;
        if *before == here && *behind == here {
            let equal = here.iter().all(|&gain| gain > 0.0);
            let scale = 1.0 / self.channels as f32;
            if equal {
                out.extend(frames.skip(dropped).map(|frame| frame.iter().sum::<f32>() * scale));
            } else {
                out.extend(frames.skip(dropped).map(|frame| weighted(frame, |channel| here[channel])));
            }
        } else {
            let mixed = frames.enumerate().skip(dropped).map(|(n, frame)| {
                // Gains hold at the middle of a block.
                let place = (n as f32 + 0.5) / BLOCK as f32;
                let (a, b, part) =
                    if place < 0.5 { (before, &here, place + 0.5) } else { (&here, behind, place - 0.5) };
                weighted(frame, |channel| a[channel] + (b[channel] - a[channel]) * part)
            });
            out.extend(mixed);
        }
        self.before = here;
    }
}

fn weighted(frame: &[f32], gain: impl Fn(usize) -> f32) -> f32 {
    frame.iter().enumerate().map(|(channel, sample)| sample * gain(channel)).sum()
}

/// What each channel of a block is multiplied with.
fn gains(frames: &[f32], channels: usize) -> Vec<f32> {
    let scale = 1.0 / channels as f32;
    let mut powers = vec![0.0_f32; channels];
    let mut mean_power = 0.0_f32;
    for frame in frames.chunks_exact(channels) {
        let mut sum = 0.0;
        for (power, &sample) in powers.iter_mut().zip(frame) {
            *power += sample * sample;
            sum += sample;
        }
        mean_power += sum * sum;
    }
    let total: f64 = powers.iter().copied().map(f64::from).sum();
    if total < SILENT || f64::from(mean_power) >= CANCELS * total {
        return vec![scale; channels];
    }
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    let lead = powers.iter().position(|&power| f64::from(power) >= LEADS * f64::from(loudest)).unwrap_or(0);
    let mut likeness = vec![0.0_f32; channels];
    for frame in frames.chunks_exact(channels) {
        likeness.iter_mut().zip(frame).for_each(|(sum, &sample)| *sum += sample * frame[lead]);
    }
    likeness.iter().map(|&sum| if sum < 0.0 { -scale } else { scale }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(frames: &[f32], channels: usize, piece: usize) -> Vec<f32> {
        let (mut mixer, mut out) = (Mixer::new(channels), Vec::new());
        for part in frames.chunks(piece * channels) {
            mixer.mix(&mut part.to_vec(), false, &mut out);
        }
        mixer.mix(&mut Vec::new(), true, &mut out);
        out
    }

    fn tone(n: usize) -> f32 {
        0.5 * (n as f32 * 0.05).sin()
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|v| v * v).sum::<f32>() / samples.len() as f32
    }

    #[test]
    fn what_does_not_cancel_is_the_mean() {
        for channels in [1, 2, 3, 6, 8, 32] {
            // The same in all, in one alone, and unlike sounds.
            for kind in 0..3 {
                let value = |n: usize, channel: usize| match kind {
                    0 => tone(n),
                    1 => f32::from(u8::from(channel == 0)) * tone(n),
                    _ => (n as f32 * (0.03 + 0.017 * channel as f32)).sin() * 0.5,
                };
                let frames: Vec<f32> = (0..40_000 * channels).map(|i| value(i / channels, i % channels)).collect();
                let scale = 1.0 / channels as f32;
                let mean: Vec<f32> = frames.chunks_exact(channels).map(|f| f.iter().sum::<f32>() * scale).collect();
                assert_eq!(mixed(&frames, channels, 999), mean, "{channels} channels, kind {kind}");
            }
        }
    }

    #[test]
    fn a_voice_that_cancels_is_heard_and_comes_without_a_click() {
        // In phase, then out of phase, then in phase again; turned where the tone is 0, so that it has no click itself.
        let turned = |n: usize| if (60_004..120_009).contains(&n) { -0.97 } else { 1.0 };
        let frames: Vec<f32> = (0..180_000).flat_map(|n| [tone(n), turned(n) * tone(n)]).collect();
        let out = mixed(&frames, 2, 4_096);
        assert_eq!(out.len(), 180_000);
        let usual = power(&out[..40_000]);
        assert!(power(&out[80_000..110_000]) > 0.9 * usual);
        // The weakest place is a change, where one channel alone is heard for a moment.
        let least = out.chunks(4_000).map(power).fold(f32::MAX, f32::min);
        assert!(least > 0.02 * usual, "{least} of {usual}");
        let step = out.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        let usual_step = out[..40_000].windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(step < 1.5 * usual_step, "{step} against {usual_step}");
    }

    #[test]
    fn one_channel_alone_is_as_it_was() {
        let frames: Vec<f32> = (0..20_000).flat_map(|n| [tone(n), -tone(n), 0.1]).collect();
        for (channel, wanted) in [(0, tone(9_000)), (1, -tone(9_000)), (7, 0.1)] {
            let mut mixer = Mixer::new(3).only(Some(channel));
            assert_eq!(mixer.seek(9_000), 9_000);
            let mut out = Vec::new();
            mixer.mix(&mut frames[27_000..].to_vec(), true, &mut out);
            assert_eq!((out.len(), out[0]), (11_000, wanted));
        }
    }

    #[test]
    fn reading_from_the_middle_gives_the_same_mix() {
        let turned = |n: usize| if n / 10_000 % 3 == 1 { -1.0 } else { 0.8 };
        let frames: Vec<f32> = (0..100_000).flat_map(|n| [tone(n), turned(n) * tone(n)]).collect();
        let whole = mixed(&frames, 2, 5_000);
        for from in [0, 1, 4_095, 4_096, 20_000, 99_000] {
            let mut mixer = Mixer::new(2);
            let start = mixer.seek(from as u64) as usize;
            let mut out = Vec::new();
            mixer.mix(&mut frames[2 * start..].to_vec(), true, &mut out);
            assert_eq!(out, whole[from..], "from {from}");
        }
    }
}
