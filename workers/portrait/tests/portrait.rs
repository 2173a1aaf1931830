//! Whole clips through the worker, as its steps run in a job.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    f32::consts::TAU,
    fs,
    path::{Path, PathBuf},
};

use medley_media::{
    ffmpeg::probe,
    video::{Frames, FramesOptions},
};
use medley_models::Models;
use medley_portrait::{
    Aspect, Background, Clip, Composition, Engine, Framing, Mux, PortraitConfig, PortraitParams, PortraitStep,
    PortraitWorker, Prepare, PrepareInputs, Render, Script, Subtitles,
};
use medley_proto::{PhonemeTime, SentenceTime, SpeechTiming, Viseme};
use medley_step::{
    BuildContext, LocalInput, StepError, Worker,
    testing::{Ran, input, run},
};

fn worker() -> PortraitWorker {
    let slots = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
    PortraitWorker::build(Default::default(), &slots).unwrap()
}

fn sample(name: &str) -> PathBuf {
    Models::open(&Models::default_dir()).file("sample-pictures", name).unwrap()
}

/// A humming voice with pauses, and what it says.
fn speech(folder: &Path, seconds: f32) -> (PathBuf, PathBuf) {
    let samples: Vec<f32> = (0..(seconds * 16_000.0) as usize)
        .map(|i| i as f32 / 16_000.0)
        .map(|t| 0.3 * (TAU * 140.0 * t).sin() * (TAU * 1.3 * t).sin().max(0.0))
        .collect();
    let wav = folder.join("speech.wav");
    medley_media::audio::write_wav(&wav, &samples, 16_000).unwrap();
    let sounds = ["m", "ɑ", "b", "iː", "oʊ", "p"];
    let phonemes = (0..(seconds / 0.15) as usize).map(|i| PhonemeTime {
        start_s: 0.15 * i as f64,
        end_s: 0.15 * (i + 1) as f64,
        phoneme: sounds[i % sounds.len()].into(),
        viseme: Viseme::Aa,
    });
    let sentence = SentenceTime {
        start_s: 0.0,
        end_s: f64::from(seconds),
        text: "Mama, beep: hope.".into(),
        language: "en".into(),
    };
    let timing = SpeechTiming {
        duration_s: f64::from(seconds),
        sentences: vec![sentence],
        words: Vec::new(),
        phonemes: phonemes.collect(),
        marks: Vec::new(),
    };
    let json = folder.join("timing.json");
    fs::write(&json, serde_json::to_vec(&timing).unwrap()).unwrap();
    (wav, json)
}

fn step(
    worker: &PortraitWorker,
    act: PortraitStep,
    inputs: Vec<LocalInput>,
    folder: PathBuf,
) -> Result<Ran<medley_portrait::PortraitOutput>, StepError> {
    fs::create_dir_all(&folder).unwrap();
    run(worker, act, inputs, &folder)
}

/// Prepares, renders in `parts` parts and muxes; returns the last step's artifacts.
fn clip(
    worker: &PortraitWorker,
    prepare: Prepare,
    inputs: Vec<LocalInput>,
    folder: &Path,
    parts: usize,
) -> Ran<medley_portrait::PortraitOutput> {
    let sound = inputs[prepare.sources.sound].clone();
    let subtitles = prepare.clip.as_ref().map(|clip| clip.subtitles);
    let prepared = step(worker, PortraitStep::Prepare(Box::new(prepare)), inputs, folder.join("prepare")).unwrap();
    let drawn_from = ["scene.json", "scene.png", "motion.f32"];
    let mut inputs: Vec<LocalInput> =
        drawn_from.iter().map(|name| input(&prepared.artifacts[*name]).unwrap()).collect();
    inputs.extend(
        ["poster.jpg", "mel.f32"].iter().filter_map(|name| Some(input(prepared.artifacts.get(*name)?).unwrap())),
    );
    let frames = prepared.output.frames;
    let mut last = vec![sound, inputs[0].clone()];
    for n in 0..parts {
        let (from, to) = (frames * n / parts, frames * (n + 1) / parts);
        let act = PortraitStep::Render(Render { from, to, parts: parts as u32, crf: 22 });
        let film = step(worker, act, inputs.clone(), folder.join(format!("render-{n}"))).unwrap();
        last.push(input(&film.artifacts["film.h264"]).unwrap());
    }
    last.extend(inputs.iter().find(|input| input.name == "poster.jpg").cloned());
    let mux = Mux { name: "video.mp4".into(), provenance: true, subtitles };
    step(worker, PortraitStep::Mux(mux), last, folder.join("mux")).unwrap()
}

fn small(still: bool) -> PortraitParams {
    let consent = Some("the sitter, 2026-01-01".into());
    PortraitParams { framing: Framing::Head, head_px: 128, still, consent, ..PortraitParams::default() }
}

#[test]
fn a_photo_and_a_voice_become_a_film_the_same_one_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, timing) = speech(folder.path(), 1.2);
    let inputs = [sample("astronaut.png"), wav, timing].map(|path| input(&path).unwrap()).to_vec();
    let sources = PrepareInputs { picture: 0, sound: 1, timing: Some(2), ..PrepareInputs::default() };
    let worker = worker();
    let mut films = Vec::new();
    for again in ["first", "second"] {
        let prepare = Prepare { portrait: small(false), sources, clip: None };
        let made = clip(&worker, prepare, inputs.clone(), &folder.path().join(again), 2);
        films.push(fs::read(&made.artifacts["video.mp4"]).unwrap());
        let probed = probe(&made.artifacts["video.mp4"]).unwrap();
        assert_eq!(probed.video.map(|video| (video.width_px, video.height_px)), Some((128, 128)));
        assert!(probed.audio.is_some());
        let mut film = Frames::open(&made.artifacts["video.mp4"], &FramesOptions::default()).unwrap();
        let (mut frame, mut count) = (Vec::new(), 0);
        while film.next(&mut frame).unwrap() {
            count += 1;
        }
        // 1.2 s of speech; a frame that has begun is shown.
        assert_eq!(count, 30);
        assert_eq!(made.quality["consent"], "the sitter, 2026-01-01");
        assert_eq!((&made.quality["lips_from"], &made.quality["faces"]), (&"timing".into(), &1.into()));
        assert!(
            made.quality["face_yaw_deg"].is_number() && !made.quality.contains_key("warnings"),
            "{:?}",
            made.quality
        );
    }
    assert!(films[0] == films[1], "the same inputs give the same bytes");
    let text = String::from_utf8_lossy(&films[0]);
    assert!(
        text.contains("compositeWithTrainedAlgorithmicMedia") && text.contains("the sitter"),
        "provenance is in the file"
    );
}

#[test]
fn a_news_clip_has_its_shape_its_words_and_a_poster() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, timing) = speech(folder.path(), 1.0);
    let script = folder.path().join("script.md");
    fs::write(&script, "---\ntitle: Hope\nanchor: A. Nonym\nconsent: the heirs\n---\nMama, beep: hope.").unwrap();
    let worker = worker();
    let parsed = step(
        &worker,
        PortraitStep::Script(Script::Markdown),
        vec![input(&script).unwrap()],
        folder.path().join("script"),
    )
    .unwrap();
    assert_eq!(fs::read_to_string(&parsed.artifacts["script.md"]).unwrap(), "Mama, beep: hope.");
    let output = folder.path().join("output.json");
    fs::write(&output, serde_json::to_vec(&parsed.output).unwrap()).unwrap();

    let logo = folder.path().join("logo.png");
    image::RgbaImage::from_pixel(40, 20, image::Rgba([255, 0, 255, 255])).save(&logo).unwrap();
    let inputs = [sample("astronaut.png"), wav, timing, output, logo].map(|path| input(&path).unwrap()).to_vec();
    let sources = PrepareInputs { picture: 0, sound: 1, timing: Some(2), script: Some(3), ..PrepareInputs::default() };
    let stage = Composition { aspect: Aspect::Tall, short_px: 180, background: Background::Blur };
    let prepare = Prepare {
        portrait: PortraitParams { label: Some("AI generated".into()), consent: None, ..small(true) },
        sources,
        clip: Some(Clip { stage, subtitles: Subtitles::Soft, lower_third: true }),
    };
    let made = clip(&worker, prepare, inputs[..4].to_vec(), &folder.path().join("clip"), 1);
    let probed = probe(&made.artifacts["video.mp4"]).unwrap();
    assert_eq!(probed.video.map(|video| (video.width_px, video.height_px)), Some((180, 320)));
    assert!(fs::read_to_string(&made.artifacts["clip.srt"]).unwrap().contains("Mama, beep: hope."));
    assert!(fs::read_to_string(&made.artifacts["clip.vtt"]).unwrap().starts_with("WEBVTT"));
    assert_eq!(made.quality["consent"], "the heirs", "the script's");
    let film = fs::read(&made.artifacts["video.mp4"]).unwrap();
    assert!(String::from_utf8_lossy(&film).contains("the heirs"), "and in the file");
    let poster = image::open(&made.artifacts["poster.jpg"]).unwrap();
    assert_eq!((poster.width(), poster.height()), (180, 320));
}

/// Mean brightness of each frame of a film between two heights, 0 to 1.
fn brightness(film: &Path, from: f64, to: f64) -> Vec<f64> {
    let mut film = Frames::open(film, &FramesOptions::default()).unwrap();
    let (mut frame, mut all) = (Vec::new(), Vec::new());
    let bytes = |at: f64, film: &Frames| (f64::from(film.height_px) * at) as usize * film.width_px as usize * 3;
    let (from, to) = (bytes(from, &film), bytes(to, &film));
    while film.next(&mut frame).unwrap() {
        all.push(frame[from..to].iter().map(|&v| f64::from(v)).sum::<f64>() / (to - from) as f64);
    }
    all
}

/// `wav2lip.onnx` (made by `goldens/generate.py`) keeps Wav2Lip's contract and gives the face back, the louder the
/// brighter.
#[test]
fn the_engine_wav2lip_hears_the_sound_and_draws_the_lower_face_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, _) = speech(folder.path(), 1.6);
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/wav2lip.onnx");
    let config = PortraitConfig { wav2lip_model: Some(model), ..PortraitConfig::default() };
    let slots = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
    let worker = PortraitWorker::build(config, &slots).unwrap();
    let inputs = [sample("astronaut.png"), wav].map(|path| input(&path).unwrap()).to_vec();
    let params = PortraitParams { engine: Engine::Wav2lip, head_px: 192, ..small(false) };
    let prepare =
        Prepare { portrait: params, sources: PrepareInputs { sound: 1, ..PrepareInputs::default() }, clip: None };
    let made = clip(&worker, prepare, inputs, folder.path(), 2);
    let film = &made.artifacts["video.mp4"];
    let (upper, lower) = (brightness(film, 0.0, 0.45), brightness(film, 0.5, 0.8));
    let range =
        |values: &[f64]| values.iter().fold(0.0f64, |a, &b| a.max(b)) - values.iter().fold(255.0f64, |a, &b| a.min(b));
    assert!(range(&upper) < 1.0, "the upper face is the photo's: {upper:?}");
    // The voice hums in the first half of each 0.77 s; a frame hears the 0.2 s from its start on.
    assert!(lower[3] > lower[13] + 5.0 && lower[22] > lower[13] + 5.0, "{lower:?}");
}

#[test]
fn a_network_of_another_contract_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, _) = speech(folder.path(), 0.3);
    let models = Models::open(&Models::default_dir());
    let config = PortraitConfig {
        wav2lip_model: Some(models.file("face-mesh", "mesh.onnx").unwrap()),
        ..PortraitConfig::default()
    };
    let slots = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
    let worker = PortraitWorker::build(config, &slots).unwrap();
    let inputs = [sample("astronaut.png"), wav].map(|path| input(&path).unwrap()).to_vec();
    let params = PortraitParams { engine: Engine::Wav2lip, ..small(false) };
    let prepare =
        Prepare { portrait: params, sources: PrepareInputs { sound: 1, ..PrepareInputs::default() }, clip: None };
    let prepared =
        step(&worker, PortraitStep::Prepare(Box::new(prepare)), inputs, folder.path().join("prepare")).unwrap();
    let inputs =
        ["scene.json", "scene.png", "motion.f32", "mel.f32"].map(|name| input(&prepared.artifacts[name]).unwrap());
    let act = PortraitStep::Render(Render { from: 0, to: 5, parts: 1, crf: 22 });
    let error = step(&worker, act, inputs.to_vec(), folder.path().join("render")).unwrap_err();
    assert_eq!(error.code().as_str(), "params_invalid", "{error}");
    assert!(error.to_string().contains("faces [N,6,96,96]"), "{error}");
}

#[test]
fn a_small_photo_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, timing) = speech(folder.path(), 0.2);
    let photo = image::open(sample("astronaut.png")).unwrap().to_rgb8();
    let path = folder.path().join("small.png");
    image::imageops::resize(&photo, 300, 300, image::imageops::FilterType::Triangle).save(&path).unwrap();
    let inputs = [path, wav, timing].map(|path| input(&path).unwrap()).to_vec();
    let sources = PrepareInputs { picture: 0, sound: 1, timing: Some(2), ..PrepareInputs::default() };
    let portrait = PortraitParams { framing: Framing::Picture, ..small(true) };
    let made = clip(&worker(), Prepare { portrait, sources, clip: None }, inputs, folder.path(), 1);
    let warnings = made.quality["warnings"].to_string();
    assert!(warnings.contains("300 × 300 px"), "{warnings}");
}

/// Pictures made of the astronaut's: beside herself, at the edge, small, grey, tilted, with glasses and a hand.
#[test]
fn difficult_portraits_speak() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, timing) = speech(folder.path(), 0.2);
    let photo = image::open(sample("astronaut.png")).unwrap().to_rgb8();
    let (worker, mut number) = (worker(), 0);
    let mut prepared = |picture: &image::RgbImage, face: u32| {
        number += 1;
        let path = folder.path().join(format!("{number}.png"));
        picture.save(&path).unwrap();
        let inputs = [path, wav.clone(), timing.clone()].map(|path| input(&path).unwrap()).to_vec();
        let sources = PrepareInputs { picture: 0, sound: 1, timing: Some(2), ..PrepareInputs::default() };
        let portrait = PortraitParams { face, framing: Framing::Picture, ..small(true) };
        let prepare = Prepare { portrait, sources, clip: None };
        let ran =
            step(&worker, PortraitStep::Prepare(Box::new(prepare)), inputs, folder.path().join(number.to_string()))
                .unwrap();
        let scene: serde_json::Value =
            serde_json::from_slice(&fs::read(&ran.artifacts["scene.json"]).unwrap()).unwrap();
        let nose = [0usize, 1].map(|k| scene["mesh"][1][k].as_f64().unwrap());
        (nose, scene["quality"]["faces"].as_u64().unwrap())
    };
    let ([x, y], faces) = prepared(&photo, 1);
    assert_eq!(faces, 1);

    // Two faces, the right one three quarters as large.
    let mut two = image::RgbImage::from_pixel(900, 512, image::Rgb([90, 90, 90]));
    image::imageops::replace(&mut two, &photo, 0, 0);
    let smaller = image::imageops::resize(&photo, 384, 384, image::imageops::FilterType::Triangle);
    image::imageops::replace(&mut two, &smaller, 516, 60);
    for (face, wanted) in [(1, [x, y]), (2, [516.0 + x * 0.75, 60.0 + y * 0.75])] {
        let (nose, faces) = prepared(&two, face);
        assert_eq!(faces, 2);
        assert!((nose[0] - wanted[0]).abs() < 6.0 && (nose[1] - wanted[1]).abs() < 6.0, "face {face} at {nose:?}");
    }
    // The face in the corner of a large picture.
    let mut corner = image::RgbImage::from_pixel(1200, 900, image::Rgb([30, 60, 90]));
    image::imageops::replace(&mut corner, &photo, 720, 420);
    let (nose, _) = prepared(&corner, 1);
    assert!((nose[0] - 720.0 - x).abs() < 6.0 && (nose[1] - 420.0 - y).abs() < 6.0, "{nose:?}");
    // Black and white, and a negative of a bright room's contrast.
    let grey = image::DynamicImage::ImageRgb8(photo.clone()).grayscale().to_rgb8();
    let (nose, _) = prepared(&grey, 1);
    assert!((nose[0] - x).abs() < 4.0 && (nose[1] - y).abs() < 4.0, "{nose:?}");
    // Dark glasses over the eyes.
    let mut glasses = photo.clone();
    for (x0, x1) in [(172, 215), (228, 271)] {
        for (px, py) in (x0..x1).flat_map(|px| (104..134).map(move |py| (px, py))) {
            glasses.put_pixel(px, py, image::Rgb([20, 18, 22]));
        }
    }
    let (nose, _) = prepared(&glasses, 1);
    assert!((nose[0] - x).abs() < 12.0 && (nose[1] - y).abs() < 12.0, "{nose:?}");
}

#[test]
fn what_cannot_speak_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, timing) = speech(folder.path(), 0.5);
    let worker = worker();
    let tiny = folder.path().join("tiny.png");
    image::open(sample("astronaut.png")).unwrap().thumbnail(180, 180).save(&tiny).unwrap();
    let text = folder.path().join("text.txt");
    fs::write(&text, "not a picture").unwrap();
    let refused = |picture: &Path, face: u32| {
        let inputs = [picture, &wav, &timing].map(|path| input(path).unwrap()).to_vec();
        let sources = PrepareInputs { picture: 0, sound: 1, timing: Some(2), ..PrepareInputs::default() };
        let prepare = Prepare { portrait: PortraitParams { face, ..small(true) }, sources, clip: None };
        let folder = folder.path().join(format!("{face}-{}", picture.file_stem().unwrap().to_string_lossy()));
        let error = step(&worker, PortraitStep::Prepare(Box::new(prepare)), inputs, folder).unwrap_err();
        (error.code().to_string(), error.to_string())
    };
    let (code, sentence) = refused(&sample("coffee.png"), 1);
    assert!(code == "no_face" && sentence.contains("coffee.png"), "{code}: {sentence}");
    let (code, sentence) = refused(&sample("astronaut.png"), 4);
    assert!(code == "no_face" && sentence.contains("--face 1"), "{code}: {sentence}");
    let (code, sentence) = refused(&tiny, 1);
    assert!(code == "face_too_small" && sentence.contains("px apart"), "{code}: {sentence}");
    let (code, sentence) = refused(&text, 1);
    assert!(code.starts_with("media_") && sentence.contains("text.txt"), "{code}: {sentence}");
}
