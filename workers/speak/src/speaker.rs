//! Speaks a sentence: language runs, their voices, and the joints between them.

use std::{
    collections::BTreeSet,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use medley_models::{Models, Registry, SessionOptions};
use medley_proto::SpeechTiming;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    SpeakError,
    chinese::{self, Segmenter},
    document::{Utterance, sentences},
    english::{Alphabet, English},
    language::{Language, main_language, runs},
    mix,
    normal::{self, Piece, PieceKind},
    reading::{How, Script},
    speech::{Sound, Speech},
    voice::{Baker, Hibari, Manner, Piper, Symbol, Voice},
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
            let utterance = Utterance::plain(sentence, language, Delivery::default(), pause_after(sentence));
            whole.append(self.sentence(&utterance)?);
            whole.silence(mix::samples_of(utterance.pause_ms));
        }
        Ok((whole.pcm, whole.timing))
    }

    /// Makes sure that every model these sentences need is there, and names what their sound depends on: each voice's
    /// files by hash, and the program that reads English.
    pub(crate) fn needs(&self, script: &[Utterance]) -> Result<String, SpeakError> {
        let mut needed = BTreeSet::new();
        for utterance in script.iter().filter(|utterance| !utterance.text.is_empty()) {
            let main = utterance.language.unwrap_or_else(|| main_language(&utterance.text));
            let script = Script::new(&utterance.text, &utterance.readings);
            let languages = runs(&script.text, main).into_iter().map(|(language, _)| language);
            for language in languages.chain(script.phonemes.iter().map(|(_, how)| how.language())) {
                needed.insert(match (language, utterance.delivery.english) {
                    (Language::Zh, _) => Baker::MODEL,
                    (Language::En, EnglishVoice::Hibari) => Hibari::MODEL,
                    (Language::En, EnglishVoice::Joe) => Piper::MODEL,
                });
            }
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
    pub(crate) fn sentence(&self, utterance: &Utterance) -> Result<Speech, SpeakError> {
        let Utterance { text, delivery, .. } = utterance;
        let main = utterance.language.unwrap_or_else(|| main_language(text));
        let runs = spoken_runs(&Script::new(text, &utterance.readings), main);
        let mixed = runs.iter().any(|run| run.language != runs[0].language);
        let mut chinese = Vec::new().into_iter();
        if mixed {
            let pieces = runs.iter().filter(|run| run.language == Language::Zh).map(|run| &*run.pieces);
            chinese = self.chinese(text, &pieces.collect::<Vec<_>>(), *delivery)?.into_iter();
        }
        let mut whole = Speech::default();
        for run in &runs {
            if !whole.pcm.is_empty() {
                whole.silence(mix::samples_of(if run.paused { CLAUSE_MS } else { SEAM_MS }));
            }
            let speech = match run.language {
                Language::En => self.english_run(text, &run.pieces, *delivery, main)?,
                Language::Zh => match chinese.next() {
                    Some(spoken) => spoken,
                    None => self.chinese(text, &[&run.pieces], *delivery)?.pop().unwrap_or_default(),
                },
            };
            whole.append(speech);
        }
        mix::amplify(&mut whole.pcm, delivery.volume_db);
        if !whole.pcm.is_empty() {
            whole.sentence(text, main);
        }
        whole.mark(text, &utterance.marks);
        Ok(whole)
    }

    fn english_run(
        &self,
        text: &str,
        pieces: &[Piece],
        delivery: Delivery,
        main: Language,
    ) -> Result<Speech, SpeakError> {
        let words: Vec<&str> = pieces.iter().map(|piece| &text[piece.source.clone()]).collect();
        let rate = delivery.rate * if main == Language::Zh { ENGLISH_IN_CHINESE } else { 1.0 };
        let manner = Manner { rate, pitch: delivery.pitch };
        match delivery.english {
            EnglishVoice::Hibari => {
                let voice = once(&self.hibari, || Hibari::open(&self.models, self.options))?;
                let symbols = self.english()?.symbols(pieces, Alphabet::Misaki)?;
                phrases(&*voice, Language::En, &symbols, &words, manner)
            }
            EnglishVoice::Joe => {
                let voice = once(&self.piper, || Piper::open(&self.models, self.options))?;
                let symbols = self.english()?.symbols(pieces, Alphabet::Ipa)?;
                phrases(&*voice, Language::En, &symbols, &words, manner)
            }
        }
    }

    /// The Chinese runs of a sentence, spoken in one breath and taken apart again. A run of one or two syllables by
    /// itself is unlike anything that the voice was trained on, and is not understood.
    fn chinese(&self, text: &str, runs: &[&[Piece]], delivery: Delivery) -> Result<Vec<Speech>, SpeakError> {
        let voice = once(&self.baker, || Baker::open(&self.models, self.options))?;
        let segmenter = once(&self.segmenter, || Ok(Segmenter::new()))?;
        let manner = Manner { rate: delivery.rate, pitch: delivery.pitch };
        let read = runs.iter().map(|pieces| chinese::symbols(&segmenter, &voice, pieces));
        let read = read.collect::<Result<Vec<chinese::Read>, SpeakError>>()?;
        let words = |sources: &[Range<usize>]| sources.iter().map(|source| &text[source.clone()]).collect::<Vec<_>>();
        let length: usize = read.iter().map(|(symbols, _)| symbols.len() + 1).sum();
        if runs.len() == 1 || length > Baker::LONGEST {
            let each =
                |(symbols, sources): &chinese::Read| phrases(&*voice, Language::Zh, symbols, &words(sources), manner);
            return read.iter().map(each).collect();
        }
        let mut breath = Vec::new();
        let mut places = Vec::new();
        for (symbols, _) in &read {
            if !breath.is_empty() {
                breath.push(Symbol::mark(chinese::PAUSE));
            }
            places.push(breath.len()..breath.len() + symbols.len());
            breath.extend_from_slice(symbols);
        }
        let sound = Sound::of(voice.speak(&breath, manner)?);
        let gain = mix::gain(&sound.samples);
        let speech = |((symbols, sources), place): (&chinese::Read, &Range<usize>)| {
            sound.part(place.clone()).speech(Language::Zh, symbols, &words(sources), gain)
        };
        Ok(read.iter().zip(&places).map(speech).collect())
    }

    fn english(&self) -> Result<Arc<English>, SpeakError> {
        once(&self.english, English::start)
    }
}

/// A stretch of a sentence in one language, and how it is read.
pub(crate) struct Run {
    pub(crate) language: Language,
    /// Sources are places in the text as it was written.
    pub(crate) pieces: Vec<Piece>,
    /// A mark of punctuation stands before it.
    paused: bool,
}

/// The runs in which something is said.
pub(crate) fn spoken_runs(script: &Script, main: Language) -> Vec<Run> {
    let text = &script.text;
    let mut all: Vec<Run> = Vec::new();
    let mut add = |language, start: usize, mut pieces: Vec<Piece>| {
        pieces.iter_mut().for_each(|piece| piece.source = script.written(piece.source.clone()));
        match all.last_mut() {
            Some(last) if last.language == language => last.pieces.extend(pieces),
            _ => all.push(Run { language, pieces, paused: text[..start].trim_end().ends_with(is_pause) }),
        }
    };
    let normalise = |language, range| match language {
        Language::En => normal::english::normalise(text, range),
        Language::Zh => normal::chinese::normalise(text, range),
    };
    let mut phonemes = script.phonemes.iter().peekable();
    let mut at = 0;
    for (language, range) in runs(text, main) {
        at = at.max(range.start);
        while let Some((place, how)) = phonemes.next_if(|(place, _)| place.start < range.end) {
            if at < place.start {
                add(language, at, normalise(language, at..place.start));
            }
            let (How::Pinyin(said) | How::Ipa(said) | How::Said(said)) = how;
            let piece = Piece { kind: PieceKind::Phonemes(said.clone()), source: place.clone() };
            add(how.language(), place.start, vec![piece]);
            at = place.end;
        }
        if at < range.end {
            add(language, at, normalise(language, at..range.end));
        }
    }
    all.retain(|run| run.pieces.iter().any(Piece::is_said));
    all
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
        let sound = Sound::of(voice.speak(phrase, manner)?);
        let gain = mix::gain(&sound.samples);
        whole.append(sound.speech(language, phrase, words, gain));
    }
    Ok(whole)
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
