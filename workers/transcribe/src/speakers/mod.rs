//! Who speaks when (speaker diarization).
//!
//! *Listen* steps go through stretches of the file (`stretches`): pyannote's segmentation model tells where somebody
//! speaks, where the voice changes and where two speak at once (`segmentation`), and CAM++ makes a *voice print* of every
//! 1.5 s of speech (`voice_print`, from the bands of `fbank`). *Speakers* is one step for the whole file: it clusters the
//! prints (`clusters`) and gives every moment its speaker (`turns`). The gather step puts speakers to words
//! (`attribution`) and writes `transcript.rttm` (`rttm`).
//!
//! Voice prints are biometric data: they stand in the results of listen steps and of their merges, below the job, and
//! nowhere else. `docs/privacy.md` says for how long.

pub(crate) mod attribution;
mod clusters;
mod error;
mod fbank;
pub(crate) mod listen;
pub(crate) mod names;
pub(crate) mod rttm;
mod segmentation;
pub(crate) mod step;
pub(crate) mod stretches;
mod turns;
mod voice_print;

pub(crate) use turns::{merge, speakers};

/// What speakers are called until somebody gives them names: A to Z, then AA, AB, …
pub(crate) fn label(speaker: usize) -> String {
    let letter = |n: usize| char::from(b'A' + (n % 26) as u8);
    match speaker.checked_div(26).and_then(|n| n.checked_sub(1)) {
        None => letter(speaker).to_string(),
        Some(before) => label(before) + &letter(speaker).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_go_on_after_z() {
        let labels: Vec<String> = [0, 1, 25, 26, 27, 51, 52, 701, 702].into_iter().map(label).collect();
        assert_eq!(labels, ["A", "B", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]);
    }
}
