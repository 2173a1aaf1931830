//! The header of a receipt: the merchant's name, address and numbers.

use std::{ops::Range, sync::LazyLock};

use medley_vision::text::Quad;
use regex::Regex;

use super::{
    address::{self, has_postcode, is_branch, is_house_and_street, is_region, is_town, names_building, starts_address},
    evidence::field,
    locale,
    names::{self, continues, goes_on, is_legal_name, is_only_legal_form, is_only_trade, is_trade_name, split_trades},
};
use crate::{
    date,
    document::{Field, Merchant},
    layout::{Cell, Row, Sheet},
    lexicon::{Spelling, fold, mentions, squeeze, unaccented},
};

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed")
}

/// Words of a contact or a registration. They end an address and are no name.
static CONTACT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)(?:\b|[^a-z])(?:TEL|TE1|TELEPHONE|PHONE|FAX|MOBILE|H/P|HP NO|WHATSAPPS?|HOTLINE|E-?MAIL|WWW\.|HTTP|GST|SST|VAT|TAX ID|REG\.? NO|ROC|CO\.? ?REG|CO\.? ?NO|COMPANY (?:REG|NO)|BRN|电话|税号|传真|手机|纳税人)(?:[^a-z]|[A-Z]?\b|$)",
    )
});
static REGISTRATION: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\s*(?:[\(\[]\s?[A-Z]{0,3}[-:.\s]?\d{4,12}\s?[-—]?\s?[A-Z]{0,2}\s?[\)\]]?|\b[A-Z]{0,2}\d{5,12}\s?[-—]?\s?[A-Z]{0,2})\.?\s*$",
    )
});
static BRANCH_CODE: LazyLock<Regex> = LazyLock::new(|| fixed(r"\s*\([A-Z]{0,4}\d{1,4}\)\s*$"));
static PHONE: LazyLock<Regex> = LazyLock::new(|| fixed(r"\+?\(?\d[\d\s()\-.]{5,16}\d"));
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
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)(?P<key>INV(?:OICE|OLCE|QICE|O1CE)?|IRVOLCE|RECEIPT|RECELPT|RCPT|RESIT|BILL|CHECK|CHK|CB|DOC(?:UMENT)?|SLIP|TRANS(?:ACTION)?|TRX|ORDER|REF(?:ERENCE)?|CASH INV|TXN|发票号码|发票号|单据号|小票号|流水号|单号|交易号|订单号|收据号)\s*(?:NUMBER|NO|N0|NUM|#|ID)?\s*[.:：#)\[\s]*(?P<number>[A-Z0-9][A-Z0-9/\-]{2,29})",
    )
});
/// Headings of the customer's name and address, which are not the merchant's.
const CUSTOMER: &[&str] = &["BILL TO", "SOLD TO", "CUSTOMER", "OWNED BY", "DELIVER TO", "SHIP TO", "购买方"];
const TITLES: &[&str] = &[
    "TAX INVOICE",
    "SIMPLIFIED TAX",
    "CASH BILL",
    "CASH SALE",
    "CASH RECEIPT",
    "OFFICIAL RECEIPT",
    "INVOICE",
    "RECEIPT",
    "RESIT",
    "WELCOME",
    "THANK YOU",
    "TERIMA KASIH",
    "DELIVERY ORDER",
    "COPY",
    "发票",
    "收据",
    "小票",
    "欢迎",
    "谢谢",
    "GUEST CHECK",
    "ADJUSTMENT NOTE",
];

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

/// The sheet with the words of these rows mended ([`Spelling`]), and without the accents that OCR makes of specks of dust where
/// the language has none.
fn mended(sheet: &Sheet, rows: Range<usize>) -> Sheet {
    let has_accents = has_accents(sheet);
    let mut mended = sheet.clone();
    for cell in mended.rows[rows].iter_mut().flat_map(|row| &mut row.cells) {
        let line = &sheet.lines[cell.line];
        let text: String = if has_accents { cell.text.clone() } else { cell.text.chars().map(plain_letter).collect() };
        let glyphs = if line.text == cell.text { &line.glyphs[..] } else { &[] };
        cell.text = LOT.replace(&SPELLING.mend(&text, glyphs), "LOT$1").into_owned();
    }
    mended
}

/// `10T 12`, at the start of a line.
static LOT: LazyLock<Regex> = LazyLock::new(|| fixed(r"^[1Il|]\s?[0O]T([\s.,]|\d)"));

fn has_accents(sheet: &Sheet) -> bool {
    locale::has_accents(sheet) || sheet.has_accents()
}

/// Whether a row can only belong to the header: a title, a contact or a date.
pub(super) fn belongs_to_header(text: &str) -> bool {
    is_title(text)
        || contact_at(text).is_some()
        || starts_address(text) && address::score(text) >= 4
        || !date::dates(text, date::DateOrder::Auto).is_empty()
}

fn is_title(text: &str) -> bool {
    mentions(text, TITLES) && !is_legal_name(text)
}

/// A row's cells without those about the receipt itself (its title, number and date), which stand beside the merchant.
fn own_cells(row: &Row) -> Vec<&Cell> {
    let of_receipt = |cell: &&Cell| {
        is_title(&cell.text)
            || NUMBER.is_match(&cell.text)
            || !date::dates(&cell.text, date::DateOrder::Auto).is_empty()
    };
    let own: Vec<&Cell> = row.cells.iter().filter(|cell| !of_receipt(cell)).collect();
    if own.is_empty() { row.cells.iter().collect() } else { own }
}

fn own_text(row: &Row) -> String {
    own_cells(row).iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// The name in a row, without contacts and the registration number after it; empty if there is none.
fn bare(text: &str) -> String {
    let upper = fold(text);
    let cut = CONTACT.find(&upper).map_or(text.len(), |found| found.start());
    let text = if upper.len() == text.len() { text.get(..cut).unwrap_or(text) } else { text };
    let mut name = text.trim().to_owned();
    // `KEDAI MAJU S/B 123456-U (KJ1)`: a registration may have the branch's code after it.
    for _ in 0..2 {
        let shorter = REGISTRATION.replace(&name, "").into_owned();
        let shorter = if shorter == name { BRANCH_CODE.replace(&name, "").into_owned() } else { shorter };
        if shorter == name {
            break;
        }
        name = shorter;
    }
    let name = name.trim_matches(['*', '-', '=', '~', ':', '#', '_', ' ', '(', '[', ',', '|']);
    let name = name.trim_start_matches('.');
    // A bracket that is closed belongs to the name: `(M) SDN BHD`.
    if text.starts_with('(') && name.contains(')') { format!("({name}") } else { name.to_owned() }
}

fn name(sheet: &Sheet, rows: Range<usize>) -> Option<Field<String>> {
    let heights: Vec<f32> = sheet.rows.iter().map(Row::height).collect();
    let median = median(&heights);
    let mut best: Option<(f32, usize, String)> = None;
    let first_title = rows.clone().find(|&row| is_title(&sheet.rows[row].text()));
    for (position, row) in rows.clone().enumerate() {
        let text = own_text(&sheet.rows[row]);
        let name = bare(&text);
        let letters = name.chars().filter(|c| c.is_alphabetic()).count();
        let digits = name.chars().filter(char::is_ascii_digit).count();
        if letters < 3 && !name.chars().any(|c| c > '\u{2e80}')
            || digits > letters
            || is_title(&text)
            || sheet.rows[row].has_amount()
        {
            continue;
        }
        if !date::dates(&text, date::DateOrder::Auto).is_empty() {
            continue;
        }
        let mut score = 3.0 - 0.4 * position as f32;
        score += if is_legal_name(&name) { 5.0 } else { 0.0 };
        score += if is_trade_name(&name) { 2.5 } else { 0.0 };
        score += ((sheet.rows[row].height() / median - 1.0) * 2.0).clamp(-1.0, 2.0);
        // Handwriting is read as small letters; names are printed with capitals.
        score -= if name.chars().any(char::is_uppercase) || name.chars().any(|c| c > '\u{2e80}') { 0.0 } else { 4.0 };
        score -= if address::score(&name) >= 2 && !is_legal_name(&name) { 3.0 } else { 0.0 };
        score -= if first_title.is_some_and(|title| row > title && title > rows.start) { 3.0 } else { 0.0 };
        score -= (1.0 - confidence(sheet, row)) * 4.0;
        // A second name in brackets.
        score -= if text.trim_start().starts_with('(') { 2.0 } else { 0.0 };
        score -= if letters < 4 && name.is_ascii() { 2.0 } else { 0.0 };
        if best.as_ref().is_none_or(|(least, ..)| score > *least) {
            best = Some((score, row, name));
        }
    }
    let (score, row, mut value) = best?;
    let lines = joined_rows(sheet, &rows, row, &mut value);
    value = with_legal_form(&value);
    // The score tells names from other lines; how often the best one was right depends on what names it.
    let named = if is_legal_name(&value) {
        0.99
    } else if is_trade_name(&value) {
        0.95
    } else if lines[0] == rows.start && is_printed_again(sheet, &lines, &value) {
        0.93
    } else {
        0.8
    };
    let sure = named * if score < UNSURE_SCORE { 0.85 } else { 1.0 };
    Some(of_rows(sheet, &lines, spelled(sheet, &value), sure))
}

/// Names with a lower score were often something else.
const UNSURE_SCORE: f32 = 2.5;

/// Whether a name stands on the receipt once more: `THANK YOU FOR SHOPPING AT …`.
fn is_printed_again(sheet: &Sheet, lines: &[usize], name: &str) -> bool {
    let name = squeeze(name);
    let others = sheet.rows.iter().enumerate().filter(|(row, _)| !lines.contains(row));
    name.len() >= 4
        && others.map(|(_, row)| squeeze(&row.text())).any(|row| row.windows(name.len()).any(|part| part == name))
}

/// A name with its misread legal form mended, and without what was read behind that.
fn with_legal_form(name: &str) -> String {
    static FORM: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bS[DO0U][NHM](\.?\s?)B[HN][DO0]\b"));
    static SHORT: LazyLock<Regex> = LazyLock::new(|| fixed(r"\b[S5]\s?/\s?[B8](\W|\d|$)"));
    // The registration number with its bracket lost, or letters that the edge of the paper makes.
    static BEHIND: LazyLock<Regex> =
        LazyLock::new(|| fixed(r"(S/B|SDN\.?\s?BHD\.?)(?:[A-Z]{1,2}|\s?[\[(]?[A-Z]{0,2}\d[\dA-Z]{3,}[-\dA-Z()\]]*)$"));
    let name = FORM.replace(name, "SDN${1}BHD");
    let name = SHORT.replace(&name, "S/B$1");
    BEHIND.replace(&name, "$1").into_owned()
}

/// Joins the rows above and below a name that belong to it, and returns all of its rows.
fn joined_rows(sheet: &Sheet, rows: &Range<usize>, row: usize, value: &mut String) -> Vec<usize> {
    let part = |row: usize| {
        let text = own_text(sheet.rows.get(row)?);
        let name = bare(&text);
        let letters = name.chars().filter(|c| c.is_alphabetic()).count();
        let is_name = letters >= 3 && !is_title(&text) && address::score(&name) < 2 && !starts_address(&name);
        (is_name && date::dates(&text, date::DateOrder::Auto).is_empty()).then_some(name)
    };
    let alike = |a: usize, b: usize| {
        let (a, b) = (sheet.rows[a].height(), sheet.rows[b].height());
        (0.7..1.45).contains(&(a / b.max(1.0)))
    };
    let mut lines = vec![row];
    // Above: a line that ends with a conjunction, or the name of which this line has only the trade and the legal form.
    if row > rows.start
        && let Some(before) = part(row - 1)
        && (goes_on(&before)
            || continues(value)
            || is_only_legal_form(value)
            || is_only_trade(value) && !is_legal_name(&before) && alike(row - 1, row))
    {
        *value = format!("{before} {value}");
        lines.insert(0, row - 1);
    }
    // Below: what a conjunction announces, or the trade and the legal form.
    let mut last = row;
    while last < row + 2
        && let Some(next) = part(last + 1).or_else(|| {
            let form = bare(&own_text(sheet.rows.get(last + 1)?));
            is_only_legal_form(&form).then_some(form)
        })
        && (goes_on(value)
            || continues(&next)
            || !is_legal_name(value) && (is_only_legal_form(&next) || is_only_trade(&next) && alike(last, last + 1)))
    {
        *value = format!("{value} {next}");
        last += 1;
        lines.push(last);
    }
    lines
}

/// The merchant of an electronic invoice, which labels it: 销售方 … 名称.
fn named_in_invoice(sheet: &Sheet) -> Option<Field<String>> {
    let seller = sheet.rows.iter().position(|row| row.text().contains("销售方") || row.text().contains("销方"))?;
    let mut named: Vec<(usize, usize)> = Vec::new();
    for (index, row) in sheet.rows.iter().enumerate().skip(seller.saturating_sub(3)).take(8) {
        let cells = row
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| cell.text.contains("名称") && !cell.text.contains("项目名称"));
        named.extend(cells.map(|(position, _)| (index, position)));
    }
    // The buyer stands to the left or above.
    let &(row, position) = named.last()?;
    let cell = &sheet.rows[row].cells[position];
    let printed = cell.text.split("名称").last().unwrap_or_default();
    let value = printed.trim_matches([':', '：', ' ', '称']).to_owned();
    (!value.is_empty()).then(|| field(sheet, cell.line, value.clone(), &value, 0.95))
}

static SPELLING: LazyLock<Spelling> = LazyLock::new(|| Spelling::of(address::words().chain(names::words())));

/// A letter without its accent.
fn plain_letter(c: char) -> char {
    if c.is_ascii() || !c.is_alphabetic() {
        return c;
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(capital), None) => {
            let plain = unaccented(capital);
            if plain == capital {
                c
            } else if c.is_lowercase() {
                plain.to_ascii_lowercase()
            } else {
                plain
            }
        }
        _ => c,
    }
}

/// A name or address with spaces that OCR lost and words that it misread, and without the accents that it makes of specks
/// of dust where the language has none.
fn spelled(sheet: &Sheet, text: &str) -> String {
    static GLUED: LazyLock<Regex> = LazyLock::new(|| {
        fixed(r"\b(JALAN|Jalan|LEVEL|Level|TAMAN|Taman|LORONG|Lorong)([A-Z]{1,3}\d|\d|[A-Z][a-z])|\b(\d{5})([A-Z])")
    });
    let text = if has_accents(sheet) { text.to_owned() } else { text.chars().map(plain_letter).collect() };
    let text = GLUED.replace_all(&text, "$1$3 $2$4");
    SPELLING.mend(&text, &[]).split(' ').map(split_trades).collect::<Vec<_>>().join(" ").replace(" ,", ",")
}

/// The first rows that together are an address.
fn address(sheet: &Sheet, rows: Range<usize>) -> Option<(Range<usize>, Field<String>)> {
    let text = |row: usize| own_text(&sheet.rows[row]);
    let score = |row: usize| {
        let text = text(row);
        // `好邻居超市（人民路店）`: a shop named after its street.
        let is_shop = is_trade_name(&text) && !text.contains(|c: char| c.is_ascii_digit()) && text.contains('店');
        if is_title(&text) || is_shop || CONTACT.find(&fold(&text)).is_some_and(|found| found.start() < 3) {
            0
        } else {
            address::score(&text)
        }
    };
    // A branch's place above the registered name is not the address below that name.
    let after_name = rows.clone().find(|&row| is_legal_name(&text(row)) && !has_postcode(&text(row))).filter(|&name| {
        let below = name + 1..rows.end.min(name + 3);
        below.clone().any(|row| score(row) >= 2)
            && (rows.start..name).all(|row| !has_postcode(&text(row)) && !text(row).contains(','))
    });
    let rows = after_name.map_or(rows.clone(), |name| name + 1..rows.end);
    let Some(mut start) =
        rows.clone().find(|&row| score(row) >= 2 && (!is_legal_name(&text(row)) || has_postcode(&text(row))))
    else {
        return labelled_address(sheet);
    };
    // The line above may hold only the house number: `NO 12 & 14,`.
    if start > rows.start
        && !is_legal_name(&text(start - 1))
        && (starts_address(&text(start - 1)) && score(start - 1) > 0
            || has_postcode(&text(start)) && is_house_and_street(&text(start - 1)))
    {
        start -= 1;
    }
    // A shop's name above the house number belongs to the merchant's name.
    let begins = |row: usize| starts_address(&text(row)) || is_house_and_street(&text(row));
    if !begins(start)
        && start + 1 < rows.end
        && begins(start + 1)
        && !text(start).contains(',')
        && !has_postcode(&text(start))
        && !text(start).contains(|c: char| c.is_ascii_digit())
        && (start == rows.start || is_trade_name(&text(start)) || !names_building(&text(start)))
    {
        start += 1;
    }
    let mut end = start;
    let mut ended = false;
    for row in start..rows.end.min(start + 7) {
        let line = text(row);
        let near = row == start || sheet.rows[row].top - sheet.rows[row - 1].bottom < 2.5 * sheet.rows[row].height();
        let goes_on = if ended {
            is_region(&line) && !is_legal_name(&line) || is_branch(&line)
        } else {
            score(row) >= 1 || is_town(&line) || is_name_of_place(&line, row + 1 < rows.end && score(row + 1) >= 2)
        };
        if !near || is_title(&line) || (row > start && (is_other(&line) || !goes_on)) {
            break;
        }
        end = row + 1;
        ended |= has_postcode(&line);
        if contact_at(&line).is_some() {
            break;
        }
    }
    let lines: Vec<usize> = (start..end).collect();
    let parts: Vec<String> = lines
        .iter()
        .map(|&row| {
            let line = text(row);
            let cut = contact_at(&line).unwrap_or(line.len());
            let line = line.get(..cut).unwrap_or(&line).trim().trim_end_matches(['(', '|', '[']).trim();
            let line = ADDRESS_LABEL.find(line).map_or(line, |label| &line[label.end()..]);
            line.strip_prefix("地址").unwrap_or(line).trim_start_matches([':', '：', ' ']).to_owned()
        })
        .filter(|line| !line.is_empty())
        .collect();
    // A mark at the edge of the paper: `SELANGOR.O`.
    static EDGE: LazyLock<Regex> =
        LazyLock::new(|| fixed(r"([A-Za-z]{4})[.,]\s?\w$|\s*[(\[]\s?[A-Z]{0,3}\d{5,12}\s?-\s?[A-Z]\s?[)\]]$"));
    let value = EDGE.replace(&spelled(sheet, &parts.join(" ")), "$1").into_owned();
    // Most that begin with a house number and have a postcode were whole.
    let sure = match (starts_address(&value), ended) {
        (true, true) => 0.99,
        (false, true) => 0.85,
        _ => 0.75,
    };
    (!value.is_empty()).then(|| (start..end, of_rows(sheet, &lines, value, sure)))
}

/// `HQ:`, `Address:`, `Alamat :` in front of an address.
static ADDRESS_LABEL: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)^(?:H\.?Q\.?|(?:[A-Z]+ )?OFFICE|OUTLET|BRANCH|ADDRESS|ADDR\.?|ALAMAT|ADRESSE|DIRECCION|INDIRIZZO|ADRES)\s?(?:[:：]|\.\s)\s*",
    )
});

/// An address after its label anywhere on the receipt. Chinese receipts print it at the bottom.
fn labelled_address(sheet: &Sheet) -> Option<(Range<usize>, Field<String>)> {
    static LABEL: LazyLock<Regex> =
        LazyLock::new(|| fixed(r"(?i)^(?:门店|店铺|公司)?(?:地址|ADDRESS|ALAMAT)\s*[:：]\s*(.+)$"));
    sheet.rows.iter().flat_map(|row| &row.cells).find_map(|cell| {
        let found = LABEL.captures(cell.text.trim())?.get(1)?.as_str();
        // It takes no rows of the header, so all of those are still searched for the name.
        (address::score(found) >= 2)
            .then(|| (sheet.rows.len()..sheet.rows.len(), field(sheet, cell.line, spelled(sheet, found), found, 0.9)))
    })
}

/// The place in a line where a phone, tax or registration number begins.
fn contact_at(line: &str) -> Option<usize> {
    let upper = fold(line);
    if upper.len() != line.len() {
        return None;
    }
    CONTACT.find(&upper).map(|found| found.start())
}

fn is_other(line: &str) -> bool {
    contact_at(line).is_some_and(|at| at < 3)
        || !date::dates(line, date::DateOrder::Auto).is_empty()
        || phone_of(line).is_some_and(|phone| phone.len() + 2 >= line.trim().len())
}

/// Letters only, in the middle of an address: `SETAPAK,`, or a town above its postcode.
fn is_name_of_place(line: &str, goes_on_below: bool) -> bool {
    line.chars().all(|c| c.is_alphabetic() || c.is_whitespace() || matches!(c, ',' | '.' | '-' | '\''))
        && (line.trim().ends_with(',') || goes_on_below)
}

fn phone_of(line: &str) -> Option<&str> {
    let found = PHONE.find(line)?;
    let digits = found.as_str().bytes().filter(u8::is_ascii_digit).count();
    ((7..=13).contains(&digits)).then(|| found.as_str().trim())
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

fn confidence(sheet: &Sheet, row: usize) -> f32 {
    let cells = &sheet.rows[row].cells;
    cells.iter().map(|cell| sheet.lines[cell.line].confidence).sum::<f32>() / cells.len().max(1) as f32
}

fn median(values: &[f32]) -> f32 {
    let mut values = values.to_vec();
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(1.0).max(1.0)
}

/// How much an expected error takes from the confidence in a whole name or address. It is less than 1, because errors come
/// together and OCR is less sure of itself than it could be.
const ERROR_WEIGHT: f32 = 0.1;

/// The number of characters that OCR expects to have misread in these lines.
fn expected_errors(sheet: &Sheet, lines: &[usize]) -> f32 {
    let of = |line: &crate::layout::Line| line.text.chars().count() as f32 * (1.0 - line.confidence);
    lines.iter().map(|&line| of(&sheet.lines[line])).sum()
}

/// A field that covers whole rows. Its polygon is the box around them.
fn of_rows(sheet: &Sheet, rows: &[usize], value: String, sure: f32) -> Field<String> {
    let lines: Vec<usize> = rows.iter().flat_map(|&row| own_cells(&sheet.rows[row])).map(|cell| cell.line).collect();
    let raw = lines.iter().map(|&line| sheet.lines[line].text.as_str()).collect::<Vec<_>>().join("\n");
    let confidence = (-ERROR_WEIGHT * expected_errors(sheet, &lines)).exp();
    let polygon = around(lines.iter().map(|&line| &sheet.lines[line].polygon));
    Field {
        value,
        raw,
        confidence: confidence * sure,
        line: lines.first().copied(),
        page: lines.first().map_or(0, |&line| sheet.lines[line].page),
        polygon,
        corrected: false,
    }
}

/// The upright box around quadrilaterals.
fn around<'a>(quads: impl Iterator<Item = &'a Quad>) -> Option<Quad> {
    let bounds =
        quads.map(Quad::bounds).reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])?;
    let [left, top, right, bottom] = bounds;
    Some(Quad([[left, top], [right, top], [right, bottom], [left, bottom]].map(Into::into)))
}

#[cfg(test)]
mod tests {
    use medley_vision::text::TextPage;

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
