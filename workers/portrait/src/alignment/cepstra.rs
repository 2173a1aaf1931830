use std::f64::consts::PI;

use medley_media::mel::{Band, Scaling, bands, htk};
use rustfft::{FftPlanner, num_complex::Complex};

use crate::percentile::percentile;

/// Cepstra a frame.
pub(crate) const CEPSTRA: usize = 13;
/// Frames a second.
pub(crate) const RATE_HZ: f64 = 50.0;
/// Samples between frames at 16 kHz.
const HOP: usize = 320;
const WINDOW: usize = 512;
const BANDS: usize = 24;
const LOWEST_HZ: f64 = 100.0;
const HIGHEST_HZ: f64 = 7000.0;

pub(crate) type Frame = [f64; CEPSTRA];

/// Mel cepstra of mono sound at 16 kHz (Davis and Mermelstein 1980), 50 frames a second, each centred on its time.
pub(crate) fn cepstra(samples: &[f32]) -> Vec<Frame> {
    let emphasised = |i: isize| -> f64 {
        let at = |i: isize| usize::try_from(i).ok().and_then(|i| samples.get(i)).copied().map_or(0.0, f64::from);
        at(i) - if i > 0 { 0.95 * at(i - 1) } else { 0.0 }
    };
    let hann: Vec<f64> = (0..WINDOW).map(|i| 0.5 - 0.5 * (2.0 * PI * i as f64 / (WINDOW - 1) as f64).cos()).collect();
    let (bands, transform) = (filter_bank(), cosines());
    let fft = FftPlanner::<f64>::new().plan_fft_forward(WINDOW);
    let mut spectrum = vec![Complex::default(); WINDOW];
    (0..=samples.len() / HOP)
        .map(|frame| {
            let start = (frame * HOP) as isize - (WINDOW / 2) as isize;
            for (i, value) in spectrum.iter_mut().enumerate() {
                *value = Complex::new(emphasised(start + i as isize) * hann[i], 0.0);
            }
            fft.process(&mut spectrum);
            let power: Vec<f64> = spectrum[..=WINDOW / 2].iter().map(Complex::norm_sqr).collect();
            let energies: Vec<f64> = bands
                .iter()
                .map(|Band { first, weights }| {
                    let energy: f64 = weights.iter().zip(&power[*first..]).map(|(w, p)| w * p).sum();
                    (energy + 1e-6).ln()
                })
                .collect();
            std::array::from_fn(|k| energies.iter().zip(&transform[k]).map(|(e, c)| e * c).sum())
        })
        .collect()
}

fn filter_bank() -> Vec<Band> {
    let (low, high) = (htk::to_mel(LOWEST_HZ), htk::to_mel(HIGHEST_HZ));
    let edge = |i: usize| htk::to_hertz(low + (high - low) * i as f64 / (BANDS + 1) as f64);
    let edges: Vec<f64> = (0..BANDS + 2).map(edge).collect();
    bands(&edges, WINDOW / 2 + 1, 16_000.0 / WINDOW as f64, Scaling::Height)
}

fn cosines() -> [[f64; BANDS]; CEPSTRA] {
    std::array::from_fn(|k| std::array::from_fn(|n| (PI / BANDS as f64 * (n as f64 + 0.5) * k as f64).cos()))
}

/// Makes two voices and two microphones comparable: cepstra have zero mean and unit variance over speech, loudness is
/// relative to the recording's own range.
pub(crate) fn normalised(mut frames: Vec<Frame>) -> Vec<Frame> {
    let loudness: Vec<f64> = frames.iter().map(|frame| frame[0]).collect();
    let [quiet, quieter, loud] = [0.10, 0.05, 0.90].map(|share| percentile(&loudness, share));
    let speech: Vec<bool> = loudness.iter().map(|&v| v > quiet + 0.35 * (loud - quiet)).collect();
    let count = speech.iter().filter(|&&s| s).count().max(1) as f64;
    for k in 1..CEPSTRA {
        let over = |of: &dyn Fn(f64) -> f64| {
            frames.iter().zip(&speech).filter(|(_, s)| **s).map(|(frame, _)| of(frame[k])).sum::<f64>() / count
        };
        let mean = over(&|v| v);
        let spread = over(&|v| (v - mean).powi(2)).sqrt() + 1e-3;
        frames.iter_mut().for_each(|frame| frame[k] = (frame[k] - mean) / spread);
    }
    let range = loud - quieter + 1e-3;
    frames.iter_mut().for_each(|frame| frame[0] = 3.0 * (frame[0] - loud) / range);
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_changes_nothing_that_counts() {
        let voice = |gain: f32| -> Vec<f32> {
            (0..16_000)
                .map(|i| i as f32 / 16_000.0)
                .map(|t| {
                    gain * (t * 900.0 * (1.0 + t)).sin() * (t * 25.0).sin().max(0.0) + gain * 1e-3 * (t * 7e4).sin()
                })
                .collect()
        };
        let (loud, quiet) = (normalised(cepstra(&voice(0.8))), normalised(cepstra(&voice(0.2))));
        assert_eq!(loud.len(), 51);
        let differences: Vec<f64> =
            loud.iter().zip(&quiet).flat_map(|(a, b)| (0..CEPSTRA).map(|k| (a[k] - b[k]).abs())).collect();
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        assert!(mean < 0.25, "{mean} of a standard deviation");
    }
}
