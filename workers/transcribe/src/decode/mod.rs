//! Decodes a run of windows side by side, one thread and fresh state for each.

mod fallback;
mod hallucination;
mod word_timestamps;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use medley_step::{StepContext, StepError};

use self::fallback::{Outcome, decode_with_fallback};
use crate::{
    audio::LoadedWindow,
    error::RecognizerError,
    speech::{span::milliseconds, windows::Window},
    step::{DecodeParams, DecodedWindow, TimedWord},
    whisper::{Recognizer, words},
};

/// How often a step that waits for its threads checks whether it should stop.
const CHECK_EVERY: Duration = Duration::from_millis(200);

/// Decodes all windows, the longest first, on `cx.threads()` threads. The results are in the order of the windows; a window
/// in which several languages are spoken has several.
pub(crate) fn decode(
    recognizer: &dyn Recognizer,
    loaded: &[LoadedWindow],
    params: &DecodeParams,
    cx: &StepContext<'_>,
) -> Result<Vec<DecodedWindow>, StepError> {
    let mut order: Vec<usize> = (0..loaded.len()).collect();
    order.sort_by_key(|n| std::cmp::Reverse(loaded[*n].audio.len()));
    let groups = groups(&order, recognizer.at_once(), cx.threads());
    let outcomes = decode_groups(recognizer, loaded, &groups, params, cx)?;
    let mut decoded = vec![Vec::new(); loaded.len()];
    for (n, outcomes) in groups.iter().flatten().zip(outcomes) {
        decoded[*n] = outcomes.into_iter().map(timed).collect();
    }
    Ok(decoded.concat())
}

/// The outcomes of all windows, in the order of `groups`.
fn decode_groups(
    recognizer: &dyn Recognizer,
    loaded: &[LoadedWindow],
    groups: &[Vec<usize>],
    params: &DecodeParams,
    cx: &StepContext<'_>,
) -> Result<Vec<Vec<Outcome>>, StepError> {
    let total_s: f64 = loaded.iter().map(|one| one.window.audio_s()).sum();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let outcomes: Mutex<Vec<Option<Vec<Vec<Outcome>>>>> = Mutex::new(vec![None; groups.len()]);
    // Each message says how many seconds of audio a group had, once it is decoded.
    let (report, reports) = mpsc::channel::<Result<f64, RecognizerError>>();

    let waited = std::thread::scope(|scope| {
        for _ in 0..cx.threads().min(groups.len()) {
            let (report, next, stop, outcomes) = (report.clone(), &next, &stop, &outcomes);
            scope.spawn(move || {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(group) = groups.get(n) else { break };
                    let windows: Vec<(&LoadedWindow, &Window)> =
                        group.iter().map(|n| (&loaded[*n], &loaded[*n].window)).collect();
                    let decoded = decode_with_fallback(recognizer, &windows, params, stop).map(|decoded| {
                        outcomes.lock().unwrap_or_else(PoisonError::into_inner)[n] = Some(decoded);
                        windows.iter().map(|(_, window)| window.audio_s()).sum()
                    });
                    let failed = decoded.is_err();
                    if report.send(decoded).is_err() || failed {
                        break;
                    }
                }
            });
        }
        drop(report);
        let waited = wait(&reports, total_s, cx);
        if waited.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        waited
    });
    waited?;
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let whole: Option<Vec<Vec<Vec<Outcome>>>> = outcomes.into_iter().collect();
    let whole = whole.ok_or_else(|| StepError::internal("a decode thread ended without a result"))?;
    Ok(whole.into_iter().flatten().collect())
}

/// Deals windows out, the longest first: groups of at most `at_once`, equally many for each thread and of similar length.
fn groups(windows: &[usize], at_once: usize, threads: usize) -> Vec<Vec<usize>> {
    let wanted = windows.len().div_ceil(at_once).next_multiple_of(threads.max(1)).min(windows.len());
    (0..wanted).map(|n| windows.iter().copied().skip(n).step_by(wanted).collect()).collect()
}

/// Waits for the threads, reports their progress, and checks at intervals whether the step should stop.
fn wait(
    reports: &mpsc::Receiver<Result<f64, RecognizerError>>,
    total_s: f64,
    cx: &StepContext<'_>,
) -> Result<(), StepError> {
    let mut done_s = 0.0;
    loop {
        match reports.recv_timeout(CHECK_EVERY) {
            Ok(Ok(audio_s)) => {
                done_s += audio_s;
                cx.progress(done_s, total_s, "s of speech");
            }
            Ok(Err(error)) => return Err(error.into()),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
        }
        cx.checkpoint()?;
    }
}

/// Gives the words of an outcome their times.
fn timed(outcome: Outcome) -> DecodedWindow {
    let mut decoded = DecodedWindow {
        speech_s: outcome.window.speech_s(),
        retries: outcome.retries,
        removed: outcome.removed,
        language: outcome.language,
        language_prob: milliseconds(outcome.language_prob),
        ..DecodedWindow::default()
    };
    for part in outcome.parts {
        decoded.no_speech_prob = decoded.no_speech_prob.max(part.result.no_speech_prob);
        let words = words(&part.result.tokens);
        let times = word_timestamps::place(&words, &part.window);
        decoded.unheard.extend(word_timestamps::unheard(&times, &part.window.speech));
        decoded.words.extend(words.into_iter().zip(times).map(|(word, time)| TimedWord {
            start_s: time.start_s,
            end_s: time.end_s,
            text: word.text,
            logprob: word.logprob,
            ..TimedWord::default()
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
