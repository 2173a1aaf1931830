//! The stage `mend`: puts the takes that were heard better into their parts, and joins these once more.

use std::{collections::BTreeMap, fs::File, io::BufReader, ops::Range};

use medley_media::audio::write_wav;
use medley_proto::{SentenceTime, SpeechTiming, Transcript};
use medley_step::{LocalInput, StepContext, StepError};

use super::{
    join,
    retake::Take,
    verify::{self, Heard, Listener, MAX_ERROR_RATE, rate},
};
use crate::{
    params::SpeakParams,
    sound::speech::{Speech, shift},
    step::{Joined, ReadBack, SpeakOutput},
};

/// Silence this long is between two sentences: 10 ms.
const SILENCE: usize = Speech::RATE_HZ as usize / 100;

/// Inputs as [`crate::MendStep`] says.
pub(crate) fn run(params: &SpeakParams, cx: &StepContext<'_>) -> Result<SpeakOutput, StepError> {
    let (SpeakOutput::Plan(plan), SpeakOutput::Join(Joined { read_back: Some(read_back), .. })) =
        (cx.input_json(0)?, cx.input_json(1)?)
    else {
        return Err(StepError::internal("the first inputs are not the outputs of plan and verify"));
    };
    let transcript: Transcript = cx.input_json(2)?;
    let place = |name: &str| {
        let place = cx.inputs().iter().position(|input| input.name == name);
        place.ok_or_else(|| StepError::internal(format!("there is no {name} among the inputs")))
    };
    let takes: Vec<Take> = cx.input_json(place("takes.json")?)?;
    let sound = samples(cx.input(place("takes.wav")?)?)?;
    let better = better(&takes, &read_back, &transcript);

    let of = |ending: &str| -> Vec<LocalInput> {
        let is_part = |input: &&LocalInput| input.name.starts_with("part-") && input.name.ends_with(ending);
        cx.inputs().iter().filter(is_part).cloned().collect()
    };
    let (mut sounds, mut times) = (of(".wav"), of(".json"));
    let (mut first, mut offset_s) = (0, 0.0);
    let mut starts_s: BTreeMap<u64, f64> = BTreeMap::new();
    for (wav, json) in sounds.iter_mut().zip(&mut times) {
        cx.checkpoint()?;
        let mut timing: SpeechTiming = serde_json::from_reader(BufReader::new(File::open(&json.path)?))?;
        let count = timing.sentences.len() as u64;
        let own: Vec<&Better<'_>> = better.range(first..first + count).map(|(_, better)| better).collect();
        if !own.is_empty() {
            let mut pcm = samples(wav)?;
            // From behind, so that the places before stay.
            for Better { take, .. } in own.into_iter().rev() {
                let at = usize::try_from(take.number - first).unwrap_or(usize::MAX);
                replace(&mut pcm, &mut timing, at, take, &sound[take.start..take.start + take.length]);
            }
            (wav.path, json.path) = (cx.scratch().join(&wav.name), cx.scratch().join(&json.name));
            write_wav(&wav.path, &pcm, Speech::RATE_HZ)?;
            std::fs::write(&json.path, serde_json::to_vec(&timing)?)?;
        }
        starts_s.extend((first..).zip(timing.sentences.iter().map(|sentence| offset_s + sentence.start_s)));
        offset_s += timing.duration_s;
        first += count;
    }
    let (sounds, times): (Vec<_>, Vec<_>) = (sounds.iter().collect(), times.iter().collect());
    let mut joined = join::join(params, plan, &sounds, &times, cx)?;
    joined.quality.insert("read_back_retaken".into(), better.len().into());
    let mut read_back = heard_now(read_back, &better);
    for misheard in &mut read_back.misheard {
        misheard.start_s = starts_s.get(&misheard.number).copied().unwrap_or(misheard.start_s);
    }
    verify::tell(&read_back, &mut joined.quality, cx)?;
    joined.read_back = Some(read_back);
    Ok(SpeakOutput::Join(joined))
}

/// A take that was heard better than the sentence.
struct Better<'t> {
    take: &'t Take,
    heard: Heard,
}

/// The best take of each sentence that has a better one.
fn better<'t>(takes: &'t [Take], read_back: &ReadBack, transcript: &Transcript) -> BTreeMap<u64, Better<'t>> {
    let listener = Listener::new(transcript);
    let mut better: BTreeMap<u64, Better<'t>> = BTreeMap::new();
    for take in takes {
        let Some(misheard) = read_back.misheard.iter().find(|misheard| misheard.number == take.number) else {
            continue;
        };
        let second = |sample: usize| sample as f64 / f64::from(Speech::RATE_HZ);
        let heard = listener.compare(&misheard.text, second(take.start)..second(take.start + take.length));
        let so_far = better.get(&take.number).map_or(misheard.wrong, |better| better.heard.wrong);
        if heard.wrong < so_far {
            better.insert(take.number, Better { take, heard });
        }
    }
    better
}

/// The comparison with the better takes in place.
fn heard_now(mut read_back: ReadBack, better: &BTreeMap<u64, Better<'_>>) -> ReadBack {
    for misheard in &mut read_back.misheard {
        if let Some(Better { heard, .. }) = better.get(&misheard.number) {
            read_back.wrong = read_back.wrong - misheard.wrong + heard.wrong;
            misheard.wrong = heard.wrong;
            misheard.heard.clone_from(&heard.text);
            misheard.error_rate = rate(heard.wrong, heard.all);
        }
    }
    read_back.misheard.retain(|misheard| misheard.error_rate > MAX_ERROR_RATE);
    read_back
}

/// Samples of a 16-bit mono WAV file of ours.
fn samples(wav: &LocalInput) -> Result<Vec<f32>, StepError> {
    let broken = |error| StepError::internal(format!("{} is no WAV file of ours", wav.name)).because(error);
    let mut reader = hound::WavReader::open(&wav.path).map_err(broken)?;
    reader.samples::<i16>().map(|sample| Ok(f32::from(sample.map_err(broken)?) / 32_768.0)).collect()
}

/// Puts a take in the place of the sentence of this number in a part.
fn replace(pcm: &mut Vec<f32>, timing: &mut SpeechTiming, at: usize, take: &Take, sound: &[f32]) {
    let Some(sentence) = timing.sentences.get(at) else { return };
    let place = place_of(pcm, sentence);
    let second = |sample: usize| sample as f64 / f64::from(Speech::RATE_HZ);
    let (start_s, end_s) = (second(place.start), second(place.end));
    let longer_s = second(sound.len()) - second(place.len());
    pcm.splice(place, sound.iter().copied());

    let mut inside = take.timing.clone();
    shift(&mut inside, start_s);
    let mut behind = SpeechTiming {
        sentences: timing.sentences.split_off(at + 1),
        words: split(&mut timing.words, |word| word.start_s >= end_s),
        phonemes: split(&mut timing.phonemes, |phoneme| phoneme.start_s >= end_s),
        marks: split(&mut timing.marks, |mark| mark.time_s > end_s),
        ..SpeechTiming::default()
    };
    shift(&mut behind, longer_s);
    timing.sentences.truncate(at);
    timing.words.retain(|word| word.start_s < start_s);
    timing.phonemes.retain(|phoneme| phoneme.start_s < start_s);
    timing.marks.retain(|mark| mark.time_s < start_s);
    for mut part in [inside, behind] {
        timing.sentences.append(&mut part.sentences);
        timing.words.append(&mut part.words);
        timing.phonemes.append(&mut part.phonemes);
        timing.marks.append(&mut part.marks);
    }
    timing.duration_s = second(pcm.len());
}

/// Takes away the items from the first that is behind.
fn split<T>(items: &mut Vec<T>, is_behind: impl Fn(&T) -> bool) -> Vec<T> {
    let first = items.iter().position(is_behind).unwrap_or(items.len());
    items.split_off(first)
}

/// The samples of a sentence: from the silence before its first word to the silence behind its last.
fn place_of(pcm: &[f32], sentence: &SentenceTime) -> Range<usize> {
    let sample = |s: f64| ((s * f64::from(Speech::RATE_HZ)).round() as usize).min(pcm.len());
    let (start, end) = (sample(sentence.start_s), sample(sentence.end_s));
    start - until_silence(pcm[..start].iter().rev())..end + until_silence(pcm[end..].iter())
}

/// How many samples there are before a silence, or the end.
fn until_silence<'p>(samples: impl Iterator<Item = &'p f32>) -> usize {
    let (mut zeros, mut passed) = (0, 0);
    for value in samples {
        passed += 1;
        zeros = if *value == 0.0 { zeros + 1 } else { 0 };
        if zeros == SILENCE {
            break;
        }
    }
    passed - zeros
}

#[cfg(test)]
mod tests {
    use medley_proto::{MarkTime, TranscriptSegment, Word, WordTime};

    use super::*;
    use crate::step::Misheard;

    fn sentence(text: &str, start_s: f64, end_s: f64) -> SentenceTime {
        SentenceTime { start_s, end_s, text: text.into(), language: "en".into() }
    }

    fn word(text: &str, start_s: f64, end_s: f64) -> WordTime {
        WordTime { start_s, end_s, text: text.into() }
    }

    #[test]
    fn a_take_replaces_its_sentence_and_moves_what_follows() {
        // Three sentences of a second, each with a margin of 0.1 s around its words and 0.5 s of silence behind it.
        let mut pcm = Vec::new();
        for loudness in [0.1, 0.2, 0.3] {
            pcm.extend(vec![loudness; 24_000]);
            pcm.extend(vec![0.0; 12_000]);
        }
        let start = |n: usize| 1.5 * n as f64 + 0.1;
        let names = ["one", "two", "three"];
        let sentences = (0..3).map(|n| sentence(names[n], start(n), start(n) + 0.8)).collect();
        let words = (0..3).map(|n| word(names[n], start(n), start(n) + 0.8)).collect();
        let marks = vec![MarkTime { time_s: start(2), name: "m".into() }];
        let mut timing = SpeechTiming { duration_s: 4.5, sentences, words, marks, ..SpeechTiming::default() };
        let own = SpeechTiming {
            duration_s: 2.0,
            sentences: vec![sentence("two", 0.2, 1.9)],
            words: vec![word("two", 0.2, 1.9)],
            ..SpeechTiming::default()
        };
        let take = Take { number: 1, start: 0, length: 48_000, timing: own };
        replace(&mut pcm, &mut timing, 1, &take, &vec![0.9; 48_000]);
        assert_eq!(pcm.len(), 5 * 24_000 + 12_000);
        assert!(pcm[36_000..84_000].iter().all(|sample| *sample == 0.9) && pcm[35_999] == 0.0 && pcm[84_000] == 0.0);
        let words: Vec<_> = timing.words.iter().map(|word| (word.text.as_str(), word.start_s)).collect();
        assert_eq!(words, [("one", 0.1), ("two", 1.7), ("three", 4.1)]);
        assert_eq!(timing.sentences[2].start_s, 4.1);
        assert_eq!((timing.marks[0].time_s, timing.duration_s), (4.1, 5.5));
    }

    #[test]
    fn the_best_take_stands_and_a_worse_one_does_not() {
        let take = |number, start| Take { number, start, length: 24_000, timing: SpeechTiming::default() };
        let takes = [take(0, 0), take(0, 48_000), take(1, 96_000)];
        let misheard = |number, text: &str, wrong| Misheard {
            number,
            start_s: 0.0,
            text: text.into(),
            heard: String::new(),
            wrong,
            error_rate: 1.0,
        };
        let read_back =
            ReadBack { wrong: 4, all: 10, misheard: vec![misheard(0, "stop the train", 3), misheard(1, "good", 1)] };
        let heard = |text: &str, start_s: f64| Word {
            start_s,
            end_s: start_s + 0.2,
            text: text.into(),
            prob: 1.0,
            speaker: None,
            overlap: false,
        };
        let words = vec![
            heard("stop", 0.1),
            heard("a", 0.4),
            heard("stop", 2.1),
            heard("the", 2.4),
            heard("train", 2.7),
            heard("bad", 4.1),
        ];
        let segments = vec![TranscriptSegment { words, ..TranscriptSegment::default() }];
        let transcript = Transcript { segments, ..Transcript::default() };
        let better = better(&takes, &read_back, &transcript);
        assert_eq!(better.keys().collect::<Vec<_>>(), [&0]);
        assert_eq!((better[&0].take.start, better[&0].heard.wrong), (48_000, 0));
        let now = heard_now(read_back, &better);
        assert_eq!((now.wrong, now.misheard.len(), now.misheard[0].number), (1, 1, 1));
    }
}
