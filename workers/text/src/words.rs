//! Chinese text as words.

use std::sync::LazyLock;

use jieba_rs::Jieba;

/// Loaded by the first text with Chinese characters; nobody else pays for the dictionary.
static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Words with jieba's tags of their kinds: `n` and longer tags with it are nouns and names, `vn` verbs used as nouns.
pub fn tagged(text: &str) -> Vec<(&str, &str)> {
    JIEBA.tag(text, true).into_iter().map(|word| (word.word, word.tag)).collect()
}

/// The words of a text, which joined are the text: Chinese ones by jieba's dictionary and model, others as jieba
/// leaves them (runs of letters and digits, single spaces and marks).
pub fn cut(text: &str) -> Vec<&str> {
    JIEBA.cut(text, true).into_iter().map(|token| token.word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_dictionary_and_lose_nothing() {
        assert_eq!(cut("我们训练模型。"), ["我们", "训练", "模型", "。"]);
        let mixed = "GDP 增长 4.5%，好！";
        assert_eq!(cut(mixed).concat(), mixed);
    }
}
