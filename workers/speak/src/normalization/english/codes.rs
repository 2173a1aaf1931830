//! Numbers that count nothing: codes, PINs, postcodes, card numbers and telephone numbers are read digit by digit. They
//! are recognised by their name ("your code is 847261"), their grouping ("020 7946 0958") or their length.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    super::{Around, Rule},
    counting::counts,
    numbers::spelled,
};

/// How far back and ahead the word that names a code may stand.
const REACH: usize = 80;

/// Words before digits that are always a code.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)(?:^|[^\w])(?:
            (?:zip|post|postal|area|pass|access|security|verification|confirmation|authentication|activation|login|entry|gate|door|country|dialing|dial|promo|product|bar|error|unlock|sms|tracking|booking|backup|recovery|safe|alarm|sort|swift|routing)[\s-]?(?:code|number|pin)s?
            |codes?|zip|postcode|passcode|password|pin|otp|cvv|cvc|ssn|imei|isbn|iban|sku
            |ext(?:ension|\.)?|(?:dial|press|enter|type(?:\s+in)?|text|fax|telephone|phone|tel\.?|mobile|cell|hotline|helpline|landline)
            |(?:end(?:s|ed|ing)?|starts?|starting|begins?|beginning)\s+(?:in|with)|ending|(?:last|first|final)\s+(?:\w+\s+)?(?:digits|numbers)
            |(?:account|card|order|ticket|invoice|reference|ref|confirmation|booking|reservation|case|serial|phone|telephone|contact|mobile|cell|fax|passport|license|licence|policy|member|membership|customer|employee|student|id|identification|social\s+security|item|part|model|tracking|registration|plate|claim|receipt|vat|tax|bank|credit|debit|file|patient|whatsapp|emergency|office|home|work|my|your|his|her|our|their)\s+(?:id\s+|card\s+|security\s+|account\s+)?(?:numbers?|no\.?|num\.?|id|\#)
            |id|call(?:ed|ing)?\s+(?:us|me|him|her|them|the\s+\w+)?\s*(?:back\s+)?(?:at|on)|reach(?:ed)?\s+(?:\w+\s+)?(?:at|on)|text\s+\w+\s+to
        )(?:\s+(?:number|no\.?|code|id|is|are|was|were|now|today|again|it's|this|the|to|as|of|on|at|and|your|new|same|following|be|will|still|changed|reset|set))*[\s:=\#\x22'“‘(*.-]*$",
    )
});

/// Words before digits that are a code if they follow directly and count nothing.
static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)(?:^|[^\w])(?:order|invoice|ticket|case|reference|ref|booking|reservation|confirmation|account|acct\.?|card|tracking|claim|policy|receipt|serial|item|docket|patent|parcel|shipment|incident|bug|passport|licen[sc]e|permit|po\s+box|p\.o\.\s+box|locker|badge|call|calls|called|calling|dial|dialed|phone|text)
        (?:\s+(?:number|no\.?|id)(?:\s+(?:is|was))?)?[\s:=\#-]*$",
    )
});

/// "847261 is your code".
static NAMED_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)^[\x22”']?\s+(?:is|was|as|for|=|-|to\s+confirm)\s+(?:(?:your|the|my|our|his|her|a|their|one[\s-]time|new|current|temporary|verification|security|login|access|confirmation|amazon|google|facebook|apple|bank|zip|area|post|postal|pass)\s+){0,4}(?:code|pin|otp|passcode|password|zip|postcode|extension|pass\s+code|phone\s+number|number\s+to\s+call)\b",
    )
});

/// The post codes of "Beverly Hills, CA 90210".
static STATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|[\s,])(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]|Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New\s(?:Hampshire|Jersey|Mexico|York)|(?:North|South)\s(?:Carolina|Dakota)|Ohio|Oklahoma|Oregon|Pennsylvania|Tennessee|Texas|Utah|Vermont|Virginia|Washington|Wisconsin|Wyoming),?\s$",
    )
});

/// "ended in 1918".
static ENDED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(?:end(?:s|ed|ing)?|starts?|starting|begins?|beginning)\s(?:in|with)\s$"));
static CARD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\b(?:cards?|accounts?|numbers?|phone|digits|visa|mastercard|amex|code|id|bank|iban)\b")
});

/// "the year ending 2024".
static PERIOD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)(?:year|quarter|season|period|decade|months?|term)\s(?:end|start|begin)\w*(?:\s(?:in|with))?\s$")
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the patterns are constants")
}

/// Before dates and years: "PIN 1984" is no year.
pub(super) fn rules() -> Vec<Rule> {
    vec![
        // DE89 3704 0044 0532 0130 00
        Rule::whole(r"[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,4})?", |found, _| {
            let digits = found[0].chars().filter(char::is_ascii_digit).count();
            (digits >= 8).then(|| found[0].split(' ').map(letter_by_letter).collect::<Vec<_>>().join(", "))
        }),
        // ****6688
        Rule::anywhere(r"[*•xX#]{2,}[\s-]?(?P<n>\d{3,6})", |found, around| {
            let begins = !around.before.ends_with(char::is_alphanumeric);
            (begins && !around.after.starts_with(char::is_alphanumeric)).then(|| spelled(&found["n"]))
        }),
        Rule::anywhere(r"\b(?:[Ee]xt\.?|[Ee]xtension|EXT\.?|x)\s?(?P<n>\d{2,6})\b", |found, around| {
            let called = !found[0].starts_with('x') || around.before.trim_end().ends_with(|c: char| c.is_ascii_digit());
            (called && !around.before.ends_with(char::is_alphanumeric))
                .then(|| format!("extension {}", spelled(&found["n"])))
        }),
        // +44 (0)20 7946 0958, (020) 7946 0958, 020 7946 0958, 0800-123-456, +1 (555) 123-4567, 1-800-555-0199
        Rule::anywhere(
            r"\+\d{1,3}(?:[\s.-]?\(\d{1,4}\))?(?:[\s.-]?\d{1,5}){1,6}|\(\d{2,5}\)\s?\d{2,5}(?:[\s.-]?\d{2,5}){0,4}|\b0\d{1,5}(?:[\s-]\d{2,5}){1,5}\b|\b0\d{9,10}\b",
            |found, around| {
                let digits = found[0].chars().filter(char::is_ascii_digit).count();
                let apart =
                    !around.before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '$' | '£' | '€'))
                        && !goes_on(around.after);
                (apart && (7..=15).contains(&digits)).then(|| grouped(&found[0]))
            },
        ),
        // 4111 1111 1111 1111, 078-05-1120, 978-0-306-40615-7, 90210-1234, 114-3941689-8772232
        Rule::whole(
            r"\d{4}(?:[\s-]\d{4}){2,4}|\d{1,2}-\d{3}-\d{3}-\d{4}|\d{3}-\d{2}-\d{4}|97[89](?:[\s-]\d{1,7}){3,4}|\d{5}-\d{4}|\d{1,9}(?:-\d{1,9}){2,6}",
            |found, around| (!is_date(&found[0]) && !counts(around.after)).then(|| grouped(&found[0])),
        ),
        Rule::whole(r"\d{2,}(?:[\s-]\d{2,})*", |found, around| {
            let digits = found[0].chars().filter(char::is_ascii_digit).count();
            (digits > 2 && is_code(&found[0], digits, around)).then(|| grouped(&found[0]))
        }),
    ]
}

fn is_code(text: &str, digits: usize, around: &Around<'_>) -> bool {
    let (before, after) = (near_before(around), near_after(around));
    if before.ends_with(['$', '£', '€', '¥']) || after.starts_with('%') || PERIOD.is_match(before) {
        return false;
    }
    if NAMED_AFTER.is_match(after) || (digits == 5 && !text.contains(' ') && STATE.is_match(before)) {
        return true;
    }
    // "The war ended in 1918", but "a card ending in 1918".
    let year = digits == 4 && matches!(&text[..2], "11" | "12" | "13" | "14" | "15" | "16" | "17" | "18" | "19" | "20");
    if year && ENDED.is_match(before) && !CARD.is_match(before) {
        return false;
    }
    let long = digits > 10 && !text.ends_with("000") && !text.contains([' ', '-']);
    let named = NAMED.is_match(before) || NUMBERED.is_match(before);
    (named || long) && !counts(around.after)
}

/// A number that goes on as a decimal or a word.
fn goes_on(after: &str) -> bool {
    let mut after = after.chars();
    match after.next() {
        Some('.' | ',' | '-') => after.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => c.is_alphanumeric() || c == '%',
        None => false,
    }
}

/// 2024-03-05, 3-5-2024, 05-03-24.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, middle, last] = parts[..] else { return false };
    let below =
        |part: &str, most: u32| part.len() < 3 && part.parse().is_ok_and(|value: u32| (1..=most).contains(&value));
    let year = |part: &str| matches!(part.len(), 2 | 4);
    (first.len() == 4 && below(middle, 12) && below(last, 31))
        || (year(last) && (below(first, 12) && below(middle, 31) || below(first, 31) && below(middle, 12)))
}

fn near_before<'t>(around: &Around<'t>) -> &'t str {
    let start = around.before.len().saturating_sub(REACH);
    &around.before[around.before.ceil_char_boundary(start)..]
}

fn near_after<'t>(around: &Around<'t>) -> &'t str {
    &around.after[..around.after.floor_char_boundary(REACH)]
}

/// "five five five, one two three four": digits in their groups.
pub(super) fn grouped(text: &str) -> String {
    let groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let plus = if text.starts_with('+') { "plus " } else { "" };
    format!("{plus}{}", groups.map(spelled).collect::<Vec<_>>().join(", "))
}

fn letter_by_letter(text: &str) -> String {
    let names = text.chars().map(|c| match c {
        'A' => "eigh".to_owned(),
        '0'..='9' => spelled(&c.to_string()),
        _ => c.to_string(),
    });
    names.collect::<Vec<_>>().join(" ")
}
