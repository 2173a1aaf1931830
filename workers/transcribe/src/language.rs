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
    let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
    for group in places.chunks(threads.max(1)) {
        let heard: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                group.iter().map(|place| scope.spawn(|| recognizer.languages(&place.audio, &[WHOLE], &stop))).collect();
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

/// All of a sound.
pub(crate) const WHOLE: Span = Span { start_s: 0.0, end_s: f64::INFINITY };

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

/// Stands for a language that the stretches do not agree on, but that hardly is the file's.
const UNSURE: &str = "?";
/// A part of a window is in another language when that is so probable by the part alone…
const OTHER_PROB: f32 = 0.6;
/// …and so many times as probable as the file's.
const OTHER_TIMES: f32 = 4.0;
/// Stretches of English are vague where whole windows are not: when a whole one is so surely English, they are not asked
/// about again.
const VAGUE: &str = "en";
const VAGUE_PROB: f32 = 0.98;

/// A window as far as its languages go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listening<'a> {
    pub(crate) stretches: &'a [Span],
    /// The file's language.
    pub(crate) main: &'a str,
}

impl Listening<'_> {
    /// The runs of the window by the odds of the whole, which come first, and of each stretch. Stretches are quick to ask about and
    /// not to be relied on: of what they take for another language the odds are asked for again by `ask`, for the run by
    /// itself.
    pub(crate) fn runs<E>(
        &self,
        odds: &[Odds],
        mut ask: impl FnMut((usize, usize)) -> Result<Odds, E>,
    ) -> Result<Vec<Run>, E> {
        let Some((whole, odds)) = odds.split_first() else { return Ok(Vec::new()) };
        let is_sure = self.main == VAGUE && prob(whole, self.main) >= VAGUE_PROB;
        let mut runs: Vec<Run> = Vec::new();
        for (suspect, within) in self.suspected(odds) {
            let asked = if suspect == self.main || is_sure && suspect == UNSURE {
                None
            } else if within == (0, self.stretches.len()) {
                Some(whole.clone())
            } else {
                Some(ask(within)?)
            };
            let (language, prob) = match &asked {
                Some(odds) => self.judged(odds),
                None => (self.main, prob(whole, self.main)),
            };
            match runs.last_mut() {
                Some(last) if last.language == language => last.stretches.1 = within.1,
                _ => runs.push(Run { language: language.into(), prob: f64::from(prob), stretches: within }),
            }
        }
        Ok(runs)
    }

    /// The language of a run by its own odds.
    fn judged<'a>(&'a self, odds: &'a Odds) -> (&'a str, f32) {
        let of_main = prob(odds, self.main);
        let best = odds.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((language, prob)) if *prob >= OTHER_PROB && *prob >= OTHER_TIMES * of_main => (language, *prob),
            _ => (self.main, of_main),
        }
    }

    /// Runs of stretches and the language that each seems to be in.
    fn suspected<'a>(&'a self, odds: &'a [Odds]) -> Vec<(&'a str, (usize, usize))> {
        let mut languages = vec![self.main];
        for best in odds.iter().filter_map(|odds| odds.iter().max_by(|a, b| a.1.total_cmp(&b.1))) {
            if best.1 >= 0.5 && !languages.contains(&best.0) {
                languages.push(best.0);
            }
        }
        let known: Vec<Vec<f32>> =
            odds.iter().map(|odds| languages.iter().map(|language| prob(odds, language)).collect()).collect();
        let speaks_for = |n: usize, l: usize| {
            let prob = known[n].get(l).copied().unwrap_or_else(|| 1.0 - known[n].iter().sum::<f32>());
            let weight = self.stretches[n].len_s().min(FULL_S) / UNIT_S;
            weight * (f64::from(prob).max(LEAST_PROB).ln() - if l == 0 { 0.0 } else { OTHER })
        };
        let mut runs: Vec<(&str, (usize, usize))> = Vec::new();
        let path = best_path(self.stretches.len(), languages.len() + 1, speaks_for);
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

fn prob(odds: &Odds, language: &str) -> f32 {
    odds.iter().find(|(code, _)| *code == language).map_or(0.0, |(_, prob)| *prob)
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

    /// Stretches with a pause of half a second between them: seconds of speech, and how probable Chinese is there. A run by
    /// itself is what most of it is; `whole` is how probable English is by the whole.
    fn told(speech: &[(f64, f32)], whole: f32) -> Vec<(String, usize)> {
        let mut at_s = 0.0;
        let span = |(len_s, _): &(f64, f32)| {
            let span = Span::new(at_s, at_s + len_s);
            at_s = span.end_s + 0.5;
            span
        };
        let stretches: Vec<Span> = speech.iter().map(span).collect();
        let of = |zh: f32| vec![("zh", zh), ("en", 0.98 - zh), ("cy", 0.02)];
        let odds: Vec<Odds> = [1.0 - whole].into_iter().chain(speech.iter().map(|(_, zh)| *zh)).map(of).collect();
        let listening = Listening { stretches: &stretches, main: "en" };
        let ask = |within: (usize, usize)| {
            let sum: f32 = speech[within.0..within.1].iter().map(|(_, zh)| zh).sum();
            Ok::<_, ()>(of(sum / (within.1 - within.0) as f32))
        };
        listening.runs(&odds, ask).unwrap().into_iter().map(|run| (run.language, run.stretches.1)).collect()
    }

    #[test]
    fn a_sentence_in_another_language_is_a_run_of_its_own() {
        let found = told(&[(3.0, 0.01), (4.0, 0.02), (3.0, 0.97), (0.4, 0.6), (5.0, 0.95), (3.0, 0.01)], 0.7);
        assert_eq!(found, [("en".into(), 2), ("zh".into(), 5), ("en".into(), 6)]);
        assert_eq!(told(&[(3.0, 0.97), (2.0, 0.9)], 0.05), [("zh".into(), 2)]);
    }

    #[test]
    fn a_short_or_unsure_stretch_does_not_change_the_language() {
        assert_eq!(told(&[(4.0, 0.01), (0.8, 0.97), (4.0, 0.01)], 0.9), [("en".into(), 3)]);
        assert_eq!(told(&[(4.0, 0.01), (4.0, 0.7), (4.0, 0.6)], 0.9), [("en".into(), 3)]);
        assert_eq!(told(&[(9.0, 0.6)], 0.4), [("en".into(), 1)]);
        assert_eq!(told(&[], 0.9), []);
    }

    #[test]
    fn what_stretches_suspect_the_run_by_itself_must_confirm() {
        let stretches = [Span::new(0.0, 4.0), Span::new(4.5, 8.5)];
        let odds = vec![vec![("en", 0.9), ("fi", 0.1)], vec![("en", 0.9)], vec![("fi", 0.8), ("en", 0.02)]];
        let runs = |asked: f32| {
            let listening = Listening { stretches: &stretches, main: "en" };
            let ask = |within| {
                assert_eq!(within, (1, 2), "what is surely English is not asked about");
                Ok::<_, ()>(vec![("fi", asked), ("en", 1.0 - asked)])
            };
            listening.runs(&odds, ask).unwrap().len()
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
