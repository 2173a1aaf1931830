//! Mel scales and the triangular bands of a mel filter bank. Each model was trained on frames, floors and scales of its own
//! (Whisper, Wav2Lip, cepstra): those stay with the model, the geometry is here.

/// Slaney's scale (Auditory Toolbox, 1998), librosa's default: linear up to 1 kHz, then 27 steps for each factor of 6.4.
pub mod slaney {
    const KNEE_HZ: f64 = 1000.0;
    const HZ_PER_MEL: f64 = 200.0 / 3.0;
    const KNEE_MEL: f64 = KNEE_HZ / HZ_PER_MEL;

    pub fn to_mel(hertz: f64) -> f64 {
        if hertz < KNEE_HZ { hertz / HZ_PER_MEL } else { KNEE_MEL + (hertz / KNEE_HZ).ln() * 27.0 / 6.4_f64.ln() }
    }

    pub fn to_hertz(mel: f64) -> f64 {
        if mel < KNEE_MEL { mel * HZ_PER_MEL } else { KNEE_HZ * ((mel - KNEE_MEL) * 6.4_f64.ln() / 27.0).exp() }
    }
}

/// The scale of HTK (O'Shaughnessy, 1987).
pub mod htk {
    pub fn to_mel(hertz: f64) -> f64 {
        2595.0 * (1.0 + hertz / 700.0).log10()
    }

    pub fn to_hertz(mel: f64) -> f64 {
        700.0 * (10_f64.powf(mel / 2595.0) - 1.0)
    }
}

/// What the triangles of a filter bank have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// Each is 1 high.
    Height,
    /// Each has an area of 1 Hz, as librosa has them.
    Area,
}

/// A triangle over the bins of a spectrum: the weights of the bins from `first` on, none of them 0 at either end.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    pub first: usize,
    pub weights: Vec<f64>,
}

/// The triangles between neighbouring `edges`, in Hz: one for each three of them. `bins` are those of a spectrum up to half
/// of the sampling rate, `bin_hz` apart.
pub fn bands(edges: &[f64], bins: usize, bin_hz: f64, scaling: Scaling) -> Vec<Band> {
    edges.array_windows().map(|&[low, middle, high]| band([low, middle, high], bins, bin_hz, scaling)).collect()
}

fn band([low, middle, high]: [f64; 3], bins: usize, bin_hz: f64, scaling: Scaling) -> Band {
    let weight = |bin: usize| {
        let hertz = bin as f64 * bin_hz;
        let height = ((hertz - low) / (middle - low)).min((high - hertz) / (high - middle)).max(0.0);
        match scaling {
            Scaling::Height => height,
            Scaling::Area => height * 2.0 / (high - low),
        }
    };
    let weights: Vec<f64> = (0..bins).map(weight).collect();
    let first = weights.iter().position(|weight| *weight > 0.0).unwrap_or(0);
    let end = weights.iter().rposition(|weight| *weight > 0.0).map_or(first, |last| last + 1);
    Band { first, weights: weights[first..end].to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_their_own_inverse() {
        for hertz in [0.0, 55.0, 999.0, 1000.0, 7600.0] {
            assert!((slaney::to_hertz(slaney::to_mel(hertz)) - hertz).abs() < 1e-9);
            assert!((htk::to_hertz(htk::to_mel(hertz)) - hertz).abs() < 1e-9);
        }
        // 1 kHz is 15 mel on Slaney's scale and about 1000 on HTK's.
        assert!((slaney::to_mel(1000.0) - 15.0).abs() < 1e-9);
        assert!((htk::to_mel(1000.0) - 1000.0).abs() < 0.1);
    }

    #[test]
    fn triangles_rise_and_fall_between_their_edges() {
        let found = bands(&[0.0, 100.0, 200.0, 400.0], 6, 50.0, Scaling::Height);
        assert_eq!(found[0], Band { first: 1, weights: vec![0.5, 1.0, 0.5] });
        assert_eq!(found[1], Band { first: 3, weights: vec![0.5, 1.0, 0.75] });
        let area = bands(&[0.0, 100.0, 200.0], 6, 50.0, Scaling::Area);
        assert_eq!(area[0], Band { first: 1, weights: vec![0.005, 0.01, 0.005] });
        // A triangle between two bins has none.
        assert_eq!(bands(&[10.0, 20.0, 30.0], 6, 50.0, Scaling::Area)[0].weights, Vec::<f64>::new());
    }
}
