//! Real speech through real models, and what is no speech.

mod driver;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use driver::Driver;
use medley_models::Models;
use medley_proto::Transcript;
use medley_step::{BuildContext, Host, StepDraft, StepError, Worker as _};
use medley_transcribe::{
    DecodeParams, DecodeStep, Plan, TranscribeConfig, TranscribeOutput, TranscribeStep, TranscribeWorker,
};
use serde_json::json;

/// What is read in the sample, in lower case without punctuation.
const TWO_CITIES: &str = "it was the best of times it was the worst of times it was the age of wisdom it was the age of \
    foolishness it was the epoch of belief it was the epoch of incredulity it was the season of light it was the season \
    of darkness it was the spring of hope it was the winter of despair we had everything before us we had nothing before \
    us we were all going direct to heaven we were all going direct the other way in short the period was so far like the \
    present period that some of its noisiest authorities insisted on its being received for good or for evil in the \
    superlative degree of comparison only";

fn driver(whisper_cpp: bool) -> Driver {
    Driver::new(Models::default_dir(), TranscribeConfig { whisper_cpp, ..TranscribeConfig::default() }, 2)
}

fn sample(name: &str) -> PathBuf {
    Models::open(&Models::default_dir()).file("sample-speech", name).expect("scripts/test pulls it")
}

fn words(text: &str) -> Vec<String> {
    let bare = |word: &str| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    text.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect()
}

/// Word error rate.
fn error_rate(said: &str, heard: &str) -> f64 {
    let (said, heard) = (words(said), words(heard));
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in heard.iter().enumerate() {
            let cost = (diagonal + usize::from(word != other)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[heard.len()] as f64 / said.len() as f64
}

fn transcript(path: &Path) -> Transcript {
    serde_json::from_slice(&fs::read(path).expect("an artifact")).expect("a transcript")
}

fn code(result: Result<driver::Finished, Box<dyn std::error::Error>>) -> String {
    let error = result.err().expect("must fail");
    error.downcast_ref::<StepError>().expect("a step's error").code().as_str().to_owned()
}

fn wav(path: &Path, samples: &[f32]) {
    medley_media::audio::write_wav(path, samples, 16_000).expect("a folder to write to");
}

#[test]
fn two_cities_is_transcribed_with_times_and_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let driver = driver(false);
    let params = json!({ "model": "tiny.en" });
    let first = driver.job("transcribe", &sample("two-cities.wav"), params.clone(), &dir.path().join("1")).unwrap();
    let found = transcript(&first.artifacts["transcript.json"]);
    // The model mishears a word at most; anything more is a fault of the windows.
    assert!(error_rate(TWO_CITIES, &found.text) <= 0.03, "{}", found.text);
    assert!((found.duration_s - 44.37).abs() < 0.1, "{}", found.duration_s);
    let mut last = 0.0;
    for word in found.segments.iter().flat_map(|segment| &segment.words) {
        assert!(word.start_s >= last && word.end_s >= word.start_s, "{word:?} after {last}");
        last = word.end_s;
    }
    assert!(last <= found.duration_s);
    // "We had everything" begins 0.3 s after a pause that ends at 21.2 s (read off the waveform).
    let we = found.segments.iter().find(|segment| segment.text.starts_with("We had everything")).unwrap();
    assert!((we.start_s - 21.25).abs() < 0.3, "{}", we.start_s);
    assert_eq!(
        first.artifacts.keys().collect::<Vec<_>>(),
        ["transcript.json", "transcript.srt", "transcript.txt", "transcript.vtt"]
    );
    let again = driver.job("transcribe", &sample("two-cities.wav"), params, &dir.path().join("2")).unwrap();
    for (name, path) in &first.artifacts {
        assert!(fs::read(path).unwrap() == fs::read(&again.artifacts[name]).unwrap(), "{name} differs");
    }
}

#[test]
fn the_multilingual_model_hears_which_language_it_is_and_whisper_cpp_hears_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let params = json!({ "word_timestamps": false, "beam_size": 2 });
    let fast = driver(false).job("transcribe", &sample("beckett.wav"), params.clone(), &dir.path().join("1")).unwrap();
    let found = transcript(&fast.artifacts["transcript.json"]);
    assert_eq!(found.language, "en");
    assert!(found.segments.iter().all(|segment| segment.words.is_empty() && segment.end_s > segment.start_s));
    let plain = driver(true).job("transcribe", &sample("beckett.wav"), params, &dir.path().join("2")).unwrap();
    let plain = transcript(&plain.artifacts["transcript.json"]);
    assert!(error_rate(&found.text, &plain.text) <= 0.1, "{} / {}", found.text, plain.text);
}

/// Where the decoder's heads look, against whisper.cpp's alignment, which does the same from weights in another form: a position
/// of the encoder is 20 ms, and rounding moves a border by one or two of them, seldom by more.
#[test]
fn words_begin_where_whisper_cpp_finds_them() {
    let dir = tempfile::tempdir().unwrap();
    let times = |whisper_cpp: bool| {
        let out = dir.path().join(whisper_cpp.to_string());
        let done = driver(whisper_cpp).job("transcribe", &sample("beckett.wav"), json!({ "model": "tiny.en" }), &out);
        let found = transcript(&done.unwrap().artifacts["transcript.json"]);
        found.segments.into_iter().flat_map(|segment| segment.words).map(|word| (word.text, word.start_s)).collect()
    };
    let ours: Vec<(String, f64)> = times(false);
    let theirs = times(true);
    let mut apart: Vec<f64> =
        ours.iter().zip(&theirs).filter(|(a, b)| a.0 == b.0).map(|(a, b)| (a.1 - b.1).abs()).collect();
    assert!(apart.len() >= 8, "{ours:?} / {theirs:?}");
    apart.sort_by(f64::total_cmp);
    assert!(apart[apart.len() / 2] <= 0.06, "{ours:?} / {theirs:?}");
}

#[test]
fn windows_do_not_influence_each_other() {
    let dir = tempfile::tempdir().unwrap();
    // On one thread both windows go through the decoder side by side.
    let driver = Driver::new(Models::default_dir(), TranscribeConfig::default(), 1);
    let input = driver::local(sample("two-cities.wav"));
    let run = |step: &TranscribeStep| {
        let inputs = vec![medley_proto::StepInput::Job(0)];
        let draft = StepDraft { inputs, ..medley_step::testing::draft::<TranscribeWorker>("test", 0, 1, step) };
        let result = driver.step(&draft, &input, dir.path(), &medley_step::testing::QuietHost::default()).unwrap();
        serde_json::from_value::<TranscribeOutput>(result.output).unwrap()
    };
    let params = serde_json::from_value(json!({ "model": "tiny.en" })).unwrap();
    let TranscribeOutput::Plan(Plan { facts, steps, .. }) = run(&TranscribeStep::Plan(params)) else {
        panic!("a plan answers a plan")
    };
    let all = steps.concat();
    assert_eq!(all.len(), 2);
    let how: DecodeParams = serde_json::from_value(json!({
        "model": "tiny.en", "language": "en", "detect": false, "task": "transcribe", "initial_prompt": "", "hotwords": [],
        "beam_size": 1, "temperature_fallback": true, "word_timestamps": true, "script": "simplified", "track": null,
    }))
    .unwrap();
    let decode = |windows| {
        let step = DecodeStep { facts: facts.clone(), how: how.clone(), windows };
        match run(&TranscribeStep::Decode(step)) {
            TranscribeOutput::Decode { windows, .. } => windows,
            other => panic!("{other:?}"),
        }
    };
    let together = decode(all.clone());
    let apart: Vec<_> = all.into_iter().flat_map(|window| decode(vec![window])).collect();
    assert_eq!(together, apart);
}

#[test]
fn what_is_no_speech_is_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let driver = driver(false);
    let path = dir.path().join("a.wav");
    let refused = |samples: &[f32]| {
        wav(&path, samples);
        code(driver.job("transcribe", &path, json!({ "model": "tiny.en" }), &dir.path().join("out")))
    };
    assert_eq!(refused(&vec![0.0; 48_000]), "no_speech");
    let tone: Vec<f32> = (0..80_000).map(|n| (n as f32 * 0.2).sin() * 0.3).collect();
    assert_eq!(refused(&tone), "no_speech");
    assert_eq!(refused(&[0.1]), "media_empty");
    assert_eq!(refused(&[]), "media_empty");
    fs::write(&path, "this is no sound at all").unwrap();
    let result = driver.job("transcribe", &path, json!({ "model": "tiny.en" }), &dir.path().join("out"));
    assert!(code(result).starts_with("media_un"));
    let params = json!({ "language": "chinese" });
    assert_eq!(code(driver.job("transcribe", &path, params, &dir.path().join("out"))), "params_invalid");
}

/// Says stop from the `n`th question on.
struct Impatient(AtomicUsize);

impl Host for Impatient {
    fn progress(&self, _: f64, _: f64, _: &str) {}
    fn checkpoint(&self) -> Result<(), StepError> {
        if self.0.fetch_sub(1, Ordering::Relaxed) == 0 { Err(StepError::Interrupted) } else { Ok(()) }
    }
}

#[test]
fn a_plan_stops_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let driver = driver(false);
    let input = driver::local(sample("two-cities.wav"));
    let plan = TranscribeStep::Plan(serde_json::from_value(json!({ "model": "tiny.en" })).unwrap());
    let inputs = vec![medley_proto::StepInput::Job(0)];
    let draft = StepDraft { inputs, ..medley_step::testing::draft::<TranscribeWorker>("plan", 0, 1, &plan) };
    let stopped = driver.step(&draft, &input, dir.path(), &Impatient(AtomicUsize::new(1)));
    assert!(matches!(stopped, Err(StepError::Interrupted)), "{stopped:?}");
}

#[test]
fn an_episode_gets_its_pages() {
    let dir = tempfile::tempdir().unwrap();
    let params = json!({ "model": "tiny.en", "title": "Two cities", "chapter_min_s": 10.0 });
    let done = driver(false).job("podcast", &sample("two-cities.wav"), params, dir.path()).unwrap();
    let names: Vec<&str> = done.artifacts.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "chapters.json",
            "chapters.txt",
            "podcast.xml",
            "shownotes.html",
            "summary.md",
            "transcript.html",
            "transcript.json",
            "transcript.rttm",
            "transcript.srt",
            "transcript.txt",
            "transcript.vtt"
        ]
    );
    assert!(done.quality.contains_key("mean_logprob") && done.quality.contains_key("chapters"));
    let chapters: serde_json::Value =
        serde_json::from_slice(&fs::read(&done.artifacts["chapters.json"]).unwrap()).unwrap();
    assert_eq!(chapters["chapters"][0]["startTime"], 0.0);
    assert!(fs::read_to_string(&done.artifacts["transcript.html"]).unwrap().contains("<h1>Two cities</h1>"));
}

/// Nagg and Nell in Beckett's Endgame, 28 s: she is woken, he asks for a kiss, and so on by turns.
#[test]
fn two_speakers_are_told_apart_in_all_formats_and_leave_no_voice_print() {
    let dir = tempfile::tempdir().unwrap();
    let driver = driver(false);
    let run = |name: &str| {
        let params = json!({ "model": "tiny.en", "speakers": "auto" });
        driver.job("transcribe", &sample("endgame.wav"), params, &dir.path().join(name)).unwrap()
    };
    let first = run("1");
    let found = transcript(&first.artifacts["transcript.json"]);
    let labels: Vec<&str> = found.speakers.iter().map(|speaker| speaker.label.as_str()).collect();
    assert_eq!((labels, &first.quality["speakers"]), (vec!["A", "B"], &json!(2)));
    // Read off the waveform: who speaks in the middle of the long turns.
    for (at_s, who) in [(6.5, "A"), (10.0, "B"), (13.0, "A"), (15.5, "B"), (21.0, "A"), (25.5, "A")] {
        let words = found.segments.iter().flat_map(|segment| &segment.words);
        let word = words.min_by(|a, b| (a.start_s - at_s).abs().total_cmp(&(b.start_s - at_s).abs())).unwrap();
        assert_eq!(word.speaker.as_deref(), Some(who), "{word:?}");
    }
    for segment in &found.segments {
        assert!(segment.words.iter().all(|word| word.speaker == segment.speaker), "{segment:?}");
    }
    let text = |name: &str| fs::read_to_string(&first.artifacts[name]).unwrap();
    assert!(text("transcript.txt").starts_with("A: ") && text("transcript.txt").contains("\n\nB: "));
    assert!(text("transcript.srt").contains("\nB: ") && text("transcript.vtt").contains("\n<v B>"));
    assert!(text("transcript.rttm").lines().all(|line| line.starts_with("SPEAKER endgame 1 ")));
    assert!(found.speakers.iter().all(|speaker| speaker.talk_s > 5.0 && speaker.sample.is_some()));

    let result = fs::read_to_string(dir.path().join("1/listen-0-0/result.json")).unwrap();
    let heard: serde_json::Value = serde_json::from_str(&result).unwrap();
    let prints: Vec<&str> =
        heard["voices"].as_array().unwrap().iter().map(|voice| voice["print"].as_str().unwrap()).collect();
    assert!(prints.len() > 10);
    let speakers = fs::read_to_string(dir.path().join("1/speakers-0-0/result.json")).unwrap();
    let shown: Vec<String> = first.artifacts.keys().map(|name| text(name)).chain([speakers]).collect();
    let quality = serde_json::to_string(&first.quality).unwrap();
    assert!(shown.iter().chain([&quality]).all(|text| !prints.iter().any(|print| text.contains(&print[40..80]))));

    let again = run("2");
    for (name, path) in &first.artifacts {
        assert!(fs::read(path).unwrap() == fs::read(&again.artifacts[name]).unwrap(), "{name} differs");
    }
}

/// Two channels are two speakers, also where both speak at once; what leaks from one into the other is nobody's.
#[test]
fn channels_are_speakers_when_they_are_split() {
    let dir = tempfile::tempdir().unwrap();
    let driver = driver(false);
    let read = |name: &str| {
        let options = medley_media::audio::ReaderOptions::default();
        let mut reader = medley_media::audio::Reader::open(&sample(name), &options).unwrap();
        let mut samples = Vec::new();
        while reader.read(&mut samples, 160_000).unwrap() > 0 {}
        samples
    };
    let (left, right) = (read("beckett.wav"), read("two-cities.wav"));
    // The second begins when the first has 2 s left.
    let later = left.len() - 32_000;
    let frames = (0..later + 16_000 * 12).flat_map(|n| {
        let one = left.get(n).copied().unwrap_or(0.0);
        let other = n.checked_sub(later).and_then(|n| right.get(n)).copied().unwrap_or(0.0);
        [one + other * 0.02, other + one * 0.02]
    });
    let bytes: Vec<u8> = frames.flat_map(|x: f32| ((x.clamp(-1.0, 1.0) * 32_767.0) as i16).to_le_bytes()).collect();
    let path = dir.path().join("call.wav");
    let mut file = b"RIFF".to_vec();
    file.extend((36 + bytes.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    file.extend(16_000_u32.to_le_bytes());
    file.extend(64_000_u32.to_le_bytes());
    file.extend(b"\x04\0\x10\0data");
    file.extend((bytes.len() as u32).to_le_bytes());
    file.extend(&bytes);
    fs::write(&path, file).unwrap();
    let done =
        driver.job("transcribe", &path, json!({ "model": "tiny.en", "channels": "split" }), &dir.path().join("out"));
    let done = done.unwrap();
    assert_eq!(done.quality["speakers"], 2);
    let found = transcript(&done.artifacts["transcript.json"]);
    let words: Vec<_> = found.segments.iter().flat_map(|segment| &segment.words).collect();
    let border_s = later as f64 / 16_000.0;
    for word in words {
        if word.end_s < border_s - 0.5 {
            assert_eq!(word.speaker.as_deref(), Some("A"), "{word:?}");
        } else if word.start_s > border_s + 2.5 {
            assert_eq!(word.speaker.as_deref(), Some("B"), "{word:?}");
        }
    }
    let heard = fs::read_to_string(dir.path().join("out/listen-0-0/result.json")).unwrap();
    assert!(heard.contains("\"turns\"") && heard.contains("\"voices\":[]"), "no voice print is made");
    let mono =
        driver.job("transcribe", &sample("beckett.wav"), json!({ "channels": "split" }), &dir.path().join("mono"));
    assert_eq!(code(mono), "params_invalid");
}

/// What cannot be listened to costs the speakers and never the text.
#[test]
fn a_listening_that_dies_leaves_the_text_whole() {
    let dir = tempfile::tempdir().unwrap();
    let cx = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 1 };
    let worker = TranscribeWorker::build(TranscribeConfig::default(), &cx).unwrap();
    let listen = |stretch: [f64; 2]| {
        let step = json!({ "do": "listen", "track": null, "duration_s": 28.3, "stretch": stretch });
        let input = driver::local(sample("endgame.wav"));
        let ran = medley_step::testing::run(&worker, serde_json::from_value(step).unwrap(), vec![input], dir.path());
        serde_json::to_value(ran.unwrap().output).unwrap()
    };
    let heard = listen([0.0, 10.0]);
    assert!(heard.get("missed").is_none() && !heard["pieces"].as_array().unwrap().is_empty());
    // What the runtime adds to the notes of a step whose process died.
    let notes = fs::OpenOptions::new().append(true).open(dir.path().join(medley_step::NOTES));
    notes.unwrap().write_all(b"{\"died\":\"compute_died\"}\n").unwrap();
    let heard = listen([0.0, 10.0]);
    assert!(heard["missed"][0]["why"].as_str().unwrap().contains("its process died"), "{heard}");
    assert!(heard["pieces"].as_array().unwrap().is_empty() && heard["voices"].as_array().unwrap().is_empty());
}
