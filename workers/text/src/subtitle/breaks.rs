//! How bad it would be to break between two tokens of a text.
//!
//! The guides: break after punctuation, before conjunctions and prepositions; keep together an article and its noun, a
//! first and a last name, an auxiliary and its verb. Never separate a number from its unit or the parts of a date.

use crate::{
    marks::{ends_phrase, final_mark, is_sentence_end},
    numbers::{expects_number, is_numeral},
    script::{is_han, is_kana},
};

pub(super) const AFTER_SENTENCE: f64 = 0.0;
const AFTER_PHRASE: f64 = 0.35;
const BEFORE_CLAUSE: f64 = 0.8;
const PLAIN: f64 = 1.0;
/// After words that belong to what follows.
const LEANING: f64 = 1.8;
/// Inside what is probably one name.
const INSIDE_NAME: f64 = 1.6;
/// Between a number and what it counts.
const AFTER_NUMBER: f64 = 1.7;

/// Words that belong to what follows them.
const LEANERS: &str = " a an the of to in on at by for with from and or but nor as if that which who is are was were be been \
    has have had will would can could should may might must do does did not no my your his her its our their very this \
    these those some any every each all more most so i you he she it we they there don't i'm it's mr mrs ms dr prof \
    在 把 被 对 和 与 从 向 为 给 让 不 很 也 都 就 还 又 再 才 这 那 每 各 最 更 已 已经 正在 将 会 能 要 可 可以 是 有 没 没有 \
    一 一个 这个 那个 这些 那些 及 以及 而 但 但是 因为 所以 如果 ";

/// Words that begin a clause or a phrase.
const OPENERS: &str = " and but or nor because although though if when while which that who where as of to in on at by \
    for with from after before until since than through over under between into about during against \
    但 但是 而 而且 因为 所以 如果 虽然 尽管 并 并且 或 或者 以及 和 与 在 从 向 对 当 由于 为了 不过 然后 ";

/// Chinese particles: no line begins with one.
const PARTICLES: &str = " 的 了 着 过 地 得 吗 呢 吧 啊 呀 嘛 们 啦 哦 么 ";

const MONTHS: &str = " january february march april may june july august september october november december jan feb mar apr \
    jun jul aug sep sept oct nov dec ";

/// What a number may count or measure and is not read without it.
const UNITS: &str = " % ％ percent per cent hundred thousand million billion trillion dozen km kilometres kilometers kilometre \
    kilometer miles mile metres meters metre meter m cm mm nm kg g mg kilograms grams kilos tonnes tons tonne ton litres \
    liters ml pounds pound dollars dollar euros euro yuan cents pence degrees degree years year months month weeks week \
    days day hours hour minutes minute seconds second ms o'clock am pm a.m p.m bc ad gb mb kb tb hz khz mhz ghz kw mw gw \
    volts watts times points point feet foot inches inch acres hectares st nd rd th \
    年 年代 年级 年前 年后 月 月份 月底 个 个月 日 号 天 周 星期 小时 时 点 点钟 分 分钟 秒 秒钟 世纪 岁 元 块 毛 角 万 亿 千 百 \
    万元 亿元 美元 欧元 日元 英镑 人民币 度 摄氏度 米 公里 千米 厘米 毫米 里 公斤 千克 克 吨 升 只 位 名 人 条 张 件 本 台 辆 艘 \
    家 次 届 章 节 集 期 页 课 讲 层 楼 栋 座 间 所 部 项 种 类 倍 成 场 句 段 篇 首 颗 粒 杯 瓶 碗 份 股 平方米 平方公里 立方米 \
    公顷 亩 赫兹 伏 瓦 千瓦 万人 亿人 余 多 ";

/// Signs and codes of money that stand before a number.
const MONEY: &str = " $ ¥ ￥ € £ us$ hk$ rm usd eur gbp cny rmb jpy ";

const TITLES: &str = " mr. mrs. ms. dr. prof. st. gen. col. lt. sen. rep. ";

fn is_in(list: &str, word: &str) -> bool {
    !word.is_empty() && !word.contains(' ') && list.contains(&format!(" {word} "))
}

/// The cost of a break after each token but the last; none where it is not allowed.
pub(super) fn costs(tokens: &[&str]) -> Vec<Option<f64>> {
    let words: Vec<Word<'_>> = tokens.iter().map(|token| Word::of(token)).collect();
    (1..words.len()).map(|next| cost(&words, next)).collect()
}

/// A token, and what of it is a word.
struct Word<'a> {
    token: &'a str,
    /// In lower case, without the marks around it but for those of [`UNITS`] and [`MONEY`].
    bare: String,
}

impl<'a> Word<'a> {
    fn of(token: &'a str) -> Self {
        let kept = |c: char| c.is_alphanumeric() || "%％$¥￥€£".contains(c);
        Self { token, bare: token.trim_matches(|c| !kept(c)).to_lowercase().replace('’', "'") }
    }

    fn is_number(&self) -> bool {
        is_numeral(&self.bare)
    }

    fn is_digits(&self) -> bool {
        self.bare.starts_with(|c: char| c.is_ascii_digit())
    }

    fn is_month(&self) -> bool {
        self.is_capitalised() && is_in(MONTHS, &self.bare)
    }

    fn first(&self) -> Option<char> {
        self.token.chars().find(|c| c.is_alphanumeric())
    }

    fn is_capitalised(&self) -> bool {
        self.first().is_some_and(char::is_uppercase)
    }

    fn is_lowercase(&self) -> bool {
        self.first().is_some_and(char::is_lowercase)
    }

    fn is_initial(&self) -> bool {
        self.is_capitalised() && self.token.ends_with('.') && self.bare.chars().count() == 1
    }

    /// A Chinese character that is a word by itself, as those of names are that the dictionary does not know.
    fn is_single(&self) -> bool {
        self.bare.starts_with(is_han)
            && self.bare.chars().count() == 1
            && !is_in(PARTICLES, &self.bare)
            && !self.is_number()
    }
}

/// The cost of a break before the word `next`.
fn cost(words: &[Word<'_>], next: usize) -> Option<f64> {
    let (last, first) = (&words[next - 1], &words[next]);
    // The point of an abbreviation: "at 5 p.m. today".
    let goes_on = last.token.ends_with('.') && first.is_lowercase();
    if is_sentence_end(last.token) && !goes_on {
        return Some(AFTER_SENTENCE);
    }
    if is_date(words, next) {
        return None;
    }
    let mark = final_mark(last.token);
    if mark.is_some_and(ends_phrase) {
        let listed = mark == Some('、') && last.is_number() && first.is_number();
        return Some(if listed { AFTER_NUMBER } else { AFTER_PHRASE });
    }
    if belongs(words, next) {
        return None;
    }
    let is_unit = next > 1 && words[next - 2].is_number() && is_in(UNITS, &last.bare);
    let singles = last.is_single() && first.is_single() && !is_unit;
    Some(if is_in(LEANERS, &last.bare) && !last.is_month() {
        LEANING
    } else if last.is_number() && last.bare != "one" && !is_in(OPENERS, &first.bare) {
        AFTER_NUMBER
    } else if last.is_capitalised() && first.is_capitalised() || singles {
        INSIDE_NAME
    } else if is_in(OPENERS, &first.bare) {
        BEFORE_CLAUSE
    } else if last.bare.ends_with(is_kana) && first.bare.starts_with(is_kana) {
        LEANING
    } else {
        PLAIN
    })
}

/// Whether the words around are parts of one date or time of day: "May | 6, | 2026", "6 | May", "11 月 | 30 日".
fn is_date(words: &[Word<'_>], next: usize) -> bool {
    let (last, first) = (&words[next - 1], &words[next]);
    let whole = !final_mark(last.token).is_some_and(ends_phrase);
    let before = next.checked_sub(2).map(|n| &words[n]);
    let year = first.is_digits() && first.bare.chars().count() == 4;
    let english = whole && last.is_month() && first.is_digits()
        || whole && last.is_digits() && first.is_month()
        || last.is_digits() && year && before.is_some_and(Word::is_month);
    let after = words.get(next + 1).map_or("", |word| word.bare.as_str());
    let chinese = whole
        && first.is_number()
        && match last.bare.as_str() {
            "年" => after.starts_with('月'),
            "月" => after.starts_with(['日', '号']),
            "点" | "时" => after.starts_with('分'),
            "分" => after.starts_with('秒'),
            _ => false,
        };
    english || chinese
}

/// Whether two words are read as one.
fn belongs(words: &[Word<'_>], next: usize) -> bool {
    let (last, first) = (&words[next - 1], &words[next]);
    let after = words.get(next + 1).map_or("", |word| word.bare.as_str());
    let per_cent = first.bare == "per" && after == "cent";
    let counted =
        last.is_number() && (is_in(UNITS, &first.bare) || per_cent) || last.bare == "per" && first.bare == "cent";
    // "三百 | 二十", which the dictionary does not know.
    let chinese_number =
        last.is_number() && first.is_number() && [last, first].iter().all(|w| w.bare.starts_with(is_han));
    let priced = is_in(MONEY, &last.bare) && first.is_digits();
    let numbered = (expects_number(last.token) || last.bare.ends_with("百分之")) && first.is_number();
    let titled = (is_in(TITLES, &last.token.to_lowercase()) || last.is_initial()) && first.is_capitalised();
    counted || chinese_number || priced || numbered || titled || is_in(PARTICLES, &first.bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a text of tokens may not break, or only at a price.
    fn shown(tokens: &str) -> String {
        let tokens: Vec<&str> = tokens.split(' ').collect();
        let costs = costs(&tokens);
        let mut out = tokens[0].to_owned();
        for (token, cost) in tokens[1..].iter().zip(costs) {
            out += match cost {
                None => "+",
                Some(cost) if cost > PLAIN => "~",
                Some(PLAIN) => " ",
                Some(_) => "/",
            };
            out += token;
        }
        out
    }

    #[test]
    fn numbers_keep_their_units_and_dates_their_parts() {
        for (tokens, expected) in [
            ("by 10 % since", "by~10+%/since"),
            ("about 10 per cent more", "about 10+per+cent more"),
            ("on May 6, 2026 he left", "on~May+6,+2026~he~left"),
            ("on 6 May he left", "on~6+May he~left"),
            ("five million dollars", "five+million+dollars"),
            ("sold 42 boats today", "sold 42~boats today"),
            ("see Chapter 17 again", "see Chapter+17~again"),
            ("at 5 p.m. today", "at~5+p.m. today"),
            ("I may 6", "I~may~6"),
            ("costs $ 5 now", "costs $+5~now"),
            ("第 3 章 讲", "第+3+章 讲"),
            ("在 2026 年 11 月 30 日 开始", "在~2026+年+11+月+30+日 开始"),
            ("下午 3 点 20 分 到", "下午 3+点+20+分 到"),
            ("增长 10 % 以上", "增长 10+% 以上"),
            ("三百 二十 艘 船", "三百+二十+艘 船"),
            ("3 月 5 人", "3+月 5+人"),
            ("2、 3 个 人", "2、~3+个 人"),
        ] {
            assert_eq!(shown(tokens), expected);
        }
    }

    #[test]
    fn breaks_are_cheap_after_punctuation_and_before_clauses() {
        for (tokens, expected) in [
            ("He came, and saw the big house.", "He~came,/and~saw the~big house."),
            ("Dr. Smith met J. Brown there", "Dr.+Smith met J.+Brown there"),
            ("It ends. It starts", "It~ends./It~starts"),
            ("the United Kingdom voted", "the~United~Kingdom voted"),
            ("我们 的 模型 在 运行 吗", "我们+的 模型/在~运行+吗"),
            ("张 伟 来 了", "张~伟~来+了"),
        ] {
            assert_eq!(shown(tokens), expected);
        }
    }
}
