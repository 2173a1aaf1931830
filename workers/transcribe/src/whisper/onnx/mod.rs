//! Whisper on ONNX Runtime: the encoder once for each window, the decoder a token at a time for several windows at once.

mod decoder;
mod mel;
mod search;

use std::{ops::Range, sync::atomic::AtomicBool};

use medley_models::{Models, Session, SessionOptions};
use medley_step::StepError;
use ort::{
    session::RunOptions,
    value::{DynValue, Tensor, TensorRef},
};

use self::{
    decoder::{Decoder, names},
    mel::{BANDS, FRAMES, LogMel},
    search::{Biases, Hypothesis, MAX_TOKENS, Rules},
};
use super::{
    DecodingOptions, DecodingResult, LanguageFilter, LanguageProbs, LanguageQuery, LoadOptions, Recognizer, Token,
    align, vocabulary::Vocabulary,
};
use crate::{
    error::{RecognizerError, model_corrupt},
    speech::span::Span,
};

pub(super) const DECODER: &str = "decoder.onnx";
pub(super) const FILES: &[&str] = &["encoder.onnx", DECODER, "embeddings.f16", "tokenizer.json"];
/// What the decoder reads of the sound is large: at most this much at once, whatever the model.
const MAX_SOUND_BYTES: usize = 80 << 20;
/// More windows at once save little: the sound of each must be read anyway.
const MAX_WINDOWS: usize = 4;
/// Positions of the encoder's output.
const POSITIONS: usize = FRAMES / 2;
/// Seconds of one.
const POSITION_S: f64 = 0.02;

/// A loaded model, shared by all threads.
pub(super) struct OnnxWhisper {
    mel: LogMel,
    encoder: Session,
    decoder: Decoder,
    vocabulary: Vocabulary,
    biases: Biases,
    special: Special,
    align: bool,
}

/// The special tokens of a decode.
struct Special {
    start: i32,
    previous: i32,
    no_timestamps: i32,
    no_speech: Option<i32>,
    /// `<|transcribe|>` and `<|translate|>`, where the model knows more languages than one.
    tasks: Option<[i32; 2]>,
}

/// Whether to decode a window: called with its index and what the encoder made of it.
type Keep<'a> = dyn FnMut(usize, &[DynValue]) -> Result<bool, RecognizerError> + 'a;

impl OnnxWhisper {
    /// # Errors
    /// `model_missing`, `model_corrupt`.
    pub(super) fn load(models: &Models, name: &str, load: LoadOptions) -> Result<Self, StepError> {
        let model = format!("whisper-{name}");
        let options = SessionOptions { threads: 1, parallel: load.parallel };
        let vocabulary =
            Vocabulary::open(&models.file(&model, "tokenizer.json")?).map_err(|why| model_corrupt(&model, why))?;
        let table = models.file(&model, "embeddings.f16")?;
        let decoder = Decoder::new(models.session(&model, DECODER, options)?, &table)
            .map_err(|why| model_corrupt(&model, why))?;
        let special = Special::of(&vocabulary, decoder.tokens)
            .ok_or_else(|| model_corrupt(&model, "tokenizer.json lacks special tokens of Whisper"))?;
        Ok(Self {
            mel: LogMel::new(),
            encoder: models.session(&model, "encoder.onnx", options)?,
            biases: biases(&vocabulary, decoder.tokens),
            decoder,
            vocabulary,
            special,
            align: load.align,
        })
    }

    /// The encoder's output for a window: keys and values for each layer of the decoder.
    fn encode(&self, audio: &[f32]) -> Result<Vec<DynValue>, RecognizerError> {
        let mel = self.mel.of(audio);
        Ok(self.encoder.with(|session| -> Result<_, ort::Error> {
            // The encoder's working memory is large and not needed while the decoder runs.
            let mut once = RunOptions::new()?;
            once.set("memory.enable_memory_arena_shrinkage", "cpu:0")?;
            let mel = TensorRef::from_array_view(([1, BANDS, FRAMES], &*mel))?;
            let mut outputs = session.run_with_options(ort::inputs![mel], &once)?;
            let mut take =
                |name: String| outputs.remove(&name).ok_or_else(|| ort::Error::new(format!("no output {name}")));
            names("cross", self.decoder.layers()).map(&mut take).collect()
        })?)
    }

    /// The same for several windows, side by side in the first dimension. One after another: an encoder that is given several
    /// takes several times the memory and no less time. Those that `keep` does not want are left out.
    fn encode_all(
        &self,
        windows: &[&[f32]],
        keep: &mut Keep<'_>,
        stop: &AtomicBool,
    ) -> Result<Vec<DynValue>, RecognizerError> {
        let mut all: Vec<(Vec<i64>, Vec<f32>)> = Vec::new();
        let mut kept = 0;
        for (n, audio) in windows.iter().enumerate() {
            search::check_stop(stop)?;
            let one = self.encode(audio)?;
            if !keep(n, &one)? {
                continue;
            }
            if windows.len() == 1 {
                return Ok(one);
            }
            kept += 1;
            all.resize_with(one.len(), Default::default);
            for ((shape, data), value) in all.iter_mut().zip(&one) {
                let (of_one, values) = value.try_extract_tensor::<f32>()?;
                *shape = of_one.to_vec();
                shape[0] = kept;
                data.reserve_exact(values.len() * windows.len() - data.len());
                data.extend_from_slice(values);
            }
        }
        all.into_iter().map(|both| Ok(Tensor::from_array(both)?.into_dyn())).collect()
    }

    /// The probabilities of languages in each stretch of a window, by what the decoder would read of its sound.
    fn language_probs(
        &self,
        sound: &[DynValue],
        samples: usize,
        stretches: &[Span],
    ) -> Result<Vec<LanguageProbs>, RecognizerError> {
        let languages = self.vocabulary.languages();
        let one = |stretch: &Span| {
            let mut rows = self.decoder.begin(stretch_of(sound, align::positions(samples), stretch)?, 1)?;
            let scores = rows.step(&[self.special.start], &self.biases.none)?;
            let logprobs = scores.row(0)?;
            let prob = |token: i32| logprobs.get(token as usize).map_or(0.0, |value| value.exp());
            let total: f32 = languages.iter().map(|(_, token)| prob(*token)).sum();
            Ok(languages.iter().map(|(code, token)| (*code, prob(*token) / total.max(f32::MIN_POSITIVE))).collect())
        };
        stretches.iter().map(one).collect()
    }

    /// The last tokens of the prompt after `<|startofprev|>`; none when there is no prompt.
    fn before(&self, prompt: &str) -> Vec<i32> {
        if prompt.is_empty() {
            return Vec::new();
        }
        let tokens = self.vocabulary.encode(&format!(" {}", prompt.trim()));
        // With the opening and the text it must fit into the decoder's 448 positions.
        let kept = &tokens[tokens.len().saturating_sub(MAX_TOKENS)..];
        [&[self.special.previous], kept].concat()
    }

    /// The special tokens before the text.
    fn opening(&self, options: &DecodingOptions<'_>) -> Vec<i32> {
        let mut opening = vec![self.special.start];
        if let Some(tasks) = self.special.tasks {
            opening.extend(self.vocabulary.special(&[&format!("<|{}|>", options.language)]));
            opening.push(tasks[usize::from(options.translate)]);
        }
        opening.push(self.special.no_timestamps);
        opening
    }

    fn rules<'a>(
        &'a self,
        opening: &'a [i32],
        before: &'a [i32],
        positions: &'a [usize],
        stop: &'a AtomicBool,
    ) -> Rules<'a> {
        Rules {
            opening,
            before,
            end_of_text: self.vocabulary.end_of_text,
            no_speech: self.special.no_speech,
            biases: &self.biases,
            positions: self.align.then_some(positions),
            stop,
        }
    }

    /// Decodes those of at most [`Recognizer::at_once`] windows that `keep` wants; `None` for the others, in the order of the windows.
    fn decode_kept(
        &self,
        windows: &[&[f32]],
        options: &DecodingOptions<'_>,
        keep: &mut Keep<'_>,
        stop: &AtomicBool,
    ) -> Result<Vec<Option<DecodingResult>>, RecognizerError> {
        let mut kept = Vec::with_capacity(windows.len());
        let mut noted = |n: usize, sound: &[DynValue]| {
            let wanted = keep(n, sound)?;
            if wanted {
                kept.push(n);
            }
            Ok(wanted)
        };
        let sound = self.encode_all(windows, &mut noted, stop)?;
        let mut results = vec![None; windows.len()];
        if kept.is_empty() {
            return Ok(results);
        }
        let (opening, before) = (self.opening(options), self.before(options.prompt));
        let positions: Vec<usize> = kept.iter().map(|n| align::positions(windows[*n].len())).collect();
        let rules = self.rules(&opening, &before, &positions, stop);
        let rows = self.decoder.begin(sound, kept.len())?;
        let hypotheses = if is_beam(options) {
            vec![search::beam(rows, usize::from(options.beam_size), &rules)?]
        } else {
            search::greedy_or_sampled(rows, kept.len(), options.temperature, &rules)?
        };
        for (n, hypothesis) in kept.into_iter().zip(&hypotheses) {
            results[n] = Some(self.result(hypothesis, windows[n].len(), opening.len()));
        }
        Ok(results)
    }

    fn result(&self, hypothesis: &Hypothesis, samples: usize, opening: usize) -> DecodingResult {
        let token = |(id, logprob): (&i32, &f32)| Token {
            bytes: self.vocabulary.bytes(*id).to_vec(),
            logprob: f64::from(*logprob),
            end_s: None,
        };
        let mut tokens: Vec<Token> = hypothesis.tokens.iter().zip(&hypothesis.logprobs).map(token).collect();
        let ends_s = align::ends_s(&hypothesis.attention, opening - 1, align::positions(samples));
        tokens.iter_mut().zip(ends_s).for_each(|(token, end_s)| token.end_s = Some(end_s));
        DecodingResult { tokens, no_speech_prob: f64::from(hypothesis.no_speech_prob) }
    }
}

impl Recognizer for OnnxWhisper {
    fn at_once(&self) -> usize {
        (MAX_SOUND_BYTES / self.decoder.sound_bytes(POSITIONS)).clamp(1, MAX_WINDOWS)
    }

    fn decode(
        &self,
        windows: &[Vec<f32>],
        options: &DecodingOptions<'_>,
        stop: &AtomicBool,
    ) -> Result<Vec<DecodingResult>, RecognizerError> {
        let windows: Vec<&[f32]> = windows.iter().map(Vec::as_slice).collect();
        let mut results = Vec::with_capacity(windows.len());
        for windows in windows.chunks(self.rows(options)) {
            results.extend(self.decode_kept(windows, options, &mut |_, _| Ok(true), stop)?.into_iter().flatten());
        }
        Ok(results)
    }

    fn languages(
        &self,
        audio: &[f32],
        stretches: &[Span],
        stop: &AtomicBool,
    ) -> Result<Vec<LanguageProbs>, RecognizerError> {
        search::check_stop(stop)?;
        self.language_probs(&self.encode(audio)?, audio.len(), stretches)
    }

    /// One run of the encoder serves both: each stretch then costs only a short step of the decoder.
    fn decode_filtered(
        &self,
        windows: &[LanguageQuery],
        options: &DecodingOptions<'_>,
        filter: &mut LanguageFilter<'_>,
        stop: &AtomicBool,
    ) -> Result<Vec<Option<DecodingResult>>, RecognizerError> {
        let at_once = self.rows(options);
        let mut results = Vec::with_capacity(windows.len());
        for (chunk, windows) in windows.chunks(at_once).enumerate() {
            let audio: Vec<&[f32]> = windows.iter().map(|window| window.audio.as_slice()).collect();
            let mut keep = |n: usize, sound: &[DynValue]| {
                search::check_stop(stop)?;
                filter(chunk * at_once + n, self.language_probs(sound, windows[n].audio.len(), &windows[n].stretches)?)
            };
            results.extend(self.decode_kept(&audio, options, &mut keep, stop)?);
        }
        Ok(results)
    }
}

impl OnnxWhisper {
    /// How many windows go through the decoder side by side: the rows of a beam are hypotheses of one window.
    fn rows(&self, options: &DecodingOptions<'_>) -> usize {
        if is_beam(options) { 1 } else { self.at_once() }
    }
}

fn is_beam(options: &DecodingOptions<'_>) -> bool {
    options.beam_size > 1 && options.temperature == 0.0
}

/// What the decoder reads of a stretch: of keys `[1, heads, width, T]` and values `[1, heads, T, width]`, by turns, the
/// positions that lie in it and those after the sound, which are `sounding` long: the model was trained on sound with silence
/// behind it, and takes short sound without any for other languages.
fn stretch_of(sound: &[DynValue], sounding: usize, stretch: &Span) -> Result<Vec<DynValue>, RecognizerError> {
    let from = ((stretch.start_s / POSITION_S).floor().max(0.0) as usize).min(POSITIONS - 1);
    let to = ((stretch.end_s / POSITION_S).ceil() as usize).clamp(from + 1, POSITIONS);
    let kept = [from..to, to.max(sounding)..POSITIONS];
    let cut = |(n, value): (usize, &DynValue)| -> Result<DynValue, RecognizerError> {
        let (shape, data) = value.try_extract_tensor::<f32>()?;
        let axis = if n % 2 == 0 { 3 } else { 2 };
        let mut shape = shape.to_vec();
        shape[axis] = kept.iter().map(Range::len).sum::<usize>() as i64;
        // Numbers that lie together at one position. Ranges are copied whole: element by element took a
        // third of a job's time.
        let width: usize = shape[axis + 1..].iter().map(|len| *len as usize).product();
        let mut part = Vec::with_capacity(shape.iter().map(|len| *len as usize).product());
        for row in data.chunks_exact(POSITIONS * width) {
            kept.iter().for_each(|range| part.extend_from_slice(&row[range.start * width..range.end * width]));
        }
        Ok(Tensor::from_array((shape, part))?.into_dyn())
    };
    sound.iter().enumerate().map(cut).collect()
}

impl Special {
    fn of(vocabulary: &Vocabulary, tokens: usize) -> Option<Self> {
        // A model of English alone has one token less: OpenAI's own way to tell.
        let multilingual = tokens >= 51_865;
        let tasks = || Some([vocabulary.special(&["<|transcribe|>"])?, vocabulary.special(&["<|translate|>"])?]);
        Some(Self {
            start: vocabulary.special(&["<|startoftranscript|>"])?,
            previous: vocabulary.special(&["<|startofprev|>"])?,
            no_timestamps: vocabulary.special(&["<|notimestamps|>"])?,
            no_speech: vocabulary.special(&["<|nospeech|>", "<|nocaptions|>"]),
            tasks: if multilingual { Some(tasks()?) } else { None },
        })
    }
}

/// Masks the tokens that a text cannot have: those that nobody says, and all special tokens but its end.
fn biases(vocabulary: &Vocabulary, tokens: usize) -> Biases {
    let none = vec![0.0; tokens];
    let mut text = none.clone();
    let end = vocabulary.end_of_text as usize;
    text[(end + 1).min(tokens)..].fill(f32::NEG_INFINITY);
    let forbid = |bias: &mut Vec<f32>, token: i32| {
        if let Some(value) = bias.get_mut(token as usize) {
            *value = f32::NEG_INFINITY;
        }
    };
    vocabulary.unsaid().into_iter().for_each(|token| forbid(&mut text, token));
    let mut first = text.clone();
    vocabulary.encode(" ").into_iter().chain([vocabulary.end_of_text]).for_each(|token| forbid(&mut first, token));
    Biases { none, first, text }
}
