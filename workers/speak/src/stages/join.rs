//! The stage `join`: joins the parts into one file with its timing and subtitles. Everything streams, so memory does
//! not grow with the length.

use std::{
    fs::File,
    io::{BufReader, Write},
    path::Path,
};

use medley_media::audio::{Encoder, Reader, ReaderOptions};
use medley_proto::SpeechTiming;
use medley_step::{LocalInput, StepContext, StepError};
use medley_text::subtitle::{Layout, Limits, SrtWriter};
use serde::Serialize;

use crate::{
    params::SpeakParams,
    sound::{
        loudness::{Limiter, Measured, Meter},
        speech::{Speech, shift},
    },
    step::{Joined, Plan, Quality, SpeakOutput},
};

/// Samples read at a time.
const BLOCK: usize = 1 << 15;
/// A smaller difference from the target is not corrected.
const CLOSE_LU: f64 = 0.2;
/// How often the gain is corrected for what the limiter took away.
const MAX_CORRECTIONS: usize = 3;

pub(crate) fn run(params: &SpeakParams, cx: &StepContext<'_>) -> Result<SpeakOutput, StepError> {
    let sounds: Vec<&LocalInput> = cx.inputs().iter().filter(|input| input.name.ends_with(".wav")).collect();
    let is_times = |input: &&LocalInput| input.name.starts_with("part-") && input.name.ends_with(".json");
    let times: Vec<&LocalInput> = cx.inputs().iter().filter(is_times).collect();
    let SpeakOutput::Plan(plan) = cx.input_json(0)? else {
        return Err(StepError::internal("the plan of the parts to join is not the first input"));
    };
    let joined = join(params, plan, &sounds, &times, cx)?;
    joined.quality.iter().for_each(|(key, value)| cx.quality(key, value.clone()));
    Ok(SpeakOutput::Join(joined))
}

/// Joins parts that have a sound and times each, and leaves the artifacts of the job.
pub(super) fn join(
    params: &SpeakParams,
    plan: Plan,
    sounds: &[&LocalInput],
    times: &[&LocalInput],
    cx: &StepContext<'_>,
) -> Result<Joined, StepError> {
    if sounds.is_empty() || sounds.len() != times.len() {
        return Err(StepError::internal(format!("{} sounds and {} timings to join", sounds.len(), times.len())));
    }
    let gain_db = gain(params, sounds, cx)?;
    let format = params.audio.media();
    let name = format!("speech.{}", format.extension());
    let path = cx.place(&name)?;
    let mut encoder = Encoder::create(&path, params.sample_rate_hz, format)?;
    let measured = render(sounds, params.sample_rate_hz, gain_db, cx, |block| Ok(encoder.write(block)?))?;
    encoder.finish()?;
    cx.publish_file(&name, format.media_type(), &path)?;

    let starts = starts(sounds)?;
    let totals = write_times(times, &starts, cx)?;
    let mut quality = quality(&measured, &totals);
    if plan.unspoken_letters > 0 {
        quality.insert("unspoken_letters".into(), plan.unspoken_letters.into());
    }
    if !plan.warnings.is_empty() {
        quality.insert("warnings".into(), plan.warnings.into());
    }
    let duration_s = starts.last().copied().unwrap_or(0.0);
    Ok(Joined { duration_s, sentences: totals.sentences, words: totals.words, quality, read_back: None })
}

/// The gain that brings the whole to the target loudness, measured behind the limiter.
fn gain(params: &SpeakParams, sounds: &[&LocalInput], cx: &StepContext<'_>) -> Result<f64, StepError> {
    let Some(target) = params.loudness.lufs() else { return Ok(0.0) };
    let mut gain_db = 0.0;
    for _ in 0..MAX_CORRECTIONS {
        let Some(lufs) = render(sounds, Speech::RATE_HZ, gain_db, cx, |_| Ok(()))?.lufs else { break };
        gain_db += target - lufs;
        if (target - lufs).abs() < CLOSE_LU {
            break;
        }
    }
    Ok(gain_db)
}

/// Reads all parts, amplifies, limits and measures them, and hands the samples to `take`.
fn render(
    sounds: &[&LocalInput],
    rate_hz: u32,
    gain_db: f64,
    cx: &StepContext<'_>,
    mut take: impl FnMut(&[f32]) -> Result<(), StepError>,
) -> Result<Measured, StepError> {
    let mut meter = Meter::new(rate_hz);
    let mut limiter = Limiter::new(rate_hz, gain_db);
    let mut late = limiter.delay();
    let (mut block, mut out) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
    let mut pass = |block: &[f32], late: &mut usize| {
        out.clear();
        limiter.process(block, &mut out);
        let skipped = (*late).min(out.len());
        *late -= skipped;
        meter.add(&out[skipped..]);
        take(&out[skipped..])
    };
    for sound in sounds {
        cx.checkpoint()?;
        let mut reader = Reader::open(&sound.path, &ReaderOptions { rate_hz, ..ReaderOptions::default() })?;
        loop {
            block.clear();
            if reader.read(&mut block, BLOCK)? == 0 {
                break;
            }
            pass(&block, &mut late)?;
        }
    }
    let rest = vec![0.0; Limiter::new(rate_hz, 0.0).delay()];
    pass(&rest, &mut late)?;
    Ok(meter.measured())
}

/// The start of each part in seconds, and the end of the last.
fn starts(sounds: &[&LocalInput]) -> Result<Vec<f64>, StepError> {
    let mut starts = vec![0.0];
    let mut samples = 0_u64;
    for sound in sounds {
        samples += samples_in(&sound.path)?;
        starts.push(samples as f64 / f64::from(Speech::RATE_HZ));
    }
    Ok(starts)
}

/// Samples of a 16-bit mono WAV file of ours.
fn samples_in(path: &Path) -> Result<u64, StepError> {
    let reader = hound::WavReader::open(path)
        .map_err(|error| StepError::internal("a part of the speech is no WAV file").because(error))?;
    Ok(u64::from(reader.duration()))
}

#[derive(Default)]
struct Totals {
    sentences: u64,
    words: u64,
}

/// Writes `timing.json` and `speech.srt`, a part at a time.
fn write_times(times: &[&LocalInput], starts: &[f64], cx: &StepContext<'_>) -> Result<Totals, StepError> {
    let mut totals = Totals::default();
    let mut srt = SrtWriter::new(cx.create("speech.srt", "application/x-subrip")?);
    let mut layout = Layout::new(Limits::default());
    let mut json = cx.create("timing.json", "application/json")?;
    let duration_s = starts.last().copied().unwrap_or(0.0);
    write!(json, "{{\"duration_s\":{duration_s:.4},\"sentences\":[")?;
    let mut list = List::default();
    for (part, start) in times.iter().zip(starts) {
        let timing = read(part, *start)?;
        totals.sentences += timing.sentences.len() as u64;
        totals.words += timing.words.len() as u64;
        list.write(&mut json, &timing.sentences)?;
        layout.sentences(&timing.sentences, &timing.words);
        srt.write(&layout.take())?;
    }
    write!(json, "],\"words\":[")?;
    let mut list = List::default();
    for (part, start) in times.iter().zip(starts) {
        list.write(&mut json, &read(part, *start)?.words)?;
    }
    write!(json, "],\"phonemes\":[")?;
    let mut list = List::default();
    for (part, start) in times.iter().zip(starts) {
        list.write(&mut json, &read(part, *start)?.phonemes)?;
    }
    write!(json, "],\"marks\":[")?;
    let mut list = List::default();
    for (part, start) in times.iter().zip(starts) {
        list.write(&mut json, &read(part, *start)?.marks)?;
    }
    write!(json, "]}}")?;
    json.keep()?;
    srt.write(&layout.finish(duration_s))?;
    srt.into_inner().keep()?;
    Ok(totals)
}

fn read(part: &LocalInput, start_s: f64) -> Result<SpeechTiming, StepError> {
    let mut timing: SpeechTiming = serde_json::from_reader(BufReader::new(File::open(&part.path)?))?;
    shift(&mut timing, start_s);
    Ok(timing)
}

/// A JSON array that is written in pieces.
#[derive(Default)]
struct List {
    begun: bool,
}

impl List {
    fn write<T: Serialize>(&mut self, out: &mut impl Write, items: &[T]) -> Result<(), StepError> {
        for item in items {
            if self.begun {
                out.write_all(b",")?;
            }
            self.begun = true;
            serde_json::to_writer(&mut *out, item)?;
        }
        Ok(())
    }
}

fn quality(measured: &Measured, totals: &Totals) -> Quality {
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
    let mut quality =
        Quality::from([("sentences".to_owned(), totals.sentences.into()), ("words".to_owned(), totals.words.into())]);
    if let Some(lufs) = measured.lufs {
        quality.insert("loudness_lufs".into(), tenth(lufs).into());
    }
    if let Some(peak) = measured.true_peak_dbtp {
        quality.insert("true_peak_dbtp".into(), tenth(peak).into());
    }
    quality
}

#[cfg(test)]
mod tests {
    use std::fs;

    use medley_proto::{Name, StepId};
    use medley_step::testing::{QuietHost, input};

    use super::*;

    /// Kinds that show speech test the same files: the same words have the same cues whatever kind asks, and wherever
    /// the parts of a speech are cut.
    #[test]
    fn parts_have_the_cues_that_every_kind_gives_them() {
        let whole: SpeechTiming = serde_json::from_str(include_str!("../../../text/tests/golden/speech.json")).unwrap();
        for cut in 0..=whole.sentences.len() {
            let folder = tempfile::tempdir().unwrap();
            let start_s = whole.sentences.get(cut).map_or(whole.duration_s, |sentence| sentence.start_s);
            let (mut first, mut second) = (whole.clone(), whole.clone());
            second.sentences = first.sentences.split_off(cut);
            second.words.retain(|word| word.start_s >= start_s);
            first.words.retain(|word| word.start_s < start_s);
            shift(&mut second, -start_s);
            let inputs = [("first.json", first), ("second.json", second)].map(|(name, timing)| {
                let path = folder.path().join(name);
                fs::write(&path, serde_json::to_vec(&timing).unwrap()).unwrap();
                input(&path).unwrap()
            });
            let host = QuietHost::default();
            let id = StepId::new(Name::from_static("join"), 0, 0);
            let cx = StepContext::new(id, inputs.to_vec(), folder.path().into(), 1, &host);
            let times: Vec<&LocalInput> = inputs.iter().collect();
            write_times(&times, &[0.0, start_s, whole.duration_s], &cx).unwrap();
            let artifacts = cx.into_report().artifacts;
            let srt = artifacts.iter().find(|artifact| artifact.name == "speech.srt").unwrap();
            let expected = include_str!("../../../text/tests/golden/speech.srt");
            assert_eq!(fs::read_to_string(&srt.path).unwrap(), expected, "cut before sentence {cut}");
        }
    }
}
