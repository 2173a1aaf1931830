//! The layout of a document: lines as rows of cells, and each amount with its label.

use medley_vision::text::{Glyph, Quad, TextPage};

use crate::{
    lexicon::{self, AmountKind},
    money::{
        amount::{Amount, amounts, plain_number},
        number::{self, NumberStyle},
    },
};

/// A line of text, from a picture or a PDF's text layer.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) confidence: f32,
    /// In pixels of the page's picture.
    pub(crate) polygon: Quad,
    pub(crate) page: usize,
    /// The characters with their alternatives; empty for a text layer.
    pub(crate) glyphs: Vec<Glyph>,
}

/// A line within its row.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// Its index among the document's lines.
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) left: f32,
    pub(crate) right: f32,
    pub(crate) height: f32,
    pub(crate) amounts: Vec<Amount>,
}

/// Lines that stand side by side.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) cells: Vec<Cell>,
    pub(crate) top: f32,
    pub(crate) bottom: f32,
}

/// An amount with its label.
#[derive(Debug, Clone)]
pub(crate) struct LabelledAmount {
    pub(crate) row: usize,
    pub(crate) line: usize,
    pub(crate) label: String,
    pub(crate) kind: Option<AmountKind>,
    pub(crate) amount: Amount,
    /// The place of its middle across the page: 0 is left, 1 is right.
    pub(crate) across: f32,
    pub(crate) height: f32,
    /// Whether its value was corrected by arithmetic.
    pub(crate) corrected: bool,
}

/// A document as rows of cells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sheet {
    pub(crate) lines: Vec<Line>,
    pub(crate) rows: Vec<Row>,
    pub(crate) width: f32,
    /// How its numbers are written.
    pub(crate) style: NumberStyle,
}

impl Sheet {
    /// Lays the pages one below the other. `currency` is the currency if it is known beforehand.
    pub(crate) fn of_pages(pages: Vec<TextPage>, currency: Option<&str>) -> Self {
        let lines = pages.iter().flat_map(|page| &page.lines).map(|line| line.text.as_str());
        let mut sheet = Self { style: NumberStyle::of(lines, currency), ..Self::default() };
        let mut above = 0.0;
        for (number, page) in pages.into_iter().enumerate() {
            let mut last_row = None;
            for line in page.lines {
                let [left, top, right, bottom] = line.upright.bounds();
                let cell = Cell {
                    line: sheet.lines.len(),
                    amounts: amounts(&line.text, sheet.style),
                    text: line.text.clone(),
                    left,
                    right,
                    height: line.upright.height(),
                };
                let (top, bottom) = (top + above, bottom + above);
                if last_row == Some(line.row)
                    && let Some(row) = sheet.rows.last_mut()
                {
                    row.top = row.top.min(top);
                    row.bottom = row.bottom.max(bottom);
                    row.cells.push(cell);
                } else {
                    sheet.rows.push(Row { cells: vec![cell], top, bottom });
                }
                last_row = Some(line.row);
                sheet.lines.push(Line {
                    text: line.text,
                    confidence: line.confidence,
                    polygon: line.polygon,
                    page: number,
                    glyphs: line.glyphs,
                });
            }
            above += page.height;
            sheet.width = sheet.width.max(page.width);
        }
        sheet.trim_width();
        sheet
    }

    /// The same lines with plain spaces as thousands separators; none if no line has such a number.
    pub(crate) fn with_blank_groups(&self) -> Option<Self> {
        let mut sheet = Self { style: NumberStyle { blank_groups: true, ..self.style }, ..self.clone() };
        let mut changed = false;
        for row in &mut sheet.rows {
            changed |= join_thousands(row, sheet.style);
            for cell in &mut row.cells {
                if number::may_have_blank_groups(&cell.text) || number::has_blank_groups(&cell.text) {
                    cell.amounts = amounts(&cell.text, sheet.style);
                    changed = true;
                }
            }
        }
        changed.then_some(sheet)
    }

    /// Whether digits stand so close to the left of an amount that they may be its thousands.
    pub(crate) fn is_open_to_the_left(&self, row: usize, line: usize, amount: &Amount) -> bool {
        let text = &self.lines[line].text;
        let printed = text.get(amount.span.clone()).unwrap_or_default();
        if printed.bytes().take_while(u8::is_ascii_digit).count() != 3 {
            return false;
        }
        let before = text.get(..amount.span.start).unwrap_or_default();
        let digits = before.trim_end_matches(|c: char| c.is_whitespace() || ".,;'’`´·_|".contains(c));
        if before.len() - digits.len() > 3 {
            return false;
        }
        let word = digits.rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default();
        let number = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        if (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0') {
            return true;
        }
        let row = &self.rows[row];
        let cell = row.cells.iter().position(|cell| cell.line == line);
        cell.is_some_and(|cell| before.trim().is_empty() && thousands_before(row, cell).is_some())
    }

    /// Sets the width to that of the text, without the margins of a photograph.
    fn trim_width(&mut self) {
        let cells = || self.rows.iter().flat_map(|row| &row.cells);
        let left = cells().map(|cell| cell.left).fold(f32::INFINITY, f32::min);
        let right = cells().map(|cell| cell.right).fold(0.0, f32::max);
        if right > left {
            for row in &mut self.rows {
                for cell in &mut row.cells {
                    cell.left -= left;
                    cell.right -= left;
                }
            }
            self.width = right - left;
        }
    }

    /// Whether its language has accents: more than a few of its words have some.
    pub(crate) fn has_accents(&self) -> bool {
        let words = || {
            self.lines
                .iter()
                .flat_map(|line| line.text.split_whitespace())
                .filter(|word| word.chars().any(char::is_alphabetic))
        };
        let accented = words()
            .filter(|word| word.chars().any(|c| matches!(c, '\u{c0}'..='\u{24f}' | '\u{1ea0}'..='\u{1ef9}')))
            .count();
        accented >= MIN_ACCENTED && accented * 20 >= words().count()
    }

    /// Every amount with its label: the words before it in its own cell, else in the nearest cell to its left that has
    /// words, else the whole row.
    pub(crate) fn labelled(&self) -> Vec<LabelledAmount> {
        let mut out = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            for (position, cell) in row.cells.iter().enumerate() {
                for amount in &cell.amounts {
                    let own = &cell.text[..amount.span.start];
                    let words = std::iter::once(own)
                        .chain(row.cells[..position].iter().rev().map(|cell| cell.text.as_str()))
                        .find(|text| has_words(text));
                    let mut label = words.unwrap_or_default().to_owned();
                    let mut kind = lexicon::kind_of(&label);
                    let whole = row.text();
                    if kind.is_none() && position > 0 {
                        let row_kind = lexicon::kind_of(&whole);
                        // Codes and rates of a tax table do not name a row's amounts.
                        if row_kind.is_some() && row_kind != Some(AmountKind::Other) {
                            kind = row_kind;
                            label.clone_from(&whole);
                        }
                    }
                    // Words after the amount may say what a total includes or leaves out.
                    if matches!(kind, Some(AmountKind::Total)) && lexicon::kind_of(&whole) == Some(AmountKind::Subtotal)
                    {
                        kind = Some(AmountKind::Subtotal);
                    }
                    // `TOTAL QTY: 3 | 27.00`: the count has its number, so the amount beside it is the total.
                    if kind == Some(AmountKind::Other)
                        && own.trim().is_empty()
                        && counts_in_total(&label, &row.cells[..position])
                    {
                        kind = Some(AmountKind::Total);
                    }
                    if matches!(kind, Some(AmountKind::Total))
                        && label.len() < 12
                        && own.trim().is_empty()
                        && whole_is_tax_note(&whole)
                    {
                        kind = Some(AmountKind::Tax);
                    }
                    out.push(LabelledAmount {
                        row: index,
                        line: cell.line,
                        kind,
                        label,
                        amount: amount.clone(),
                        across: (cell.left + cell.right) / 2.0 / self.width.max(1.0),
                        height: cell.height,
                        corrected: false,
                    });
                }
            }
        }
        out
    }
}

/// Joins `R 3` and `798.00`, read as two lines a space apart, to one amount of the second line. Returns whether it
/// joined any.
fn join_thousands(row: &mut Row, style: NumberStyle) -> bool {
    let mut joined = false;
    for right in 1..row.cells.len() {
        let Some(thousands) = thousands_before(row, right).map(str::to_owned) else { continue };
        let (before, rest) = row.cells.split_at_mut(right);
        let (Some(left), Some(right)) = (before.last_mut(), rest.first_mut()) else { continue };
        let whole = format!("{thousands} {}", right.text.trim_start());
        let amount = amounts(&whole, style).into_iter().next();
        let (Some(first), Some(amount)) = (right.amounts.first_mut(), amount) else { continue };
        first.value = amount.value;
        left.text.truncate(left.text.trim_end().len() - thousands.len());
        left.amounts = amounts(&left.text, style);
        joined = true;
    }
    joined
}

/// The digits at the end of the cell to the left that may be the thousands of this cell's amount.
fn thousands_before(row: &Row, right: usize) -> Option<&str> {
    let (left, right) = (row.cells.get(right.checked_sub(1)?)?, row.cells.get(right)?);
    let near = right.left - left.right < MAX_DIGIT_GAP * right.height.max(left.height);
    let starts = right.amounts.first().is_some_and(|first| right.text[..first.span.start].trim().is_empty());
    let text = left.text.trim_end();
    let from = text
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let alone =
        !text[..from].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | ',' | '/' | ':' | '#' | '-'));
    let thousands = &text[from..];
    let whole = format!("{thousands} {}", right.text.trim_start());
    (near && starts && alone && number::may_have_blank_groups(&whole) && !thousands.is_empty()).then_some(thousands)
}

/// Accented words on a receipt of a language that has accents; fewer may be specks of dust.
const MIN_ACCENTED: usize = 2;

/// The largest gap between digits of one number, in heights of a digit.
const MAX_DIGIT_GAP: f32 = 0.9;

/// Whether a label is a total's count that has its number already, in its own cell or in one to the left of the amount.
fn counts_in_total(label: &str, before: &[Cell]) -> bool {
    let last = before.last().is_some_and(|cell| plain_number(cell.text.trim()).is_some());
    let own = label.trim_end_matches(['.', ' ']).ends_with(|c: char| c.is_ascii_digit());
    lexicon::mentions(label, &["TOTAL QTY", "TOTAL ITEM", "TOT QTY"]) && (own || last)
}

fn whole_is_tax_note(row: &str) -> bool {
    lexicon::mentions(row, &["TOTAL INCLUDES", "INCLUDED IN TOTAL", "TOTAL GST", "TOTAL TAX"])
}

/// Whether a text has letters other than a currency sign.
fn has_words(text: &str) -> bool {
    let words: String = lexicon::fold(text).chars().filter(|c| c.is_alphabetic()).collect();
    !matches!(words.as_str(), "" | "RM" | "MYR" | "USD" | "SGD" | "S" | "X" | "SR" | "ZR")
}

impl Row {
    /// The row's text, cells joined by a space.
    pub(crate) fn text(&self) -> String {
        self.cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn has_amount(&self) -> bool {
        self.cells.iter().any(|cell| !cell.amounts.is_empty())
    }

    pub(crate) fn height(&self) -> f32 {
        self.cells.iter().map(|cell| cell.height).fold(0.0, f32::max)
    }
}
