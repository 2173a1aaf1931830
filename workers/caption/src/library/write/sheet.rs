//! Contact sheets: self-contained HTML pages of at most 2,000 images.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use medley_step::StepError;
use serde::Serialize;
use serde_json::json;

use super::super::{LibraryRow, rows::Oddity};

const PAGE: u64 = 2_000;
const TEMPLATE: &str = include_str!("sheet.html");
/// The placeholder for a page's data in the template.
const PLACE: &str = "/*SHEET*/";
/// How much of the text in an image a page has, for searching.
const MAX_TEXT_CHARS: usize = 400;

pub(super) struct Sheets {
    folder: PathBuf,
    /// Images that go on sheets.
    max: u64,
    /// Images on sheets so far.
    taken: u64,
    /// Images of the library.
    all: u64,
    page: Option<BufWriter<File>>,
    names: Vec<String>,
}

#[derive(Serialize)]
struct Shown<'a> {
    number: u32,
    path: &'a str,
    caption: &'a str,
    width: u32,
    height: u32,
    people: u32,
    tags: Vec<&'a str>,
    text: String,
    group: Option<u32>,
    outlier: Option<Oddity>,
    dropped: Option<&'a str>,
    error: Option<&'a str>,
    thumbnail: String,
}

impl Sheets {
    pub(super) fn new(folder: &Path, max: u64, all: u64) -> Self {
        let pages = max.div_ceil(PAGE);
        let names =
            (1..=pages).map(|n| if n == 1 { "contact-sheet.html".into() } else { format!("contact-sheet-{n}.html") });
        Self { folder: folder.into(), max, taken: 0, all, page: None, names: names.collect() }
    }

    pub(super) fn add(&mut self, number: u32, row: &LibraryRow, thumbnail: &[u8]) -> Result<(), StepError> {
        if self.taken == self.max {
            return Ok(());
        }
        let mut page = match self.page.take() {
            Some(mut page) => {
                page.write_all(b",\n")?;
                page
            }
            None => self.start()?,
        };
        let LibraryRow { row: image, group, outlier, dropped } = row;
        let shown = Shown {
            number,
            path: &image.path,
            caption: &image.caption,
            width: image.width,
            height: image.height,
            people: image.people,
            tags: image.tags.iter().map(|tag| tag.label.as_str()).collect(),
            text: image.text.join(" ").chars().take(MAX_TEXT_CHARS).collect(),
            group: *group,
            outlier: outlier.map(|outlier| outlier.why),
            dropped: dropped.as_deref(),
            error: image.error.as_ref().map(|error| error.message.as_str()),
            thumbnail: STANDARD.encode(thumbnail),
        };
        page.write_all(script_safe(&serde_json::to_string(&shown)?).as_bytes())?;
        self.taken += 1;
        if self.taken == self.max || self.taken.is_multiple_of(PAGE) {
            let (_, after) = halves();
            page.write_all(b"]}")?;
            page.write_all(after.as_bytes())?;
            page.flush()?;
        } else {
            self.page = Some(page);
        }
        Ok(())
    }

    fn start(&self) -> Result<BufWriter<File>, StepError> {
        let number = (self.taken / PAGE) as usize;
        let name = self.names.get(number).ok_or_else(|| StepError::internal("a contact sheet too many"))?;
        let mut page = BufWriter::new(File::create(self.folder.join(name))?);
        let head = json!({
            "page": number + 1, "pages": self.names.len(), "names": self.names, "beyond": self.all - self.max,
        });
        let head = head.to_string();
        let (before, _) = halves();
        page.write_all(before.as_bytes())?;
        page.write_all(head.trim_end_matches('}').as_bytes())?;
        page.write_all(b",\"images\":[\n")?;
        Ok(page)
    }

    /// The names of the pages' files.
    pub(super) fn finish(self) -> Result<Vec<String>, StepError> {
        if self.taken < self.max {
            return Err(StepError::internal(format!("contact sheets got {} of {} images", self.taken, self.max)));
        }
        Ok(self.names)
    }
}

fn halves() -> (&'static str, &'static str) {
    TEMPLATE.split_once(PLACE).expect("the template has a place for the data")
}

/// JSON that is safe inside a script element: nothing in it ends the element.
fn script_safe(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;

    fn row(path: &str) -> LibraryRow {
        let row = Row { path: path.into(), caption: "</script><b>x".into(), ..Row::default() };
        LibraryRow { row, group: None, outlier: None, dropped: None }
    }

    #[test]
    fn pages_have_two_thousand_and_are_sound() {
        let folder = tempfile::tempdir().unwrap();
        let mut sheets = Sheets::new(folder.path(), 4_001, 5_000);
        (0..5_000).for_each(|n| sheets.add(n, &row(&format!("{n}.jpg")), b"jpeg").unwrap());
        let names = sheets.finish().unwrap();
        assert_eq!(names, ["contact-sheet.html", "contact-sheet-2.html", "contact-sheet-3.html"]);
        let counts = names.iter().map(|name| {
            let page = std::fs::read_to_string(folder.path().join(name)).unwrap();
            assert_eq!(page.matches("</script>").count(), 1, "a caption cannot end the script");
            let (_, after) = page.split_once("const sheet = ").unwrap();
            let data = &after[..after.find(";\nconst images").unwrap()];
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["beyond"], 999);
            assert_eq!(data["images"][0]["caption"], "</script><b>x");
            data["images"].as_array().unwrap().len()
        });
        assert_eq!(counts.collect::<Vec<_>>(), [2_000, 2_000, 1]);
    }
}
