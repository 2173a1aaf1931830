//! `report.html`: what was spent, and the receipts that a person should look at first, in one page without scripts.

use std::fmt::Write as _;

use super::{
    row::BookRow,
    table::Judged,
    totals::{Sum, Totals},
};

/// Receipts with their pictures on the page.
const MAX_SHOWN: usize = 300;
/// Merchants on the page, those with most receipts first.
const MAX_MERCHANTS: usize = 100;

/// A receipt to look at.
struct Shown {
    /// What is most urgent comes first.
    urgency: u32,
    html: String,
}

/// The page, while receipts are added.
#[derive(Default)]
pub(super) struct Report {
    shown: Vec<Shown>,
    receipts: u64,
    unreadable: u64,
    duplicates: u64,
    to_review: u64,
}

impl Report {
    pub(super) fn add(&mut self, row: &BookRow, judged: Judged<'_>) {
        self.receipts += 1;
        self.unreadable += u64::from(row.error.is_some());
        self.duplicates += u64::from(!judged.why.is_empty());
        let to_review = row.error.is_none() && !row.review.is_empty();
        self.to_review += u64::from(to_review);
        if row.error.is_none() && !to_review && judged.why.is_empty() {
            return;
        }
        let of = |field: &str| row.review.iter().any(|named| named == field);
        let urgency = 8 * u32::from(row.error.is_some())
            + 4 * u32::from(of("total"))
            + 2 * u32::from(of("date"))
            + u32::from(of("merchant.name"));
        // Only the most urgent are kept, so that memory does not grow with the receipts.
        if self.shown.len() >= 2 * MAX_SHOWN {
            self.shown.sort_by_key(|shown| std::cmp::Reverse(shown.urgency));
            self.shown.truncate(MAX_SHOWN);
        }
        self.shown.push(Shown { urgency, html: card(row, judged) });
    }

    pub(super) fn to_review(&self) -> u64 {
        self.to_review
    }

    pub(super) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    pub(super) fn finish(mut self, totals: &Totals) -> String {
        self.shown.sort_by_key(|shown| std::cmp::Reverse(shown.urgency));
        let all = self.shown.len();
        self.shown.truncate(MAX_SHOWN);
        let cards: String = self.shown.iter().map(|shown| shown.html.as_str()).collect();
        let mut merchants: Vec<_> = totals.by_merchant.iter().collect();
        merchants.sort_by_key(|(name, sum)| (std::cmp::Reverse(sum.receipts), (*name).clone()));
        merchants.truncate(MAX_MERCHANTS);
        let more =
            if all > MAX_SHOWN { format!("<p>The {MAX_SHOWN} most urgent are shown.</p>") } else { String::new() };
        TEMPLATE
            .replace(
                "<!--SUMMARY-->",
                &format!(
                    "{} receipts, {} to look at, {} duplicates, {} that could not be read",
                    self.receipts, self.to_review, self.duplicates, self.unreadable
                ),
            )
            .replace("<!--CURRENCIES-->", &rows(totals.by_currency.iter()))
            .replace("<!--MONTHS-->", &rows(totals.by_month.iter()))
            .replace("<!--MERCHANTS-->", &rows(merchants.into_iter()))
            .replace("<!--MORE-->", &more)
            .replace("<!--CARDS-->", &cards)
    }
}

const TEMPLATE: &str = include_str!("report.html");

/// Rows of a table: a name, the currency where it is not the name, the number of receipts, the sum.
fn rows<'a>(sums: impl Iterator<Item = (&'a (String, String), &'a Sum)>) -> String {
    let mut html = String::new();
    for ((name, currency), sum) in sums {
        let _ = write!(html, "<tr><td>{}</td>", escaped(name));
        if !currency.is_empty() {
            let _ = write!(html, "<td>{}</td>", escaped(currency));
        }
        let _ = writeln!(html, "<td>{}</td><td>{}</td></tr>", sum.receipts, sum.total.as_money());
    }
    html
}

fn card(row: &BookRow, judged: Judged<'_>) -> String {
    let mut html = String::from("<figure>");
    if !row.thumbnail.is_empty() {
        let _ = write!(html, "<img loading=\"lazy\" alt=\"\" src=\"data:image/jpeg;base64,{}\">", row.thumbnail);
    }
    let _ = write!(html, "<figcaption><b>{}</b>", escaped(&row.file));
    if let Some(error) = &row.error {
        let _ = write!(html, "<p class=\"bad\">{}</p>", escaped(&error.message));
    } else {
        let fields = [
            ("merchant.name", &row.merchant),
            ("merchant.address", &row.address),
            ("date", &row.date),
            ("total", &row.total),
            ("currency", &row.currency),
        ];
        html += "<dl>";
        for (name, value) in fields {
            let class = if row.review.iter().any(|named| named == name) { " class=\"bad\"" } else { "" };
            let value = if value.is_empty() { "not found" } else { value.as_str() };
            let _ = write!(html, "<dt>{name}</dt><dd{class}>{}</dd>", escaped(value));
        }
        html += "</dl>";
    }
    if !judged.why.is_empty() {
        let _ = write!(html, "<p>{}: {}</p>", judged.why.replace('_', " "), escaped(judged.duplicate_of));
    }
    html += "</figcaption></figure>\n";
    html
}

/// A text as a text of HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receipt_says_is_no_markup() {
        let mut report = Report::default();
        let row = BookRow {
            file: "<script>.jpg".into(),
            merchant: "\"><img src=x onerror=alert(1)>".into(),
            review: vec!["merchant.name".into()],
            ..BookRow::default()
        };
        report.add(&row, Judged::default());
        report.add(&BookRow::default(), Judged::default());
        let html = report.finish(&Totals::default());
        assert!(!html.contains("<script>") && !html.contains("<img src=x"), "{html}");
        assert!(html.contains("2 receipts, 1 to look at") && html.contains("&lt;script&gt;.jpg"));
        assert_eq!(html.matches("<figure>").count(), 1);
    }
}
