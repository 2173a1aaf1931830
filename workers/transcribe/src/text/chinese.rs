//! Simplified and traditional script, by OpenCC's dictionaries.

use std::sync::LazyLock;

use ferrous_opencc::{OpenCC, config::BuiltinConfig};

use crate::params::Script;

static TO_SIMPLIFIED: LazyLock<Option<OpenCC>> = LazyLock::new(|| OpenCC::from_config(BuiltinConfig::T2s).ok());
static TO_TRADITIONAL: LazyLock<Option<OpenCC>> = LazyLock::new(|| OpenCC::from_config(BuiltinConfig::S2t).ok());

/// Writes words in a script. They are converted together, since a character may depend on its neighbours (乾 in 乾坤
/// and in 餅乾), and handed back one by one.
pub(crate) fn convert(words: &mut [String], script: Script) {
    let converter = match script {
        Script::Simplified => &*TO_SIMPLIFIED,
        Script::Traditional => &*TO_TRADITIONAL,
        Script::AsHeard => return,
    };
    let Some(converter) = converter else { return };
    let whole: String = words.concat();
    let converted: Vec<char> = converter.convert(&whole).chars().collect();
    if converted.len() == whole.chars().count() {
        let mut rest = converted.into_iter();
        for word in words {
            let len = word.chars().count();
            *word = rest.by_ref().take(len).collect();
        }
    } else {
        words.iter_mut().for_each(|word| *word = converter.convert(word));
    }
}

/// Full-width punctuation beside Chinese characters, where Whisper wrote half-width.
pub(crate) fn punctuate(words: &mut [String]) {
    let mut after_chinese = false;
    for word in words {
        let mut out = String::with_capacity(word.len());
        for c in word.chars() {
            let full = match c {
                ',' => '，',
                '.' => '。',
                '?' => '？',
                '!' => '！',
                ';' => '；',
                ':' => '：',
                c => c,
            };
            out.push(if after_chinese { full } else { c });
            after_chinese = medley_text::script::is_unspaced(c);
        }
        *word = out;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(text: &str, script: Script) -> String {
        let mut words: Vec<String> = text.chars().map(String::from).collect();
        convert(&mut words, script);
        words.concat()
    }

    #[test]
    fn scripts_there_and_back() {
        assert_eq!(converted("這個國家的經濟發展與語音識別", Script::Simplified), "这个国家的经济发展与语音识别");
        assert_eq!(converted("头发和发展，皇后和以后", Script::Traditional), "頭髮和發展，皇后和以後");
        assert_eq!(converted("乾坤與餅乾", Script::Simplified), "乾坤与饼干");
        assert_eq!(converted("這 ABC 3.5", Script::AsHeard), "這 ABC 3.5");
    }

    #[test]
    fn punctuation_is_full_width_beside_chinese_only() {
        let mut words = ["你", "好", ",", " GPT", "4.5", ",", "好", "."].map(String::from).to_vec();
        punctuate(&mut words);
        assert_eq!(words.concat(), "你好， GPT4.5,好。");
    }
}
