use std::{fmt, str::FromStr};

use medley_clip::Tag;
use medley_media::source::RowError;
use medley_proto::Sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known about one image: a line of `captions.jsonl`, a row of `captions.parquet`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// The path as the user knows it.
    pub path: String,
    /// Of the file, 64 hex digits; empty when the file could not be read at all.
    pub sha256: String,
    /// Of the file.
    pub bytes: u64,
    /// In pixels, upright (after EXIF's orientation); 0 when the image could not be decoded.
    pub width: u32,
    pub height: u32,
    /// `jpeg`, `png`, `webp`, `gif`, `bmp`, `tiff`, `pnm`; empty when it is none of them.
    pub format: String,
    /// EXIF's orientation, 1 to 8 (1: as stored).
    pub orientation: u8,
    /// One line of plain text.
    pub caption: String,
    pub captioned_by: CaptionedBy,
    /// The best labels first.
    pub tags: Vec<Tag>,
    /// Things that are believed to show, the surest first.
    #[serde(default)]
    pub objects: Vec<SeenObject>,
    /// Where it is, as an English phrase: `in a kitchen`; absent where that is not sure.
    #[serde(default)]
    pub scene: Option<String>,
    /// Lines of text in the image, in reading order.
    pub text: Vec<String>,
    /// How many people show, by boxes, faces and bodies together.
    pub people: u32,
    pub faces: u32,
    /// Bodies whose pose could be made out.
    pub poses: u32,
    /// Probability that it is not safe for work, 0 to 1; absent when it was not asked for.
    pub nsfw: Option<f32>,
    /// The largest share first.
    pub colours: Vec<Colour>,
    /// Variance of the Laplacian of luma (0 to 255) at a width or height of at most 512 px; below about 100 is blurred.
    pub sharpness: f32,
    /// Mean luma, 0 (black) to 1 (white).
    pub exposure: f32,
    pub phash: Option<PHash>,
    /// With the hash, which sees no colour, tells copies from images that differ in colour only.
    pub chroma: Option<Chroma>,
    pub exif: Option<Exif>,
    /// Row of the embeddings file, counted from 0; absent without vectors.
    pub embedding: Option<u32>,
    /// Why nothing else is known. A row with an error has no caption.
    pub error: Option<RowError>,
}

/// Where a caption comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaptionedBy {
    /// Composed by rules of what detectors and a classifier saw.
    #[default]
    Sentence,
    /// Chosen from banks of phrases by a CLIP model.
    Clip,
    /// Written by the vision model of `[caption.assist]`.
    Assistant,
}

/// A thing of COCO's 80 classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeenObject {
    pub name: String,
    /// 0 to 1.
    pub score: f32,
    /// Left, top, width and height in px of the upright image.
    #[serde(rename = "box")]
    pub bounds: [f32; 4],
    /// Where its middle is.
    pub position: Position,
}

/// A third of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    Left,
    Middle,
    Right,
}

/// A colour by name and the share of the image that is nearest to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Colour {
    pub name: String,
    /// 0 to 1.
    pub share: f32,
}

/// What the camera wrote.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Exif {
    /// Make and model.
    pub camera: Option<String>,
    /// As the camera's clock had it: `YYYY-MM-DD HH:MM:SS`.
    pub time: Option<String>,
    /// Degrees, north positive.
    pub lat: Option<f64>,
    /// Degrees, east positive.
    pub lon: Option<f64>,
}

/// A perceptual hash of 64 bits; images alike differ in few. In JSON 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9a-f]{16}$"))]
pub struct PHash(pub u64);

/// The mean a* and b* (CIE L\*a\*b\*, D65) of each of 4 × 4 tiles, row by row. In JSON 64 hex digits, two for each value as a
/// signed byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9a-f]{64}$"))]
pub struct Chroma(pub [i8; Chroma::VALUES]);

impl Chroma {
    /// Tiles a side.
    pub const SIDE: usize = 4;
    /// Two for each tile.
    pub const VALUES: usize = 2 * Self::SIDE * Self::SIDE;

    /// How far apart the two are where they are farthest: of copies some units, of a red and a green thing a hundred times
    /// the share of the tile that it fills.
    pub fn distance(&self, other: &Self) -> f32 {
        let tiles = self.0.as_chunks::<2>().0.iter().zip(other.0.as_chunks::<2>().0);
        let apart = tiles.map(|(one, other)| {
            let [a, b] = [0, 1].map(|n| f32::from(one[n]) - f32::from(other[n]));
            a.hypot(b)
        });
        apart.fold(0.0, f32::max)
    }
}

impl From<Chroma> for String {
    fn from(chroma: Chroma) -> Self {
        chroma.0.iter().map(|value| format!("{value:02x}")).collect()
    }
}

impl TryFrom<String> for Chroma {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let refused = || format!("'{text}' is no chroma: give {} lower-case hex digits", 2 * Self::VALUES);
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let pairs = text.as_bytes().as_chunks::<2>().0;
        if !digits || text.len() != 2 * Self::VALUES {
            return Err(refused());
        }
        let mut values = [0; Self::VALUES];
        for (value, pair) in values.iter_mut().zip(pairs) {
            let pair = std::str::from_utf8(pair).map_err(|_| refused())?;
            *value = u8::from_str_radix(pair, 16).map_err(|_| refused())?.cast_signed();
        }
        Ok(Self(values))
    }
}

impl Row {
    /// The row of an image that could not be read.
    pub fn failed(path: impl Into<String>, sha256: Option<Sha256>, bytes: u64, error: RowError) -> Self {
        Self {
            path: path.into(),
            sha256: sha256.map(|digest| digest.to_string()).unwrap_or_default(),
            bytes,
            orientation: 1,
            error: Some(error),
            ..Self::default()
        }
    }
}

impl PHash {
    /// In how many of the 64 bits the two differ.
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

impl fmt::Display for PHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<PHash> for String {
    fn from(hash: PHash) -> Self {
        hash.to_string()
    }
}

impl FromStr for PHash {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let valid = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let hash = if valid { u64::from_str_radix(text, 16).ok() } else { None };
        hash.map(Self).ok_or_else(|| format!("'{text}' is no perceptual hash: give 16 lower-case hex digits"))
    }
}

impl TryFrom<String> for PHash {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_survive_json_and_nothing_else_is_one() {
        let hash = PHash(0x00ff_0000_0000_0001);
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, "\"00ff000000000001\"");
        assert_eq!(serde_json::from_str::<PHash>(&json).unwrap(), hash);
        assert_eq!(hash.distance(PHash(0)), 9);
        for bad in ["", "0", "00FF000000000001", "+0ff000000000001", "00ff0000000000012"] {
            assert!(bad.parse::<PHash>().is_err(), "{bad}");
        }
    }

    #[test]
    fn chroma_survives_json() {
        let chroma = Chroma(std::array::from_fn(|n| (n as i8 - 16) * 8));
        let json = serde_json::to_string(&chroma).unwrap();
        assert!(json.starts_with("\"8088"), "{json}");
        assert_eq!(serde_json::from_str::<Chroma>(&json).unwrap(), chroma);
        assert_eq!(chroma.distance(&chroma), 0.0);
        for bad in [String::new(), "0".repeat(63), "é".repeat(32), "0A".repeat(32), "+1".repeat(32)] {
            assert!(Chroma::try_from(bad.clone()).is_err(), "{bad}");
        }
    }
}
