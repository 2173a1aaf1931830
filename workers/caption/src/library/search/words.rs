//! Searches words in captions, tags, text and names, by a scan of every row on all cores.

use super::{SearchError, index::Index, top::Top};
use crate::library::LibraryRow;

/// English words that say nothing about an image. They count only in a query without other words.
const STOP_WORDS: [&str; 14] = ["a", "an", "and", "at", "by", "for", "in", "is", "it", "of", "on", "the", "to", "with"];

/// Rows with any of the words, those with more and rarer words first (inverse document frequency, Robertson 2004).
pub(super) fn search(index: &Index, query: &str, limit: usize) -> Result<Vec<(u32, f32)>, SearchError> {
    let asked = asked(query);
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let matches = scan(index, |line| may_have(line, &asked).then_some(()), |row| weigh(row, &asked))?;
    let rarity: Vec<f32> = (0..asked.len())
        .map(|word| {
            let with = matches.iter().filter(|(_, weights)| weights[word] > 0.0).count() as f32;
            ((index.rows() as f32 - with + 0.5) / (with + 0.5) + 1.0).ln()
        })
        .collect();
    let mut top = Top::new(limit);
    for (number, weights) in &matches {
        top.add(*number, weights.iter().zip(&rarity).map(|(weight, rarity)| weight * rarity).sum());
    }
    Ok(top.finish())
}

/// The words of a query that say something, each once.
fn asked(query: &str) -> Vec<String> {
    let all = words(query);
    let mut asked: Vec<String> = all.iter().filter(|word| !STOP_WORDS.contains(&word.as_str())).cloned().collect();
    if asked.is_empty() {
        asked = all;
    }
    asked.sort_unstable();
    asked.dedup();
    asked
}

/// The rows that have every word of a query, as it is or in its other number, in their order.
pub(super) fn with_all(index: &Index, query: &str) -> Result<Vec<u32>, SearchError> {
    let asked = asked(query);
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let stems: Vec<String> = asked.iter().map(|word| stem(word).to_owned()).collect();
    let has_all = |row: &LibraryRow| {
        let image = &row.row;
        let mut there: Vec<String> = words(&image.caption);
        image.tags.iter().for_each(|tag| there.extend(words(&tag.label)));
        there.extend(image.text.iter().flat_map(|line| words(line)).chain(words(&image.path)));
        stems.iter().all(|asked| there.iter().any(|word| stem(word) == asked)).then(Vec::new)
    };
    let has_some = |line: &[u8]| stems.iter().all(|word| may_have(line, std::slice::from_ref(word))).then_some(());
    Ok(scan(index, has_some, has_all)?.into_iter().map(|(row, _)| row).collect())
}

/// An English word without the ending of its plural.
fn stem(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(one) if one.len() > 2 && !one.ends_with(['s', 'u', 'i']) => one,
        _ => word,
    }
}

/// Rows of images in which this text was read.
pub(super) fn read_in_images(index: &Index, query: &str, limit: usize) -> Result<Vec<(u32, f32)>, SearchError> {
    let wanted = query.trim().to_lowercase();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let parts = words(&wanted);
    let has = |row: &LibraryRow| {
        let text = row.row.text.join(" ").to_lowercase();
        text.contains(&wanted).then(|| vec![wanted.len() as f32 / text.len().max(1) as f32])
    };
    let matches = scan(index, |line| (parts.is_empty() || may_have(line, &parts)).then_some(()), has)?;
    let mut top = Top::new(limit);
    matches.iter().for_each(|(number, share)| top.add(*number, share[0]));
    Ok(top.finish())
}

/// The result of `weigh` for the rows whose line passes `quick`, in their order.
///
/// # Errors
/// When one of them is damaged.
fn scan(
    index: &Index,
    quick: impl Fn(&[u8]) -> Option<()> + Sync,
    weigh: impl Fn(&LibraryRow) -> Option<Vec<f32>> + Sync,
) -> Result<Vec<(u32, Vec<f32>)>, SearchError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let each = index.rows().div_ceil(u32::try_from(threads).unwrap_or(1)).max(1);
    let (quick, weigh) = (&quick, &weigh);
    let part = move |from: u32| {
        let rows = from..from.saturating_add(each).min(index.rows());
        let found = rows.filter_map(|number| {
            quick(index.line(number)?)?;
            match index.row(number) {
                Ok(row) => Some(Ok((number, weigh(&row)?))),
                Err(damaged) => Some(Err(damaged)),
            }
        });
        found.collect::<Result<Vec<_>, SearchError>>()
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            (0..index.rows()).step_by(each as usize).map(|from| scope.spawn(move || part(from))).collect();
        let mut found = Vec::new();
        for part in parts {
            found.extend(part.join().expect("a scan only reads")?);
        }
        Ok(found)
    })
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether any of the words may be in a line of JSON, by its bytes, before it is parsed. For a word that is not ASCII,
/// every line is parsed.
fn may_have(line: &[u8], words: &[String]) -> bool {
    words.iter().any(|word| {
        let word = word.as_bytes();
        !word.is_ascii()
            || line.windows(word.len()).any(|at| at[0].eq_ignore_ascii_case(&word[0]) && at.eq_ignore_ascii_case(word))
    })
}

/// How well each word fits the row; none when none does.
fn weigh(row: &LibraryRow, asked: &[String]) -> Option<Vec<f32>> {
    let image = &row.row;
    let tags: Vec<&str> = image.tags.iter().map(|tag| tag.label.as_str()).collect();
    let fields =
        [(2.0, image.caption.clone()), (2.0, tags.join(" ")), (1.5, image.text.join(" ")), (0.7, image.path.clone())];
    let fields: Vec<(f32, String, Vec<String>)> =
        fields.into_iter().map(|(weight, text)| (weight, text.to_lowercase(), words(&text))).collect();
    let weight = |word: &String| {
        let fit = |(weight, text, words): &(f32, String, Vec<String>)| {
            if words.contains(word) {
                *weight
            } else if text.contains(word.as_str()) {
                // A part of a word, or a word of a script without spaces.
                weight * if word.is_ascii() { 0.4 } else { 1.0 }
            } else {
                0.0
            }
        };
        fields.iter().map(fit).sum::<f32>()
    };
    let weights: Vec<f32> = asked.iter().map(weight).collect();
    weights.iter().any(|weight| *weight > 0.0).then_some(weights)
}
