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
static COMMON: LazyLock<HashMap<char, &'static str>> = LazyLock::new(|| {
    let rows = include_str!("characters.tsv").lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| line.split_once('\t'))
        .filter_map(|(c, reading)| Some((c.chars().next()?, reading)))
        .collect()
});

/// The usual reading of a character that no phrase decides.
///
/// Without long words the dictionary looks at its table of characters alone. Otherwise it takes every character that is
/// also a surname for one, and reads 不 fǒu and 六 lù.
fn usual(single: char) -> Option<Syllable> {
    if let Some(reading) = COMMON.get(&single) {
        return numbered(reading);
    }
    let characters = ::pinyin::PinyinConfig::new().with_long_words(false);
    let readings = ::pinyin::convert_with_config(&single.to_string(), &characters).ok()?;
    let first = readings.first()?.split(' ').next()?;
    (!first.starts_with(single)).then(|| marked(first)).flatten()
}

/// The syllables of a word in dictionary form. Characters without a reading are left out.
pub(super) fn read(word: &str) -> Vec<Syllable> {
    let mut characters = word.chars();
    if let (Some(single), None) = (characters.next(), characters.next()) {
        return usual(single).into_iter().collect();
    }
    if PHRASES.contains_key(word) {
        return phrase(word).unwrap_or_default();
    }
    let mut syllables = Vec::new();
    for (text, reading) in ::pinyin::match_word_pinyin(word) {
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(single), None) => syllables.extend(usual(single)),
            _ => syllables.extend(reading.split(' ').filter_map(marked)),
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
            ("六安", "lu4 an1"),
        ];
        for (word, wanted) in cases {
            assert_eq!(shown(word), wanted, "{word}");
        }
    }

    #[test]
    fn a_character_by_itself_is_no_surname() {
        for row in include_str!("characters_test.tsv").lines().filter(|line| !line.starts_with('#')) {
            let (character, wanted) = row.split_once('\t').unwrap();
            assert_eq!(shown(character), wanted, "{character}");
        }
    }
}
