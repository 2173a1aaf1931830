//! Which language a file is in: decided once, from several places.

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use crate::{
    decode::Loaded,
    speech::windows::Window,
    whisper::{Recognizer, RecognizerError},
};

/// Speech that one window must hold to stand for the whole file.
const ONE_IS_ENOUGH_S: f64 = 90.0;
/// Windows that are listened to in a longer file: an opening jingle or a guest's greeting does not decide.
const PLACES: usize = 3;

/// A language and how probable it is, averaged over the places.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Language {
    pub(crate) code: String,
    pub(crate) prob: f64,
}

/// The windows to listen to: of as many equal parts of the file, the one with most speech in each.
pub(crate) fn places(windows: &[Window]) -> Vec<usize> {
    let total: f64 = windows.iter().map(Window::speech_s).sum();
    let parts = if total < ONE_IS_ENOUGH_S { 1 } else { PLACES.min(windows.len()) };
    (0..parts)
        .filter_map(|part| {
            let (from, to) = (part * windows.len() / parts, (part + 1) * windows.len() / parts);
            (from..to).max_by(|a, b| windows[*a].speech_s().total_cmp(&windows[*b].speech_s()).then(b.cmp(a)))
        })
        .collect()
}

/// Listens to the places side by side and adds up the probabilities.
pub(crate) fn detect(
    recognizer: &dyn Recognizer,
    places: &[Loaded],
    threads: usize,
) -> Result<Language, RecognizerError> {
    let stop = AtomicBool::new(false);
    let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
    for group in places.chunks(threads.max(1)) {
        let heard: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                group.iter().map(|place| scope.spawn(|| recognizer.languages(&place.audio, &stop))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a panic there is a panic here")).collect()
        });
        for probs in heard {
            for (code, prob) in probs? {
                *sums.entry(code).or_default() += f64::from(prob) / places.len() as f64;
            }
        }
    }
    let best = sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    Ok(best.map_or(Language { code: "en".into(), prob: 0.0 }, |(code, prob)| Language { code: code.into(), prob }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        speech::regions::Span,
        whisper::{Attempt, Heard},
    };

    struct ByLoudness;
    impl Recognizer for ByLoudness {
        fn hear(&self, _: &[Vec<f32>], _: &Attempt<'_>, _: &AtomicBool) -> Result<Vec<Heard>, RecognizerError> {
            Ok(vec![])
        }

        fn languages(&self, audio: &[f32], _: &AtomicBool) -> Result<Vec<(&'static str, f32)>, RecognizerError> {
            Ok(vec![("zh", audio[0]), ("en", 1.0 - audio[0])])
        }
    }

    fn window(start_s: f64, speech_s: f64) -> Window {
        let span = Span::new(start_s, start_s + speech_s);
        Window { pieces: vec![span], speech: vec![span] }
    }

    #[test]
    fn a_jingle_does_not_decide() {
        let windows: Vec<Window> = (0..9).map(|n| window(f64::from(n) * 30.0, 20.0 + f64::from(n % 3))).collect();
        assert_eq!(places(&windows), [2, 5, 8]);
        assert_eq!(places(&windows[..3]), [2]);
        let heard = |loudness| Loaded { window: window(0.0, 1.0), audio: vec![loudness] };
        let language = detect(&ByLoudness, &[heard(0.1), heard(0.9), heard(0.8)], 2).unwrap();
        assert_eq!(language.code, "zh");
        assert!((language.prob - 0.6).abs() < 1e-6);
    }
}
