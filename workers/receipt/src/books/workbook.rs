//! The books as a workbook of two sheets. Rows go to temporary files as they come, so memory does not grow with them.

use std::path::Path;

use medley_step::StepError;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::table::{Cell, ITEMS, RECEIPTS};

/// The most rows of a sheet below its heading.
const MAX_ROWS: u32 = 1_048_575;
/// The most characters of a cell.
const MAX_CHARS: usize = 32_767;

/// A workbook that is being written.
pub(super) struct Books {
    workbook: Workbook,
    rows: [u32; 2],
    money: Format,
    date: Format,
}

/// The sheets, by their position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sheet {
    Receipts,
    Items,
}

impl Books {
    /// `scratch` is a folder for temporary files.
    pub(super) fn new(scratch: &Path) -> Result<Self, StepError> {
        Self::create(scratch).map_err(cannot_write)
    }

    fn create(scratch: &Path) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(scratch)?;
        // The same receipts make the same bytes.
        let made = ExcelDateTime::from_ymd(2000, 1, 1)?;
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
        let heading = Format::new().set_bold();
        for (name, columns) in [("Receipts", &RECEIPTS[..]), ("Items", &ITEMS[..])] {
            let sheet = workbook.add_worksheet_with_constant_memory()?;
            sheet.set_name(name)?.set_freeze_panes(1, 1)?;
            for (column, name) in (0_u16..).zip(columns) {
                let width = match *name {
                    "file" | "merchant" | "address" | "description" | "review" | "warnings" | "error" => 30.0,
                    _ => 12.0,
                };
                sheet.set_column_width(column, width)?;
                sheet.write_string_with_format(0, column, *name, &heading)?;
            }
        }
        let money = Format::new().set_num_format("0.00##");
        let date = Format::new().set_num_format("yyyy-mm-dd");
        Ok(Self { workbook, rows: [0; 2], money, date })
    }

    /// Adds a row; false when the sheet is full.
    pub(super) fn add(&mut self, sheet: Sheet, cells: &[Cell]) -> Result<bool, StepError> {
        let index = sheet as usize;
        if self.rows[index] == MAX_ROWS {
            return Ok(false);
        }
        self.rows[index] += 1;
        let row = self.rows[index];
        let worksheet = self.workbook.worksheet_from_index(index).map_err(cannot_write)?;
        for (column, cell) in (0_u16..).zip(cells) {
            write(worksheet, (row, column), cell, [&self.money, &self.date]).map_err(cannot_write)?;
        }
        Ok(true)
    }

    pub(super) fn save(mut self, path: &Path) -> Result<(), StepError> {
        self.workbook.save(path).map_err(cannot_write)
    }
}

/// Writes a cell. A text is written as a text, so that none is a formula.
fn write(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell,
    [money, date]: [&Format; 2],
) -> Result<(), XlsxError> {
    match cell {
        Cell::Text(text) | Cell::Number(text) | Cell::Date(text) if text.is_empty() => {}
        Cell::Text(text) => {
            let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').take(MAX_CHARS).collect();
            sheet.write_string(row, column, text)?;
        }
        Cell::Number(text) => match text.parse::<f64>() {
            Ok(number) if text.contains('.') => {
                sheet.write_number_with_format(row, column, number, money)?;
            }
            Ok(number) => {
                sheet.write_number(row, column, number)?;
            }
            Err(_) => {
                sheet.write_string(row, column, text)?;
            }
        },
        // A workbook has no dates before 1900.
        Cell::Date(text) => match ExcelDateTime::parse_from_str(text) {
            Ok(day) => {
                sheet.write_datetime_with_format(row, column, &day, date)?;
            }
            Err(_) => {
                sheet.write_string(row, column, text)?;
            }
        },
    }
    Ok(())
}

fn cannot_write(error: XlsxError) -> StepError {
    StepError::internal("cannot write the workbook").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_make_the_same_workbook() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |name: &str| {
            let mut books = Books::new(folder.path()).unwrap();
            let cells = [Cell::Text("=1+1".into()), Cell::Number("12.50".into()), Cell::Date("2024-05-06".into())];
            assert!(books.add(Sheet::Receipts, &cells).unwrap() && books.add(Sheet::Items, &cells).unwrap());
            books.save(&folder.path().join(name)).unwrap();
            std::fs::read(folder.path().join(name)).unwrap()
        };
        let first = bytes("a.xlsx");
        assert!(first.starts_with(b"PK") && first == bytes("b.xlsx"));
    }
}
