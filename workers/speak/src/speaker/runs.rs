//! Runs: stretches of a sentence in one language, normalised for that language's voice.

use crate::{
    language::{self, Language},
    normalization::{self, Piece, PieceKind},
    pronunciation::{Pronunciation, SpokenText},
};

/// A stretch of a sentence in one language.
pub(crate) struct Run {
    pub(crate) language: Language,
    /// Its normalised pieces; their sources are places in the text as it was written.
    pub(crate) pieces: Vec<Piece>,
    /// Whether a punctuation mark stands before it.
    pub(super) paused: bool,
}

/// The runs of a sentence that have anything to say.
pub(crate) fn spoken_runs(spoken: &SpokenText, main: Language) -> Vec<Run> {
    let text = &spoken.text;
    let mut all: Vec<Run> = Vec::new();
    let mut add = |language, start: usize, mut pieces: Vec<Piece>| {
        pieces.iter_mut().for_each(|piece| piece.source = spoken.written(piece.source.clone()));
        match all.last_mut() {
            Some(last) if last.language == language => last.pieces.extend(pieces),
            _ => all.push(Run { language, pieces, paused: text[..start].trim_end().ends_with(is_pause) }),
        }
    };
    let normalise = |language, range| match language {
        Language::En => normalization::english::normalise(text, range),
        Language::Zh => normalization::chinese::normalise(text, range),
    };
    let mut phonemes = spoken.phonemes.iter().peekable();
    let mut at = 0;
    for (language, range) in language::runs(text, main) {
        at = at.max(range.start);
        while let Some((place, how)) = phonemes.next_if(|(place, _)| place.start < range.end) {
            if at < place.start {
                add(language, at, normalise(language, at..place.start));
            }
            let (Pronunciation::Pinyin(said) | Pronunciation::Ipa(said) | Pronunciation::Said(said)) = how;
            let piece = Piece { kind: PieceKind::Phonemes(said.clone()), source: place.clone() };
            add(how.language(), place.start, vec![piece]);
            at = place.end;
        }
        if at < range.end {
            add(language, at, normalise(language, at..range.end));
        }
    }
    all.retain(|run| run.pieces.iter().any(Piece::is_said));
    all
}

fn is_pause(c: char) -> bool {
    matches!(
        c,
        ',' | '.' | ';' | ':' | '!' | '?' | '，' | '。' | '；' | '：' | '！' | '？' | '、' | '—' | '…' | ')' | '）'
    )
}
