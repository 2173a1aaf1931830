//! Labels as vectors, and which of them fit an image best.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ClipError, Embedder, Family, Scoring,
    vector::{dot, unit},
};

/// The seven prompts that OpenAI found to help most on ImageNet (the notebook `Prompt_Engineering_for_ImageNet`).
const TEMPLATES: [&str; 7] = [
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
];
/// One prompt for a label, where seven are too many.
const ONE_TEMPLATE: [&str; 1] = ["a photo of a {}."];
/// Seven of the kind for models that read Chinese, and one.
const CHINESE_TEMPLATES: [&str; 7] = [
    "一张{}的照片。",
    "一张模糊的{}的照片。",
    "一张{}的特写照片。",
    "一张大的{}的照片。",
    "一张小的{}的照片。",
    "一幅{}的画。",
    "一张好看的{}的照片。",
];
const ONE_CHINESE_TEMPLATE: [&str; 1] = ["一张{}的照片。"];
/// The template of phrases that need no words around them.
pub const AS_THEY_ARE: [&str; 1] = ["{}"];

const PHOTO: &str = include_str!("../banks/photo.txt");
const PHOTO_CHINESE: &str = include_str!("../banks/photo.zh.txt");
const IMAGENET: &str = include_str!("../banks/imagenet.txt");
/// A bank with more labels is taken for a mistake.
pub const MAX_LABELS: usize = 100_000;

/// The labels of a built-in bank, in the language that the family reads where the bank is written in it.
pub fn built_in(name: &str, family: Family) -> Option<Vec<String>> {
    match (name, family) {
        ("photo", Family::ChineseClip) => Some(lines(PHOTO_CHINESE)),
        ("photo", _) => Some(lines(PHOTO)),
        ("imagenet", _) => Some(lines(IMAGENET)),
        _ => None,
    }
}

/// The prompts for labels in the language that the family reads.
pub fn templates(family: Family, ensemble: bool) -> &'static [&'static str] {
    match (family, ensemble) {
        (Family::ChineseClip, true) => &CHINESE_TEMPLATES,
        (Family::ChineseClip, false) => &ONE_CHINESE_TEMPLATE,
        (_, true) => &TEMPLATES,
        (_, false) => &ONE_TEMPLATE,
    }
}

/// A label a line; empty lines and those that begin with `#` are skipped.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// A label and how well it fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tag {
    pub label: String,
    /// Probability among the labels of its bank, 0 to 1.
    pub score: f32,
}

/// Labels, each with the mean direction of its prompts.
#[derive(Clone)]
pub struct Bank {
    labels: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

impl fmt::Debug for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bank({} labels)", self.labels.len())
    }
}

impl Bank {
    /// Embeds every label in every template (`{}` is the label) and averages.
    ///
    /// # Errors
    /// As [`Embedder::texts`].
    pub fn embed(embedder: &dyn Embedder, labels: Vec<String>, templates: &[&str]) -> Result<Self, ClipError> {
        let mut vectors = Vec::with_capacity(labels.len());
        for some in labels.chunks(64) {
            let texts: Vec<String> = some
                .iter()
                .flat_map(|label| templates.iter().map(move |template| template.replace("{}", label)))
                .collect();
            let found = embedder.texts(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
            vectors.extend(found.chunks_exact(templates.len()).map(mean_direction));
        }
        Ok(Self { labels, vectors })
    }

    /// The cosine of every label.
    pub fn similarities(&self, image: &[f32]) -> Vec<f32> {
        self.vectors.iter().map(|vector| dot(vector, image)).collect()
    }

    /// The labels that fit best, at most `max`, each with its probability: among all of the bank, or by itself.
    pub fn best(&self, image: &[f32], scoring: Scoring, max: usize, threshold: f32) -> Vec<Tag> {
        let cosines = self.similarities(image);
        let scores = scoring.probabilities(&cosines);
        let mut order: Vec<usize> = (0..self.labels.len()).collect();
        // By cosine: far out, probabilities are all 0 or 1. Of equals, the one that comes first in the bank.
        order.sort_by(|a, b| cosines[*b].total_cmp(&cosines[*a]));
        order.truncate(max);
        order.retain(|at| scores[*at] >= threshold);
        order.into_iter().map(|at| Tag { label: self.labels[at].clone(), score: scores[at] }).collect()
    }

    pub fn label(&self, index: usize) -> &str {
        &self.labels[index]
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

fn mean_direction(vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0; vectors.first().map_or(0, Vec::len)];
    for vector in vectors {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }
    unit(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banks_are_whole() {
        let imagenet = built_in("imagenet", Family::Clip).unwrap();
        assert_eq!((imagenet.len(), imagenet[0].as_str(), imagenet[999].as_str()), (1000, "tench", "toilet paper"));
        let photo = built_in("photo", Family::Siglip).unwrap();
        let chinese = built_in("photo", Family::ChineseClip).unwrap();
        assert_eq!((photo.len(), photo[23].as_str(), chinese[23].as_str()), (chinese.len(), "cat", "猫"));
        for bank in [photo, chinese] {
            let mut sorted = bank.clone();
            sorted.sort();
            sorted.dedup();
            assert!(bank.len() > 150 && sorted.len() == bank.len());
        }
        assert_eq!(lines("# all\ncat\n\n C# book \n"), ["cat", "C# book"]);
    }

    #[test]
    fn the_best_are_above_the_threshold_and_in_order() {
        let bank = Bank {
            labels: vec!["a".into(), "b".into(), "c".into()],
            vectors: vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![-1.0, 0.0]],
        };
        let softmax = Scoring::Softmax { scale: 1.0 };
        let best = bank.best(&[1.0, 0.0], softmax, 3, 0.1);
        let (e, sum) = (1.0_f32.exp(), 1.0_f32.exp() + 1.0 + (-1.0_f32).exp());
        assert_eq!(best.iter().map(|tag| tag.label.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!((best[0].score - e / sum).abs() < 1e-6 && (best[1].score - 1.0 / sum).abs() < 1e-6);
        assert_eq!(bank.best(&[1.0, 0.0], Scoring::Softmax { scale: 100.0 }, 1, 0.0)[0].score, 1.0);
        // Each by itself: all of a bank may fit, or none.
        let alone = Scoring::Sigmoid { scale: 10.0, bias: 0.0 };
        assert_eq!(bank.best(&[0.0, 1.0], alone, 3, 0.5).len(), 3);
        assert!(bank.best(&[-1.0, 0.0], Scoring::Sigmoid { scale: 10.0, bias: -20.0 }, 3, 0.5).is_empty());
        let sure = Scoring::Sigmoid { scale: 1e6, bias: 1e9 };
        assert_eq!(bank.best(&[0.6, 0.8], sure, 1, 0.5)[0].label, "b");
    }
}
