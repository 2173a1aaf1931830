//! The country of a receipt, as far as currency and the order of dates depend on it.

use medley_text::script::is_han;

use super::{Hints, evidence::field};
use crate::{
    date::DateOrder,
    document::Field,
    layout::{LabelledAmount, Row, Sheet},
    lexicon::{AmountKind, has_word, mentions},
};

/// Whether the words on the receipt are Malaysian.
fn is_malaysian(sheet: &Sheet) -> bool {
    let says = |row: &Row| {
        let text = row.text();
        has_word(
            &text,
            &[
                "SDN", "BHD", "JALAN", "JLN", "TAMAN", "SELANGOR", "MALAYSIA", "JOHOR", "RESTORAN", "KEDAI", "RINGGIT",
                "LUMPUR",
            ],
        ) || mentions(&text, &["SDN BHD"])
    };
    sheet.rows.iter().any(says)
}

/// Codes of ISO 4217 that are not also words, as they may stand in the label of a total.
const CODES: [&str; 34] = [
    "EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "ZAR", "INR", "JPY", "KRW", "IDR", "SGD",
    "HKD", "CLP", "COP", "VND", "BRL", "MXN", "PHP", "THB", "TWD", "CNY", "MYR", "AUD", "NZD", "CAD", "AED", "KWD",
    "OMR", "ISK",
];
/// What is written for a currency there instead of its code.
const SHORT_NAMES: [(&str, &str); 4] = [("RP", "IDR"), ("RS", "INR"), ("RM", "MYR"), ("KD", "KWD")];

/// Whether the text has kana, which only Japanese has. The marks ・ and ー do not count: Chinese receipts print dots and
/// dashes that are read as them.
fn is_japanese(sheet: &Sheet) -> bool {
    sheet.lines.iter().flat_map(|line| line.text.chars()).filter(|c| ('\u{3041}'..='\u{30fa}').contains(c)).count() > 2
}

/// The country's currency that `kr` stands for, by the words on the receipt.
fn crown(sheet: &Sheet) -> &'static str {
    let says = |words: &[&str]| sheet.lines.iter().any(|line| has_word(&line.text, words));
    if says(&["NOK", "MVA", "OSLO", "NORGE", "BERGEN"]) {
        "NOK"
    } else if says(&["DKK", "CVR", "DANMARK", "KOBENHAVN"]) {
        "DKK"
    } else {
        "SEK"
    }
}

/// The currency of a country that the names of taxes and tax numbers tell. `IVA` and `TVA` alone are taxes of several
/// countries.
fn abroad(sheet: &Sheet) -> Option<&'static str> {
    let says = |words: &[&str]| sheet.lines.iter().any(|line| has_word(&line.text, words));
    let holds = |part: &str| sheet.lines.iter().any(|line| line.text.contains(part));
    if says(&["CNPJ"]) || holds("R$") {
        return Some("BRL");
    }
    if says(&["CHF", "CHE"]) {
        return Some("CHF");
    }
    let is_euro = says(&["MWST", "UST", "USTID", "BTW", "NIF", "CIF", "SIRET", "SIREN"])
        || holds("P.IVA")
        || holds("P. IVA")
        || says(&["TVA"]) && says(&["TTC"]);
    is_euro.then_some("EUR")
}

/// Whether its words are of a language that has accents.
pub(super) fn has_accents(sheet: &Sheet) -> bool {
    let says = |words: &[&str]| sheet.lines.iter().any(|line| has_word(&line.text, words));
    !is_malaysian(sheet)
        && says(&[
            "MWST", "UST", "SUMME", "TVA", "TTC", "IVA", "NIF", "CIF", "CNPJ", "BTW", "TOTALE", "TE", "CAMBIO",
            "TROCO", "MOMS", "MVA", "CELKEM", "RAZEM", "SUMA",
        ])
}

/// The currency: the one known beforehand, else that of a sign or code beside an amount, else that of the language.
pub(super) fn currency(sheet: &Sheet, labelled: &[LabelledAmount], hints: &Hints) -> Option<Field<String>> {
    let concluded = |code: &str, sure: f32| Field {
        value: code.to_owned(),
        raw: String::new(),
        confidence: sure,
        line: None,
        page: 0,
        polygon: None,
        corrected: false,
    };
    if let Some(code) = &hints.currency {
        return Some(concluded(code, 1.0));
    }
    let malaysian = is_malaysian(sheet);
    // A code in the label of a total: `Total SEK`.
    let sums = labelled.iter().filter(|l| matches!(l.kind, Some(AmountKind::Total | AmountKind::GrandTotal)));
    let named = sums.into_iter().find_map(|l| {
        let codes = CODES.iter().map(|code| (*code, *code)).chain(SHORT_NAMES);
        let (printed, code) = codes.into_iter().find(|(printed, _)| has_word(&l.label, &[printed]))?;
        Some(field(sheet, l.line, code.to_owned(), printed, 0.9))
    });
    let signed = labelled.iter().find_map(|l| {
        let sign = l.amount.currency?;
        let code = match sign {
            // What the label of a total says is surer than a sign of many countries: `TOTAL CLP $`.
            "$" | "¥" | "kr" if named.is_some() => return None,
            "$" if malaysian => "MYR",
            // Pesos without cents; the country is unknown.
            "$" if sheet.style.no_cents => return None,
            "$" => "USD",
            "¥" if is_japanese(sheet) => "JPY",
            "¥" => "CNY",
            // `RM` with a lost `M`.
            "ZAR" if malaysian => "MYR",
            "kr" => crown(sheet),
            code => code,
        };
        let raw: String =
            sheet.lines[l.line].text[l.amount.span.clone()].chars().take_while(|c| !c.is_ascii_digit()).collect();
        Some(field(sheet, l.line, code.to_owned(), raw.trim(), 0.95))
    });
    signed
        .or(named)
        .or_else(|| {
            // A sign in the heading of a column: `Amount (RM)`.
            let heading =
                sheet.rows.iter().flat_map(|row| &row.cells).find(|cell| has_word(&cell.text, &["RM", "MYR"]))?;
            Some(field(sheet, heading.line, "MYR".to_owned(), "RM", 0.9))
        })
        .or_else(|| malaysian.then(|| concluded("MYR", 0.6)))
        .or_else(|| abroad(sheet).map(|code| concluded(code, 0.7)))
        .or_else(|| {
            let chinese = sheet.lines.iter().flat_map(|line| line.text.chars()).filter(|c| is_han(*c)).count();
            (chinese > 10).then(|| concluded("CNY", 0.6))
        })
}

/// The order of the numbers in a date: the one in the hints, else that of the currency or country.
pub(super) fn date_order(sheet: &Sheet, currency: Option<&Field<String>>, hints: &Hints) -> DateOrder {
    match hints.date_order {
        DateOrder::Auto if currency.is_some_and(|c| c.value == "USD") && !is_malaysian(sheet) => DateOrder::Mdy,
        DateOrder::Auto if currency.is_some_and(|c| c.value == "CNY") => DateOrder::Ymd,
        DateOrder::Auto if is_malaysian(sheet) => DateOrder::Dmy,
        order => order,
    }
}
