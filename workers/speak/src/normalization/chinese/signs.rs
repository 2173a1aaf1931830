//! Signs of arithmetic, comparison and ranges.

use super::{
    super::{Around, Rule},
    NUMBER,
    measures::ends_counted,
    numbers::number,
};

/// Rules that come before those of amounts.
pub(super) fn rules() -> Vec<Rule> {
    vec![
        // 2个-3个, 20℃~25℃, 第1章-第3章, 上午9点-下午5点, 周一-周五
        Rule::anywhere(r"\s?[-–—~～∼]\s?", |_, around| {
            let day = ["周", "星期", "礼拜"].iter().any(|week| {
                around.after.starts_with(week)
                    && around
                        .before
                        .char_indices()
                        .rev()
                        .nth(1)
                        .is_some_and(|(at, _)| around.before[..at].is_empty() || around.before.contains(week))
            });
            let opens = around.after.starts_with(|c: char| c.is_ascii_digit())
                || ["第", "上午", "下午", "晚上", "中午", "凌晨", "次日", "早上", "傍晚", "零下", "￥", "¥", "$"]
                    .iter()
                    .any(|word| around.after.starts_with(word));
            (day && around.before.ends_with(|c: char| "一二三四五六日天末".contains(c))
                || (opens && ends_counted(around.before)))
            .then(|| "到".into())
        }),
        Rule::anywhere(r">=|=>", |found, _| (&found[0] == ">=").then(|| "大于等于".into())),
        Rule::anywhere(r"<=", |_, _| Some("小于等于".into())),
        Rule::anywhere(r"!=", |_, around| {
            (!around.before.trim_end().is_empty() && !around.after.trim().is_empty()).then(|| "不等于".into())
        }),
        Rule::anywhere(r"\+/-", |_, _| Some("正负".into())),
        // 2^10
        Rule::anywhere(r"\^\s?(?P<n>[-−]?\d{1,4})", |found, around| {
            around.before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == ')').then(|| match &found["n"] {
                "2" => "的平方".to_owned(),
                "3" => "的立方".to_owned(),
                power => format!("的{}次方", number(power)),
            })
        }),
        // 10-4=6, 10/2=5
        Rule::whole(&format!(r"(?P<a>{NUMBER})\s?(?P<s>[-–−*/x×])\s?(?P<b>{NUMBER})"), |found, around| {
            let sum = is_sum(around);
            let word = match &found["s"] {
                "−" => "减",
                "-" | "–" if sum => "减",
                "/" if sum => "除以",
                "*" | "x" | "×" => "乘以",
                _ => return None,
            };
            Some(format!("{}{word}{}", number(&found["a"]), number(&found["b"])))
        }),
        // ~50
        Rule::anywhere(r"[~～∼]\s?", |_, around| {
            let begins = !around.before.ends_with(|c: char| c.is_ascii_alphanumeric());
            (begins && around.after.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '$' | '￥' | '¥')))
                .then(|| "约".into())
        }),
    ]
}

/// Whether the match is in an equation or in a question for its result.
fn is_sum(around: &Around<'_>) -> bool {
    let operand = |c: char| {
        c.is_ascii_digit() || matches!(c, ' ' | '.' | ',' | '+' | '-' | '−' | '×' | '*' | '/' | '÷' | '(' | ')')
    };
    let after = around.after.trim_start_matches(operand);
    let before = around.before.trim_end_matches(operand);
    after.starts_with(['=', '≈', '＝'])
        || before.ends_with(['=', '≈', '＝'])
        || ["等于", "得多少", "是多少"].iter().any(|word| after.starts_with(word))
        || ["计算", "算式", "算一下", "求"].iter().any(|word| before.ends_with(word))
}
