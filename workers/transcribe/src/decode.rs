//! Decodes a run of windows side by side, one thread and fresh state for each.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use medley_step::{StepContext, StepError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    hear::{self, Outcome, WindowAudio},
    speech::{
        regions::{Span, milliseconds},
        windows::{Window, join, sample},
    },
    step::How,
    times,
    whisper::{Recognizer, RecognizerError, words},
};

/// How often a step that waits for its threads asks whether it should stop.
const CHECK_EVERY: Duration = Duration::from_millis(200);

/// What was heard in one window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Decoded {
    pub(crate) words: Vec<TimedWord>,
    pub(crate) no_speech_prob: f64,
    /// Seconds of speech by the voice detector.
    pub(crate) speech_s: f64,
    #[serde(default)]
    pub(crate) retries: u32,
    #[serde(default)]
    pub(crate) removed: bool,
    /// ISO 639-1 of what is spoken.
    pub(crate) language: String,
    /// 1 when it was given.
    pub(crate) language_prob: f64,
    /// Where somebody seems to speak for seconds and no word was heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unheard: Vec<Span>,
}

/// A word and its time in seconds of the file. The text begins with a space where it is written apart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "(f64, f64, String, f64)", into = "(f64, f64, String, f64)")]
#[schemars(with = "(f64, f64, String, f64)")]
pub struct TimedWord {
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
    pub(crate) text: String,
    /// Mean natural-log probability of its tokens.
    pub(crate) logprob: f64,
}

impl From<(f64, f64, String, f64)> for TimedWord {
    fn from((start_s, end_s, text, logprob): (f64, f64, String, f64)) -> Self {
        Self { start_s, end_s, text, logprob }
    }
}

impl From<TimedWord> for (f64, f64, String, f64) {
    fn from(word: TimedWord) -> Self {
        (milliseconds(word.start_s), milliseconds(word.end_s), word.text, milliseconds(word.logprob))
    }
}

/// The audio of one window.
pub(crate) struct Loaded {
    pub(crate) window: Window,
    pub(crate) audio: Vec<f32>,
}

impl WindowAudio for Loaded {
    fn audio(&self, window: &Window) -> Vec<f32> {
        if *window == self.window {
            return self.audio.clone();
        }
        // A half of the window: its pieces lie inside the window's.
        let mut audio = Vec::new();
        let mut before = 0;
        for piece in &self.window.pieces {
            let own = sample(piece.end_s) - sample(piece.start_s);
            let end = (before + own).min(self.audio.len());
            audio.extend(join(
                &window_in(window, piece.start_s, piece.end_s),
                &self.audio[before.min(end)..end],
                sample(piece.start_s),
            ));
            before += own;
        }
        audio
    }
}

/// The part of a window between two times, as far as its audio goes.
fn window_in(window: &Window, start_s: f64, end_s: f64) -> Window {
    let inside = |piece: &Span| {
        let cut = Span::new(piece.start_s.max(start_s), piece.end_s.min(end_s));
        (cut.len_s() > 0.0).then_some(cut)
    };
    Window { pieces: window.pieces.iter().filter_map(inside).collect(), speech: Vec::new() }
}

/// Decodes all windows, the longest first, on `cx.threads()` threads; answers in their order, several for a window in which
/// several languages are spoken.
pub(crate) fn decode(
    recognizer: &dyn Recognizer,
    loaded: &[Loaded],
    how: &How,
    cx: &StepContext<'_>,
) -> Result<Vec<Decoded>, StepError> {
    let mut order: Vec<usize> = (0..loaded.len()).collect();
    order.sort_by_key(|n| std::cmp::Reverse(loaded[*n].audio.len()));
    let groups = groups(&order, recognizer.at_once(), cx.threads());
    let total: f64 = loaded.iter().map(|one| one.window.audio_s()).sum();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let outcomes: Mutex<Vec<Option<Vec<Vec<Outcome>>>>> = Mutex::new(vec![None; groups.len()]);
    let (tell, told) = mpsc::channel::<Result<f64, RecognizerError>>();

    let asked = std::thread::scope(|scope| {
        for _ in 0..cx.threads().min(groups.len()) {
            let (tell, next, stop, groups, outcomes) = (tell.clone(), &next, &stop, &groups, &outcomes);
            scope.spawn(move || {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(group) = groups.get(n) else { break };
                    let windows: Vec<(&Loaded, &Window)> =
                        group.iter().map(|n| (&loaded[*n], &loaded[*n].window)).collect();
                    let heard = hear::hear(recognizer, &windows, how, stop);
                    let told = heard.map(|heard| {
                        outcomes.lock().unwrap_or_else(PoisonError::into_inner)[n] = Some(heard);
                        windows.iter().map(|(_, window)| window.audio_s()).sum()
                    });
                    let failed = told.is_err();
                    if tell.send(told).is_err() || failed {
                        break;
                    }
                }
            });
        }
        drop(tell);
        let waited = wait(&told, total, cx);
        if waited.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        waited
    });
    asked?;
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let whole: Option<Vec<Vec<Vec<Outcome>>>> = outcomes.into_iter().collect();
    let whole = whole.ok_or_else(|| StepError::internal("a decode thread ended without an answer"))?;
    let mut decoded = vec![Vec::new(); loaded.len()];
    for (n, outcomes) in groups.iter().flatten().zip(whole.into_iter().flatten()) {
        decoded[*n] = outcomes.into_iter().map(timed).collect();
    }
    Ok(decoded.concat())
}

/// Deals windows out, the longest first: groups of at most `at_once`, as many for each thread and as long as one another.
fn groups(windows: &[usize], at_once: usize, threads: usize) -> Vec<Vec<usize>> {
    let wanted = windows.len().div_ceil(at_once).next_multiple_of(threads.max(1)).min(windows.len());
    (0..wanted).map(|n| windows.iter().copied().skip(n).step_by(wanted).collect()).collect()
}

/// Waits for the threads, passes their progress on, and asks now and then whether the step should stop.
fn wait(
    told: &mpsc::Receiver<Result<f64, RecognizerError>>,
    total: f64,
    cx: &StepContext<'_>,
) -> Result<(), StepError> {
    let mut done = 0.0;
    loop {
        match told.recv_timeout(CHECK_EVERY) {
            Ok(Ok(audio_s)) => {
                done += audio_s;
                cx.progress(done, total, "s of speech");
            }
            Ok(Err(error)) => return Err(error.into()),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
        }
        cx.checkpoint()?;
    }
}

fn timed(outcome: Outcome) -> Decoded {
    let mut decoded = Decoded {
        speech_s: outcome.window.speech_s(),
        retries: outcome.retries,
        removed: outcome.removed,
        language: outcome.language,
        language_prob: milliseconds(outcome.language_prob),
        ..Decoded::default()
    };
    for part in outcome.parts {
        decoded.no_speech_prob = decoded.no_speech_prob.max(part.heard.no_speech_prob);
        let heard = words(&part.heard.tokens);
        let times = times::place(&heard, &part.window);
        decoded.unheard.extend(times::unheard(&times, &part.window.speech));
        decoded.words.extend(heard.into_iter().zip(times).map(|(word, time)| TimedWord {
            start_s: time.start_s,
            end_s: time.end_s,
            text: word.text,
            logprob: word.logprob,
        }));
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_thread_gets_as_many_groups() {
        assert_eq!(groups(&[5, 1, 4, 2, 3], 4, 2), [vec![5, 4, 3], vec![1, 2]]);
        assert_eq!(groups(&[0, 1, 2, 3, 4, 5, 6, 7, 8], 4, 2), [vec![0, 4, 8], vec![1, 5], vec![2, 6], vec![3, 7]]);
        assert_eq!(groups(&[7], 4, 2), [vec![7]]);
        assert!(groups(&[], 4, 2).is_empty());
    }

    proptest! {
        #[test]
        fn no_window_is_lost(count in 0_usize..50, at_once in 1_usize..6, threads in 1_usize..9) {
            let windows: Vec<usize> = (0..count).collect();
            let groups = groups(&windows, at_once, threads);
            prop_assert!(groups.iter().all(|group| group.len() <= at_once));
            let mut all = groups.concat();
            all.sort_unstable();
            prop_assert_eq!(all, windows);
        }
    }
}
