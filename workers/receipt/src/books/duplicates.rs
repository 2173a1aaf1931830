//! Which receipts are there twice.

use std::collections::HashMap;

use super::row::BookRow;

/// Pictures whose hashes differ in so many of 64 bits are the same picture, if nothing on them says otherwise.
const SAME_PICTURE_BITS: u32 = 2;

/// What is kept of each receipt.
#[derive(Debug)]
struct Seen {
    file: String,
    number: String,
    time: String,
    total: String,
    date: String,
    refund: bool,
    /// The amounts of its articles, sorted.
    amounts: Vec<String>,
}

/// Why a receipt counts as a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The same bytes.
    File,
    /// The same merchant, date and total, and no other number, time or articles.
    Fields,
    /// A picture that looks the same, with the same total and date.
    Picture,
}

impl Reason {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::File => "same_file",
            Self::Fields => "same_fields",
            Self::Picture => "same_picture",
        }
    }
}

/// Receipts seen so far.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    seen: Vec<Seen>,
    by_file: HashMap<String, usize>,
    /// By merchant, date and total.
    by_fields: HashMap<(String, String, String), Vec<usize>>,
    pictures: Vec<(u64, usize)>,
}

impl Duplicates {
    /// Adds a receipt; the earlier one that it repeats, and why.
    pub(super) fn add(&mut self, row: &BookRow) -> Option<(String, Reason)> {
        if row.error.is_some() {
            return None;
        }
        let number = self.seen.len();
        self.seen.push(Seen {
            file: row.file.clone(),
            number: row.number.clone(),
            time: row.time.clone(),
            total: row.total.clone(),
            date: row.date.clone(),
            refund: row.refund,
            amounts: amounts(row),
        });
        let same_file = self.by_file.get(&row.sha256).copied();
        self.by_file.entry(row.sha256.clone()).or_insert(number);
        let complete = !row.merchant.is_empty() && !row.date.is_empty() && !row.total.is_empty();
        let mut same_fields = None;
        if complete {
            let key = (plain(&row.merchant), row.date.clone(), row.total.clone());
            let alike = self.by_fields.entry(key).or_default();
            same_fields = alike.iter().copied().find(|&other| agrees(&self.seen[other], row));
            alike.push(number);
        }
        let picture = u64::from_str_radix(&row.picture, 16).ok();
        let same_picture = picture.and_then(|hash| {
            let near = self.pictures.iter().filter(|(other, _)| (other ^ hash).count_ones() <= SAME_PICTURE_BITS);
            near.map(|&(_, other)| other).find(|&other| {
                let seen = &self.seen[other];
                seen.total == row.total && seen.date == row.date && agrees(seen, row)
            })
        });
        self.pictures.extend(picture.map(|hash| (hash, number)));
        let found = same_file
            .map(|other| (other, Reason::File))
            .or(same_fields.map(|other| (other, Reason::Fields)))
            .or(same_picture.map(|other| (other, Reason::Picture)))?;
        self.complete(number, found.0);
        Some((self.seen[found.0].file.clone(), found.1))
    }
}

impl Duplicates {
    /// A copy that lacks the number or the time is of the purchase that it is a copy of.
    fn complete(&mut self, copy: usize, original: usize) {
        let (number, time) = (self.seen[original].number.clone(), self.seen[original].time.clone());
        let seen = &mut self.seen[copy];
        if seen.number.is_empty() {
            seen.number = number;
        }
        if seen.time.is_empty() {
            seen.time = time;
        }
    }
}

/// Whether nothing says that these are two purchases, or a purchase and its refund.
fn agrees(seen: &Seen, row: &BookRow) -> bool {
    let same = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
    let amounts = amounts(row);
    let same_articles = seen.amounts.is_empty() || amounts.is_empty() || seen.amounts == amounts;
    seen.refund == row.refund && same(&seen.number, &row.number) && same(&seen.time, &row.time) && same_articles
}

fn amounts(row: &BookRow) -> Vec<String> {
    let mut amounts: Vec<String> = row.items.iter().map(|item| item.amount.clone()).collect();
    amounts.sort_unstable();
    amounts
}

/// Letters and digits in capitals.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::row::BookItem, *};

    fn row(file: &str, sha256: &str, number: &str, total: &str, picture: &str) -> BookRow {
        BookRow {
            file: file.into(),
            sha256: sha256.into(),
            merchant: "Blue Heron".into(),
            date: "2024-05-06".into(),
            total: total.into(),
            number: number.into(),
            picture: picture.into(),
            ..BookRow::default()
        }
    }

    #[test]
    fn the_same_purchase_is_found_and_another_is_not() {
        let mut duplicates = Duplicates::default();
        let mut add = |row: BookRow| duplicates.add(&row).map(|(file, reason)| (file, reason.name()));
        assert_eq!(add(row("a.jpg", "1", "77", "5.00", "00000000000000ff")), None);
        assert_eq!(add(row("b.jpg", "1", "77", "5.00", "")), Some(("a.jpg".into(), "same_file")));
        assert_eq!(add(row("c.jpg", "2", "", "5.00", "")), Some(("a.jpg".into(), "same_fields")));
        // The same price on the same day, with another number.
        assert_eq!(add(row("d.jpg", "3", "78", "5.00", "f0f0f0f0f0f0f0f0")), None);
        assert_eq!(add(row("e.jpg", "4", "77", "9.00", "00000000000000fe")), None);
        // A refund of the first, and another purchase whose number was not read.
        let refund = BookRow { refund: true, ..row("r.jpg", "8", "", "5.00", "") };
        assert_eq!(add(refund), None);
        let items = |file: &str, sha256: &str, amounts: &[&str]| BookRow {
            items: amounts.iter().map(|&amount| BookItem { amount: amount.into(), ..BookItem::default() }).collect(),
            ..row(file, sha256, "", "6.00", "")
        };
        assert_eq!(add(items("g.jpg", "9", &["2.00", "4.00"])), None);
        assert_eq!(add(items("h.jpg", "10", &["3.00", "3.00"])), None);
        assert_eq!(add(items("i.jpg", "11", &["4.00", "2.00"])), Some(("g.jpg".into(), "same_fields")));
        let unnamed = BookRow { merchant: String::new(), ..row("f.jpg", "5", "78", "5.00", "f0f0f0f0f0f0f0f1") };
        assert_eq!(add(unnamed), Some(("d.jpg".into(), "same_picture")));
    }
}
