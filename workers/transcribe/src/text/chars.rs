//! Classes of characters that matter for line breaks, words and sentences.

/// A character of a script written without spaces (Chinese, Japanese, Thai, Lao, Burmese, Khmer): a word of its own.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

/// Punctuation that opens what follows.
pub(crate) fn opens(c: char) -> bool {
    matches!(c, '“' | '‘' | '「' | '『' | '《' | '〈' | '（' | '(' | '[' | '{' | '【' | '¿' | '¡' | '«')
}

/// Punctuation that ends a sentence.
pub(crate) fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '．' | '؟' | '।')
}

/// Punctuation inside a sentence, where a line or a subtitle may well end.
pub(crate) fn ends_phrase(c: char) -> bool {
    matches!(c, ',' | ';' | ':' | '，' | '；' | '：' | '、' | '،' | '—' | '–')
}

/// Punctuation that belongs to what is before it.
pub(crate) fn closes(c: char) -> bool {
    ends_sentence(c)
        || ends_phrase(c)
        || matches!(
            c,
            '”' | '’' | '」' | '』' | '》' | '〉' | '）' | ')' | ']' | '}' | '】' | '»' | '%' | '％' | '"' | '\''
        )
}

/// The last character of a word that is not a closing quote or bracket.
pub(crate) fn final_mark(word: &str) -> Option<char> {
    word.trim_end().chars().rev().find(|c| !matches!(c, '”' | '’' | '」' | '』' | '》' | '）' | ')' | ']' | '"' | '\''))
}

/// Abbreviations whose point does not end a sentence.
const ABBREVIATIONS: [&str; 22] = [
    "mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "jr.", "sr.", "vs.", "etc.", "e.g.", "i.e.", "u.s.", "u.k.", "no.",
    "gen.", "col.", "lt.", "sen.", "rep.", "inc.", "ltd.",
];

/// Whether the word ends a sentence, judged by the word alone.
pub(crate) fn is_sentence_end(word: &str) -> bool {
    let Some(mark) = final_mark(word) else { return false };
    if !ends_sentence(mark) {
        return false;
    }
    let bare = word.trim().to_lowercase();
    let initial = bare.chars().count() == 2 && bare.ends_with('.') && bare.starts_with(char::is_alphabetic);
    !(mark == '.' && (initial || ABBREVIATIONS.contains(&bare.as_str())))
}

/// Words after which a number belongs to them.
const NUMBERED: [&str; 22] = [
    "act", "article", "book", "chapter", "episode", "figure", "item", "lesson", "level", "no", "number", "page",
    "part", "phase", "question", "scene", "season", "section", "step", "table", "unit", "volume",
];

/// Whether a number is expected after the word: "Chapter", "第".
pub(crate) fn expects_number(word: &str) -> bool {
    let bare = bare(word);
    NUMBERED.contains(&bare.as_str()) || bare.ends_with('第')
}

const NUMBER_WORDS: [&str; 31] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
];

/// Whether the word begins a number, in digits or in words.
pub(crate) fn is_number(word: &str) -> bool {
    let bare = bare(word);
    let head = bare.split('-').next().unwrap_or_default();
    bare.starts_with(|c: char| c.is_numeric() || "〇零一二三四五六七八九十百千万两".contains(c))
        || NUMBER_WORDS.contains(&head)
}

fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_belong_to_what_they_number() {
        assert!([" Chapter", "No.", "第", "Part,"].into_iter().all(expects_number));
        assert!(["17.", " Seventeen.", "twenty-one", "十七"].into_iter().all(is_number));
        assert!(
            !["apart", "chapters"].into_iter().any(expects_number) && !["Then", "tense", ""].into_iter().any(is_number)
        );
    }

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
