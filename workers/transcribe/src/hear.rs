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

/// Decodes `window` by `first`, then, while there are doubts: in two halves, and with rising temperature. The least doubtful answer stands; loops that remain are cut to one round, and known inventions with
/// weak evidence are removed.
pub(crate) fn hear(
    recognizer: &dyn Recognizer,
    source: &dyn WindowAudio,
    window: &Window,
    first: &Attempt<'_>,
    fallback: bool,
    stop: &AtomicBool,
) -> Result<Outcome, RecognizerError> {
    let audio = source.audio(window);
    let once = |how: &Attempt<'_>| -> Result<Candidate, RecognizerError> {
        Ok(Candidate::new(vec![Part { window: window.clone(), heard: recognizer.hear(&audio, how, stop)? }]))
    };
    let mut best = once(first)?;
    let mut retries = 0;
    let mut consider = |best: &mut Candidate, candidate: Candidate| {
        retries += 1;
        if candidate.cost() < best.cost() {
            *best = candidate;
        }
    };
    if best.is_doubtful()
        && let Some((left, right)) = window.halves()
    {
        let mut parts = Vec::new();
        for half in [left, right] {
            let heard = recognizer.hear(&source.audio(&half), first, stop)?;
            parts.push(Part { window: half, heard });
        }
        consider(&mut best, Candidate::new(parts));
    }
    for temperature in TEMPERATURES {
        if fallback && best.is_doubtful() {
            consider(&mut best, once(&Attempt { temperature, prompt: "", ..*first })?);
        }
    }
    Ok(best.settle(first.prompt, retries))
}

struct Candidate {
    parts: Vec<Part>,
    doubts: Vec<Doubt>,
}

impl Candidate {
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

    impl<F: Fn(usize, &Attempt<'_>) -> &'static str + Sync> Recognizer for Scripted<F> {
        fn hear(&self, audio: &[f32], how: &Attempt<'_>, _: &AtomicBool) -> Result<Heard, RecognizerError> {
            self.1.lock().unwrap().push((audio.len(), how.temperature));
            let token = |word: &str| Token { bytes: word.as_bytes().to_vec(), logprob: -0.2, end_s: None };
            let tokens = (self.0)(audio.len(), how).split_inclusive(' ').map(token).collect();
            Ok(Heard { tokens, no_speech_prob: 0.0 })
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

    fn run(answer: impl Fn(usize, &Attempt<'_>) -> &'static str + Sync) -> (Outcome, String) {
        let how = Attempt { language: "en", translate: false, prompt: "", beam_size: 1, temperature: 0.0 };
        let scripted = Scripted(answer, Mutex::default());
        let outcome = hear(&scripted, &Silence, &window(), &how, true, &AtomicBool::new(false)).unwrap();
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
