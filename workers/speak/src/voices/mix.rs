//! Mixes of Kokoro's voices. A style is a point in a space: a weighted mean of voices is a voice between them.

use std::{fmt, str::FromStr};

use super::{
    VOICES,
    list::{Listed, find},
};
use crate::language::Language;

/// The most voices of a mix.
const MAX_PARTS: usize = 4;

/// Voices with their weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Blend {
    /// Places in [`VOICES`] with weights above 0; those behind `count` are not used.
    parts: [(u8, f32); MAX_PARTS],
    count: usize,
}

impl Blend {
    /// The voices with their shares, which add up to 1.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (&'static Listed, f32)> + Clone {
        let parts = self.parts;
        let all: f32 = parts[..self.count].iter().map(|(_, weight)| weight).sum();
        parts.into_iter().take(self.count).map(move |(place, weight)| (&VOICES[usize::from(place)], weight / all))
    }
}

impl FromStr for Blend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut blend = Self { parts: [(0, 0.0); MAX_PARTS], count: 0 };
        for term in text.split('+') {
            let (name, weight) = term.split_once(':').unwrap_or((term, "1"));
            let place = find(name.trim())?;
            let weight = weight.trim().parse::<f32>().ok().filter(|weight| *weight > 0.0 && weight.is_finite());
            let weight = weight.ok_or_else(|| format!("'{term}': the weight of a voice is a number above 0"))?;
            let part = blend.parts.get_mut(blend.count);
            *part.ok_or_else(|| format!("a mix has at most {MAX_PARTS} voices"))? = (place, weight);
            blend.count += 1;
        }
        if blend.count == 1 {
            blend.parts[0].1 = 1.0;
        }
        Ok(blend)
    }
}

impl fmt::Display for Blend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (place, weight)) in self.parts[..self.count].iter().enumerate() {
            f.write_str(if n > 0 { "+" } else { "" })?;
            f.write_str(VOICES[usize::from(*place)].name)?;
            if self.count > 1 {
                write!(f, ":{weight}")?;
            }
        }
        Ok(())
    }
}

/// One voice made of others: its sound, and its melody and rhythm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mix {
    pub(crate) timbre: Blend,
    pub(crate) prosody: Blend,
}

impl Mix {
    pub(crate) fn voices(&self) -> impl Iterator<Item = &'static Listed> {
        self.timbre.shares().chain(self.prosody.shares()).map(|(voice, _)| voice)
    }

    pub(crate) fn languages(&self) -> Vec<Language> {
        let speaks = |language: &Language| self.voices().any(|voice| voice.language == *language);
        [Language::En, Language::Zh].into_iter().filter(speaks).collect()
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut halves = text.split('/');
        let timbre: Blend = halves.next().unwrap_or_default().parse()?;
        let prosody = halves.next().map_or(Ok(timbre), str::parse)?;
        match halves.next() {
            None => Ok(Self { timbre, prosody }),
            Some(_) => Err(format!("'{text}' has more than two halves; write timbre/prosody")),
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.timbre)?;
        if self.prosody == self.timbre { Ok(()) } else { write!(f, "/{}", self.prosody) }
    }
}
