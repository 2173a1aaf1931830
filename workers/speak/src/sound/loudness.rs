//! Loudness of the whole (EBU R 128, ITU-R BS.1770-4) and a limiter of true peaks.

use std::collections::VecDeque;

use ebur128::{Channel, EbuR128, Mode};

/// True peaks stay below −1 dBTP; 0.2 dB are kept for what four-fold oversampling does not see.
const CEILING_DBTP: f32 = -1.2;
/// Attack and release: gain falls and rises within it.
const SLOPE_MS: usize = 12;

/// Measures blocks of mono sound as it is played by both speakers.
pub(crate) struct Meter(Option<EbuR128>);

/// The result of a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    /// None when nothing is above the gate, or it is shorter than 0.4 s.
    pub(crate) lufs: Option<f64>,
    pub(crate) true_peak_dbtp: Option<f64>,
}

impl Meter {
    pub(crate) fn new(rate_hz: u32) -> Self {
        let meter = EbuR128::new(1, rate_hz, Mode::I | Mode::TRUE_PEAK | Mode::HISTOGRAM).ok();
        Self(meter.and_then(|mut meter| meter.set_channel(0, Channel::DualMono).ok().map(|()| meter)))
    }

    pub(crate) fn add(&mut self, samples: &[f32]) {
        if let Some(meter) = &mut self.0
            && meter.add_frames_f32(samples).is_err()
        {
            self.0 = None;
        }
    }

    pub(crate) fn measured(&self) -> Measured {
        let Some(meter) = &self.0 else { return Measured { lufs: None, true_peak_dbtp: None } };
        Measured {
            lufs: meter.loudness_global().ok().filter(|lufs| lufs.is_finite()),
            true_peak_dbtp: meter.true_peak(0).ok().filter(|peak| *peak > 0.0).map(|peak| 20.0 * peak.log10()),
        }
    }
}

/// A gain, and a look-ahead limiter behind it that turns sound down before a peak arrives. The limiter's gain is the
/// smallest that any peak within the look-ahead needs, smoothed by a moving average as long as the look-ahead.
pub(crate) struct Limiter {
    gain: f32,
    slope: usize,
    ceiling: f32,
    /// The last samples, for the interpolation between them.
    recent: [f32; TAPS],
    /// Samples delayed until their gain is known.
    waiting: VecDeque<f32>,
    /// Gains that peaks need, with their places, rising: the first is the smallest in the window.
    needed: VecDeque<(u64, f32)>,
    /// The smallest needed gains of the last `slope` places, and their sum.
    smallest: VecDeque<f32>,
    sum: f64,
    at: u64,
}

/// The number of samples that the interpolation uses.
const TAPS: usize = 12;
/// Places between two samples at which a peak is computed, besides the sample itself.
const BETWEEN: [f32; 3] = [0.25, 0.5, 0.75];

impl Limiter {
    pub(crate) fn new(rate_hz: u32, gain_db: f64) -> Self {
        let slope = SLOPE_MS * rate_hz as usize / 1_000;
        Self {
            gain: 10_f32.powf(gain_db as f32 / 20.0),
            slope,
            ceiling: 10_f32.powf(CEILING_DBTP / 20.0),
            recent: [0.0; TAPS],
            waiting: VecDeque::from(vec![0.0; slope + TAPS]),
            needed: VecDeque::new(),
            smallest: VecDeque::from(vec![1.0; slope]),
            sum: slope as f64,
            at: 0,
        }
    }

    /// Appends one sample for each that it is given, delayed by [`Limiter::delay`].
    pub(crate) fn process(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        for &sample in samples {
            let sample = sample * self.gain;
            self.recent.rotate_left(1);
            self.recent[TAPS - 1] = sample;
            let peak = self.peak();
            self.need(if peak > self.ceiling { self.ceiling / peak } else { 1.0 });
            self.waiting.push_back(sample);
            let ready = self.waiting.pop_front().unwrap_or(0.0);
            let gain = (self.sum / self.slope as f64) as f32;
            out.push((ready * gain).clamp(-self.ceiling, self.ceiling));
        }
    }

    /// The delay of the output, in samples.
    pub(crate) fn delay(&self) -> usize {
        self.slope + TAPS
    }

    /// The largest value around the middle of the recent samples, between them too.
    fn peak(&self) -> f32 {
        let middle = TAPS / 2;
        let at_sample = self.recent[middle].abs();
        // Far from the ceiling nothing between two samples reaches it.
        if at_sample.max(self.recent[middle - 1].abs()) < self.ceiling * 0.5 {
            return at_sample;
        }
        BETWEEN.iter().map(|place| self.between(*place).abs()).fold(at_sample, f32::max)
    }

    /// The value `place` of the way from sample `TAPS / 2 − 1` to the next, by a Hann-windowed sinc.
    fn between(&self, place: f32) -> f32 {
        let centre = (TAPS / 2 - 1) as f32 + place;
        let weight = |n: usize| {
            let x = (n as f32 - centre) * std::f32::consts::PI;
            let window = 0.5 + 0.5 * (x / (TAPS / 2) as f32).cos();
            x.sin() / x * window
        };
        self.recent.iter().enumerate().map(|(n, sample)| sample * weight(n)).sum()
    }

    fn need(&mut self, gain: f32) {
        while self.needed.back().is_some_and(|(_, later)| *later >= gain) {
            self.needed.pop_back();
        }
        self.needed.push_back((self.at, gain));
        let window = (self.slope + TAPS + 1) as u64;
        while self.needed.front().is_some_and(|(at, _)| *at + window <= self.at) {
            self.needed.pop_front();
        }
        let smallest = self.needed.front().map_or(1.0, |(_, gain)| *gain);
        self.smallest.push_back(smallest);
        self.sum += f64::from(smallest) - f64::from(self.smallest.pop_front().unwrap_or(1.0));
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(samples: &[f32], gain_db: f64) -> Vec<f32> {
        let mut limiter = Limiter::new(24_000, gain_db);
        let mut out = Vec::new();
        limiter.process(samples, &mut out);
        let late = limiter.delay();
        limiter.process(&vec![0.0; late], &mut out);
        out.drain(..late);
        out
    }

    fn true_peak(samples: &[f32]) -> f64 {
        let mut meter = Meter::new(24_000);
        meter.add(samples);
        meter.measured().true_peak_dbtp.unwrap()
    }

    #[test]
    fn no_true_peak_passes() {
        // A tone whose peaks lie between the samples, bursts, and a single click.
        let mut hard: Vec<f32> =
            (0..24_000).map(|n| (n as f32 * std::f32::consts::FRAC_PI_2 + 0.785).sin() * 0.9).collect();
        hard.extend((0..24_000).map(|n| if (n / 2_400) % 2 == 0 { (n as f32 * 0.3).sin() } else { 0.05 }));
        hard[40_000] = 1.0;
        let out = limited(&hard, 12.0);
        assert_eq!(out.len(), hard.len());
        assert!(true_peak(&out) <= -1.0, "{} dBTP", true_peak(&out));
    }

    #[test]
    fn what_is_soft_enough_is_only_later() {
        let soft: Vec<f32> = (0..10_000).map(|n| (n as f32 * 0.1).sin() * 0.2).collect();
        let out = limited(&soft, 0.0);
        assert!(out.iter().zip(&soft).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
