//! Chapters: they begin where the host announces a topic or the topic turns, never inside an answer, and are called as they
//! were announced or by the phrases that are most their own.
//!
//! Cuts that nobody announces are found by lexical cohesion (Hearst, "TextTiling", 1997): the words of a stretch before a gap are compared
//! with those after it; a deep valley of similarity is a change of topic, more so after a long pause.

use medley_proto::TranscriptSegment;
use medley_text::{
    marks::final_mark,
    script::{is_han, is_unspaced},
};
use serde::Serialize;

use super::{announcements::announcement, titles};
use crate::text::terms::{Bag, add, bag, cosine};

/// How much speech is compared on each side of a gap.
const CONTEXT_S: f64 = 75.0;
/// What a pause of two seconds or more adds to the depth of a valley.
const PAUSE_WEIGHT: f64 = 0.15;
/// Announcements within this are of one topic: "Let us change the subject. Now to the bread."
const SAME_ANNOUNCEMENT_S: f64 = 12.0;
/// What is announced earlier is what the episode begins with.
const MIN_OPENING_S: f64 = 8.0;
/// A longer beginning has topics of its own.
const MAX_OPENING_S: f64 = 90.0;
/// A turn of fewer words is a reply and begins nothing.
const MIN_TURN_WORDS: usize = 4;
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

/// Cuts a transcript into chapters; the first begins at 0. A chapter is at least `min_s` long, unless the host announces
/// its topic.
pub(super) fn chapters(segments: &[TranscriptSegment], min_s: f64) -> Vec<Chapter> {
    if segments.is_empty() {
        return Vec::new();
    }
    let bags: Vec<Bag> = segments.iter().map(|segment| bag(&segment.text)).collect();
    let cuts = cuts(segments, &bags, min_s);
    let opening = Cut { at: 0, topic: None };
    let starts: Vec<&Cut> = std::iter::once(&opening).chain(&cuts).collect();
    let ends = cuts.iter().map(|cut| cut.at).chain([segments.len()]);
    let ranges: Vec<(usize, usize)> = starts.iter().map(|cut| cut.at).zip(ends).collect();
    let wholes: Vec<Bag> = ranges.iter().map(|(from, to)| whole(&bags[*from..*to])).collect();
    let mut taken: Vec<String> = Vec::new();
    let mut chapters = Vec::new();
    for (n, range) in ranges.iter().enumerate() {
        let own = &segments[range.0..range.1];
        let is_opening = n == 0 && ranges.len() > 1 && own.last().is_some_and(|last| last.end_s <= MAX_OPENING_S);
        let announced = starts[n].topic.clone().filter(|topic| !taken.contains(topic));
        let title = announced
            .or_else(|| is_opening.then(|| opening_title(segments).to_owned()))
            .or_else(|| titles::title(own, n, &wholes, &taken))
            .unwrap_or_else(|| shorten(&own[0].text));
        taken.push(title.clone());
        let start_s = if n == 0 { 0.0 } else { segments[range.0].start_s };
        chapters.push(Chapter { start_s, title, segments: *range });
    }
    chapters
}

/// What the words before the first announced topic are called.
fn opening_title(segments: &[TranscriptSegment]) -> &'static str {
    if segments.iter().take(5).any(|segment| segment.text.chars().any(is_han)) { "开场" } else { "Introduction" }
}

fn whole(bags: &[Bag]) -> Bag {
    let mut whole = Bag::new();
    bags.iter().for_each(|bag| add(&mut whole, bag));
    whole
}

/// Where a chapter begins, and its topic where somebody named it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cut {
    at: usize,
    topic: Option<String>,
}

/// The segments that a new topic begins with: where the host announces one, and where the words change.
fn cuts(segments: &[TranscriptSegment], bags: &[Bag], min_s: f64) -> Vec<Cut> {
    let conversation = Conversation::of(segments);
    let mut cuts = conversation.announced(segments);
    // Where the host announces topics, words alone must leave twice the room.
    let apart_s = if cuts.len() > 1 { min_s * 2.0 } else { min_s };
    let end_s = segments.last().map_or(0.0, |segment| segment.end_s);
    for at in turns_of_topic(segments, bags, |at| conversation.may_begin(segments, at)) {
        let start_s = segments[at].start_s;
        let far = |other: f64| (start_s - other).abs() >= apart_s;
        if far(0.0) && far(end_s) && cuts.iter().all(|cut| far(segments[cut.at].start_s)) {
            cuts.push(Cut { at, topic: None });
        }
    }
    cuts.sort_by_key(|cut| cut.at);
    cuts
}

/// The name of who leads; none where one speaks, or nobody is known.
pub(super) fn conversation_host(segments: &[TranscriptSegment]) -> Option<String> {
    Conversation::of(segments).host
}

/// Who leads, and where somebody else begins to speak.
struct Conversation {
    host: Option<String>,
}

impl Conversation {
    /// The host announces most topics, else asks most questions, else speaks first. One speaker, or none that is known, has
    /// no host.
    fn of(segments: &[TranscriptSegment]) -> Self {
        let mut speakers: Vec<(&str, usize, usize)> = Vec::new();
        for segment in segments {
            let Some(name) = segment.speaker.as_deref() else { continue };
            let known = speakers.iter().position(|(known, ..)| *known == name).unwrap_or_else(|| {
                speakers.push((name, 0, 0));
                speakers.len() - 1
            });
            speakers[known].1 += usize::from(announcement(&segment.text).is_some());
            speakers[known].2 += usize::from(final_mark(&segment.text).is_some_and(|mark| matches!(mark, '?' | '？')));
        }
        let several = speakers.len() > 1;
        // Of equals the first: it spoke first.
        let host = speakers.iter().rev().max_by_key(|(_, topics, questions)| (*topics, *questions));
        Self { host: host.filter(|_| several).map(|(name, ..)| (*name).to_owned()) }
    }

    fn is_host(&self, segment: &TranscriptSegment) -> bool {
        self.host.is_none() || segment.speaker.is_none() || segment.speaker == self.host
    }

    /// Where the host announces topics; what is announced twice within a few seconds is one.
    fn announced(&self, segments: &[TranscriptSegment]) -> Vec<Cut> {
        let mut cuts: Vec<Cut> = Vec::new();
        for (at, segment) in segments.iter().enumerate().filter(|(_, segment)| self.is_host(segment)) {
            let Some(found) = announcement(&segment.text) else { continue };
            match cuts.last_mut() {
                Some(last) if segment.start_s - segments[last.at].start_s < SAME_ANNOUNCEMENT_S => {
                    if last.topic.is_none() {
                        last.topic = found.topic;
                    }
                }
                _ => cuts.push(Cut { at, topic: found.topic }),
            }
        }
        // What is announced at once is what the episode begins with.
        cuts.retain(|cut| cut.at > 0 && segments[cut.at].start_s >= MIN_OPENING_S);
        cuts
    }

    /// Whether a topic may begin without being announced: never inside an answer, nor between a question and its answer.
    fn may_begin(&self, segments: &[TranscriptSegment], at: usize) -> bool {
        if self.host.is_none() {
            return true;
        }
        let begins_turn = segments[at - 1].speaker != segments[at].speaker;
        let says_something = segments[at].text.split_whitespace().count() >= MIN_TURN_WORDS
            || segments[at].text.chars().filter(|c| is_unspaced(*c)).count() >= MIN_TURN_WORDS * 2;
        begins_turn && says_something && self.is_host(&segments[at])
    }
}

/// Places at which the words change, those that change most first.
fn turns_of_topic(segments: &[TranscriptSegment], bags: &[Bag], may_begin: impl Fn(usize) -> bool) -> Vec<usize> {
    let likeness: Vec<f64> = (1..segments.len()).map(|at| likeness(segments, bags, at)).collect();
    let depth: Vec<f64> = (0..likeness.len()).map(|at| depth(&likeness, at)).collect();
    let mean = depth.iter().sum::<f64>() / depth.len().max(1) as f64;
    let spread = (depth.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / depth.len().max(1) as f64).sqrt();
    let mut candidates: Vec<(f64, usize)> = depth
        .iter()
        .enumerate()
        .filter(|(n, _)| may_begin(n + 1))
        .map(|(n, depth)| {
            let pause_s = (segments[n + 1].start_s - segments[n].end_s).clamp(0.0, 2.0);
            (depth + PAUSE_WEIGHT * pause_s / 2.0, n + 1)
        })
        .filter(|(score, _)| *score > mean + spread / 2.0)
        .collect();
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    candidates.into_iter().map(|(_, at)| at).collect()
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
        assert!(found[0].title.to_lowercase().contains("bees"), "{}", found[0].title);
        assert!(found[1].title.to_lowercase().contains("compiler"), "{}", found[1].title);
        let json: serde_json::Value = serde_json::from_slice(&json(&found).unwrap()).unwrap();
        assert_eq!(json["version"], "1.2.0");
        assert_eq!(json["chapters"][1]["startTime"], 120.0);
    }

    /// Sentences of 6 s with their speakers.
    fn said(sentences: &[(&str, &str)]) -> Vec<TranscriptSegment> {
        let segment = |(n, (who, text)): (usize, &(&str, &str))| TranscriptSegment {
            start_s: n as f64 * 6.0,
            end_s: n as f64 * 6.0 + 5.5,
            text: (*text).into(),
            speaker: Some((*who).into()),
            ..TranscriptSegment::default()
        };
        sentences.iter().enumerate().map(segment).collect()
    }

    #[test]
    fn announced_topics_are_chapters_however_short() {
        let segments = said(&[
            ("A", "Welcome to the show."),
            ("A", "Today we talk about bees, bread and the weather."),
            ("A", "Let us begin with the bees."),
            ("B", "A hive has fifty thousand bees in summer."),
            ("B", "Let us talk about the queen, who lays all the eggs."),
            ("A", "How much honey do they make?"),
            ("B", "About twenty kilos."),
            ("A", "Thank you, Tom."),
            ("A", "Let us change the subject."),
            ("A", "Now to the bread."),
            ("B", "Bread needs flour and time."),
            ("A", "And now for the weather."),
            ("B", "It will rain."),
        ]);
        let found = chapters(&segments, 120.0);
        let named: Vec<(f64, &str)> = found.iter().map(|chapter| (chapter.start_s, chapter.title.as_str())).collect();
        assert_eq!(named, [(0.0, "Introduction"), (12.0, "The bees"), (48.0, "The bread"), (66.0, "The weather")]);
    }

    #[test]
    fn without_announcements_no_chapter_begins_inside_an_answer() {
        let mut segments = two_topics();
        for (n, segment) in segments.iter_mut().enumerate() {
            // The host asks every fourth time, the guest answers in three sentences.
            let is_host = n % 4 == 2;
            segment.speaker = Some(if is_host { "A" } else { "B" }.into());
            if is_host {
                segment.text = format!("{}?", segment.text.trim_end_matches('.'));
            }
        }
        let found = chapters(&segments, 60.0);
        assert!(found.len() > 1);
        assert!(found[1..].iter().all(|chapter| chapter.segments.0 % 4 == 2), "{found:?}");
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
