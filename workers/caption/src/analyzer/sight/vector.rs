//! A vector of a picture in the space of [`Sentences`]: what its classes and things are called, and what is said of it.
//!
//! The classifier's 50 likeliest labels, weighted by probability (ConSE; Norouzi et al., arXiv:1312.5650), the detector's best
//! box of each class, weighted by score² and area^¼, and one and a half times the sentence; each a unit vector.

use medley_clip::{ClipError, Sentences};
use medley_vision::{
    classify::CLASSES,
    objects::{NAMES, Object},
};

/// For each label of ImageNet, then for each class of COCO: its vector without the mean of its kind, as a scale (f32) and
/// 384 signed bytes. `labels_are_what_the_encoder_gives` makes it.
const LABELS: &[u8] = include_bytes!("labels.bin");
const DIM: usize = Sentences::DIM;
const LABEL_BYTES: usize = 4 + DIM;
const TOP: usize = 50;
const WEIGHT_OF_SENTENCE: f32 = 1.5;
/// Embedded for a picture of which nothing can be said.
const NOTHING: &str = "A picture.";

/// What a vector is made of.
pub(super) struct Seen<'a> {
    pub(super) classes: &'a [f32],
    /// All that the detector told, believed or not.
    pub(super) objects: &'a [Object],
    /// Of the picture, in square px.
    pub(super) area: f32,
    pub(super) sentence: Option<&'a str>,
}

/// The picture's vector, of length 1.
pub(super) fn vector(seen: &Seen<'_>, sentences: &Sentences) -> Result<Vec<f32>, ClipError> {
    let mut sum = [0.0; DIM];
    add(&mut sum, &of_classes(seen.classes), 1.0);
    add(&mut sum, &of_objects(seen.objects, seen.area), 1.0);
    let sentence = sentences.embed(seen.sentence.unwrap_or(NOTHING))?;
    add(&mut sum, &sentence, WEIGHT_OF_SENTENCE);
    let length = length(&sum);
    Ok(sum.iter().map(|value| value / length.max(1e-9)).collect())
}

fn of_classes(classes: &[f32]) -> [f32; DIM] {
    let mut order: Vec<usize> = (0..CLASSES.min(classes.len())).collect();
    order.sort_by(|a, b| classes[*b].total_cmp(&classes[*a]));
    let mut sum = [0.0; DIM];
    order.iter().take(TOP).for_each(|class| add_label(&mut sum, *class, classes[*class]));
    sum
}

fn of_objects(objects: &[Object], area: f32) -> [f32; DIM] {
    let mut weights = [0.0_f32; NAMES.len()];
    for object in objects {
        let share = (object.bounds.area() / area.max(1.0)).min(1.0);
        let weight = object.score * object.score * share.sqrt().sqrt();
        weights[object.class] = weights[object.class].max(weight);
    }
    let mut sum = [0.0; DIM];
    weights.iter().enumerate().for_each(|(class, weight)| add_label(&mut sum, CLASSES + class, *weight));
    sum
}

fn add_label(sum: &mut [f32; DIM], label: usize, weight: f32) {
    let Some(bytes) = LABELS.get(label * LABEL_BYTES..(label + 1) * LABEL_BYTES) else { return };
    let (scale, values) = bytes.split_at(4);
    let scale = scale.first_chunk().map_or(0.0, |scale| f32::from_le_bytes(*scale)) * weight;
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += f32::from(value.cast_signed()) * scale);
}

/// Adds the direction of a vector, so many times.
fn add(sum: &mut [f32; DIM], vector: &[f32], times: f32) {
    let length = length(vector);
    if length > 1e-9 {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value / length * times);
    }
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use medley_clip::{Family, built_in};
    use medley_models::{Models, SessionOptions};

    use super::*;
    use crate::analyzer::sight::{english::said, groups::plain};

    /// The file as the encoder makes it.
    fn made(sentences: &Sentences) -> Vec<u8> {
        let imagenet: Vec<String> =
            built_in("imagenet", Family::Clip).unwrap().iter().map(|label| plain(label)).collect();
        let coco: Vec<String> = NAMES.iter().map(|name| said(name).to_owned()).collect();
        let mut bytes = Vec::new();
        for labels in [imagenet, coco] {
            let vectors: Vec<Vec<f32>> = labels.iter().map(|label| sentences.embed(label).unwrap()).collect();
            let mean: Vec<f32> =
                (0..DIM).map(|n| vectors.iter().map(|vector| vector[n]).sum::<f32>() / vectors.len() as f32).collect();
            for vector in vectors {
                let centred: Vec<f32> = vector.iter().zip(&mean).map(|(value, mean)| value - mean).collect();
                let scale = centred.iter().fold(1e-9_f32, |largest, value| largest.max(value.abs())) / 127.0;
                bytes.extend(scale.to_le_bytes());
                bytes.extend(centred.iter().map(|value| ((value / scale).round() as i8).cast_unsigned()));
            }
        }
        bytes
    }

    /// `MEDLEY_REGENERATE=1` writes the file anew.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
    fn labels_are_what_the_encoder_gives() {
        let sentences = Sentences::open(&Models::open(&Models::default_dir()), SessionOptions::default()).unwrap();
        let made = made(&sentences);
        if std::env::var_os("MEDLEY_REGENERATE").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/analyzer/sight/labels.bin");
            std::fs::write(path, &made).unwrap();
            return;
        }
        assert_eq!(made.len(), LABELS.len());
        let label = |bytes: &[u8]| -> Vec<f32> { bytes[4..].iter().map(|v| f32::from(v.cast_signed())).collect() };
        for (one, other) in made.chunks_exact(LABEL_BYTES).zip(LABELS.chunks_exact(LABEL_BYTES)) {
            let (one, other) = (label(one), label(other));
            let dot: f32 = one.iter().zip(&other).map(|(a, b)| a * b).sum();
            // The int8 graph rounds differently from CPU to CPU.
            assert!(dot / length(&one) / length(&other) > 0.99);
        }
    }
}
