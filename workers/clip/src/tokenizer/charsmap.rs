//! SentencePiece's rules for characters: what stands for what (`normalizer.cc`). The rules are a trie of byte strings
//! (Yata's double array, "darts-clone") whose values point into a text of replacements that end with 0.

/// The rules of a model; empty: none.
#[derive(Debug, Default)]
pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: Vec<u8>,
}

/// A replacement is looked for over so many bytes at most, as SentencePiece does: so many rules of one start.
const MAX_RULES: usize = 32;

impl Charsmap {
    /// # Errors
    /// When the bytes are no such rules.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        const DAMAGED: &str = "its SentencePiece model has damaged rules for characters";
        let Some((size, rest)) = bytes.split_first_chunk::<4>() else {
            return if bytes.is_empty() { Ok(Self::default()) } else { Err(DAMAGED) };
        };
        let size = u32::from_le_bytes(*size) as usize;
        let (trie, replacements) = rest.split_at_checked(size).ok_or(DAMAGED)?;
        let (units, left) = trie.as_chunks::<4>();
        if units.is_empty() || !left.is_empty() || std::str::from_utf8(replacements).is_err() {
            return Err(DAMAGED);
        }
        Ok(Self {
            units: units.iter().map(|unit| u32::from_le_bytes(*unit)).collect(),
            replacements: replacements.to_vec(),
        })
    }

    /// What stands for the start of `text`, and how many of its bytes that is: by the longest rule, else the first
    /// character itself. `text` is not empty.
    pub(super) fn prefix<'a>(&'a self, text: &'a str) -> (&'a str, usize) {
        if let Some((length, value)) = self.longest(text.as_bytes())
            && text.is_char_boundary(length)
            && let Some(replacement) = self.replacement(value)
        {
            return (replacement, length);
        }
        let length = text.chars().next().map_or(0, char::len_utf8);
        (&text[..length], length)
    }

    /// The length and value of the longest key that `text` starts with.
    fn longest(&self, text: &[u8]) -> Option<(usize, u32)> {
        let mut at = offset(*self.units.first()?);
        let mut longest = None;
        let mut rules = 0;
        for (read, byte) in text.iter().enumerate() {
            at ^= usize::from(*byte);
            let unit = *self.units.get(at)?;
            if unit & 0x8000_00ff != u32::from(*byte) {
                break;
            }
            at ^= offset(unit);
            if unit >> 8 & 1 == 1 {
                longest = Some((read + 1, *self.units.get(at)? & 0x7fff_ffff));
                rules += 1;
                if rules == MAX_RULES {
                    break;
                }
            }
        }
        longest
    }

    fn replacement(&self, at: u32) -> Option<&str> {
        let rest = self.replacements.get(at as usize..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    }
}

/// Where a unit's children are, relative to it.
fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_rules_a_character_is_itself() {
        let none = Charsmap::parse(b"").unwrap();
        assert_eq!((none.prefix("éa"), none.prefix("猫")), (("é", 2), ("猫", 3)));
    }

    #[test]
    fn damaged_rules_are_refused_and_wild_ones_end() {
        for bad in
            [&b"\x01"[..], b"\xff\xff\xff\xff", b"\x02\x00\x00\x00ab", b"\x00\x00\x00\x00", b"\x04\x00\x00\x00abcd\xff"]
        {
            assert!(Charsmap::parse(bad).is_err(), "{bad:?}");
        }
        // Units that point anywhere.
        let wild = Charsmap { units: vec![u32::MAX >> 1; 300], replacements: b"x".to_vec() };
        assert_eq!(wild.prefix("abc"), ("a", 1));
    }
}
