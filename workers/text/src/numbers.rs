//! What is a number, and what a number belongs to.

/// Words after which a number belongs to them.
const NUMBERED: [&str; 22] = [
    "act", "article", "book", "chapter", "episode", "figure", "item", "lesson", "level", "no", "number", "page",
    "part", "phase", "question", "scene", "season", "section", "step", "table", "unit", "volume",
];

/// Whether a number is expected after the word: "Chapter", "第".
pub fn expects_number(word: &str) -> bool {
    let bare = bare(word);
    NUMBERED.contains(&bare.as_str()) || bare.ends_with('第')
}

const CHINESE_NUMERALS: &str = "〇零一二三四五六七八九十百千万两";

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
pub fn is_number(word: &str) -> bool {
    let bare = bare(word);
    let head = bare.split('-').next().unwrap_or_default();
    bare.starts_with(|c: char| c.is_numeric() || CHINESE_NUMERALS.contains(c)) || NUMBER_WORDS.contains(&head)
}

/// Whether the whole word is a number, in digits (with a sign or letters after them, as in `4.5%` or `3D`) or in words.
pub fn is_numeral(word: &str) -> bool {
    let bare = bare(word);
    let spelled = |part: &str| NUMBER_WORDS.contains(&part);
    bare.starts_with(|c: char| c.is_numeric())
        || !bare.is_empty() && (bare.chars().all(|c| CHINESE_NUMERALS.contains(c)) || bare.split('-').all(spelled))
}

fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numeral_is_a_number_as_a_whole() {
        assert!(["17", "4.5%", "三百二十", "twenty-one", "Five,"].into_iter().all(is_numeral));
        assert!(!["一起", "万里长城", "one-sided", "x2", ""].into_iter().any(is_numeral));
    }

    #[test]
    fn numbers_belong_to_what_they_number() {
        assert!([" Chapter", "No.", "第", "Part,"].into_iter().all(expects_number));
        assert!(["17.", " Seventeen.", "twenty-one", "十七"].into_iter().all(is_number));
        assert!(
            !["apart", "chapters"].into_iter().any(expects_number) && !["Then", "tense", ""].into_iter().any(is_number)
        );
    }
}
