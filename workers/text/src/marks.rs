//! Punctuation, and where sentences end.

/// Punctuation that opens what follows.
pub fn opens(c: char) -> bool {
    matches!(c, '“' | '‘' | '「' | '『' | '《' | '〈' | '（' | '(' | '[' | '{' | '【' | '¿' | '¡' | '«')
}

/// Punctuation that ends a sentence.
pub fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '．' | '؟' | '।')
}

/// Punctuation inside a sentence, where a line or a subtitle may well end.
pub fn ends_phrase(c: char) -> bool {
    matches!(c, ',' | ';' | ':' | '，' | '；' | '：' | '、' | '،' | '—' | '–')
}

/// Punctuation that belongs to what is before it.
pub fn closes(c: char) -> bool {
    ends_sentence(c)
        || ends_phrase(c)
        || matches!(
            c,
            '”' | '’' | '」' | '』' | '》' | '〉' | '）' | ')' | ']' | '}' | '】' | '»' | '%' | '％' | '"' | '\''
        )
}

/// The last character of a word that is not a closing quote or bracket.
pub fn final_mark(word: &str) -> Option<char> {
    word.trim_end().chars().rev().find(|c| !matches!(c, '”' | '’' | '」' | '』' | '》' | '）' | ')' | ']' | '"' | '\''))
}

/// Abbreviations whose point does not end a sentence.
const ABBREVIATIONS: [&str; 22] = [
    "mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "jr.", "sr.", "vs.", "etc.", "e.g.", "i.e.", "u.s.", "u.k.", "no.",
    "gen.", "col.", "lt.", "sen.", "rep.", "inc.", "ltd.",
];

/// Whether the word ends a sentence, judged by the word alone.
pub fn is_sentence_end(word: &str) -> bool {
    let Some(mark) = final_mark(word) else { return false };
    if !ends_sentence(mark) {
        return false;
    }
    let bare = word.trim().to_lowercase();
    let initial = bare.chars().count() == 2 && bare.ends_with('.') && bare.starts_with(char::is_alphabetic);
    !(mark == '.' && (initial || ABBREVIATIONS.contains(&bare.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_they_do() {
        for end in ["home.", " “Never!”", "吗？", "done…", "1912."] {
            assert!(is_sentence_end(end), "{end}");
        }
        for not in [" Dr.", " J.", "home,", "well", "", "e.g."] {
            assert!(!is_sentence_end(not), "{not}");
        }
    }
}
