//! Joins analyses of shards to a part, and parts to a larger part. A part is five files whose entries are in the order of
//! the list; joining parts is joining their files.

use std::io::{self, Read, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use medley_step::{ArtifactFile, StepContext, StepError};

use super::{LibraryOutput, rows::Fact, step::Part};
use crate::Row;

/// The lines of the list.
pub(super) const LIST: &str = "part.list.jsonl";
/// A [`Row`] a line.
pub(super) const ROWS: &str = "part.rows.jsonl";
/// A [`Fact`] for each row.
pub(super) const FACTS: &str = "part.facts";
/// The embeddings of the rows that have one, f32, little-endian.
pub(super) const VECTORS: &str = "part.vectors";
/// For each row a length (u32, little-endian) and so many bytes of JPEG.
pub(super) const THUMBNAILS: &str = "part.thumbnails";

const FILES: [&str; 5] = [LIST, ROWS, FACTS, VECTORS, THUMBNAILS];

/// Joins the analyses of shards, one in memory at a time.
pub(super) fn analyses(cx: &StepContext<'_>) -> Result<Part, StepError> {
    let mut part = Part::default();
    let [mut list, mut rows, mut facts, mut vectors, mut thumbnails] = create(cx)?;
    for n in 0..cx.inputs().len() {
        let LibraryOutput::Analyze(shard) = cx.input_json(n)? else {
            return Err(StepError::internal(format!("input {n} of {} is no analysis of a shard", cx.id())));
        };
        list.write_all(shard.list.as_bytes())?;
        rows.write_all(shard.rows.as_bytes())?;
        for line in shard.rows.lines() {
            Fact::of(&serde_json::from_str::<Row>(line)?).write(&mut facts)?;
        }
        vectors.write_all(&decode(&shard.vectors)?)?;
        if shard.thumbnails.is_empty() {
            for _ in 0..shard.images {
                thumbnails.write_all(&0_u32.to_le_bytes())?;
            }
        }
        for thumbnail in &shard.thumbnails {
            let jpeg = decode(thumbnail)?;
            thumbnails.write_all(&u32::try_from(jpeg.len()).unwrap_or(0).to_le_bytes())?;
            thumbnails.write_all(&jpeg)?;
        }
        part = part.and(Part { images: shard.images.into(), dim: shard.dim })?;
        cx.checkpoint()?;
    }
    [list, rows, facts, vectors, thumbnails].into_iter().try_for_each(ArtifactFile::keep)?;
    Ok(part)
}

/// Joins parts; `of` describes the result.
pub(super) fn parts(of: Part, cx: &StepContext<'_>) -> Result<LibraryOutput, StepError> {
    for (name, mut out) in FILES.into_iter().zip(create(cx)?) {
        for input in cx.inputs().iter().filter(|input| input.name == name) {
            io::copy(&mut std::fs::File::open(&input.path)?, &mut out)?;
            cx.checkpoint()?;
        }
        out.keep()?;
    }
    Ok(LibraryOutput::Merge(of))
}

fn create<'c, 'a>(cx: &'c StepContext<'a>) -> Result<[ArtifactFile<'c, 'a>; 5], StepError> {
    let open = |name| cx.create(name, "application/octet-stream");
    Ok([open(LIST)?, open(ROWS)?, open(FACTS)?, open(VECTORS)?, open(THUMBNAILS)?])
}

fn decode(base64: &str) -> Result<Vec<u8>, StepError> {
    STANDARD.decode(base64).map_err(|error| StepError::internal("the analysis of a shard is damaged").because(error))
}

/// Reads the next thumbnail of a part.
pub(super) fn read_thumbnail(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    let mut jpeg = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut jpeg)?;
    if jpeg.len() == length as usize { Ok(jpeg) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
