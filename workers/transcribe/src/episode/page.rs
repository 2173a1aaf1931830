//! `transcript.html`: one page with a player, text that follows it, speakers, search and chapters. It loads nothing from
//! anywhere but the sound itself.

use std::fmt::Write as _;

use medley_proto::{Transcript, TranscriptSegment};
use medley_text::{marks::is_sentence_end, script::is_tight};

use super::{chapters::Chapter, summary::clock};
use crate::text::markup::html as escape;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the page plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    /// Where it may be, as URLs: the first that is found is played.
    pub(super) urls: Vec<String>,
    /// It may have a picture. Where it has none after all, the page hides the place for it.
    pub(super) film: bool,
}

impl Media {
    fn player(&self) -> String {
        let tag = if self.film { "video" } else { "audio" };
        let sources: String = self.urls.iter().map(|url| format!("<source src=\"{}\">", escape(url))).collect();
        format!("<{tag} id=\"player\" controls preload=\"metadata\">{sources}</{tag}>")
    }
}

/// A paragraph with more characters ends with its sentence.
const MAX_PARAGRAPH_CHARS: usize = 600;
/// A pause that ends a paragraph.
const PARAGRAPH_PAUSE_S: f64 = 2.5;

/// The page of an episode.
pub(super) fn html(title: &str, transcript: &Transcript, chapters: &[Chapter], media: &Media) -> String {
    let (title, player) = (escape(title), media.player());
    let language = escape(&transcript.language);
    let speeds: String = ["0.75", "1", "1.25", "1.5", "1.75", "2"]
        .map(|speed| {
            format!("<option value=\"{speed}\"{}>{speed}×</option>", if speed == "1" { " selected" } else { "" })
        })
        .concat();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n\
         {player}\n\
         <p id=\"missing\" hidden>The sound was not found. <label>Choose the file: <input type=\"file\" id=\"file\" \
         accept=\"audio/*,video/*\"></label></p>\n\
         <p class=\"tools\"><input type=\"search\" id=\"search\" placeholder=\"Search\" aria-label=\"Search the transcript\"> \
         <output id=\"found\"></output> <label>Speed <select id=\"speed\">{speeds}</select></label></p>\n"
    );
    // A monologue needs no names.
    let several = transcript.speakers.len() > 1;
    if several {
        out.push_str(&speakers(transcript));
    }
    out.push_str("</header>\n");
    if chapters.len() > 1 {
        out.push_str("<nav aria-label=\"Chapters\">\n<ol>\n");
        for chapter in chapters {
            let (at, clock, title) = (chapter.start_s, clock(chapter.start_s), escape(&chapter.title));
            let _ = writeln!(out, "<li><button data-t=\"{at}\"><time>{clock}</time> {title}</button></li>");
        }
        out.push_str("</ol>\n</nav>\n");
    }
    out.push_str("<main>\n");
    for (n, chapter) in chapters.iter().enumerate() {
        let _ = writeln!(out, "<section id=\"chapter-{}\">\n<h2>{}</h2>", n + 1, escape(&chapter.title));
        let segments = &transcript.segments[chapter.segments.0..chapter.segments.1];
        let mut said_by = None;
        for paragraph in paragraphs(segments) {
            let who = paragraph[0].speaker.as_deref().filter(|_| several);
            out.push_str(&written(paragraph, transcript, who, who != said_by));
            said_by = who;
        }
        out.push_str("</section>\n");
    }
    let _ = write!(out, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

/// Who speaks and for how long; each is a button that hides the others.
fn speakers(transcript: &Transcript) -> String {
    let mut out = String::from("<p class=\"speakers\" role=\"group\" aria-label=\"Speakers\">");
    for (n, speaker) in transcript.speakers.iter().enumerate() {
        let (hue, name, talk) = (hue(n), escape(&speaker.name), clock(speaker.talk_s));
        let _ = write!(
            out,
            "<button style=\"--h:{hue}\" data-speaker=\"{name}\" aria-pressed=\"false\">{name} <time>{talk}</time></button> "
        );
    }
    out + "</p>\n"
}

/// Hues that are far apart, however many there are: steps of the golden angle.
fn hue(n: usize) -> u32 {
    (210.0 + n as f64 * 137.508).rem_euclid(360.0) as u32
}

/// Segments that one speaker says without a long pause.
fn paragraphs(segments: &[TranscriptSegment]) -> Vec<&[TranscriptSegment]> {
    let (mut paragraphs, mut from, mut chars) = (Vec::new(), 0, 0);
    for (n, segment) in segments.iter().enumerate() {
        chars += segment.text.chars().count();
        let ends = segments.get(n + 1).is_none_or(|next| {
            next.speaker != segment.speaker
                || next.start_s - segment.end_s >= PARAGRAPH_PAUSE_S
                || chars > MAX_PARAGRAPH_CHARS && is_sentence_end(&segment.text)
        });
        if ends {
            paragraphs.push(&segments[from..=n]);
            (from, chars) = (n + 1, 0);
        }
    }
    paragraphs
}

fn written(segments: &[TranscriptSegment], transcript: &Transcript, who: Option<&str>, is_new: bool) -> String {
    let at = segments[0].start_s;
    let number = |who: &str| transcript.speakers.iter().position(|speaker| speaker.name == who).unwrap_or(0);
    let speaker = who.map(|who| format!(" data-who=\"{}\" style=\"--h:{}\"", escape(who), hue(number(who))));
    let mut out = format!("<p class=\"t\"{}>", speaker.unwrap_or_default());
    let name = who.filter(|_| is_new).map(|who| format!("<span class=\"who\">{}</span> ", escape(who)));
    let _ = write!(out, "{}<a class=\"at\" href=\"#t={at}\">{}</a> ", name.unwrap_or_default(), clock(at));
    let mut before: Option<char> = None;
    for segment in segments {
        if before.is_some_and(|c| spaced(c, &segment.text)) {
            out.push(' ');
        }
        before = segment.text.chars().next_back();
        out.push_str(&sentence(segment, &transcript.language));
    }
    out + "</p>\n"
}

fn sentence(segment: &TranscriptSegment, language: &str) -> String {
    // Browsers read aloud, hyphenate and choose glyphs by language.
    let other = segment.language.as_ref().filter(|other| *other != language);
    let lang = other.map(|language| format!(" lang=\"{}\"", escape(language))).unwrap_or_default();
    let (start_s, end_s) = (segment.start_s, segment.end_s);
    let mut out = format!("<span class=\"s\"{lang} data-t=\"{start_s}\" data-e=\"{end_s}\">");
    if segment.words.is_empty() {
        out.push_str(&escape(&segment.text));
    }
    let mut before: Option<char> = None;
    for word in &segment.words {
        if before.is_some_and(|c| spaced(c, &word.text)) {
            out.push(' ');
        }
        let _ = write!(out, "<b data-t=\"{}\">{}</b>", word.start_s, escape(&word.text));
        before = word.text.chars().next_back();
    }
    out + "</span>"
}

fn spaced(before: char, word: &str) -> bool {
    !(is_tight(before) && word.chars().next().is_some_and(is_tight))
}

#[cfg(test)]
mod tests {
    use medley_proto::{Speaker, Word};

    use super::*;

    #[test]
    fn a_page_holds_the_text_and_lets_nothing_in() {
        let word = |text: &str| Word { start_s: 1.5, end_s: 2.0, text: text.into(), prob: 1.0, ..Word::default() };
        let segment = TranscriptSegment {
            start_s: 1.5,
            end_s: 3.0,
            text: "Hello <script>alert(1)</script>".into(),
            words: vec![word("Hello"), word("<script>alert(1)</script>")],
            ..TranscriptSegment::default()
        };
        let transcript = Transcript { language: "en".into(), segments: vec![segment], ..Transcript::default() };
        let chapter = Chapter { start_s: 0.0, title: "A \"B\"".into(), segments: (0, 1) };
        let media = Media { urls: vec!["a\"b.mp3".into(), "file:///a/b.mp3".into()], film: false };
        let page = html("T & T", &transcript, std::slice::from_ref(&chapter), &media);
        assert!(
            page.contains("<b data-t=\"1.5\">Hello</b> <b data-t=\"1.5\">&lt;script&gt;alert(1)&lt;/script&gt;</b>")
        );
        let player = "<audio id=\"player\" controls preload=\"metadata\"><source src=\"a&quot;b.mp3\"><source \
                      src=\"file:///a/b.mp3\"></audio>";
        assert!(page.contains(player) && page.contains("<h1>T &amp; T</h1>"), "{page}");
        let film = html("T", &transcript, &[chapter], &Media { film: true, ..media });
        assert!(film.contains("<video id=\"player\"") && !film.contains("<audio"));
        assert_eq!(page.matches("<script>").count(), 1);
        assert!(!page.contains("http:") && !page.contains("https:"));
    }
    #[test]
    fn turns_are_paragraphs_in_their_speakers_colours() {
        let segment = |start_s: f64, who: &str, text: &str| TranscriptSegment {
            start_s,
            end_s: start_s + 1.0,
            text: text.into(),
            speaker: Some(who.into()),
            ..TranscriptSegment::default()
        };
        let speaker = |name: &str| Speaker { label: name.into(), name: name.into(), talk_s: 62.0, sample: None };
        let segments = vec![
            segment(0.0, "Ann", "One."),
            segment(1.1, "Ann", "Two."),
            segment(2.2, "<B>", "Three."),
            segment(9.0, "<B>", "Four."),
        ];
        let chapter = Chapter { start_s: 0.0, title: "T".into(), segments: (0, 4) };
        let speakers = vec![speaker("Ann"), speaker("<B>")];
        let mut transcript = Transcript { language: "en".into(), segments, speakers, ..Transcript::default() };
        let media = Media { urls: vec!["a.mp3".into()], film: false };
        let page = html("T", &transcript, std::slice::from_ref(&chapter), &media);
        assert_eq!(page.matches("<p class=\"t\"").count(), 3);
        assert_eq!(page.matches("class=\"who\"").count(), 2, "a name stands where its speaker begins");
        assert!(page.contains("One.</span> <span class=\"s\" data-t=\"1.1\""), "sentences flow");
        assert!(page.contains("data-speaker=\"&lt;B&gt;\" aria-pressed=\"false\">&lt;B&gt; <time>1:02</time>"));
        assert!(page.contains("href=\"#t=2.2\">0:02</a>") && !page.contains("<B>"));
        transcript.speakers.truncate(1);
        let page = html("T", &transcript, &[chapter], &media);
        assert!(!page.contains("class=\"who\"") && !page.contains("data-speaker="), "one speaker needs no name");
    }
}
