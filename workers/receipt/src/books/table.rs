//! The columns of the books, and their tables as CSV: RFC 4180, safe to open in a spreadsheet.

use std::io::Write;

use csv::{Terminator, Writer, WriterBuilder};

use super::row::{BookItem, BookRow};

/// A value of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(String),
    /// A decimal number as it is written, or nothing.
    Number(String),
    /// ISO 8601, or nothing.
    Date(String),
}

/// What the books say of a receipt besides what is printed on it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Judged<'a> {
    pub(super) duplicate_of: &'a str,
    pub(super) why: &'static str,
}

/// The names of the columns of receipts, in their order.
pub(super) const RECEIPTS: [&str; 25] = [
    "file",
    "merchant",
    "address",
    "tax_id",
    "number",
    "date",
    "time",
    "currency",
    "subtotal",
    "discount",
    "service_charge",
    "tax",
    "rounding",
    "tip",
    "total",
    "refund",
    "payment",
    "items",
    "adds_up",
    "confidence",
    "review",
    "warnings",
    "duplicate_of",
    "duplicate",
    "error",
];
/// The names of the columns of articles.
pub(super) const ITEMS: [&str; 9] =
    ["file", "merchant", "date", "currency", "position", "description", "quantity", "unit_price", "amount"];

pub(super) fn receipt(row: &BookRow, judged: Judged<'_>) -> [Cell; 25] {
    let text = |value: &str| Cell::Text(value.to_owned());
    let number = |value: &str| Cell::Number(value.to_owned());
    let known = row.error.is_none();
    let truth = |value: Option<bool>| Cell::Text(value.map(|value| value.to_string()).unwrap_or_default());
    [
        text(&row.file),
        text(&row.merchant),
        text(&row.address),
        text(&row.tax_id),
        text(&row.number),
        Cell::Date(row.date.clone()),
        text(&row.time),
        text(&row.currency),
        number(&row.subtotal),
        number(&row.discount),
        number(&row.service_charge),
        number(&row.tax),
        number(&row.rounding),
        number(&row.tip),
        number(&row.total),
        truth(known.then_some(row.refund)),
        text(&row.method),
        number(&if known { row.items.len().to_string() } else { String::new() }),
        truth(row.adds_up),
        number(&if known { format!("{:.2}", row.confidence) } else { String::new() }),
        text(&row.review.join("; ")),
        text(&row.warnings.join("; ")),
        text(judged.duplicate_of),
        text(judged.why),
        text(row.error.as_ref().map_or("", |error| error.message.as_str())),
    ]
}

pub(super) fn item(row: &BookRow, position: usize, item: &BookItem) -> [Cell; 9] {
    [
        Cell::Text(row.file.clone()),
        Cell::Text(row.merchant.clone()),
        Cell::Date(row.date.clone()),
        Cell::Text(row.currency.clone()),
        Cell::Number((position + 1).to_string()),
        Cell::Text(item.description.clone()),
        Cell::Number(item.quantity.clone()),
        Cell::Number(item.unit_price.clone()),
        Cell::Number(item.amount.clone()),
    ]
}

/// A CSV table: UTF-8, lines end with CR LF, quotes where needed.
pub(super) struct Csv<W: Write> {
    out: Writer<W>,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(out: W, names: &[&str]) -> csv::Result<Self> {
        let mut out = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        out.write_record(names)?;
        Ok(Self { out })
    }

    pub(super) fn add(&mut self, cells: &[Cell]) -> csv::Result<()> {
        for cell in cells {
            match cell {
                Cell::Text(text) => self.out.write_field(inert(text))?,
                Cell::Number(text) | Cell::Date(text) => self.out.write_field(text)?,
            }
        }
        self.out.write_record(None::<&[u8]>)
    }

    pub(super) fn finish(self) -> std::io::Result<W> {
        self.out.into_inner().map_err(|error| error.into_error())
    }
}

/// A text that no spreadsheet takes for a formula: what a receipt prints, an attacker may have printed. An apostrophe in
/// front makes it text (OWASP, CSV injection).
pub(super) fn inert(text: &str) -> String {
    // Also full-width signs, and signs behind blanks that a spreadsheet may trim.
    let begins = text.trim_start_matches([' ', '\u{a0}', '\u{3000}', '\u{feff}']);
    let is_formula = begins.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '\0']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_quoted_and_no_formula_gets_through() {
        let mut csv = Csv::new(Vec::new(), &["a", "b", "c"]).unwrap();
        let text = |text: &str| Cell::Text(text.into());
        csv.add(&[text("say \"hi\", twice"), Cell::Number("-1.50".into()), text("two\nlines")]).unwrap();
        csv.add(&[text("=cmd|' /C calc'!A0"), Cell::Number(String::new()), text(" @SUM(1)")]).unwrap();
        let text = String::from_utf8(csv.finish().unwrap()).unwrap();
        assert_eq!(
            text,
            "a,b,c\r\n\"say \"\"hi\"\", twice\",-1.50,\"two\nlines\"\r\n'=cmd|' /C calc'!A0,,' @SUM(1)\r\n"
        );
        for formula in ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "＝1", "\u{a0}=1"] {
            assert!(inert(formula).starts_with('\''), "{formula:?}");
        }
        assert_eq!(inert("MAJU - JAYA"), "MAJU - JAYA");
    }

    #[test]
    fn each_column_has_a_name() {
        let row = BookRow { items: vec![BookItem::default()], total: "3.00".into(), ..BookRow::default() };
        let cells = receipt(&row, Judged { duplicate_of: "a.jpg", why: "same_file" });
        let of = |name: &str| cells[RECEIPTS.iter().position(|known| *known == name).unwrap()].clone();
        assert_eq!(of("total"), Cell::Number("3.00".into()));
        assert_eq!(of("items"), Cell::Number("1".into()));
        assert_eq!(of("duplicate"), Cell::Text("same_file".into()));
    }
}
