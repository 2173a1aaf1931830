//! An extractive summary: the sentences of the transcript that cover most of its content.
//!
//! Sentences are chosen by maximal marginal relevance (Carbonell and Goldstein, 1998): near the centre of their chapter,
//! and unlike those chosen already.

use std::fmt::Write as _;

use medley_proto::TranscriptSegment;
use medley_text::{marks::final_mark, script::is_unspaced};

use super::{
    abstractive::Notes,
    announcements::is_outline,
    chapters::{Chapter, conversation_host},
};
use crate::text::{
    markup::markdown as markdown_text,
    sentences::join,
    terms::{Bag, add, bag, cosine, stem, words},
};

/// The weight of similarity to chosen sentences against centrality.
const NOVELTY: f64 = 0.5;
/// What a sentence of the host's outline counts more than others.
const OUTLINE_WEIGHT: f64 = 1.5;
/// An outline comes at the beginning.
const OUTLINE_UNTIL_S: f64 = 90.0;
/// Quotes that are listed.
const QUOTES: usize = 3;
/// A quote is no longer, in characters; a Chinese one holds half as many.
const MAX_QUOTE_CHARS: usize = 220;
/// Terms that are listed.
const KEYWORDS: usize = 10;

/// `summary.md`: the summary, keywords, and the chapters, with `notes` of the helper model where there are any.
pub(super) fn markdown(
    title: &str,
    segments: &[TranscriptSegment],
    chapters: &[Chapter],
    sentences: usize,
    notes: Option<&Notes>,
) -> String {
    let lead = lead(segments, chapters, sentences, notes);
    let mut out = format!("# {}\n\n{}\n\n", markdown_text(title), markdown_text(&lead));
    let keywords = keywords(segments);
    if !keywords.is_empty() {
        let _ = writeln!(out, "**Keywords:** {}\n", markdown_text(&keywords.join(", ")));
    }
    if chapters.len() > 1 {
        out.push_str("## Chapters\n\n");
        for (n, chapter) in chapters.iter().enumerate() {
            let _ = writeln!(out, "- **{}** {}", clock(chapter.start_s), markdown_text(&chapter.title));
            if let Some(note) = notes.and_then(|notes| notes.chapters.get(n)) {
                let _ = writeln!(out, "  {}", markdown_text(&note.summary));
            }
        }
    }
    let quotes = quotes(segments, chapters);
    if !quotes.is_empty() {
        out.push_str("\n## Quotes\n");
        for segment in quotes {
            let (text, at) = (markdown_text(&segment.text), clock(segment.start_s));
            let who = segment.speaker.as_ref().map(|name| format!("{}, ", markdown_text(name))).unwrap_or_default();
            let _ = write!(out, "\n> {text}\n> — {who}{at}\n");
        }
    }
    out
}

/// The summary itself.
pub(super) fn lead(
    segments: &[TranscriptSegment],
    chapters: &[Chapter],
    sentences: usize,
    notes: Option<&Notes>,
) -> String {
    notes.map_or_else(|| extract(segments, chapters, sentences), |notes| notes.whole.summary.clone())
}

/// What is most worth quoting where several speak: sentences that stand alone, from different chapters, and of those who
/// answer rather than ask.
fn quotes<'a>(segments: &'a [TranscriptSegment], chapters: &[Chapter]) -> Vec<&'a TranscriptSegment> {
    let several = segments.iter().any(|segment| segment.speaker.is_some() && segment.speaker != segments[0].speaker);
    if !several {
        return Vec::new();
    }
    let host = conversation_host(segments);
    let mut best: Vec<(f64, &TranscriptSegment)> = Vec::new();
    for chapter in chapters {
        let own = &segments[chapter.segments.0..chapter.segments.1];
        let mut centre = Bag::new();
        own.iter().for_each(|segment| add(&mut centre, &bag(&segment.text)));
        let fits = |segment: &&TranscriptSegment| {
            let length: usize = segment.text.chars().map(|c| if is_unspaced(c) { 2 } else { 1 }).sum();
            segment.speaker != host
                && length <= MAX_QUOTE_CHARS
                && !is_question(&segment.text)
                && !is_orphan(&segment.text)
        };
        let score = |segment: &TranscriptSegment| cosine(&bag(&segment.text), &centre) * fullness(&segment.text);
        let found = own.iter().filter(fits).map(|segment| (score(segment), segment));
        best.extend(found.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.start_s.total_cmp(&a.1.start_s))));
    }
    best.sort_by(|a, b| b.0.total_cmp(&a.0));
    best.truncate(QUOTES);
    let mut quotes: Vec<&TranscriptSegment> = best.into_iter().map(|(_, segment)| segment).collect();
    quotes.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    quotes
}

/// The sentences that say most, in the order they were said.
fn extract(segments: &[TranscriptSegment], chapters: &[Chapter], sentences: usize) -> String {
    let wanted = if sentences > 0 { sentences } else { chapters.len().max(3) };
    let bags: Vec<Bag> = segments.iter().map(|segment| bag(&segment.text)).collect();
    let chosen = choose(segments, &bags, chapters, wanted);
    join(chosen.iter().map(|n| segments[*n].text.as_str()))
}

/// `1:02:03` or `2:03`.
pub(super) fn clock(at_s: f64) -> String {
    let s = at_s.max(0.0) as u64;
    if s >= 3600 {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    } else {
        format!("{}:{:02}", s / 60, s % 60)
    }
}

/// The chosen segments, in the order they were said: from each chapter its share, and at least one while they last.
fn choose(segments: &[TranscriptSegment], bags: &[Bag], chapters: &[Chapter], wanted: usize) -> Vec<usize> {
    let centres: Vec<Bag> = chapters
        .iter()
        .map(|chapter| {
            let mut centre = Bag::new();
            bags[chapter.segments.0..chapter.segments.1].iter().for_each(|bag| add(&mut centre, bag));
            centre
        })
        .collect();
    let mut chosen: Vec<usize> = Vec::new();
    let mut used = vec![0_usize; chapters.len()];
    while chosen.len() < wanted.min(segments.len()) {
        let mut best: Option<(f64, usize, usize)> = None;
        for (c, chapter) in chapters.iter().enumerate() {
            let fewest = used.iter().min().copied().unwrap_or(0);
            if used[c] > fewest + 1 {
                continue;
            }
            for n in (chapter.segments.0..chapter.segments.1).filter(|n| !chosen.contains(n)) {
                let like = chosen.iter().map(|other| cosine(&bags[n], &bags[*other])).fold(0.0, f64::max);
                let score = cosine(&bags[n], &centres[c]) * worth(&segments[n]) - NOVELTY * like - used[c] as f64;
                if best.is_none_or(|(most, ..)| score > most) {
                    best = Some((score, n, c));
                }
            }
        }
        let Some((_, n, c)) = best else { break };
        chosen.push(n);
        used[c] += 1;
    }
    chosen.sort_unstable();
    chosen
}

/// What a sentence counts in a summary: the host's outline most, a question or half a thought little.
fn worth(segment: &TranscriptSegment) -> f64 {
    let text = segment.text.as_str();
    let doubtful = if is_question(text) || is_orphan(text) { 0.25 } else { 1.0 };
    let outline = if segment.start_s < OUTLINE_UNTIL_S && is_outline(text) { OUTLINE_WEIGHT } else { 1.0 };
    fullness(text) * doubtful * outline
}

fn is_question(text: &str) -> bool {
    final_mark(text).is_some_and(|mark| matches!(mark, '?' | '？'))
}

/// Whether a sentence begins with a word that means something said before it.
fn is_orphan(text: &str) -> bool {
    const FIRST: [&str; 31] = [
        "then",
        "it",
        "its",
        "it's",
        "he",
        "she",
        "they",
        "his",
        "her",
        "their",
        "this",
        "that",
        "that's",
        "these",
        "those",
        "but",
        "and",
        "so",
        "because",
        "or",
        "also",
        "too",
        "there",
        "yes",
        "no",
        "well",
        "of",
        "here",
        "instead",
        "such",
        "otherwise",
    ];
    const CHINESE: [&str; 16] = [
        "然后", "它", "他", "她", "但是", "所以", "这", "那", "因此", "而且", "不过", "其他", "其中", "因为", "于是",
        "另外",
    ];
    let first = text.split_whitespace().next().unwrap_or_default().replace('\u{2019}', "'").to_lowercase();
    let first = first.trim_matches(|c: char| !c.is_alphanumeric());
    FIRST.contains(&first) || CHINESE.iter().any(|word| text.trim_start().starts_with(word))
}

/// Prefers sentences that can stand alone: neither fragments nor very long ones.
fn fullness(text: &str) -> f64 {
    let length: usize = text.chars().map(|c| if is_unspaced(c) { 3 } else { 1 }).sum();
    match length {
        0..30 => 0.3,
        30..60 => 0.8,
        60..240 => 1.0,
        _ => 0.7,
    }
}

/// The terms said most, as they were said first.
fn keywords(segments: &[TranscriptSegment]) -> Vec<String> {
    let mut counts: std::collections::BTreeMap<String, (f64, String)> = std::collections::BTreeMap::new();
    for word in segments.iter().flat_map(|segment| words(&segment.text)) {
        counts.entry(stem(&word)).or_insert((0.0, word)).0 += 1.0;
    }
    let mut ranked: Vec<(f64, String)> = counts.into_values().filter(|(count, _)| *count > 1.0).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    ranked.into_iter().take(KEYWORDS).map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::abstractive::Note, *};

    fn segments(texts: &[&str]) -> Vec<TranscriptSegment> {
        let segment = |(n, text): (usize, &&str)| TranscriptSegment {
            start_s: n as f64 * 5.0,
            end_s: n as f64 * 5.0 + 4.0,
            text: (*text).into(),
            ..TranscriptSegment::default()
        };
        texts.iter().enumerate().map(segment).collect()
    }

    #[test]
    fn a_summary_is_central_and_says_nothing_twice() {
        let all = segments(&[
            "Hello and welcome.",
            "The bees of the valley make honey from the flowers of the valley.",
            "The bees of the valley make honey from the flowers of the valley.",
            "Beekeepers sell the honey of the bees at the market in town.",
            "Um, yes.",
        ]);
        let chapter = Chapter { start_s: 0.0, title: "Bees".into(), segments: (0, 5) };
        let text = markdown("Bees", &all, &[chapter], 2, None);
        assert!(text.contains("valley. Beekeepers sell"), "{text}");
        assert!(text.contains("**Keywords:** valley, bees, honey"), "{text}");
    }

    #[test]
    fn half_thoughts_and_questions_are_passed_over_and_answers_are_quoted() {
        let mut all = segments(&[
            "Today we talk about the bees of the valley, the honey and the market.",
            "How much honey do the bees of the valley make?",
            "The bees of the valley make twenty kilos of honey in a good summer.",
            "Then the bees of the valley sleep and the honey of the bees is gone.",
            "It is the honey of the bees of the valley.",
        ]);
        for (n, segment) in all.iter_mut().enumerate() {
            segment.speaker = Some(if n < 2 { "Ann" } else { "<Bo>" }.into());
        }
        let chapter = Chapter { start_s: 0.0, title: "Bees".into(), segments: (0, 5) };
        let text = markdown("Bees", &all, &[chapter], 2, None);
        let lead = text.split("\n\n").nth(1).unwrap();
        assert_eq!(lead, format!("{} {}", all[0].text, all[2].text));
        assert!(text.ends_with("\n## Quotes\n\n> The bees of the valley make twenty kilos of honey in a good summer.\n> — &lt;Bo&gt;, 0:10\n"), "{text}");
    }

    #[test]
    fn chinese_is_summarised_too() {
        let all = segments(&["大家好。", "语音识别的质量取决于语音数据。", "检查语音识别的质量很容易。"]);
        let chapter = Chapter { start_s: 0.0, title: "语音".into(), segments: (0, 3) };
        let text = markdown("语音", &all, &[chapter], 1, None);
        assert!(text.contains("语音识别"), "{text}");
    }

    #[test]
    fn notes_of_a_helper_model_take_the_place_of_sentences() {
        let all = segments(&["The bees make honey.", "The compiler checks borrows."]);
        let chapter =
            |n: usize, title: &str| Chapter { start_s: n as f64 * 5.0, title: title.into(), segments: (n, n + 1) };
        let note = |summary: &str| Note { title: String::new(), summary: summary.into() };
        let notes = Notes { whole: note("On bees and borrows."), chapters: vec![note("Bees."), note("Borrows.")] };
        let text = markdown("T", &all, &[chapter(0, "A"), chapter(1, "B")], 0, Some(&notes));
        assert!(text.starts_with("# T\n\nOn bees and borrows.\n"), "{text}");
        assert!(text.ends_with("- **0:00** A\n  Bees.\n- **0:05** B\n  Borrows.\n"), "{text}");
    }

    #[test]
    fn names_and_speech_are_no_markup() {
        let all = segments(&["He wrote <img src=x> [here](http://x).", "- And * went."]);
        let chapter = |n: usize| Chapter { start_s: 0.0, title: "<svg onload=alert(1)>".into(), segments: (n, n + 1) };
        let text = markdown("<svg onload=alert(1)>", &all, &[chapter(0), chapter(1)], 2, None);
        assert!(!text.contains('<') && !text.contains("[here]"), "{text}");
        assert!(text.starts_with("# &lt;svg onload=alert(1)&gt;\n\nHe wrote &lt;img src=x&gt; \\[here\\]"), "{text}");
        assert!(text.contains("- **0:00** &lt;svg onload"), "{text}");
    }

    #[test]
    fn clocks_have_hours_when_there_are_any() {
        assert_eq!((clock(62.9), clock(3723.0)), ("1:02".into(), "1:02:03".into()));
    }
}
