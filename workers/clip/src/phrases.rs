//! Captions out of banks of phrases, in the manner of CLIP Interrogator (pharmapsychotic, 2022): a subject, a medium, a
//! style, then flavours one after another for as long as they bring the sentence closer to the image.

use crate::{
    ClipError, Embedder,
    bank::{AS_THEY_ARE, Bank, lines},
    vector::dot,
};

const MEDIUMS: &str = include_str!("../banks/mediums.txt");
const STYLES: &str = include_str!("../banks/styles.txt");
const FLAVOURS: &str = include_str!("../banks/flavours.txt");
/// Flavours that are tried, the closest alone first.
const CANDIDATES: usize = 8;
const MAX_FLAVOURS: usize = 3;

/// The phrases, embedded.
#[derive(Debug)]
pub struct Phrases {
    mediums: Bank,
    styles: Bank,
    flavours: Bank,
}

impl Phrases {
    /// # Errors
    /// As [`Embedder::texts`].
    pub fn embed(embedder: &dyn Embedder) -> Result<Self, ClipError> {
        let bank = |text| Bank::embed(embedder, lines(text), &AS_THEY_ARE);
        Ok(Self { mediums: bank(MEDIUMS)?, styles: bank(STYLES)?, flavours: bank(FLAVOURS)? })
    }

    /// `subject` is what the image shows ("a cat"). About 30 texts are embedded.
    ///
    /// # Errors
    /// As [`Embedder::texts`].
    pub fn caption(&self, embedder: &dyn Embedder, image: &[f32], subject: &str) -> Result<String, ClipError> {
        let medium = self.mediums.label(ranked(&self.mediums, image)[0]);
        let mut caption = format!("{medium} of {subject}");
        let mut closeness = dot(&one(embedder, &caption)?, image);
        let style = self.styles.label(ranked(&self.styles, image)[0]).to_owned();
        extend(embedder, image, &mut caption, &mut closeness, &mut vec![style])?;
        let flavours = ranked(&self.flavours, image).into_iter().take(CANDIDATES);
        let mut candidates: Vec<String> = flavours.map(|at| self.flavours.label(at).to_owned()).collect();
        for _ in 0..MAX_FLAVOURS {
            if !extend(embedder, image, &mut caption, &mut closeness, &mut candidates)? {
                break;
            }
        }
        Ok(caption)
    }
}

/// Puts the candidate behind the caption that brings it closest to the image, if one brings it closer.
fn extend(
    embedder: &dyn Embedder,
    image: &[f32],
    caption: &mut String,
    closeness: &mut f32,
    candidates: &mut Vec<String>,
) -> Result<bool, ClipError> {
    let longer: Vec<String> = candidates.iter().map(|phrase| format!("{caption}, {phrase}")).collect();
    let vectors = embedder.texts(&longer.iter().map(String::as_str).collect::<Vec<_>>())?;
    let best = vectors.iter().map(|vector| dot(vector, image)).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    match best {
        Some((at, closer)) if closer > *closeness => {
            caption.clone_from(&longer[at]);
            *closeness = closer;
            candidates.remove(at);
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn one(embedder: &dyn Embedder, text: &str) -> Result<Vec<f32>, ClipError> {
    Ok(embedder.texts(&[text])?.into_iter().next().unwrap_or_default())
}

/// The phrases of a bank, the closest first.
fn ranked(bank: &Bank, image: &[f32]) -> Vec<usize> {
    let similarities = bank.similarities(image);
    let mut order: Vec<usize> = (0..bank.len()).collect();
    order.sort_by(|a, b| similarities[*b].total_cmp(&similarities[*a]));
    order
}
