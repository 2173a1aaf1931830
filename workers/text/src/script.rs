//! Which script a character belongs to, and how wide it is.

/// A Chinese character: the unified ideographs with their extensions, those for compatibility, and 〇.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '〇'
        | '\u{20000}'..='\u{3134f}')
}

/// A Japanese syllable, or a mark that only Japanese has.
pub fn is_kana(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}')
}

/// A Korean syllable.
pub fn is_hangul(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}')
}

/// A character of a script written without spaces: Chinese, Japanese, Thai, Lao, Burmese, Khmer.
pub fn is_unspaced(c: char) -> bool {
    is_han(c) || is_kana(c) || matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

/// A character that stands without a space beside others of its kind: of a script without spaces, or punctuation of
/// such a script.
pub fn is_tight(c: char) -> bool {
    is_unspaced(c) || matches!(c, '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff60}')
}

/// A character that is as wide as it is high: ideographs, kana, Hangul, and full-width signs.
pub fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}'
        | '\u{20000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_has_its_classes() {
        // Han, kana, Hangul, unspaced, tight, wide.
        for (c, classes) in [
            ('模', [true, false, false, true, true, true]),
            ('〇', [true, false, false, true, true, true]),
            ('\u{20bb7}', [true, false, false, true, true, true]),
            ('か', [false, true, false, true, true, true]),
            ('ー', [false, true, false, true, true, true]),
            ('한', [false, false, true, false, false, true]),
            ('ก', [false, false, false, true, true, false]),
            ('，', [false, false, false, false, true, true]),
            ('。', [false, false, false, false, true, true]),
            ('“', [false, false, false, false, false, false]),
            ('é', [false, false, false, false, false, false]),
            ('7', [false, false, false, false, false, false]),
        ] {
            let found = [is_han(c), is_kana(c), is_hangul(c), is_unspaced(c), is_tight(c), is_wide(c)];
            assert_eq!(found, classes, "{c}");
        }
    }
}
