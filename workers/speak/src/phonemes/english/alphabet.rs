use crate::phonemes::Symbol;

/// The alphabets of the English voices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// hibari's: misaki's, which writes diphthongs and affricates as one letter.
    Misaki,
    /// Piper's: espeak-ng's IPA unchanged.
    Ipa,
}

/// espeak-ng's IPA in misaki's letters, after the table of misaki's `espeak.py` (hexgrad, Apache-2.0), longest first.
const MISAKI: [(&str, &str); 23] = [
    ("ʔˌn\u{329}", "tᵊn"),
    ("ʔn\u{329}", "tᵊn"),
    ("aɪə", "Iə"),
    ("aɪ", "I"),
    ("aʊ", "W"),
    ("dʒ", "ʤ"),
    ("eɪ", "A"),
    ("tʃ", "ʧ"),
    ("ɔɪ", "Y"),
    ("oʊ", "O"),
    ("əl", "ᵊl"),
    ("ɚ", "əɹ"),
    ("ɜːɹ", "ɜɹ"),
    ("ɜː", "ɜɹ"),
    ("ɪə", "iə"),
    ("ː", ""),
    ("ɐ", "ə"),
    ("ɾ", "T"),
    ("ʔ", "t"),
    ("r", "ɹ"),
    ("\u{329}", ""),
    ("g", "ɡ"),
    // The remaining "o" is espeak-ng's "oː" before r. Without this rule "forty" was heard as "thirty".
    ("o", "ɔ"),
];

impl Alphabet {
    /// The voice's own letter for a mark of punctuation.
    pub(crate) fn mark(self, mark: char) -> Option<&'static str> {
        Some(match (mark, self) {
            (',' | '、' | '，', _) => ",",
            ('.' | '。', _) => ".",
            ('!' | '！', _) => "!",
            ('?' | '？', _) => "?",
            (';' | '；', _) => ";",
            (':' | '：', _) => ":",
            ('—' | '–', Self::Misaki) => "—",
            ('—' | '–', Self::Ipa) => ",",
            ('…', Self::Misaki) => "…",
            ('…', Self::Ipa) => ".",
            _ => return None,
        })
    }

    /// Appends one word of espeak-ng's IPA; `owners` has the written word of each of its characters.
    pub(crate) fn append(self, ipa: &str, owners: &[usize], symbols: &mut Vec<Symbol>) {
        let mut rest = ipa;
        let mut at = 0;
        while let Some(c) = rest.chars().next() {
            let owner = owners.get(at).or(owners.last()).copied().unwrap_or(0);
            let found = MISAKI.iter().find(|(from, _)| self == Self::Misaki && rest.starts_with(from));
            let taken = match found {
                Some((from, to)) => {
                    symbols.extend(to.chars().map(|letter| Symbol::of(letter, owner)));
                    *from
                }
                None => {
                    symbols.push(Symbol::of(c, owner));
                    &rest[..c.len_utf8()]
                }
            };
            at += taken.chars().count();
            rest = &rest[taken.len()..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misaki(ipa: &str) -> String {
        let mut symbols = Vec::new();
        Alphabet::Misaki.append(ipa, &vec![0; ipa.chars().count()], &mut symbols);
        symbols.iter().map(|symbol| symbol.text.as_str()).collect()
    }

    #[test]
    fn ipa_becomes_misaki() {
        let cases = [
            ("həlˈoʊ", "hᵊlˈO"),
            ("fˈoːɹɾi", "fˈɔɹTi"),
            ("dʒˈʌdʒ", "ʤˈʌʤ"),
            ("wˈɜːld", "wˈɜɹld"),
            ("pˈiːpəl", "pˈipᵊl"),
            ("bˈʌʔn\u{329}", "bˈʌtᵊn"),
            ("tʃˈɔɪs", "ʧˈYs"),
            ("wˈɔːɾɚ", "wˈɔTəɹ"),
        ];
        for (ipa, wanted) in cases {
            assert_eq!(misaki(ipa), wanted, "{ipa}");
        }
    }
}
