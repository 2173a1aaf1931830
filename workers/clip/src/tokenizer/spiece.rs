//! The file of a SentencePiece model (`spiece.model`): as much of its Protocol Buffers message as a unigram tokeniser
//! needs (`sentencepiece_model.proto`).

/// What is read of the file.
#[derive(Debug)]
pub(super) struct Model {
    /// In the order of their ids.
    pub(super) pieces: Vec<Piece>,
    /// Rules for characters, compiled; empty: none.
    pub(super) charsmap: Vec<u8>,
    /// Runs of blanks are one, and none stands at an end.
    pub(super) trims: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) score: f32,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Unknown,
    /// Stands in no text.
    Control,
    /// Always one piece where it stands in a text.
    UserDefined,
    Unused,
}

/// Reads the file.
///
/// # Errors
/// When it is no SentencePiece model, or one that cuts otherwise than SigLIP's does.
pub(super) fn parse(bytes: &[u8]) -> Result<Model, &'static str> {
    const NONE: &str = "it is no SentencePiece model";
    let mut model = Model { pieces: Vec::new(), charsmap: Vec::new(), trims: true };
    for field in Fields(bytes) {
        match field.ok_or(NONE)? {
            (1, Value::Bytes(piece)) => model.pieces.push(parse_piece(piece).ok_or(NONE)?),
            (2, Value::Bytes(trainer)) => check_trainer(trainer)?,
            (3, Value::Bytes(normalizer)) => parse_normalizer(normalizer, &mut model)?,
            _ => {}
        }
    }
    if model.pieces.is_empty() { Err(NONE) } else { Ok(model) }
}

fn parse_piece(bytes: &[u8]) -> Option<Piece> {
    let mut piece = Piece { text: String::new(), score: 0.0, kind: Kind::Normal };
    for field in Fields(bytes) {
        match field? {
            (1, Value::Bytes(text)) => piece.text = String::from_utf8(text.to_vec()).ok()?,
            (2, Value::Fixed32(score)) => piece.score = f32::from_bits(score),
            (3, Value::Varint(kind)) => {
                piece.kind = match kind {
                    1 => Kind::Normal,
                    2 => Kind::Unknown,
                    3 => Kind::Control,
                    4 => Kind::UserDefined,
                    5 => Kind::Unused,
                    _ => return None,
                }
            }
            _ => {}
        }
    }
    Some(piece)
}

/// What the tokeniser was trained to be. Bytes as a last resort are a kind of piece, which [`parse_piece`] refuses.
fn check_trainer(bytes: &[u8]) -> Result<(), &'static str> {
    const UNIGRAM: u64 = 1;
    for field in Fields(bytes) {
        match field {
            Some((3, Value::Varint(UNIGRAM)) | (24, Value::Varint(0))) => {}
            Some((3, _)) => return Err("its SentencePiece model is no unigram model"),
            Some((24, _)) => return Err("its SentencePiece model marks blanks behind words"),
            Some(_) => {}
            None => return Err("its SentencePiece model is damaged"),
        }
    }
    Ok(())
}

fn parse_normalizer(bytes: &[u8], model: &mut Model) -> Result<(), &'static str> {
    for field in Fields(bytes) {
        match field {
            Some((2, Value::Bytes(charsmap))) => model.charsmap = charsmap.to_vec(),
            Some((4, Value::Varint(trims))) => model.trims = trims != 0,
            Some((5, Value::Varint(0))) => return Err("its SentencePiece model leaves blanks as they are"),
            Some(_) => {}
            None => return Err("its SentencePiece model is damaged"),
        }
    }
    Ok(())
}

/// The value of a field, by its wire type.
#[derive(Debug, PartialEq)]
enum Value<'a> {
    Varint(u64),
    Fixed64,
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// The fields of a message: their numbers and values. Nothing, once, where the bytes are no message.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(*self.take(4)?.first_chunk()?)),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `▁a` with a score of -1.5, `<unk>`, and blanks that stay.
    const SMALL: &[u8] =
        b"\x0a\x0b\x0a\x04\xe2\x96\x81a\x15\x00\x00\xc0\xbf\x0a\x09\x0a\x05<unk>\x18\x02\x1a\x02\x20\x00";

    #[test]
    fn a_model_is_read() {
        let model = parse(SMALL).unwrap();
        assert_eq!(model.pieces[0], Piece { text: "▁a".into(), score: -1.5, kind: Kind::Normal });
        assert_eq!((model.pieces[1].text.as_str(), model.pieces[1].kind), ("<unk>", Kind::Unknown));
        assert!(!model.trims && model.charsmap.is_empty());
    }

    #[test]
    fn other_bytes_are_refused_and_never_a_panic() {
        for bad in [&b""[..], b"not a model", &[0xff; 40], b"\x0a\x7fshort", b"\x0b", b"\x12\x02\x18\x02"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        for end in 1..SMALL.len() {
            let _ = parse(&SMALL[..end]);
        }
        assert_eq!(parse(b"\x12\x02\x18\x02").unwrap_err(), "its SentencePiece model is no unigram model");
    }
}
