//! Labels as vectors, and how well an image fits each.

use std::fmt;

use super::{Embedder, model::unit};
use crate::{CaptionError, row::Tag};

/// The seven prompts that OpenAI found to help most on ImageNet (the notebook `Prompt_Engineering_for_ImageNet`).
pub const TEMPLATES: [&str; 7] = [
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
];
/// For phrases that are whole already.
pub const AS_THEY_ARE: [&str; 1] = ["{}"];

const PHOTO: &str = include_str!("../../banks/photo.txt");
const IMAGENET: &str = include_str!("../../banks/imagenet.txt");
/// More labels than this are a mistake.
pub const MOST_LABELS: usize = 100_000;

/// The labels of a built-in bank.
pub fn built_in(name: &str) -> Option<Vec<String>> {
    match name {
        "photo" => Some(lines(PHOTO)),
        "imagenet" => Some(lines(IMAGENET)),
        _ => None,
    }
}

/// A label a line; empty lines and those that begin with `#` count for nothing.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// Labels with the mean direction of their prompts.
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
    pub fn embed(embedder: &dyn Embedder, labels: Vec<String>, templates: &[&str]) -> Result<Self, CaptionError> {
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

    /// The labels that fit best, at most `most`, each with its probability among all of the bank: the softmax of
    /// similarities times `scale`.
    pub fn best(&self, image: &[f32], scale: f32, most: usize, threshold: f32) -> Vec<Tag> {
        let logits: Vec<f32> = self.similarities(image).into_iter().map(|cosine| cosine * scale).collect();
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
        let mut scored: Vec<(f32, &String)> =
            logits.iter().map(|logit| (logit - highest).exp() / sum).zip(&self.labels).collect();
        // Of equals, the one that comes first in the bank.
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(most);
        scored.retain(|(score, _)| *score >= threshold);
        scored.into_iter().map(|(score, label)| Tag { label: label.clone(), score }).collect()
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

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banks_are_whole() {
        let imagenet = built_in("imagenet").unwrap();
        assert_eq!((imagenet.len(), imagenet[0].as_str(), imagenet[999].as_str()), (1000, "tench", "toilet paper"));
        let photo = built_in("photo").unwrap();
        let mut sorted = photo.clone();
        sorted.sort();
        sorted.dedup();
        assert!(photo.len() > 150 && sorted.len() == photo.len());
        assert_eq!(lines("# all\ncat\n\n C# book \n"), ["cat", "C# book"]);
    }

    #[test]
    fn probabilities_are_a_softmax_with_a_threshold() {
        let bank = Bank {
            labels: vec!["a".into(), "b".into(), "c".into()],
            vectors: vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![-1.0, 0.0]],
        };
        let best = bank.best(&[1.0, 0.0], 1.0, 3, 0.1);
        let (e, sum) = (1.0_f32.exp(), 1.0_f32.exp() + 1.0 + (-1.0_f32).exp());
        assert_eq!(best.iter().map(|tag| tag.label.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!((best[0].score - e / sum).abs() < 1e-6 && (best[1].score - 1.0 / sum).abs() < 1e-6);
        assert_eq!(bank.best(&[1.0, 0.0], 100.0, 1, 0.0)[0].score, 1.0);
    }
}
