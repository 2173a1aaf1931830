//! The speaker: cuts a sentence into runs of one language, has each spoken by its voice, and joins them.

mod phrases;
mod runs;
mod stream;
mod written_out;

use std::{
    collections::BTreeSet,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use medley_models::{Models, Registry, SessionOptions};
use medley_proto::SpeechTiming;
pub(crate) use runs::{Run, spoken_runs};
pub(crate) use stream::clauses;
pub use written_out::WrittenOut;

use crate::{
    SpeakError,
    delivery::Delivery,
    document::{Utterance, pauses::pause_after, sentences},
    language::{self, Language, main_language},
    normalization::Piece,
    phonemes::{
        Symbol,
        chinese::{self, Segmenter},
        english::{Alphabet, English},
    },
    pronunciation::SpokenText,
    sound::{
        level,
        speech::{Sound, Speech},
    },
    voice::{Baker, Hibari, Kokoro, Piper, Prosody, Voice},
    voices::{ChineseVoice, EnglishVoice, Mix},
};

/// Between two runs of different languages within a clause.
const SEAM_MS: u32 = 45;
/// At a mark of punctuation between two runs.
const CLAUSE_MS: u32 = 160;
/// An English word inside Chinese is spoken a little slower than English alone, at the pace of the syllables around it.
const ENGLISH_IN_CHINESE: f32 = 0.92;

/// The files that voices are loaded from.
const VOICE_FILES: [&str; 10] = [
    "hibari.onnx",
    "vocab.json",
    "voice.onnx",
    "voice.json",
    "fastspeech2.onnx",
    "melgan.onnx",
    "mapper.json",
    "kokoro.onnx",
    "alphabet.json",
    "styles.bin",
];

/// Speaks English and Chinese. Voices and front ends are loaded on first use. All methods may be called from several
/// threads at once.
pub struct Speaker {
    models: Models,
    options: SessionOptions,
    english: Once<English>,
    segmenter: Once<Segmenter>,
    hibari: Once<Hibari>,
    piper: Once<Piper>,
    baker: Once<Baker>,
    kokoro: Once<Kokoro>,
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
    /// A speaker that speaks up to `parallel` sentences at once, each on one thread.
    pub fn new(models: Models, parallel: usize) -> Self {
        Self {
            models,
            options: SessionOptions { threads: 1, parallel },
            english: Mutex::default(),
            segmenter: Mutex::default(),
            hibari: Mutex::default(),
            piper: Mutex::default(),
            baker: Mutex::default(),
            kokoro: Mutex::default(),
        }
    }

    /// Speaks a text of any number of sentences and keeps all of it in memory. `language` is the main language of every
    /// sentence, or none to detect it for each.
    ///
    /// # Errors
    /// A missing model or program; a text without a word is silence, not an error.
    pub fn synthesize(&self, text: &str, language: Option<Language>) -> Result<(Vec<f32>, SpeechTiming), SpeakError> {
        let mut whole = Speech::default();
        for range in sentences::split(text) {
            let sentence = &text[range];
            let utterance = Utterance::plain(sentence, language, Delivery::default(), pause_after(sentence));
            whole.append(self.sentence(&utterance)?);
            whole.silence(level::samples_of(utterance.pause_ms));
        }
        Ok((whole.pcm, whole.timing))
    }

    /// Checks that every model that these sentences need is installed, and names what their sound depends on: each
    /// voice's files by hash, and the program that reads English.
    pub(crate) fn needs(&self, script: &[Utterance]) -> Result<String, SpeakError> {
        let mut needed = BTreeSet::new();
        let mut reads_english = false;
        for utterance in script.iter().filter(|utterance| !utterance.text.is_empty()) {
            let main = utterance.language.unwrap_or_else(|| main_language(&utterance.text));
            let spoken = SpokenText::new(&utterance.text, &utterance.readings);
            let languages = language::runs(&spoken.text, main).into_iter().map(|(language, _)| language);
            for language in languages.chain(spoken.phonemes.iter().map(|(_, how)| how.language())) {
                let voices = utterance.delivery.voices;
                reads_english |= language == Language::En;
                match (language, voices.english, voices.chinese) {
                    (Language::Zh, _, ChineseVoice::Baker) => needed.extend([Baker::MODEL]),
                    (Language::En, EnglishVoice::Hibari, _) => needed.extend([Hibari::MODEL]),
                    (Language::En, EnglishVoice::Joe, _) => needed.extend([Piper::MODEL]),
                    (Language::En, EnglishVoice::Kokoro(mix), _) | (Language::Zh, _, ChineseVoice::Kokoro(mix)) => {
                        needed.extend(mix.voices().map(|voice| voice.model).chain([Kokoro::MODEL]));
                    }
                }
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
        if reads_english {
            depends_on.push(self.english()?.version().to_owned());
        }
        Ok(depends_on.join(";"))
    }

    /// Speaks one sentence without the pause after it.
    pub(crate) fn sentence(&self, utterance: &Utterance) -> Result<Speech, SpeakError> {
        let Utterance { text, delivery, .. } = utterance;
        let main = utterance.language.unwrap_or_else(|| main_language(text));
        let runs = spoken_runs(&SpokenText::new(text, &utterance.readings), main);
        let mixed = runs.iter().any(|run| run.language != runs[0].language);
        let mut whole = match delivery.voices.of_both().filter(|_| mixed) {
            Some(mix) => self.one_breath(text, &runs, mix, *delivery)?,
            None => self.by_turns(text, &runs, mixed, *delivery, main)?,
        };
        level::amplify(&mut whole.pcm, delivery.volume_db);
        if !whole.pcm.is_empty() {
            whole.sentence(text, main);
        }
        whole.mark(text, &utterance.marks);
        Ok(whole)
    }

    /// Each language by its own voice, run by run.
    fn by_turns(
        &self,
        text: &str,
        runs: &[Run],
        mixed: bool,
        delivery: Delivery,
        main: Language,
    ) -> Result<Speech, SpeakError> {
        let mut chinese = Vec::new().into_iter();
        if mixed {
            let pieces = runs.iter().filter(|run| run.language == Language::Zh).map(|run| &*run.pieces);
            chinese = self.chinese(text, &pieces.collect::<Vec<_>>(), delivery)?.into_iter();
        }
        let mut whole = Speech::default();
        for run in runs {
            if !whole.pcm.is_empty() {
                whole.silence(level::samples_of(if run.paused { CLAUSE_MS } else { SEAM_MS }));
            }
            let speech = match run.language {
                Language::En => self.english_run(text, &run.pieces, delivery, main)?,
                Language::Zh => match chinese.next() {
                    Some(spoken) => spoken,
                    None => self.chinese(text, &[&run.pieces], delivery)?.pop().unwrap_or_default(),
                },
            };
            whole.append(speech);
        }
        Ok(whole)
    }

    /// Both languages by one voice, the sentence as one phrase.
    fn one_breath(&self, text: &str, runs: &[Run], mix: Mix, delivery: Delivery) -> Result<Speech, SpeakError> {
        let kokoro = once(&self.kokoro, || Kokoro::open(&self.models, self.options))?;
        let mut symbols: Vec<Symbol> = Vec::new();
        let mut words: Vec<&str> = Vec::new();
        for run in runs {
            let (mut read, sources) = match run.language {
                Language::En => {
                    let sources = run.pieces.iter().map(|piece| piece.source.clone()).collect();
                    (self.english()?.symbols(&run.pieces, Alphabet::Misaki)?, sources)
                }
                Language::Zh => self.read_chinese(&run.pieces)?,
            };
            for symbol in &mut read {
                symbol.word = symbol.word.map(|word| word + words.len());
            }
            if !symbols.is_empty() {
                symbols.push(Symbol::mark(" "));
            }
            symbols.extend(read);
            words.extend(sources.into_iter().map(|source| &text[source]));
        }
        let prosody = Prosody { rate: delivery.rate, pitch: delivery.pitch };
        phrases::speak(&kokoro.voice(mix), &symbols, &words, prosody)
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
        let prosody = Prosody { rate, pitch: delivery.pitch };
        match delivery.voices.english {
            EnglishVoice::Hibari => {
                let voice = once(&self.hibari, || Hibari::open(&self.models, self.options))?;
                let symbols = self.english()?.symbols(pieces, Alphabet::Misaki)?;
                phrases::speak(&*voice, &symbols, &words, prosody)
            }
            EnglishVoice::Joe => {
                let voice = once(&self.piper, || Piper::open(&self.models, self.options))?;
                let symbols = self.english()?.symbols(pieces, Alphabet::Ipa)?;
                phrases::speak(&*voice, &symbols, &words, prosody)
            }
            EnglishVoice::Kokoro(mix) => {
                let kokoro = once(&self.kokoro, || Kokoro::open(&self.models, self.options))?;
                let symbols = self.english()?.symbols(pieces, Alphabet::Misaki)?;
                phrases::speak(&kokoro.voice(mix), &symbols, &words, prosody)
            }
        }
    }

    fn read_chinese(&self, pieces: &[Piece]) -> Result<chinese::Read, SpeakError> {
        let segmenter = once(&self.segmenter, || Ok(Segmenter::new()))?;
        chinese::symbols(&segmenter, pieces)
    }

    fn chinese(&self, text: &str, runs: &[&[Piece]], delivery: Delivery) -> Result<Vec<Speech>, SpeakError> {
        let read = runs.iter().map(|pieces| self.read_chinese(pieces));
        let mut read = read.collect::<Result<Vec<chinese::Read>, SpeakError>>()?;
        let prosody = Prosody { rate: delivery.rate, pitch: delivery.pitch };
        match delivery.voices.chinese {
            ChineseVoice::Baker => {
                // A pause at the end is the voice's own silence.
                read.iter_mut().for_each(|(symbols, _)| without_last_marks(symbols));
                let voice = once(&self.baker, || Baker::open(&self.models, self.options))?;
                chinese_in_one_breath(&*voice, text, &read, prosody)
            }
            ChineseVoice::Kokoro(mix) => {
                let kokoro = once(&self.kokoro, || Kokoro::open(&self.models, self.options))?;
                if read.len() > 1 {
                    read.iter_mut().for_each(|(symbols, _)| without_last_marks(symbols));
                }
                chinese_in_one_breath(&kokoro.voice(mix), text, &read, prosody)
            }
        }
    }

    fn english(&self) -> Result<Arc<English>, SpeakError> {
        once(&self.english, English::start)
    }
}

fn without_last_marks(symbols: &mut Vec<Symbol>) {
    let words = symbols.iter().rposition(|symbol| symbol.word.is_some()).map_or(0, |last| last + 1);
    symbols.truncate(words);
}

/// Speaks the Chinese runs of a sentence as one phrase and cuts them apart again: the voice was not trained on one
/// or two syllables by themselves, and such a run would not be understood.
fn chinese_in_one_breath<V: Voice>(
    voice: &V,
    text: &str,
    read: &[chinese::Read],
    prosody: Prosody,
) -> Result<Vec<Speech>, SpeakError> {
    let words = |sources: &[Range<usize>]| sources.iter().map(|source| &text[source.clone()]).collect::<Vec<_>>();
    let size = |symbols: &[Symbol]| symbols.iter().map(|symbol| voice.size(symbol)).sum::<usize>();
    let length: usize = read.iter().map(|(symbols, _)| size(symbols) + 1).sum();
    if read.len() == 1 || length > V::MAX_SYMBOLS {
        let each = |(symbols, sources): &chinese::Read| phrases::speak(voice, symbols, &words(sources), prosody);
        return read.iter().map(each).collect();
    }
    let mut phrase = Vec::new();
    let mut places = Vec::new();
    for (symbols, _) in read {
        if !phrase.is_empty() {
            phrase.push(Symbol::mark(chinese::PAUSE));
        }
        places.push(phrase.len()..phrase.len() + symbols.len());
        phrase.extend_from_slice(symbols);
    }
    let sound = Sound::of(voice.speak(&phrase, prosody)?);
    let gain = level::gain(&sound.samples);
    let speech = |((symbols, sources), place): (&chinese::Read, &Range<usize>)| {
        sound.part(place.clone()).speech(symbols, &words(sources), gain)
    };
    Ok(read.iter().zip(&places).map(speech).collect())
}
