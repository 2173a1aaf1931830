//! Log-mel spectra as Whisper was trained on: 80 bands of 25 ms every 10 ms, from 16 kHz (Radford et al., 2022).

use std::sync::Arc;

use medley_media::mel::{self, Scaling, slaney};
use realfft::{RealFftPlanner, RealToComplex};

const RATE: usize = 16_000;
/// Samples that a spectrum is made of.
const SIZE: usize = 400;
/// Samples from a spectrum to the next.
const HOP: usize = 160;
pub(super) const BANDS: usize = 80;
/// Whisper always reads 30 s; shorter audio is padded with silence.
pub(super) const FRAMES: usize = 3000;
const SAMPLES: usize = FRAMES * HOP;
/// Decadic logarithm of the lowest power.
const FLOOR: f32 = -10.0;

pub(super) struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    window: [f32; SIZE],
    bands: Vec<Band>,
}

/// A triangle over the bins of a spectrum, in the precision that the spectrum has.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl LogMel {
    pub(super) fn new() -> Self {
        let hann = |n: usize| (0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / SIZE as f64).cos()) as f32;
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(SIZE),
            window: std::array::from_fn(hann),
            bands: filter_bank(),
        }
    }

    /// `[BANDS][FRAMES]` of at most 30 s; what is beyond is left out.
    pub(super) fn of(&self, audio: &[f32]) -> Vec<f32> {
        let audio = &audio[..audio.len().min(SAMPLES)];
        // The frames that have sound in them; the others are all floor.
        let sounding = (audio.len() + SIZE / 2).div_ceil(HOP).min(FRAMES);
        let mut mel = vec![FLOOR; BANDS * FRAMES];
        let (mut frame, mut spectrum) = (self.fft.make_input_vec(), self.fft.make_output_vec());
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = [0.0_f32; SIZE / 2 + 1];
        for t in 0..sounding {
            for (n, (value, window)) in frame.iter_mut().zip(&self.window).enumerate() {
                *value = window * reflected(audio, t * HOP + n);
            }
            self.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch).expect("the lengths are its own");
            power.iter_mut().zip(&spectrum).for_each(|(power, bin)| *power = bin.norm_sqr());
            for (band, row) in self.bands.iter().zip(mel.chunks_exact_mut(FRAMES)) {
                let sum: f32 =
                    band.weights.iter().zip(&power[band.first..]).map(|(weight, power)| weight * power).sum();
                row[t] = sum.max(1e-10).log10();
            }
        }
        let loudest = mel.iter().copied().fold(FLOOR, f32::max);
        mel.iter_mut().for_each(|value| *value = (value.max(loudest - 8.0) + 4.0) / 4.0);
        mel
    }
}

/// The sample at `at` of 30 s that are preceded and followed by half a frame of their mirror image.
fn reflected(audio: &[f32], at: usize) -> f32 {
    let at = at.abs_diff(SIZE / 2);
    let at = if at < SAMPLES { at } else { 2 * (SAMPLES - 1) - at };
    audio.get(at).copied().unwrap_or(0.0)
}

/// Slaney's scale and area, as librosa has them.
fn filter_bank() -> Vec<Band> {
    let step = slaney::to_mel(RATE as f64 / 2.0) / (BANDS + 1) as f64;
    let edges: Vec<f64> = (0..BANDS + 2).map(|edge| slaney::to_hertz(edge as f64 * step)).collect();
    let narrow = |band: mel::Band| Band {
        first: band.first,
        weights: band.weights.into_iter().map(|weight| weight as f32).collect(),
    };
    mel::bands(&edges, SIZE / 2 + 1, RATE as f64 / SIZE as f64, Scaling::Area).into_iter().map(narrow).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// `tests/golden/make_mel.py` made the expected values with faster-whisper.
    #[test]
    fn spectra_are_those_that_whisper_was_trained_on() {
        let sample = |n: usize| {
            let at = n as f64 / RATE as f64;
            (0.5 * (std::f64::consts::TAU * (100.0 + 1600.0 * at) * at).sin()) as f32
        };
        let tone: Vec<f32> = (0..32_000).map(sample).collect();
        let mel = LogMel::new().of(&tone);
        let golden: BTreeMap<usize, Vec<f32>> =
            serde_json::from_str(include_str!("../../../tests/golden/mel.json")).unwrap();
        for (frame, bands) in golden {
            for (band, expected) in bands.iter().enumerate() {
                let found = mel[band * FRAMES + frame];
                assert!((found - expected).abs() < 2e-3, "frame {frame}, band {band}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn any_length_will_do() {
        let mel = LogMel::new();
        for samples in [0, 1, SAMPLES - 1, SAMPLES, SAMPLES + 5] {
            let found = mel.of(&vec![0.1; samples]);
            assert!(found.len() == BANDS * FRAMES && found.iter().all(|value| value.is_finite()), "{samples}");
        }
    }
}
