//! Normalised text for people who want to read it before they listen.

use super::spoken_runs;
use crate::{
    document::sentences,
    language::{Language, main_language},
    normalization::PieceKind,
    phonemes::chinese::Segmenter,
    pronunciation::SpokenText,
};

/// Writes out a text as it is handed to the voices.
#[derive(Debug)]
pub struct WrittenOut {
    segmenter: Segmenter,
}

impl Default for WrittenOut {
    fn default() -> Self {
        Self { segmenter: Segmenter::new() }
    }
}

impl WrittenOut {
    /// A text with its numbers, signs and abbreviations in words, Chinese with the pinyin of each piece behind it:
    /// `约[yue1]二分之一[er4 fen1 zhi1 yi1]`. `language` is the main language of every sentence, or none
    /// to find it for each.
    pub fn of(&self, text: &str, language: Option<Language>) -> String {
        let sentences = sentences::split(text).into_iter().map(|range| &text[range]);
        sentences.map(|sentence| self.sentence(sentence, language)).collect::<Vec<_>>().join(" ")
    }

    fn sentence(&self, sentence: &str, language: Option<Language>) -> String {
        let mut out = String::new();
        for run in spoken_runs(&SpokenText::new(sentence, &[]), language.unwrap_or_else(|| main_language(sentence))) {
            for piece in run.pieces {
                match (piece.kind, run.language) {
                    (PieceKind::Mark(mark), _) => out.push(mark),
                    (PieceKind::Say(said), Language::Zh) => out.push_str(&format!("{said}[{}]", self.pinyin(&said))),
                    (PieceKind::Say(said) | PieceKind::Phonemes(said), _) => {
                        out.push_str(if out.is_empty() { "" } else { " " });
                        out.push_str(&said);
                    }
                }
            }
        }
        out
    }

    fn pinyin(&self, said: &str) -> String {
        let syllables = self.segmenter.words(said).into_iter().flat_map(|word| word.syllables);
        let written = syllables.map(|s| format!("{}{}{}", s.pinyin, if s.rhotic { "r" } else { "" }, s.tone));
        written.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_out_as_it_is_spoken() {
        let written_out = WrittenOut::default();
        assert_eq!(
            written_out.of("It rose 12%. 约1/2。", None),
            "It rose twelve percent. 约[yue1]二分之一[er4 fen1 zhi1 yi1]。"
        );
    }

    #[test]
    fn sentences_are_spoken_as_listed() {
        let written_out = WrittenOut::default();
        let pinyin = regex::Regex::new(r"\[[^\]]*\]").unwrap();
        let rows = include_str!("spoken.tsv").lines().filter(|line| !line.starts_with('#'));
        let wrong: Vec<String> = rows
            .filter_map(|row| {
                let (text, wanted) = row.split_once('\t').expect("text, tab, what is spoken");
                let got = pinyin.replace_all(&written_out.of(text, None), "").into_owned();
                (got != wanted).then(|| format!("{text}\n  got    {got}\n  wanted {wanted}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}
