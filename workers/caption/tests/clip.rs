//! The kind `caption` with CLIP models: tags, captions and embeddings of real photographs. The towers are small ones with
//! random weights, the golden files of the crate `medley-clip`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use medley_caption::{Analyzer, AnalyzerSlots, CaptionConfig, CaptionParams, CaptionedBy, Item, Pace, embed, open_rgb};
use medley_clip::{Clip, ClipSpec, Embedder, Family, OwnModel};
use medley_models::Models;
use medley_step::testing::QuietHost;

fn models() -> Models {
    Models::open(&Models::default_dir())
}

/// The samples are `model/file`.
fn sample(name: &str) -> PathBuf {
    let (model, file) = name.split_once('/').unwrap();
    models().file(model, file).unwrap()
}

/// A small model as its owner would name it, and the same model opened.
fn own_model(name: &str, family: Family) -> (OwnModel, Arc<Clip>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip/tests/golden").join(name);
    let own = OwnModel { family, ..OwnModel::of_folder(folder) };
    let clip = Clip::open(&models(), ClipSpec::of_owner(name, &own), 2).unwrap();
    (own, clip)
}

#[test]
fn an_analyzer_with_a_model_tags_captions_and_embeds_the_same_twice() {
    let (own, clip) = own_model("tiny-clip", Family::Clip);
    let config = CaptionConfig { models: BTreeMap::from([("tiny".to_owned(), own)]), ..CaptionConfig::default() };
    let params = CaptionParams {
        model: Some("tiny".into()),
        own_labels: ["cat", "rocket", "cup of coffee"].map(str::to_owned).to_vec(),
        tag_threshold: 0.0,
        trigger: Some("sks".into()),
        text: false,
        people: false,
        objects: false,
        nsfw: false,
        ..CaptionParams::default()
    };
    let files: Vec<(String, PathBuf)> = ["sample-pictures/chelsea.png", "sample-pictures/rocket.jpg"]
        .map(|name| (name.to_owned(), sample(name)))
        .to_vec();
    let analyze = || {
        let slots = AnalyzerSlots { threads: 2, calls: 1 };
        Analyzer::with_config(&models(), &params, slots, &config)
            .unwrap()
            .analyze(&files, &QuietHost::default())
            .unwrap()
    };
    let seen = analyze();
    assert_eq!(seen, analyze());
    for (seen, (name, _)) in seen.iter().zip(&files) {
        let mut pixels = Vec::new();
        clip.preprocess().append(&open_rgb(&sample(name)).unwrap(), &mut pixels);
        assert_eq!(seen.embedding.as_ref().unwrap(), &clip.images(&pixels).unwrap()[0]);
        assert_eq!((seen.row.tags.len(), seen.row.captioned_by), (3, CaptionedBy::Clip));
        assert!((seen.row.tags.iter().map(|tag| tag.score).sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(seen.row.caption.starts_with("sks, "), "{}", seen.row.caption);
    }
    let unknown = CaptionParams { model: Some("nobody".into()), ..CaptionParams::default() };
    let error = Analyzer::open(&models(), &unknown, AnalyzerSlots { threads: 1, calls: 1 }).unwrap_err();
    assert!(error.to_string().contains("clip-vit-base-patch32"), "{error}");
}

#[test]
fn vectors_of_images_and_texts_are_written_in_their_order() {
    let (_, clip) = own_model("tiny-clip", Family::Clip);
    let chelsea = sample("sample-pictures/chelsea.png");
    let items = [Item::Text("a cat".into()), Item::Image(chelsea.clone()), Item::Text("a rocket".into())];
    let mut npy = Vec::new();
    let mut told = Vec::new();
    embed(&*clip, &items, Pace { threads: 2, batch: 2 }, &mut npy, |done| told.push(done)).unwrap();
    let values: Vec<f32> = npy[128..].as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let rows: Vec<&[f32]> = values.chunks_exact(clip.dim()).collect();
    let texts = clip.texts(&["a cat", "a rocket"]).unwrap();
    assert_eq!((rows.len(), rows[0], rows[2]), (3, &texts[0][..], &texts[1][..]));
    let mut pixels = Vec::new();
    clip.preprocess().append(&open_rgb(&chelsea).unwrap(), &mut pixels);
    assert_eq!((rows[1], told), (&clip.images(&pixels).unwrap()[0][..], vec![2, 3]));
    let gone = [Item::Image("/nowhere/cat.jpg".into())];
    let error = embed(&*clip, &gone, Pace { threads: 2, batch: 2 }, &mut Vec::new(), |_| {}).unwrap_err();
    assert!(error.to_string().contains("cat.jpg does not exist"), "{error}");
}

#[test]
fn an_analyzer_tags_with_siglip_and_chinese_clip() {
    let labels = ["猫", "rocket", "一杯咖啡"].map(str::to_owned).to_vec();
    for (name, family) in [("tiny-siglip", Family::Siglip), ("tiny-chinese-clip", Family::ChineseClip)] {
        let (own, clip) = own_model(name, family);
        let own = OwnModel { logit_scale: Some(8.0), logit_bias: Some(-2.0), ..own };
        let config = CaptionConfig { models: BTreeMap::from([("mine".to_owned(), own)]), ..CaptionConfig::default() };
        let params = CaptionParams {
            model: Some("mine".into()),
            own_labels: labels.clone(),
            tag_threshold: 0.0,
            objects: false,
            text: false,
            people: false,
            nsfw: false,
            ..CaptionParams::default()
        };
        let photo = "sample-pictures/chelsea.png";
        let analyzer =
            Analyzer::with_config(&models(), &params, AnalyzerSlots { threads: 2, calls: 1 }, &config).unwrap();
        let seen = analyzer.analyze(&[(photo.to_owned(), sample(photo))], &QuietHost::default()).unwrap().remove(0);
        let mut pixels = Vec::new();
        clip.preprocess().append(&open_rgb(&sample(photo)).unwrap(), &mut pixels);
        let vector = clip.images(&pixels).unwrap().remove(0);
        assert_eq!(seen.embedding.as_ref().unwrap(), &vector);
        assert_eq!((seen.row.tags.len(), seen.row.captioned_by), (3, CaptionedBy::Clip));
        assert_eq!(family == Family::ChineseClip, seen.row.caption.starts_with("一张"), "{}", seen.row.caption);
        let sum: f32 = seen.row.tags.iter().map(|tag| tag.score).sum();
        // Of a softmax all labels share one; a sigmoid judges each alone.
        assert_eq!(family == Family::ChineseClip, (sum - 1.0).abs() < 1e-5, "{family:?} {sum}");
    }
}
