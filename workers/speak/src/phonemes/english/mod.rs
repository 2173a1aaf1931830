//! English: from normalised words to the symbols of an English voice.

mod alphabet;
mod espeak;
mod words;

pub(crate) use alphabet::Alphabet;
use espeak::Espeak;

use crate::{
    SpeakError,
    normalization::{Piece, PieceKind},
    phonemes::Symbol,
};

/// The front end of the English voices.
#[derive(Debug)]
pub(crate) struct English {
    espeak: Espeak,
}

impl English {
    pub(crate) fn start() -> Result<Self, SpeakError> {
        Ok(Self { espeak: Espeak::start()? })
    }

    /// The program that reads, with its version.
    pub(crate) fn version(&self) -> &str {
        self.espeak.version()
    }

    /// The phrase's symbols. `pieces` are normalised; the `n`th piece's symbols carry the word number `n`, or that of
    /// the first piece of the same source.
    pub(crate) fn symbols(&self, pieces: &[Piece], alphabet: Alphabet) -> Result<Vec<Symbol>, SpeakError> {
        let mut symbols: Vec<Symbol> = Vec::new();
        let mut clause: Vec<(usize, &str)> = Vec::new();
        let mut number = 0;
        for (n, piece) in pieces.iter().enumerate() {
            // What one number or abbreviation was expanded to is one word.
            number = if n > 0 && pieces[number].source == piece.source { number } else { n };
            match &piece.kind {
                PieceKind::Say(text) => clause.extend(text.split_whitespace().map(|word| (number, word))),
                PieceKind::Phonemes(ipa) => {
                    self.clause(&mut clause, alphabet, &mut symbols)?;
                    for word in ipa.split_whitespace() {
                        append(word, &vec![number; word.chars().count()], alphabet, &mut symbols);
                    }
                }
                PieceKind::Mark(mark) => {
                    self.clause(&mut clause, alphabet, &mut symbols)?;
                    if let Some(mark) = alphabet.mark(*mark)
                        && symbols.last().is_some_and(|symbol| symbol.word.is_some())
                    {
                        symbols.push(Symbol::mark(mark));
                    }
                }
            }
        }
        self.clause(&mut clause, alphabet, &mut symbols)?;
        Ok(symbols)
    }

    fn clause(
        &self,
        clause: &mut Vec<(usize, &str)>,
        alphabet: Alphabet,
        symbols: &mut Vec<Symbol>,
    ) -> Result<(), SpeakError> {
        let words: Vec<_> = std::mem::take(clause);
        if words.is_empty() {
            return Ok(());
        }
        let text = words.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(" ");
        let ipa = self.espeak.ipa(&text)?;
        let owners = words::owners(&ipa, &words, |word| self.espeak.ipa(word))?;
        for (spoken, owners) in ipa.split(' ').zip(owners).filter(|(spoken, _)| !spoken.is_empty()) {
            append(spoken, &owners, alphabet, symbols);
        }
        Ok(())
    }
}

/// One word after the others.
fn append(ipa: &str, owners: &[usize], alphabet: Alphabet, symbols: &mut Vec<Symbol>) {
    if !symbols.is_empty() {
        symbols.push(Symbol::mark(" "));
    }
    alphabet.append(ipa, owners, symbols);
}
