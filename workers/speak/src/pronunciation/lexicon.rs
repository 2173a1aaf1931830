//! Pronunciation lexicons: CSV files of words with their pronunciation.

use std::{collections::HashMap, fs, ops::Range, path::Path};

use medley_text::script::is_han;
use regex::{Regex, RegexBuilder};

use super::{Pronunciation, Reading};
use crate::SpeakError;

/// The most entries of one lexicon.
const MAX_ENTRIES: usize = 10_000;
const MAX_WORD_CHARS: usize = 100;
/// The largest file of a lexicon.
const MAX_BYTES: u64 = 4 << 20;
/// The most memory that the compiled pattern of all words may take.
const MAX_PATTERN_BYTES: usize = 64 << 20;

/// Words with a pronunciation of their own. A word without a capital is found whatever its case; a word of Latin
/// letters is found only whole.
#[derive(Debug, Default)]
pub(crate) struct Lexicon {
    words: HashMap<String, Pronunciation>,
    pattern: Option<Regex>,
}

impl Lexicon {
    /// Parses lexicons; an entry of a later one wins. Rows are `written,said` or `written,said,alphabet`, where the
    /// alphabet is `text` (the default), `ipa` or `pinyin`; rows that begin with `#` are remarks.
    ///
    /// # Errors
    /// [`SpeakError::Lexicon`] with the line.
    pub(crate) fn read(lexicons: &[&str]) -> Result<Self, SpeakError> {
        let mut words = HashMap::new();
        for text in lexicons {
            let mut rows = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .comment(Some(b'#'))
                .trim(csv::Trim::All)
                .from_reader(text.as_bytes());
            for row in rows.records() {
                let row = row.map_err(|error| SpeakError::Lexicon {
                    line: error.position().map_or(0, csv::Position::line),
                    what: "the row is no CSV; put what holds a comma or a quote into \"quotes\"".into(),
                })?;
                let line = row.position().map_or(0, |place| line_of(text, place));
                let refuse = |what: String| SpeakError::Lexicon { line, what };
                let (word, how) = entry(&row).map_err(refuse)?;
                words.insert(word, how);
                if words.len() > MAX_ENTRIES {
                    return Err(refuse(format!("a lexicon has at most {MAX_ENTRIES} words")));
                }
            }
        }
        let pattern = pattern(&words)?;
        Ok(Self { words, pattern })
    }

    /// The lexicon of the machine (a file) with that of the job (text).
    ///
    /// # Errors
    /// As [`Lexicon::read`], and when the machine's file cannot be read.
    pub(crate) fn of(machine: Option<&Path>, job: &str) -> Result<Self, SpeakError> {
        let machine = machine.map(Self::file).transpose()?.unwrap_or_default();
        Self::read(&[&machine, job])
    }

    /// The text of a lexicon's file.
    ///
    /// # Errors
    /// [`SpeakError::Lexicon`] when it cannot be read or is too large.
    fn file(path: &Path) -> Result<String, SpeakError> {
        let refuse = |what: String| SpeakError::Lexicon { line: 0, what: format!("{}: {what}", path.display()) };
        let bytes = fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
        if bytes > MAX_BYTES {
            return Err(refuse(format!("{bytes} bytes are more than the {MAX_BYTES} that a lexicon may have")));
        }
        fs::read_to_string(path).map_err(|error| refuse(error.to_string()))
    }

    /// The readings of the lexicon's words in a text, apart from those in `taken`, all in order.
    pub(crate) fn readings(&self, text: &str, taken: Vec<Reading>) -> Vec<Reading> {
        let Some(pattern) = &self.pattern else { return taken };
        let is_free =
            |range: &Range<usize>| taken.iter().all(|t| t.range.end <= range.start || range.end <= t.range.start);
        let found = pattern.find_iter(text).filter(|found| is_whole(text, &found.range()) && is_free(&found.range()));
        let mut readings: Vec<Reading> = found
            .filter_map(|found| {
                let how = self.words.get(found.as_str()).or_else(|| self.words.get(&found.as_str().to_lowercase()))?;
                Some(Reading { range: found.range(), how: how.clone() })
            })
            .collect();
        readings.extend(taken);
        readings.sort_by_key(|reading| reading.range.start);
        readings
    }
}

/// The line of a row. The parser reports the line before the empty lines and remarks that precede it.
fn line_of(text: &str, place: &csv::Position) -> u64 {
    let rest = usize::try_from(place.byte()).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
    let skipped = rest.lines().take_while(|line| line.trim().is_empty() || line.starts_with('#')).count();
    place.line() + skipped as u64
}

fn entry(row: &csv::StringRecord) -> Result<(String, Pronunciation), String> {
    let (Some(word), Some(said)) = (row.get(0), row.get(1)) else {
        return Err("write the word, a comma and how it is said".into());
    };
    if word.is_empty() || said.is_empty() {
        return Err("a word and how it is said may not be empty".into());
    }
    if row.len() > 3 {
        return Err("there are more than three columns; put what holds a comma into \"quotes\"".into());
    }
    let longest = [word, said].iter().map(|text| text.chars().count()).max().unwrap_or(0);
    if longest > MAX_WORD_CHARS {
        return Err(format!("a word has at most {MAX_WORD_CHARS} characters"));
    }
    let how = match row.get(2).unwrap_or_default() {
        "" | "text" => Pronunciation::Said(said.into()),
        alphabet => Pronunciation::phonemes(alphabet, said)?,
    };
    Ok((word.into(), how))
}

/// The longest words first.
fn pattern(words: &HashMap<String, Pronunciation>) -> Result<Option<Regex>, SpeakError> {
    if words.is_empty() {
        return Ok(None);
    }
    let mut written: Vec<&String> = words.keys().collect();
    written.sort_by_key(|word| (std::cmp::Reverse(word.len()), *word));
    let alternative = |word: &&String| match word.chars().any(char::is_uppercase) {
        true => regex::escape(word),
        false => format!("(?i:{})", regex::escape(word)),
    };
    let pattern = written.iter().map(alternative).collect::<Vec<_>>().join("|");
    let built = RegexBuilder::new(&pattern).size_limit(MAX_PATTERN_BYTES).build();
    built
        .map(Some)
        .map_err(|_| SpeakError::Lexicon { line: 0, what: "the words are too many; split the lexicon".into() })
}

/// Whether no Latin letter joins the match to a longer word.
fn is_whole(text: &str, range: &Range<usize>) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !is_han(c));
    let inside = &text[range.clone()];
    let (first, last) = (inside.chars().next(), inside.chars().next_back());
    let before = joins(first) && joins(text[..range.start].chars().next_back());
    let after = joins(last) && joins(text[range.end..].chars().next());
    !before && !after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lexicon: &Lexicon, text: &str) -> Vec<(String, Pronunciation)> {
        lexicon.readings(text, Vec::new()).into_iter().map(|r| (text[r.range].to_owned(), r.how)).collect()
    }

    #[test]
    fn words_are_found_whole_and_the_longest_first() {
        let csv =
            "# remark\nSQL,sequel\nSQLite,S Q light\nnginx,engine x\n茅台,mao2 tai2,pinyin\n\"Smith, J.\",Jay Smith\n";
        let lexicon = Lexicon::read(&[csv]).unwrap();
        let how = |text: &str| Pronunciation::Said(text.into());
        let found = said(&lexicon, "MySQL, SQL and SQLite; Nginx at 茅台酒厂, sql, Smith, J.");
        let wanted = [
            ("SQL", how("sequel")),
            ("SQLite", how("S Q light")),
            ("Nginx", how("engine x")),
            ("茅台", Pronunciation::Pinyin("mao2 tai2".into())),
            ("Smith, J.", how("Jay Smith")),
        ];
        assert_eq!(found, wanted.map(|(text, how)| (text.to_owned(), how)));
    }

    #[test]
    fn a_later_lexicon_wins_and_bad_rows_are_named() {
        let lexicon = Lexicon::read(&["a1,one", "a1,two"]).unwrap();
        assert_eq!(said(&lexicon, "a1")[0].1, Pronunciation::Said("two".into()));
        for (csv, line) in [("a,b\nc\n", 2), ("a,b,c,d", 1), ("\n\na,,ipa", 3), ("x,zhong,pinyin", 1), ("x,b,morse", 1)]
        {
            match Lexicon::read(&[csv]) {
                Err(SpeakError::Lexicon { line: found, .. }) => assert_eq!(found, line, "{csv:?}"),
                other => panic!("{csv:?} gave {other:?}"),
            }
        }
    }
}
