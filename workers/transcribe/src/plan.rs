//! The first step: finds speech, decides on a language and divides the windows among decode steps.

use medley_media::audio::ListeningGain;
use medley_proto::ErrorCode;
use medley_step::{LocalInput, StepContext, StepError};

use crate::{
    audio::{self, Sound},
    error::NO_SPEECH,
    language,
    params::{Channels, Silence, TranscribeParams},
    speech::{
        SAMPLE_RATE_HZ,
        regions::{RegionRules, Regions},
        span::{Span, milliseconds},
        vad::Vad,
        windows::{Packer, Window},
    },
    step::{Facts, Plan, SoundFacts},
    whisper::Recognizer,
};

/// The longest file. The list of windows of a longer one would not fit into a step's output.
const MAX_DURATION_S: f64 = 72.0 * 3600.0;
/// The most channels that are a speaker each: every one is decoded by itself.
const MAX_SPLIT_CHANNELS: usize = 16;
/// The most speech of one decode step, so that an hour is twelve steps and several machines have work.
const MAX_STEP_S: f64 = 300.0;
/// Above half of this number, the number of steps is rounded up to a multiple of it, so that two or four machines end together.
const STEPS_TOGETHER: f64 = 4.0;
/// The longest time that a decode step should take.
const MAX_STEP_WORK_S: f64 = 150.0;

/// What the voice detector found.
pub(crate) struct DetectedSpeech {
    pub(crate) windows: Vec<Window>,
    pub(crate) duration_s: f64,
    pub(crate) sound: SoundFacts,
}

/// Runs the voice detector over the whole file, block by block: memory grows only with the number of windows.
pub(crate) fn find_speech(
    mut vad: Vad,
    params: &TranscribeParams,
    cx: &StepContext<'_>,
) -> Result<DetectedSpeech, StepError> {
    let input = cx.input(0)?;
    let mut sound = Sound::open(input, (params.track > 0).then_some(params.track), 0.0)?;
    let mut listening = ListeningGain::new(SAMPLE_RATE_HZ);
    let expected_s = sound.duration_s();
    let mut regions = Regions::new(RegionRules::new(params.vad_threshold));
    let mut packer = Packer::default();
    let (mut spans, mut windows, mut block) = (Vec::new(), Vec::new(), Vec::new());
    let mut samples = 0_usize;
    loop {
        sound.read(&mut block)?;
        let ended = block.is_empty();
        samples += block.len();
        let frame = |prob: f32, frame: &[f32]| {
            let energy = frame.iter().map(|x| x * x).sum::<f32>() / frame.len() as f32;
            regions.push(prob, energy, &mut spans);
        };
        if ended {
            vad.finish(frame)?;
            regions.finish(&mut spans);
        } else {
            listening.apply(&mut block);
            vad.feed(&block, frame)?;
        }
        let at_s = samples as f64 / f64::from(SAMPLE_RATE_HZ);
        for span in spans.drain(..) {
            let inside = Span::new(span.start_s, span.end_s.min(milliseconds(at_s)));
            if inside.len_s() > 0.0 {
                packer.push(inside, &mut windows);
            }
        }
        if ended {
            packer.finish(milliseconds(at_s), &mut windows);
            return Ok(DetectedSpeech { windows, duration_s: milliseconds(at_s), sound: sound.facts() });
        }
        if at_s > MAX_DURATION_S {
            let what = format!("longer than {} hours; cut it and run the parts", MAX_DURATION_S / 3600.0);
            return Err(StepError::bad_input(ErrorCode::MEDIA_TOO_LARGE, input, &what));
        }
        cx.progress(at_s, expected_s.unwrap_or(at_s).max(at_s), "s of audio");
        cx.checkpoint()?;
    }
}

/// Refuses a recording that has no channels to be told apart by.
pub(crate) fn check_channels(params: &TranscribeParams, input: &LocalInput) -> Result<(), StepError> {
    if params.channels == Channels::Mix {
        return Ok(());
    }
    match Sound::open(input, (params.track > 0).then_some(params.track), 0.0)?.channels() {
        0 | 1 => {
            let what = "has one channel, which cannot be a speaker each; use speakers auto instead of channels split";
            Err(StepError::bad_input(ErrorCode::PARAMS_INVALID, input, what))
        }
        channels if channels > MAX_SPLIT_CHANNELS => {
            let what = format!("has {channels} channels; at most {MAX_SPLIT_CHANNELS} can be a speaker each");
            Err(StepError::bad_input(ErrorCode::PARAMS_INVALID, input, &what))
        }
        _ => Ok(()),
    }
}

/// Refuses a file in which nobody speaks, unless an empty transcript is wanted.
pub(crate) fn refuse_silence(detected: &DetectedSpeech, silence: Silence, input: &LocalInput) -> Result<(), StepError> {
    if detected.duration_s < 0.1 {
        let what = "holds less than a tenth of a second of sound; check that it is the right file";
        return Err(StepError::bad_input(ErrorCode::MEDIA_EMPTY, input, what));
    }
    if detected.windows.is_empty() && silence == Silence::Error {
        let of = match detected.sound.asked() {
            Some(track) => format!(" (track {track} of {}; use --track N for another)", detected.sound.tracks),
            None => String::new(),
        };
        let duration_s = detected.duration_s;
        let what = format!("nobody speaks in its {duration_s:.1} s{of}; lower vad_threshold if somebody does");
        return Err(StepError::bad_input(NO_SPEECH, input, &what));
    }
    Ok(())
}

/// The language of most of the file, by a few places in it.
pub(crate) fn decide_language(
    recognizer: Option<&dyn Recognizer>,
    detected: &DetectedSpeech,
    params: &TranscribeParams,
    cx: &StepContext<'_>,
) -> Result<String, StepError> {
    let Some(recognizer) = recognizer.filter(|_| !detected.windows.is_empty()) else {
        return Ok(params.fixed_language().unwrap_or("en").into());
    };
    let places = language::places(&detected.windows);
    let windows = places.into_iter().map(|n| detected.windows[n].clone()).collect();
    let loaded = audio::load(cx, detected.sound.asked(), windows)?;
    Ok(language::detect(recognizer, &loaded, cx.threads())?)
}

/// Divides windows among decode steps of similar length; none takes longer than it should.
pub(crate) fn share_out(windows: Vec<Window>, model: &str) -> Vec<Vec<Window>> {
    let audio_s: f64 = windows.iter().map(Window::audio_s).sum();
    let max_s = MAX_STEP_S.min(MAX_STEP_WORK_S / work_per_s(model));
    let min_steps = (audio_s / max_s).ceil().max(1.0);
    let steps =
        if min_steps > STEPS_TOGETHER / 2.0 { (min_steps / STEPS_TOGETHER).ceil() * STEPS_TOGETHER } else { min_steps };
    let mut shares: Vec<Vec<Window>> = Vec::new();
    let (mut before_s, mut last) = (0.0, None);
    for window in windows {
        let share = ((before_s + window.audio_s() / 2.0) / audio_s * steps) as usize;
        before_s += window.audio_s();
        if last != Some(share) {
            shares.push(Vec::new());
            last = Some(share);
        }
        if let Some(share) = shares.last_mut() {
            share.push(window);
        }
    }
    shares
}

/// Seconds of one CPU core for a second of speech: generous estimates, to be replaced by a measurement on a quiet machine.
fn work_per_s(model: &str) -> f64 {
    match model.split(['.', '-']).next() {
        Some("tiny") => 0.06,
        Some("base") => 0.15,
        Some("small") => 0.5,
        Some("medium") => 1.5,
        _ if model.contains("turbo") => 2.0,
        _ => 3.0,
    }
}

/// The plan as a step's output.
pub(crate) fn plan(detected: DetectedSpeech, language: String, model: &str, input: &LocalInput) -> Plan {
    let speech_s = milliseconds(detected.windows.iter().map(Window::speech_s).sum());
    let steps = share_out(detected.windows, model);
    let facts = Facts {
        duration_s: detected.duration_s,
        speech_s,
        language,
        decodes: u32::try_from(steps.len()).unwrap_or(u32::MAX),
        sound: detected.sound,
    };
    Plan { facts, input: input.sha256, models: String::new(), steps }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn windows(lengths: &[f64]) -> Vec<Window> {
        let mut at = 0.0;
        let window = |len: &f64| {
            let span = Span::new(at, at + len);
            at += len + 1.0;
            Window { pieces: vec![span], speech: vec![span] }
        };
        lengths.iter().map(window).collect()
    }

    #[test]
    fn an_hour_is_a_dozen_steps() {
        let steps = share_out(windows(&[27.0; 133]), "base");
        assert_eq!(steps.len(), 12);
        assert_eq!(share_out(windows(&[27.0; 30]), "base").len(), 4, "three would be as many as four for two machines");
        assert!(share_out(windows(&[27.0; 133]), "large-v3").len() >= 60);
        assert_eq!(share_out(windows(&[27.0; 4]), "tiny.en").len(), 1);
    }

    proptest! {
        #[test]
        fn every_window_is_in_one_step_in_order(lengths in prop::collection::vec(0.3..28.0_f64, 1..400)) {
            let all = windows(&lengths);
            let steps = share_out(all.clone(), "base");
            prop_assert!(steps.iter().all(|step| !step.is_empty()));
            prop_assert!(steps.iter().all(|step| step.iter().map(Window::audio_s).sum::<f64>() < MAX_STEP_S + 28.0));
            prop_assert_eq!(steps.concat(), all);
        }
    }
}
