//! Sample rate conversion whose every output sample depends on its place in the file alone: reading from the middle
//! gives bit for bit what reading from the start gives there.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side. With [`BETA`] the stop band lies 80 dB down, and the pass band ends at
/// 0.44 of the lower rate.
const CROSSINGS: f64 = 40.0;
const BETA: f64 = 7.857;
/// More phases than this are interpolated: rates without a common divisor would need a table of their product.
const MAX_PHASES: u64 = 2048;
const LANES: usize = 8;

/// A polyphase filter: a Kaiser-windowed sinc (Smith, "Digital Audio Resampling Home Page", 2002; Kaiser, 1974).
#[derive(Debug)]
pub(crate) struct Resampler {
    /// Output samples for each `down` input samples, in lowest terms.
    up: u64,
    down: u64,
    phases: u64,
    /// Taps on each side of the centre.
    half: usize,
    taps: usize,
    /// `phases + 1` rows of `taps` coefficients.
    table: Vec<f32>,
}

impl Resampler {
    /// From and to rates in hertz, neither 0.
    pub(crate) fn new(from_hz: u32, to_hz: u32) -> Self {
        let common = gcd(u64::from(from_hz), u64::from(to_hz));
        let (up, down) = (u64::from(to_hz) / common, u64::from(from_hz) / common);
        if up == down {
            return Self { up, down, phases: 1, half: 0, taps: 0, table: Vec::new() };
        }
        // The transition band ends at the lower Nyquist frequency. Kaiser: N = (A - 7.95) / (14.36 Δf).
        let lower = (up as f64 / down as f64).min(1.0);
        let transition = (80.0 - 7.95) / (14.36 * 2.0 * CROSSINGS);
        let cutoff = lower * (1.0 - transition);
        let half = (CROSSINGS / lower).ceil() as usize;
        let taps = (2 * half).next_multiple_of(LANES);
        let phases = up.min(MAX_PHASES);
        let mut table = Vec::with_capacity(taps * (phases as usize + 1));
        for phase in 0..=phases {
            let shift = phase as f64 / phases as f64;
            let row: Vec<f64> = (0..2 * half)
                .map(|tap| {
                    let x = tap as f64 - (half as f64 - 1.0) - shift;
                    sinc(x * cutoff) * cutoff * kaiser(x / half as f64)
                })
                .collect();
            let sum: f64 = row.iter().sum();
            table.extend(row.iter().map(|&value| (value / sum) as f32));
            table.extend(std::iter::repeat_n(0.0, taps - 2 * half));
        }
        Self { up, down, phases, half, taps, table }
    }

    pub(crate) fn is_identity(&self) -> bool {
        self.up == self.down
    }

    /// The input sample just before output sample `n`.
    pub(crate) fn centre(&self, n: u64) -> u64 {
        (u128::from(n) * u128::from(self.down) / u128::from(self.up)) as u64
    }

    /// The first input sample that output `n` looks at, as if there were samples before the first.
    pub(crate) fn first_needed(&self, n: u64) -> i64 {
        self.centre(n) as i64 - self.half as i64 + 1
    }

    /// How many input samples an output looks at.
    pub(crate) fn span(&self) -> usize {
        self.taps
    }

    /// How many output samples stand for so many input samples.
    pub(crate) fn outputs(&self, inputs: u64) -> u64 {
        (u128::from(inputs) * u128::from(self.up)).div_ceil(u128::from(self.down)) as u64
    }

    /// Output `n` from the [`span`](Self::span) input samples that start at [`first_needed`](Self::first_needed).
    pub(crate) fn sample(&self, n: u64, input: &[f32]) -> f32 {
        let within = u128::from(n) * u128::from(self.down) % u128::from(self.up);
        let row = |phase: usize| &self.table[phase * self.taps..(phase + 1) * self.taps];
        if self.phases == self.up {
            return dot(row(within as usize), input);
        }
        let place = within as f64 / self.up as f64 * self.phases as f64;
        let (phase, part) = (place as usize, (place - place.floor()) as f32);
        let (a, b) = (dot(row(phase), input), dot(row(phase + 1), input));
        a + (b - a) * part
    }
}

/// Samples at another rate, starting at the same time.
pub fn resample(samples: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    let resampler = Resampler::new(from_hz, to_hz);
    if resampler.is_identity() {
        return samples.to_vec();
    }
    let lead = usize::try_from(-resampler.first_needed(0)).unwrap_or(0);
    let mut padded = vec![0.0; lead];
    padded.extend_from_slice(samples);
    padded.resize(lead + samples.len() + resampler.span(), 0.0);
    (0..resampler.outputs(samples.len() as u64))
        .map(|n| {
            let first = usize::try_from(resampler.first_needed(n) + lead as i64).unwrap_or(0);
            resampler.sample(n, &padded[first..first + resampler.span()])
        })
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel_i0(BETA * (1.0 - x * x).sqrt()) / bessel_i0(BETA) }
}

fn bessel_i0(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..64 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<f32> {
        (0..(f64::from(rate) * seconds) as usize)
            .map(|n| (2.0 * PI * hz * n as f64 / f64::from(rate)).sin() as f32)
            .collect()
    }

    /// RMS away from the ends, where the filter sees silence.
    fn rms(samples: impl ExactSizeIterator<Item = f64>) -> f64 {
        let len = samples.len() as f64;
        (samples.map(|v| v * v).sum::<f64>() / len).sqrt()
    }

    #[test]
    fn tones_keep_their_phase_and_height_and_what_would_alias_is_gone() {
        for from in [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 44_101, 48_000, 96_000, 192_000] {
            for hz in [100.0, 1_000.0, 3_000.0] {
                let out = resample(&tone(hz, from, 0.5), from, 16_000);
                let want = tone(hz, 16_000, 0.5);
                let inner = 800..out.len().min(want.len()) - 800;
                let error = rms(inner.map(|n| f64::from(out[n] - want[n])).collect::<Vec<_>>().into_iter());
                assert!(error < 1e-3, "{from} Hz, tone {hz}: {error}");
            }
            if from > 24_000 {
                let out = resample(&tone(9_500.0, from, 0.5), from, 16_000);
                let left = rms(out[800..out.len() - 800].iter().map(|&v| f64::from(v)).collect::<Vec<_>>().into_iter());
                assert!(left < 2e-4, "{from} Hz: {left} of an inaudible tone is left");
            }
        }
    }

    #[test]
    fn lengths_are_rounded_up_and_equal_rates_change_nothing() {
        assert_eq!(Resampler::new(48_000, 16_000).outputs(1), 1);
        assert_eq!(Resampler::new(48_000, 16_000).outputs(48_000), 16_000);
        assert_eq!(Resampler::new(8_000, 16_000).outputs(10), 20);
        assert!(Resampler::new(16_000, 16_000).is_identity());
    }
}
