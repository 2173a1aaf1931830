//! Writes a data set in the formats that people and tools read. Every writer takes a row at a time and holds at most some
//! thousands in memory.

mod coco;
mod parquet;
mod sheet;
mod sidecars;

use std::{
    fs::File,
    io::{BufWriter, Write},
};

use medley_media::member_names;
use medley_step::{StepContext, StepError};

pub(super) use self::sidecars::append_member;
use self::{coco::Coco, parquet::Table, sheet::Sheets, sidecars::Sidecars};
use super::{DataSet, LibraryParams, LibraryRow, search::IndexWriter};
use crate::Row;

/// All writers of a data set.
pub(super) struct Writers<'c, 'a> {
    cx: &'c StepContext<'a>,
    captions: BufWriter<File>,
    index: IndexWriter,
    line: Vec<u8>,
    table: Table,
    sheets: Option<Sheets>,
    sidecars: Option<Sidecars>,
    coco: Option<Coco>,
    metadata: Option<BufWriter<File>>,
}

const CAPTIONS: &str = "captions.jsonl";
const INDEX: &str = "search.idx";
const PARQUET: &str = "captions.parquet";
const SIDECARS: &str = "sidecars.tar";
const COCO: &str = "captions_coco.json";
const METADATA: &str = "metadata.jsonl";

impl<'c, 'a> Writers<'c, 'a> {
    pub(super) fn create(params: &LibraryParams, images: u64, cx: &'c StepContext<'a>) -> Result<Self, StepError> {
        let file = |name: &str| Ok::<_, StepError>(BufWriter::new(File::create(cx.place(name)?)?));
        let wanted = |what: DataSet| params.writes(what);
        let on_sheets = images.min(params.contact_sheet.into());
        Ok(Self {
            cx,
            captions: file(CAPTIONS)?,
            index: IndexWriter::create(&cx.place(INDEX)?)?,
            line: Vec::new(),
            table: Table::create(&cx.place(PARQUET)?)?,
            sheets: (on_sheets > 0).then(|| Sheets::new(cx.scratch(), on_sheets, images)),
            sidecars: if wanted(DataSet::Kohya) { Some(Sidecars::create(&cx.place(SIDECARS)?)?) } else { None },
            coco: if wanted(DataSet::Coco) { Some(Coco::create(&cx.place(COCO)?, cx.scratch())?) } else { None },
            metadata: if wanted(DataSet::Huggingface) { Some(file(METADATA)?) } else { None },
        })
    }

    /// Adds a row. `number` counts from 0; `thumbnail` is a JPEG, or empty.
    pub(super) fn add(&mut self, number: u32, row: &LibraryRow, thumbnail: &[u8]) -> Result<(), StepError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, row)?;
        self.line.push(b'\n');
        self.captions.write_all(&self.line)?;
        self.index.add(&row.row, self.line.len() as u64)?;
        self.table.add(row)?;
        if let Some(sheets) = &mut self.sheets {
            sheets.add(number, row, thumbnail)?;
        }
        if row.dropped.is_some() {
            return Ok(());
        }
        if let Some(sidecars) = &mut self.sidecars {
            sidecars.add(&row.row)?;
        }
        if let Some(coco) = &mut self.coco {
            coco.add(number, &row.row)?;
        }
        if let Some(metadata) = &mut self.metadata {
            serde_json::to_writer(&mut *metadata, &hugging_face(&row.row))?;
            metadata.write_all(b"\n")?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), StepError> {
        self.captions.flush()?;
        publish(self.cx, CAPTIONS, "application/jsonl")?;
        self.index.finish()?;
        publish(self.cx, INDEX, "application/octet-stream")?;
        self.table.finish()?;
        publish(self.cx, PARQUET, "application/vnd.apache.parquet")?;
        if let Some(sheets) = self.sheets {
            for page in sheets.finish()? {
                publish(self.cx, &page, "text/html; charset=utf-8")?;
            }
        }
        if let Some(sidecars) = self.sidecars {
            sidecars.finish()?;
            publish(self.cx, SIDECARS, "application/x-tar")?;
        }
        if let Some(coco) = self.coco {
            coco.finish()?;
            publish(self.cx, COCO, "application/json")?;
        }
        if let Some(mut metadata) = self.metadata {
            metadata.flush()?;
            publish(self.cx, METADATA, "application/jsonl")?;
        }
        Ok(())
    }
}

fn publish(cx: &StepContext<'_>, name: &str, media_type: &str) -> Result<(), StepError> {
    cx.publish_file(name, media_type, &cx.place(name)?)
}

/// A line of `metadata.jsonl` for the loader `imagefolder`, whose `objects` are as its object detection data sets have them.
fn hugging_face(row: &Row) -> serde_json::Value {
    let tags: Vec<&str> = row.tags.iter().map(|tag| tag.label.as_str()).collect();
    let boxes: Vec<[f32; 4]> = row.objects.iter().map(|object| object.bounds).collect();
    let categories: Vec<&str> = row.objects.iter().map(|object| object.name.as_str()).collect();
    serde_json::json!({
        "file_name": member_names::below(&row.path), "text": row.caption, "tags": tags,
        "objects": { "bbox": boxes, "categories": categories },
    })
}
