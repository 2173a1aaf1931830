//! Decodes one window, and again in other ways while the answer is not to be believed.

use std::sync::atomic::AtomicBool;

use crate::{
    guard::{self, Doubt},
    speech::windows::Window,
    whisper::{Attempt, Heard, Recognizer, RecognizerError},
};

/// Temperatures of the last attempts: the model is let off its most probable path.
const TEMPERATURES: [f32; 3] = [0.2, 0.5, 0.8];

/// A window, or a half of one, with what was heard in it.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) window: Window,
    pub(crate) heard: Heard,
}

/// What became of a window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) parts: Vec<Part>,
    /// Decodes beyond the first.
    pub(crate) retries: u32,
    /// Text was taken out because nobody said it.
    pub(crate) removed: bool,
}

/// Where the audio of a window, or of a half of it, comes from.
pub(crate) trait WindowAudio {
    fn audio(&self, window: &Window) -> Vec<f32>;
}

/// Decodes windows by `first`, all at once; then those that are doubtful again: in two halves, and with rising temperature.
/// The least doubtful answer stands; loops that remain are cut to one round, and known inventions with weak evidence are
/// removed.
pub(crate) fn hear<S: WindowAudio>(
    recognizer: &dyn Recognizer,
    windows: &[(&S, &Window)],
    first: &Attempt<'_>,
    fallback: bool,
    stop: &AtomicBool,
) -> Result<Vec<Outcome>, RecognizerError> {
    let audio: Vec<Vec<f32>> = windows.iter().map(|(source, window)| source.audio(window)).collect();
    let heard = recognizer.hear(&audio, first, stop)?;
    let mut outcomes = Vec::with_capacity(windows.len());
    for (((source, window), audio), heard) in windows.iter().zip(audio).zip(heard) {
        let mut best = Candidate::new(vec![Part { window: (*window).clone(), heard }]);
        let mut retries = 0;
        let mut consider =
            |best: &mut Candidate, parts: &[(&Window, Vec<f32>)], how: &Attempt<'_>| -> Result<(), RecognizerError> {
                retries += 1;
                let candidate = Candidate::heard(recognizer, parts, how, stop)?;
                if candidate.cost() < best.cost() {
                    *best = candidate;
                }
                Ok(())
            };
        if best.is_doubtful()
            && let Some((left, right)) = window.halves()
        {
            let halves = [(&left, source.audio(&left)), (&right, source.audio(&right))];
            consider(&mut best, &halves, first)?;
        }
        let whole = [(*window, audio)];
        for temperature in TEMPERATURES {
            if fallback && best.is_doubtful() {
                consider(&mut best, &whole, &Attempt { temperature, prompt: "", ..*first })?;
            }
        }
        outcomes.push(best.settle(first.prompt, retries));
    }
    Ok(outcomes)
}

struct Candidate {
    parts: Vec<Part>,
    doubts: Vec<Doubt>,
}

impl Candidate {
    fn heard(
        recognizer: &dyn Recognizer,
        parts: &[(&Window, Vec<f32>)],
        how: &Attempt<'_>,
        stop: &AtomicBool,
    ) -> Result<Self, RecognizerError> {
        let audio: Vec<Vec<f32>> = parts.iter().map(|(_, audio)| audio.clone()).collect();
        let heard = recognizer.hear(&audio, how, stop)?;
        let part = |((window, _), heard): (&(&Window, Vec<f32>), Heard)| Part { window: (*window).clone(), heard };
        Ok(Self::new(parts.iter().zip(heard).map(part).collect()))
    }

    fn new(parts: Vec<Part>) -> Self {
        let doubts = parts.iter().flat_map(|part| guard::doubts(&part.heard, &part.window)).collect();
        Self { parts, doubts }
    }

    fn is_doubtful(&self) -> bool {
        !self.doubts.is_empty()
    }

    /// Invented text is worse than missing text, which is worse than unlikely text.
    fn cost(&self) -> f64 {
        let weigh = |doubt: &Doubt| match doubt {
            Doubt::Repeats | Doubt::TooMuch => 4.0,
            Doubt::TooLittle => 2.0,
            Doubt::Improbable => 1.0,
        };
        let tokens: usize = self.parts.iter().map(|part| part.heard.tokens.len()).sum();
        let logprob: f64 =
            self.parts.iter().map(|part| part.heard.avg_logprob() * part.heard.tokens.len() as f64).sum();
        self.doubts.iter().map(weigh).sum::<f64>() / self.parts.len() as f64 - logprob / tokens.max(1) as f64 * 0.5
    }

    fn settle(self, prompt: &str, retries: u32) -> Outcome {
        let mut outcome = Outcome { retries, ..Outcome::default() };
        for mut part in self.parts {
            let doubts = guard::doubts(&part.heard, &part.window);
            // A repetition at the pace of speech may have been said (a chant, a chorus); a flood was not.
            if doubts.contains(&Doubt::Repeats) && doubts.len() > 1 {
                part.heard = guard::first_round(&part.heard);
                outcome.removed = true;
            }
            if !part.heard.tokens.is_empty() && guard::is_invented(&part.heard, &part.window, prompt) {
                part.heard.tokens.clear();
                outcome.removed = true;
            }
            outcome.parts.push(part);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{speech::regions::Span, whisper::Token};

    /// Answers by a script: (what is asked for, what is heard).
    struct Scripted<F>(F, Mutex<Vec<(usize, f32)>>);

    impl<F: Fn(usize, &Attempt<'_>) -> &'static str + Send + Sync> Recognizer for Scripted<F> {
        fn hear(&self, windows: &[Vec<f32>], how: &Attempt<'_>, _: &AtomicBool) -> Result<Vec<Heard>, RecognizerError> {
            let token = |word: &str| Token { bytes: word.as_bytes().to_vec(), logprob: -0.2, end_s: None };
            let one = |audio: &Vec<f32>| {
                self.1.lock().unwrap().push((audio.len(), how.temperature));
                let tokens = (self.0)(audio.len(), how).split_inclusive(' ').map(token).collect();
                Heard { tokens, no_speech_prob: 0.0 }
            };
            Ok(windows.iter().map(one).collect())
        }

        fn languages(&self, _: &[f32], _: &AtomicBool) -> Result<Vec<(&'static str, f32)>, RecognizerError> {
            Ok(vec![])
        }
    }

    struct Silence;
    impl WindowAudio for Silence {
        fn audio(&self, window: &Window) -> Vec<f32> {
            vec![0.0; (window.audio_s() * 10.0) as usize]
        }
    }

    fn window() -> Window {
        Window { pieces: vec![Span::new(0.0, 21.0)], speech: vec![Span::new(0.5, 10.0), Span::new(11.0, 20.5)] }
    }

    fn run(answer: impl Fn(usize, &Attempt<'_>) -> &'static str + Send + Sync) -> (Outcome, String) {
        let how = Attempt { language: "en", translate: false, prompt: "", beam_size: 1, temperature: 0.0 };
        let scripted = Scripted(answer, Mutex::default());
        let stop = AtomicBool::new(false);
        let outcome = hear(&scripted, &[(&Silence, &window())], &how, true, &stop).unwrap().remove(0);
        let text = outcome.parts.iter().map(|part| part.heard.text()).collect();
        (outcome, text)
    }

    const GOOD: &str = "one two three four five six seven eight nine ten eleven twelve thirteen ";
    const LOOP: &str = "so what so what so what so what so what so what so what ";

    #[test]
    fn a_good_window_is_decoded_once() {
        let (outcome, text) = run(|_, _| GOOD);
        assert_eq!((outcome.retries, text.as_str(), outcome.removed), (0, GOOD, false));
    }

    #[test]
    fn a_loop_is_decoded_in_halves_then_warmer() {
        let (outcome, _) = run(|len, _| if len > 150 { LOOP } else { GOOD });
        assert_eq!((outcome.retries, outcome.parts.len()), (1, 2));
        let (outcome, text) = run(|_, how| if how.temperature > 0.4 { GOOD } else { LOOP });
        assert_eq!((outcome.retries, text.as_str()), (3, GOOD));
    }

    #[test]
    fn what_is_always_said_alike_at_the_pace_of_speech_stays() {
        let (outcome, text) = run(|_, _| LOOP);
        assert_eq!((outcome.retries, text.as_str(), outcome.removed), (4, LOOP, false));
    }
}
