//! The worker as the runtime runs it, on real pictures and real models.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use image::{DynamicImage, GenericImageView, ImageBuffer, Luma, Rgb, RgbImage, Rgba};
use medley_control::{AnnotatorName, ControlConfig, ControlOutput, ControlParams, ControlWorker, DepthSource, Stereo};
use medley_models::Models;
use medley_step::{BuildContext, StepError, Worker, testing};
use tempfile::TempDir;

fn worker(config: ControlConfig) -> ControlWorker {
    let build = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
    ControlWorker::build(config, &build).unwrap()
}

fn sample(name: &str) -> PathBuf {
    Models::open(&Models::default_dir()).file("sample-pictures", name).unwrap()
}

#[derive(Debug)]
struct Made {
    _folder: TempDir,
    ran: testing::Ran<ControlOutput>,
}

impl Made {
    fn picture(&self, name: &str) -> DynamicImage {
        image::open(&self.ran.artifacts[name]).unwrap()
    }

    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&fs::read(&self.ran.artifacts[name]).unwrap()).unwrap()
    }
}

fn make(worker: &ControlWorker, params: ControlParams, picture: &Path) -> Result<Made, StepError> {
    let folder = tempfile::tempdir().unwrap();
    let ran = testing::run(worker, params, vec![testing::input(picture).unwrap()], folder.path())?;
    Ok(Made { _folder: folder, ran })
}

fn asked(annotators: &[AnnotatorName]) -> ControlParams {
    ControlParams { annotators: annotators.to_vec(), ..ControlParams::default() }
}

fn hashes(made: &Made) -> BTreeMap<String, medley_proto::Sha256> {
    let hash = |path: &PathBuf| medley_proto::Sha256::of(&fs::read(path).unwrap());
    made.ran.artifacts.iter().map(|(name, path)| (name.clone(), hash(path))).collect()
}

#[test]
fn every_map_of_a_portrait_twice_the_same() {
    let worker = worker(ControlConfig::default());
    let params = ControlParams { depth_source: DepthSource::People, ..asked(&AnnotatorName::ALL) };
    let first = make(&worker, params.clone(), &sample("astronaut.png")).unwrap();
    for name in AnnotatorName::ALL {
        let map = first.picture(&format!("{}.png", name.as_str()));
        assert_eq!((map.dimensions(), map.color()), ((512, 512), image::ColorType::Rgb8), "{name:?}");
        let pixels = map.to_rgb8();
        assert!(pixels.pixels().any(|p| p.0.iter().any(|&value| value > 40)), "{name:?} shows something");
    }
    assert_eq!(first.picture("depth16.png").color(), image::ColorType::L16);
    let pose = first.json("pose.json");
    let people = pose["people"].as_array().unwrap();
    assert_eq!(people.len(), 1);
    let nose: Vec<f64> =
        people[0]["pose_keypoints_2d"].as_array().unwrap()[..2].iter().map(|v| v.as_f64().unwrap()).collect();
    assert!((nose[0] - 214.0).abs() < 12.0 && (nose[1] - 121.0).abs() < 12.0, "{nose:?}");
    assert_eq!(people[0]["face_keypoints_2d"].as_array().unwrap().len(), 210);
    let depth = first.picture("depth.png").to_luma8();
    assert!(depth.get_pixel(224, 130).0[0] > 150 && depth.get_pixel(480, 60).0[0] == 0, "near is bright, the rest far");
    let second = make(&worker, params, &sample("astronaut.png")).unwrap();
    assert_eq!(hashes(&first), hashes(&second));
    let used: Vec<String> = worker.models().into_iter().map(|model| model.name).collect();
    for model in ["blazepose", "face-detector", "face-mesh", "hed"] {
        assert!(used.iter().any(|name| name == model), "{model} in {used:?}");
    }
}

#[test]
fn depth_of_a_stereo_pair_is_its_disparity() {
    let (left, right) =
        (image::open(sample("motorcycle-left.png")).unwrap(), image::open(sample("motorcycle-right.png")).unwrap());
    let mut pair = RgbImage::new(left.width() * 2, left.height());
    image::imageops::replace(&mut pair, &left.to_rgb8(), 0, 0);
    image::imageops::replace(&mut pair, &right.to_rgb8(), i64::from(left.width()), 0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pair.png");
    pair.save(&path).unwrap();
    let params = ControlParams { stereo: Stereo::SideBySide, image_resolution: 0, ..asked(&[AnnotatorName::Depth]) };
    let made = make(&worker(ControlConfig::default()), params, &path).unwrap();
    assert_eq!(made.ran.quality["depth_source"], "stereo");
    let depth = made.picture("depth.png").to_luma8();
    assert_eq!(depth.dimensions(), left.dimensions());
    // The saddle and the front wheel stand before the wall and the shelf.
    let at = |x: u32, y: u32| depth.get_pixel(x * left.width() / 100, y * left.height() / 100).0[0];
    assert!(at(50, 55) > at(50, 5) + 40, "{} {}", at(50, 55), at(50, 5));
}

#[test]
fn networks_of_the_owner_keep_their_contracts() {
    let golden = |name: &str| Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name));
    let config = ControlConfig {
        depth_model: golden("depth.onnx"),
        mlsd_model: golden("mlsd.onnx"),
        segmentation_model: golden("segmentation.onnx"),
    };
    let annotators = [AnnotatorName::Depth, AnnotatorName::Mlsd, AnnotatorName::Segmentation, AnnotatorName::Normal];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.png");
    // The upper half is white (near, sky), the lower half black (far, earth).
    RgbImage::from_fn(320, 256, |_, y| Rgb(if y < 128 { [255; 3] } else { [0; 3] })).save(&path).unwrap();
    let params = ControlParams { detect_resolution: 256, image_resolution: 256, ..asked(&annotators) };
    let made = make(&worker(config.clone()), params, &path).unwrap();
    let depth = made.picture("depth16.png").to_luma16();
    assert!(depth.get_pixel(100, 40).0[0] > 60_000 && depth.get_pixel(100, 220).0[0] < 3_000);
    let segments = made.picture("segmentation.png").to_rgb8();
    assert_eq!(segments.get_pixel(100, 40).0, [6, 230, 230], "sky");
    assert_eq!(segments.get_pixel(100, 220).0, [120, 120, 70], "earth");
    assert!(made.ran.quality["mlsd_lines"].as_u64().unwrap() > 0);
    let normal = made.picture("normal.png").to_rgb8();
    assert_eq!(normal.get_pixel(100, 220).0, [127, 127, 255], "far faces the camera");
    assert!((120..136).any(|y| normal.get_pixel(100, y).0[1] < 60), "the step faces down");
    // A network of another contract is refused and named.
    let wrong = ControlConfig { depth_model: golden("mlsd.onnx"), ..config };
    let error = make(&worker(wrong), asked(&[AnnotatorName::Depth]), &path).unwrap_err();
    assert!(error.to_string().contains("mlsd.onnx") || error.code().as_str() == "internal", "{error}");
}

#[test]
fn a_picture_without_people_says_how_to_get_depth() {
    let params = ControlParams { depth_source: DepthSource::People, ..asked(&[AnnotatorName::Depth]) };
    let error = make(&worker(ControlConfig::default()), params, &sample("coffee.png")).unwrap_err();
    assert_eq!(error.code().as_str(), "no_depth");
    assert!(error.to_string().contains("coffee.png") && error.to_string().contains("medley models pull"));
}

#[test]
fn small_deep_grey_and_transparent_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let worker = worker(ControlConfig::default());
    let pictures: [(&str, DynamicImage); 4] = [
        ("dot.png", ImageBuffer::from_pixel(1, 1, Rgb([9u8; 3])).into()),
        ("deep.png", ImageBuffer::from_fn(90, 60, |x, _| Luma([if x < 45 { 0u16 } else { u16::MAX }])).into()),
        ("clear.png", ImageBuffer::from_fn(90, 60, |x, _| Rgba([0u8, 0, 0, if x < 45 { 255 } else { 0 }])).into()),
        ("grey.png", ImageBuffer::from_fn(90, 60, |x, _| Luma([if x < 45 { 0u8 } else { 255 }])).into()),
    ];
    for (name, picture) in pictures {
        let path = folder.path().join(name);
        picture.save(&path).unwrap();
        let made = make(&worker, asked(&[AnnotatorName::Canny, AnnotatorName::Pose]), &path).unwrap();
        let edges = made.picture("canny.png").to_luma8().pixels().filter(|p| p.0[0] == 255).count();
        assert_eq!(edges > 0, name != "dot.png", "{name}: the edge in the middle, on white where transparent");
        assert!(made.json("pose.json")["people"].as_array().unwrap().is_empty());
    }
}

#[test]
fn bad_pictures_are_answers() {
    let folder = tempfile::tempdir().unwrap();
    let worker = worker(ControlConfig::default());
    let whole = fs::read(sample("astronaut.png")).unwrap();
    let long = folder.path().join("long.png");
    RgbImage::new(1, 20_000).save(&long).unwrap();
    let error = make(&worker, asked(&[AnnotatorName::Canny]), &long).unwrap_err();
    assert_eq!(error.code().as_str(), "media_too_large");
    for (name, bytes) in
        [("cut.png", &whole[..whole.len() / 3]), ("text.jpg", &b"no picture at all"[..]), ("empty.png", &[])]
    {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = make(&worker, asked(&[AnnotatorName::Canny]), &path).unwrap_err();
        assert!(matches!(error, StepError::Permanent { .. }) && error.code().as_str().starts_with("media_"), "{error}");
    }
}
