//! The stage `retake`: says what was misheard again, once slower and once in other phrases.

use std::{
    fs::File,
    io::{BufRead, BufReader},
};

use medley_media::audio::write_wav;
use medley_proto::SpeechTiming;
use medley_step::{StepContext, StepError};
use serde::{Deserialize, Serialize};

use crate::{
    SpeakError,
    document::Utterance,
    language::main_language,
    sound::{level, speech::Speech},
    speaker::{Speaker, clauses},
    step::{Joined, SpeakOutput},
};

/// The most sentences that are said again.
const MAX_SENTENCES: usize = 100;
/// The pace of the first take, and of the second where a sentence has no clauses.
const SLOWER: f32 = 0.9;
const FASTER: f32 = 1.1;
/// Between two takes, so that words of one are not heard in the other.
const APART_MS: u32 = 1_000;

/// One more take of a sentence.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Take {
    /// The sentence, by its number in the speech.
    pub(super) number: u64,
    /// Its samples in `takes.wav`.
    pub(super) start: usize,
    pub(super) length: usize,
    /// Its own times.
    pub(super) timing: SpeechTiming,
}

/// Inputs: `script.jsonl`, the verify step's output, `timing.json` of the speech.
pub(crate) fn run(speaker: &Speaker, cx: &StepContext<'_>) -> Result<SpeakOutput, StepError> {
    let SpeakOutput::Join(Joined { read_back: Some(read_back), .. }) = cx.input_json(1)? else {
        return Err(StepError::internal("the second input does not say what was misheard"));
    };
    let timing: SpeechTiming = cx.input_json(2)?;
    let mut misheard = read_back.misheard.iter().take(MAX_SENTENCES).map(|misheard| misheard.number).peekable();
    let mut sentences = (0..).zip(&timing.sentences).peekable();
    let (mut sound, mut takes) = (Vec::new(), Vec::new());
    for line in BufReader::new(File::open(&cx.input(0)?.path)?).lines() {
        let utterance: Utterance = serde_json::from_str(&line?)?;
        // An utterance without a sound has no sentence.
        let Some((number, _)) = sentences.next_if(|(_, sentence)| sentence.text == utterance.text) else { continue };
        if misheard.next_if_eq(&number).is_none() {
            continue;
        }
        for parts in [slower(&utterance), rephrased(&utterance)] {
            cx.checkpoint()?;
            let Speech { pcm, timing } = say(speaker, &utterance, &parts)?;
            takes.push(Take { number, start: sound.len(), length: pcm.len(), timing });
            sound.extend(pcm);
            sound.resize(sound.len() + level::samples_of(APART_MS), 0.0);
        }
    }
    let duration_s = sound.len() as f64 / f64::from(Speech::RATE_HZ);
    let wav = cx.place("takes.wav")?;
    write_wav(&wav, &sound, Speech::RATE_HZ)?;
    cx.publish_file("takes.wav", "audio/wav", &wav)?;
    cx.publish("takes.json", "application/json", &serde_json::to_vec(&takes)?)?;
    Ok(SpeakOutput::Say { duration_s })
}

fn at_pace(utterance: &Utterance, pace: f32) -> Vec<Utterance> {
    let mut other = utterance.clone();
    other.delivery.rate = (other.delivery.rate * pace).clamp(0.5, 2.0);
    vec![other]
}

fn slower(utterance: &Utterance) -> Vec<Utterance> {
    at_pace(utterance, SLOWER)
}

/// Clause by clause; a sentence that is one clause is said faster.
fn rephrased(utterance: &Utterance) -> Vec<Utterance> {
    let clauses = clauses(utterance.clone());
    if clauses.len() > 1 { clauses } else { at_pace(utterance, FASTER) }
}

/// Speaks the parts of a sentence as one.
fn say(speaker: &Speaker, utterance: &Utterance, parts: &[Utterance]) -> Result<Speech, SpeakError> {
    let mut whole = Speech::default();
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            whole.silence(level::samples_of(parts[n - 1].pause_ms));
        }
        whole.append(speaker.sentence(part)?);
    }
    let main = utterance.language.unwrap_or_else(|| main_language(&utterance.text));
    whole.sentence(&utterance.text, main);
    if parts.len() > 1 {
        whole.mark(&utterance.text, &utterance.marks);
    }
    Ok(whole)
}
