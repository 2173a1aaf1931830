//! Analyzes a shard, a batch of images at a time.

use std::{fs, io, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use medley_media::source::{Entry, ImageSource, Reader};
use medley_step::{Host, StepContext, StepError};

use super::{
    list::read_lines,
    notes::Notes,
    step::{Shard, ShardAnalysis},
};
use crate::{Analysis, Analyzer, CaptionError, Row};

/// Images of one batch: enough to keep all threads busy, few enough to keep them decoded in memory.
const BATCH: usize = 16;
/// The text of one image.
const MAX_TEXT_CHARS: usize = 6_000;
/// All texts and all thumbnails (in base64) of a shard, whose answer is at most 8 MiB: with 256 images, these leave room
/// for rows and embeddings. What exceeds them is left out.
const MAX_TEXT_CHARS_OF_SHARD: usize = 400_000;
const MAX_THUMBNAIL_BYTES_OF_SHARD: usize = 3 << 20;

/// Analyzes images: an [`Analyzer`], or a test's stand-in.
pub(super) trait Analyze {
    fn analyze(&self, files: &[(String, PathBuf)], host: &dyn Host) -> Result<Vec<Analysis>, CaptionError>;
}

impl Analyze for Analyzer {
    fn analyze(&self, files: &[(String, PathBuf)], host: &dyn Host) -> Result<Vec<Analysis>, CaptionError> {
        Analyzer::analyze(self, files, host)
    }
}

/// Analyzes the images of a shard. The last input is the list, those before it are the job's.
pub(super) fn analyze(
    analyzer: &dyn Analyze,
    thumbnails: bool,
    shard: &Shard,
    cx: &StepContext<'_>,
) -> Result<ShardAnalysis, StepError> {
    let of_job = cx.inputs().len().saturating_sub(1);
    let list = read_lines(cx.input(of_job)?.path.clone(), shard.offset, shard.bytes)?;
    let entries = list.lines().map(serde_json::from_str).collect::<Result<Vec<Entry>, _>>()?;
    let mut reader = ImageSource::of(&cx.inputs()[..of_job])?.open(cx.host())?;
    let mut answer = Answer::new(thumbnails);
    let mut notes = Notes::open(&cx.notes())?;
    let numbers: Vec<u32> = (0..).take(entries.len()).collect();
    for batch in numbers.chunks(BATCH) {
        cx.progress(batch[0].into(), entries.len() as f64, "images");
        for group in notes.groups(batch.iter().copied()) {
            cx.checkpoint()?;
            notes.begin(&group)?;
            let members: Vec<Entry> = group.iter().map(|number| entries[*number as usize].clone()).collect();
            let analyses = analyze_group(analyzer, &members, &mut reader, cx)?;
            notes.done(group.into_iter().zip(analyses).collect())?;
        }
        for number in batch {
            let analysis = notes.take(*number, &entries[*number as usize]);
            answer.add(analysis.ok_or_else(|| StepError::internal("an image was not analyzed"))?)?;
        }
    }
    if notes.blamed() > 0 {
        // A result with an artifact is not cached, so that the images are tried again with more memory or a new version.
        cx.publish("not-read.txt", "text/plain", format!("{}\n", notes.blamed()).as_bytes())?;
    }
    Ok(answer.finish(list))
}

/// Analyzes some images together; one answer for each.
fn analyze_group(
    analyzer: &dyn Analyze,
    entries: &[Entry],
    reader: &mut Reader<'_>,
    cx: &StepContext<'_>,
) -> Result<Vec<Analysis>, StepError> {
    let spare = |n: usize| cx.scratch().join(format!("image-{n}"));
    let files: Vec<_> = entries.iter().zip(reader.files(entries, spare)?).collect();
    let readable: Vec<_> =
        files.iter().filter_map(|(entry, file)| Some((entry.path.clone(), file.as_ref().ok()?.clone()))).collect();
    let mut analyses = analyzer.analyze(&readable, cx.host())?.into_iter();
    let answers = files.into_iter().map(|(entry, file)| match file {
        Ok(_) => analyses.next().ok_or_else(|| StepError::internal("an image was not analyzed")),
        Err(error) => Ok(Analysis::failed(Row::failed(&entry.path, None, entry.bytes, error))),
    });
    let answers = answers.collect::<Result<Vec<_>, StepError>>()?;
    for n in 0..entries.len() {
        match fs::remove_file(spare(n)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(answers)
}

/// The answer of a shard while it grows.
struct Answer {
    shard: ShardAnalysis,
    vectors: Vec<u8>,
    thumbnails: bool,
    text_left_chars: usize,
    thumbnails_left_bytes: usize,
}

impl Answer {
    fn new(thumbnails: bool) -> Self {
        Self {
            shard: ShardAnalysis::default(),
            vectors: Vec::new(),
            thumbnails,
            text_left_chars: MAX_TEXT_CHARS_OF_SHARD,
            thumbnails_left_bytes: MAX_THUMBNAIL_BYTES_OF_SHARD,
        }
    }

    fn add(&mut self, analysis: Analysis) -> Result<(), StepError> {
        let Analysis { mut row, embedding, thumbnail } = analysis;
        // The assembling step numbers the embeddings; until then this says only that there is one.
        row.embedding = embedding.as_ref().map(|_| 0);
        self.text_left_chars -= shorten(&mut row.text, self.text_left_chars.min(MAX_TEXT_CHARS));
        self.shard.rows.push_str(&serde_json::to_string(&row)?);
        self.shard.rows.push('\n');
        self.shard.images += 1;
        if let Some(vector) = embedding {
            self.shard.dim = u32::try_from(vector.len()).unwrap_or(u32::MAX);
            self.vectors.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
        }
        if self.thumbnails {
            let mut encoded = STANDARD.encode(thumbnail.unwrap_or_default());
            if encoded.len() > self.thumbnails_left_bytes {
                encoded.clear();
            }
            self.thumbnails_left_bytes -= encoded.len();
            self.shard.thumbnails.push(encoded);
        }
        Ok(())
    }

    fn finish(mut self, list: String) -> ShardAnalysis {
        self.shard.list = list;
        self.shard.vectors = STANDARD.encode(self.vectors);
        self.shard
    }
}

/// Cuts the lines of a page to `max` characters in all, and returns how many are left.
fn shorten(lines: &mut Vec<String>, max: usize) -> usize {
    let mut left = max;
    lines.retain_mut(|line| {
        let chars = line.chars().count();
        if chars > left {
            *line = line.chars().take(left).collect();
        }
        left = left.saturating_sub(chars);
        !line.is_empty()
    });
    max - left
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Mutex};

    use medley_proto::{Input, Name, Sha256, StepId};
    use medley_step::{LocalInput, testing::QuietHost};

    use super::*;

    /// Ends the process, as far as a test can, when it gets one of some images.
    struct Mortal {
        deadly: Vec<String>,
        shown: Mutex<Vec<Vec<String>>>,
    }

    impl Analyze for Mortal {
        fn analyze(&self, files: &[(String, PathBuf)], _: &dyn Host) -> Result<Vec<Analysis>, CaptionError> {
            let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
            self.shown.lock().unwrap().push(names.clone());
            if names.iter().any(|name| self.deadly.contains(name)) {
                return Err(CaptionError::Params("the process ends".into()));
            }
            let analysis = |path: String| Analysis {
                row: Row { path, ..Row::default() },
                embedding: Some(vec![0.6, 0.8]),
                thumbnail: Some(b"jpeg".to_vec()),
            };
            Ok(names.into_iter().map(analysis).collect())
        }
    }

    /// A folder of images and the list of them.
    fn inputs(folder: &std::path::Path, names: &[String]) -> (Vec<LocalInput>, Shard) {
        let mut list = Vec::new();
        for name in names {
            fs::write(folder.join("photos").join(name), b"an image").unwrap();
            let line = serde_json::json!({ "path": name, "bytes": 8, "stamp": "s" });
            writeln!(list, "{line}").unwrap();
        }
        fs::write(folder.join("list.jsonl"), &list).unwrap();
        let input = |name: &str, media_type: Option<&str>| LocalInput {
            name: name.into(),
            path: folder.join(name),
            sha256: Sha256::of(b""),
            bytes: 0,
            media_type: media_type.map(str::to_owned),
        };
        let shard = Shard {
            offset: 0,
            bytes: list.len() as u64,
            images: names.len() as u32,
            thumbnails: true,
            state: Sha256::of(&list),
        };
        (vec![input("photos", Some(Input::FOLDER)), input("list.jsonl", None)], shard)
    }

    #[test]
    fn images_that_end_the_process_are_rows_and_the_others_are_analyzed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("photos")).unwrap();
        fs::create_dir(folder.path().join("scratch")).unwrap();
        let names: Vec<String> = (0..40).map(|n| format!("{n:02}.jpg")).collect();
        let (inputs, shard) = inputs(folder.path(), &names);
        let deadly = ["03.jpg", "05.jpg", "39.jpg"].map(str::to_owned).to_vec();
        let analyzer = Mortal { deadly: deadly.clone(), shown: Mutex::default() };
        let host = QuietHost::default();
        let mut deaths = 0;
        let (answer, report) = loop {
            let id = StepId::new(Name::from_static("look-1"), 0, 0);
            let cx = StepContext::new(id, inputs.clone(), folder.path().join("scratch"), 1, &host);
            match analyze(&analyzer, true, &shard, &cx) {
                Ok(answer) => break (answer, cx.into_report()),
                Err(_) => {
                    // What the runtime does when the process has died.
                    deaths += 1;
                    let mut notes = fs::OpenOptions::new().append(true).open(cx.notes()).unwrap();
                    notes.write_all(b"\n{\"died\":\"memory_exceeded\"}\n").unwrap();
                }
            }
        };
        // One with their batch, and one alone.
        assert_eq!(deaths, 5);
        let rows: Vec<Row> = answer.rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.iter().map(|row| row.path.clone()).collect::<Vec<_>>(), names);
        for row in &rows {
            let code = row.error.as_ref().map(|error| error.code.to_string());
            assert_eq!(code.as_deref(), deadly.contains(&row.path).then_some("memory_exceeded"), "{row:?}");
            assert_eq!(row.embedding.is_some(), row.error.is_none());
        }
        assert_eq!((answer.images, answer.dim, answer.thumbnails.len()), (40, 2, 40));
        assert_eq!(STANDARD.decode(&answer.vectors).unwrap().len(), 37 * 8);
        assert_eq!(report.artifacts.len(), 1, "so that the answer is not cached");
        let shown = analyzer.shown.into_inner().unwrap();
        assert_eq!(
            shown.iter().filter(|names| names.contains(&"16.jpg".to_owned())).count(),
            1,
            "an image is analyzed once"
        );
    }

    #[test]
    fn long_texts_are_cut_and_short_ones_are_not() {
        let mut short = vec!["TOTAL 12.50".to_owned(), "合计".to_owned()];
        assert_eq!(shorten(&mut short, 100), 13);
        assert_eq!(short, ["TOTAL 12.50", "合计"]);
        let mut long = vec!["字".repeat(5_000), "a".repeat(2_000), "b".to_owned()];
        assert_eq!(shorten(&mut long, 6_000), 6_000);
        assert_eq!(long.iter().map(|line| line.chars().count()).collect::<Vec<_>>(), [5_000, 1_000]);
    }
}
