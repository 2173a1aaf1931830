use jieba_rs::Jieba;

use super::{
    Syllable, Word,
    context::{self, Cut},
    pinyin, sandhi,
};

/// Cuts Chinese into words and reads them.
#[derive(Debug)]
pub(crate) struct Segmenter {
    jieba: Jieba,
}

impl Segmenter {
    pub(crate) fn new() -> Self {
        let mut jieba = Jieba::new();
        for phrase in pinyin::own_phrases() {
            jieba.add_word(phrase, None, None);
        }
        Self { jieba }
    }

    /// The words of a clause, in order and complete, with the tones that are spoken. A character that has no reading
    /// stays without a syllable.
    pub(crate) fn words(&self, clause: &str) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        let tagged = self.jieba.tag(clause, true);
        let cuts: Vec<Cut<'_>> = tagged.iter().map(|word| Cut { text: word.word, tag: word.tag }).collect();
        for (n, cut) in cuts.iter().enumerate() {
            let syllables = context::read(&cuts, n).unwrap_or_else(|| pinyin::read(cut.text));
            let word = Word { text: cut.text.into(), tag: cut.tag.into(), syllables };
            match words.last_mut() {
                Some(last) if belongs(last, &word) => join(last, word),
                _ => words.push(word),
            }
        }
        sandhi::apply(&mut words, |word| {
            self.jieba.cut_for_search(word, false).first().map_or(0, |token| token.word.chars().count())
        });
        words.iter_mut().for_each(erhua);
        words
    }
}

/// Whether tone rules treat a word as one with its neighbour: 不 and 一 lean on what follows, particles and 儿 on
/// what precedes.
fn belongs(last: &Word, next: &Word) -> bool {
    // 得 (must) and 地 (ground) have full tones and belong to no neighbour.
    let light = next.syllables.first().is_some_and(|syllable| syllable.tone == 5 || next.text == "过");
    matches!(last.text.as_str(), "不" | "一")
        || matches!(next.text.as_str(), "儿" | "们" | "子")
        || light && matches!(next.text.as_str(), "着" | "了" | "过" | "的" | "地" | "得")
        || (last.text == next.text && last.text.chars().count() == 1)
}

fn join(last: &mut Word, next: Word) {
    last.text.push_str(&next.text);
    last.syllables.extend(next.syllables);
    last.tag = next.tag;
}

/// Words in which 儿 is a syllable of its own.
const NOT_RHOTIC: [&str; 22] = [
    "女儿",
    "婴儿",
    "幼儿",
    "儿子",
    "儿童",
    "少儿",
    "孤儿",
    "胎儿",
    "健儿",
    "宠儿",
    "新生儿",
    "托儿",
    "小儿",
    "患儿",
    "育儿",
    "混血儿",
    "弃儿",
    "孩儿",
    "男儿",
    "生儿",
    "早产儿",
    "低能儿",
];

/// An 儿 at the end of a word is an r of the syllable before.
fn erhua(word: &mut Word) {
    let count = word.syllables.len();
    let is_suffix = word.text.chars().count() > 1
        && word.text.ends_with('儿')
        && !NOT_RHOTIC.iter().any(|kept| word.text.ends_with(kept));
    if is_suffix && count > 1 && word.syllables[count - 1].pinyin == "er" {
        word.syllables.pop();
        if let Some(last) = word.syllables.last_mut() {
            *last = Syllable { rhotic: true, characters: 2, ..last.clone() };
        }
    }
}
