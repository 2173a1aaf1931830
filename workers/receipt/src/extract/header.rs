//! The header of a receipt: whose it is, and its numbers.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    evidence::field,
    header_rows::{NUMBER, fixed, phone_of},
    mended::mended,
    merchant_address::address,
    merchant_name::{name, named_in_invoice},
};
use crate::{
    date,
    document::{Field, Merchant},
    layout::Sheet,
    lexicon::{fold, mentions},
};

const PHONE_WORDS: &[&str] = &[
    "TEL",
    "TE1",
    "TELEPHONE",
    "PHONE",
    "MOBILE",
    "H/P",
    "HP",
    "CONTACT",
    "HOTLINE",
    "WHATSAPP",
    "CALL",
    "电话",
    "手机",
    "热线",
];

static TAX_ID: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)(?:GST|SST|VAT|TAX|税务?登?记?号|纳税人识别号|统一社会信用代码(?:/纳税人识别号)?|SERVICE TAX)\s*(?:REG(?:ISTRATION|N)?)?\.?\s*(?:ID|1D|IO|NO|N0|NUMBER|#|REG)?\.?\s*(?:NO|N0)?[^0-9A-Z]{0,4}([0-9A-Z]{2}\d{6}[0-9A-Z]{10}|(?:[A-Z]{1,4}[-\d ]?)?\d[\dOo -]{6,20}[A-Z\d]{1,6})",
    )
});

/// Headings of the customer's name and address, which are not the merchant's.
const CUSTOMER: &[&str] = &["BILL TO", "SOLD TO", "CUSTOMER", "OWNED BY", "DELIVER TO", "SHIP TO", "购买方"];

/// Reads the merchant from the header: the rows above the first items or sums.
pub(super) fn merchant(sheet: &Sheet, header: Range<usize>) -> Merchant {
    let header = header.start..header.end.min(sheet.rows.len());
    let customer =
        (header.start..header.end).find(|&row| mentions(&sheet.rows[row].text(), CUSTOMER)).unwrap_or(header.end);
    // Some merchants print their own details below the customer's, but the customer's never come first.
    let own = header.start..if customer > header.start + 1 { customer } else { header.end };
    // Name and address are looked for in words that are mended.
    let printed = sheet;
    let sheet = &mended(printed, header.clone());
    let address = address(sheet, own.clone());
    let name_until =
        address.as_ref().map_or(own.end, |(rows, _)| rows.start.clamp(own.start + 1, own.end.max(own.start + 1)));
    let name = name(sheet, own.start..name_until).or_else(|| name(sheet, own.clone()));
    Merchant {
        name: named_in_invoice(sheet).or(name),
        address: address.map(|(_, field)| field),
        phone: phone(printed, own),
        tax_id: tax_id(printed),
    }
}

fn phone(sheet: &Sheet, rows: Range<usize>) -> Option<Field<String>> {
    let labelled = sheet.rows.iter().flat_map(|row| &row.cells).find_map(|cell| {
        let upper = fold(&cell.text);
        let at = PHONE_WORDS.iter().filter_map(|word| upper.find(word)).min()?;
        let rest = cell.text.get(at..)?;
        Some((cell.line, phone_of(rest)?.to_owned(), 0.95))
    });
    let bare = || {
        rows.clone().flat_map(|row| &sheet.rows[row].cells).find_map(|cell| {
            let phone = phone_of(&cell.text)?;
            let alone = phone.len() + 3 >= cell.text.trim().len()
                && phone.starts_with(['0', '+', '('])
                && phone.contains(['-', ' ']);
            alone.then(|| (cell.line, phone.to_owned(), 0.7))
        })
    };
    let (line, raw, sure) = labelled.or_else(bare)?;
    Some(field(sheet, line, raw.split_whitespace().collect::<Vec<_>>().join(" "), &raw, sure))
}

fn tax_id(sheet: &Sheet) -> Option<Field<String>> {
    let rows = sheet.rows.iter().filter(|row| !mentions(&row.text(), &["GST SUMMARY"]));
    let id_of = |text: &str| Some(TAX_ID.captures(text)?.get(1)?.as_str().trim().to_owned());
    let mut found = rows.flat_map(|row| {
        let mut ids: Vec<(usize, String)> =
            row.cells.iter().filter_map(|cell| Some((cell.line, id_of(&cell.text)?))).collect();
        // The number may stand in a cell of its own after its label.
        if ids.is_empty()
            && let Some(id) = id_of(&row.text())
            && let Some(cell) = row.cells.iter().find(|cell| cell.text.contains(&id)).or(row.cells.last())
        {
            ids.push((cell.line, id));
        }
        ids.into_iter().filter_map(|(line, raw)| {
            let mend = |c: char| if matches!(c, 'O' | 'o') { '0' } else { c };
            let value: String = raw.chars().filter(|c| !c.is_whitespace()).map(mend).collect();
            let digits = value.bytes().filter(u8::is_ascii_digit).count();
            (digits >= 8).then(|| field(sheet, line, value, &raw, 0.95))
        })
    });
    // On an invoice the buyer's number comes first.
    if sheet.rows.iter().any(|row| row.text().contains("购买方")) { found.next_back() } else { found.next() }
}

/// The receipt's number: after its label, in the same row.
pub(super) fn number(sheet: &Sheet) -> Option<Field<String>> {
    let mut best: Option<(u32, Field<String>)> = None;
    for row in &sheet.rows {
        let text = row.text();
        for captures in NUMBER.captures_iter(&text) {
            let raw = &captures["number"];
            let digits = raw.bytes().filter(u8::is_ascii_digit).count();
            if digits < 3
                || digits * 3 < raw.len()
                || !date::dates(raw, date::DateOrder::Auto).is_empty() && raw.contains('/')
            {
                continue;
            }
            let key = fold(&captures["key"]);
            let rank = match key.as_str() {
                key if key.starts_with("INV") || key.contains("发票") => 0,
                "RECEIPT" | "RECELPT" | "RCPT" | "RESIT" | "BILL" | "CASH INV" | "DOC" | "DOCUMENT" | "CB"
                | "小票号" | "单号" | "收据号" => 1,
                "CHECK" | "CHK" | "SLIP" | "流水号" | "单据号" => 2,
                "ORDER" | "订单号" => 3,
                _ => 4,
            };
            if best.as_ref().is_none_or(|(least, _)| rank < *least) {
                let line =
                    row.cells.iter().find(|cell| cell.text.contains(raw)).map_or(row.cells[0].line, |cell| cell.line);
                best = Some((rank, field(sheet, line, raw.to_owned(), raw, 0.95 - 0.1 * rank as f32)));
            }
        }
    }
    best.map(|(_, field)| field).or_else(|| hashed(sheet))
}

/// A number without a label but with a number sign: `#00012345`.
fn hashed(sheet: &Sheet) -> Option<Field<String>> {
    let mut cells = sheet.rows.iter().flat_map(|row| &row.cells);
    cells.find_map(|cell| {
        let raw = cell.text.trim().strip_prefix('#')?;
        let number = raw.len() >= 5 && raw.bytes().all(|b| b.is_ascii_digit());
        number.then(|| field(sheet, cell.line, raw.to_owned(), raw, 0.6))
    })
}

#[cfg(test)]
mod tests {
    use medley_vision::text::{Quad, TextPage};

    use super::*;

    /// Name and address of a receipt with these lines at its head.
    fn head(lines: &[&str]) -> (String, String) {
        let foot = ["TAX INVOICE", "Claw hammer      37.00", "TOTAL      37.00"];
        let line = |(row, text): (usize, &&str)| {
            let (top, right) = (30.0 * row as f32, 60.0 + 11.0 * text.len() as f32);
            let corners = [[60.0, top], [right, top], [right, top + 20.0], [60.0, top + 20.0]];
            ((*text).to_owned(), Quad(corners.map(Into::into)))
        };
        let lines = lines.iter().chain(&foot).enumerate().map(line).collect();
        let receipt = crate::fields(vec![TextPage::of_lines(600.0, 800.0, lines)], &crate::Hints::default());
        let value = |field: Option<Field<String>>| field.map(|field| field.value).unwrap_or_default();
        (value(receipt.merchant.name), value(receipt.merchant.address))
    }

    #[test]
    fn names_go_on_where_a_conjunction_or_a_legal_form_says_so() {
        for (lines, name) in [
            (
                &["HOUSE OF LANTERNS HARDWARE &", "ELECTRICAL", "NO 5, JALAN MELUR 2,"][..],
                "HOUSE OF LANTERNS HARDWARE & ELECTRICAL",
            ),
            (
                &["THE PEPPER LEAF", "& CARDAMOM (M) SDN. BHD.", "NO 5, JALAN MELUR 2,"],
                "THE PEPPER LEAF & CARDAMOM (M) SDN. BHD.",
            ),
            (
                &["GREEN VALLEY", "TRADING SDN BHD", "(314159-T)", "NO 5, JALAN MELUR 2,"],
                "GREEN VALLEY TRADING SDN BHD",
            ),
            (&["KEDAI BUKU MAJU JAYA", "(M) SDN BHD", "NO 5, JALAN MELUR 2,"], "KEDAI BUKU MAJU JAYA (M) SDN BHD"),
            (&["TANJUNG GROCER S/B 271828-U (TG4)", "NO 5, JALAN MELUR 2,"], "TANJUNG GROCER S/B"),
            (&["SEDAP FO0DSTUFF 5/8", "NO 5, JALAN MELUR 2,"], "SEDAP FOODSTUFF S/B"),
            (
                &["LANTERN", "SEAFOOD RESTAURANT SDN BHD", "(314159-T)", "NO 5, JALAN MELUR 2,"],
                "LANTERN SEAFOOD RESTAURANT SDN BHD",
            ),
            // A brand above the registered company is no part of its name.
            (&["COPPER KETTLE", "BLUE HERON VENTURES SDN BHD", "NO 5, JALAN MELUR 2,"], "BLUE HERON VENTURES SDN BHD"),
        ] {
            assert_eq!(head(lines).0, name);
        }
    }

    #[test]
    fn addresses_begin_at_the_house_and_end_at_the_place() {
        let street = "NO 5, JALAN MELUR 2,";
        for (lines, address) in [
            (&["MAJU SDN BHD", street, "43000 KAJANG, SELANGOR"][..], "NO 5, JALAN MELUR 2, 43000 KAJANG, SELANGOR"),
            (
                &["MAJU SDN BHD", "MAJU KAJANG", street, "43000 KAJANG", "TEL: 03-55127788"],
                "NO 5, JALAN MELUR 2, 43000 KAJANG",
            ),
            (&["MAJU SDN BHD", "HQ: NO 5, JALAN MELUR 2,", "43000 KAJANG"], "NO 5, JALAN MELUR 2, 43000 KAJANG"),
            (
                &[
                    "MAJU SDN BHD",
                    "LOT P.T. 12345, BATU 4",
                    "JALAN MELUR, MUKIM KAJANG",
                    "43000 KAJANG",
                    "1234-SUNGAI EMAS",
                ],
                "LOT P.T. 12345, BATU 4 JALAN MELUR, MUKIM KAJANG 43000 KAJANG 1234-SUNGAI EMAS",
            ),
            (
                &["MAJU SDN BHD", "10T 5, J1n Melur 2,", "43OOO KAJANG, Malaysla"],
                "LOT 5, JLN Melur 2, 43000 KAJANG, Malaysia",
            ),
            (
                &["COPPER KETTLE", "TAMAN KAJANG", "BLUE HERON SDN BHD", street, "KUALA LUMPUR"],
                "NO 5, JALAN MELUR 2, KUALA LUMPUR",
            ),
        ] {
            assert_eq!(head(lines).1, address);
        }
    }
}
