//! Chapters: they begin where the topic changes and take their titles from the transcript.
//!
//! Cuts are found by lexical cohesion (Hearst, "TextTiling", 1997): the words of a stretch before a gap are compared
//! with those after it; a deep valley of similarity is a change of topic, more so after a long pause.

use medley_proto::TranscriptSegment;
use medley_text::script::is_unspaced;
use serde::Serialize;

use crate::text::terms::{Bag, add, bag, cosine, words};

/// How much speech is compared on each side of a gap.
const CONTEXT_S: f64 = 75.0;
/// What a pause of two seconds or more adds to the depth of a valley.
const PAUSE_WEIGHT: f64 = 0.15;
/// The longest title, in characters.
const MAX_TITLE_CHARS: usize = 60;

/// A stretch of the episode.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chapter {
    pub(super) start_s: f64,
    pub(super) title: String,
    /// The first and the last segment plus one.
    pub(super) segments: (usize, usize),
}

/// `chapters.json` of Podcasting 2.0.
#[derive(Serialize)]
struct File<'a> {
    version: &'static str,
    chapters: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    start_time: f64,
    title: &'a str,
}

/// The chapters as Podcasting 2.0 writes them.
pub(super) fn json(chapters: &[Chapter]) -> serde_json::Result<Vec<u8>> {
    let chapters =
        chapters.iter().map(|chapter| Entry { start_time: chapter.start_s, title: &chapter.title }).collect();
    serde_json::to_vec_pretty(&File { version: "1.2.0", chapters })
}

/// Cuts a transcript into chapters of at least `min_s`; the first begins at 0.
pub(super) fn chapters(segments: &[TranscriptSegment], min_s: f64) -> Vec<Chapter> {
    if segments.is_empty() {
        return Vec::new();
    }
    let bags: Vec<Bag> = segments.iter().map(|segment| bag(&segment.text)).collect();
    let cuts = cuts(segments, &bags, min_s);
    let mut borders = vec![0];
    borders.extend(cuts);
    borders.push(segments.len());
    let ranges: Vec<(usize, usize)> = borders.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let wholes: Vec<Bag> = ranges.iter().map(|(from, to)| whole(&bags[*from..*to])).collect();
    let mut taken: Vec<String> = Vec::new();
    let mut chapters = Vec::new();
    for (n, range) in ranges.iter().enumerate() {
        let title = title(&segments[range.0..range.1], &bags[range.0..range.1], n, &wholes, &taken);
        taken.push(title.clone());
        let start_s = if n == 0 { 0.0 } else { segments[range.0].start_s };
        chapters.push(Chapter { start_s, title, segments: *range });
    }
    chapters
}

fn whole(bags: &[Bag]) -> Bag {
    let mut whole = Bag::new();
    bags.iter().for_each(|bag| add(&mut whole, bag));
    whole
}

/// The segments that a new topic begins with.
fn cuts(segments: &[TranscriptSegment], bags: &[Bag], min_s: f64) -> Vec<usize> {
    let likeness: Vec<f64> = (1..segments.len()).map(|at| likeness(segments, bags, at)).collect();
    let depth: Vec<f64> = (0..likeness.len()).map(|at| depth(&likeness, at)).collect();
    let mean = depth.iter().sum::<f64>() / depth.len().max(1) as f64;
    let spread = (depth.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / depth.len().max(1) as f64).sqrt();
    let mut candidates: Vec<(f64, usize)> = depth
        .iter()
        .enumerate()
        .map(|(n, depth)| {
            let pause_s = (segments[n + 1].start_s - segments[n].end_s).clamp(0.0, 2.0);
            (depth + PAUSE_WEIGHT * pause_s / 2.0, n + 1)
        })
        .filter(|(score, _)| *score > mean + spread / 2.0)
        .collect();
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let end_s = segments.last().map_or(0.0, |segment| segment.end_s);
    let mut cuts: Vec<usize> = Vec::new();
    for (_, at) in candidates {
        let start_s = segments[at].start_s;
        let far = |other: f64| (start_s - other).abs() >= min_s;
        if far(0.0) && far(end_s) && cuts.iter().all(|cut| far(segments[*cut].start_s)) {
            cuts.push(at);
        }
    }
    cuts.sort_unstable();
    cuts
}

/// How similar the speech before and after segment `at` begins is.
fn likeness(segments: &[TranscriptSegment], bags: &[Bag], at: usize) -> f64 {
    let border_s = segments[at].start_s;
    let (mut before, mut after) = (Bag::new(), Bag::new());
    for n in (0..at).rev().take_while(|n| segments[*n].start_s >= border_s - CONTEXT_S) {
        add(&mut before, &bags[n]);
    }
    for n in (at..segments.len()).take_while(|n| segments[*n].end_s <= border_s + CONTEXT_S) {
        add(&mut after, &bags[n]);
    }
    cosine(&before, &after)
}

/// How much less similar it is here than at the peaks on both sides.
fn depth(likeness: &[f64], at: usize) -> f64 {
    let climb = |side: &mut dyn Iterator<Item = usize>| {
        let mut peak = likeness[at];
        for n in side {
            if likeness[n] < peak {
                break;
            }
            peak = likeness[n];
        }
        peak
    };
    climb(&mut (0..at).rev()) + climb(&mut (at + 1..likeness.len())) - 2.0 * likeness[at]
}

/// The title: the sentence with most terms that are characteristic of the chapter, shortened.
fn title(segments: &[TranscriptSegment], bags: &[Bag], n: usize, wholes: &[Bag], taken: &[String]) -> String {
    let telling = |term: &str| {
        let with = wholes.iter().filter(|bag| bag.contains_key(term)).count();
        let rare = (1.0 + wholes.len() as f64 / with.max(1) as f64).ln();
        wholes[n].get(term).copied().unwrap_or(0.0).sqrt() * rare
    };
    let central = segments.iter().zip(bags).filter(|(segment, _)| segment.text.chars().count() >= 6);
    let best = central.max_by(|a, b| {
        // Many characteristic terms in few words.
        let score = |(segment, bag): &(&TranscriptSegment, &Bag)| {
            let terms: f64 = bag.keys().map(|term| telling(term)).sum();
            terms / (4.0 + words(&segment.text).len() as f64 + segment.text.chars().count() as f64 / 40.0)
        };
        score(a).total_cmp(&score(b))
    });
    let sentence = best.map_or_else(|| segments[0].text.clone(), |(segment, _)| segment.text.clone());
    let title = shorten(&sentence);
    if taken.contains(&title) {
        return shorten(&segments[0].text);
    }
    title
}

/// A sentence as a title: its first clause or as many words as fit, without a final mark.
fn shorten(sentence: &str) -> String {
    let wide = sentence.chars().any(is_unspaced);
    let max = if wide { MAX_TITLE_CHARS / 3 } else { MAX_TITLE_CHARS };
    let trim = |text: &str| {
        text.trim().trim_end_matches(|c: char| !c.is_alphanumeric() && !matches!(c, ')' | '”' | '"' | '%')).to_owned()
    };
    if sentence.chars().count() <= max {
        return trim(sentence);
    }
    let head: String = sentence.chars().take(max).collect();
    let clause = head.rfind([',', ';', ':', '，', '；', '：', '、', '。']).filter(|at| *at > head.len() / 4);
    let word = if wide { None } else { head.rfind(' ') };
    match (clause, word) {
        (Some(at), _) => trim(&head[..at]),
        (None, at) => format!("{}…", trim(&head[..at.unwrap_or(head.len())])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve sentences of ten seconds on each of two topics.
    pub(crate) fn two_topics() -> Vec<TranscriptSegment> {
        let bees = [
            "The bees gather pollen from flowers in spring.",
            "A queen lays eggs and the bees raise the brood.",
            "Honey keeps the hive of bees alive in winter.",
        ];
        let rust = [
            "The compiler checks every borrow in the program.",
            "Ownership lets the compiler free memory.",
            "A program without races is what the compiler promises.",
        ];
        let mut at = 0.0;
        let mut segments = Vec::new();
        for topic in [bees, rust] {
            for n in 0..12 {
                let text = topic[n % 3].to_owned();
                segments.push(TranscriptSegment { start_s: at, end_s: at + 9.5, text, ..TranscriptSegment::default() });
                at += 10.0;
            }
        }
        segments
    }

    #[test]
    fn a_change_of_topic_is_a_chapter() {
        let segments = two_topics();
        let found = chapters(&segments, 60.0);
        let starts: Vec<f64> = found.iter().map(|chapter| chapter.start_s).collect();
        assert_eq!(starts, [0.0, 120.0]);
        assert!(found[0].title.contains("bees"), "{}", found[0].title);
        assert!(found[1].title.contains("compiler"), "{}", found[1].title);
        let json: serde_json::Value = serde_json::from_slice(&json(&found).unwrap()).unwrap();
        assert_eq!(json["version"], "1.2.0");
        assert_eq!(json["chapters"][1]["startTime"], 120.0);
    }

    #[test]
    fn a_short_talk_is_one_chapter_and_titles_are_short() {
        assert_eq!(chapters(&two_topics()[..5], 120.0).len(), 1);
        assert_eq!(
            shorten("In the beginning, there was nothing at all but a very long sentence indeed."),
            "In the beginning"
        );
        assert_eq!(shorten("Short."), "Short");
        assert!(shorten(&"word ".repeat(40)).chars().count() <= MAX_TITLE_CHARS + 1);
        assert_eq!(shorten("自定义语音提供的工具可让你通过将音频数据与相应的识别结果进行比较").chars().count(), 21);
    }
}
