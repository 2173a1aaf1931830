//! The last step: the transcript in its four forms.

use medley_proto::{Transcript, TranscriptSegment, Word};
use medley_step::{StepContext, StepError};

use crate::{
    decode::{Decoded, TimedWord},
    params::{Script, Task, TranscribeParams},
    speech::regions::milliseconds,
    step::{Facts, TranscribeOutput},
    text::{
        chars::is_unspaced,
        chinese,
        sentences::{self, Sentence},
        subtitles::{self, Cue, Limits},
    },
};

/// The windows of all decode steps, from their answers or from merged artifacts.
pub(crate) fn collect(cx: &StepContext<'_>) -> Result<Vec<Decoded>, StepError> {
    let mut windows = Vec::new();
    for n in 0..cx.inputs().len() {
        match cx.input_json::<TranscribeOutput>(n)? {
            TranscribeOutput::Decode { windows: more, .. } => windows.extend(more),
            _ => return Err(StepError::internal(format!("input {n} of {} is no decode step's answer", cx.id()))),
        }
        cx.checkpoint()?;
    }
    Ok(windows)
}

/// Everything that is written, before it is written.
pub(crate) struct Written {
    pub(crate) transcript: Transcript,
    pub(crate) paragraphs: String,
    pub(crate) cues: Vec<Cue>,
}

/// Makes the transcript of the decoded windows.
pub(crate) fn write(mut windows: Vec<Decoded>, params: &TranscribeParams, facts: &Facts) -> Written {
    let chinese = matches!(facts.language.as_str(), "zh" | "yue") && params.task == Task::Transcribe;
    if chinese {
        windows.iter_mut().for_each(|window| in_script(&mut window.words, params.script));
    }
    let sentences = sentences::sentences(&windows);
    let limits = Limits { line_chars: line_chars(params, &sentences), lines: usize::from(params.max_lines) };
    let cues = subtitles::cues(&sentences, limits, facts.duration_s);
    let segments: Vec<TranscriptSegment> = sentences.iter().map(|sentence| segment(sentence, params)).collect();
    let language = if params.task == Task::Translate { "en".into() } else { facts.language.clone() };
    let transcript = Transcript {
        language,
        duration_s: facts.duration_s,
        text: sentences::join(segments.iter().map(|segment| segment.text.as_str())),
        segments,
    };
    Written { transcript, paragraphs: sentences::paragraphs(&sentences), cues }
}

/// Leaves the four artifacts and says how good they are.
pub(crate) fn publish(
    written: &Written,
    windows: &[Quality],
    facts: &Facts,
    cx: &StepContext<'_>,
) -> Result<u64, StepError> {
    let mut json = cx.create("transcript.json", "application/json")?;
    serde_json::to_writer(&mut json, &written.transcript)?;
    json.keep()?;
    cx.publish("transcript.txt", "text/plain; charset=utf-8", written.paragraphs.as_bytes())?;
    cx.publish("transcript.srt", "application/x-subrip", subtitles::srt(&written.cues).as_bytes())?;
    cx.publish("transcript.vtt", "text/vtt", subtitles::vtt(&written.cues).as_bytes())?;

    let words: usize = windows.iter().map(|window| window.words).sum();
    let mean = |of: fn(&Quality) -> f64| milliseconds(windows.iter().map(of).sum::<f64>() / words.max(1) as f64);
    let share = |of: usize| milliseconds(of as f64 / windows.len().max(1) as f64);
    let readable = written.cues.iter().filter(|cue| cue.is_readable()).count();
    cx.quality("language", facts.language.clone());
    cx.quality("language_prob", facts.language_prob);
    cx.quality("mean_word_prob", mean(|window| window.prob));
    cx.quality("mean_logprob", mean(|window| window.logprob));
    cx.quality("no_speech_ratio", share(windows.iter().filter(|window| window.no_speech_prob > 0.6).count()));
    cx.quality("speech_ratio", milliseconds(facts.speech_s / facts.duration_s.max(0.001)));
    cx.quality("windows", windows.len());
    cx.quality("windows_decoded_again", windows.iter().filter(|window| window.retries > 0).count());
    cx.quality("windows_with_text_removed", windows.iter().filter(|window| window.removed).count());
    cx.quality("subtitles_readable", milliseconds(readable as f64 / written.cues.len().max(1) as f64));
    Ok(words as u64)
}

/// What is left of a window once its words went into the transcript.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    no_speech_prob: f64,
    retries: u32,
    removed: bool,
    words: usize,
    /// Sums over the words.
    logprob: f64,
    prob: f64,
}

impl From<&Decoded> for Quality {
    fn from(window: &Decoded) -> Self {
        Self {
            no_speech_prob: window.no_speech_prob,
            retries: window.retries,
            removed: window.removed,
            words: window.words.len(),
            logprob: window.words.iter().map(|word| word.logprob).sum(),
            prob: window.words.iter().map(|word| word.logprob.exp()).sum(),
        }
    }
}

fn in_script(words: &mut [TimedWord], script: Script) {
    let mut texts: Vec<String> = words.iter_mut().map(|word| std::mem::take(&mut word.text)).collect();
    chinese::convert(&mut texts, script);
    chinese::punctuate(&mut texts);
    words.iter_mut().zip(texts).for_each(|(word, text)| word.text = text);
}

fn line_chars(params: &TranscribeParams, sentences: &[Sentence]) -> usize {
    if params.max_line_chars > 0 {
        return usize::from(params.max_line_chars);
    }
    let words = || sentences.iter().flat_map(|sentence| &sentence.words);
    let unspaced = words().filter(|word| word.text.chars().any(|c| is_unspaced(c) && c > '\u{2fff}')).count();
    if unspaced * 2 > words().count() { 16 } else { 42 }
}

fn segment(sentence: &Sentence, params: &TranscribeParams) -> TranscriptSegment {
    let word = |word: &TimedWord| Word {
        start_s: milliseconds(word.start_s),
        end_s: milliseconds(word.end_s),
        text: word.text.trim().to_owned(),
        prob: milliseconds(word.logprob.exp()),
    };
    let sum: f64 = sentence.words.iter().map(|word| word.logprob).sum();
    TranscriptSegment {
        start_s: milliseconds(sentence.start_s()),
        end_s: milliseconds(sentence.end_s()),
        text: sentence.text(),
        speaker: None,
        avg_logprob: milliseconds(sum / sentence.words.len().max(1) as f64),
        no_speech_prob: milliseconds(sentence.no_speech_prob),
        words: if params.word_timestamps { sentence.words.iter().map(word).collect() } else { Vec::new() },
    }
}
