use ebur128::{EbuR128, Mode};

/// How loud a programme is (EBU R 128, ITU-R BS.1770).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loudness {
    /// None when all of it lies below the gate.
    pub integrated_lufs: Option<f64>,
    /// Of the four-fold oversampled signal; none for silence.
    pub true_peak_dbtp: Option<f64>,
}

/// Measures mono samples; they are heard from both speakers, as players do it (3 dB more than one).
pub fn loudness(samples: &[f32], rate_hz: u32) -> Loudness {
    let nothing = Loudness { integrated_lufs: None, true_peak_dbtp: None };
    let Ok(mut meter) = EbuR128::new(1, rate_hz, Mode::I | Mode::TRUE_PEAK) else { return nothing };
    if meter.set_channel(0, ebur128::Channel::DualMono).is_err() || meter.add_frames_f32(samples).is_err() {
        return nothing;
    }
    let peak = meter.true_peak(0).ok().filter(|&peak| peak > 0.0);
    Loudness {
        integrated_lufs: meter.loudness_global().ok().filter(|lufs| lufs.is_finite()),
        true_peak_dbtp: peak.map(|peak| 20.0 * peak.log10()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_tone_has_its_known_loudness() {
        // BS.1770: 0 dBFS at 997 Hz in one channel measures -3.01 LKFS; from both speakers, 0.
        let tone: Vec<f32> =
            (0..48_000 * 5).map(|n| (n as f32 * 997.0 / 48_000.0 * std::f32::consts::TAU).sin()).collect();
        let heard = loudness(&tone, 48_000);
        assert!(heard.integrated_lufs.unwrap().abs() < 0.1, "{heard:?}");
        assert!(heard.true_peak_dbtp.unwrap().abs() < 0.1, "{heard:?}");
        assert_eq!(loudness(&[0.0; 48_000], 48_000).integrated_lufs, None);
    }
}
