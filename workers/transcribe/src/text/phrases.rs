//! Chinese words: where a line of characters may break.

use std::sync::LazyLock;

use jieba_rs::Jieba;

use super::chars::is_unspaced;

static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Breaking inside a word of several characters.
const INSIDE_WORD: f64 = 3.0;

/// Raises the cost of breaking after each text that is not the last of its Chinese word.
pub(crate) fn glue(units: &mut [(&String, &mut f64)]) {
    if !units.iter().any(|(text, _)| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))) {
        return;
    }
    let whole: String = units.iter().map(|(text, _)| text.as_str()).collect();
    let mut ends = std::collections::HashSet::new();
    let mut at = 0;
    for word in cut(&whole) {
        at += word.len();
        ends.insert(at);
    }
    let mut at = 0;
    for (text, cost) in units {
        at += text.len();
        if !ends.contains(&at) && text.chars().next_back().is_some_and(is_unspaced) {
            **cost = INSIDE_WORD;
        }
    }
}

/// Chinese text as words.
pub(crate) fn cut(text: &str) -> Vec<&str> {
    JIEBA.cut(text, true).into_iter().map(|token| token.word).collect()
}
