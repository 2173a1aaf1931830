//! Real photographs through the kind `caption`, with the small models' real weights.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use medley_caption::{Analysis, Analyzer, AnalyzerSlots, CaptionConfig, CaptionParams, CaptionWorker, Row};
use medley_models::Models;
use medley_step::{
    BuildContext, Worker,
    testing::{self, QuietHost},
};

fn models() -> Models {
    Models::open(&Models::default_dir())
}

fn sample(name: &str) -> PathBuf {
    models().file("sample-pictures", name).unwrap()
}

fn analyze(params: &CaptionParams, names: &[&str]) -> Vec<Analysis> {
    let analyzer = Analyzer::open(&models(), params, AnalyzerSlots { threads: 2, calls: 1 }).unwrap();
    let files: Vec<(String, PathBuf)> = names.iter().map(|name| ((*name).to_owned(), sample(name))).collect();
    analyzer.analyze(&files, &QuietHost::default()).unwrap()
}

#[test]
fn real_photographs_are_described() {
    let names = ["astronaut.png", "coffee.png", "page.png", "camera.png", "coins.png", "hubble.jpg"];
    let params = CaptionParams { thumbnail_px: 100, ..CaptionParams::default() };
    let analyses = analyze(&params, &names);
    let size =
        |one: &Analysis| image::load_from_memory(one.thumbnail.as_ref().unwrap()).unwrap().to_rgb8().dimensions();
    let [astronaut, coffee, page, camera, nameless @ ..] = &analyses[..] else { panic!("an answer each") };
    assert_eq!((astronaut.row.people, astronaut.row.faces), (1, 1), "{:?}", astronaut.row);
    assert_eq!((astronaut.row.width, astronaut.row.height, astronaut.row.format.as_str()), (512, 512, "png"));
    assert!(astronaut.row.caption.contains("person") || astronaut.row.caption.contains("face"));
    assert!(astronaut.row.nsfw.unwrap() < 0.2);
    assert_eq!(size(astronaut), (100, 100));
    assert_eq!((coffee.row.people, coffee.row.faces), (0, 0));
    assert_eq!(coffee.row.caption, "Coffee.");
    let person = camera.row.objects.iter().find(|object| object.name == "person").unwrap();
    let [left, top, width, height] = person.bounds;
    assert!(left >= 0.0 && top >= 0.0 && left + width <= 512.0 && top + height <= 512.0, "{person:?}");
    assert!(coffee.row.tags.iter().any(|tag| tag.label.starts_with("coffee")), "{:?}", coffee.row.tags);
    assert!((coffee.embedding.as_ref().unwrap().iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-4);
    assert_eq!(size(coffee), (100, 67));
    let text = page.row.text.join(" ");
    assert!(text.contains("Region-based segmentation") && page.row.text.len() > 5, "{text}");
    assert_eq!(camera.row.people, 1, "{:?}", camera.row);
    // Coins and galaxies have no names here, and get none.
    for analysis in nameless {
        assert!(analysis.row.objects.is_empty() && analysis.row.tags.is_empty(), "{:?}", analysis.row);
    }
}

#[test]
fn nsfw_scores_are_the_packages() {
    let golden: Vec<(String, f32)> = serde_json::from_str(include_str!("golden/nsfw.json")).unwrap();
    let params = CaptionParams { objects: false, text: false, people: false, ..CaptionParams::default() };
    for (name, wanted) in golden {
        let Some(name) = name.strip_prefix("sample-pictures/") else { continue };
        let found = analyze(&params, &[name])[0].row.nsfw.unwrap();
        // The same pixels to the bit but for gray images, whose JPEG theirs keeps gray no more than ours; kernels differ.
        assert!((found - wanted).abs() < 2e-3, "{name}: {found}, theirs {wanted}");
    }
}

#[test]
fn one_image_is_a_job_of_files_and_is_the_same_twice() {
    let cx = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
    let worker = CaptionWorker::build(CaptionConfig::default(), &cx).unwrap();
    let run = |params: CaptionParams| {
        let scratch = tempfile::tempdir().unwrap();
        let mut input = testing::input(&sample("rocket.jpg")).unwrap();
        input.name = "rocket.jpg".into();
        let ran = testing::run(&worker, params, vec![input], scratch.path()).unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        (ran.output.row, read(&ran.artifacts["captions.jsonl"]), read(&ran.artifacts["rocket.txt"]))
    };
    let (row, jsonl, sidecar) = run(CaptionParams::default());
    assert_eq!(serde_json::from_str::<Row>(&jsonl).unwrap(), row);
    assert_eq!(sidecar, format!("{}\n", row.caption));
    assert_eq!((row.width, row.height, row.format.as_str(), row.embedding), (640, 427, "jpeg", Some(0)));
    assert_eq!(run(CaptionParams::default()).1, jsonl);
    assert!(!worker.models().is_empty());
    let (trained, ..) =
        run(CaptionParams { trigger: Some("sks rocket".into()), text: false, ..CaptionParams::default() });
    assert!(trained.caption.starts_with("sks rocket, ") && trained.text.is_empty());
}

#[test]
fn a_vision_model_that_is_not_there_is_said_before_any_work() {
    let params = CaptionParams {
        describe: true,
        objects: false,
        text: false,
        people: false,
        nsfw: false,
        ..CaptionParams::default()
    };
    let analyzer = Analyzer::open(&models(), &params, AnalyzerSlots { threads: 1, calls: 1 }).unwrap();
    let error = analyzer.with_assistant(None).unwrap_err();
    assert!(error.to_string().contains("[caption.assist]"), "{error}");
}
