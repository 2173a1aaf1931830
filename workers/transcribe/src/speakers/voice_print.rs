//! Voice prints: numbers that are alike where the voice is the same.

use std::ops::{Deref, DerefMut};

use medley_models::Session;
use ndarray::ArrayView3;
use ort::value::TensorRef;

use super::{
    error::ListenError,
    fbank::{self, Fbank},
};
use crate::speech::{SAMPLE_RATE_HZ, span::Span};

pub(super) const DIMENSIONS: usize = 192;
/// Seconds of one print, and from a print to the next.
const PRINT_S: f64 = 1.5;
pub(super) const HOP_S: f64 = 0.75;
/// A shorter piece borrows sound from both sides…
const SHORT_S: f64 = 0.6;
/// …up to this.
const BORROWED_S: f64 = 0.8;
/// Fewer frames tell nothing.
const MIN_FRAMES: usize = 20;

/// A voice print.
#[derive(Clone, PartialEq)]
pub(crate) struct Print(Box<[f32; DIMENSIONS]>);

impl Default for Print {
    fn default() -> Self {
        Self(Box::new([0.0; DIMENSIONS]))
    }
}

impl Deref for Print {
    type Target = [f32; DIMENSIONS];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Print {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Print {
    /// Makes its length 1.
    pub(super) fn normalise(&mut self) {
        let length = self.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-9);
        self.iter_mut().for_each(|x| *x /= length);
    }

    /// The likeness of two prints of length 1.
    pub(super) fn cosine(&self, other: &Self) -> f32 {
        // Eight sums side by side: what the compiler makes vector instructions of.
        let mut sums = [0.0_f32; 8];
        for (a, b) in self.chunks_exact(8).zip(other.chunks_exact(8)) {
            sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
        }
        sums.iter().sum()
    }

    /// Adds another, times a weight.
    pub(super) fn add(&mut self, other: &Self, weight: f32) {
        self.iter_mut().zip(other.iter()).for_each(|(x, y)| *x += y * weight);
    }
}

/// Where prints of a piece of speech are taken; the last ends with the piece.
pub(super) fn places(piece: Span) -> Vec<Span> {
    if piece.len_s() <= PRINT_S {
        return vec![piece];
    }
    let mut places = Vec::new();
    let mut at_s = piece.start_s;
    while at_s + PRINT_S < piece.end_s {
        places.push(Span::new(at_s, at_s + PRINT_S));
        at_s += HOP_S;
    }
    places.push(Span::new(piece.end_s - PRINT_S, piece.end_s));
    places
}

/// Sound of the file from some sample on.
pub(super) struct Sound<'a> {
    pub(super) samples: &'a [f32],
    pub(super) first: usize,
    pub(super) duration_s: f64,
}

/// The print of what is said at a place; nothing where there is too little sound.
pub(super) fn print(
    session: &Session,
    fbank: &Fbank,
    sound: &Sound<'_>,
    place: Span,
) -> Result<Option<Print>, ListenError> {
    let heard = if place.len_s() < SHORT_S {
        let middle_s = f64::midpoint(place.start_s, place.end_s);
        let (start_s, end_s) = (middle_s - BORROWED_S / 2.0, middle_s + BORROWED_S / 2.0);
        Span::new(start_s.max(0.0), end_s.min(sound.duration_s))
    } else {
        place
    };
    let frames_a_s = f64::from(SAMPLE_RATE_HZ) / fbank::HOP as f64;
    let from = (heard.start_s * frames_a_s).round() as usize * fbank::HOP;
    let count = (heard.len_s() * frames_a_s).round() as usize;
    let samples = sound.samples.get(from.saturating_sub(sound.first)..).unwrap_or_default();
    let bands = fbank.centred(samples, count);
    let frames = bands.len() / fbank::BANDS;
    if frames < MIN_FRAMES {
        return Ok(None);
    }
    session.with(|session| {
        let view = ArrayView3::from_shape((1, frames, fbank::BANDS), &bands).map_err(|_| ListenError::Contract)?;
        let outputs = session.run(ort::inputs!["fbank" => TensorRef::from_array_view(view)?])?;
        let (_, embedding) = outputs["embedding"].try_extract_tensor::<f32>()?;
        if embedding.len() != DIMENSIONS {
            return Err(ListenError::Contract);
        }
        let mut print = Print::default();
        print.copy_from_slice(embedding);
        print.normalise();
        Ok(Some(print))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_cover_a_piece() {
        assert_eq!(places(Span::new(1.0, 2.0)), [Span::new(1.0, 2.0)]);
        assert_eq!(places(Span::new(0.0, 1.6)), [Span::new(0.0, 1.5), Span::new(1.6 - 1.5, 1.6)]);
        let long = places(Span::new(10.0, 14.0));
        assert_eq!(long.len(), 5);
        assert_eq!(long[4], Span::new(12.5, 14.0));
    }

    #[test]
    fn prints_compare_by_direction() {
        let (mut a, mut b) = (Print::default(), Print::default());
        (a[0], a[9], b[9]) = (3.0, 4.0, 2.0);
        a.normalise();
        b.normalise();
        assert!((a.cosine(&b) - 0.8).abs() < 1e-6 && (a.cosine(&a) - 1.0).abs() < 1e-6);
    }
}
