//! SentencePiece's unigram tokeniser (Kudo, 2018) as SigLIP uses it: what `SiglipTokenizer` of transformers 4.57 gives.

use std::{collections::HashMap, path::Path};

use super::{
    charsmap::Charsmap,
    is_space, read,
    spiece::{self, Kind},
};

/// SigLIP's model has 0.8 MB; more is something else.
const MAX_MODEL_BYTES: u64 = 32 << 20;
/// Stands for a blank in pieces.
const BLANK: &str = "▁";
/// How much worse than the worst piece a character is that no piece has.
const UNKNOWN_PENALTY: f32 = 10.0;
/// Python's `string.punctuation`.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
/// Longer texts lose their end long before the tower's context does.
const MAX_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Unigram {
    charsmap: Charsmap,
    trims: bool,
    pieces: HashMap<String, Scored>,
    /// Kept whole, the longest first.
    user_defined: Vec<String>,
    longest_bytes: usize,
    unknown: u32,
    unknown_score: f32,
    best_score: f32,
    end: u32,
    /// Ids of [`Unigram::UNKNOWN`] at the start of a text.
    lead: usize,
}

#[derive(Debug, Clone, Copy)]
struct Scored {
    id: u32,
    score: f32,
    kind: Kind,
}

/// The best way to come to a place in the text.
#[derive(Debug, Clone, Copy)]
struct Reached {
    score: f32,
    from: usize,
    id: u32,
}

impl Unigram {
    /// transformers puts it in front of a text, so that SentencePiece keeps the blank of the first word, and takes its
    /// ids away again.
    const UNKNOWN: &str = "<unk>";

    /// Reads `spiece.model`.
    pub(super) fn open(path: &Path) -> Result<Self, &'static str> {
        Self::parse(&read(path, MAX_MODEL_BYTES)?)
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let model = spiece::parse(bytes)?;
        let charsmap = Charsmap::parse(&model.charsmap)?;
        let id_of = |wanted: &dyn Fn(&spiece::Piece) -> bool| model.pieces.iter().position(wanted).map(|at| at as u32);
        let unknown =
            id_of(&|piece| piece.kind == Kind::Unknown).ok_or("its SentencePiece model has no unknown piece")?;
        let end = id_of(&|piece| piece.kind == Kind::Control && piece.text == "</s>")
            .ok_or("its SentencePiece model has no piece </s>")?;
        // As SentencePiece has it, whose best score begins above zero, where the logarithm of a probability never is.
        let (mut worst, mut best) = (f32::MAX, f32::MIN_POSITIVE);
        for piece in model.pieces.iter().filter(|piece| piece.kind == Kind::Normal) {
            worst = worst.min(piece.score);
            best = best.max(piece.score);
        }
        let mut pieces = HashMap::new();
        let mut user_defined = Vec::new();
        for (piece, id) in model.pieces.into_iter().zip(0..) {
            if piece.kind == Kind::UserDefined {
                user_defined.push(piece.text.clone());
            }
            if matches!(piece.kind, Kind::Normal | Kind::UserDefined) {
                pieces.insert(piece.text, Scored { id, score: piece.score, kind: piece.kind });
            }
        }
        user_defined.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let mut unigram = Self {
            charsmap,
            trims: model.trims,
            user_defined,
            longest_bytes: pieces.keys().map(String::len).max().unwrap_or(0),
            pieces,
            unknown,
            unknown_score: worst - UNKNOWN_PENALTY,
            best_score: best,
            end,
            lead: 0,
        };
        unigram.lead = unigram.pieces_of(Self::UNKNOWN).len();
        Ok(unigram)
    }

    pub(super) fn end(&self) -> u32 {
        self.end
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let text = &text[..text.floor_char_boundary(MAX_BYTES)];
        let ids = self.pieces_of(&format!("{}{}", Self::UNKNOWN, canonical(text)));
        ids.get(self.lead..).map(<[u32]>::to_vec).unwrap_or(ids)
    }

    fn pieces_of(&self, text: &str) -> Vec<u32> {
        let text = self.normalised(text);
        let mut ids: Vec<u32> = Vec::new();
        for id in self.best_path(&text) {
            // Unknown characters in a row are one piece.
            if id != self.unknown || ids.last() != Some(&id) {
                ids.push(id);
            }
        }
        ids
    }

    /// SentencePiece's `Normalizer::Normalize`, without a blank put in front.
    fn normalised(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() * 2);
        let mut rest = text;
        let mut after_blank = self.trims;
        while !rest.is_empty() {
            let (mut found, length) = self.prefix(rest);
            rest = &rest[length..];
            if after_blank {
                found = found.trim_start_matches(' ');
            }
            if !found.is_empty() {
                out += &found.replace(' ', BLANK);
                after_blank = self.trims && found.ends_with(' ');
            }
        }
        if self.trims {
            out.truncate(out.trim_end_matches(BLANK).len());
        }
        out
    }

    fn prefix<'a>(&'a self, text: &'a str) -> (&'a str, usize) {
        match self.user_defined.iter().find(|piece| text.starts_with(piece.as_str())) {
            Some(piece) => (piece, piece.len()),
            None => self.charsmap.prefix(text),
        }
    }

    /// The ids of the most probable cut (Viterbi); of equals, the one whose last piece is longest, as SentencePiece.
    fn best_path(&self, text: &str) -> Vec<u32> {
        let mut reached: Vec<Option<Reached>> = vec![None; text.len() + 1];
        for (from, first) in text.char_indices() {
            let till_here = reached[from].map_or(0.0, |here| here.score);
            // Sums in f64 against what was kept in f32, as SentencePiece: it decides between cuts that are as good.
            let mut offer = |to: usize, score: f64, id: u32| {
                if reached[to].is_none_or(|there| score > f64::from(there.score)) {
                    reached[to] = Some(Reached { score: score as f32, from, id });
                }
            };
            let one = from + first.len_utf8();
            let mut known = false;
            for to in (one..=text.len().min(from + self.longest_bytes)).filter(|to| text.is_char_boundary(*to)) {
                if let Some(piece) = self.pieces.get(&text[from..to]) {
                    offer(to, self.score(piece, to - from) + f64::from(till_here), piece.id);
                    known |= to == one;
                }
            }
            if !known {
                offer(one, f64::from(self.unknown_score + till_here), self.unknown);
            }
        }
        let mut ids = Vec::new();
        let mut at = text.len();
        while let Some(there) = reached[at] {
            ids.push(there.id);
            at = there.from;
        }
        ids.reverse();
        ids
    }

    fn score(&self, piece: &Scored, bytes: usize) -> f64 {
        match piece.kind {
            // Better than any cut of it.
            Kind::UserDefined => f64::from(bytes as f32 * self.best_score) - 0.1,
            _ => f64::from(piece.score),
        }
    }
}

/// As SigLIP's texts were prepared (`canonicalize_text` of big_vision): no punctuation, single blanks, lower case.
fn canonical(text: &str) -> String {
    let mut out = String::from(BLANK);
    // Character by character, so that a final sigma is none.
    let lower = text.replace(BLANK, " ").chars().flat_map(char::to_lowercase).collect::<String>();
    let bare: String = lower.chars().filter(|c| !PUNCTUATION.contains(*c)).collect();
    let mut blank = false;
    for c in bare.trim_end_matches(is_space).chars() {
        if is_space(c) {
            blank = true;
            continue;
        }
        if std::mem::take(&mut blank) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bare_and_lower_case() {
        assert_eq!(canonical("A Photo, of:\tΑΣ ▁x \u{1c}"), "▁a photo of ασ x");
        assert_eq!(canonical("  don't —“so”  "), "▁ dont —“so”");
        assert_eq!((canonical(""), canonical(" .\n"), canonical("...")), ("▁".into(), "▁".into(), "▁".into()));
    }
}
