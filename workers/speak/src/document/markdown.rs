//! Markdown: headings pause, links and pictures are read by their text, code and HTML are skipped.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Paragraph;

pub(super) fn paragraphs(text: &str) -> Vec<Paragraph> {
    let mut reader = Reader::default();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        reader.event(event);
    }
    reader.finish(super::PARAGRAPH_MS);
    reader.paragraphs
}

#[derive(Default)]
struct Reader {
    paragraphs: Vec<Paragraph>,
    text: String,
    skipped: u32,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::MetadataBlock(_)) => self.skipped += 1,
            Event::End(TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_)) => {
                self.skipped = self.skipped.saturating_sub(1);
            }
            Event::Start(Tag::Heading { .. }) => self.finish(super::HEADING_MS),
            Event::End(TagEnd::Heading(_)) => self.finish(super::HEADING_MS),
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableRow | TagEnd::TableHead) => {
                self.finish(super::PARAGRAPH_MS);
            }
            Event::End(TagEnd::TableCell) => self.text.push_str(", "),
            Event::Start(Tag::Item) => self.finish(super::PARAGRAPH_MS),
            Event::Text(text) | Event::Code(text) if self.skipped == 0 => self.text.push_str(&text),
            Event::SoftBreak => self.text.push(' '),
            Event::HardBreak => self.text.push('\n'),
            Event::Rule => self.finish(super::HEADING_MS),
            _ => {}
        }
    }

    fn finish(&mut self, pause_ms: u32) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim().trim_end_matches(',').to_owned();
        if !text.is_empty() {
            self.paragraphs.push(Paragraph { text, pause_ms });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_sees_is_said() {
        let text = "# News\n\nSee [the *report*](https://example.com/x) and `this`.\n\n```rust\nfn main() {}\n```\n\n- one\n- two\n\n<b>x</b>\n\n![a cat](c.png)\n";
        let said: Vec<String> = paragraphs(text).into_iter().map(|paragraph| paragraph.text).collect();
        assert_eq!(said, ["News", "See the report and this.", "one", "two", "x", "a cat"]);
    }
}
