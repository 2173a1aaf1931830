//! `captions.parquet`: a column for each field, lists as Parquet's three-level lists, no compression.

use std::{fs::File, io, path::Path, sync::Arc};

use medley_step::StepError;
use parquet::{
    data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::parser::parse_message_type,
};

use super::super::LibraryRow;

/// Rows of a row group.
const GROUP: usize = 8_192;

const SCHEMA: &str = "
message image {
    required binary path (UTF8);
    required binary sha256 (UTF8);
    required int64 bytes;
    required int32 width;
    required int32 height;
    required binary format (UTF8);
    required int32 orientation;
    required binary caption (UTF8);
    required binary captioned_by (UTF8);
    required group tags (LIST) { repeated group list { required binary element (UTF8); } }
    required group tag_scores (LIST) { repeated group list { required float element; } }
    required group objects (LIST) { repeated group list { required binary element (UTF8); } }
    required group object_scores (LIST) { repeated group list { required float element; } }
    required group object_boxes (LIST) { repeated group list { required float element; } }
    optional binary scene (UTF8);
    required group text (LIST) { repeated group list { required binary element (UTF8); } }
    required int32 people;
    required int32 faces;
    required int32 poses;
    optional float nsfw;
    required group colours (LIST) { repeated group list { required binary element (UTF8); } }
    required group colour_shares (LIST) { repeated group list { required float element; } }
    required float sharpness;
    required float exposure;
    optional binary phash (UTF8);
    optional binary chroma (UTF8);
    optional binary camera (UTF8);
    optional binary time (UTF8);
    optional double lat;
    optional double lon;
    optional int64 embedding;
    optional int64 group;
    optional binary outlier (UTF8);
    optional float outlier_score;
    optional binary dropped (UTF8);
    optional binary error (UTF8);
}";

pub(super) struct Table {
    file: SerializedFileWriter<File>,
    columns: Vec<Column>,
    rows: usize,
}

/// The values of one column of a row group.
struct Column {
    values: Values,
    /// 1 where there is a value, 0 where there is none; empty for required columns.
    defined: Vec<i16>,
    /// 0 where a row starts, 1 where a list goes on; empty for columns without lists.
    repeated: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Int(Vec<i32>),
    Long(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
}

fn failed(error: ParquetError) -> StepError {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => (*error).into(),
            Err(source) => StepError::internal("captions.parquet could not be written").because(source),
        },
        other => StepError::internal("captions.parquet could not be written").because(other),
    }
}

impl Table {
    pub(super) fn create(path: &Path) -> Result<Self, StepError> {
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
        let properties = Arc::new(WriterProperties::builder().set_created_by("medley".into()).build());
        let file = SerializedFileWriter::new(File::create(path)?, schema, properties).map_err(failed)?;
        Ok(Self { file, columns: Vec::new(), rows: 0 })
    }

    pub(super) fn add(&mut self, row: &LibraryRow) -> Result<(), StepError> {
        let mut cells = Cells { columns: &mut self.columns, at: 0 };
        let LibraryRow { row: image, group, outlier, dropped } = row;
        cells.text(&image.path);
        cells.text(&image.sha256);
        cells.long(image.bytes);
        cells.int(image.width);
        cells.int(image.height);
        cells.text(&image.format);
        cells.int(image.orientation.into());
        cells.text(&image.caption);
        cells.text(&name(image.captioned_by)?);
        cells.texts(image.tags.iter().map(|tag| tag.label.as_str()));
        cells.floats(image.tags.iter().map(|tag| tag.score));
        cells.texts(image.objects.iter().map(|object| object.name.as_str()));
        cells.floats(image.objects.iter().map(|object| object.score));
        // Four values of each: left, top, width, height.
        cells.floats(image.objects.iter().flat_map(|object| object.bounds));
        cells.maybe_text(image.scene.as_deref());
        cells.texts(image.text.iter().map(String::as_str));
        cells.int(image.people);
        cells.int(image.faces);
        cells.int(image.poses);
        cells.maybe_float(image.nsfw);
        cells.texts(image.colours.iter().map(|colour| colour.name.as_str()));
        cells.floats(image.colours.iter().map(|colour| colour.share));
        cells.float(image.sharpness);
        cells.float(image.exposure);
        cells.maybe_text(image.phash.map(String::from).as_deref());
        cells.maybe_text(image.chroma.map(String::from).as_deref());
        let exif = image.exif.as_ref();
        cells.maybe_text(exif.and_then(|exif| exif.camera.as_deref()));
        cells.maybe_text(exif.and_then(|exif| exif.time.as_deref()));
        cells.maybe_double(exif.and_then(|exif| exif.lat));
        cells.maybe_double(exif.and_then(|exif| exif.lon));
        cells.maybe_long(image.embedding);
        cells.maybe_long(*group);
        cells.maybe_text(outlier.map(|outlier| name(outlier.why)).transpose()?.as_deref());
        cells.maybe_float(outlier.map(|outlier| outlier.score));
        cells.maybe_text(dropped.as_deref());
        cells.maybe_text(image.error.as_ref().map(|error| error.code.to_string()).as_deref());
        self.rows += 1;
        if self.rows == GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StepError> {
        self.rows = 0;
        let mut group = self.file.next_row_group().map_err(failed)?;
        for column in std::mem::take(&mut self.columns) {
            let writer = group.next_column().map_err(failed)?;
            let mut writer = writer.ok_or_else(|| StepError::internal("the schema has too few columns"))?;
            column.write(&mut writer).map_err(failed)?;
            writer.close().map_err(failed)?;
        }
        group.close().map_err(failed)?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), StepError> {
        if self.rows > 0 {
            self.flush()?;
        }
        self.file.close().map_err(failed)?;
        Ok(())
    }
}

impl Column {
    fn write(&self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let (defined, repeated) = (levels(&self.defined), levels(&self.repeated));
        match &self.values {
            Values::Text(values) => writer.typed::<ByteArrayType>().write_batch(values, defined, repeated),
            Values::Int(values) => writer.typed::<Int32Type>().write_batch(values, defined, repeated),
            Values::Long(values) => writer.typed::<Int64Type>().write_batch(values, defined, repeated),
            Values::Float(values) => writer.typed::<FloatType>().write_batch(values, defined, repeated),
            Values::Double(values) => writer.typed::<DoubleType>().write_batch(values, defined, repeated),
        }
        .map(|_| ())
    }
}

/// A variant's name in JSON.
fn name(variant: impl serde::Serialize) -> Result<String, StepError> {
    Ok(serde_json::to_value(variant)?.as_str().unwrap_or_default().to_owned())
}

fn levels(levels: &[i16]) -> Option<&[i16]> {
    (!levels.is_empty()).then_some(levels)
}

/// The cells of one row, from the left; the first row makes the columns.
struct Cells<'a> {
    columns: &'a mut Vec<Column>,
    at: usize,
}

impl Cells<'_> {
    fn column(&mut self, empty: Values) -> &mut Column {
        if self.at == self.columns.len() {
            self.columns.push(Column { values: empty, defined: Vec::new(), repeated: Vec::new() });
        }
        self.at += 1;
        &mut self.columns[self.at - 1]
    }

    fn text(&mut self, text: &str) {
        self.column(Values::Text(Vec::new())).push_text(text);
    }

    fn int(&mut self, value: u32) {
        if let Values::Int(values) = &mut self.column(Values::Int(Vec::new())).values {
            values.push(i32::try_from(value).unwrap_or(i32::MAX));
        }
    }

    fn long(&mut self, value: u64) {
        if let Values::Long(values) = &mut self.column(Values::Long(Vec::new())).values {
            values.push(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    fn float(&mut self, value: f32) {
        self.column(Values::Float(Vec::new())).push_float(value);
    }

    fn maybe_text(&mut self, text: Option<&str>) {
        let column = self.column(Values::Text(Vec::new()));
        column.defined.push(text.is_some().into());
        text.into_iter().for_each(|text| column.push_text(text));
    }

    fn maybe_float(&mut self, value: Option<f32>) {
        let column = self.column(Values::Float(Vec::new()));
        column.defined.push(value.is_some().into());
        value.into_iter().for_each(|value| column.push_float(value));
    }

    fn maybe_double(&mut self, value: Option<f64>) {
        let column = self.column(Values::Double(Vec::new()));
        column.defined.push(value.is_some().into());
        if let Values::Double(values) = &mut column.values {
            values.extend(value);
        }
    }

    fn maybe_long(&mut self, value: Option<u32>) {
        let column = self.column(Values::Long(Vec::new()));
        column.defined.push(value.is_some().into());
        if let Values::Long(values) = &mut column.values {
            values.extend(value.map(i64::from));
        }
    }

    fn texts<'t>(&mut self, texts: impl Iterator<Item = &'t str>) {
        self.column(Values::Text(Vec::new())).list(texts, Column::push_text);
    }

    fn floats(&mut self, values: impl Iterator<Item = f32>) {
        self.column(Values::Float(Vec::new())).list(values, Column::push_float);
    }
}

impl Column {
    fn push_text(&mut self, text: &str) {
        if let Values::Text(values) = &mut self.values {
            values.push(text.as_bytes().to_vec().into());
        }
    }

    fn push_float(&mut self, value: f32) {
        if let Values::Float(values) = &mut self.values {
            values.push(value);
        }
    }

    fn list<T>(&mut self, items: impl Iterator<Item = T>, push: impl Fn(&mut Self, T)) {
        let start = self.repeated.len();
        for item in items {
            self.repeated.push((self.repeated.len() > start).into());
            self.defined.push(1);
            push(self, item);
        }
        if self.repeated.len() == start {
            self.repeated.push(0);
            self.defined.push(0);
        }
    }
}
