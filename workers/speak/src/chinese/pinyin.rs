use std::{collections::HashMap, sync::LazyLock};

use super::Syllable;

/// Phrases that the dictionary lacks or has wrong.
static PHRASES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let rows = include_str!("phrases.tsv").lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| line.split_once('\t')).collect()
});

/// The phrases of our own, for the segmenter.
pub(super) fn own_phrases() -> impl Iterator<Item = &'static str> {
    PHRASES.keys().copied()
}

/// The syllables of a phrase that a dictionary has as a whole.
pub(super) fn phrase(text: &str) -> Option<Vec<Syllable>> {
    if let Some(reading) = PHRASES.get(text) {
        return reading.split(' ').map(numbered).collect();
    }
    match &::pinyin::match_word_pinyin(text)[..] {
        [(whole, reading)] if whole == text => reading.split(' ').map(marked).collect(),
        _ => None,
    }
}

/// Readings where the dictionary's first is not the one that is meant in running text.
const COMMON: [(char, &str); 50] = [
    // The dictionary reads these as surnames.
    ('不', "bu4"),
    ('六', "liu4"),
    ('那', "na4"),
    ('哈', "ha1"),
    ('盖', "gai4"),
    ('区', "qu1"),
    ('难', "nan2"),
    ('藏', "cang2"),
    ('教', "jiao1"),
    ('粘', "zhan1"),
    ('的', "de5"),
    ('地', "di4"),
    ('得', "de5"),
    ('了', "le5"),
    ('着', "zhe5"),
    ('过', "guo4"),
    ('吗', "ma5"),
    ('呢', "ne5"),
    ('吧', "ba5"),
    ('啊', "a5"),
    ('嘛', "ma5"),
    ('么', "me5"),
    ('们', "men5"),
    ('和', "he2"),
    ('还', "hai2"),
    ('都', "dou1"),
    ('为', "wei4"),
    ('长', "chang2"),
    ('重', "zhong4"),
    ('行', "xing2"),
    ('只', "zhi3"),
    ('种', "zhong3"),
    ('中', "zhong1"),
    ('分', "fen1"),
    ('好', "hao3"),
    ('少', "shao3"),
    ('干', "gan4"),
    ('更', "geng4"),
    ('数', "shu4"),
    ('没', "mei2"),
    ('会', "hui4"),
    ('给', "gei3"),
    ('看', "kan4"),
    ('系', "xi4"),
    ('个', "ge4"),
    ('上', "shang4"),
    ('相', "xiang1"),
    ('当', "dang1"),
    ('单', "dan1"),
    ('将', "jiang1"),
];

/// The syllables of a word in dictionary form. Characters without a reading are left out.
pub(super) fn read(word: &str) -> Vec<Syllable> {
    let mut characters = word.chars();
    if let (Some(single), None) = (characters.next(), characters.next())
        && let Some((_, reading)) = COMMON.iter().find(|(c, _)| *c == single)
    {
        return numbered(reading).into_iter().collect();
    }
    if PHRASES.contains_key(word) {
        return phrase(word).unwrap_or_default();
    }
    let mut syllables = Vec::new();
    for (text, reading) in ::pinyin::match_word_pinyin(word) {
        let mut letters = text.chars();
        if let (Some(single), None) = (letters.next(), letters.next()) {
            // Of a single character the dictionary lists all readings, the usual one first.
            let common = COMMON.iter().find(|(c, _)| *c == single).and_then(|(_, reading)| numbered(reading));
            syllables.extend(common.or_else(|| reading.split(' ').next().and_then(marked)));
        } else {
            syllables.extend(reading.split(' ').filter_map(marked));
        }
    }
    syllables
}

/// `zhong1` as a syllable.
pub(super) fn numbered(pinyin: &str) -> Option<Syllable> {
    let tone = pinyin.chars().next_back()?.to_digit(10)?;
    Some(syllable(pinyin[..pinyin.len() - 1].into(), u8::try_from(tone).ok()?))
}

/// `zhōng` as a syllable.
fn marked(pinyin: &str) -> Option<Syllable> {
    let (mut letters, mut tone) = (String::new(), 5);
    for c in pinyin.chars() {
        let (letter, mark) = plain(c);
        letters.push(letter);
        if mark != 0 {
            tone = mark;
        }
    }
    (!letters.is_empty()).then(|| syllable(letters, tone))
}

fn syllable(pinyin: String, tone: u8) -> Syllable {
    Syllable { pinyin, tone, rhotic: false, characters: 1 }
}

/// A letter without its tone mark, and the tone.
fn plain(c: char) -> (char, u8) {
    const VOWELS: [(char, &str); 8] = [
        ('a', "āáǎà"),
        ('e', "ēéěè"),
        ('i', "īíǐì"),
        ('o', "ōóǒò"),
        ('u', "ūúǔù"),
        ('v', "ǖǘǚǜ"),
        ('n', "\0ńňǹ"),
        ('m', "\0ḿ\0\0"),
    ];
    for (vowel, marks) in VOWELS {
        if let Some(tone) = marks.chars().position(|marked| marked == c) {
            return (vowel, u8::try_from(tone + 1).unwrap_or(5));
        }
    }
    (if c == 'ü' { 'v' } else { c }, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(word: &str) -> String {
        read(word).iter().map(|s| format!("{}{}", s.pinyin, s.tone)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn polyphones_are_read_by_their_word() {
        let cases = [
            ("不", "bu4"),
            ("六", "liu4"),
            ("那", "na4"),
            ("哈", "ha1"),
            ("盖", "gai4"),
            ("区", "qu1"),
            ("银行", "yin2 hang2"),
            ("行走", "xing2 zou3"),
            ("重庆", "chong2 qing4"),
            ("重要", "zhong4 yao4"),
            ("长大", "zhang3 da4"),
            ("旅行", "lv3 xing2"),
            ("快乐", "kuai4 le4"),
            ("音乐", "yin1 yue4"),
            ("喜欢", "xi3 huan5"),
            ("厦门", "xia4 men2"),
            ("的", "de5"),
            ("都", "dou1"),
            ("首都", "shou3 du1"),
        ];
        for (word, wanted) in cases {
            assert_eq!(shown(word), wanted, "{word}");
        }
    }
}
