//! The level at which a listener hears a recording.

/// Frames in which a level is measured.
const FRAME_S: f64 = 0.1;
/// So many of the latest frames tell how loud a recording is: 30 s.
const REMEMBERED: usize = 300;
/// Where the loud frames are brought to: the active level of speech that detectors are trained with (ITU-T P.56 levels
/// of corpora lie about -26 dBov).
const TARGET_DBFS: f32 = -24.0;
/// Louder recordings are heard as they are.
const QUIET_DBFS: f32 = -38.0;
/// What lies below is nothing: 16-bit silence with dither.
const FLOOR_DBFS: f32 = -90.0;
const MAX_GAIN_DB: f32 = 50.0;
/// Loud frames lie so far above the soft ones where somebody speaks; steady noise does not.
const MIN_RANGE_DB: f32 = 9.0;

/// Raises very quiet sound to the level at which a detector of speech listens; all other sound passes bit for bit.
///
/// The gain follows the loud frames (the 95th percentile of the RMS of 100 ms) of the last 30 s and is ramped within a
/// block, so that it never clicks. Steady noise, whose loud frames are hardly louder than its soft ones, is not raised.
/// What comes out depends on the samples and on the blocks in which they come, on nothing else.
#[derive(Debug)]
pub struct ListeningGain {
    frame: usize,
    levels_dbfs: std::collections::VecDeque<f32>,
    gain_db: f32,
    started: bool,
}

impl ListeningGain {
    /// For mono samples in -1..1 at this rate.
    pub fn new(rate_hz: u32) -> Self {
        let frame = ((f64::from(rate_hz) * FRAME_S) as usize).max(1);
        Self { frame, levels_dbfs: std::collections::VecDeque::new(), gain_db: 0.0, started: false }
    }

    /// Raises a block (some seconds) in place and returns the gain at its end in dB: 0 where nothing was changed.
    pub fn apply(&mut self, block: &mut [f32]) -> f32 {
        for frame in block.chunks(self.frame) {
            self.levels_dbfs.push_back(level_dbfs(frame));
        }
        let old = self.levels_dbfs.len().saturating_sub(REMEMBERED);
        self.levels_dbfs.drain(..old);
        let next_db = self.wanted_db();
        // The first block has no block before it from which a ramp could start.
        let from_db = if self.started { self.gain_db } else { next_db };
        (self.gain_db, self.started) = (next_db, true);
        if from_db > 0.0 || next_db > 0.0 {
            let step = (next_db - from_db) / block.len().max(1) as f32;
            for (n, sample) in block.iter_mut().enumerate() {
                *sample = (*sample * gain(from_db + step * n as f32)).clamp(-1.0, 1.0);
            }
        }
        next_db
    }

    fn wanted_db(&self) -> f32 {
        let mut heard: Vec<f32> = self.levels_dbfs.iter().copied().filter(|&level| level > FLOOR_DBFS).collect();
        heard.sort_by(f32::total_cmp);
        let at = |share: f32| heard.get(((heard.len() as f32 - 1.0) * share) as usize).copied().unwrap_or(0.0);
        let (soft, loud) = (at(0.1), at(0.95));
        // Digital silence between the words is as much of a range as soft noise.
        let is_steady = loud - soft < MIN_RANGE_DB && heard.len() == self.levels_dbfs.len();
        if heard.is_empty() || loud > QUIET_DBFS || is_steady { 0.0 } else { (TARGET_DBFS - loud).min(MAX_GAIN_DB) }
    }
}

/// RMS in dB below full scale.
pub(crate) fn level_dbfs(samples: &[f32]) -> f32 {
    let power = samples.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() / samples.len().max(1) as f64;
    (10.0 * power.max(1e-15).log10()) as f32
}

fn gain(db: f32) -> f32 {
    10.0_f32.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three words a second: bursts of a tone with soft noise between them.
    fn words(peak: f32) -> Vec<f32> {
        let loud = |n: usize| if n % 5_333 < 3_200 { 1.0 } else { 0.02 };
        (0..16_000 * 8).map(|n| peak * loud(n) * (n as f32 * 0.1).sin()).collect()
    }

    #[test]
    fn quiet_words_are_raised_and_usual_ones_are_not_touched() {
        let usual = words(0.3);
        let mut heard = usual.clone();
        assert_eq!(ListeningGain::new(16_000).apply(&mut heard).to_bits(), 0.0_f32.to_bits());
        assert!(usual.iter().zip(&heard).all(|(a, b)| a.to_bits() == b.to_bits()));
        for peak in [0.01, 0.001, 0.0003] {
            let mut listening = ListeningGain::new(16_000);
            for _ in 0..3 {
                let mut heard = words(peak);
                listening.apply(&mut heard);
                let loud = level_dbfs(&heard[..3_200]);
                assert!((-30.0..-18.0).contains(&loud), "{peak}: {loud}");
            }
        }
    }

    #[test]
    fn noise_and_silence_stay_as_they_are() {
        let mut seed = 7_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let mut hiss: Vec<f32> = (0..16_000 * 8).map(|_| noise() * 0.001).collect();
        assert!(ListeningGain::new(16_000).apply(&mut hiss) == 0.0);
        assert!(ListeningGain::new(16_000).apply(&mut vec![0.0; 128_000]) == 0.0);
    }

    #[test]
    fn the_gain_changes_without_a_step() {
        let mut listening = ListeningGain::new(16_000);
        listening.apply(&mut words(0.001));
        let mut flat = vec![0.0005_f32; 128_000];
        listening.apply(&mut flat);
        let jump = flat.windows(2).map(|pair| (pair[1] / pair[0]).abs()).fold(1.0, f32::max);
        assert!(jump < 1.001, "{jump}");
    }
}
