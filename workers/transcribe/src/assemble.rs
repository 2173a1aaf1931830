//! Assembles the transcript and publishes it in four formats: JSON, text, SRT and WebVTT.

use std::collections::BTreeMap;

use medley_proto::{Speaker, SpeakerSample, Transcript, TranscriptSegment, Word};
use medley_step::{StepContext, StepError};
use medley_text::subtitle::{Cue, Layout, Limits, srt, vtt};

use crate::{
    params::{Script, Task, TranscribeParams},
    speakers::{attribution, label, rttm::rttm, step::Speakers},
    speech::span::{Span, milliseconds},
    step::{DecodedWindow, TimedWord},
    step::{Facts, TranscribeOutput},
    text::{
        chinese, paragraphs,
        sentences::{self, Sentence},
    },
};

/// The windows of all decode steps, from their outputs or from merged artifacts, and who speaks when, where that is known.
pub(crate) fn collect(cx: &StepContext<'_>) -> Result<(Vec<DecodedWindow>, Option<Speakers>), StepError> {
    let (mut windows, mut speakers) = (Vec::new(), None);
    for n in 0..cx.inputs().len() {
        match cx.input_json::<TranscribeOutput>(n)? {
            TranscribeOutput::Decode { windows: more, .. } => windows.extend(more),
            TranscribeOutput::Speakers(found) => speakers = Some(found),
            _ => {
                return Err(StepError::internal(format!(
                    "input {n} of {} is not the output of a decode step",
                    cx.id()
                )));
            }
        }
        cx.checkpoint()?;
    }
    Ok((windows, speakers))
}

/// The transcript in all formats, before it is published.
pub(crate) struct Assembled {
    pub(crate) transcript: Transcript,
    pub(crate) paragraphs: String,
    pub(crate) cues: Vec<Cue>,
    pub(crate) spoken: SpokenLanguages,
    pub(crate) speakers: Option<Speakers>,
}

/// Makes the transcript of the decoded windows.
pub(crate) fn assemble(
    mut windows: Vec<DecodedWindow>,
    speakers: Option<Speakers>,
    params: &TranscribeParams,
    facts: &Facts,
) -> Assembled {
    let spoken = SpokenLanguages::of(&windows, &facts.language);
    for window in &mut windows {
        if params.task == Task::Translate {
            // The text is English, whatever language is spoken.
            "en".clone_into(&mut window.language);
        } else if matches!(window.language.as_str(), "zh" | "yue") {
            in_script(&mut window.words, params.script);
        }
    }
    if let Some(speakers) = &speakers {
        attribution::attribute(&mut windows, &speakers.turns);
    }
    let sentences = sentences::sentences(&windows);
    // A monologue needs no names.
    let several = speakers.as_ref().is_some_and(|speakers| speakers.count > 1);
    let name = |speaker: u32| several.then(|| label(speaker as usize));
    let cues = cues(&sentences, params, facts.duration_s, name);
    let segments: Vec<TranscriptSegment> = sentences.iter().map(|sentence| segment(sentence, params)).collect();
    let transcript = Transcript {
        language: if params.task == Task::Translate { "en".into() } else { spoken.language.clone() },
        languages: spoken.speech_s.clone(),
        duration_s: facts.duration_s,
        text: sentences::join(segments.iter().map(|segment| segment.text.as_str())),
        segments,
        speakers: speakers.as_ref().map(spoken_by).unwrap_or_default(),
    };
    Assembled { transcript, paragraphs: paragraphs::paragraphs(&sentences, name), cues, spoken, speakers }
}

/// The longest sample of a voice.
const MAX_SAMPLE_S: f64 = 10.0;

fn spoken_by(speakers: &Speakers) -> Vec<Speaker> {
    let speaker = |n: u32| {
        let own = || speakers.turns.iter().filter(move |turn| turn.speaker == n).map(|turn| turn.span);
        let is_alone = |span: &Span| {
            let others = speakers.turns.iter().filter(|turn| turn.speaker != n);
            others.into_iter().all(|turn| turn.span.end_s <= span.start_s || turn.span.start_s >= span.end_s)
        };
        let sample = own().filter(is_alone).max_by(|a, b| a.len_s().total_cmp(&b.len_s()));
        let sample = sample.map(|span| SpeakerSample {
            start_s: milliseconds(span.start_s),
            end_s: milliseconds(span.end_s.min(span.start_s + MAX_SAMPLE_S)),
        });
        let label = label(n as usize);
        Speaker { name: label.clone(), label, talk_s: milliseconds(own().map(|span| span.len_s()).sum()), sample }
    };
    (0..speakers.count).map(speaker).collect()
}

fn cues(
    sentences: &[Sentence],
    params: &TranscribeParams,
    duration_s: f64,
    name: impl Fn(u32) -> Option<String>,
) -> Vec<Cue> {
    let limits = Limits::default().lines(usize::from(params.max_lines));
    let mut layout = Layout::new(match params.max_line_chars {
        0 => limits,
        asked => limits.chars(asked, asked),
    });
    for sentence in sentences {
        layout.speaker(sentence.speaker.and_then(&name).as_deref());
        for word in &sentence.words {
            layout.word(word.start_s, word.end_s, &word.text);
        }
    }
    layout.finish(duration_s)
}

/// The languages that are spoken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpokenLanguages {
    /// The one with most speech.
    language: String,
    /// How probable it is where it is spoken.
    prob: f64,
    /// Seconds of speech in each.
    speech_s: BTreeMap<String, f64>,
}

impl SpokenLanguages {
    /// `main` wins a tie.
    fn of(windows: &[DecodedWindow], main: &str) -> Self {
        let mut speech_s: BTreeMap<String, f64> = BTreeMap::new();
        for window in windows {
            *speech_s.entry(window.language.clone()).or_default() += window.speech_s;
        }
        let longest = speech_s.iter().max_by(|a, b| a.1.total_cmp(b.1).then_with(|| (a.0 == main).cmp(&(b.0 == main))));
        let language = longest.map_or(main.to_owned(), |(language, _)| language.clone());
        let of_it = || windows.iter().filter(|window| window.language == language);
        let sum: f64 = of_it().map(|window| window.language_prob * window.speech_s).sum();
        let prob = sum / of_it().map(|window| window.speech_s).sum::<f64>().max(0.001);
        speech_s.values_mut().for_each(|value| *value = milliseconds(*value));
        Self { language, prob: milliseconds(prob), speech_s }
    }

    fn warning(&self) -> Option<String> {
        let mut all: Vec<(&String, &f64)> = self.speech_s.iter().collect();
        all.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
        let languages: Vec<String> = all.iter().map(|(code, speech_s)| format!("{code} {speech_s:.0} s")).collect();
        let languages = languages.join(", ");
        (all.len() > 1).then(|| {
            format!(
                "several languages are spoken ({languages}) and each part was heard in its own; use --language for one"
            )
        })
    }
}

/// Publishes the artifacts and reports their quality. `file` is the name of the recording.
pub(crate) fn publish(
    assembled: &Assembled,
    windows: &[WindowQuality],
    facts: &Facts,
    file: &str,
    cx: &StepContext<'_>,
) -> Result<u64, StepError> {
    let mut json = cx.create("transcript.json", "application/json")?;
    serde_json::to_writer(&mut json, &assembled.transcript)?;
    json.keep()?;
    cx.publish("transcript.txt", "text/plain; charset=utf-8", assembled.paragraphs.as_bytes())?;
    cx.publish("transcript.srt", "application/x-subrip", srt(&assembled.cues).as_bytes())?;
    cx.publish("transcript.vtt", "text/vtt", vtt(&assembled.cues).as_bytes())?;

    if let Some(speakers) = &assembled.speakers {
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        cx.publish("transcript.rttm", "text/plain; charset=utf-8", rttm(stem, &speakers.turns).as_bytes())?;
        // The sum of nothing is −0.
        let missed_s = speakers.missed.iter().fold(0.0, |sum, missed| sum + missed.span.len_s());
        cx.quality("speakers", speakers.count);
        cx.quality("speakers_missed_s", milliseconds(missed_s));
    }
    let words: usize = windows.iter().map(|window| window.words).sum();
    let mean = |of: fn(&WindowQuality) -> f64| milliseconds(windows.iter().map(of).sum::<f64>() / words.max(1) as f64);
    let share = |of: usize| milliseconds(of as f64 / windows.len().max(1) as f64);
    let readable = assembled.cues.iter().filter(|cue| cue.is_readable()).count();
    cx.quality("language", assembled.spoken.language.clone());
    cx.quality("language_prob", assembled.spoken.prob);
    cx.quality("languages", serde_json::to_value(&assembled.spoken.speech_s)?);
    cx.quality("mean_word_prob", mean(|window| window.prob));
    cx.quality("mean_logprob", mean(|window| window.logprob));
    cx.quality("no_speech_ratio", share(windows.iter().filter(|window| window.no_speech_prob > 0.6).count()));
    cx.quality("speech_ratio", milliseconds(facts.speech_s / facts.duration_s.max(0.001)));
    let unheard_s = windows.iter().filter_map(|window| window.unheard).fold(0.0, |sum, (s, _)| sum + s);
    cx.quality("unheard_s", milliseconds(unheard_s));
    cx.quality("undecoded_s", facts.sound.undecoded_s);
    cx.quality("sound_track", facts.sound.track);
    cx.quality("sound_tracks", facts.sound.tracks);
    cx.quality("windows", windows.len());
    cx.quality("windows_decoded_again", windows.iter().filter(|window| window.retries > 0).count());
    cx.quality("windows_with_text_removed", windows.iter().filter(|window| window.removed).count());
    cx.quality("subtitles_readable", milliseconds(readable as f64 / assembled.cues.len().max(1) as f64));
    cx.quality("warnings", warnings(assembled, windows, facts));
    Ok(words as u64)
}

/// What a person should know before they rely on it, in sentences.
fn warnings(assembled: &Assembled, windows: &[WindowQuality], facts: &Facts) -> Vec<String> {
    let mut warnings = facts.sound.warnings.clone();
    warnings.extend(assembled.spoken.warning());
    if let Some(first) = assembled.speakers.as_ref().and_then(|speakers| speakers.missed.first()) {
        let missed = assembled.speakers.iter().flat_map(|speakers| &speakers.missed);
        let missed_s: f64 = missed.map(|missed| missed.span.len_s()).sum();
        warnings.push(format!(
            "speakers could not be told apart in {missed_s:.0} s ({}); the text is complete, and a new run tries again",
            first.why
        ));
    }
    let unheard: Vec<(f64, f64)> = windows.iter().filter_map(|window| window.unheard).collect();
    if let Some((_, first_s)) = unheard.first() {
        let all_s: f64 = unheard.iter().map(|(s, _)| s).sum();
        let minutes = first_s / 60.0;
        warnings.push(format!(
            "no words were made out in {all_s:.0} s in which somebody seems to speak or sing, first at {:.0}:{:02.0}",
            minutes.floor(),
            (first_s % 60.0).floor()
        ));
    }
    warnings
}

/// The quality of a window, kept once its words are in the transcript.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowQuality {
    no_speech_prob: f64,
    retries: u32,
    removed: bool,
    words: usize,
    /// Sums over the words.
    logprob: f64,
    prob: f64,
    /// Seconds of speech without words, and where they begin.
    unheard: Option<(f64, f64)>,
}

impl From<&DecodedWindow> for WindowQuality {
    fn from(window: &DecodedWindow) -> Self {
        let unheard_s = window.unheard.iter().map(Span::len_s).sum();
        Self {
            no_speech_prob: window.no_speech_prob,
            retries: window.retries,
            removed: window.removed,
            words: window.words.len(),
            logprob: window.words.iter().map(|word| word.logprob).sum(),
            prob: window.words.iter().map(|word| word.logprob.exp()).sum(),
            unheard: window.unheard.first().map(|first| (unheard_s, first.start_s)),
        }
    }
}

fn in_script(words: &mut [TimedWord], script: Script) {
    let mut texts: Vec<String> = words.iter_mut().map(|word| std::mem::take(&mut word.text)).collect();
    chinese::convert(&mut texts, script);
    chinese::punctuate(&mut texts);
    words.iter_mut().zip(texts).for_each(|(word, text)| word.text = text);
}

fn segment(sentence: &Sentence, params: &TranscribeParams) -> TranscriptSegment {
    let word = |word: &TimedWord| Word {
        start_s: milliseconds(word.start_s),
        end_s: milliseconds(word.end_s),
        text: word.text.trim().to_owned(),
        prob: milliseconds(word.logprob.exp()),
        speaker: word.speaker.map(|speaker| label(speaker as usize)),
        overlap: word.overlap,
    };
    let sum: f64 = sentence.words.iter().map(|word| word.logprob).sum();
    TranscriptSegment {
        start_s: milliseconds(sentence.start_s()),
        end_s: milliseconds(sentence.end_s()),
        text: sentence.text(),
        language: Some(sentence.language.clone()).filter(|language| !language.is_empty()),
        speaker: sentence.speaker.map(|speaker| label(speaker as usize)),
        overlap: sentence.words.iter().any(|word| word.overlap),
        avg_logprob: milliseconds(sum / sentence.words.len().max(1) as f64),
        no_speech_prob: milliseconds(sentence.no_speech_prob),
        words: if params.word_timestamps { sentence.words.iter().map(word).collect() } else { Vec::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds that show speech test the same files: the same words have the same cues whatever kind asks.
    #[test]
    fn words_have_the_cues_that_every_kind_gives_them() {
        let words: Vec<(f64, f64, String)> =
            serde_json::from_str(include_str!("../../text/tests/golden/words.json")).unwrap();
        let timed = |(start_s, end_s, text)| TimedWord { start_s, end_s, text, logprob: -0.1, ..TimedWord::default() };
        let words = words.into_iter().map(timed).collect();
        let window = DecodedWindow { words, language: "en".into(), speech_s: 20.0, ..DecodedWindow::default() };
        let facts = Facts { duration_s: 40.0, ..Facts::default() };
        let assembled = assemble(vec![window.clone()], None, &TranscribeParams::default(), &facts);
        assert_eq!(srt(&assembled.cues), include_str!("../../text/tests/golden/speech.srt"));
        let narrow = TranscribeParams { max_line_chars: 20, max_lines: 1, ..TranscribeParams::default() };
        let cues = cues(&sentences::sentences(&[window]), &narrow, 40.0, |_| None);
        assert!(cues.iter().all(|cue| cue.lines.len() == 1 && cue.lines[0].chars().count() <= 20));
    }
}
