//! Ours against other people's code, by goldens that `tests/goldens/generate.py` made.

use std::{fs, path::PathBuf};

use image::{GrayImage, RgbImage};
use medley_models::Models;
use medley_step::{BuildContext, Worker};
use opencv::prelude::*;
use serde_json::Value;

use crate::{
    AnnotatorName, ControlConfig, ControlParams, ControlWorker, Scene, ScribbleMethod, maps, mat, scene::Resources,
};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

fn goldens() -> Value {
    serde_json::from_slice(&fs::read(golden("goldens.json")).unwrap()).unwrap()
}

fn sample(name: &str) -> RgbImage {
    let path = Models::open(&Models::default_dir()).file("sample-pictures", name).unwrap();
    image::open(path).unwrap().to_rgb8()
}

fn resources() -> Resources {
    Resources { models: Models::open(&Models::default_dir()), config: ControlConfig::default(), threads: 1 }
}

fn map(picture: RgbImage, name: AnnotatorName, params: &ControlParams) -> opencv::core::Mat {
    let resources = resources();
    let scene = Scene::new("sample", picture, params, &resources).unwrap();
    maps::annotator(name).annotate(&scene).unwrap().picture
}

fn sha256(mat: &opencv::core::Mat) -> String {
    medley_proto::Sha256::of(mat.data_bytes().unwrap()).to_string()
}

/// The share of pixels of a patch at (128, 128) that are more than `tolerance` off.
fn share_off(map: &opencv::core::Mat, golden: &GrayImage, [left, top]: [u32; 2], tolerance: u8) -> f64 {
    let ours = mat::to_picture(map).unwrap().to_luma8();
    let off = golden
        .enumerate_pixels()
        .filter(|(x, y, theirs)| ours.get_pixel(left + x, top + y).0[0].abs_diff(theirs.0[0]) > tolerance);
    off.count() as f64 / f64::from(golden.width() * golden.height())
}

#[test]
fn sizes_and_canny_are_identical() {
    for name in ["astronaut", "coffee"] {
        let golden = &goldens()[name];
        let params = ControlParams::default();
        let resources = resources();
        let scene = Scene::new(name, sample(&format!("{name}.png")), &params, &resources).unwrap();
        assert_eq!(serde_json::json!(scene.view_size()), golden["size"]);
        assert_eq!(sha256(scene.view()), golden["view"], "the picture at its working size");
        let canny = maps::annotator(AnnotatorName::Canny).annotate(&scene).unwrap();
        assert_eq!(sha256(&canny.picture), golden["canny"], "canny of {name}");
    }
}

/// One step of grey in a thousandth of the pixels: the Gaussian blur of another build of OpenCV may round otherwise.
#[test]
fn lineart_and_xdog_are_the_reference() {
    for name in ["astronaut", "coffee"] {
        let params = ControlParams { scribble_method: ScribbleMethod::Xdog, ..ControlParams::default() };
        for (annotator, kind) in [(AnnotatorName::Lineart, "lineart"), (AnnotatorName::Scribble, "xdog")] {
            let theirs = image::open(golden(&format!("{name}-{kind}.png"))).unwrap().to_luma8();
            let ours = map(sample(&format!("{name}.png")), annotator, &params);
            let off = share_off(&ours, &theirs, [128, 128], u8::from(kind == "lineart"));
            assert!(off < 1e-3, "{kind} of {name}: {off}");
        }
    }
}

#[test]
fn scribbles_of_edges_are_the_reference() {
    let edges = image::open(golden("edges.png")).unwrap().to_luma8();
    let theirs = image::open(golden("edges-scribble.png")).unwrap().to_luma8();
    let ours = crate::maps::broad(&mat::of_values(edges.as_raw(), edges.height(), 1).unwrap()).unwrap();
    assert!(share_off(&ours, &theirs, [0, 0], 0) < 1e-3);
}

/// The weights as they are published, written out in numpy in double precision; HED here is f32 on ONNX Runtime.
#[test]
fn hed_is_within_a_thousandth_of_its_weights() {
    let bytes = fs::read(golden("hed.f32")).unwrap();
    let theirs = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let patch = image::imageops::crop_imm(&sample("astronaut.png"), 192, 64, 64, 64).to_image();
    let params = ControlParams { detect_resolution: 64, ..ControlParams::default() };
    let resources = resources();
    let scene = Scene::new("patch", patch, &params, &resources).unwrap();
    let ours = scene.edges().unwrap().data_typed::<f32>().unwrap().to_vec();
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(ours.len() == 64 * 64 && worst < 1e-3, "{worst}");
}

/// Pillow's bicubic is repeated bit for bit, so only the arithmetic of normalising may differ: a few units in the last place.
#[test]
fn depth_is_shown_what_the_dpt_processor_shows() {
    let goldens = goldens();
    let picture = image::imageops::crop_imm(&sample("astronaut.png"), 0, 0, 512, 384).to_image();
    let ([height, width], ours) = crate::depth::dpt_planes(picture.as_raw(), [512, 384], None);
    assert_eq!(serde_json::json!([3, height, width]), goldens["dpt"]["shape"]);
    let theirs = goldens["dpt"]["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32);
    let worst = ours.iter().step_by(997).zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
    for pair in goldens["dpt_sizes"].as_array().unwrap() {
        let side = |i: usize| pair[1][i].as_u64().unwrap() as u32;
        let blank = vec![0; (side(0) * side(1) * 3) as usize];
        let (size, _) = crate::depth::dpt_planes(&blank, [side(0), side(1)], None);
        assert_eq!(serde_json::json!(size), pair[0]);
    }
}

#[test]
fn a_worker_is_built_without_models() {
    let empty = tempfile::tempdir().unwrap();
    let build = BuildContext { models_dir: empty.path().into(), slots: 1, threads: 1 };
    ControlWorker::build(ControlConfig::default(), &build).unwrap();
}
