//! Kokoro-82M v1.0 (hexgrad, Apache-2.0): one network, and a style for each of its voices.

mod alphabet;
mod styles;

use std::{collections::HashMap, fs};

use alphabet::{Place, tokens};
use medley_models::{Models, Session, SessionOptions};
use ort::value::Tensor;
use serde::Deserialize;
use styles::Styles;

use super::{Prosody, Spoken, Symbol, Voice, shown};
use crate::{SpeakError, voices::Mix};

const MODEL: &str = "kokoro";
const RATE_HZ: u32 = 24_000;
/// Samples of one frame of the predicted durations.
const FRAME: usize = 600;
/// The durations lag behind the sound by 50 ms: two of their frames (decision 0076).
const LATE: usize = 1_200;
/// The last phoneme before a pause has the silence too. No phoneme is longer than this.
const LONGEST_FRAMES: usize = 8;

/// The network, the alphabet, and the styles of the voices that were asked for.
#[derive(Debug)]
pub(crate) struct Kokoro {
    session: Session,
    ids: HashMap<char, i64>,
    styles: Styles,
}

#[derive(Deserialize)]
struct Alphabet {
    vocab: HashMap<char, i64>,
}

impl Kokoro {
    pub(crate) const MODEL: &str = MODEL;

    pub(crate) fn open(models: &Models, options: SessionOptions) -> Result<Self, SpeakError> {
        let alphabet = fs::read(models.file(MODEL, "alphabet.json")?).map_err(SpeakError::Part)?;
        let Alphabet { vocab: ids } = serde_json::from_slice(&alphabet)
            .map_err(|_| SpeakError::VoiceFile { voice: MODEL, what: "the alphabet" })?;
        let session = models.session_of_any_length(MODEL, "kokoro.onnx", options)?;
        Ok(Self { session, ids, styles: Styles::new(models.clone()) })
    }

    /// The voice of a mix.
    pub(crate) fn voice(&self, mix: Mix) -> KokoroVoice<'_> {
        KokoroVoice { kokoro: self, mix }
    }

    fn run(&self, ids: Vec<i64>, style: Vec<f32>, prosody: Prosody) -> ort::Result<(Vec<f32>, Vec<usize>)> {
        let tokens = Tensor::from_array(([1, ids.len()], ids))?;
        let style = Tensor::from_array(([1, style.len()], style))?;
        let one = |value: f32| Tensor::from_array(([1], vec![value]));
        let (speed, pitch) = (one(prosody.rate)?, one(prosody.pitch)?);
        self.session.with(|session| {
            let inputs = ort::inputs!["tokens" => tokens, "style" => style, "speed" => speed, "pitch" => pitch];
            let out = session.run(inputs)?;
            let (_, pcm) = out["audio"].try_extract_tensor::<f32>()?;
            let (_, frames) = out["durations"].try_extract_tensor::<i64>()?;
            Ok((pcm.to_vec(), frames.iter().map(|&frames| usize::try_from(frames).unwrap_or(0)).collect()))
        })
    }
}

/// One voice of [`Kokoro`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct KokoroVoice<'a> {
    kokoro: &'a Kokoro,
    mix: Mix,
}

impl Voice for KokoroVoice<'_> {
    /// What the network has places for, without the two zeros at the ends.
    const MAX_SYMBOLS: usize = 510;
    /// Its speech is best at 100 to 200 and hurried above 400; memory grows with the length, by 20 MB for a second.
    const GOOD_SYMBOLS: usize = 240;

    fn size(&self, symbol: &Symbol) -> usize {
        tokens(symbol, Place::default()).chars().count()
    }

    fn speak(&self, phrase: &[Symbol], prosody: Prosody) -> Result<Spoken, SpeakError> {
        let mut ids = vec![0];
        let mut counts = Vec::with_capacity(phrase.len());
        let last = phrase.iter().rposition(|symbol| symbol.word.is_some()).unwrap_or(0);
        for (n, symbol) in phrase.iter().enumerate() {
            let place = Place { before: n.checked_sub(1).map(|n| &phrase[n]), is_last: n > last };
            let before = ids.len();
            let known = tokens(symbol, place);
            ids.extend(known.chars().filter_map(|letter| self.kokoro.ids.get(&letter)));
            counts.push(ids.len() - before);
        }
        let phonemes = ids.len() - 1;
        ids.push(0);
        let style = self.kokoro.styles.of(&self.mix, phonemes)?;
        let (pcm, frames) = self.kokoro.run(ids, style, prosody).map_err(|source| SpeakError::Voice {
            voice: MODEL,
            text: shown(phrase),
            source,
        })?;
        Ok(Spoken { spans: spans(phrase, &counts, &frames), pcm, rate_hz: RATE_HZ })
    }
}

/// The samples of each symbol. `counts` are their tokens, `frames` the durations of all tokens, the zeros included.
fn spans(phrase: &[Symbol], counts: &[usize], frames: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut at = frames.first().copied().unwrap_or(0) * FRAME;
    let mut frames = frames.iter().skip(1);
    let mut spans = Vec::with_capacity(phrase.len());
    for (n, (symbol, &count)) in phrase.iter().zip(counts).enumerate() {
        let own: Vec<usize> = frames.by_ref().take(count).copied().collect();
        let whole = own.iter().sum::<usize>() * FRAME;
        let pauses = phrase.get(n + 1).is_none_or(|next| next.word.is_none() && !next.is_seam());
        let silence = match own.last() {
            Some(last) if pauses && symbol.word.is_some() => last.saturating_sub(LONGEST_FRAMES) * FRAME,
            _ => 0,
        };
        let start = at.saturating_sub(LATE);
        spans.push(start..(at + whole - silence).saturating_sub(LATE).max(start));
        at += whole;
    }
    share_seams(phrase, &mut spans);
    spans
}

/// The border of two words is in the middle of the space between them.
fn share_seams(phrase: &[Symbol], spans: &mut [std::ops::Range<usize>]) {
    for n in 1..phrase.len().saturating_sub(1) {
        if phrase[n].is_seam() && phrase[n - 1].word.is_some() && phrase[n + 1].word.is_some() {
            let middle = (spans[n].start + spans[n].end) / 2;
            // An initial that is not said has no time of its own.
            let next = if spans[n + 1].is_empty() && n + 2 < phrase.len() { n + 2 } else { n + 1 };
            spans[n - 1].end = middle.max(spans[n - 1].start);
            spans[next].start = middle.min(spans[next].end);
            spans[n] = middle..middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phonemes_lose_the_silence_behind_them_and_words_share_the_space_between() {
        let phrase = [Symbol::of('h', 0), Symbol::of('I', 0), Symbol::mark(" "), Symbol::of('m', 1), Symbol::mark(".")];
        let spans = spans(&phrase, &[1, 1, 1, 1, 1], &[4, 2, 3, 2, 20, 1, 1]);
        // In frames: h at 4 − 2, I until the middle of the space, m with 8 of its 20 frames.
        assert_eq!(
            spans,
            [2 * 600..4 * 600, 4 * 600..8 * 600, 8 * 600..8 * 600, 8 * 600..17 * 600, 29 * 600..30 * 600]
        );
    }
}
