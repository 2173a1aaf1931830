//! `transcript.html`: one page with a player, text that follows it, search and chapters. It loads nothing from
//! anywhere but the sound itself.

use std::fmt::Write as _;

use medley_proto::Transcript;
use medley_text::script::is_tight;

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

/// The page of an episode.
pub(super) fn html(title: &str, transcript: &Transcript, chapters: &[Chapter], media: &Media) -> String {
    let (title, player) = (escape(title), media.player());
    let language = escape(&transcript.language);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n\
         {player}\n\
         <p id=\"missing\" hidden>The sound was not found. <label>Choose the file: <input type=\"file\" id=\"file\" \
         accept=\"audio/*,video/*\"></label></p>\n\
         <p><input type=\"search\" id=\"search\" placeholder=\"Search\" aria-label=\"Search the transcript\"> \
         <output id=\"found\"></output></p>\n</header>\n"
    );
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
        for segment in &transcript.segments[chapter.segments.0..chapter.segments.1] {
            // Browsers read aloud, hyphenate and choose glyphs by language.
            let other = segment.language.as_ref().filter(|language| **language != transcript.language);
            let lang = other.map(|language| format!(" lang=\"{}\"", escape(language))).unwrap_or_default();
            let (start_s, end_s) = (segment.start_s, segment.end_s);
            let _ = write!(out, "<p class=\"s\"{lang} data-t=\"{start_s}\" data-e=\"{end_s}\">");
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
            out.push_str("</p>\n");
        }
        out.push_str("</section>\n");
    }
    let _ = write!(out, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

fn spaced(before: char, word: &str) -> bool {
    !(is_tight(before) && word.chars().next().is_some_and(is_tight))
}

#[cfg(test)]
mod tests {
    use medley_proto::{TranscriptSegment, Word};

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
}
