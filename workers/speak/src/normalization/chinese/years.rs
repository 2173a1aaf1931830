//! 年 after a number: the year of a date (2023年) or a length of time (5000年的文明史).

use super::{
    super::{Around, Rule},
    TO, joined,
    numbers::{number, spelled},
};

/// Words before a length of time, whatever its number.
const LASTS: &[&str] = &[
    "长达",
    "距今",
    "历时",
    "存在了",
    "延续了",
    "持续了",
    "统治了",
    "沉睡了",
    "流传了",
    "等了",
    "等待了",
    "活了",
    "埋藏了",
    "沉寂了",
    "相隔",
    "时隔",
];
/// Words before a length of time if its number is round: "约1998年" is a date.
const PASSES: &[&str] = &[
    "历经",
    "经历",
    "经历了",
    "经过",
    "经过了",
    "超过",
    "花了",
    "用了",
    "过了",
    "整整",
    "足足",
    "不到",
    "不足",
    "至少",
    "将近",
    "接近",
    "再过",
    "每隔",
];
/// Words that say the same less surely.
const HAS: &[&str] = &["已有", "有", "有着", "拥有", "了", "近", "约", "达", "达到", "每", "差不多", "几乎"];
/// What follows a length of time if its number is round.
const OF_TIME: &[&str] = &[
    "的历史",
    "历史",
    "的文明",
    "文明",
    "的时间",
    "时间",
    "的时光",
    "的光阴",
    "的岁月",
    "的寿命",
    "寿命",
    "的传统",
    "的积淀",
    "的沉淀",
    "的发展",
    "的风雨",
    "的沧桑",
    "的变迁",
    "的等待",
    "的修行",
    "的道行",
    "的基业",
    "的王朝",
    "的统治",
    "的老",
    "的古",
    "古",
    "老",
    "来",
    "之久",
    "之间",
    "之内",
    "以上",
    "左右",
    "不变",
    "不遇",
    "不倒",
    "才",
    "一遇",
    "一次",
    "不朽",
];
/// What follows a length of time or a year.
const AROUND: &[&str] = &["前", "后", "之前", "之后", "以前", "以后", "以来", "间"];

/// Rules for 年 after numbers that could be years.
pub(super) fn rules() -> Vec<Rule> {
    vec![
        // 2019-2023年
        Rule::anywhere(&format!(r"(?P<a>\d{{4}})年?{TO}(?P<b>\d{{4}})年"), |found, around| {
            let say = if is_span(&found["b"], around) { number } else { spelled };
            Some(format!("{}年到{}年", say(&found["a"]), say(&found["b"])))
        }),
        // 2024年, 98年; but 5年, 100年 and 5000年 are lengths of time
        Rule::anywhere(r"(?P<y>\d{4}|[89]\d)年", |found, around| {
            let say = if is_span(&found["y"], around) { number } else { spelled };
            (!joined(around)).then(|| format!("{}年", say(&found["y"])))
        }),
    ]
}

/// Whether a number of years is a length of time.
fn is_span(years: &str, around: &Around<'_>) -> bool {
    let starts = |words: &[&str]| words.iter().any(|word| around.after.starts_with(word));
    let ends = |words: &[&str]| words.iter().any(|word| around.before.ends_with(word));
    let dated = ends(&["公元", "西元", "到了", "自", "自从", "从", "在", "于", "至", "到", "截至"]);
    if years.len() < 4 {
        let passes = ends(LASTS) || ends(PASSES) || ends(&["了"]);
        let of_time = starts(&["来", "前", "后", "间", "的历史", "历史", "之久"]) && !starts(&["前后", "后期", "前期"]);
        return of_time || passes && !dated;
    }
    let round = years.ends_with("00");
    if ends(&["公元前", "西元前", "纪元前"]) {
        return round;
    }
    // No calendar has come so far.
    if matches!(years.parse(), Ok(2_200_u32..)) && !dated {
        return true;
    }
    // 2000年前后, 2000年后 and 1900年以来 are years more often.
    let modern = matches!(years, "1700" | "1800" | "1900" | "2000" | "2100");
    let relative = starts(AROUND) && !starts(&["前后", "后期", "前期", "间谍"]);
    let relative = relative && (!modern || years == "2000" && starts(&["前"]));
    let dated = dated || ends(&["年", "月", "至", "-"]);
    !dated && (ends(LASTS) || round && (starts(OF_TIME) || ends(PASSES) || relative || ends(HAS) && !modern))
}
