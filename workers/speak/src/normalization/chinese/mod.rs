//! Chinese normalisation. The cases that it must read are in `cases.tsv`.

mod codes;
mod measures;
mod numbers;
mod signs;
mod tables;
mod view;
mod years;

use std::{ops::Range, sync::LazyLock};

use measures::{ends_counted, is_measured};
use numbers::{cardinal, counted, dialled, number, spelled};
use regex::Captures;
use view::View;

use super::{Around, Piece, PieceKind, Rule, apply, claimed};

const NUMBER: &str = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?";
/// A currency after an amount that has its sign already.
const AGAIN: &str = r"\s?(?:元人民币|人民币|美元|美金|欧元|英镑|日元|日圆|港元|港币|新台币|台币|韩元|加元|澳元|块钱|元|块|圆|USD|RMB|CNY|EUR|JPY)";
const TO: &str = r"\s?[-–—~～∼至到]\s?";

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let mut rules = codes::rules();
    rules.extend(dates());
    rules.extend(years::rules());
    rules.extend(months_and_times());
    rules.extend(signs::rules());
    rules.extend(prices());
    rules.extend(percentages());
    rules.extend(measures());
    rules.extend(ratios_and_ranges());
    rules.extend(names_of_numbers());
    rules.extend(plain_numbers());
    rules
});

/// Whether these Latin letters are a unit that Chinese reads in Chinese.
pub(crate) fn is_unit(text: &str) -> bool {
    tables::UNITS.iter().any(|(written, _)| *written == text)
}

/// Whether these Latin letters are the code of a currency: "USD".
pub(crate) fn is_currency(text: &str) -> bool {
    text.starts_with(char::is_alphabetic) && tables::CURRENCIES.iter().any(|(written, _)| *written == text)
}

/// The length of the currency in Latin letters that a text begins with: "HK$20", "RMB 300".
pub(crate) fn currency_length(text: &str) -> Option<usize> {
    let written = tables::CURRENCIES.iter().map(|(written, _)| *written);
    written.filter(|written| written.starts_with(char::is_alphabetic) && text.starts_with(written)).map(str::len).max()
}

/// The pieces of a part of a text, in order. Latin letters that no rule knows are left out: the caller gives only runs
/// of Chinese.
pub(crate) fn normalise(text: &str, part: Range<usize>) -> Vec<Piece> {
    let view = View::of(text);
    let mut pieces = Vec::new();
    for (range, spoken) in apply(&RULES, &view.text, view.shown(part)) {
        match spoken {
            Some(spoken) => claimed(&spoken, &range, &mut pieces),
            None => plain(&view.text, range, &mut pieces),
        }
    }
    pieces.iter_mut().for_each(|piece| piece.source = view.written(&piece.source, text));
    pieces
}

fn dates() -> Vec<Rule> {
    vec![
        // 2024-03-05, 2024/3/5, 2024.3.5
        Rule::whole(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})", |found, _| {
            let (month, day): (u64, u64) = (found["m"].parse().ok()?, found["d"].parse().ok()?);
            let real = (1..=12).contains(&month) && (1..=31).contains(&day);
            real.then(|| format!("{}年{}月{}日", spelled(&found["y"]), cardinal(month), cardinal(day)))
        }),
        // 9:30-11:00
        Rule::whole(&format!(r"(?P<a>\d{{1,2}}[:：]\d{{2}}){TO}(?P<b>\d{{1,2}}[:：]\d{{2}})"), |found, _| {
            Some(format!("{}到{}", time(&found["a"])?, time(&found["b"])?))
        }),
        // 2024-2025赛季
        Rule::whole(&format!(r"(?P<a>(?:19|20)\d\d){TO}(?P<b>(?:19|20)\d\d)"), |found, around| {
            let dated = ["赛", "学", "财"].iter().any(|word| around.after.starts_with(word));
            dated.then(|| format!("{}到{}", spelled(&found["a"]), spelled(&found["b"])))
        }),
        // 90年代, 95后
        Rule::anywhere(r"(?P<n>\d0)年代", |found, around| {
            (!joined(around)).then(|| format!("{}年代", number(&found["n"])))
        }),
        Rule::anywhere(r"(?P<n>[056789][05])后", |found, around| {
            (!joined(around)).then(|| format!("{}后", spelled(&found["n"])))
        }),
    ]
}

fn months_and_times() -> Vec<Rule> {
    vec![
        // 3月5-7日
        Rule::anywhere(
            &format!(r"(?P<a>\d{{1,2}})(?P<u>[月日号时点])?{TO}(?P<b>\d{{1,2}})(?P<v>月|日|号|时|点)"),
            |found, around| {
                let unit = found.name("u").map_or("", |unit| unit.as_str());
                (!joined(around))
                    .then(|| format!("{}{unit}到{}{}", number(&found["a"]), number(&found["b"]), &found["v"]))
            },
        ),
        // 3月5日, 2月
        Rule::anywhere(r"(?P<n>\d{1,2})(?P<u>月|日|号|楼)", |found, around| {
            (!joined(around)).then(|| format!("{}{}", number(&found["n"]), &found["u"]))
        }),
        // 14:30, 8:05:30; a score such as 3:2 has one digit after the colon
        Rule::whole(r"\d{1,2}[:：]\d{2}(?:[:：]\d{2})?", |found, _| time(&found[0])),
        // 9·11, 7·21
        Rule::whole(r"(?P<a>\d{1,2})[·•](?P<b>\d{1,2})", |found, _| {
            Some(format!("{}{}", spelled(&found["a"]), spelled(&found["b"])))
        }),
    ]
}

/// 14:30, 8:05:30.
fn time(text: &str) -> Option<String> {
    let parts: Vec<u64> = text.split([':', '：']).map(str::parse).collect::<Result<_, _>>().ok()?;
    let (&hour, &minute) = (parts.first()?, parts.get(1)?);
    if hour > 24 || parts[1..].iter().any(|part| *part > 59) {
        return None;
    }
    let two_digits = |value: u64| match value {
        1..=9 => format!("零{}", cardinal(value)),
        _ => cardinal(value),
    };
    let hour = if hour == 2 { "两".into() } else { cardinal(hour) };
    Some(match (minute, parts.get(2)) {
        (0, None) => format!("{hour}点整"),
        (_, None) => format!("{hour}点{}分", two_digits(minute)),
        (_, Some(seconds)) => format!("{hour}点{}分{}秒", two_digits(minute), two_digits(*seconds)),
    })
}

/// An alternation of these texts that prefers the longest.
fn longest_first<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut escaped: Vec<String> = texts.map(regex::escape).collect();
    escaped.sort_by_key(|text| std::cmp::Reverse(text.len()));
    escaped.join("|")
}

fn prices() -> Vec<Rule> {
    let signs = longest_first(tables::CURRENCIES.iter().map(|(sign, _)| *sign));
    vec![
        // $3.5亿, ￥1,250.50, RMB 100-200
        Rule::anywhere(
            &format!(
                r"(?P<sign>[-−])?(?P<c>{signs})\s?(?P<n>{NUMBER})(?:{TO}(?P<n2>{NUMBER}))?(?P<big>[十百千万亿兆]*)(?P<again>{AGAIN})?"
            ),
            |found, _| money(&found["c"], found),
        ),
        Rule::anywhere(
            &format!(
                r"(?P<n>{NUMBER})(?P<big>[十百千万亿兆]*)\s?(?P<c>USD|RMB|CNY|EUR|GBP|JPY|HKD|TWD|NTD|KRW|AUD|CAD|SGD|NZD|MOP|CHF|THB|INR)(?P<again>{AGAIN})?"
            ),
            |found, _| money(&found["c"], found),
        ),
    ]
}

fn percentages() -> Vec<Rule> {
    vec![
        // 12.5%, 5%-10%, 3‰
        Rule::anywhere(&format!(r"(?P<n>[-−+]?(?:{NUMBER}))[%％]?{TO}(?P<n2>{NUMBER})[%％]"), |found, _| {
            Some(format!("百分之{}到百分之{}", number(&found["n"]), number(&found["n2"])))
        }),
        Rule::anywhere(&format!(r"(?P<n>[-−+]?(?:{NUMBER}))(?P<u>[%％‰])"), |found, around| {
            let (sign, rest) = sign_of(&found["n"], around);
            Some(format!("{sign}{}之{}", if &found["u"] == "‰" { "千分" } else { "百分" }, number(rest)))
        }),
    ]
}

fn measures() -> Vec<Rule> {
    let units = longest_first(tables::UNITS.iter().map(|(written, _)| *written));
    vec![
        // -5℃, 120km/h, 5-10kg, -5~3℃
        Rule::anywhere(
            &format!(r"(?P<n>[-−]?(?:{NUMBER}))(?:{TO}(?P<n2>[-−]?(?:{NUMBER})))?\s?(?P<u>{units})"),
            |found, around| {
                if around.after.starts_with(|c: char| c.is_ascii_alphanumeric())
                    || around.before.ends_with(|c: char| c.is_ascii_alphanumeric())
                {
                    return None;
                }
                let (_, unit) = tables::UNITS.iter().find(|(written, _)| *written == &found["u"])?;
                let until = found.name("n2").map(|until| until.as_str());
                Some(quantity(&found["n"], until, unit, around))
            },
        ),
        // -5度
        Rule::anywhere(
            &format!(r"(?P<n>[-−](?:{NUMBER}))(?:{TO}(?P<n2>[-−]?(?:{NUMBER})))?度"),
            |found, around| {
                // 7-11度 is a range.
                let until = found.name("n2").map(|until| until.as_str());
                (!joined(around)).then(|| quantity(&found["n"], until, "度", around))
            },
        ),
    ]
}

fn ratios_and_ranges() -> Vec<Rule> {
    vec![
        // 2/3
        Rule::whole(r"(?P<a>\d{1,3})/(?P<b>\d{1,3})", |found, _| {
            (found["b"].parse::<u64>().ok()? > 1 && &found[0] != "24/7")
                .then(|| format!("{}分之{}", number(&found["b"]), number(&found["a"])))
        }),
        // 3:2, 3-2
        Rule::whole(r"(?P<a>\d{1,3})[:：](?P<b>\d{1,3})", |found, _| {
            Some(format!("{}比{}", number(&found["a"]), number(&found["b"])))
        }),
        Rule::whole(r"(?P<a>\d{1,3})[-–](?P<b>\d{1,3})", |found, around| {
            let played =
                ["胜", "负", "平", "赢", "输", "以", "比分", "击败", "战平", "不敌", "领先", "落后", "逆转", "为"];
            let before = around.before.trim_end();
            let scored = played.iter().any(|word| before.ends_with(word))
                || played.iter().any(|word| around.after.starts_with(word));
            scored.then(|| format!("{}比{}", number(&found["a"]), number(&found["b"])))
        }),
        // 100-200, 100~200; before a measure word 2-3 is 两到三
        Rule::whole(&format!(r"(?P<a>[-−]?(?:{NUMBER})){TO}(?P<b>[-−]?(?:{NUMBER}))"), |found, around| {
            let (sign, rest) = sign_of(&found["a"], around);
            let first = if is_measured(around.after) { counted(rest) } else { number(rest) };
            Some(format!("{sign}{first}到{}", number(&found["b"])))
        }),
        // 2、3个, 七八天
        Rule::whole(r"(?P<a>[1-8])[、,，](?P<b>[2-9])", |found, around| {
            let (a, b): (u8, u8) = (found["a"].parse().ok()?, found["b"].parse().ok()?);
            let before = around.before.trim_end_matches(['、', ',', '，']);
            let listed = before.ends_with('第')
                || before.len() < around.before.len() && before.ends_with(|c: char| c.is_ascii_digit());
            let about = a + 1 == b && is_measured(around.after) && !listed;
            about.then(|| format!("{}{}", counted(&found["a"]), number(&found["b"])))
        }),
    ]
}

/// Ordinals, versions, and numbers that are read as names.
fn names_of_numbers() -> Vec<Rule> {
    vec![
        // 第3
        Rule::anywhere(r"第(?P<n>\d+)", |found, _| Some(format!("第{}", number(&found["n"])))),
        // 2.0.1
        Rule::whole(r"\d+(?:\.\d+){2,}", |found, _| {
            let part = |part: &str| if part.len() > 2 { spelled(part) } else { number(part) };
            Some(found[0].split('.').map(part).collect::<Vec<_>>().join("点"))
        }),
        // 302室, 804路, CA1234次
        Rule::anywhere(r"(?P<n>\d{3,4})(?P<u>室|房|路|次列车|航班)", |found, _| {
            (!found["n"].ends_with("00")).then(|| format!("{}{}", dialled(&found["n"]), &found["u"]))
        }),
        // ½杯
        Rule::anywhere(r"[½¼¾⅓⅔]", |found, _| {
            Some(
                match &found[0] {
                    "½" => "二分之一",
                    "¼" => "四分之一",
                    "¾" => "四分之三",
                    "⅓" => "三分之一",
                    _ => "三分之二",
                }
                .into(),
            )
        }),
        // 618, 985: names more than numbers
        Rule::whole(r"110|119|120|211|315|361|618|985|996|007", |found, around| {
            let measured = !around.after.starts_with('大') && is_measured(around.after);
            (!measured && !around.after.starts_with(['%', '吨', '克']))
                .then(|| if found[0].starts_with('1') { dialled(&found[0]) } else { spelled(&found[0]) })
        }),
    ]
}

/// Every other number.
fn plain_numbers() -> Vec<Rule> {
    vec![
        Rule::whole(&format!(r"[-−]?(?:{NUMBER})"), |found, around| {
            let (sign, rest) = sign_of(&found[0], around);
            // 在2层 is an ordinal.
            let storey = around.after.starts_with('层')
                && around.before.ends_with(['在', '到', '上', '去', '负', '楼', '达', '位', '于']);
            // 第1、2组 are the first and the second.
            let listed = around.before.ends_with(['、', '，', ',', '和']);
            let listed = listed
                && around
                    .before
                    .trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '、' | '，' | ',' | '和'))
                    .ends_with('第');
            let measured = is_measured(around.after) && !storey && !listed;
            Some(format!("{sign}{}", if measured { counted(rest) } else { number(rest) }))
        }),
        // No digit is ever left out.
        Rule::anywhere(r"\d+", |found, _| Some(spelled(&found[0]))),
    ]
}

fn money(sign: &str, found: &Captures<'_>) -> Option<String> {
    let (_, name) = tables::CURRENCIES.iter().find(|(written, _)| *written == sign)?;
    let minus = found.name("sign").map_or("", |_| "负");
    let until = found.name("n2").map(|until| format!("到{}", number(until.as_str()))).unwrap_or_default();
    // ￥9.90 is 九点九元.
    let amount = match found["n"].split_once('.') {
        Some((whole, cents)) if cents.len() == 2 && cents.ends_with('0') => {
            let cents = cents.trim_end_matches('0');
            if cents.is_empty() { whole.to_owned() } else { format!("{whole}.{cents}") }
        }
        _ => found["n"].to_owned(),
    };
    let name = found.name("again").and_then(|again| agreed(name, again.as_str().trim())).unwrap_or(name);
    Some(format!("{minus}{}{until}{}{name}", counted(&amount), &found["big"]))
}

/// The currency to say when a sign and a word name it twice ("$5美元", "¥100日元").
fn agreed(first: &'static str, again: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 20] = [
        ("美元", "美元"),
        ("美金", "美元"),
        ("人民币", "元人民币"),
        ("元人民币", "元人民币"),
        ("欧元", "欧元"),
        ("英镑", "英镑"),
        ("日元", "日元"),
        ("日圆", "日元"),
        ("港元", "港元"),
        ("港币", "港元"),
        ("新台币", "新台币"),
        ("台币", "新台币"),
        ("韩元", "韩元"),
        ("加元", "加元"),
        ("澳元", "澳元"),
        ("USD", "美元"),
        ("RMB", "元人民币"),
        ("CNY", "元人民币"),
        ("EUR", "欧元"),
        ("JPY", "日元"),
    ];
    match again {
        "元" | "块" | "块钱" | "圆" => Some(if first == "新台币" { "元新台币" } else { first }),
        _ => WORDS.iter().find(|(word, _)| *word == again).map(|(_, name)| *name),
    }
}

/// "负" for a sign that is one, and the number without it.
fn sign_of<'t>(text: &'t str, around: &Around<'_>) -> (&'static str, &'t str) {
    let begins = !around.before.ends_with(|c: char| c.is_ascii_alphanumeric()) && !ends_counted(around.before);
    match text.strip_prefix(['-', '−']) {
        Some(rest) if begins => ("负", rest),
        Some(rest) => ("", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

/// "零下五到三摄氏度", "两到三千克".
fn quantity(from: &str, until: Option<&str>, unit: &str, around: &Around<'_>) -> String {
    let degrees = unit.ends_with('度');
    let signed = |sign: &'static str| if degrees && sign == "负" { "零下" } else { sign };
    let (sign, rest) = sign_of(from, around);
    let value = if degrees { number(rest) } else { counted(rest) };
    let until = until.map(|until| match until.strip_prefix(['-', '−']) {
        Some(rest) => format!("到{}{}", signed("负"), number(rest)),
        None if degrees && sign == "负" => format!("到零上{}", number(until)),
        None => format!("到{}", number(until)),
    });
    format!("{}{value}{}{unit}", signed(sign), until.unwrap_or_default())
}

/// Whether a digit stands directly before the match.
fn joined(around: &Around<'_>) -> bool {
    around.before.ends_with(|c: char| c.is_ascii_digit() || c == '.')
}

/// The pieces of text that no rule claims: characters and marks.
fn plain(text: &str, range: Range<usize>, pieces: &mut Vec<Piece>) {
    let mut run: Option<Range<usize>> = None;
    for (at, c) in text[range.clone()].char_indices() {
        let here = range.start + at..range.start + at + c.len_utf8();
        if medley_text::script::is_han(c) {
            run = Some(run.map_or(here.start, |run| run.start)..here.end);
            continue;
        }
        finish(text, run.take(), pieces);
        if let Some(mark) = mark(c) {
            pieces.push(Piece { kind: PieceKind::Mark(mark), source: here });
        } else if let Some(say) = tables::sign(c) {
            pieces.push(Piece { kind: PieceKind::Say(say.into()), source: here });
        }
    }
    finish(text, run, pieces);
}

fn finish(text: &str, run: Option<Range<usize>>, pieces: &mut Vec<Piece>) {
    if let Some(source) = run {
        pieces.push(Piece { kind: PieceKind::Say(text[source.clone()].to_owned()), source });
    }
}

fn mark(c: char) -> Option<char> {
    match c {
        ',' | '，' | '、' | '（' | '）' | '(' | ')' | '：' | ':' | '；' | ';' => Some('，'),
        '。' | '.' => Some('。'),
        '！' | '!' => Some('！'),
        '？' | '?' => Some('？'),
        '…' | '—' => Some('，'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalization::read;

    #[test]
    fn the_cases_are_read() {
        let wrong: Vec<String> = [include_str!("cases.tsv"), include_str!("faults.tsv")]
            .iter()
            .flat_map(|cases| cases.lines())
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .filter_map(|line| {
                let (text, wanted) = line.split_once('\t').expect("text, tab, reading");
                let got = read(&normalise(text, 0..text.len()));
                (got != wanted).then(|| format!("{text}\n  got    {got}\n  wanted {wanted}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}
