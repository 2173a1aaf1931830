//! A job's steps on the real voices, from text to files. The models are pulled by `scripts/test`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use medley_models::Models;
use medley_proto::{
    Artifact, Class, Input, Job, JobId, Name, Sha256, Source, SpeechTiming, StepInput, StepResult, VERSION, Viseme,
};
use medley_speak::{
    Joined, PlanStep, SpeakConfig, SpeakFragment, SpeakOutput, SpeakParams, SpeakStep, SpeakWorker, Speaker,
    SpeechFormat,
};
use medley_step::{
    BuildContext, LocalInput, Registry, StepError, Worker,
    graph::{Fragment, One, Recipe, Scope},
    testing::{self, JobRun},
};
use serde_json::{Map, Value};

/// The kind without the stage that needs another.
struct Alone;

impl Recipe for Alone {
    const KIND: &'static str = "speak";
    const ABOUT: &'static str = "";
}

impl Fragment for Alone {
    type Params = SpeakParams;
    type Ends = One<Joined>;

    fn graph(g: &mut Scope<'_, SpeakParams>) -> One<Joined> {
        SpeakFragment::graph(g)
    }
}

fn worker() -> SpeakWorker {
    let cx = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
    SpeakWorker::build(medley_speak::SpeakConfig::default(), &cx).unwrap()
}

fn job(params: &SpeakParams) -> Job {
    Job {
        v: VERSION,
        id: JobId::fresh(1, 1),
        tenant: Name::from_static("test"),
        kind: Name::from_static("speak"),
        inputs: vec![Input {
            name: "text".into(),
            source: Source::Text(String::new()),
            sha256: None,
            bytes: None,
            media_type: None,
        }],
        params: serde_json::to_value(params).unwrap(),
        class: Class::Interactive,
        created_ms: 1,
        deadline_ms: None,
        labels: BTreeMap::new(),
        idempotency_key: None,
    }
}

/// What a finished job left.
struct Done {
    files: BTreeMap<String, PathBuf>,
    quality: Map<String, Value>,
}

/// Runs the recipe's steps one after another, as the runtime would.
fn speak(worker: &SpeakWorker, name: &str, text: &[u8], params: &SpeakParams, dir: &Path) -> Result<Done, StepError> {
    let registry = Registry::default().recipe::<Alone>();
    let recipe = registry.find_recipe(&Name::from_static("speak"))?;
    let input = dir.join(name);
    fs::write(&input, text).unwrap();
    let mut known: BTreeMap<Sha256, LocalInput> = BTreeMap::new();
    let mut done = Done { files: BTreeMap::new(), quality: Map::new() };
    JobRun::of(recipe, &job(params), |step, results| {
        let scratch = dir.join(step.id.to_string());
        fs::create_dir_all(&scratch).unwrap();
        let mut inputs = Vec::new();
        for given in &step.inputs {
            match given {
                StepInput::Job(_) => inputs.push(testing::input(&input).unwrap()),
                StepInput::Output(id) => {
                    let path = dir.join(id.to_string()).join("output");
                    fs::write(&path, serde_json::to_vec(&results[id].output).unwrap()).unwrap();
                    inputs.push(testing::input(&path).unwrap());
                }
                files => {
                    let artifacts = testing::artifacts_of(files, results);
                    inputs.extend(artifacts.iter().map(|artifact| known[&artifact.sha256].clone()));
                }
            }
        }
        let params = serde_json::from_value(step.params.clone()).unwrap();
        let ran = testing::run(worker, params, inputs, &scratch)?;
        let mut artifacts = Vec::new();
        for (name, path) in &ran.artifacts {
            let local = LocalInput { name: name.clone(), ..testing::input(path).unwrap() };
            let (sha256, bytes) = (local.sha256, local.bytes);
            artifacts.push(Artifact { name: name.clone(), sha256, bytes, media_type: String::new() });
            known.insert(sha256, local);
        }
        let result = testing::result(step.id.clone(), serde_json::to_value(&ran.output).unwrap(), artifacts);
        let quality = ran.quality.clone();
        done = Done { files: ran.artifacts, quality: ran.quality };
        Ok::<_, StepError>(StepResult { quality, ..result })
    })?;
    Ok(done)
}

fn timing(done: &Done) -> SpeechTiming {
    serde_json::from_slice(&fs::read(&done.files["timing.json"]).unwrap()).unwrap()
}

fn samples(path: &Path) -> (u32, Vec<f32>) {
    let mut reader = hound::WavReader::open(path).unwrap();
    let rate_hz = reader.spec().sample_rate;
    (rate_hz, reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect())
}

#[test]
fn a_mixed_text_becomes_sound_times_and_subtitles_the_same_each_time() {
    let worker = worker();
    let text = "Prices rose by 5% in May.\n\n今天PaddleSpeech也能说英语。";
    let params = SpeakParams::default();
    let (first_dir, second_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = speak(&worker, "text", text.as_bytes(), &params, first_dir.path()).unwrap();
    let second = speak(&worker, "text", text.as_bytes(), &params, second_dir.path()).unwrap();
    for name in ["speech.wav", "timing.json", "speech.srt"] {
        assert_eq!(fs::read(&first.files[name]).unwrap(), fs::read(&second.files[name]).unwrap(), "{name}");
    }

    let (rate_hz, sound) = samples(&first.files["speech.wav"]);
    let timing = timing(&first);
    assert_eq!(rate_hz, 24_000);
    assert!((timing.duration_s - sound.len() as f64 / 24_000.0).abs() < 0.05);
    assert_eq!(timing.sentences.len(), 2);
    assert_eq!((timing.sentences[0].language.as_str(), timing.sentences[1].language.as_str()), ("en", "zh"));
    let words: Vec<&str> = timing.words.iter().map(|word| word.text.as_str()).collect();
    for word in ["Prices", "5%", "May", "PaddleSpeech", "英语"] {
        assert!(words.contains(&word), "{word} is not among {words:?}");
    }
    assert!(timing.words.windows(2).all(|pair| pair[0].start_s <= pair[1].start_s));
    assert!(timing.phonemes.windows(2).all(|pair| pair[0].end_s <= pair[1].start_s + 1e-3));
    assert!(timing.phonemes.iter().filter(|phoneme| phoneme.viseme == Viseme::Pp).count() >= 4);
    let loudness = first.quality["loudness_lufs"].as_f64().unwrap();
    assert!((loudness + 16.0).abs() <= 0.6, "{loudness} LUFS");
    assert!(first.quality["true_peak_dbtp"].as_f64().unwrap() <= -1.0);
    let srt = fs::read_to_string(&first.files["speech.srt"]).unwrap();
    assert!(srt.contains("Prices rose by 5% in May."), "{srt}");
}

/// In the middle of a p, b or m the mouth is shut: the sound there is softer than the vowels around it.
#[test]
fn closures_are_where_the_times_say() {
    let worker = worker();
    let dir = tempfile::tempdir().unwrap();
    let text = "Paper, a baby puppy, people stopped to pick a copper pepper pot up.";
    let done = speak(&worker, "text", text.as_bytes(), &SpeakParams::default(), dir.path()).unwrap();
    let (_, sound) = samples(&done.files["speech.wav"]);
    let level = |start_s: f64, end_s: f64| {
        let part = &sound[(start_s * 24_000.0) as usize..(end_s * 24_000.0) as usize];
        (part.iter().map(|sample| sample * sample).sum::<f32>() / part.len() as f32).sqrt()
    };
    let phonemes = timing(&done).phonemes;
    let shut: Vec<bool> = phonemes
        .windows(3)
        .filter(|three| three[1].phoneme == "p" && three[1].end_s - three[1].start_s > 0.03)
        .map(|three| {
            let quietest = (0..8).map(|n| {
                let at = three[1].start_s + (three[1].end_s - three[1].start_s) * f64::from(n) / 8.0;
                level(at, at + 0.01)
            });
            quietest.fold(f32::MAX, f32::min) * 3.0 < level(three[2].start_s, three[2].end_s)
        })
        .collect();
    assert!(shut.len() >= 6, "{} p's of {}", shut.len(), phonemes.len());
    assert!(shut.iter().filter(|shut| **shut).count() * 10 >= shut.len() * 8, "{shut:?}");
}

#[test]
fn files_of_other_formats_and_rates_are_made() {
    let worker = worker();
    for (audio, sample_rate_hz) in [(SpeechFormat::Mp3, 44_100), (SpeechFormat::Flac, 16_000)] {
        let dir = tempfile::tempdir().unwrap();
        let params = SpeakParams { audio, sample_rate_hz, ..SpeakParams::default() };
        let done = speak(&worker, "text", b"Good morning.", &params, dir.path()).unwrap();
        let file = done.files.iter().find(|(name, _)| name.starts_with("speech.") && !name.ends_with("srt")).unwrap();
        let options = medley_media::audio::ReaderOptions { rate_hz: sample_rate_hz, ..Default::default() };
        let mut reader = medley_media::audio::Reader::open(file.1, &options).unwrap();
        assert_eq!(reader.info().rate_hz, sample_rate_hz);
        let sound = reader.read_to_end(60.0).unwrap();
        assert!((sound.len() as f64 / f64::from(sample_rate_hz) - timing(&done).duration_s).abs() < 0.1);
    }
}

#[test]
fn hostile_texts_are_answered_and_bounded() {
    let worker = worker();
    let answer = |text: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        speak(&worker, "text", text, &SpeakParams::default(), dir.path()).err().map(|error| error.code().to_string())
    };
    assert_eq!(answer(&vec![b'a'; 10 << 20]).as_deref(), Some("media_too_large"));
    assert_eq!(answer("😀🙃 \u{202e}\u{0}".as_bytes()).as_deref(), Some("media_empty"));
    assert_eq!(answer("مرحبا بالعالم".as_bytes()).as_deref(), Some("language_unsupported"));
    let french = "Bonjour, comment allez-vous ? Je suis très content de vous voir.";
    assert_eq!(answer(french.as_bytes()).as_deref(), Some("language_unsupported"));
    assert_eq!(answer(b"\xff\xfe\x00").as_deref(), Some("media_undecodable"));
    assert_eq!(answer("Go \u{202e}now\u{0}! 😀 [[x]] <b>$(rm)</b> שלום —— …".as_bytes()), None);
    assert_eq!(answer(b"<speak>a<nonsense/></speak>").as_deref(), Some("ssml_invalid"));
    let bomb = "<!DOCTYPE s [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><speak>&b;</speak>";
    assert_eq!(answer(bomb.as_bytes()).as_deref(), Some("ssml_invalid"));
    let deep = format!("<speak>{}a{}</speak>", "<s>".repeat(50_000), "</s>".repeat(50_000));
    assert_eq!(answer(deep.as_bytes()).as_deref(), Some("ssml_invalid"));
    assert_eq!(answer("啊".repeat(400).as_bytes()), None);
    assert_eq!(answer("x".repeat(700).as_bytes()), None);
}

/// Most of the limit in one line without a full stop: planned into bounded parts, and nothing else is done with it.
#[test]
fn a_text_of_megabytes_without_a_stop_is_planned() {
    let worker = worker();
    let dir = tempfile::tempdir().unwrap();
    let text = "word 好 ".repeat((7 << 20) / 9);
    let input = dir.path().join("text");
    fs::write(&input, &text).unwrap();
    let step = SpeakStep::Plan(PlanStep { params: SpeakParams::default() });
    let scratch = dir.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    let ran = testing::run(&worker, step, vec![testing::input(&input).unwrap()], &scratch).unwrap();
    let SpeakOutput::Plan(plan) = ran.output else { panic!("a plan answers with a plan") };
    assert!(plan.parts.len() > 500 && plan.parts.iter().all(|part| part.length_bytes < 20_000));
}

#[test]
fn what_is_not_spoken_is_told() {
    let worker = worker();
    let dir = tempfile::tempdir().unwrap();
    let done = speak(&worker, "text", "Hello, مرحبا!".as_bytes(), &SpeakParams::default(), dir.path()).unwrap();
    assert_eq!(done.quality["unspoken_letters"], 5);
}

#[test]
fn ssml_and_a_lexicon_change_what_is_heard_and_not_what_is_written() {
    let worker = worker();
    let text = "<speak>The <sub alias='World Wide Web Consortium'>W3C</sub> met <mark name='m'/>nginx users.\
        <break time='2s'/><lang xml:lang='zh'>喝<phoneme alphabet='pinyin' ph='mao2 tai2'>茅台</phoneme>。</lang></speak>";
    let lexicon = "nginx,engine x\n".to_owned();
    let params = SpeakParams { lexicon, ..SpeakParams::default() };
    let dir = tempfile::tempdir().unwrap();
    let timing = timing(&speak(&worker, "text", text.as_bytes(), &params, dir.path()).unwrap());
    let words: Vec<&str> = timing.words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(words, ["The", "W3C", "met", "nginx", "users", "喝", "茅台"]);
    let word = |text: &str| timing.words.iter().find(|word| word.text == text).unwrap();
    let length = |text: &str| word(text).end_s - word(text).start_s;
    assert!(length("W3C") > 1.0, "{}", length("W3C"));
    assert!(length("nginx") > 0.4);
    assert_eq!((timing.marks[0].name.as_str(), timing.marks[0].time_s), ("m", word("nginx").start_s));
    assert!(word("喝").start_s - word("users").end_s > 1.9);
}

/// A listener who leaves after so many bytes.
struct Leaves(usize);

impl std::io::Write for Leaves {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_is_a_wav_file_and_ends_with_its_listener() {
    let speaker = Speaker::new(Models::open(&Models::default_dir()), 1);
    let text = ("text", "Good morning, everyone. 早上好。".as_bytes());
    let (params, config) = (SpeakParams::default(), SpeakConfig::default());
    let mut sound = Vec::new();
    speaker.read_aloud(text, &params, &config, &mut sound).unwrap();
    assert_eq!((&sound[..4], &sound[8..16], &sound[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
    let loudest = sound[44..].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]]).unsigned_abs()).max();
    assert!(
        sound.len() > 3 * 48_000 && loudest.is_some_and(|loudest| (5_000..29_300).contains(&loudest)),
        "{loudest:?}"
    );
    speaker.read_aloud(text, &params, &config, &mut Leaves(1_000)).unwrap();
    let params = SpeakParams { audio: SpeechFormat::Mp3, ..params };
    let refused = speaker.read_aloud(text, &params, &config, &mut Vec::new()).unwrap_err();
    assert_eq!(refused.code().as_str(), "params_invalid");
}

/// The lips of every Kokoro voice close when its p, b and m do, and both languages of one voice are one breath.
#[test]
fn kokoro_speaks_with_times_in_both_languages_and_from_mixes() {
    let worker = worker();
    let dir = tempfile::tempdir().unwrap();
    let say = |name: &str, text: &str, voice: &str, pitch: f32| {
        let dir = dir.path().join(name);
        fs::create_dir(&dir).unwrap();
        let params = SpeakParams { voice: voice.parse().unwrap(), pitch, ..SpeakParams::default() };
        let done = speak(&worker, "text", text.as_bytes(), &params, &dir).unwrap();
        (samples(&done.files["speech.wav"]).1, timing(&done))
    };
    let mix = "zf_xiaoxiao:0.5+af_heart:0.5/zf_xiaoxiao";
    let (sound, timing) = say("mix", "我昨天在Google上查了天气。", mix, 1.0);
    let (again, _) = say("again", "我昨天在Google上查了天气。", mix, 1.0);
    assert_eq!(sound, again, "the same each time");
    assert!((timing.duration_s - sound.len() as f64 / 24_000.0).abs() < 0.05);
    let words: Vec<&str> = timing.words.iter().map(|word| word.text.as_str()).collect();
    for word in ["昨天", "Google", "天气"] {
        assert!(words.contains(&word), "{word} is not among {words:?}");
    }
    assert!(timing.words.windows(2).all(|pair| pair[0].end_s <= pair[1].start_s + 0.2), "no seam inside the breath");
    assert!(timing.phonemes.windows(2).all(|pair| pair[0].end_s <= pair[1].start_s + 1e-3));

    let (low, timing) = say("low", "Peter bought a map.", "am_onyx", 1.0);
    let (high, _) = say("high", "Peter bought a map.", "am_onyx", 1.5);
    assert!(timing.phonemes.iter().filter(|phoneme| phoneme.viseme == Viseme::Pp).count() >= 4);
    let rise = f0(&high) / f0(&low);
    assert!((rise - 1.5).abs() < 0.15, "{rise} times as high");
}

/// The median of the fundamental frequency of voiced frames, in hertz, by autocorrelation.
fn f0(sound: &[f32]) -> f64 {
    let mut found: Vec<f64> = Vec::new();
    for frame in sound.windows(1_200).step_by(600) {
        let at = |lag: usize| frame.iter().zip(&frame[lag..]).map(|(a, b)| a * b).sum::<f32>();
        let Some(lag) = (60..400).max_by(|a, b| at(*a).total_cmp(&at(*b))) else { continue };
        if at(0) > 1.0 && at(lag) > at(0) * 0.5 {
            found.push(24_000.0 / lag as f64);
        }
    }
    found.sort_by(f64::total_cmp);
    found[found.len() / 2]
}

#[test]
fn speakers_of_a_dialogue_have_their_own_voices() {
    let worker = worker();
    let dir = tempfile::tempdir().unwrap();
    let params = SpeakParams { speakers: "A=af_heart B=joe".into(), ..SpeakParams::default() };
    let done = speak(&worker, "text", b"[A] Good morning. [B] Good night, [C].", &params, dir.path()).unwrap();
    let words: Vec<String> = timing(&done).words.into_iter().map(|word| word.text).collect();
    assert_eq!(words, ["Good", "morning", "Good", "night", "C"]);
    let wrong = SpeakParams { speakers: "A=nobody".into(), ..SpeakParams::default() };
    let refused = speak(&worker, "text", b"[A] Hello.", &wrong, dir.path()).err().unwrap();
    assert_eq!(refused.code().as_str(), "params_invalid");
}
