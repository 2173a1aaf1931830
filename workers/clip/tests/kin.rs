//! CLIP's kin, SigLIP and Chinese-CLIP, against what transformers gives: tokens, pixels, vectors, probabilities.
//! `golden/make_kin.py` made the figures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::{fs, path::PathBuf, sync::Arc};

use image::RgbImage;
use medley_clip::{AS_THEY_ARE, Bank, Clip, ClipSpec, Embedder, Family, OwnModel, Scoring, Tokenizer};
use serde_json::Value;

use support::{floats, furthest, golden, golden_path, models};

fn families() -> [(&'static str, Family, PathBuf); 2] {
    [
        ("siglip", Family::Siglip, golden_path("tiny-siglip/spiece.model")),
        ("chinese-clip", Family::ChineseClip, models().file("chinese-clip-vocabulary", "vocab.txt").unwrap()),
    ]
}

#[test]
fn hundreds_of_strings_give_transformers_tokens() {
    let golden = golden("kin-tokens.json");
    for (name, family, vocabulary) in families() {
        let tokenizer = Tokenizer::open(family, &vocabulary).unwrap();
        let samples = golden[name].as_array().unwrap();
        assert!(samples.len() > 300);
        for sample in samples {
            let text = sample[0].as_str().unwrap();
            let mut wanted: Vec<u32> =
                sample[1].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
            // One id of the padding is written down.
            wanted.resize(family.context(), *wanted.last().unwrap());
            let found = tokenizer.context(text);
            assert_eq!(found.ids, wanted, "{name}: {text:?}");
            assert!(
                found.used <= family.context()
                    && found.used
                        == tokenizer.encode(text).len().min(family.context() - framing(family)) + framing(family)
            );
        }
    }
}

/// Ids around a text.
fn framing(family: Family) -> usize {
    if family == Family::Siglip { 1 } else { 2 }
}

#[test]
fn another_file_is_no_vocabulary() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vocabulary");
    fs::write(&path, "not a vocabulary").unwrap();
    for family in [Family::Clip, Family::Siglip, Family::ChineseClip] {
        let error = Tokenizer::open(family, &path).unwrap_err().to_string();
        assert!(error.contains("vocabulary cannot be used: it"), "{error}");
        assert!(Tokenizer::open(family, &dir.path().join("gone")).is_err());
    }
}

/// The picture of make.py.
fn synthetic(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let value = |c: u32| {
            let v = (x * 7 + y * 13 + c * 50 + seed * 31) ^ ((x * y) / 3) ^ (((x / 16 + y / 16) % 2) * 90);
            (v % 256) as u8
        };
        image::Rgb([value(0), value(1), value(2)])
    })
}

#[test]
fn pixels_are_those_of_transformers_processors() {
    let golden = golden("kin-pixels.json");
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 40);
    for case in cases {
        let number = |at: usize| case[at].as_u64().unwrap() as u32;
        let family: Family = serde_json::from_value(case[0].clone()).unwrap();
        let mut pixels = Vec::new();
        family.preprocess(number(1)).append(&synthetic(number(2), number(3), number(4)), &mut pixels);
        let found: Vec<f32> = pixels.into_iter().step_by(6_151).collect();
        // They compute in f64 what we do in f32.
        assert!(furthest(&found, &floats(&case[5])) < 1e-5, "{case}");
    }
}

fn own(name: &str, family: Family) -> OwnModel {
    OwnModel { family, ..OwnModel::of_folder(golden_path(name)) }
}

fn open(own: &OwnModel) -> Arc<Clip> {
    Clip::open(&models(), ClipSpec::of_owner("tiny", own), 1).unwrap()
}

fn pixels(clip: &Clip, photo: &str) -> Vec<f32> {
    let mut pixels = Vec::new();
    clip.preprocess().append(&support::photo(photo), &mut pixels);
    pixels
}

/// Vectors and probabilities of the golden file, by both towers.
fn compare(clip: &Clip, golden: &Value) {
    let photos = golden["photos"].as_array().unwrap();
    let batch: Vec<f32> = photos.iter().flat_map(|case| pixels(clip, case[0].as_str().unwrap())).collect();
    let images = clip.images(&batch).unwrap();
    let texts = golden["texts"].as_array().unwrap();
    let words: Vec<&str> = texts.iter().map(|case| case[0].as_str().unwrap()).collect();
    let sentences = clip.texts(&words).unwrap();
    for (found, case) in images.iter().zip(photos).chain(sentences.iter().zip(texts)) {
        let wanted = floats(&case[1]);
        let cosine: f32 = found.iter().zip(&wanted).map(|(a, b)| a * b).sum();
        assert!(furthest(found, &wanted) < 1e-4 && cosine > 0.999_99, "{} {cosine}", case[0]);
    }
    let alone: Vec<Vec<f32>> = words.iter().flat_map(|text| clip.texts(&[text]).unwrap()).collect();
    for (alone, together) in alone.iter().zip(&sentences) {
        assert!(furthest(alone, together) < 1e-6);
    }
    let bank = Bank::embed(clip, words.iter().map(|word| (*word).to_owned()).collect(), &AS_THEY_ARE).unwrap();
    for (image, wanted) in images.iter().zip(golden["probabilities"].as_array().unwrap()) {
        let wanted = floats(wanted);
        for tag in bank.best(image, clip.scoring(), words.len(), 0.0) {
            let at = words.iter().position(|word| *word == tag.label).unwrap();
            // A logit is up to a hundred times a cosine, which is right to about 1e-6.
            assert!((tag.score - wanted[at]).abs() < 1e-3, "{} {} {}", tag.label, tag.score, wanted[at]);
        }
    }
}

#[test]
fn siglips_towers_give_transformers_vectors_and_a_probability_for_each_label() {
    let golden = golden("tiny-siglip.json");
    let number = |name: &str| Some(golden[name].as_f64().unwrap() as f32);
    let scaled = OwnModel {
        logit_scale: number("logit_scale"),
        logit_bias: number("logit_bias"),
        ..own("tiny-siglip", Family::Siglip)
    };
    let clip = open(&scaled);
    assert_eq!(clip.scoring(), Scoring::Sigmoid { scale: 8.0, bias: -2.0 });
    compare(&clip, &golden);
    // Without them, the published model's.
    let published = ClipSpec::of_registry("siglip-base-patch16-224").unwrap();
    assert_eq!(open(&own("tiny-siglip", Family::Siglip)).scoring(), published.scoring);
    assert_eq!((published.preprocess.side_px, published.family), (224, Family::Siglip));
}

#[test]
fn chinese_clips_towers_give_transformers_vectors_and_probabilities() {
    compare(&open(&own("tiny-chinese-clip", Family::ChineseClip)), &golden("tiny-chinese-clip.json"));
}

/// A folder with copies of these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in files {
        let to = dir.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(golden_path(from), to).unwrap();
    }
    dir
}

fn refused(family: Family, files: &[(&str, &str)]) -> String {
    let dir = folder(files);
    let own = OwnModel { family, ..OwnModel::of_folder(dir.path().into()) };
    Clip::open(&models(), ClipSpec::of_owner("mine", &own), 1).unwrap_err().to_string()
}

#[test]
fn folders_as_transformers_js_lays_them_out_are_read() {
    let dir = folder(&[
        ("tiny-siglip/vision_model.onnx", "onnx/vision_model.onnx"),
        ("tiny-siglip/text_model.onnx", "onnx/text_model.onnx"),
        ("tiny-siglip/spiece.model", "spiece.model"),
    ]);
    assert_eq!(open(&OwnModel { family: Family::Siglip, ..OwnModel::of_folder(dir.path().into()) }).dim(), 16);
}

#[test]
fn what_keeps_no_contract_is_told_with_what_it_has() {
    let (see, read) = ("tiny-siglip/vision_model.onnx", "tiny-siglip/text_model.onnx");
    let spiece = ("tiny-siglip/spiece.model", "spiece.model");
    let error = refused(Family::Siglip, &[(see, "visual.onnx"), (read, "textual.onnx")]);
    assert!(error.contains("[caption.models.mine]") && error.contains("has no spiece.model"), "{error}");
    let error = refused(Family::Siglip, &[(see, "visual.onnx"), spiece]);
    assert!(error.contains("has no textual.onnx or text_model.onnx"), "{error}");
    // Towers that were mistaken for each other.
    let error = refused(Family::Siglip, &[(read, "visual.onnx"), (see, "textual.onnx"), spiece]);
    assert!(error.contains("its image tower takes input_ids, not pixels alone"), "{error}");
    // SigLIP's pooled vector is its embedding; of CLIP's contract it is none.
    let error = refused(Family::Clip, &[(see, "visual.onnx"), (read, "textual.onnx")]);
    assert!(error.contains("gives last_hidden_state, pooler_output, neither image_embeds nor text_embeds"), "{error}");
    let error = ClipSpec::of_registry("nobody").unwrap_err().to_string();
    assert!(error.contains("siglip-base-patch16-224") && error.contains("chinese-clip-vit-base-patch16"), "{error}");
}
