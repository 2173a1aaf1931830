//! Money. A currency that is written twice ("$5 dollars", "€5 EUR") is read once.

use regex::Captures;

use super::{
    super::{Around, Rule},
    NUMBER,
    numbers::{cardinal, number},
    quantities::TO,
    tables::{CURRENCIES, Currency, magnitude},
};

const MAGNITUDE: &str = r"\s?(?:thousand|million|billion|trillion)\b|\s?(?:bn|mn|tn|[mbkKMBT])\b";
/// A currency's word or code after an amount that has its sign already.
const AGAIN: &str = r"\s(?i:(?:US|Canadian|Australian|American)\sdollars?|dollars?|bucks|euros?|pounds?(?:\ssterling)?|yuan|yen|rupees?|won|USD|EUR|GBP|CNY|RMB|JPY|CAD|AUD|NZD|SGD|HKD|TWD|INR|KRW)\b";

pub(super) fn rules() -> Vec<Rule> {
    let signs: Vec<String> =
        CURRENCIES.iter().flat_map(|currency| currency.signs).map(|sign| regex::escape(sign)).collect();
    let signs = signs.join("|");
    let signed = format!(
        r"(?P<sign>[-−])?(?P<c>{signs})\s?(?P<n>{NUMBER})(?:{TO}(?:{signs})?(?P<n2>{NUMBER}))?(?P<mag>{MAGNITUDE})?"
    );
    let coded = format!(
        r"(?P<n>{NUMBER})(?P<mag>{MAGNITUDE})?\s?(?P<c>USD|RMB|CNY|EUR|GBP|JPY|HKD|CAD|AUD|NZD|SGD|TWD|INR|KRW|€|£)"
    );
    vec![
        // $5 dollars
        Rule::anywhere(&format!("{signed}(?P<again>{AGAIN})"), money),
        // $3.5 billion, $1,250.50, $5-10 million
        Rule::anywhere(&signed, money),
        // 5 USD dollars
        Rule::whole(&format!("{coded}(?P<again>{AGAIN})"), money),
        // 100 RMB
        Rule::whole(&coded, money),
    ]
}

/// The currency that a word or code names.
fn named(text: &str) -> Option<&'static Currency> {
    let text = text.trim().to_lowercase();
    let code = |currency: &&Currency| currency.signs.iter().any(|sign| sign.eq_ignore_ascii_case(&text));
    if let Some(currency) = CURRENCIES.iter().find(code) {
        return Some(currency);
    }
    let sign = match text.trim_end_matches(" sterling") {
        "dollar" | "dollars" | "bucks" => "$",
        "us dollar" | "us dollars" | "american dollars" => "US$",
        "canadian dollar" | "canadian dollars" => "C$",
        "australian dollar" | "australian dollars" => "A$",
        "euro" | "euros" => "€",
        "pound" | "pounds" => "£",
        "yuan" => "¥",
        "yen" => "JPY",
        "rupee" | "rupees" => "₹",
        "won" => "₩",
        _ => return None,
    };
    CURRENCIES.iter().find(|currency| currency.signs.contains(&sign))
}

/// The currency to say when it is written as `first` and again as `again`; none when the second is no currency of it
/// ("$5 pounds of sugar").
fn agreed(first: &'static Currency, again: &str) -> Option<&'static Currency> {
    let second = named(again)?;
    let dollars = |currency: &Currency| currency.many.ends_with("dollars");
    let plain = |currency: &Currency| currency.many == "dollars";
    if std::ptr::eq(first, second) || plain(second) && dollars(first) {
        Some(first)
    } else if plain(first) && dollars(second) || first.many == "yuan" && second.many == "yen" {
        Some(second)
    } else {
        None
    }
}

fn money(found: &Captures<'_>, around: &Around<'_>) -> Option<String> {
    let sign = &found["c"];
    if around.before.ends_with(|c: char| c.is_alphanumeric()) || around.after.starts_with(|c: char| c.is_alphanumeric())
    {
        return None;
    }
    let first: &'static Currency = CURRENCIES.iter().find(|currency| currency.signs.contains(&sign))?;
    let again = found.name("again").map(|again| again.as_str());
    let currency = match again {
        Some(again) => agreed(first, again)?,
        None => first,
    };
    let minus = if found.name("sign").is_some() { "minus " } else { "" };
    let magnitude = found.name("mag").and_then(|text| magnitude(text.as_str().trim()));
    let range = found.name("n2").map(|until| format!(" to {}", number(until.as_str()))).unwrap_or_default();
    // "$5 million-a-year", "a $10-bill" are read as one adjective
    let adjective = around.after.starts_with('-') && around.after[1..].starts_with(char::is_alphabetic)
        || again.is_some_and(|again| again.ends_with("dollar") || again.ends_with("euro") || again.ends_with("pound"));
    let unit = if adjective { currency.one } else { currency.many };
    let amount = &found["n"];
    Some(match magnitude {
        Some(magnitude) => format!("{minus}{}{range} {magnitude} {unit}", number(amount)),
        None if range.is_empty() => format!("{minus}{}", exact(amount, currency, unit)),
        None => format!("{minus}{}{range} {unit}", number(amount)),
    })
}

/// "twelve dollars and fifty cents".
fn exact(amount: &str, currency: &Currency, unit: &str) -> String {
    let (whole, cents) = match amount.split_once('.') {
        Some((whole, cents)) if cents.len() == 2 => (whole, cents.parse::<i64>().unwrap_or(0)),
        Some(_) => return format!("{} {unit}", number(amount)),
        None => (amount, 0),
    };
    let whole_words = format!("{} {}", number(whole), if whole == "1" { currency.one } else { unit });
    let cent_words = format!("{} {}", cardinal(cents), if cents == 1 { currency.cent } else { currency.cents });
    match (whole, cents) {
        (_, 0) => whole_words,
        ("0", _) => cent_words,
        _ => format!("{whole_words} and {cent_words}"),
    }
}
