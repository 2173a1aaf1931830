//! What an episode is published with: `chapters.txt`, `shownotes.html` and `podcast.xml`.

use std::fmt::Write as _;

use medley_proto::Transcript;

use super::{chapters::Chapter, summary::clock};
use crate::text::markup::html as escape;

/// `chapters.txt`: a line each, as video sites read them in a description. The first begins at 0.
pub(super) fn chapters_txt(chapters: &[Chapter]) -> String {
    let line = |chapter: &Chapter| {
        let title = chapter.title.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{} {title}\n", clock(chapter.start_s))
    };
    chapters.iter().map(line).collect()
}

/// `shownotes.html`: paragraphs, lists and nothing else, as hosts of podcasts allow.
pub(super) fn shownotes(lead: &str, chapters: &[Chapter]) -> String {
    let mut out = format!("<p>{}</p>\n", escape(lead));
    if chapters.len() > 1 {
        out.push_str("<ul>\n");
        for chapter in chapters {
            let _ = writeln!(out, "<li>{} {}</li>", clock(chapter.start_s), escape(&chapter.title));
        }
        out.push_str("</ul>\n");
    }
    out
}

/// `podcast.xml`: the tags of Podcasting 2.0 for an item of a feed. Addresses begin with `base`; speakers without a name are
/// left out.
pub(crate) fn podcast_tags(transcript: &Transcript, base: &str) -> String {
    let (base, language) = (escape(base), escape(&transcript.language));
    let mut out = String::new();
    for (file, media_type) in [("vtt", "text/vtt"), ("srt", "application/x-subrip"), ("html", "text/html")] {
        let _ = writeln!(
            out,
            "<podcast:transcript url=\"{base}transcript.{file}\" type=\"{media_type}\" language=\"{language}\"/>"
        );
    }
    let _ = writeln!(out, "<podcast:chapters url=\"{base}chapters.json\" type=\"application/json+chapters\"/>");
    for name in named(transcript) {
        let _ = writeln!(out, "<podcast:person>{}</podcast:person>", escape(name));
    }
    out
}

/// The base of the addresses in `podcast.xml`.
pub(crate) fn base_of(tags: &str) -> &str {
    let first = tags.split("url=\"").nth(1).and_then(|rest| rest.split("transcript.").next());
    first.unwrap_or_default()
}

fn named(transcript: &Transcript) -> impl Iterator<Item = &str> {
    let named = transcript.speakers.iter().filter(|speaker| speaker.name != speaker.label);
    named.map(|speaker| speaker.name.as_str())
}

#[cfg(test)]
mod tests {
    use medley_proto::Speaker;

    use super::*;

    #[test]
    fn an_episode_has_what_feeds_and_sites_take() {
        let chapter = |start_s: f64, title: &str| Chapter { start_s, title: title.into(), segments: (0, 0) };
        let chapters = [chapter(0.0, "Introduction"), chapter(3_725.0, "Bees &\n<bread>")];
        assert_eq!(chapters_txt(&chapters), "0:00 Introduction\n1:02:05 Bees & <bread>\n");
        let speaker =
            |label: &str, name: &str| Speaker { label: label.into(), name: name.into(), ..Speaker::default() };
        let speakers = vec![speaker("A", "Ann & Bo"), speaker("B", "B")];
        let transcript = Transcript { language: "en".into(), speakers, ..Transcript::default() };
        let notes = shownotes("About <bees>.", &chapters);
        assert_eq!(notes.lines().next(), Some("<p>About &lt;bees&gt;.</p>"));
        assert!(notes.ends_with("<li>1:02:05 Bees &amp;\n&lt;bread&gt;</li>\n</ul>\n"));
        let tags = podcast_tags(&transcript, "https://example.org/1/");
        assert!(tags.contains(
            "<podcast:transcript url=\"https://example.org/1/transcript.vtt\" type=\"text/vtt\" language=\"en\"/>"
        ));
        assert!(tags.ends_with("<podcast:person>Ann &amp; Bo</podcast:person>\n"));
        assert_eq!((base_of(&tags), base_of("")), ("https://example.org/1/", ""));
    }
}
