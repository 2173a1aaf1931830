//! Titles: the topic as it was announced, else the phrases that are most its own.

use std::collections::BTreeMap;

use medley_proto::TranscriptSegment;
use medley_text::{script::is_han, words};

use super::announcements::capitalised;
use crate::text::terms::{self, Bag};

/// The most words of a phrase.
const MAX_PHRASE: usize = 3;
/// A second phrase that is at least this share of the first one's weight joins it.
const SECOND: f64 = 0.55;
/// The longest title, in characters.
const MAX_TITLE_CHARS: usize = 60;

/// A phrase of a chapter.
#[derive(Debug, Clone)]
struct Phrase {
    text: String,
    stems: Vec<String>,
    count: f64,
    is_name: bool,
}

/// The title of chapter `n`, whose words `wholes[n]` are; `taken` are those of the chapters before.
pub(super) fn title(segments: &[TranscriptSegment], n: usize, wholes: &[Bag], taken: &[String]) -> Option<String> {
    let mut phrases: BTreeMap<String, Phrase> = BTreeMap::new();
    for phrase in segments.iter().flat_map(|segment| phrases_of(&segment.text)) {
        let key = phrase.stems.join(" ");
        let known = phrases.entry(key).or_insert_with(|| Phrase { count: 0.0, ..phrase.clone() });
        known.count += 1.0;
        known.is_name |= phrase.is_name;
        // As it is written most plainly: a name keeps its capitals.
        if phrase.is_name && !known.text.chars().any(char::is_uppercase) {
            known.text = phrase.text;
        }
    }
    let own = |stem: &String| {
        let with = wholes.iter().filter(|bag| bag.contains_key(stem)).count();
        let rare = (1.0 + wholes.len() as f64 / with.max(1) as f64).ln();
        wholes[n].get(stem).copied().unwrap_or(0.0).sqrt() * rare
    };
    let weight = |phrase: &Phrase| {
        let sum: f64 = phrase.stems.iter().map(own).sum();
        let repeated = 1.0 + phrase.count.ln();
        sum / (phrase.stems.len() as f64).powf(0.6) * repeated * if phrase.is_name { 1.3 } else { 1.0 }
    };
    let mut ranked: Vec<(f64, Phrase)> = phrases.into_values().map(|phrase| (weight(&phrase), phrase)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.text.cmp(&b.1.text)));
    let mut ranked = ranked.into_iter();
    loop {
        let (first_weight, first) = ranked.next()?;
        let shares = |phrase: &Phrase| phrase.stems.iter().any(|stem| first.stems.contains(stem));
        let second =
            ranked.clone().find(|(_, phrase)| !shares(phrase)).filter(|(weight, _)| *weight >= SECOND * first_weight);
        let both = second.map(|(_, second)| {
            let and = if first.text.chars().any(is_han) { "与" } else { " and " };
            capitalised(&format!("{}{and}{}", first.text, second.text))
        });
        let both = both.filter(|both| both.chars().count() <= MAX_TITLE_CHARS);
        let title = both.unwrap_or_else(|| capitalised(&first.text));
        if !taken.contains(&title) {
            return Some(title);
        }
    }
}

/// Words that stand together and carry a topic.
fn phrases_of(text: &str) -> Vec<Phrase> {
    if text.chars().any(is_han) { chinese(text) } else { spaced(text) }
}

/// Runs of words between stop words, marks and verbs' endings, up to [`MAX_PHRASE`] of them.
fn spaced(text: &str) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    let mut run: Vec<(&str, String)> = Vec::new();
    let mut is_first = true;
    for token in text.split_whitespace() {
        let bare = token.trim_matches(|c: char| !c.is_alphanumeric());
        let bare = bare.strip_suffix("'s").or_else(|| bare.strip_suffix("\u{2019}s")).unwrap_or(bare);
        let is_name = !is_first && bare.starts_with(char::is_uppercase);
        let term = terms::words(bare).pop().filter(|_| is_name || !is_verb_like(bare));
        match term {
            Some(term) => run.push((bare, terms::stem(&term))),
            None => take(&mut run, &mut phrases, " "),
        }
        if token.ends_with(|c: char| !c.is_alphanumeric()) {
            take(&mut run, &mut phrases, " ");
        }
        is_first = token.ends_with(['.', '!', '?']);
    }
    take(&mut run, &mut phrases, " ");
    phrases
}

/// Endings that verbs and adverbs have more often than nouns.
fn is_verb_like(word: &str) -> bool {
    let lower = word.to_lowercase();
    lower.len() > 4 && (lower.ends_with("ly") || lower.ends_with("ed") || lower.ends_with("ing") && lower.len() < 9)
}

/// Runs of nouns.
fn chinese(text: &str) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    let mut run: Vec<(&str, String)> = Vec::new();
    for (word, tag) in words::tagged(text) {
        let is_noun = tag.starts_with('n') || matches!(tag, "vn" | "an" | "eng" | "j");
        if is_noun && !terms::words(word).is_empty() {
            run.push((word, word.to_owned()));
        } else {
            take(&mut run, &mut phrases, "");
        }
    }
    take(&mut run, &mut phrases, "");
    phrases
}

/// Every part of a run of up to [`MAX_PHRASE`] words.
fn take(run: &mut Vec<(&str, String)>, phrases: &mut Vec<Phrase>, between: &str) {
    for from in 0..run.len() {
        for to in from + 1..=(from + MAX_PHRASE).min(run.len()) {
            let part = &run[from..to];
            let text = part.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(between);
            let is_name = part.iter().all(|(word, _)| word.starts_with(char::is_uppercase));
            let stems = part.iter().map(|(_, stem)| stem.clone()).collect();
            phrases.push(Phrase { text, stems, count: 1.0, is_name });
        }
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::terms::{add, bag};

    fn titles(chapters: &[&[&str]]) -> Vec<String> {
        let segment = |text: &&str| TranscriptSegment { text: (*text).into(), ..TranscriptSegment::default() };
        let chapters: Vec<Vec<TranscriptSegment>> =
            chapters.iter().map(|texts| texts.iter().map(segment).collect()).collect();
        let whole = |segments: &Vec<TranscriptSegment>| {
            let mut whole = Bag::new();
            segments.iter().for_each(|segment| add(&mut whole, &bag(&segment.text)));
            whole
        };
        let wholes: Vec<Bag> = chapters.iter().map(whole).collect();
        let mut taken = Vec::new();
        for (n, segments) in chapters.iter().enumerate() {
            taken.push(title(segments, n, &wholes, &taken).unwrap());
        }
        taken
    }

    #[test]
    fn titles_are_what_a_chapter_keeps_naming() {
        let found = titles(&[
            &["The sourdough starter needs flour.", "Feed the sourdough starter every day.", "Then bake the bread."],
            &["Bees live in a hive.", "The queen of the hive lays eggs.", "A hive of bees makes honey."],
        ]);
        assert!(found[0].to_lowercase().contains("sourdough starter"), "{found:?}");
        assert!(found[1].to_lowercase().contains("hive") && found[1].to_lowercase().contains("bees"), "{found:?}");
        assert!(
            found.iter().all(|title| title.chars().count() <= MAX_TITLE_CHARS && title.starts_with(char::is_uppercase))
        );
        let found = titles(&[&["城市养蜂很有意思。", "城市养蜂需要许可。"], &["面包需要面粉。", "烤面包需要酵母。"]]);
        assert!(found[0].contains("城市") && found[1].contains("面包"), "{found:?}");
    }

    #[test]
    fn a_name_keeps_its_capitals_and_nothing_has_no_title() {
        let found = titles(&[&["We went to New York.", "I love New York."]]);
        assert!(found[0].contains("New York"), "{found:?}");
        assert_eq!(title(&[], 0, &[Bag::new()], &[]), None);
    }
}
