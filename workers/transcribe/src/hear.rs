//! Decodes windows, each in the language that is spoken in it, and again in other ways while the answer is not to be
//! believed.

use std::sync::atomic::AtomicBool;

use crate::{
    guard::{self, Doubt},
    language::{self, Listening, Run},
    params::Task,
    speech::{regions::Span, windows::Window},
    step::How,
    whisper::{Attempt, Heard, Odds, Questioned, Recognizer, RecognizerError},
};

/// Temperatures of the last attempts: the model is let off its most probable path.
const TEMPERATURES: [f32; 3] = [0.2, 0.5, 0.8];

/// A window, or a half of one, with what was heard in it.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) window: Window,
    pub(crate) heard: Heard,
}

/// What became of a window, or of the part of it that is in one language.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) window: Window,
    pub(crate) language: String,
    /// 1 when it was given.
    pub(crate) language_prob: f64,
    pub(crate) parts: Vec<Part>,
    /// Decodes beyond the first.
    pub(crate) retries: u32,
    /// Text was taken out because nobody said it.
    pub(crate) removed: bool,
}

/// Where the audio of a window, or of a part of it, comes from.
pub(crate) trait WindowAudio {
    fn audio(&self, window: &Window) -> Vec<f32>;
}

/// Decodes windows as `how` says, all at once; those that are not in the file's language throughout, when it is to be listened
/// for, language by language; those that are doubtful again, in two halves and with rising temperature. The least doubtful
/// answer stands; loops that remain are cut to one round, and known inventions with weak evidence are removed.
pub(crate) fn hear<S: WindowAudio>(
    recognizer: &dyn Recognizer,
    windows: &[(&S, &Window)],
    how: &How,
    stop: &AtomicBool,
) -> Result<Vec<Vec<Outcome>>, RecognizerError> {
    let hearing = Hearing { recognizer, how, stop };
    let main = Tongue::new(how, &how.language, 1.0);
    let audio: Vec<Vec<f32>> = windows.iter().map(|(source, window)| source.audio(window)).collect();
    if !how.detect {
        let heard = recognizer.hear(&audio, &main.attempt(how), stop)?;
        let each = windows.iter().zip(audio).zip(heard);
        return each
            .map(|(((source, window), audio), heard)| {
                Ok(vec![hearing.settled(*source, (*window).clone(), (audio, heard), &main)?])
            })
            .collect();
    }
    let stretches: Vec<Vec<Span>> =
        windows.iter().zip(&audio).map(|((_, window), audio)| language::stretches(window, audio)).collect();
    let mut questioned: Vec<Questioned> = Vec::with_capacity(windows.len());
    for ((audio, (_, window)), stretches) in audio.into_iter().zip(windows).zip(&stretches) {
        let inside = |one: &Span| Span::new(window.to_window_s(one.start_s), window.to_window_s(one.end_s));
        let stretches = [language::WHOLE].into_iter().chain(stretches.iter().map(inside)).collect();
        questioned.push(Questioned { audio, stretches });
    }
    let mut told: Vec<Vec<Run>> = vec![Vec::new(); windows.len()];
    let mut fits = |n: usize, odds: Vec<Odds>| {
        let (source, window) = windows[n];
        let listening = Listening { stretches: &stretches[n], main: &how.language };
        let ask = |within| {
            let part = source.audio(&window.part(&stretches[n], within));
            let mut odds = recognizer.languages(&part, &[language::WHOLE], stop)?;
            Ok::<_, RecognizerError>(odds.pop().unwrap_or_default())
        };
        told[n] = listening.runs(&odds, ask)?;
        Ok(told[n].iter().all(|run| run.language == how.language))
    };
    let heard = recognizer.hear_fitting(&questioned, &main.attempt(how), &mut fits, stop)?;
    let mut outcomes = Vec::with_capacity(windows.len());
    for (n, (heard, question)) in heard.into_iter().zip(questioned).enumerate() {
        let (source, window) = windows[n];
        outcomes.push(match heard {
            Some(heard) => {
                let tongue = Tongue { prob: told[n].first().map_or(1.0, |run| run.prob), ..main.clone() };
                vec![hearing.settled(source, window.clone(), (question.audio, heard), &tongue)?]
            }
            None => {
                let part = |run: &Run| hearing.run(source, window.part(&stretches[n], run.stretches), run);
                told[n].iter().map(part).collect::<Result<_, _>>()?
            }
        });
    }
    Ok(outcomes)
}

/// A language with what is shown to the model before it hears it.
#[derive(Debug, Clone)]
struct Tongue {
    language: String,
    prob: f64,
    prompt: String,
}

impl Tongue {
    fn new(how: &How, language: &str, prob: f64) -> Self {
        Self { language: language.into(), prob, prompt: how.prompt(language) }
    }

    fn attempt<'a>(&'a self, how: &How) -> Attempt<'a> {
        Attempt {
            language: &self.language,
            translate: how.task == Task::Translate,
            prompt: &self.prompt,
            beam_size: how.beam_size,
            temperature: 0.0,
        }
    }
}

struct Hearing<'a> {
    recognizer: &'a dyn Recognizer,
    how: &'a How,
    stop: &'a AtomicBool,
}

impl Hearing<'_> {
    /// Decodes a part of a window in the language that it seems to be in, and, when that leaves doubts, in the file's.
    fn run<S: WindowAudio>(&self, source: &S, window: Window, run: &Run) -> Result<Outcome, RecognizerError> {
        let tongue = Tongue::new(self.how, &run.language, run.prob);
        let audio = source.audio(&window);
        let whole = [(&window, audio.clone())];
        let in_tongue = |tongue: &Tongue| {
            let first = Candidate::heard(self.recognizer, &whole, &tongue.attempt(self.how), self.stop)?;
            self.best(source, &window, (&audio, first), tongue)
        };
        let (best, retries) = in_tongue(&tongue)?;
        if best.is_doubtful() && run.language != self.how.language {
            let main = Tongue::new(self.how, &self.how.language, 1.0 - run.prob);
            let (other, more) = in_tongue(&main)?;
            if other.cost() < best.cost() {
                return Ok(other.settle(window, &main, retries + more + 1));
            }
        }
        Ok(best.settle(window, &tongue, retries))
    }

    fn settled<S: WindowAudio>(
        &self,
        source: &S,
        window: Window,
        (audio, heard): (Vec<f32>, Heard),
        tongue: &Tongue,
    ) -> Result<Outcome, RecognizerError> {
        let first = Candidate::new(vec![Part { window: window.clone(), heard }]);
        let (best, retries) = self.best(source, &window, (&audio, first), tongue)?;
        Ok(best.settle(window, tongue, retries))
    }

    /// The least doubtful of the first answer and of those in other ways, and how many those were.
    fn best<S: WindowAudio>(
        &self,
        source: &S,
        window: &Window,
        (audio, mut best): (&[f32], Candidate),
        tongue: &Tongue,
    ) -> Result<(Candidate, u32), RecognizerError> {
        let first = tongue.attempt(self.how);
        let mut retries = 0;
        let mut consider = |best: &mut Candidate, parts: &[(&Window, Vec<f32>)], how: &Attempt<'_>| {
            retries += 1;
            let candidate = Candidate::heard(self.recognizer, parts, how, self.stop)?;
            if candidate.cost() < best.cost() {
                *best = candidate;
            }
            Ok::<(), RecognizerError>(())
        };
        if best.is_doubtful()
            && let Some((left, right)) = window.halves()
        {
            let halves = [(&left, source.audio(&left)), (&right, source.audio(&right))];
            consider(&mut best, &halves, &first)?;
        }
        for temperature in TEMPERATURES {
            if self.how.temperature_fallback && best.may_be_warmed() {
                let whole = [(window, audio.to_vec())];
                consider(&mut best, &whole, &Attempt { temperature, prompt: "", ..first })?;
            }
        }
        Ok((best, retries))
    }
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

    /// A gap alone is no reason to let the model off its path: it may be music, and would be filled with inventions.
    fn may_be_warmed(&self) -> bool {
        self.doubts.iter().any(|doubt| *doubt != Doubt::Skips)
    }

    /// Invented text is worse than missing text, which is worse than unlikely text.
    fn cost(&self) -> f64 {
        let weigh = |doubt: &Doubt| match doubt {
            Doubt::Repeats | Doubt::TooMuch => 4.0,
            Doubt::TooLittle | Doubt::Skips => 2.0,
            Doubt::Improbable => 1.0,
        };
        let tokens: usize = self.parts.iter().map(|part| part.heard.tokens.len()).sum();
        let logprob: f64 =
            self.parts.iter().map(|part| part.heard.avg_logprob() * part.heard.tokens.len() as f64).sum();
        self.doubts.iter().map(weigh).sum::<f64>() / self.parts.len() as f64 - logprob / tokens.max(1) as f64 * 0.5
    }

    fn settle(self, window: Window, tongue: &Tongue, retries: u32) -> Outcome {
        let mut outcome = Outcome {
            window,
            language: tongue.language.clone(),
            language_prob: tongue.prob,
            retries,
            ..Outcome::default()
        };
        for mut part in self.parts {
            let doubts = guard::doubts(&part.heard, &part.window);
            let floods = doubts.iter().any(|doubt| !matches!(doubt, Doubt::Repeats | Doubt::Skips));
            // A repetition at the pace of speech may have been said (a chant, a chorus); a flood was not.
            if doubts.contains(&Doubt::Repeats) && floods {
                part.heard = guard::first_round(&part.heard);
                outcome.removed = true;
            }
            if !part.heard.tokens.is_empty() && guard::is_invented(&part.heard, &part.window, &tongue.prompt) {
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
    use crate::{params::TranscribeParams, whisper::Token};

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

        fn languages(&self, _: &[f32], _: &[Span], _: &AtomicBool) -> Result<Vec<Odds>, RecognizerError> {
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
        let how = How::new(&TranscribeParams { language: "en".into(), ..TranscribeParams::default() }, "en", None);
        let scripted = Scripted(answer, Mutex::default());
        let stop = AtomicBool::new(false);
        let outcome = hear(&scripted, &[(&Silence, &window())], &how, &stop).unwrap().remove(0).remove(0);
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

    /// Knows two languages: the sample says which, and what is heard of it in each.
    struct TwoTongues;

    impl Recognizer for TwoTongues {
        fn hear(&self, windows: &[Vec<f32>], how: &Attempt<'_>, _: &AtomicBool) -> Result<Vec<Heard>, RecognizerError> {
            let one = |audio: &Vec<f32>| {
                let spoken = if audio[audio.len() / 2] > 0.5 { "zh" } else { "en" };
                let text = format!("{spoken}-as-{}", how.language);
                let bytes = |n: usize| format!("{text} {} ", ["one", "two", "three", "four"][n % 4].repeat(n)).into();
                let tokens = (0..20).map(|n| Token { bytes: bytes(n), logprob: -0.2, end_s: None });
                Heard {
                    tokens: tokens.take(if spoken == how.language { 12 } else { 1 }).collect(),
                    no_speech_prob: 0.0,
                }
            };
            Ok(windows.iter().map(one).collect())
        }

        fn languages(&self, audio: &[f32], at: &[Span], _: &AtomicBool) -> Result<Vec<Odds>, RecognizerError> {
            let middle = |one: &Span| ((one.start_s + one.end_s.min(audio.len() as f64 / 10.0)) * 5.0) as usize;
            let zh = |one: &Span| if audio[middle(one)] > 0.5 { 0.98 } else { 0.01 };
            Ok(at.iter().map(|one| vec![("zh", zh(one)), ("en", 1.0 - zh(one))]).collect())
        }
    }

    /// Ten samples a second; from 10.5 s on it is Chinese.
    struct Sound;
    impl WindowAudio for Sound {
        fn audio(&self, window: &Window) -> Vec<f32> {
            let at = |piece: &Span| (piece.start_s * 10.0) as usize..(piece.end_s * 10.0) as usize;
            window.pieces.iter().flat_map(at).map(|n| if n < 105 { 0.0 } else { 1.0 }).collect()
        }
    }

    #[test]
    fn each_part_of_a_window_is_decoded_in_its_own_language() {
        let stop = AtomicBool::new(false);
        let heard = |language: &str| {
            let params = TranscribeParams { language: language.into(), ..TranscribeParams::default() };
            let outcomes =
                hear(&TwoTongues, &[(&Sound, &window())], &How::new(&params, "en", None), &stop).unwrap().remove(0);
            let first = |outcome: &Outcome| outcome.parts[0].heard.text().split_whitespace().next().unwrap().to_owned();
            outcomes.iter().map(|one| (one.language.clone(), first(one), one.window.speech.clone())).collect::<Vec<_>>()
        };
        let speech = window().speech;
        let expected = [
            ("en".to_owned(), "en-as-en".to_owned(), vec![speech[0]]),
            ("zh".to_owned(), "zh-as-zh".to_owned(), vec![speech[1]]),
        ];
        assert_eq!(heard("auto"), expected);
        let asked = heard("en");
        assert_eq!((asked.len(), asked[0].0.as_str()), (1, "en"), "a language that was asked for is kept");
    }
}
