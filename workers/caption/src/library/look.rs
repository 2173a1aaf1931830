//! Looks at a share of the images, a batch at a time.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use medley_step::{Host, StepContext, StepError};

use super::{
    notes::Notes,
    source::{Entry, Reader, Source},
    step::{Looked, Share},
};
use crate::{CaptionError, Looker, Row, Seen};

/// Images of one batch: enough for all threads to have work, few enough that decoded ones do not pile up.
const BATCH: usize = 16;
/// Of one image's text.
const MOST_TEXT_CHARS: usize = 6_000;
/// Of all texts and all thumbnails (in base64) of a share, whose answer is at most 8 MiB: with 256 images these leave
/// room for rows and embeddings. What comes when they are used up is left out.
const ALL_TEXT_CHARS: usize = 400_000;
const ALL_THUMBNAIL_BYTES: usize = 3 << 20;

/// Looks at images; a test's own eyes besides [`Looker`].
pub(super) trait Look {
    fn look(&self, files: &[(String, PathBuf)], host: &dyn Host) -> Result<Vec<Seen>, CaptionError>;
}

impl Look for Looker {
    fn look(&self, files: &[(String, PathBuf)], host: &dyn Host) -> Result<Vec<Seen>, CaptionError> {
        Looker::look(self, files, host)
    }
}

pub(super) fn look(
    eyes: &dyn Look,
    thumbnails: bool,
    share: &Share,
    cx: &StepContext<'_>,
) -> Result<Looked, StepError> {
    let of_job = cx.inputs().len().saturating_sub(1);
    let list = lines(cx.input(of_job)?.path.clone(), share.offset, share.bytes)?;
    let entries = list.lines().map(serde_json::from_str).collect::<Result<Vec<Entry>, _>>()?;
    let mut reader = Source::of(&cx.inputs()[..of_job])?.open(cx.host())?;
    let mut answer = Answer::new(thumbnails);
    let mut notes = Notes::open(&cx.notes())?;
    let numbers: Vec<u32> = (0..).take(entries.len()).collect();
    for batch in numbers.chunks(BATCH) {
        cx.progress(batch[0].into(), entries.len() as f64, "images");
        for group in notes.groups(batch.iter().copied()) {
            cx.checkpoint()?;
            notes.begin(&group)?;
            let members: Vec<Entry> = group.iter().map(|number| entries[*number as usize].clone()).collect();
            let seen = together(eyes, &members, &mut reader, cx)?;
            notes.done(group.into_iter().zip(seen).collect())?;
        }
        for number in batch {
            let seen = notes.take(*number, &entries[*number as usize]);
            answer.add(seen.ok_or_else(|| StepError::internal("an image was not looked at"))?)?;
        }
    }
    if notes.blamed() > 0 {
        // A result with an artifact is not cached: with more memory, or another version, the images may well be read.
        cx.publish("not-read.txt", "text/plain", format!("{}\n", notes.blamed()).as_bytes())?;
    }
    Ok(answer.finish(list))
}

/// Looks at some images; one answer for each.
fn together(
    eyes: &dyn Look,
    entries: &[Entry],
    reader: &mut Reader<'_>,
    cx: &StepContext<'_>,
) -> Result<Vec<Seen>, StepError> {
    let spare = |n: usize| cx.scratch().join(format!("image-{n}"));
    let files: Vec<_> = entries.iter().zip(reader.files(entries, spare)?).collect();
    let readable: Vec<_> =
        files.iter().filter_map(|(entry, file)| Some((entry.path.clone(), file.as_ref().ok()?.clone()))).collect();
    let mut seen = eyes.look(&readable, cx.host())?.into_iter();
    let answers = files.into_iter().map(|(entry, file)| match file {
        Ok(_) => seen.next().ok_or_else(|| StepError::internal("an image was not looked at")),
        Err(error) => Ok(Seen::failed(Row::failed(&entry.path, None, entry.bytes, error))),
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

/// A piece of a list.
pub(super) fn lines(path: PathBuf, offset: u64, bytes: u64) -> Result<String, StepError> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut text = String::new();
    file.take(bytes).read_to_string(&mut text)?;
    Ok(text)
}

struct Answer {
    looked: Looked,
    vectors: Vec<u8>,
    thumbnails: bool,
    text_left_chars: usize,
    thumbnails_left_bytes: usize,
}

impl Answer {
    fn new(thumbnails: bool) -> Self {
        Self {
            looked: Looked::default(),
            vectors: Vec::new(),
            thumbnails,
            text_left_chars: ALL_TEXT_CHARS,
            thumbnails_left_bytes: ALL_THUMBNAIL_BYTES,
        }
    }

    fn add(&mut self, seen: Seen) -> Result<(), StepError> {
        let Seen { mut row, embedding, thumbnail } = seen;
        // Whoever joins the shares numbers the embeddings; until then this says only that there is one.
        row.embedding = embedding.as_ref().map(|_| 0);
        self.text_left_chars -= shorten(&mut row.text, self.text_left_chars.min(MOST_TEXT_CHARS));
        self.looked.rows.push_str(&serde_json::to_string(&row)?);
        self.looked.rows.push('\n');
        self.looked.images += 1;
        if let Some(vector) = embedding {
            self.looked.dim = u32::try_from(vector.len()).unwrap_or(u32::MAX);
            self.vectors.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
        }
        if self.thumbnails {
            let mut encoded = STANDARD.encode(thumbnail.unwrap_or_default());
            if encoded.len() > self.thumbnails_left_bytes {
                encoded.clear();
            }
            self.thumbnails_left_bytes -= encoded.len();
            self.looked.thumbnails.push(encoded);
        }
        Ok(())
    }

    fn finish(mut self, list: String) -> Looked {
        self.looked.list = list;
        self.looked.vectors = STANDARD.encode(self.vectors);
        self.looked
    }
}

/// Keeps at most so many characters of a page's lines, and says how many.
fn shorten(lines: &mut Vec<String>, most: usize) -> usize {
    let mut left = most;
    lines.retain_mut(|line| {
        let chars = line.chars().count();
        if chars > left {
            *line = line.chars().take(left).collect();
        }
        left = left.saturating_sub(chars);
        !line.is_empty()
    });
    most - left
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Mutex};

    use medley_proto::{Input, Name, Sha256, StepId};
    use medley_step::{LocalInput, testing::QuietHost};

    use super::*;

    /// Eyes at whose sight of some images everything ends.
    struct Eyes {
        deadly: Vec<String>,
        shown: Mutex<Vec<Vec<String>>>,
    }

    impl Look for Eyes {
        fn look(&self, files: &[(String, PathBuf)], _: &dyn Host) -> Result<Vec<Seen>, CaptionError> {
            let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
            self.shown.lock().unwrap().push(names.clone());
            if names.iter().any(|name| self.deadly.contains(name)) {
                return Err(CaptionError::Params("the process ends".into()));
            }
            let seen = |path: String| Seen {
                row: Row { path, ..Row::default() },
                embedding: Some(vec![0.6, 0.8]),
                thumbnail: Some(b"jpeg".to_vec()),
            };
            Ok(names.into_iter().map(seen).collect())
        }
    }

    /// A folder of images and the list of them.
    fn inputs(folder: &std::path::Path, names: &[String]) -> (Vec<LocalInput>, Share) {
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
        let share = Share {
            offset: 0,
            bytes: list.len() as u64,
            images: names.len() as u32,
            thumbnails: true,
            state: Sha256::of(&list),
        };
        (vec![input("photos", Some(Input::FOLDER)), input("list.jsonl", None)], share)
    }

    #[test]
    fn images_that_end_the_process_are_rows_and_the_others_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("photos")).unwrap();
        fs::create_dir(folder.path().join("scratch")).unwrap();
        let names: Vec<String> = (0..40).map(|n| format!("{n:02}.jpg")).collect();
        let (inputs, share) = inputs(folder.path(), &names);
        let deadly = ["03.jpg", "05.jpg", "39.jpg"].map(str::to_owned).to_vec();
        let eyes = Eyes { deadly: deadly.clone(), shown: Mutex::default() };
        let host = QuietHost::default();
        let mut deaths = 0;
        let (looked, report) = loop {
            let id = StepId::new(Name::from_static("look-1"), 0, 0);
            let cx = StepContext::new(id, inputs.clone(), folder.path().join("scratch"), 1, &host);
            match look(&eyes, true, &share, &cx) {
                Ok(looked) => break (looked, cx.into_report()),
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
        let rows: Vec<Row> = looked.rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.iter().map(|row| row.path.clone()).collect::<Vec<_>>(), names);
        for row in &rows {
            let code = row.error.as_ref().map(|error| error.code.to_string());
            assert_eq!(code.as_deref(), deadly.contains(&row.path).then_some("memory_exceeded"), "{row:?}");
            assert_eq!(row.embedding.is_some(), row.error.is_none());
        }
        assert_eq!((looked.images, looked.dim, looked.thumbnails.len()), (40, 2, 40));
        assert_eq!(STANDARD.decode(&looked.vectors).unwrap().len(), 37 * 8);
        assert_eq!(report.artifacts.len(), 1, "so that the answer is not cached");
        let shown = eyes.shown.into_inner().unwrap();
        assert_eq!(shown.iter().filter(|names| names.contains(&"16.jpg".to_owned())).count(), 1, "seen once is enough");
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
