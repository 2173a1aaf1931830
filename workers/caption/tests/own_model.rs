//! A model of the owner's, of each of CLIP's kin, through the real binary: a caption, vectors, a library and a search.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod library_support;

use std::{fs, path::Path};

use library_support::{BARE, drawn, rows, run};
use medley_tests::binary::{Medley, sample};
use serde_json::Value;

/// A machine whose owner has named the small models of the golden files, and one folder that is empty.
fn machine() -> Medley {
    let medley = Medley::default();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip/tests/golden");
    let folder = |name: &str| golden.join(name).display().to_string();
    let models = |kind: &str| {
        format!(
            "[{kind}.models.sig]\nfolder = \"{}\"\nfamily = \"siglip\"\nlogit_scale = 8.0\nlogit_bias = -2.0\n\
             [{kind}.models.chinese]\nfolder = \"{}\"\nfamily = \"chinese-clip\"\n\
             [{kind}.models.bare]\nfolder = \"{}\"\nfamily = \"siglip\"\n",
            folder("tiny-siglip"),
            folder("tiny-chinese-clip"),
            medley.folder.path().display()
        )
    };
    fs::write(medley.path("medley.toml"), format!("{}{}", models("caption"), models("library"))).unwrap();
    medley
}

/// The values of a NumPy file with rows of 16.
fn vectors(path: &Path) -> Vec<[f32; 16]> {
    let bytes = fs::read(path).unwrap();
    let values: Vec<f32> = bytes[128..].as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    values.as_chunks::<16>().0.to_vec()
}

#[test]
fn a_photograph_is_captioned_and_embedded() {
    let medley = machine();
    fs::copy(sample("sample-pictures", "chelsea.png"), medley.path("chelsea.png")).unwrap();
    for (model, alone) in [("sig", true), ("chinese", false)] {
        let args = ["run", "caption", "chelsea.png", "--model", model, "--own-labels", "猫,狗,a rocket"];
        let rest = ["--tag-threshold", "0", "-o", model];
        let ended = medley.call(&[&args[..], &rest, BARE].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let row = rows(&medley.path(model)).remove(0);
        let scores: Vec<f64> =
            row["tags"].as_array().unwrap().iter().map(|tag| tag["score"].as_f64().unwrap()).collect();
        let one = (scores.iter().sum::<f64>() - 1.0).abs() < 1e-5;
        assert!(scores.len() == 3 && one != alone, "{model} {scores:?}");
        assert_eq!(row["captioned_by"], "clip");

        let ended = medley.call(&["embed", "chelsea.png", "一只猫", "--model", model, "-o", "both.npy"]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let (both, image) = (vectors(&medley.path("both.npy")), vectors(&medley.path(model).join("embeddings.npy")));
        assert_eq!((both.len(), &both[0]), (2, &image[0]));
    }
    let ended = medley.call(&["embed", "a cat", "--model", "bare", "-o", "none.npy"]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(
        ended.err.contains("params_invalid") && ended.err.contains("has no visual.onnx or vision_model.onnx"),
        "{}",
        ended.err
    );
}

#[test]
fn a_library_is_searched_with_the_model_that_made_it() {
    let medley = machine();
    drawn(&medley.path("photos"), 6);
    fs::copy(sample("sample-pictures", "chelsea.png"), medley.path("photos/chelsea.png")).unwrap();
    run(&medley, &[&["photos", "--model", "sig", "--own-labels", "cat,rocket"], BARE].concat());
    assert!(rows(&medley.path("dataset")).iter().all(|row| row["embedding"].is_u64()));
    let best = |args: &[&str]| -> Value {
        let ended = medley.call(&[&["search", "dataset", "--json", "--most", "1"], args].concat());
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
        serde_json::from_str(&ended.out).unwrap()
    };
    let cat = best(&["--image", "photos/chelsea.png"]);
    assert!(cat["path"] == "chelsea.png" && cat["score"].as_f64().unwrap() > 0.999, "{cat}");
    // By the sentence's vector, not by words: the best is the one whose cosine is highest.
    let found = best(&["a photo of a cat"]);
    let ended = medley.call(&["embed", "a photo of a cat", "--model", "sig", "-o", "query.npy"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let query = vectors(&medley.path("query.npy"))[0];
    let cosine = |image: &[f32; 16]| image.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>();
    let highest = vectors(&medley.path("dataset/embeddings.npy")).iter().map(cosine).fold(f32::MIN, f32::max);
    assert!((found["score"].as_f64().unwrap() as f32 - highest).abs() < 1e-5, "{found} {highest}");
}
