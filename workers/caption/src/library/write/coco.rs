//! Captions as MS COCO has them (cocodataset.org, "data format"): `images` and, by their ids, `annotations`.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use medley_step::StepError;
use serde_json::json;

use medley_media::member_names;

use crate::Row;

pub(super) struct Coco {
    out: BufWriter<File>,
    /// The second array, until the first is complete.
    annotations: BufWriter<File>,
    beside: PathBuf,
    first: bool,
}

impl Coco {
    pub(super) fn create(path: &Path, scratch: &Path) -> io::Result<Self> {
        let beside = scratch.join("annotations");
        let mut out = BufWriter::new(File::create(path)?);
        out.write_all(br#"{"info":{"description":"captions by medley","version":"1.0"},"licenses":[],"images":["#)?;
        Ok(Self { out, annotations: BufWriter::new(File::create(&beside)?), beside, first: true })
    }

    /// Ids are the row's number and one: COCO's tools take 0 for "none".
    pub(super) fn add(&mut self, number: u32, row: &Row) -> Result<(), StepError> {
        let id = u64::from(number) + 1;
        if !std::mem::take(&mut self.first) {
            self.out.write_all(b",")?;
            self.annotations.write_all(b",")?;
        }
        let image =
            json!({ "id": id, "file_name": member_names::below(&row.path), "width": row.width, "height": row.height });
        serde_json::to_writer(&mut self.out, &image)?;
        let annotation = json!({
            "id": id, "image_id": id, "caption": row.caption,
            // COCO's tools pass over what they do not know.
            "tags": row.tags.iter().map(|tag| tag.label.as_str()).collect::<Vec<_>>(), "objects": row.objects,
        });
        serde_json::to_writer(&mut self.annotations, &annotation)?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.annotations.flush()?;
        self.out.write_all(br#"],"annotations":["#)?;
        io::copy(&mut BufReader::new(File::open(&self.beside)?), &mut self.out)?;
        self.out.write_all(b"]}\n")?;
        self.out.flush()?;
        fs::remove_file(&self.beside)
    }
}
