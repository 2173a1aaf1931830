//! Whisper on ONNX Runtime: the encoder once for each window, the decoder a token at a time for several windows at once.

mod decoder;
mod mel;
mod search;

use std::sync::atomic::AtomicBool;

use medley_models::{Models, Session, SessionOptions};
use medley_step::StepError;
use ort::{
    session::RunOptions,
    value::{DynValue, Tensor, TensorRef},
};

use self::{
    decoder::{Decoder, names},
    mel::{BANDS, FRAMES, LogMel},
    search::{Biases, Found, MOST_TOKENS, Rules},
};
use super::{Abilities, Attempt, Heard, Recognizer, RecognizerError, Token, align, corrupt, vocabulary::Vocabulary};

pub(super) const DECODER: &str = "decoder.onnx";
pub(super) const FILES: &[&str] = &["encoder.onnx", DECODER, "embeddings.f16", "tokenizer.json"];
/// What the decoder reads of the sound is large: so much of it at once, whatever the model.
const SOUND_BYTES: usize = 80 << 20;
/// More windows at once save little: their sound is read for each anyway.
const MOST_WINDOWS: usize = 4;
/// Positions of the encoder's output.
const POSITIONS: usize = FRAMES / 2;

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

impl OnnxWhisper {
    /// # Errors
    /// `model_missing`, `model_corrupt`.
    pub(super) fn load(models: &Models, name: &str, can: Abilities) -> Result<Self, StepError> {
        let model = format!("whisper-{name}");
        let options = SessionOptions { threads: 1, parallel: can.parallel };
        let vocabulary =
            Vocabulary::open(&models.file(&model, "tokenizer.json")?).map_err(|why| corrupt(&model, why))?;
        let table = models.file(&model, "embeddings.f16")?;
        let decoder =
            Decoder::new(models.session(&model, DECODER, options)?, &table).map_err(|why| corrupt(&model, why))?;
        let special = Special::of(&vocabulary, decoder.tokens)
            .ok_or_else(|| corrupt(&model, "tokenizer.json lacks special tokens of Whisper"))?;
        Ok(Self {
            mel: LogMel::new(),
            encoder: models.session(&model, "encoder.onnx", options)?,
            biases: biases(&vocabulary, decoder.tokens),
            decoder,
            vocabulary,
            special,
            align: can.align,
        })
    }

    /// What the decoder reads of a window's sound: keys and values of each of its layers.
    fn encode(&self, audio: &[f32]) -> Result<Vec<DynValue>, RecognizerError> {
        let mel = self.mel.of(audio);
        Ok(self.encoder.with(|session| -> Result<_, ort::Error> {
            // What the encoder works in is large, and not needed while the decoder is at work.
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
    /// takes several times the memory and no less time.
    fn encode_all(&self, windows: &[Vec<f32>], stop: &AtomicBool) -> Result<Vec<DynValue>, RecognizerError> {
        let mut all: Vec<(Vec<i64>, Vec<f32>)> = Vec::new();
        for audio in windows {
            search::check(stop)?;
            let one = self.encode(audio)?;
            if windows.len() == 1 {
                return Ok(one);
            }
            all.resize_with(one.len(), Default::default);
            for ((shape, data), value) in all.iter_mut().zip(&one) {
                let (of_one, values) = value.try_extract_tensor::<f32>()?;
                *shape = of_one.to_vec();
                shape[0] = windows.len() as i64;
                data.reserve_exact(values.len() * windows.len() - data.len());
                data.extend_from_slice(values);
            }
        }
        all.into_iter().map(|both| Ok(Tensor::from_array(both)?.into_dyn())).collect()
    }

    /// The prompt's last tokens, announced; none when there is no prompt.
    fn before(&self, prompt: &str) -> Vec<i32> {
        if prompt.is_empty() {
            return Vec::new();
        }
        let tokens = self.vocabulary.encode(&format!(" {}", prompt.trim()));
        // With the opening and the text it must fit into the decoder's 448 positions.
        let kept = &tokens[tokens.len().saturating_sub(MOST_TOKENS)..];
        [&[self.special.previous], kept].concat()
    }

    /// What comes before the text.
    fn opening(&self, how: &Attempt<'_>) -> Vec<i32> {
        let mut opening = vec![self.special.start];
        if let Some(tasks) = self.special.tasks {
            opening.extend(self.vocabulary.special(&[&format!("<|{}|>", how.language)]));
            opening.push(tasks[usize::from(how.translate)]);
        }
        opening.push(self.special.no_timestamps);
        opening
    }

    fn decode(
        &self,
        windows: &[Vec<f32>],
        how: &Attempt<'_>,
        stop: &AtomicBool,
    ) -> Result<Vec<Found>, RecognizerError> {
        let positions: Vec<usize> = windows.iter().map(|audio| align::positions(audio.len())).collect();
        let rules = Rules {
            opening: &self.opening(how),
            before: &self.before(how.prompt),
            end_of_text: self.vocabulary.end_of_text,
            no_speech: self.special.no_speech,
            biases: &self.biases,
            positions: self.align.then_some(&positions),
            stop,
        };
        let rows = self.decoder.begin(self.encode_all(windows, stop)?, windows.len())?;
        if how.beam_size > 1 && how.temperature == 0.0 {
            return Ok(vec![search::beam(rows, usize::from(how.beam_size), &rules)?]);
        }
        search::one_by_one(rows, windows.len(), how.temperature, &rules)
    }

    fn heard(&self, found: &Found, samples: usize, opening: usize) -> Heard {
        let token = |(id, logprob): (&i32, &f32)| Token {
            bytes: self.vocabulary.bytes(*id).to_vec(),
            logprob: f64::from(*logprob),
            end_s: None,
        };
        let mut tokens: Vec<Token> = found.tokens.iter().zip(&found.logprobs).map(token).collect();
        let ends_s = align::ends_s(&found.looked, opening - 1, align::positions(samples));
        tokens.iter_mut().zip(ends_s).for_each(|(token, end_s)| token.end_s = Some(end_s));
        Heard { tokens, no_speech_prob: f64::from(found.no_speech_prob) }
    }
}

impl Recognizer for OnnxWhisper {
    fn at_once(&self) -> usize {
        (SOUND_BYTES / self.decoder.sound_bytes(POSITIONS)).clamp(1, MOST_WINDOWS)
    }

    fn hear(&self, windows: &[Vec<f32>], how: &Attempt<'_>, stop: &AtomicBool) -> Result<Vec<Heard>, RecognizerError> {
        // The rows of a beam are hypotheses of one window.
        let at_once = if how.beam_size > 1 && how.temperature == 0.0 { 1 } else { self.at_once() };
        let opening = self.opening(how).len();
        let mut heard = Vec::with_capacity(windows.len());
        for windows in windows.chunks(at_once) {
            let found = self.decode(windows, how, stop)?;
            heard.extend(found.iter().zip(windows).map(|(found, audio)| self.heard(found, audio.len(), opening)));
        }
        Ok(heard)
    }

    fn languages(&self, audio: &[f32], stop: &AtomicBool) -> Result<Vec<(&'static str, f32)>, RecognizerError> {
        search::check(stop)?;
        let mut rows = self.decoder.begin(self.encode(audio)?, 1)?;
        let scores = rows.step(&[self.special.start], &self.biases.none)?;
        let logprobs = scores.row(0)?;
        let languages = self.vocabulary.languages();
        let prob = |token: i32| logprobs.get(token as usize).map_or(0.0, |value| value.exp());
        let total: f32 = languages.iter().map(|(_, token)| prob(*token)).sum();
        Ok(languages.into_iter().map(|(code, token)| (code, prob(token) / total.max(f32::MIN_POSITIVE))).collect())
    }
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

/// What a text may not have: what nobody says, and all special tokens but its end.
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
