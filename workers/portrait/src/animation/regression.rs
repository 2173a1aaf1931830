use super::{AIMS, LEAD_S};
use crate::alignment::cepstra::{CEPSTRA, Frame, RATE_HZ, cepstra, normalised};

/// Frames of sound on either side of the one that is shown.
const AROUND: usize = 4;
const INPUTS: usize = (2 * AROUND + 1) * CEPSTRA + 1;

/// The mouth in each of `frames` frames, from the sound alone: jaw, wide, round, upper lip, lower lip,
/// press, tuck, tongue, each about 0 to 1.
///
/// Ridge regression on nine frames of cepstra, trained by `teach/guess.py` on forty-two utterances of synthetic speech
/// whose phonemes were known (`regression.json`: 8 rows of 117 weights and an offset). On sentences and a voice that were not
/// trained on: r .79 for the jaw, .76 for width, .50 for rounding; closed lips cannot be detected this way.
pub(super) fn mouth_from_sound(samples: &[f32], frames: usize, fps: f64) -> Vec<[f64; AIMS]> {
    let weights: Vec<Vec<f64>> = serde_json::from_str(include_str!("regression.json"))
        .expect("the weights are part of the program and are tested");
    let sound = normalised(cepstra(samples));
    (0..frames)
        .map(|i| {
            let middle = ((i as f64 / fps + LEAD_S) * RATE_HZ).round() as usize;
            let inputs = context(&sound, middle);
            std::array::from_fn(|k| weights[k].iter().zip(&inputs).map(|(w, x)| w * x).sum::<f64>().clamp(0.0, 1.0))
        })
        .collect()
}

fn context(sound: &[Frame], middle: usize) -> [f64; INPUTS] {
    let mut inputs = [1.0; INPUTS];
    for j in 0..=2 * AROUND {
        let at = (middle + j).saturating_sub(AROUND).min(sound.len() - 1);
        inputs[j * CEPSTRA..(j + 1) * CEPSTRA].copy_from_slice(&sound[at]);
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_complete_and_silence_gives_a_quiet_mouth() {
        let weights: Vec<Vec<f64>> = serde_json::from_str(include_str!("regression.json")).unwrap();
        assert_eq!(weights.len(), AIMS);
        assert!(weights.iter().all(|row| row.len() == INPUTS));
        assert_eq!(mouth_from_sound(&[], 3, 25.0).len(), 3);
    }
}
