//! Decoding with fallback: windows are decoded in the language that is spoken in them, and a doubtful result is decoded again,
//! in halves and with rising temperature, as in OpenAI's `transcribe.py`.

use std::sync::atomic::AtomicBool;

use super::hallucination::{self, Doubt};
use crate::{
    audio::WindowAudio,
    error::RecognizerError,
    language::{self, LanguageRun, WindowLanguages},
    params::Task,
    speech::{span::Span, windows::Window},
    step::DecodeParams,
    whisper::{DecodingOptions, DecodingResult, LanguageProbs, LanguageQuery, Recognizer},
};

/// Temperatures of the last attempts: sampling lets the model leave its most probable path.
const TEMPERATURES: [f32; 3] = [0.2, 0.5, 0.8];

/// A window, or a half of one, with its result.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) window: Window,
    pub(crate) result: DecodingResult,
}

/// What became of a window, or of the part of it that is in one language.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) window: Window,
    pub(crate) language: String,
    /// The probability of the language; 1 when it was given.
    pub(crate) language_prob: f64,
    pub(crate) parts: Vec<Part>,
    /// Decodes beyond the first.
    pub(crate) retries: u32,
    /// Text was removed because nobody said it.
    pub(crate) removed: bool,
}

/// Decodes windows, all at once. With `params.detect`, a window in which not everything is in the file's language is decoded
/// language by language. A doubtful result is decoded again, in two halves and with rising temperature, and the least
/// doubtful result stands. Loops that remain are cut to one round, and known hallucinations with weak evidence are removed.
pub(crate) fn decode_with_fallback<S: WindowAudio>(
    recognizer: &dyn Recognizer,
    windows: &[(&S, &Window)],
    params: &DecodeParams,
    stop: &AtomicBool,
) -> Result<Vec<Vec<Outcome>>, RecognizerError> {
    let fallback = Fallback { recognizer, params, stop };
    let audio: Vec<Vec<f32>> = windows.iter().map(|(source, window)| source.audio(window)).collect();
    if params.detect { fallback.language_by_language(windows, audio) } else { fallback.in_one_language(windows, audio) }
}

/// A language with the prompt for it.
#[derive(Debug, Clone)]
struct LanguagePrompt {
    language: String,
    prob: f64,
    prompt: String,
}

impl LanguagePrompt {
    fn new(params: &DecodeParams, language: &str, prob: f64) -> Self {
        Self { language: language.into(), prob, prompt: params.prompt(language) }
    }

    fn options<'a>(&'a self, params: &DecodeParams) -> DecodingOptions<'a> {
        DecodingOptions {
            language: &self.language,
            translate: params.task == Task::Translate,
            prompt: &self.prompt,
            beam_size: params.beam_size,
            temperature: 0.0,
        }
    }
}

struct Fallback<'a> {
    recognizer: &'a dyn Recognizer,
    params: &'a DecodeParams,
    stop: &'a AtomicBool,
}

impl Fallback<'_> {
    fn in_one_language<S: WindowAudio>(
        &self,
        windows: &[(&S, &Window)],
        audio: Vec<Vec<f32>>,
    ) -> Result<Vec<Vec<Outcome>>, RecognizerError> {
        let main = LanguagePrompt::new(self.params, &self.params.language, 1.0);
        let results = self.recognizer.decode(&audio, &main.options(self.params), self.stop)?;
        let each = windows.iter().zip(audio).zip(results);
        each.map(|(((source, window), audio), result)| {
            Ok(vec![self.settled(*source, (*window).clone(), (audio, result), &main)?])
        })
        .collect()
    }

    fn language_by_language<S: WindowAudio>(
        &self,
        windows: &[(&S, &Window)],
        audio: Vec<Vec<f32>>,
    ) -> Result<Vec<Vec<Outcome>>, RecognizerError> {
        let main = LanguagePrompt::new(self.params, &self.params.language, 1.0);
        let stretches: Vec<Vec<Span>> =
            windows.iter().zip(&audio).map(|((_, window), audio)| language::stretches(window, audio)).collect();
        let queries = queries(windows, audio, &stretches);
        let mut runs: Vec<Vec<LanguageRun>> = vec![Vec::new(); windows.len()];
        let mut is_in_main_language = |n: usize, probs: Vec<LanguageProbs>| {
            let (source, window) = windows[n];
            let languages = WindowLanguages { stretches: &stretches[n], main: &self.params.language };
            let ask = |within| {
                let part = source.audio(&window.part(&stretches[n], within));
                let mut probs = self.recognizer.languages(&part, &[language::WHOLE], self.stop)?;
                Ok::<_, RecognizerError>(probs.pop().unwrap_or_default())
            };
            runs[n] = languages.runs(&probs, ask)?;
            Ok(runs[n].iter().all(|run| run.language == self.params.language))
        };
        let results = self.recognizer.decode_filtered(
            &queries,
            &main.options(self.params),
            &mut is_in_main_language,
            self.stop,
        )?;
        let mut outcomes = Vec::with_capacity(windows.len());
        for (n, (result, query)) in results.into_iter().zip(queries).enumerate() {
            let (source, window) = windows[n];
            outcomes.push(match result {
                Some(result) => {
                    let prompt = LanguagePrompt { prob: runs[n].first().map_or(1.0, |run| run.prob), ..main.clone() };
                    vec![self.settled(source, window.clone(), (query.audio, result), &prompt)?]
                }
                None => {
                    let part = |run: &LanguageRun| self.run(source, window.part(&stretches[n], run.stretches), run);
                    runs[n].iter().map(part).collect::<Result<_, _>>()?
                }
            });
        }
        Ok(outcomes)
    }

    /// Decodes a part of a window in the language that it seems to be in, and, when that leaves doubts, in the file's.
    fn run<S: WindowAudio>(&self, source: &S, window: Window, run: &LanguageRun) -> Result<Outcome, RecognizerError> {
        let prompt = LanguagePrompt::new(self.params, &run.language, run.prob);
        let audio = source.audio(&window);
        let whole = [(&window, audio.clone())];
        let in_language = |prompt: &LanguagePrompt| {
            let first = Candidate::decode(self.recognizer, &whole, &prompt.options(self.params), self.stop)?;
            self.best(source, &window, (&audio, first), prompt)
        };
        let (best, retries) = in_language(&prompt)?;
        if best.is_doubtful() && run.language != self.params.language {
            let main = LanguagePrompt::new(self.params, &self.params.language, 1.0 - run.prob);
            let (other, more) = in_language(&main)?;
            if other.cost() < best.cost() {
                return Ok(other.settle(window, &main, retries + more + 1));
            }
        }
        Ok(best.settle(window, &prompt, retries))
    }

    fn settled<S: WindowAudio>(
        &self,
        source: &S,
        window: Window,
        (audio, result): (Vec<f32>, DecodingResult),
        prompt: &LanguagePrompt,
    ) -> Result<Outcome, RecognizerError> {
        let first = Candidate::new(vec![Part { window: window.clone(), result }]);
        let (best, retries) = self.best(source, &window, (&audio, first), prompt)?;
        Ok(best.settle(window, prompt, retries))
    }

    /// The least doubtful of the first result and the retries, and how many retries there were.
    fn best<S: WindowAudio>(
        &self,
        source: &S,
        window: &Window,
        (audio, mut best): (&[f32], Candidate),
        prompt: &LanguagePrompt,
    ) -> Result<(Candidate, u32), RecognizerError> {
        let options = prompt.options(self.params);
        let mut retries = 0;
        let mut consider = |best: &mut Candidate, parts: &[(&Window, Vec<f32>)], options: &DecodingOptions<'_>| {
            retries += 1;
            let candidate = Candidate::decode(self.recognizer, parts, options, self.stop)?;
            if candidate.cost() < best.cost() {
                *best = candidate;
            }
            Ok::<(), RecognizerError>(())
        };
        if best.is_doubtful()
            && let Some((left, right)) = window.halves()
        {
            let halves = [(&left, source.audio(&left)), (&right, source.audio(&right))];
            consider(&mut best, &halves, &options)?;
        }
        for temperature in TEMPERATURES {
            if self.params.temperature_fallback && best.may_raise_temperature() {
                let whole = [(window, audio.to_vec())];
                consider(&mut best, &whole, &DecodingOptions { temperature, prompt: "", ..options })?;
            }
        }
        Ok((best, retries))
    }
}

/// Asks for the languages of each whole window and of its stretches.
fn queries<S>(windows: &[(&S, &Window)], audio: Vec<Vec<f32>>, stretches: &[Vec<Span>]) -> Vec<LanguageQuery> {
    let each = audio.into_iter().zip(windows).zip(stretches);
    each.map(|((audio, (_, window)), stretches)| {
        let inside = |one: &Span| Span::new(window.to_window_s(one.start_s), window.to_window_s(one.end_s));
        let stretches = [language::WHOLE].into_iter().chain(stretches.iter().map(inside)).collect();
        LanguageQuery { audio, stretches }
    })
    .collect()
}

struct Candidate {
    parts: Vec<Part>,
    doubts: Vec<Doubt>,
}

impl Candidate {
    fn decode(
        recognizer: &dyn Recognizer,
        parts: &[(&Window, Vec<f32>)],
        options: &DecodingOptions<'_>,
        stop: &AtomicBool,
    ) -> Result<Self, RecognizerError> {
        let audio: Vec<Vec<f32>> = parts.iter().map(|(_, audio)| audio.clone()).collect();
        let results = recognizer.decode(&audio, options, stop)?;
        let part =
            |((window, _), result): (&(&Window, Vec<f32>), DecodingResult)| Part { window: (*window).clone(), result };
        Ok(Self::new(parts.iter().zip(results).map(part).collect()))
    }

    fn new(parts: Vec<Part>) -> Self {
        let doubts = parts.iter().flat_map(|part| hallucination::doubts(&part.result, &part.window)).collect();
        Self { parts, doubts }
    }

    fn is_doubtful(&self) -> bool {
        !self.doubts.is_empty()
    }

    /// A gap alone is no reason to raise the temperature: it may be music, and sampling would fill it with hallucinations.
    fn may_raise_temperature(&self) -> bool {
        self.doubts.iter().any(|doubt| *doubt != Doubt::Skips)
    }

    /// Hallucinated text is worse than missing text, which is worse than unlikely text.
    fn cost(&self) -> f64 {
        let weigh = |doubt: &Doubt| match doubt {
            Doubt::Repeats | Doubt::TooMuch => 4.0,
            Doubt::TooLittle | Doubt::Skips => 2.0,
            Doubt::Improbable => 1.0,
        };
        let tokens: usize = self.parts.iter().map(|part| part.result.tokens.len()).sum();
        let logprob: f64 =
            self.parts.iter().map(|part| part.result.avg_logprob() * part.result.tokens.len() as f64).sum();
        self.doubts.iter().map(weigh).sum::<f64>() / self.parts.len() as f64 - logprob / tokens.max(1) as f64 * 0.5
    }

    fn settle(self, window: Window, prompt: &LanguagePrompt, retries: u32) -> Outcome {
        let mut outcome = Outcome {
            window,
            language: prompt.language.clone(),
            language_prob: prompt.prob,
            retries,
            ..Outcome::default()
        };
        for mut part in self.parts {
            let doubts = hallucination::doubts(&part.result, &part.window);
            let floods = doubts.iter().any(|doubt| !matches!(doubt, Doubt::Repeats | Doubt::Skips));
            // A repetition at the pace of speech may have been said (a chant, a chorus); a flood was not.
            if doubts.contains(&Doubt::Repeats) && floods {
                part.result = hallucination::first_round(&part.result);
                outcome.removed = true;
            }
            if !part.result.tokens.is_empty()
                && hallucination::is_hallucinated(&part.result, &part.window, &prompt.prompt)
            {
                part.result.tokens.clear();
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

    /// Decodes by a script, and keeps what it was asked for: length and temperature.
    struct Scripted<F>(F, Mutex<Vec<(usize, f32)>>);

    impl<F: Fn(usize, &DecodingOptions<'_>) -> &'static str + Send + Sync> Recognizer for Scripted<F> {
        fn decode(
            &self,
            windows: &[Vec<f32>],
            options: &DecodingOptions<'_>,
            _: &AtomicBool,
        ) -> Result<Vec<DecodingResult>, RecognizerError> {
            let token = |word: &str| Token { bytes: word.as_bytes().to_vec(), logprob: -0.2, end_s: None };
            let one = |audio: &Vec<f32>| {
                self.1.lock().unwrap().push((audio.len(), options.temperature));
                let tokens = (self.0)(audio.len(), options).split_inclusive(' ').map(token).collect();
                DecodingResult { tokens, no_speech_prob: 0.0 }
            };
            Ok(windows.iter().map(one).collect())
        }

        fn languages(&self, _: &[f32], _: &[Span], _: &AtomicBool) -> Result<Vec<LanguageProbs>, RecognizerError> {
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

    fn run(answer: impl Fn(usize, &DecodingOptions<'_>) -> &'static str + Send + Sync) -> (Outcome, String) {
        let params =
            DecodeParams::new(&TranscribeParams { language: "en".into(), ..TranscribeParams::default() }, "en", None);
        let scripted = Scripted(answer, Mutex::default());
        let stop = AtomicBool::new(false);
        let outcome =
            decode_with_fallback(&scripted, &[(&Silence, &window())], &params, &stop).unwrap().remove(0).remove(0);
        let text = outcome.parts.iter().map(|part| part.result.text()).collect();
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
    fn a_loop_is_decoded_in_halves_then_with_higher_temperature() {
        let (outcome, _) = run(|len, _| if len > 150 { LOOP } else { GOOD });
        assert_eq!((outcome.retries, outcome.parts.len()), (1, 2));
        let (outcome, text) = run(|_, options| if options.temperature > 0.4 { GOOD } else { LOOP });
        assert_eq!((outcome.retries, text.as_str()), (3, GOOD));
    }

    #[test]
    fn what_is_always_said_alike_at_the_pace_of_speech_stays() {
        let (outcome, text) = run(|_, _| LOOP);
        assert_eq!((outcome.retries, text.as_str(), outcome.removed), (4, LOOP, false));
    }

    /// Knows two languages: the samples say which is spoken, and the result says in which it was decoded.
    struct TwoLanguages;

    impl Recognizer for TwoLanguages {
        fn decode(
            &self,
            windows: &[Vec<f32>],
            options: &DecodingOptions<'_>,
            _: &AtomicBool,
        ) -> Result<Vec<DecodingResult>, RecognizerError> {
            let one = |audio: &Vec<f32>| {
                let spoken = if audio[audio.len() / 2] > 0.5 { "zh" } else { "en" };
                let text = format!("{spoken}-as-{}", options.language);
                let bytes = |n: usize| format!("{text} {} ", ["one", "two", "three", "four"][n % 4].repeat(n)).into();
                let tokens = (0..20).map(|n| Token { bytes: bytes(n), logprob: -0.2, end_s: None });
                DecodingResult {
                    tokens: tokens.take(if spoken == options.language { 12 } else { 1 }).collect(),
                    no_speech_prob: 0.0,
                }
            };
            Ok(windows.iter().map(one).collect())
        }

        fn languages(&self, audio: &[f32], at: &[Span], _: &AtomicBool) -> Result<Vec<LanguageProbs>, RecognizerError> {
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
        let decoded = |language: &str| {
            let params = TranscribeParams { language: language.into(), ..TranscribeParams::default() };
            let outcomes = decode_with_fallback(
                &TwoLanguages,
                &[(&Sound, &window())],
                &DecodeParams::new(&params, "en", None),
                &stop,
            )
            .unwrap()
            .remove(0);
            let first =
                |outcome: &Outcome| outcome.parts[0].result.text().split_whitespace().next().unwrap().to_owned();
            outcomes.iter().map(|one| (one.language.clone(), first(one), one.window.speech.clone())).collect::<Vec<_>>()
        };
        let speech = window().speech;
        let expected = [
            ("en".to_owned(), "en-as-en".to_owned(), vec![speech[0]]),
            ("zh".to_owned(), "zh-as-zh".to_owned(), vec![speech[1]]),
        ];
        assert_eq!(decoded("auto"), expected);
        let asked = decoded("en");
        assert_eq!((asked.len(), asked[0].0.as_str()), (1, "en"), "a language that was asked for is kept");
    }
}
