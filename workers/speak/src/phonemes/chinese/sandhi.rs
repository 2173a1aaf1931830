//! Tone sandhi of Mandarin: 不, 一, the third tone, and neutral tones. After the rules of PaddleSpeech's
//! `tone_sandhi.py` (Apache-2.0) and Chao, *A Grammar of Spoken Chinese* (1968), written anew.

use super::Word;

/// Words whose last syllable is neutral in Beijing speech and citation-toned in most dictionaries.
const NEUTRAL_LAST: &[&str] = &[
    "东西", "关系", "朋友", "先生", "学生", "医生", "消息", "意思", "时候", "地方", "事情", "衣服", "眼睛", "耳朵",
    "头发", "嘴巴", "鼻子", "豆腐", "明白", "清楚", "认识", "知道", "告诉", "喜欢", "休息", "商量", "打听", "收拾",
    "便宜", "漂亮", "干净", "舒服", "聪明", "糊涂", "麻烦", "热闹", "客气", "老实", "马虎", "故事", "生意", "功夫",
    "工夫", "力气", "脾气", "运气", "名字", "声音", "月亮", "太阳", "云彩", "窗户", "钥匙", "石头", "木头", "骨头",
    "馒头", "枕头", "舌头", "拳头", "萝卜", "葡萄", "玻璃", "粮食", "庄稼", "牲口", "骆驼", "狐狸", "蚂蚁", "蘑菇",
    "爷爷", "奶奶", "爸爸", "妈妈", "哥哥", "姐姐", "弟弟", "妹妹", "叔叔", "姑姑", "舅舅", "公公", "婆婆", "太太",
    "丈夫", "大夫", "师傅", "亲戚", "街坊", "伙计", "姑娘", "媳妇", "闺女", "孙女", "部分", "部门", "精神", "招呼",
    "吩咐", "答应", "见识", "讲究", "合同", "行李", "抽屉", "扫帚", "棉花", "篱笆", "苍蝇", "疙瘩", "窟窿", "模糊",
    "暖和", "凉快", "结实", "厉害", "利索", "勤快", "风筝", "灯笼", "戒指", "嫁妆", "胳膊", "屁股", "指甲", "下巴",
    "尾巴", "力量", "困难", "答案", "笑话", "官司", "差事", "本事", "算计", "盘算", "打算", "打扮", "打发", "动静",
    "新鲜", "委屈", "冤枉", "应酬", "周到", "稀罕", "稳当", "妥当", "体面", "扎实", "踏实", "大方", "小气", "规矩",
];
/// Exceptions to the list above with full tones.
const FULL: &[&str] = &["学生会", "答案", "力量", "困难", "太阳能", "部门", "声音", "太阳", "孙女", "周到"];

/// Applies tone sandhi to every syllable. `first_part` gives the number of characters in the first part of a compound,
/// or 0 if it has no parts.
pub(super) fn apply(words: &mut [Word], first_part: impl Fn(&str) -> usize) {
    for n in 0..words.len() {
        let following = words.get(n + 1).and_then(|next| next.syllables.first()).map(|next| next.tone);
        let before = n.checked_sub(1).and_then(|n| words[n].text.chars().next_back());
        let after = words.get(n + 1).and_then(|next| next.text.chars().next());
        let word = &mut words[n];
        neutral(word);
        bu(word, following);
        yi(word, following, (before, after));
    }
    for word in words.iter_mut() {
        third_within(word, &first_part);
    }
    third_between(words);
}

fn is_digit(c: char) -> bool {
    "零〇一二三四五六七八九幺".contains(c)
}

fn neutral(word: &mut Word) {
    let characters: Vec<char> = word.text.chars().collect();
    let count = word.syllables.len();
    if count != characters.len() || count < 2 {
        return;
    }
    let listed = |text: &str| NEUTRAL_LAST.contains(&text) && !FULL.contains(&text);
    let last = characters[count - 1];
    let verbal = word.tag.starts_with(['v', 'a']);
    let is_neutral = listed(&word.text)
        || (count > 2 && listed(&characters[count - 2..].iter().collect::<String>()))
        || particle(last, &word.syllables[count - 1].pinyin)
        || (last == '子'
            && !matches!(
                word.text.as_str(),
                "男子"
                    | "女子"
                    | "电子"
                    | "分子"
                    | "原子"
                    | "孔子"
                    | "老子"
                    | "孟子"
                    | "王子"
                    | "才子"
                    | "弟子"
                    | "棋子"
                    | "量子"
                    | "君子"
                    | "天子"
                    | "庄子"
                    | "质子"
                    | "离子"
                    | "光子"
                    | "瓜子"
                    | "莲子"
                    | "因子"
                    | "粒子"
                    | "中子"
                    | "亲子"
                    | "孢子"
                    | "种子"
            ))
        || (count == 2 && characters[0] == characters[1] && verbal)
        || (count == 2 && last == '上' && matches!(word.tag.as_str(), "s" | "f") && word.text != "以上");
    if is_neutral {
        word.syllables[count - 1].tone = 5;
    }
    // 看一看, 想不想: the middle is light.
    if count == 3 && characters[0] == characters[2] && matches!(characters[1], '一' | '不') {
        word.syllables[1].tone = 5;
    }
}

/// A particle at the end of a word, not 了 in 受不了 or 的 in 目的.
fn particle(last: char, pinyin: &str) -> bool {
    matches!((last, pinyin), ('们', "men") | ('着', "zhe") | ('了', "le") | ('的', "de"))
}

/// 不 rises before a fourth tone.
fn bu(word: &mut Word, following: Option<u8>) {
    for n in positions(word, '不') {
        let next = word.syllables.get(n + 1).map(|next| next.tone).or(following);
        if word.syllables[n].tone != 5 && next == Some(4) {
            word.syllables[n].tone = 2;
        }
    }
}

/// 一 falls before tones 1, 2 and 3 and rises before 4 (and before 个, a worn-down fourth); as an ordinal, in a
/// number or at the end it keeps its first tone. `around` are the characters before and after the word.
fn yi(word: &mut Word, following: Option<u8>, around: (Option<char>, Option<char>)) {
    let characters: Vec<char> = word.text.chars().collect();
    for n in positions(word, '一') {
        let before = n.checked_sub(1).map(|n| characters[n]).or(around.0);
        let after = characters.get(n + 1).copied().or(around.1);
        let spelled = before.is_some_and(is_digit) || after.is_some_and(is_digit);
        let counted = spelled || before.is_some_and(|c| "第十百千万亿初周点".contains(c));
        let dated = after.is_some_and(|c| "月日号楼班".contains(c)) && characters.len() == 2;
        if word.syllables[n].tone == 5 {
            continue;
        }
        let next = word.syllables.get(n + 1).map(|next| next.tone).or(following);
        let next = if after == Some('个') { Some(4) } else { next };
        word.syllables[n].tone = match next {
            _ if counted || dated => 1,
            Some(4 | 5) => 2,
            Some(_) if characters.len() > 1 && n + 1 == characters.len() => 1,
            Some(_) => 4,
            None => 1,
        };
    }
}

fn positions(word: &Word, wanted: char) -> Vec<usize> {
    if word.text.chars().count() != word.syllables.len() {
        return Vec::new();
    }
    word.text.chars().enumerate().filter(|(_, c)| *c == wanted).map(|(n, _)| n).collect()
}

/// Third tones within a word: (2 3) for two; in longer words the parts are spoken first (老 + 保守: 3 2 3; 展览 + 馆:
/// 2 2 3).
fn third_within(word: &mut Word, first_part: impl Fn(&str) -> usize) {
    let count = word.syllables.len();
    if count < 2 {
        return;
    }
    let cut = match count {
        2 => 0,
        3 => first_part(&word.text).min(2),
        _ => 2,
    };
    raise(&mut word.syllables[..if cut == 0 { 2 } else { cut }]);
    if cut > 0 {
        for start in (cut..count).step_by(2) {
            raise(&mut word.syllables[start..(start + 2).min(count)]);
        }
        // Between the parts of a word.
        if word.syllables[cut - 1].tone == 3 && word.syllables[cut].tone == 3 && cut > 1 {
            word.syllables[cut - 1].tone = 2;
        }
    }
}

/// Every third tone before a third tone rises.
fn raise(syllables: &mut [super::Syllable]) {
    for n in 1..syllables.len() {
        if syllables[n - 1].tone == 3 && syllables[n].tone == 3 {
            syllables[n - 1].tone = 2;
        }
    }
}

/// Third tones that meet at a word boundary: the earlier rises when either word has one syllable (我想, 很好); longer
/// words are apart enough to keep theirs.
fn third_between(words: &mut [Word]) {
    for n in 1..words.len() {
        let (before, after) = words.split_at_mut(n);
        let (left, right) = (&mut before[n - 1], &after[0]);
        let short = left.syllables.len() == 1 || right.syllables.len() == 1;
        let meets = right.syllables.first().is_some_and(|next| next.tone == 3);
        if let Some(last) = left.syllables.last_mut()
            && last.tone == 3
            && meets
            && short
        {
            last.tone = 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Segmenter;

    fn shown(segmenter: &Segmenter, text: &str) -> String {
        segmenter
            .words(text)
            .iter()
            .flat_map(|word| &word.syllables)
            .map(|s| format!("{}{}{}", s.pinyin, if s.rhotic { "r" } else { "" }, s.tone))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn tones_are_those_of_speech() {
        let cases = [
            ("你好", "ni2 hao3"),
            ("展览馆", "zhan2 lan2 guan3"),
            ("老保守", "lao3 bao2 shou3"),
            ("我很好", "wo2 hen2 hao3"),
            ("不是", "bu2 shi4"),
            ("不好", "bu4 hao3"),
            ("不吃", "bu4 chi1"),
            ("好不好", "hao3 bu5 hao3"),
            ("一个", "yi2 ge4"),
            ("一样", "yi2 yang4"),
            ("一天", "yi4 tian1"),
            ("一年", "yi4 nian2"),
            ("第一", "di4 yi1"),
            ("一月", "yi1 yue4"),
            ("二零一一年", "er4 ling2 yi1 yi1 nian2"),
            ("看一看", "kan4 yi5 kan4"),
            ("妈妈", "ma1 ma5"),
            ("我们", "wo3 men5"),
            ("桌子", "zhuo1 zi5"),
            ("男子", "nan2 zi3"),
            ("花儿", "huar1"),
            ("一点儿", "yi4 dianr3"),
            ("女儿", "nv3 er2"),
            ("东西", "dong1 xi5"),
            ("我不知道", "wo3 bu4 zhi1 dao5"),
            ("不喜欢", "bu4 xi3 huan5"),
            ("不舒服", "bu4 shu1 fu5"),
            ("不客气", "bu2 ke4 qi5"),
            ("不去不来", "bu2 qu4 bu4 lai2"),
            ("不爱不信", "bu2 ai4 bu2 xin4"),
            ("他不高兴", "ta1 bu4 gao1 xing4"),
            ("最不喜欢的", "zui4 bu4 xi3 huan5 de5"),
            ("不肯", "bu4 ken3"),
            ("不闻不问", "bu4 wen2 bu2 wen4"),
            ("第六页", "di4 liu4 ye4"),
            ("二零一六", "er4 ling2 yi1 liu4"),
            ("那哈密瓜", "na4 ha1 mi4 gua1"),
            ("盖房子", "gai4 fang2 zi5"),
            ("这只大王", "zhe4 zhi1 da4 wang2"),
            ("两行字", "liang3 hang2 zi4"),
            ("当过差", "dang1 guo4 chai1"),
        ];
        let segmenter = Segmenter::new();
        let wrong: Vec<_> = cases
            .iter()
            .filter_map(|(text, wanted)| {
                let got = shown(&segmenter, text);
                (got != *wanted).then(|| format!("{text}: {got}, not {wanted}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
