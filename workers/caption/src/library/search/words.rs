//! Words in captions, tags, text and names: every row is looked at, on all cores.

use super::{Best, SearchError, index::Index};
use crate::library::LibraryRow;

/// Words that say nothing about an image, in English; they count when there are no others.
const LITTLE: [&str; 14] = ["a", "an", "and", "at", "by", "for", "in", "is", "it", "of", "on", "the", "to", "with"];

/// Rows with any of the words: those with more and rarer words first (inverse document frequency, Robertson 2004).
pub(super) fn search(index: &Index, query: &str, most: usize) -> Result<Vec<(u32, f32)>, SearchError> {
    let all = words(query);
    let mut asked: Vec<String> = all.iter().filter(|word| !LITTLE.contains(&word.as_str())).cloned().collect();
    if asked.is_empty() {
        asked = all;
    }
    asked.sort_unstable();
    asked.dedup();
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
    let mut best = Best::new(most);
    for (number, weights) in &matches {
        best.add(*number, weights.iter().zip(&rarity).map(|(weight, rarity)| weight * rarity).sum());
    }
    Ok(best.finish())
}

/// Rows whose text, as read in the image, has this in it.
pub(super) fn read_in_images(index: &Index, query: &str, most: usize) -> Result<Vec<(u32, f32)>, SearchError> {
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
    let mut best = Best::new(most);
    matches.iter().for_each(|(number, share)| best.add(*number, share[0]));
    Ok(best.finish())
}

/// What `weigh` gives for the rows whose line passes `quick`, in their order; an error when one of them is damaged.
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

/// Whether any of the words may be in a line of JSON: told from its bytes, before it is parsed. Words of other scripts
/// than ASCII are always worth the parsing.
fn may_have(line: &[u8], words: &[String]) -> bool {
    words.iter().any(|word| {
        let word = word.as_bytes();
        !word.is_ascii()
            || line.windows(word.len()).any(|at| at[0].eq_ignore_ascii_case(&word[0]) && at.eq_ignore_ascii_case(word))
    })
}

/// How well each word fits the row; none when none does.
fn weigh(row: &LibraryRow, asked: &[String]) -> Option<Vec<f32>> {
    let seen = &row.row;
    let tags: Vec<&str> = seen.tags.iter().map(|tag| tag.label.as_str()).collect();
    let fields =
        [(2.0, seen.caption.clone()), (2.0, tags.join(" ")), (1.5, seen.text.join(" ")), (0.7, seen.path.clone())];
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
