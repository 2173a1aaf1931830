//! Which languages are spoken: the one of a file, by a few places of it, and the ones of a window, stretch by stretch.
//!
//! A window is in the file's language unless its sound says otherwise beyond doubt. What speaks for a language in a stretch is
//! the logarithm of its probability, the more the longer the stretch is; against it speaks that people seldom change
//! from one language to another. The best sequence of languages is found by dynamic programming (Viterbi, 1967).

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use crate::{
    decode::Loaded,
    speech::{
        SAMPLE_RATE_HZ,
        regions::{Span, milliseconds},
        windows::Window,
    },
    whisper::{Odds, Recognizer, RecognizerError},
};

/// Speech that one window must hold to stand for the whole file.
const ONE_IS_ENOUGH_S: f64 = 90.0;
/// Windows that are listened to in a longer file: an opening jingle or a guest's greeting does not decide.
const PLACES: usize = 3;

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

/// The file's language: listens to the places side by side and adds up the probabilities.
pub(crate) fn detect(
    recognizer: &dyn Recognizer,
    places: &[Loaded],
    threads: usize,
) -> Result<String, RecognizerError> {
    let stop = AtomicBool::new(false);
    let whole = [Span::new(0.0, f64::INFINITY)];
    let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
    for group in places.chunks(threads.max(1)) {
        let heard: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                group.iter().map(|place| scope.spawn(|| recognizer.languages(&place.audio, &whole, &stop))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a panic there is a panic here")).collect()
        });
        for odds in heard {
            for (code, prob) in odds?.into_iter().flatten() {
                *sums.entry(code).or_default() += f64::from(prob) / places.len() as f64;
            }
        }
    }
    let best = sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    Ok(best.map_or("en", |(code, _)| code).into())
}

/// A region of speech that is longer is looked at in several stretches: somebody may change over without a pause.
const LONG_S: f64 = 8.0;
/// About so long are its stretches.
const STRETCH_S: f64 = 4.0;
/// A stretch says no more than one of this length, and a shorter one says less.
const FULL_S: f64 = 4.0;
/// What a change of language costs, as a difference of logarithms for [`UNIT_S`] of speech.
const CHANGE: f64 = 2.0;
const UNIT_S: f64 = 2.0;
/// What another language than the file's costs in each stretch: it must be more than three times as probable.
const OTHER: f64 = 1.2;
/// No language is less probable: a stretch is never beyond all doubt.
const LEAST_PROB: f64 = 0.01;

/// Stretches of a window in one language.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) language: String,
    /// How probable the language is, averaged over the speech.
    pub(crate) prob: f64,
    /// The first stretch and the last plus one.
    pub(crate) stretches: (usize, usize),
}

/// The stretches of speech of a window, in seconds of the file: its regions, long ones cut where they are quietest.
pub(crate) fn stretches(window: &Window, audio: &[f32]) -> Vec<Span> {
    let mut stretches = Vec::new();
    for region in &window.speech {
        let mut start_s = region.start_s;
        if region.len_s() > LONG_S {
            let parts = (region.len_s() / STRETCH_S).round();
            for n in 1..parts as usize {
                let near_s = region.start_s + region.len_s() * n as f64 / parts;
                let cut_s = quietest(window, audio, near_s);
                stretches.push(Span::new(start_s, cut_s));
                start_s = cut_s;
            }
        }
        stretches.push(Span::new(start_s, region.end_s));
    }
    stretches
}

/// The middle of the quietest tenth of a second within a second of a time of the file.
fn quietest(window: &Window, audio: &[f32], near_s: f64) -> f64 {
    const WIDTH: usize = SAMPLE_RATE_HZ as usize / 10;
    const STEP: usize = WIDTH / 5;
    let rate = f64::from(SAMPLE_RATE_HZ);
    let near = (window.to_window_s(near_s) * rate) as usize;
    let from = near.saturating_sub(SAMPLE_RATE_HZ as usize);
    let to = (near + SAMPLE_RATE_HZ as usize).min(audio.len().saturating_sub(WIDTH));
    let loudness = |at: &usize| audio[*at..*at + WIDTH].iter().map(|x| x * x).sum::<f32>();
    let best = (from..to).step_by(STEP).min_by(|a, b| loudness(a).total_cmp(&loudness(b)));
    best.map_or(near_s, |at| milliseconds(near_s + ((at + WIDTH / 2) as f64 - near as f64) / rate))
}

/// Which languages the stretches are in; `main` is the file's.
pub(crate) fn runs(stretches: &[Span], odds: &[Odds], main: &str) -> Vec<Run> {
    let mut languages = vec![main];
    for best in odds.iter().filter_map(|odds| odds.iter().max_by(|a, b| a.1.total_cmp(&b.1))) {
        if best.1 >= 0.5 && !languages.contains(&best.0) {
            languages.push(best.0);
        }
    }
    let prob = |odds: &Odds, language: &str| {
        odds.iter().find(|(code, _)| *code == language).map_or(0.0, |(_, prob)| f64::from(*prob))
    };
    let speaks_for = |n: usize, l: usize| {
        let weight = stretches[n].len_s().min(FULL_S) / UNIT_S;
        weight * (prob(&odds[n], languages[l]).max(LEAST_PROB).ln() - if l == 0 { 0.0 } else { OTHER })
    };
    let mut runs: Vec<Run> = Vec::new();
    for (n, l) in best_path(stretches.len(), languages.len(), speaks_for).into_iter().enumerate() {
        match runs.last_mut() {
            Some(run) if run.language == languages[l] => run.stretches.1 = n + 1,
            _ => runs.push(Run { language: languages[l].into(), prob: 0.0, stretches: (n, n + 1) }),
        }
    }
    for run in &mut runs {
        let within = run.stretches.0..run.stretches.1;
        let speech_s: f64 = stretches[within.clone()].iter().map(Span::len_s).sum();
        let sum: f64 = within.map(|n| prob(&odds[n], &run.language) * stretches[n].len_s()).sum();
        run.prob = sum / speech_s.max(0.001);
    }
    runs
}

/// For each of `steps` one of `states`: what speaks for them, less what changes cost, is most. The state before the first
/// step is 0.
fn best_path(steps: usize, states: usize, speaks_for: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let mut sums: Vec<f64> = (0..states).map(|state| if state == 0 { 0.0 } else { -CHANGE }).collect();
    let mut from: Vec<Vec<usize>> = Vec::with_capacity(steps);
    for n in 0..steps {
        let before = sums.clone();
        let come = |state: usize| {
            let value = |other: usize| before[other] - if other == state { 0.0 } else { CHANGE };
            let best = (0..states).max_by(|a, b| value(*a).total_cmp(&value(*b)).then(b.cmp(a))).unwrap_or(state);
            // Staying is better than a change that is worth as much.
            if value(state) >= value(best) { (state, value(state)) } else { (best, value(best)) }
        };
        let came: Vec<(usize, f64)> = (0..states).map(come).collect();
        sums = came.iter().enumerate().map(|(state, (_, value))| value + speaks_for(n, state)).collect();
        // The first step has no change behind it but the one from the file's language, which is in the sums already.
        from.push(came.iter().map(|(state, _)| *state).collect());
    }
    let mut state = (0..states).max_by(|a, b| sums[*a].total_cmp(&sums[*b]).then(b.cmp(a))).unwrap_or(0);
    let mut path = vec![0; steps];
    for n in (0..steps).rev() {
        path[n] = state;
        state = from[n][state];
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whisper::{Attempt, Heard};

    struct ByLoudness;
    impl Recognizer for ByLoudness {
        fn hear(&self, _: &[Vec<f32>], _: &Attempt<'_>, _: &AtomicBool) -> Result<Vec<Heard>, RecognizerError> {
            Ok(vec![])
        }

        fn languages(&self, audio: &[f32], _: &[Span], _: &AtomicBool) -> Result<Vec<Odds>, RecognizerError> {
            Ok(vec![vec![("zh", audio[0]), ("en", 1.0 - audio[0])]])
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
        assert_eq!(detect(&ByLoudness, &[heard(0.1), heard(0.9), heard(0.8)], 2).unwrap(), "zh");
        assert_eq!(detect(&ByLoudness, &[heard(0.1), heard(0.9), heard(0.1)], 2).unwrap(), "en");
    }

    /// Stretches with a pause of half a second between them: seconds of speech, and how probable Chinese is there.
    fn told(speech: &[(f64, f32)]) -> Vec<(String, usize)> {
        let mut at_s = 0.0;
        let span = |(len_s, _): &(f64, f32)| {
            let span = Span::new(at_s, at_s + len_s);
            at_s = span.end_s + 0.5;
            span
        };
        let spans: Vec<Span> = speech.iter().map(span).collect();
        let odds: Vec<Odds> = speech.iter().map(|(_, zh)| vec![("zh", *zh), ("en", 0.98 - zh), ("cy", 0.02)]).collect();
        runs(&spans, &odds, "en").into_iter().map(|run| (run.language, run.stretches.1)).collect()
    }

    #[test]
    fn a_sentence_in_another_language_is_a_run_of_its_own() {
        let found = told(&[(3.0, 0.01), (4.0, 0.02), (3.0, 0.97), (0.4, 0.3), (5.0, 0.95), (3.0, 0.01)]);
        assert_eq!(found, [("en".into(), 2), ("zh".into(), 5), ("en".into(), 6)]);
        assert_eq!(told(&[(3.0, 0.97), (2.0, 0.9)]), [("zh".into(), 2)]);
    }

    #[test]
    fn a_short_or_unsure_stretch_does_not_change_the_language() {
        assert_eq!(told(&[(4.0, 0.01), (0.8, 0.97), (4.0, 0.01)]), [("en".into(), 3)]);
        assert_eq!(told(&[(4.0, 0.01), (4.0, 0.7), (4.0, 0.6)]), [("en".into(), 3)]);
        assert_eq!(told(&[(9.0, 0.6)]), [("en".into(), 1)]);
        assert_eq!(told(&[]), []);
    }

    #[test]
    fn a_long_region_is_cut_where_it_is_quiet() {
        let window = window(10.0, 12.0);
        let mut audio = vec![0.5; 12 * 16_000];
        audio[(3.5 * 16_000.0) as usize..(3.8 * 16_000.0) as usize].fill(0.01);
        let found = stretches(&window, &audio);
        assert_eq!(found.len(), 3);
        assert!((13.5..13.8).contains(&found[0].end_s), "{found:?}");
        assert_eq!((found[0].start_s, found[2].end_s), (10.0, 22.0));
        assert!(found.windows(2).all(|pair| pair[0].end_s == pair[1].start_s));
    }
}
