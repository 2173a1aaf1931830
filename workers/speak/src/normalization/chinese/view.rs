//! The view of a text that the rules work on: in simplified characters, without the spaces that technical writing sets
//! around numbers, and with the place of each byte in the original.

use std::{collections::HashSet, ops::Range, sync::LazyLock};

use ferrous_opencc::{OpenCC, config::BuiltinConfig};
use regex::Regex;

use super::measures::is_measured;

use medley_text::script::is_han;

static TO_SIMPLIFIED: LazyLock<Option<OpenCC>> = LazyLock::new(|| OpenCC::from_config(BuiltinConfig::T2s).ok());
static GROUPED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u:\b)[1-9]\d{0,2}(?: \d{3})+(?-u:\b)").expect("the pattern is a constant"));

/// Characters of Taiwan or Hong Kong that OpenCC does not convert, or converts to a rarer sense.
const ALSO: [(char, char); 12] = [
    ('妳', '你'),
    ('裏', '里'),
    ('麽', '么'),
    ('麼', '么'),
    ('甚', '甚'),
    ('祂', '他'),
    ('牠', '它'),
    ('喫', '吃'),
    ('羣', '群'),
    ('峯', '峰'),
    ('箇', '个'),
    ('週', '周'),
];

/// Words in which 著 is read zhù; elsewhere in traditional text it is the particle 着.
const ZHU: &[&str] = &[
    "著名", "著作", "著称", "著述", "著者", "著书", "著录", "著有", "显著", "卓著", "昭著", "名著", "原著", "巨著",
    "专著", "论著", "编著", "译著", "合著", "遗著", "新著", "拙著", "土著", "较著", "所著", "大著", "主著", "著文",
    "著成", "著译", "著论", "著史", "自著", "撰著", "著《",
];
/// Characters that make a word with the 着 before them: 着急, 着火, 着落.
const AFTER_ZHE: &str = "急火凉迷慌魔陆手眼重想色力实落装数三呢了";
/// Verbs whose 着 may end a sentence. Elsewhere in simplified text the 著 of an author ends one.
const VERBS: &str = "看听说跟随沿向对为着带拿走坐站等想笑忙照睡穿躺抱拉提住活开关吃喝守望握靠放挂写戴执沉不衣";

/// A simplified text without blanks round its numbers.
pub(super) struct View {
    pub(super) text: String,
    /// For each byte of `text`, and its end, where that is in the original.
    origin: Vec<usize>,
}

impl View {
    pub(super) fn of(written: &str) -> Self {
        let simplified = simplified(written);
        let characters: Vec<(usize, char, char)> =
            written.char_indices().zip(simplified).map(|((at, c), simple)| (at, c, simple)).collect();
        let mut view =
            Self { text: String::with_capacity(written.len()), origin: Vec::with_capacity(written.len() + 1) };
        let simple: String = characters.iter().map(|(_, _, simple)| simple).collect();
        let grouping = grouping_blanks(written, &simple);
        let mut n = 0;
        while let Some(&(at, c, simple)) = characters.get(n) {
            if c == ' ' {
                let next = characters[n..].iter().position(|(_, c, _)| *c != ' ').map(|skipped| n + skipped);
                let after: String =
                    next.map_or(String::new(), |next| characters[next..].iter().take(6).map(|(_, c, _)| *c).collect());
                if grouping.contains(&at) || is_idle(&view.text, &after) {
                    n = next.unwrap_or(characters.len());
                    continue;
                }
            }
            view.text.push(simple);
            view.origin.extend(std::iter::repeat_n(at, simple.len_utf8()));
            n += 1;
        }
        view.origin.push(written.len());
        view
    }

    /// The part of the view that shows this part of the original.
    pub(super) fn shown(&self, written: Range<usize>) -> Range<usize> {
        let place = |at: usize| self.origin.partition_point(|origin| *origin < at).min(self.text.len());
        place(written.start)..place(written.end)
    }

    /// The part of the original that this part of the view shows, without blanks at its end.
    pub(super) fn written(&self, shown: &Range<usize>, written: &str) -> Range<usize> {
        let start = self.origin[shown.start];
        let end = self.origin[shown.end].max(start);
        start..start + written[start..end].trim_end_matches(' ').len()
    }
}

/// One simplified character for each character of the text.
fn simplified(text: &str) -> Vec<char> {
    let single = |c: char| ALSO.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to);
    let Some(opencc) = &*TO_SIMPLIFIED else { return text.chars().map(single).collect() };
    if !text.chars().any(is_han) {
        return text.chars().collect();
    }
    let whole: Vec<char> = opencc.convert(text).chars().collect();
    let aligned = whole.len() == text.chars().count();
    // A phrase that became longer or shorter would shift what follows: then each character goes by itself.
    let one = |c: char| {
        let mut converted = c.to_string();
        if is_han(c) {
            converted = opencc.convert(&converted);
        }
        let mut letters = converted.chars();
        match (letters.next(), letters.next()) {
            (Some(simple), None) => simple,
            _ => c,
        }
    };
    let mut simple: Vec<char> = if aligned { whole } else { text.chars().map(one).collect() };
    simple.iter_mut().for_each(|c| *c = single(*c));
    let traditional = text.chars().zip(&simple).any(|(c, simple)| c != *simple);
    particles(&mut simple, traditional);
    simple
}

/// 著 as 着, which simplified text never writes so.
fn particles(simple: &mut [char], traditional: bool) {
    for n in 0..simple.len() {
        if simple[n] != '著' {
            continue;
        }
        let around: String = simple[n.saturating_sub(1)..(n + 2).min(simple.len())].iter().collect();
        let zhu = ZHU.iter().any(|word| around.contains(word)) || simple[..n].ends_with(&['所']);
        let next = simple.get(n + 1).copied();
        let makes_word = next.is_some_and(|c| AFTER_ZHE.contains(c));
        let last = n.checked_sub(1).map(|n| simple[n]);
        let follows = last.is_some_and(is_han) && (traditional || next.is_some_and(is_han));
        if !zhu && (makes_word || follows || last.is_some_and(|c| VERBS.contains(c))) {
            simple[n] = '着';
        }
    }
}

/// The places of the blanks that group the digits of a quantity: "3 000 年". Groups of three digits are a code if nothing
/// is measured with them.
fn grouping_blanks(written: &str, simple: &str) -> HashSet<usize> {
    let mut blanks = HashSet::new();
    if written.len() != simple.len() {
        return blanks;
    }
    for found in GROUPED.find_iter(simple) {
        let before = simple[..found.start()].trim_end().chars().next_back();
        let apart = !before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ',' | '-' | '+' | ')'));
        let after = simple[found.end()..].trim_start();
        if apart && (after.starts_with('年') || is_measured(after)) {
            blanks.extend(found.as_str().match_indices(' ').map(|(at, _)| found.start() + at));
        }
    }
    blanks
}

/// Whether blanks between these mean nothing: beside a number of a Chinese text.
fn is_idle(before: &str, after: &str) -> bool {
    let (Some(last), Some(next)) = (before.chars().next_back(), after.chars().next()) else { return false };
    let digit = |c: char| c.is_ascii_digit();
    let money = |c: char| matches!(c, '$' | '¥' | '￥' | '€' | '£');
    let sign = |c: char| {
        matches!(
            c,
            '/' | '-'
                | '–'
                | '—'
                | '~'
                | '～'
                | ':'
                | '：'
                | '×'
                | '÷'
                | '+'
                | '='
                | '≥'
                | '≤'
                | '≠'
                | '≈'
                | '±'
                | '<'
                | '>'
                | '^'
                | '*'
                | '·'
                | '−'
                | '至'
                | '到'
        )
    };
    let measured = |c: char| matches!(c, '%' | '％' | '‰' | '°' | '℃' | '℉');
    let operand = after.chars().find(|c| !(sign(*c) || *c == ' ')).is_some_and(|c| digit(c) || money(c));
    (is_han(last) && (digit(next) || money(next)))
        || (digit(last) && (is_han(next) || measured(next)))
        || (measured(last) && is_han(next))
        || ((digit(last) || measured(last)) && sign(next) && operand)
        || (sign(last)
            && digit(next)
            && before.trim_end_matches(|c: char| sign(c) || c == ' ').ends_with(|c: char| digit(c) || measured(c)))
        || (money(last) && digit(next))
        || (is_han(last)
            && matches!(next, '-' | '−' | '~' | '≥' | '≤' | '≈' | '±' | '>' | '<')
            && after.chars().nth(1).is_some_and(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_round_numbers_are_gone_and_others_stay() {
        let cases = [
            ("2023 年 5 月 1 日", "2023年5月1日"),
            ("买了 2 个", "买了2个"),
            ("增长 10 % 左右", "增长10%左右"),
            ("约 1 / 2", "约1/2"),
            ("气温 -5 ℃", "气温-5℃"),
            ("共 3 - 5 天", "共3-5天"),
            ("用 Python 3 写", "用 Python 3写"),
            ("电话 010 6234 5678", "电话010 6234 5678"),
            ("你好 世界", "你好 世界"),
            ("3 000 年的时间", "3000年的时间"),
            ("人口 12 500 000 人", "人口12500000人"),
            ("验证码 384 921", "验证码384 921"),
        ];
        for (written, wanted) in cases {
            assert_eq!(View::of(written).text, wanted);
        }
    }

    #[test]
    fn traditional_characters_are_simplified_one_by_one() {
        let cases = [("銀行在重慶", "银行在重庆"), ("看著顯著的變化", "看着显著的变化"), ("乾淨的頭髮", "干净的头发")];
        let particles = [
            ("著急", "着急"),
            ("著火了", "着火了"),
            ("著涼了", "着凉了"),
            ("他穿著大衣", "他穿着大衣"),
            ("睡著了", "睡着了"),
            ("他睡著", "他睡着"),
            ("沒著落", "没着落"),
            ("忙著做飯", "忙着做饭"),
            ("曹雪芹著", "曹雪芹著"),
            ("鲁迅著《呐喊》", "鲁迅著《呐喊》"),
            ("他是著名作家", "他是著名作家"),
        ];
        for (written, wanted) in particles {
            assert_eq!(View::of(written).text, wanted);
        }
        for (written, wanted) in cases {
            assert_eq!(View::of(written).text, wanted);
        }
        assert_eq!(View::of("他的著作").text, "他的著作");
    }

    #[test]
    fn places_go_there_and_back() {
        let written = "於 2023 年";
        let view = View::of(written);
        let year = view.text.find("2023").unwrap()..view.text.len();
        assert_eq!(&written[view.written(&year, written)], "2023 年");
        assert_eq!(view.shown(0..written.len()), 0..view.text.len());
    }
}
