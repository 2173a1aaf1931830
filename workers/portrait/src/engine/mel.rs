use std::f64::consts::PI;

use medley_media::mel::{Band, Scaling, bands, slaney};
use rustfft::{FftPlanner, num_complex::Complex};

/// Bands of a frame.
pub(crate) const BANDS: usize = 80;
/// Frames a second.
pub(crate) const RATE_HZ: f64 = 80.0;
const HOP: usize = 200;
const WINDOW: usize = 800;
const SAMPLE_HZ: f64 = 16_000.0;

/// Log mel spectrum of mono sound at 16 kHz, 80 frames a second, as Wav2Lip (Prajwal et al. 2020, `audio.py`) hears it:
/// pre-emphasis .97, magnitudes in Slaney's mel bands from 55 to 7600 Hz, decibels from -100 to 0 brought to -4 to 4.
pub(crate) fn mel(samples: &[f32]) -> Vec<[f32; BANDS]> {
    const FLOOR: f64 = 1e-5;
    const REFERENCE_DB: f64 = 20.0;
    const RANGE_DB: f64 = 100.0;
    const HIGHEST: f64 = 4.0;
    let hann: Vec<f64> = (0..WINDOW).map(|i| 0.5 - 0.5 * (2.0 * PI * i as f64 / WINDOW as f64).cos()).collect();
    let bands = filter_bank();
    let fft = FftPlanner::<f64>::new().plan_fft_forward(WINDOW);
    let mut spectrum = vec![Complex::default(); WINDOW];
    (0..=samples.len() / HOP)
        .map(|frame| {
            let start = (frame * HOP) as isize - (WINDOW / 2) as isize;
            for (i, value) in spectrum.iter_mut().enumerate() {
                *value = Complex::new(emphasised(samples, start + i as isize) * hann[i], 0.0);
            }
            fft.process(&mut spectrum);
            let magnitudes: Vec<f64> = spectrum[..=WINDOW / 2].iter().map(|value| value.norm()).collect();
            std::array::from_fn(|band| {
                let Band { first, weights } = &bands[band];
                let heard: f64 = weights.iter().zip(&magnitudes[*first..]).map(|(w, m)| w * m).sum();
                let db = 20.0 * heard.max(FLOOR).log10() - REFERENCE_DB;
                (2.0 * HIGHEST * (db + RANGE_DB) / RANGE_DB - HIGHEST).clamp(-HIGHEST, HIGHEST) as f32
            })
        })
        .collect()
}

/// The sample `i` less .97 of the one before, mirrored beyond both ends.
fn emphasised(samples: &[f32], i: isize) -> f64 {
    let last = samples.len() as isize - 1;
    if last < 1 {
        return 0.0;
    }
    let i = i.rem_euclid(2 * last);
    let i = (if i <= last { i } else { 2 * last - i }) as usize;
    f64::from(samples[i]) - if i > 0 { 0.97 * f64::from(samples[i - 1]) } else { 0.0 }
}

fn filter_bank() -> Vec<Band> {
    const LOWEST_HZ: f64 = 55.0;
    const HIGHEST_HZ: f64 = 7600.0;
    let (low, high) = (slaney::to_mel(LOWEST_HZ), slaney::to_mel(HIGHEST_HZ));
    let edge = |i: usize| slaney::to_hertz(low + (high - low) * i as f64 / (BANDS + 1) as f64);
    let edges: Vec<f64> = (0..BANDS + 2).map(edge).collect();
    bands(&edges, WINDOW / 2 + 1, SAMPLE_HZ / WINDOW as f64, Scaling::Area)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of librosa 0.11 in Wav2Lip's `audio.melspectrogram` for this sound (`tests/goldens/generate.py`).
    #[test]
    fn a_chirp_is_heard_as_librosa_hears_it() {
        let golden: Vec<Vec<f32>> = serde_json::from_str(include_str!("../../tests/goldens/mel.json")).unwrap();
        let chirp: Vec<f32> = (0..16_000)
            .map(|i| f64::from(i) / 16_000.0)
            .map(|t| (0.4 * (2.0 * PI * (120.0 * t + 2500.0 * t * t)).sin()) as f32)
            .collect();
        let heard = mel(&chirp);
        assert_eq!(heard.len(), 81);
        for (frame, golden) in heard.iter().step_by(8).zip(&golden) {
            for (a, b) in frame.iter().zip(golden) {
                // librosa works in 32-bit floats.
                assert!((a - b).abs() < 0.02, "{a} is not {b}");
            }
        }
    }

    #[test]
    fn silence_and_nothing_are_at_the_floor() {
        assert!(mel(&[0.0; 900]).iter().flatten().all(|&v| v == -4.0));
        assert_eq!(mel(&[]), [[-4.0; BANDS]]);
    }
}
