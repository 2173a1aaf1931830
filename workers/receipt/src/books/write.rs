//! The last step: writes tables, workbook and report, a row at a time.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
};

use medley_step::{ArtifactFile, StepContext, StepError};
use serde_json::json;

use super::{
    duplicates::Duplicates,
    report::Report,
    row::BookRow,
    step::{ReadShard, WriteStep},
    table::{self, Csv, Judged},
    totals::Totals,
    workbook::{Books, Sheet},
};

const WORKBOOK: &str = "receipts.xlsx";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// Rows between two reports of progress.
const PROGRESS_EVERY: u64 = 100;

/// Writes the books. The inputs are the rows.
pub(super) fn write(step: &WriteStep, cx: &StepContext<'_>) -> Result<ReadShard, StepError> {
    let csv = |error: csv::Error| StepError::internal("cannot write a table").because(error);
    let mut receipts = Csv::new(cx.create("receipts.csv", "text/csv")?, &table::RECEIPTS).map_err(csv)?;
    let mut items = Csv::new(cx.create("items.csv", "text/csv")?, &table::ITEMS).map_err(csv)?;
    let mut records = cx.create("receipts.jsonl", "application/jsonl")?;
    let mut books = Books::new(cx.scratch())?;
    let (mut duplicates, mut totals, mut report) = (Duplicates::default(), Totals::default(), Report::default());
    let (mut count, mut sheets_full) = (ReadShard::default(), false);
    for input in cx.inputs() {
        for line in BufReader::with_capacity(1 << 18, File::open(&input.path)?).lines() {
            let row: BookRow = serde_json::from_str(&line?)?;
            if count.receipts.is_multiple_of(PROGRESS_EVERY) {
                cx.progress(count.receipts as f64, count.receipts as f64, "receipts");
                cx.checkpoint()?;
            }
            count.receipts += 1;
            count.unreadable += u64::from(row.error.is_some());
            let duplicate = duplicates.add(&row);
            let judged = duplicate
                .as_ref()
                .map_or(Judged::default(), |(file, reason)| Judged { duplicate_of: file, why: reason.name() });
            if duplicate.is_none() {
                totals.add(&row);
            }
            report.add(&row, judged);
            let cells = table::receipt(&row, judged);
            receipts.add(&cells).map_err(csv)?;
            sheets_full |= !books.add(Sheet::Receipts, &cells)?;
            for (position, item) in row.items.iter().enumerate() {
                let cells = table::item(&row, position, item);
                items.add(&cells).map_err(csv)?;
                sheets_full |= !books.add(Sheet::Items, &cells)?;
            }
            add_record(&mut records, &row, judged)?;
        }
    }
    receipts.finish()?.keep()?;
    items.finish()?.keep()?;
    records.keep()?;
    let path = cx.place(WORKBOOK)?;
    books.save(&path)?;
    cx.publish_file(WORKBOOK, XLSX, &path)?;
    cx.quality("receipts", count.receipts);
    cx.quality("unreadable", count.unreadable);
    cx.quality("duplicates", report.duplicates());
    cx.quality("to_review", report.to_review());
    cx.quality("files_passed_over", step.files_passed_over);
    cx.quality("folders_passed_over", step.folders_passed_over);
    let mut warnings = Vec::new();
    if count.unreadable > 0 {
        let all = count.receipts;
        warnings.push(format!("{} of {all} could not be read: report.html says why", count.unreadable));
    }
    if sheets_full {
        warnings.push("receipts.xlsx has no room for all rows: the tables in CSV have all".into());
    }
    if !warnings.is_empty() {
        cx.quality("warnings", warnings);
    }
    cx.publish("report.html", "text/html", report.finish(&totals).as_bytes())?;
    Ok(count)
}

/// A line of `receipts.jsonl`.
fn add_record(out: &mut ArtifactFile<'_, '_>, row: &BookRow, judged: Judged<'_>) -> Result<(), StepError> {
    let mut line = json!({ "file": row.file, "sha256": row.sha256 });
    match &row.error {
        Some(error) => line["error"] = serde_json::to_value(error)?,
        None => line["receipt"] = row.record.clone(),
    }
    if !judged.why.is_empty() {
        line["duplicate"] = json!({ "of": judged.duplicate_of, "why": judged.why });
    }
    serde_json::to_writer(&mut *out, &line)?;
    Ok(out.write_all(b"\n")?)
}
