//! Amounts in Chinese financial numerals: 壹佰贰拾叁圆肆角伍分.

use super::decimal::Decimal;

/// The amount that a line spells out, with its place in bytes. A line with a stray 十 or 元 spells none.
pub(crate) fn amount_in_words(text: &str) -> Option<(Decimal, std::ops::Range<usize>)> {
    let spelled = |c: char| {
        digit(c).is_some() || unit(c).is_some() || matches!(c, '圆' | '元' | '园' | '角' | '分' | '整' | '正' | ' ')
    };
    let mut best: Option<(usize, usize)> = None;
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), '\0')]) {
        match (spelled(c), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                if best.is_none_or(|(a, b)| at - from > b - a) {
                    best = Some((from, at));
                }
                start = None;
            }
            _ => {}
        }
    }
    let (from, to) = best?;
    let figures: Vec<char> = text[from..to].chars().filter(|c| *c != ' ').collect();
    // Arabic digits are no words, and a number without 圆, 角 or 分 is no money.
    let has_money = figures.iter().any(|c| matches!(c, '圆' | '元' | '园' | '角' | '分'));
    let has_figure = figures.iter().any(|c| digit(*c).is_some_and(|d| d > 0)) || figures.contains(&'零');
    if !has_money || !has_figure {
        return None;
    }
    Some((parse(&figures)?, from..to))
}

fn digit(c: char) -> Option<i64> {
    let figure = match c {
        '零' | '〇' => 0,
        '壹' | '一' => 1,
        '贰' | '貳' | '二' => 2,
        '叁' | '參' | '叄' | '三' => 3,
        '肆' | '四' => 4,
        '伍' | '五' => 5,
        '陆' | '陸' | '六' => 6,
        '柒' | '七' => 7,
        '捌' | '八' => 8,
        '玖' | '九' => 9,
        _ => return None,
    };
    Some(figure)
}

fn unit(c: char) -> Option<i64> {
    let unit = match c {
        '拾' | '十' => 10,
        '佰' | '百' => 100,
        '仟' | '千' => 1_000,
        '万' | '萬' => 10_000,
        '亿' | '億' => 100_000_000,
        _ => return None,
    };
    Some(unit)
}

/// In cents: hundreds within tens of thousands, then 角 and 分.
fn parse(figures: &[char]) -> Option<Decimal> {
    let (mut cents, mut whole, mut group, mut figure) = (0i64, 0i64, 0i64, None);
    for &c in figures {
        if let Some(value) = digit(c) {
            figure = Some(value);
        } else if let Some(unit) = unit(c) {
            if unit >= 10_000 {
                whole = (whole + group + figure.take().unwrap_or(0)).checked_mul(unit)?;
                group = 0;
            } else {
                // 拾 alone is ten.
                group += figure.take().filter(|&figure| figure > 0).unwrap_or(1) * unit;
            }
        } else {
            match c {
                '圆' | '元' | '园' => {
                    whole += group + figure.take().unwrap_or(0);
                    cents += whole.checked_mul(100)?;
                    (whole, group) = (0, 0);
                }
                '角' => cents += 10 * figure.take().unwrap_or(0),
                '分' => cents += figure.take().unwrap_or(0),
                _ => {}
            }
        }
    }
    (cents < 1_000_000_000_000).then(|| Decimal::cents(cents))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sums() {
        for (text, cents) in [
            ("价税合计(大写) 壹佰贰拾叁圆肆角伍分", 12345),
            ("人民币叁仟零伍圆整", 300_500),
            ("拾贰元整", 1200),
            ("壹万贰仟圆整", 1_200_000),
            ("贰拾万零叁拾圆伍分", 20_003_005),
            ("伍角", 50),
        ] {
            assert_eq!(amount_in_words(text).map(|(value, _)| value), Some(Decimal::cents(cents)), "{text}");
        }
        for text in ["合计 35元", "十分感谢", "单位:元", "数量三"] {
            let found = amount_in_words(text).map(|(value, _)| value);
            assert!(found.is_none_or(|value| value.is_zero()), "{text}: {found:?}");
        }
    }
}
