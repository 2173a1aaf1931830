//! Speech as a stream: the first clause is handed on while the rest is still being synthesized.

use std::{
    io::{self, ErrorKind, Write},
    ops::ControlFlow,
};

use medley_step::StepError;

use super::Speaker;
use crate::{
    SpeakError,
    config::SpeakConfig,
    delivery::Delivery,
    document::{self, Utterance, pauses::pause_after, sentences},
    language::{Language, main_language},
    params::{SpeakParams, SpeechFormat},
    pronunciation::Lexicon,
    sound::{level, loudness::Limiter, speech::Speech},
};

/// The loudness of all voices at the common level. A stream cannot be measured before it ends, so this is assumed.
const VOICES_LUFS: f64 = -21.5;
/// The length that the header of a WAV file gives while it is unknown.
const UNKNOWN_BYTES: u32 = u32::MAX;

impl Speaker {
    /// Speaks the first sentence clause by clause and the rest sentence by sentence, so that sound starts early. `sink`
    /// receives each piece and may end the stream.
    ///
    /// # Errors
    /// As [`Speaker::synthesize`].
    pub fn stream(
        &self,
        text: &str,
        language: Option<Language>,
        delivery: Delivery,
        sink: impl FnMut(Speech) -> ControlFlow<()>,
    ) -> Result<(), SpeakError> {
        let sentence = |range| {
            let sentence: &str = &text[range];
            Utterance::plain(sentence, language, delivery, pause_after(sentence))
        };
        self.speak_in_turn(sentences::split(text).into_iter().map(sentence), sink)
    }

    /// Reads a document of [`SpeakParams::format`] aloud: writes a WAV file without a length (16 bits, mono, 24 kHz) to
    /// `out` as it is spoken. The loudness is that of the voices, brought to about the target, with true peaks below
    /// −1 dBTP. A reader that closes the pipe ends it without an error.
    ///
    /// # Errors
    /// `params_invalid` for another format or rate, and as a job of this kind.
    pub fn read_aloud(
        &self,
        (name, bytes): (&str, &[u8]),
        params: &SpeakParams,
        config: &SpeakConfig,
        out: &mut impl Write,
    ) -> Result<(), StepError> {
        params.check()?;
        if params.audio != SpeechFormat::Wav || params.sample_rate_hz != Speech::RATE_HZ {
            let what = format!("a stream is wav at {} Hz; leave audio and sample_rate_hz out", Speech::RATE_HZ);
            return Err(SpeakError::Params { what }.into());
        }
        let lexicon = Lexicon::of(config.lexicon.as_deref(), &params.lexicon)?;
        let script = document::read(name, bytes, params, &lexicon)?.utterances;
        self.needs(&script)?;
        let gain_db = params.loudness.lufs().map_or(0.0, |lufs| lufs - VOICES_LUFS);
        let mut limiter = Limiter::new(Speech::RATE_HZ, gain_db);
        let mut late = limiter.delay();
        let mut written = write_header(out);
        let mut pass = |samples: &[f32], written: &mut io::Result<()>| {
            let mut limited = Vec::with_capacity(samples.len());
            limiter.process(samples, &mut limited);
            let skipped = late.min(limited.len());
            late -= skipped;
            if written.is_ok() {
                *written = write_samples(out, &limited[skipped..]);
            }
        };
        self.speak_in_turn(script.into_iter(), |speech| {
            pass(&speech.pcm, &mut written);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        pass(&vec![0.0; Limiter::new(Speech::RATE_HZ, 0.0).delay()], &mut written);
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(SpeakError::Part(error).into()),
            _ => Ok(()),
        }
    }

    fn speak_in_turn(
        &self,
        script: impl Iterator<Item = Utterance>,
        mut sink: impl FnMut(Speech) -> ControlFlow<()>,
    ) -> Result<(), SpeakError> {
        for (n, utterance) in script.enumerate() {
            for part in if n == 0 { clauses(utterance) } else { vec![utterance] } {
                let mut speech = self.sentence(&part)?;
                speech.silence(level::samples_of(part.pause_ms));
                if sink(speech).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The clauses of an utterance. An utterance with readings stays whole.
pub(crate) fn clauses(utterance: Utterance) -> Vec<Utterance> {
    if !utterance.readings.is_empty() {
        return vec![utterance];
    }
    let text = &utterance.text;
    let main = utterance.language.unwrap_or_else(|| main_language(text));
    let clause = |range| {
        let clause: &str = &text[range];
        Utterance::plain(clause, Some(main), utterance.delivery, pause_after(clause))
    };
    let mut clauses: Vec<Utterance> = sentences::clauses(text, 0..text.len()).into_iter().map(clause).collect();
    match clauses.last_mut() {
        Some(last) => last.pause_ms = utterance.pause_ms,
        None => return vec![utterance],
    }
    clauses
}

/// RIFF and data chunk of unknown length, as ffmpeg writes them to a pipe.
fn write_header(out: &mut impl Write) -> io::Result<()> {
    let rate_hz = Speech::RATE_HZ;
    out.write_all(b"RIFF")?;
    out.write_all(&UNKNOWN_BYTES.to_le_bytes())?;
    out.write_all(b"WAVEfmt ")?;
    out.write_all(&16_u32.to_le_bytes())?;
    out.write_all(&1_u16.to_le_bytes())?; // PCM
    out.write_all(&1_u16.to_le_bytes())?; // mono
    out.write_all(&rate_hz.to_le_bytes())?;
    out.write_all(&(rate_hz * 2).to_le_bytes())?;
    out.write_all(&2_u16.to_le_bytes())?;
    out.write_all(&16_u16.to_le_bytes())?;
    out.write_all(b"data")?;
    out.write_all(&UNKNOWN_BYTES.to_le_bytes())
}

fn write_samples(out: &mut impl Write, samples: &[f32]) -> io::Result<()> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes()).collect();
    out.write_all(&bytes)?;
    out.flush()
}
