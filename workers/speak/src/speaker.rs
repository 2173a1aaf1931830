//! Speaks a sentence: language runs, their voices, and the joints between them.

use std::{
    collections::BTreeSet,
    fmt,
    ops::{ControlFlow, Range},
    sync::{Arc, Mutex, PoisonError},
};

use medley_media::audio::resample;
use medley_models::{Models, Registry, SessionOptions};
use medley_proto::SpeechTiming;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    SpeakError,
    chinese::{self, Segmenter},
    document::sentences,
    english::{Alphabet, English},
    language::{Language, is_han, main_language, runs},
    mix::{self, RATE_HZ},
    normal::{self, Piece, PieceKind},
    speech::{Speech, timing},
    voice::{Baker, Hibari, Manner, Piper, Spoken, Symbol, Voice},
};

/// An English voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnglishVoice {
    /// A woman, 24 kHz: the clearest and by far the fastest.
    #[default]
    Hibari,
    /// A man, 22.05 kHz (Piper).
    Joe,
}

/// How a sentence is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    pub english: EnglishVoice,
    /// 1 is the voice's own pace, 2 twice as fast.
    pub rate: f32,
    /// 1 is the voice's own pitch.
    pub pitch: f32,
    /// Added to the common level.
    pub volume_db: f32,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { english: EnglishVoice::default(), rate: 1.0, pitch: 1.0, volume_db: 0.0 }
    }
}

/// Between two runs of different languages within a clause.
const SEAM_MS: u32 = 45;
/// At a mark of punctuation between two runs.
const CLAUSE_MS: u32 = 160;
/// An English word inside Chinese is spoken a little slower than English alone, at the pace of the syllables around it.
const ENGLISH_IN_CHINESE: f32 = 0.92;

/// The files that voices are loaded from.
const VOICE_FILES: [&str; 7] =
    ["hibari.onnx", "vocab.json", "voice.onnx", "voice.json", "fastspeech2.onnx", "melgan.onnx", "mapper.json"];

/// Speaks English and Chinese. Voices and front ends are loaded when they are first needed; all methods may be called
/// from several threads at once.
pub struct Speaker {
    models: Models,
    options: SessionOptions,
    english: Once<English>,
    segmenter: Once<Segmenter>,
    hibari: Once<Hibari>,
    piper: Once<Piper>,
    baker: Once<Baker>,
}

type Once<T> = Mutex<Option<Arc<T>>>;

fn once<T>(cell: &Once<T>, load: impl FnOnce() -> Result<T, SpeakError>) -> Result<Arc<T>, SpeakError> {
    let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = &*cell {
        return Ok(Arc::clone(loaded));
    }
    Ok(Arc::clone(cell.insert(Arc::new(load()?))))
}

impl fmt::Debug for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speaker").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Speaker {
    /// `parallel` sentences may be spoken at once, each on one thread.
    pub fn new(models: Models, parallel: usize) -> Self {
        Self {
            models,
            options: SessionOptions { threads: 1, parallel },
            english: Mutex::default(),
            segmenter: Mutex::default(),
            hibari: Mutex::default(),
            piper: Mutex::default(),
            baker: Mutex::default(),
        }
    }

    /// Speaks a text of any number of sentences at once; its length is the memory it takes. `language` is the main
    /// language of every sentence, or none to find it for each.
    ///
    /// # Errors
    /// A missing model or program; a text without a word is silence, not an error.
    pub fn synthesize(&self, text: &str, language: Option<Language>) -> Result<(Vec<f32>, SpeechTiming), SpeakError> {
        let mut whole = Speech::default();
        for range in sentences::split(text) {
            let sentence = &text[range];
            whole.append(self.sentence(sentence, language, Delivery::default())?);
            whole.silence(mix::samples_of(pause_after(sentence)));
        }
        Ok((whole.pcm, whole.timing))
    }

    /// Speaks a text clause by clause at first and sentence by sentence then, so that its beginning is heard soon;
    /// `hear` may end it.
    ///
    /// # Errors
    /// As [`Speaker::synthesize`].
    pub fn stream(
        &self,
        text: &str,
        language: Option<Language>,
        delivery: Delivery,
        mut hear: impl FnMut(Speech) -> ControlFlow<()>,
    ) -> Result<(), SpeakError> {
        for (n, sentence) in sentences::split(text).into_iter().enumerate() {
            let main = language.unwrap_or_else(|| main_language(&text[sentence.clone()]));
            let parts = if n == 0 { sentences::clauses(text, sentence) } else { vec![sentence] };
            for part in parts {
                let part = &text[part];
                let mut speech = self.sentence(part, Some(main), delivery)?;
                speech.silence(mix::samples_of(pause_after(part)));
                if hear(speech).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Makes sure that every model these sentences need is there, and names what their sound depends on: each voice's
    /// files by hash, and the program that reads English.
    pub(crate) fn needs<'t>(&self, sentences: impl Iterator<Item = (&'t str, Delivery)>) -> Result<String, SpeakError> {
        let mut needed = BTreeSet::new();
        for (text, delivery) in sentences {
            needed.extend(text.chars().filter_map(|c| match c {
                _ if is_han(c) => Some(Baker::MODEL),
                _ if !c.is_alphanumeric() => None,
                _ if delivery.english == EnglishVoice::Joe => Some(Piper::MODEL),
                _ => Some(Hibari::MODEL),
            }));
        }
        for model in &needed {
            for file in &Registry::built_in().model(model)?.files {
                if VOICE_FILES.contains(&file.name.as_str()) {
                    self.models.file(model, &file.name)?;
                }
            }
        }
        let used = self.models.used().into_iter().filter(|model| needed.contains(model.name.as_str()));
        let mut depends_on: Vec<String> = used.map(|model| format!("{}:{:?}", model.name, model.files)).collect();
        if needed.len() > usize::from(needed.contains(Baker::MODEL)) {
            depends_on.push(self.english()?.version().to_owned());
        }
        Ok(depends_on.join(";"))
    }

    /// Speaks one sentence, without a pause after it.
    pub(crate) fn sentence(
        &self,
        text: &str,
        language: Option<Language>,
        delivery: Delivery,
    ) -> Result<Speech, SpeakError> {
        let main = language.unwrap_or_else(|| main_language(text));
        let mut whole = Speech::default();
        for (language, range) in runs(text, main) {
            let pieces = match language {
                Language::En => normal::english::normalise(text, range.clone()),
                Language::Zh => normal::chinese::normalise(text, range.clone()),
            };
            if !pieces.iter().any(|piece| matches!(piece.kind, PieceKind::Say(_))) {
                continue;
            }
            if !whole.pcm.is_empty() {
                let paused = text[..range.start].trim_end().ends_with(is_pause);
                whole.silence(mix::samples_of(if paused { CLAUSE_MS } else { SEAM_MS }));
            }
            let inside = language == Language::En && main == Language::Zh;
            let rate = delivery.rate * if inside { ENGLISH_IN_CHINESE } else { 1.0 };
            let manner = Manner { rate, pitch: delivery.pitch };
            whole.append(self.run(text, language, &pieces, delivery.english, manner)?);
        }
        mix::amplify(&mut whole.pcm, delivery.volume_db);
        if !whole.pcm.is_empty() {
            whole.sentence(text, main);
        }
        Ok(whole)
    }

    fn run(
        &self,
        text: &str,
        language: Language,
        pieces: &[Piece],
        english: EnglishVoice,
        manner: Manner,
    ) -> Result<Speech, SpeakError> {
        let words: Vec<&str> = pieces.iter().map(|piece| &text[piece.source.clone()]).collect();
        match (language, english) {
            (Language::En, EnglishVoice::Hibari) => {
                let voice = once(&self.hibari, || Hibari::open(&self.models, self.options))?;
                let symbols = self.english()?.symbols(pieces, Alphabet::Misaki)?;
                phrases(&*voice, language, &symbols, &words, manner)
            }
            (Language::En, EnglishVoice::Joe) => {
                let voice = once(&self.piper, || Piper::open(&self.models, self.options))?;
                let symbols = self.english()?.symbols(pieces, Alphabet::Ipa)?;
                phrases(&*voice, language, &symbols, &words, manner)
            }
            (Language::Zh, _) => {
                let voice = once(&self.baker, || Baker::open(&self.models, self.options))?;
                let segmenter = once(&self.segmenter, || Ok(Segmenter::new()))?;
                let (symbols, sources) = chinese::symbols(&segmenter, &voice, pieces);
                let words: Vec<&str> = sources.into_iter().map(|source| &text[source]).collect();
                phrases(&*voice, language, &symbols, &words, manner)
            }
        }
    }

    fn english(&self) -> Result<Arc<English>, SpeakError> {
        once(&self.english, English::start)
    }
}

/// Speaks symbols in as many phrases as the voice needs.
fn phrases<V: Voice>(
    voice: &V,
    language: Language,
    symbols: &[Symbol],
    words: &[&str],
    manner: Manner,
) -> Result<Speech, SpeakError> {
    let mut whole = Speech::default();
    for range in cut(symbols, V::LONGEST) {
        let phrase = &symbols[range];
        if !whole.pcm.is_empty() {
            whole.silence(mix::samples_of(CLAUSE_MS));
        }
        let spoken = voice.speak(phrase, manner)?;
        whole.append(ready(language, phrase, spoken, words));
    }
    Ok(whole)
}

/// Trims and levels what a voice said.
fn ready(language: Language, phrase: &[Symbol], spoken: Spoken, words: &[&str]) -> Speech {
    let scale = f64::from(RATE_HZ) / f64::from(spoken.rate_hz);
    let samples = resample(&spoken.pcm, spoken.rate_hz, RATE_HZ);
    let kept = mix::speech(&samples);
    let mut pcm = samples[kept.clone()].to_vec();
    mix::level(&mut pcm);
    let place = |sample: usize| {
        let sample = (sample as f64 * scale).round() as usize;
        sample.clamp(kept.start, kept.end) - kept.start
    };
    let spans: Vec<Range<usize>> = spoken.spans.iter().map(|span| place(span.start)..place(span.end)).collect();
    let mut timing = timing(language, phrase, &spans, words);
    timing.duration_s = pcm.len() as f64 / f64::from(RATE_HZ);
    Speech { pcm, timing }
}

/// Ranges of at most `longest` symbols, cut after a pause where there is one in the second half, else between words.
fn cut(symbols: &[Symbol], longest: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < symbols.len() {
        let mut end = (start + longest).min(symbols.len());
        if end < symbols.len() {
            let window = start + longest / 2..end;
            let pause =
                |at: &usize| symbols[*at].word.is_none() && !matches!(symbols[*at].text.as_str(), " " | "#0" | "#1");
            let between = |at: &usize| matches!(symbols[*at].text.as_str(), " " | "#1");
            end = window.clone().rev().find(pause).or_else(|| window.rev().find(between)).map_or(end, |at| at + 1);
        }
        ranges.push(start..end);
        start = end;
    }
    ranges.retain(|range| symbols[range.clone()].iter().any(|symbol| symbol.word.is_some()));
    ranges
}

fn is_pause(c: char) -> bool {
    matches!(
        c,
        ',' | '.' | ';' | ':' | '!' | '?' | '，' | '。' | '；' | '：' | '！' | '？' | '、' | '—' | '…' | ')' | '）'
    )
}

/// How long a person pauses after a sentence or clause that ends like this.
pub(crate) fn pause_after(text: &str) -> u32 {
    let last = text.chars().rev().find(|c| !matches!(c, '"' | '”' | '’' | '\'' | ')' | '）' | '」' | '』' | '》'));
    match last {
        Some('.' | '。' | '!' | '！' | '?' | '？' | '…') => 380,
        Some(';' | '；' | ':' | '：') => 260,
        Some(',' | '，' | '、' | '—') => 160,
        _ => 300,
    }
}
