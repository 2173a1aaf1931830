//! Kaldi's log mel energies, as voice prints are trained on: 80 bands of 25 ms every 10 ms.

use std::{f64::consts::TAU, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex};

use crate::speech::SAMPLE_RATE_HZ;

pub(super) const BANDS: usize = 80;
/// Samples of one frame, and from a frame to the next.
const SIZE: usize = 400;
pub(super) const HOP: usize = 160;
/// The length of the spectrum, with zeros after the frame.
const SPECTRUM: usize = 512;
const LOWEST_HZ: f64 = 20.0;
const PRE_EMPHASIS: f32 = 0.97;

/// Without dither and padding; the Nyquist bin is left out, as Kaldi does.
pub(super) struct Fbank {
    fft: Arc<dyn RealToComplex<f32>>,
    /// Hann's window to the power of 0.85 ("povey").
    window: [f32; SIZE],
    bands: Vec<Band>,
}

/// A triangle on the mel scale, over the bins from `first` on.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl Fbank {
    pub(super) fn new() -> Self {
        let povey = |n: usize| (0.5 - 0.5 * (TAU * n as f64 / (SIZE - 1) as f64).cos()).powf(0.85) as f32;
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(SPECTRUM),
            window: std::array::from_fn(povey),
            bands: bands(),
        }
    }

    /// The bands of `count` frames that begin with the first of these samples, frame by frame, less their mean over time.
    /// Frames that reach beyond the samples are left out.
    pub(super) fn centred(&self, samples: &[f32], count: usize) -> Vec<f32> {
        let count = count.min((samples.len() + HOP).saturating_sub(SIZE) / HOP);
        let mut out = vec![0.0_f32; count * BANDS];
        let (mut frame, mut spectrum) = (self.fft.make_input_vec(), self.fft.make_output_vec());
        let mut scratch = self.fft.make_scratch_vec();
        for (row, at) in out.chunks_exact_mut(BANDS).zip((0..).step_by(HOP)) {
            self.prepare(&samples[at..at + SIZE], &mut frame);
            self.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch).expect("the lengths are its own");
            for (value, band) in row.iter_mut().zip(&self.bands) {
                let power =
                    band.weights.iter().zip(&spectrum[band.first..]).map(|(weight, bin)| weight * bin.norm_sqr());
                *value = power.sum::<f32>().max(f32::EPSILON).ln();
            }
        }
        for band in 0..BANDS {
            let mean = out.iter().skip(band).step_by(BANDS).map(|x| f64::from(*x)).sum::<f64>() / count.max(1) as f64;
            out.iter_mut().skip(band).step_by(BANDS).for_each(|x| *x -= mean as f32);
        }
        out
    }

    /// Takes the mean away, lifts the treble, and lets the ends fade.
    fn prepare(&self, samples: &[f32], frame: &mut [f32]) {
        let mean = samples.iter().sum::<f32>() / SIZE as f32;
        frame.fill(0.0);
        let mut before = samples[0] - mean;
        for ((value, sample), window) in frame.iter_mut().zip(samples).zip(&self.window) {
            let now = sample - mean;
            *value = (now - PRE_EMPHASIS * before) * window;
            before = now;
        }
    }
}

fn bands() -> Vec<Band> {
    let mel = |hz: f64| 1127.0 * (1.0 + hz / 700.0).ln();
    let rate = f64::from(SAMPLE_RATE_HZ);
    let (low, high) = (mel(LOWEST_HZ), mel(rate / 2.0));
    let edge = |n: usize| low + (high - low) * n as f64 / (BANDS + 1) as f64;
    let band = |n: usize| {
        let (left, middle, right) = (edge(n), edge(n + 1), edge(n + 2));
        let weight = |bin: usize| {
            let at = mel(bin as f64 * rate / SPECTRUM as f64);
            ((at - left) / (middle - left)).min((right - at) / (right - middle)).max(0.0) as f32
        };
        let all: Vec<f32> = (0..SPECTRUM / 2).map(weight).collect();
        let first = all.iter().position(|weight| *weight > 0.0).unwrap_or(0);
        let end = all.iter().rposition(|weight| *weight > 0.0).map_or(first, |last| last + 1);
        Band { first, weights: all[first..end].to_vec() }
    };
    (0..BANDS).map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_hear_their_own_pitch() {
        let tone = |hz: f32| (0..8000).map(move |n| (n as f32 * hz / 16_000.0 * std::f32::consts::TAU).sin() * 0.5);
        // The second half of the sound is another tone, so that the mean over time does not take it away.
        let samples: Vec<f32> = tone(300.0).chain(tone(3000.0)).collect();
        let found = Fbank::new().centred(&samples, 1000);
        assert_eq!(found.len() / BANDS, 98);
        let loudest = |frame: usize| {
            let row = &found[frame * BANDS..(frame + 1) * BANDS];
            (0..BANDS).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap()
        };
        let mel = |hz: f64| 1127.0 * (1.0 + hz / 700.0).ln();
        let wanted = |hz: f64| (mel(hz) - mel(20.0)) / (mel(8000.0) - mel(20.0)) * 81.0 - 1.0;
        assert!(
            (loudest(10) as f64 - wanted(300.0)).abs() <= 1.0 && (loudest(90) as f64 - wanted(3000.0)).abs() <= 1.0
        );
        let mean: f32 = found.iter().skip(7).step_by(BANDS).sum::<f32>() / 98.0;
        assert!(mean.abs() < 1e-4);
        assert!(Fbank::new().centred(&samples[..399], 5).is_empty());
    }
}
