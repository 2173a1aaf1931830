//! The common level: sound of each voice is trimmed, brought to one level and faded, so that it can follow another's.

use std::ops::Range;

/// The common sample rate: that of two of the three voices.
pub(crate) const RATE_HZ: u32 = 24_000;
const FRAME: usize = RATE_HZ as usize / 100;
/// The level of speech while someone speaks, before the whole is brought to its loudness.
const LEVEL_DBFS: f32 = -23.0;
/// The largest change of level, up or down.
const MAX_GAIN_DB: f32 = 24.0;
/// A frame this far below the loudest is silence.
const SILENCE_DB: f32 = -42.0;
/// Sound kept before the first and after the last loud frame, for soft onsets and endings.
const LEAD: usize = FRAME * 2;
const TAIL: usize = FRAME * 5;
const FADE: usize = RATE_HZ as usize / 125;

/// The range of samples that holds speech, with a short margin.
pub(crate) fn speech(samples: &[f32]) -> Range<usize> {
    let energies: Vec<f32> = samples.chunks(FRAME).map(energy).collect();
    let loudest = energies.iter().copied().fold(0.0, f32::max);
    let threshold = loudest * 10_f32.powf(SILENCE_DB / 10.0);
    let is_loud = |energy: &f32| *energy > threshold;
    let (Some(first), Some(last)) = (energies.iter().position(is_loud), energies.iter().rposition(is_loud)) else {
        return 0..0;
    };
    (first * FRAME).saturating_sub(LEAD)..((last + 1) * FRAME + TAIL).min(samples.len())
}

fn energy(frame: &[f32]) -> f32 {
    frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len().max(1) as f32
}

/// The factor that brings speech to the common level.
pub(crate) fn gain(samples: &[f32]) -> f32 {
    let energies: Vec<f32> = samples.chunks(FRAME * 2).map(energy).collect();
    let loudest = energies.iter().copied().fold(0.0, f32::max);
    let active: Vec<f32> = energies.into_iter().filter(|energy| *energy > loudest * 1e-3).collect();
    let mean = active.iter().sum::<f32>() / active.len().max(1) as f32;
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if mean > 0.0 && peak > 0.0 {
        let gain_db = (LEVEL_DBFS - 10.0 * mean.log10()).clamp(-MAX_GAIN_DB, MAX_GAIN_DB);
        10_f32.powf(gain_db / 20.0).min(0.98 / peak)
    } else {
        1.0
    }
}

/// Amplifies by `gain` and fades both ends.
pub(crate) fn levelled(samples: &[f32], gain: f32) -> Vec<f32> {
    let mut levelled: Vec<f32> = samples.iter().map(|sample| sample * gain).collect();
    fade(&mut levelled);
    levelled
}

fn fade(samples: &mut [f32]) {
    let length = FADE.min(samples.len() / 2);
    let weight = |n: usize| 0.5 - 0.5 * (std::f32::consts::PI * n as f32 / length as f32).cos();
    for n in 0..length {
        samples[n] *= weight(n);
        let last = samples.len() - 1 - n;
        samples[last] *= weight(n);
    }
}

/// Amplifies by `db` and clips at full scale.
pub(crate) fn amplify(samples: &mut [f32], db: f32) {
    if db != 0.0 {
        let gain = 10_f32.powf(db / 20.0);
        samples.iter_mut().for_each(|sample| *sample = (*sample * gain).clamp(-1.0, 1.0));
    }
}

/// The number of samples in `ms` milliseconds.
pub(crate) fn samples_of(ms: u32) -> usize {
    ms as usize * RATE_HZ as usize / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(amplitude: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| amplitude * (n as f32 * 0.05).sin()).collect()
    }

    #[test]
    fn silence_around_speech_is_found() {
        let mut samples = vec![0.0; 10_000];
        samples.extend(tone(0.3, 10_000));
        samples.extend(vec![0.0; 10_000]);
        let range = speech(&samples);
        assert!((9_000..=10_000).contains(&range.start) && (20_000..22_000).contains(&range.end), "{range:?}");
        assert!(speech(&[0.0; 5_000]).is_empty());
    }

    #[test]
    fn loud_and_soft_come_out_alike_and_begin_at_zero() {
        let rms = |samples: &[f32]| energy(&samples[2_000..8_000]).sqrt();
        let [loud, soft] = [tone(0.9, 10_000), tone(0.03, 10_000)].map(|tone| levelled(&tone, gain(&tone)));
        assert!((20.0 * (rms(&loud) / rms(&soft)).log10()).abs() < 0.5);
        assert_eq!((loud[0], loud[loud.len() - 1]), (0.0, 0.0));
    }
}
