//! Language identification: the language of a file, by a few places in it, and the languages of a window, stretch by stretch.
//!
//! A window is in the file's language unless its sound clearly says otherwise. The score of a language in a stretch is the
//! logarithm of its probability, weighted by the length of the stretch; each change of language costs a penalty, because
//! people seldom change. Dynamic programming finds the best sequence of languages (Viterbi, 1967).

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use crate::{
    audio::LoadedWindow,
    error::RecognizerError,
    speech::{
        SAMPLE_RATE_HZ,
        span::{Span, milliseconds},
        windows::Window,
    },
    whisper::{LanguageProbs, Recognizer},
};

/// In a file with less speech, one window stands for the whole.
const MAX_ONE_PLACE_S: f64 = 90.0;
/// The number of windows to identify in a longer file, so that an opening jingle or a guest's greeting does not decide.
const PLACES: usize = 3;

/// The windows to identify: the file is divided into equal parts, and each gives the window with most speech.
pub(crate) fn places(windows: &[Window]) -> Vec<usize> {
    let total: f64 = windows.iter().map(Window::speech_s).sum();
    let parts = if total < MAX_ONE_PLACE_S { 1 } else { PLACES.min(windows.len()) };
    (0..parts)
        .filter_map(|part| {
            let (from, to) = (part * windows.len() / parts, (part + 1) * windows.len() / parts);
            (from..to).max_by(|a, b| windows[*a].speech_s().total_cmp(&windows[*b].speech_s()).then(b.cmp(a)))
        })
        .collect()
}

/// The file's language: the places are identified side by side and their probabilities added up.
pub(crate) fn detect(
    recognizer: &dyn Recognizer,
    places: &[LoadedWindow],
    threads: usize,
) -> Result<String, RecognizerError> {
    let stop = AtomicBool::new(false);
    let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
    for group in places.chunks(threads.max(1)) {
        let detected: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                group.iter().map(|place| scope.spawn(|| recognizer.languages(&place.audio, &[WHOLE], &stop))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a panic there is a panic here")).collect()
        });
        for probs in detected {
            for (code, prob) in probs?.into_iter().flatten() {
                *sums.entry(code).or_default() += f64::from(prob) / places.len() as f64;
            }
        }
    }
    let best = sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    Ok(best.map_or("en", |(code, _)| code).into())
}

/// All of a sound.
pub(crate) const WHOLE: Span = Span { start_s: 0.0, end_s: f64::INFINITY };

/// A longer region of speech is split into several stretches: a speaker may change language without a pause.
const LONG_S: f64 = 8.0;
/// The stretches of a long region are about this long.
const STRETCH_S: f64 = 4.0;
/// A stretch of this length or longer has full weight; a shorter one has less.
const FULL_WEIGHT_S: f64 = 4.0;
/// What a change of language costs, as a difference of logarithms for [`UNIT_S`] of speech.
const CHANGE_PENALTY: f64 = 2.0;
const UNIT_S: f64 = 2.0;
/// What a language other than the file's costs in each stretch: it must be more than three times as probable.
const OTHER_PENALTY: f64 = 1.2;
/// Probabilities are raised to this floor, so that one stretch never decides alone.
const MIN_PROB: f64 = 0.01;

/// Stretches of a window in one language.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LanguageRun {
    pub(crate) language: String,
    /// How probable the language is by the run alone, or by the whole window.
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

/// Stands for a language that the stretches do not agree on, but that is probably not the file's.
const UNSURE: &str = "?";
/// A part of a window is in another language when that is so probable by the part alone…
const MIN_OTHER_PROB: f32 = 0.6;
/// …and so many times as probable as the file's.
const MIN_OTHER_RATIO: f32 = 4.0;
/// Short stretches of English are often misjudged where whole windows are not: when a whole window is English with this
/// probability, unsure stretches are not checked again.
const MISJUDGED: &str = "en";
const MIN_MISJUDGED_PROB: f32 = 0.98;

/// The stretches of a window, for finding the languages in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowLanguages<'a> {
    pub(crate) stretches: &'a [Span],
    /// The file's language.
    pub(crate) main: &'a str,
}

impl WindowLanguages<'_> {
    /// The runs of the window, from the probabilities of the whole window (`probs[0]`) and of each stretch (the others).
    /// Stretches are quick to judge but not reliable: where they suggest another language, `ask` judges that run by itself.
    pub(crate) fn runs<E>(
        &self,
        probs: &[LanguageProbs],
        mut ask: impl FnMut((usize, usize)) -> Result<LanguageProbs, E>,
    ) -> Result<Vec<LanguageRun>, E> {
        let Some((whole, probs)) = probs.split_first() else { return Ok(Vec::new()) };
        let is_sure = self.main == MISJUDGED && prob(whole, self.main) >= MIN_MISJUDGED_PROB;
        let mut runs: Vec<LanguageRun> = Vec::new();
        for (suspect, within) in self.suspected(probs) {
            let asked = if suspect == self.main || is_sure && suspect == UNSURE {
                None
            } else if within == (0, self.stretches.len()) {
                Some(whole.clone())
            } else {
                Some(ask(within)?)
            };
            let (language, prob) = match &asked {
                Some(probs) => self.judged(probs),
                None => (self.main, prob(whole, self.main)),
            };
            match runs.last_mut() {
                Some(last) if last.language == language => last.stretches.1 = within.1,
                _ => runs.push(LanguageRun { language: language.into(), prob: f64::from(prob), stretches: within }),
            }
        }
        Ok(runs)
    }

    /// The language of a run by its own probabilities.
    fn judged<'a>(&'a self, probs: &'a LanguageProbs) -> (&'a str, f32) {
        let of_main = prob(probs, self.main);
        let best = probs.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((language, prob)) if *prob >= MIN_OTHER_PROB && *prob >= MIN_OTHER_RATIO * of_main => {
                (language, *prob)
            }
            _ => (self.main, of_main),
        }
    }

    /// Runs of stretches and the language that each seems to be in.
    fn suspected<'a>(&'a self, probs: &'a [LanguageProbs]) -> Vec<(&'a str, (usize, usize))> {
        let mut languages = vec![self.main];
        for best in probs.iter().filter_map(|probs| probs.iter().max_by(|a, b| a.1.total_cmp(&b.1))) {
            if best.1 >= 0.5 && !languages.contains(&best.0) {
                languages.push(best.0);
            }
        }
        let known: Vec<Vec<f32>> =
            probs.iter().map(|probs| languages.iter().map(|language| prob(probs, language)).collect()).collect();
        let score = |n: usize, l: usize| {
            let prob = known[n].get(l).copied().unwrap_or_else(|| 1.0 - known[n].iter().sum::<f32>());
            let weight = self.stretches[n].len_s().min(FULL_WEIGHT_S) / UNIT_S;
            weight * (f64::from(prob).max(MIN_PROB).ln() - if l == 0 { 0.0 } else { OTHER_PENALTY })
        };
        let mut runs: Vec<(&str, (usize, usize))> = Vec::new();
        let path = best_path(self.stretches.len(), languages.len() + 1, score);
        for (n, l) in path.into_iter().enumerate() {
            let language = languages.get(l).copied().unwrap_or(UNSURE);
            match runs.last_mut() {
                Some((last, within)) if *last == language => within.1 = n + 1,
                _ => runs.push((language, (n, n + 1))),
            }
        }
        runs
    }
}

fn prob(probs: &LanguageProbs, language: &str) -> f32 {
    probs.iter().find(|(code, _)| *code == language).map_or(0.0, |(_, prob)| *prob)
}

/// The sequence of `states`, one for each of `steps`, with the highest total score after penalties for changes. The state
/// before the first step is 0.
fn best_path(steps: usize, states: usize, score: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let mut sums: Vec<f64> = (0..states).map(|state| if state == 0 { 0.0 } else { -CHANGE_PENALTY }).collect();
    let mut from: Vec<Vec<usize>> = Vec::with_capacity(steps);
    for n in 0..steps {
        let before = sums.clone();
        let come = |state: usize| {
            let value = |other: usize| before[other] - if other == state { 0.0 } else { CHANGE_PENALTY };
            let best = (0..states).max_by(|a, b| value(*a).total_cmp(&value(*b)).then(b.cmp(a))).unwrap_or(state);
            // Staying is better than a change that is worth as much.
            if value(state) >= value(best) { (state, value(state)) } else { (best, value(best)) }
        };
        let came: Vec<(usize, f64)> = (0..states).map(come).collect();
        sums = came.iter().enumerate().map(|(state, (_, value))| value + score(n, state)).collect();
        // The sums already include the change from the file's language before the first step.
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
    use crate::whisper::{DecodingOptions, DecodingResult};

    struct ByLoudness;
    impl Recognizer for ByLoudness {
        fn decode(
            &self,
            _: &[Vec<f32>],
            _: &DecodingOptions<'_>,
            _: &AtomicBool,
        ) -> Result<Vec<DecodingResult>, RecognizerError> {
            Ok(vec![])
        }

        fn languages(&self, audio: &[f32], _: &[Span], _: &AtomicBool) -> Result<Vec<LanguageProbs>, RecognizerError> {
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
        let place = |loudness| LoadedWindow { window: window(0.0, 1.0), audio: vec![loudness] };
        assert_eq!(detect(&ByLoudness, &[place(0.1), place(0.9), place(0.8)], 2).unwrap(), "zh");
        assert_eq!(detect(&ByLoudness, &[place(0.1), place(0.9), place(0.1)], 2).unwrap(), "en");
    }

    /// The runs of stretches with a pause of half a second between them: seconds of speech, and the probability of Chinese. A
    /// run judged by itself is the mean of its stretches; `whole` is the probability of English in the whole window.
    fn runs(speech: &[(f64, f32)], whole: f32) -> Vec<(String, usize)> {
        let mut at_s = 0.0;
        let span = |(len_s, _): &(f64, f32)| {
            let span = Span::new(at_s, at_s + len_s);
            at_s = span.end_s + 0.5;
            span
        };
        let stretches: Vec<Span> = speech.iter().map(span).collect();
        let of = |zh: f32| vec![("zh", zh), ("en", 0.98 - zh), ("cy", 0.02)];
        let probs: Vec<LanguageProbs> =
            [1.0 - whole].into_iter().chain(speech.iter().map(|(_, zh)| *zh)).map(of).collect();
        let languages = WindowLanguages { stretches: &stretches, main: "en" };
        let ask = |within: (usize, usize)| {
            let sum: f32 = speech[within.0..within.1].iter().map(|(_, zh)| zh).sum();
            Ok::<_, ()>(of(sum / (within.1 - within.0) as f32))
        };
        languages.runs(&probs, ask).unwrap().into_iter().map(|run| (run.language, run.stretches.1)).collect()
    }

    #[test]
    fn a_sentence_in_another_language_is_a_run_of_its_own() {
        let found = runs(&[(3.0, 0.01), (4.0, 0.02), (3.0, 0.97), (0.4, 0.6), (5.0, 0.95), (3.0, 0.01)], 0.7);
        assert_eq!(found, [("en".into(), 2), ("zh".into(), 5), ("en".into(), 6)]);
        assert_eq!(runs(&[(3.0, 0.97), (2.0, 0.9)], 0.05), [("zh".into(), 2)]);
    }

    #[test]
    fn a_short_or_unsure_stretch_does_not_change_the_language() {
        assert_eq!(runs(&[(4.0, 0.01), (0.8, 0.97), (4.0, 0.01)], 0.9), [("en".into(), 3)]);
        assert_eq!(runs(&[(4.0, 0.01), (4.0, 0.7), (4.0, 0.6)], 0.9), [("en".into(), 3)]);
        assert_eq!(runs(&[(9.0, 0.6)], 0.4), [("en".into(), 1)]);
        assert_eq!(runs(&[], 0.9), []);
    }

    #[test]
    fn what_stretches_suspect_the_run_by_itself_must_confirm() {
        let stretches = [Span::new(0.0, 4.0), Span::new(4.5, 8.5)];
        let probs = vec![vec![("en", 0.9), ("fi", 0.1)], vec![("en", 0.9)], vec![("fi", 0.8), ("en", 0.02)]];
        let runs = |asked: f32| {
            let languages = WindowLanguages { stretches: &stretches, main: "en" };
            let ask = |within| {
                assert_eq!(within, (1, 2), "what is surely English is not asked about");
                Ok::<_, ()>(vec![("fi", asked), ("en", 1.0 - asked)])
            };
            languages.runs(&probs, ask).unwrap().len()
        };
        assert_eq!((runs(0.1), runs(0.95)), (1, 2));
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
