//! From the spectrum that hibari's network predicts to a waveform, after `dsp.py` of hibari-tts 0.2.1 (Apache-2.0).
//!
//! ```text
//! S = exp(lh)·e^{iπ·tanh(θ)}·STFT(pulses(f0)) + exp(ln)·Z + exp(lr)·e^{iφ}
//! ```
//! A pulse train filtered by the harmonic branch, shaped noise and a branch of free phase; then one inverse STFT
//! (1,200 points, hop 300, periodic Hann, 24 kHz).

use std::{f32::consts::PI, f64::consts::TAU, sync::LazyLock};

use realfft::{RealFftPlanner, num_complex::Complex32};

pub(super) const RATE_HZ: u32 = 24_000;
pub(super) const HOP: usize = 300;
const WINDOW: usize = 4 * HOP;
const BINS: usize = WINDOW / 2 + 1;
/// Below it a frame is unvoiced.
const LOWEST_F0_HZ: f32 = 40.0;
const HIGHEST_HARMONIC_HZ: f32 = 11_000.0;
/// Logarithms of magnitudes are cut here, so that no prediction can overflow.
const MAX_LOG: f32 = 7.0;

static HANN: LazyLock<Vec<f32>> =
    LazyLock::new(|| (0..WINDOW).map(|n| (0.5 - 0.5 * (TAU * n as f64 / WINDOW as f64).cos()) as f32).collect());

/// The network's outputs: five arrays `[601, F]`, bin by bin, and the pitch `[F]` in Hz.
pub(super) struct Spectrum<'a> {
    pub(super) harmonic: &'a [f32],
    pub(super) rotation: &'a [f32],
    pub(super) noise: &'a [f32],
    pub(super) free: &'a [f32],
    pub(super) phase: &'a [f32],
    pub(super) f0: &'a [f32],
}

/// `F · 300` samples at 24 kHz. The noise is the same each time.
pub(super) fn synthesize(spectrum: &Spectrum<'_>) -> Vec<f32> {
    let frames = spectrum.f0.len();
    if frames == 0 || spectrum.harmonic.len() != BINS * frames {
        return Vec::new();
    }
    let source = reflected(&pulses(spectrum.f0));
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(WINDOW), planner.plan_fft_inverse(WINDOW));
    let (mut time, mut bins) = (vec![0.0; WINDOW], vec![Complex32::default(); BINS]);
    let mut sum = vec![0.0; (frames + 3) * HOP];
    let mut noise = Noise(0);
    // A unit cosine peaks at half the window's sum in the STFT, so exp(lh) is the harmonic's magnitude.
    let source_scale = 4.0 / WINDOW as f32;
    for frame in 0..frames {
        for ((sample, pulse), window) in time.iter_mut().zip(&source[frame * HOP..]).zip(HANN.iter()) {
            *sample = pulse * window * source_scale;
        }
        forward.process(&mut time, &mut bins).expect("the buffers have the plan's sizes");
        for (bin, value) in bins.iter_mut().enumerate() {
            let at = bin * frames + frame;
            let magnitude = |log: f32| log.min(MAX_LOG).exp();
            let turned = Complex32::from_polar(magnitude(spectrum.harmonic[at]), PI * spectrum.rotation[at].tanh());
            let free = Complex32::from_polar(magnitude(spectrum.free[at]), spectrum.phase[at]);
            *value = *value * turned + noise.complex() * magnitude(spectrum.noise[at]) + free;
        }
        // The transform of a real signal has no imaginary part at its ends; the predicted phases do not know that.
        bins[0].im = 0.0;
        bins[BINS - 1].im = 0.0;
        inverse.process(&mut bins, &mut time).expect("the buffers have the plan's sizes");
        for ((sample, value), window) in sum[frame * HOP..].iter_mut().zip(&time).zip(HANN.iter()) {
            *sample += value * window / WINDOW as f32;
        }
    }
    normalised(sum, frames)
}

/// Divides by the summed squared windows and cuts the half window before the first frame's centre.
fn normalised(mut sum: Vec<f32>, frames: usize) -> Vec<f32> {
    for (n, sample) in sum.iter_mut().enumerate() {
        let block = n / HOP;
        let weight: f32 =
            (0..4).filter(|k| block >= *k && block - k < frames).map(|k| HANN[k * HOP + n % HOP].powi(2)).sum();
        *sample /= weight.max(1e-11);
    }
    sum.drain(..WINDOW / 2);
    sum.truncate(frames * HOP);
    sum
}

/// The signal with half a window of its mirror image on both sides.
fn reflected(signal: &[f32]) -> Vec<f32> {
    let last = signal.len() as isize - 1;
    let half = WINDOW as isize / 2;
    (-half..signal.len() as isize + half)
        .map(|at| {
            let inside = if at < 0 {
                -at
            } else if at > last {
                2 * last - at
            } else {
                at
            };
            signal[inside.clamp(0, last) as usize]
        })
        .collect()
}

/// A band-limited pulse train: every harmonic below 11 kHz at unit amplitude, by the closed form
/// `Σ cos(h·t) = sin((H+½)·t) / (2·sin(t/2)) − ½`; zero where the frame is unvoiced.
fn pulses(f0: &[f32]) -> Vec<f32> {
    let mut turns = 0.0_f64;
    (0..f0.len() * HOP)
        .map(|n| {
            let pitch = pitch_at(f0, n);
            let voiced = pitch > LOWEST_F0_HZ;
            let pitch = pitch.max(LOWEST_F0_HZ);
            turns = (turns + f64::from(pitch) / f64::from(RATE_HZ)).fract();
            if !voiced {
                return 0.0;
            }
            let angle = (turns * TAU) as f32;
            let harmonics = (HIGHEST_HARMONIC_HZ / pitch).floor() + 0.5;
            let below = 2.0 * (angle * 0.5).sin();
            let ratio = if below.abs() <= 2e-3 { harmonics } else { (harmonics * angle).sin() / below };
            ratio - 0.5
        })
        .collect()
}

/// The pitch at a sample, linear between the frames' centres.
fn pitch_at(f0: &[f32], sample: usize) -> f32 {
    let position = (sample as f32 % HOP as f32 + 0.5) / HOP as f32 - 0.5;
    let frame = sample / HOP;
    let neighbour = if position < 0.0 { frame.saturating_sub(1) } else { (frame + 1).min(f0.len() - 1) };
    let weight = position.abs();
    f0[frame] * (1.0 - weight) + f0[neighbour] * weight
}

/// Normally distributed noise from a fixed start: SplitMix64 (Steele, Lea, Flood 2014) and Box-Muller.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Two independent numbers of mean 0 and variance 1.
    fn complex(&mut self) -> Complex32 {
        let bits = self.next();
        let uniform = |bits: u64| ((bits as u32 >> 8) as f32 + 0.5) / (1 << 24) as f32;
        let radius = (-2.0 * uniform(bits).ln()).sqrt();
        Complex32::from_polar(radius, 2.0 * PI * uniform(bits >> 32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_pitch_gives_one_pulse_a_period() {
        let train = pulses(&[100.0; 80]);
        let peaks = train.iter().filter(|&&sample| sample > 100.0).count();
        assert!((99..=101).contains(&peaks), "{peaks} pulses in a second of 100 Hz");
    }

    #[test]
    fn unvoiced_frames_are_silent() {
        assert!(pulses(&[0.0; 4]).iter().all(|&sample| sample == 0.0));
    }

    #[test]
    fn noise_has_unit_variance_and_is_the_same_again() {
        let draw = |count: usize| {
            let mut noise = Noise(0);
            (0..count).map(|_| noise.complex()).collect::<Vec<_>>()
        };
        let drawn = draw(20_000);
        let variance = drawn.iter().map(|value| f64::from(value.norm_sqr())).sum::<f64>() / 40_000.0;
        assert!((variance - 1.0).abs() < 0.03, "{variance}");
        assert_eq!(drawn, draw(20_000));
    }

    /// With the harmonic branch a plain filter of gain one and the others silent, the pulses come back.
    #[test]
    fn analysis_and_synthesis_are_inverse() {
        let f0 = [120.0; 40];
        let quiet = vec![-80.0; BINS * f0.len()];
        let zero = vec![0.0; BINS * f0.len()];
        let gain = vec![(WINDOW as f32 / 4.0).ln().min(MAX_LOG); BINS * f0.len()];
        let spectrum =
            Spectrum { harmonic: &gain, rotation: &zero, noise: &quiet, free: &quiet, phase: &zero, f0: &f0 };
        let (out, train) = (synthesize(&spectrum), pulses(&f0));
        assert_eq!(out.len(), train.len());
        let worst = out[600..out.len() - 600].iter().zip(&train[600..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.02, "{worst} of {}", train.iter().fold(0.0_f32, |a, b| a.max(*b)));
    }
}
