//! Rows of a data set, and the facts about each that are kept in memory while the data set is made.

use std::io::{self, Read, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Chroma, Row};

/// A line of a library's `captions.jsonl`: the image's row, and what follows from the whole library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LibraryRow {
    #[serde(flatten)]
    pub row: Row,
    /// The line (from 0) of the best of the images that are alike; absent when no other is like it. All of a group say
    /// the same, the best one too.
    pub group: Option<u32>,
    /// How the image stands out from the library.
    pub outlier: Option<Outlier>,
    /// Why it is not in the training sets: `unreadable`, `too_small`, `nsfw`, `duplicate`.
    pub dropped: Option<String>,
}

/// The one thing in which an image differs most from the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outlier {
    pub why: Oddity,
    /// Standard deviations from the library's mean.
    pub score: f32,
}

/// In what an image may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    Large,
    Small,
    Wide,
    Tall,
    Sharp,
    Blurred,
    Bright,
    Dark,
    /// By its embedding.
    UnlikeTheOthers,
}

/// The facts about an image on which its group, its outlier and its place in the training sets depend.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Fact {
    pub(super) phash: Option<u64>,
    pub(super) chroma: Option<Chroma>,
    pub(super) embedded: bool,
    pub(super) readable: bool,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bytes: u64,
    pub(super) sharpness: f32,
    pub(super) exposure: f32,
    pub(super) nsfw: Option<f32>,
}

/// The largest [`Chroma::distance`] of copies that were scaled, cropped a little or encoded again.
const MAX_CHROMA_DISTANCE: f32 = 10.0;
/// Bytes of a fact in a file.
const FACT_BYTES: usize = 37 + Chroma::VALUES;

impl Fact {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            phash: row.phash.map(|hash| hash.0),
            chroma: row.chroma,
            embedded: row.embedding.is_some(),
            readable: row.error.is_none(),
            width: row.width,
            height: row.height,
            bytes: row.bytes,
            sharpness: row.sharpness,
            exposure: row.exposure,
            nsfw: row.nsfw,
        }
    }

    /// Whether the two have the colours of copies of each other.
    pub(super) fn has_colours_of(&self, other: &Self) -> bool {
        match (&self.chroma, &other.chroma) {
            (Some(one), Some(other)) => one.distance(other) <= MAX_CHROMA_DISTANCE,
            _ => true,
        }
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let flags = [self.phash.is_some(), self.embedded, self.readable, self.nsfw.is_some(), self.chroma.is_some()];
        let flags = flags.iter().rev().fold(0_u8, |all, flag| all << 1 | u8::from(*flag));
        out.write_all(&self.phash.unwrap_or_default().to_le_bytes())?;
        out.write_all(&[flags])?;
        out.write_all(&self.width.to_le_bytes())?;
        out.write_all(&self.height.to_le_bytes())?;
        out.write_all(&self.bytes.to_le_bytes())?;
        out.write_all(&self.sharpness.to_le_bytes())?;
        out.write_all(&self.exposure.to_le_bytes())?;
        out.write_all(&self.nsfw.unwrap_or_default().to_le_bytes())?;
        let chroma = self.chroma.map_or([0; Chroma::VALUES], |chroma| chroma.0);
        out.write_all(&chroma.map(i8::cast_unsigned))
    }

    /// None at the end.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = [0; FACT_BYTES];
        let mut filled = 0;
        while filled < FACT_BYTES {
            match from.read(&mut bytes[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
        let word = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let long =
            |at: usize| u64::from(u32::from_le_bytes(word(at))) | u64::from(u32::from_le_bytes(word(at + 4))) << 32;
        let flag = |bit: u8| bytes[8] & (1 << bit) != 0;
        Ok(Some(Self {
            phash: flag(0).then(|| long(0)),
            chroma: flag(4).then(|| Chroma(std::array::from_fn(|n| bytes[37 + n].cast_signed()))),
            embedded: flag(1),
            readable: flag(2),
            width: u32::from_le_bytes(word(9)),
            height: u32::from_le_bytes(word(13)),
            bytes: long(17),
            sharpness: f32::from_le_bytes(word(25)),
            exposure: f32::from_le_bytes(word(29)),
            nsfw: flag(3).then(|| f32::from_le_bytes(word(33))),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_back() {
        let fact = Fact {
            phash: Some(0x0123_4567_89ab_cdef),
            chroma: Some(Chroma(std::array::from_fn(|n| n as i8 - 16))),
            embedded: true,
            readable: true,
            width: 4_000,
            height: 3_000,
            bytes: 5 << 33,
            sharpness: 812.5,
            exposure: 0.25,
            nsfw: Some(0.125),
        };
        let mut file = Vec::new();
        fact.write(&mut file).unwrap();
        Fact::default().write(&mut file).unwrap();
        assert_eq!(file.len(), 2 * FACT_BYTES);
        let mut reader = file.as_slice();
        assert_eq!(Fact::read(&mut reader).unwrap(), Some(fact));
        assert_eq!(Fact::read(&mut reader).unwrap(), Some(Fact::default()));
        assert_eq!(Fact::read(&mut reader).unwrap(), None);
        assert!(Fact::read(&mut &file[..5]).is_err(), "a part that was cut off is an error");
    }
}
