//! The stage `plan`: cuts the text into sentences, and the sentences into parts that are spoken by one step each.

use std::io::Write;

use medley_proto::Sha256;
use medley_step::{StepContext, StepError};
use medley_text::script::is_han;

use crate::{
    SpeakError,
    config::SpeakConfig,
    document::{self, Document, Utterance},
    params::SpeakParams,
    pronunciation::{Lexicon, SpokenText},
    speaker::Speaker,
    step::{Part, Plan, SpeakOutput},
};

/// The weight of a part: about two minutes of speech, short enough to finish soon and long enough to be worth a step.
const PART_CHARACTERS: usize = 2_000;
/// A Chinese character is a syllable, five Latin letters are one or two.
const HAN_WEIGHT: usize = 4;

pub(crate) fn run(
    speaker: &Speaker,
    config: &SpeakConfig,
    params: &SpeakParams,
    cx: &StepContext<'_>,
) -> Result<SpeakOutput, StepError> {
    params.check()?;
    let input = cx.input(0)?;
    if input.bytes > document::MAX_BYTES {
        let (bytes, limit) = (input.bytes, document::MAX_BYTES);
        return Err(SpeakError::TooLong { input: input.name.clone(), bytes, limit }.into());
    }
    let bytes = std::fs::read(&input.path)?;
    let lexicon = Lexicon::of(config.lexicon.as_deref(), &params.lexicon)?;
    let Document { utterances: script, unspoken_letters, warnings } =
        document::read(&input.name, &bytes, params, &lexicon)?;
    let voices = speaker.needs(&script)?;
    let mut file = cx.create("script.jsonl", "application/jsonl")?;
    let mut parts = Vec::new();
    let mut offset_bytes = 0;
    for lines in runs(&script) {
        let mut text = Vec::new();
        for utterance in lines {
            serde_json::to_writer(&mut text, utterance)?;
            text.push(b'\n');
        }
        file.write_all(&text)?;
        let length_bytes = text.len() as u64;
        let number = u32::try_from(parts.len()).map_err(|_| StepError::internal("more parts than fit a number"))?;
        parts.push(Part { number, offset_bytes, length_bytes, sha256: Sha256::of(&text) });
        offset_bytes += length_bytes;
    }
    file.keep()?;
    let characters = script.iter().map(|utterance| utterance.text.chars().count() as u64).sum();
    Ok(SpeakOutput::Plan(Plan { parts, characters, unspoken_letters, warnings, voices }))
}

/// Consecutive sentences of about [`PART_CHARACTERS`].
fn runs(script: &[Utterance]) -> Vec<&[Utterance]> {
    let mut runs = Vec::new();
    let (mut start, mut weight) = (0, 0);
    for (n, utterance) in script.iter().enumerate() {
        // The replacements of a lexicon are spoken too.
        let said = SpokenText::new(&utterance.text, &utterance.readings).text;
        weight += said.chars().map(|c| if is_han(c) { HAN_WEIGHT } else { 1 }).sum::<usize>();
        if weight >= PART_CHARACTERS {
            runs.push(&script[start..=n]);
            (start, weight) = (n + 1, 0);
        }
    }
    if start < script.len() {
        runs.push(&script[start..]);
    }
    runs
}
