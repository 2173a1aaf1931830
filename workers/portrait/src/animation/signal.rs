use super::TUNED_FPS;
use crate::percentile::percentile;

/// How loud speech is in each frame, 0 (pause) to 1; loudness is judged against the recording's own range, so a quiet
/// voice moves the mouth as far as a loud one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Activity(pub(crate) Vec<f64>);

impl Activity {
    /// `levels` are root mean squares around each frame.
    pub(crate) fn new(levels: &[f64]) -> Self {
        let loudness_db: Vec<f64> = levels.iter().map(|rms| 10.0 * (rms * rms + 1e-12).log10()).collect();
        let (low, high) = (percentile(&loudness_db, 0.10), percentile(&loudness_db, 0.95));
        let range = high - low;
        // A recording that is nothing but silence, or nothing but noise, has no range to speak of.
        if range < 1.0 {
            return Self(vec![0.0; levels.len()]);
        }
        Self(loudness_db.iter().map(|db| ((db - low - 0.15 * range) / (0.7 * range)).clamp(0.0, 1.0)).collect())
    }

    /// The level of mono sound in each frame: over one and a half frames around it.
    pub(crate) fn levels(samples: &[f32], rate_hz: u32, fps: f64, frames: usize) -> Vec<f64> {
        let hop = f64::from(rate_hz) / fps;
        (0..frames)
            .map(|i| {
                let from = ((i as f64 - 0.5) * hop).max(0.0) as usize;
                let to = ((i + 1) as f64 * hop) as usize;
                let around = &samples[from.min(samples.len())..to.min(samples.len())];
                let energy: f64 = around.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
                (energy / (to - from) as f64).sqrt()
            })
            .collect()
    }
}

/// A Gaussian along time, `sigma` in frames of 1/25 s whatever the clip's frame rate; the ends go on.
pub(crate) fn smooth(values: &[f64], sigma_tuned: f64, fps: f64) -> Vec<f64> {
    let sigma = sigma_tuned * fps / TUNED_FPS;
    let radius = (4.0 * sigma) as usize + 1;
    let mut kernel: Vec<f64> = (0..=radius).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let total = kernel[0] + 2.0 * kernel[1..].iter().sum::<f64>();
    kernel.iter_mut().for_each(|k| *k /= total);
    let last = values.len().saturating_sub(1);
    (0..values.len())
        .map(|i| {
            let around = |r: usize| values[i.saturating_sub(r)] + values[(i + r).min(last)];
            kernel[0] * values[i] + (1..=radius).map(|r| kernel[r] * around(r)).sum::<f64>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_follows_speech_and_not_its_gain() {
        let sound = |gain: f32| -> Vec<f32> {
            (0..32_000).map(|i| gain * (i as f32 * 0.2).sin() * if i % 16_000 < 8_000 { 0.001 } else { 1.0 }).collect()
        };
        let of = |gain| Activity::new(&Activity::levels(&sound(gain), 16_000, 25.0, 50)).0;
        let (loud, quiet) = (of(0.5), of(0.05));
        assert!(loud[5] == 0.0 && loud[18] > 0.9, "{loud:?}");
        assert!(loud.iter().zip(&quiet).all(|(a, b)| (a - b).abs() < 0.02));
        assert_eq!(Activity::new(&[0.0; 30]).0, vec![0.0; 30]);
    }
}
