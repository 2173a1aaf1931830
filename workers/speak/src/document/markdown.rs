//! Markdown: headings pause, links and pictures are read by their text; code, front matter and comments are skipped.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::{
    Paragraph, html,
    pauses::{HEADING_MS, PARAGRAPH_MS},
    tex,
};

/// The most lines of front matter.
const FRONT_MATTER_LINES: usize = 500;

pub(super) fn paragraphs(text: &str) -> Vec<Paragraph> {
    let mut reader = Reader::default();
    for event in Parser::new_ext(without_front_matter(text), options()) {
        reader.event(event);
    }
    reader.finish(PARAGRAPH_MS);
    reader.paragraphs
}

/// Whether a text without a file name is Markdown: front matter, a heading, a code fence or a link.
pub(super) fn is_markdown(text: &str) -> bool {
    let heading = |line: &str| {
        line.trim_start_matches('#').starts_with(' ') && line.starts_with('#') && !line.starts_with("#######")
    };
    let fence = |line: &str| line.starts_with("```") || line.starts_with("~~~");
    let linked = |line: &str| line.contains("](http") || line.contains("](./") || line.contains("](#");
    without_front_matter(text).len() < text.len()
        || text.lines().any(|line| heading(line) || fence(line) || linked(line))
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_WIKILINKS
}

/// A text without its front matter in YAML (`---`) or TOML (`+++`). Lines between two rules that are not all fields are
/// text.
fn without_front_matter(text: &str) -> &str {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    let toml = match first.trim_end() {
        "---" => false,
        "+++" => true,
        _ => return text,
    };
    let mut length = first.len();
    let mut fields = 0;
    for line in lines.take(FRONT_MATTER_LINES) {
        length += line.len();
        let bare = line.trim_end();
        if bare == if toml { "+++" } else { "---" } || (!toml && bare == "...") {
            return if fields > 0 || length == first.len() + line.len() { &text[length..] } else { text };
        }
        match is_field(bare, toml) {
            Some(field) => fields += usize::from(field),
            None => return text,
        }
    }
    text
}

/// Whether a line of front matter is a field; none when it is no line of front matter.
fn is_field(line: &str, toml: bool) -> Option<bool> {
    let inner = line.trim_start();
    if inner.is_empty() || inner.starts_with(['#', '[', ']', '}', '{']) || line.starts_with([' ', '\t']) {
        return Some(false);
    }
    let separator = if toml { '=' } else { ':' };
    let key = inner.trim_start_matches("- ").split(separator).next().unwrap_or_default().trim();
    let named = !key.is_empty() && key.len() < inner.len() && key.len() <= 60 && key.split_whitespace().count() <= 3;
    if named || (!toml && inner.starts_with('-')) { Some(named) } else { None }
}

#[derive(Default)]
struct Reader {
    paragraphs: Vec<Paragraph>,
    text: String,
    html: String,
    skipped: u32,
    in_html: bool,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Html(html) if self.in_html => self.html.push_str(&html),
            Event::Text(text) if self.in_html => self.html.push_str(&text),
            Event::InlineHtml(tag) if self.skipped == 0 => self.inline_html(&tag),
            Event::Text(text) | Event::Code(text) if self.skipped == 0 => self.text.push_str(&text),
            Event::InlineMath(math) if self.skipped == 0 => self.math(&math),
            Event::DisplayMath(math) if self.skipped == 0 => {
                self.finish(PARAGRAPH_MS);
                self.text.push_str(&tex::spoken(&math));
                self.finish(PARAGRAPH_MS);
            }
            Event::SoftBreak => self.text.push(' '),
            Event::HardBreak => self.text.push('\n'),
            Event::Rule => self.finish(HEADING_MS),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
                self.finish(PARAGRAPH_MS);
                self.skipped += 1;
            }
            Tag::MetadataBlock(_) => self.skipped += 1,
            Tag::HtmlBlock => self.in_html = true,
            Tag::Heading { .. } => self.finish(HEADING_MS),
            Tag::Item
            | Tag::Paragraph
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Table(_) => {
                self.finish(PARAGRAPH_MS);
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::CodeBlock | TagEnd::MetadataBlock(_) => self.skipped = self.skipped.saturating_sub(1),
            TagEnd::HtmlBlock => {
                self.in_html = false;
                let html = std::mem::take(&mut self.html);
                for block in html::visible(&html).split('\n') {
                    self.text.push_str(block.trim());
                    self.finish(PARAGRAPH_MS);
                }
            }
            TagEnd::Heading(_) => self.finish(HEADING_MS),
            TagEnd::Paragraph
            | TagEnd::Item
            | TagEnd::TableRow
            | TagEnd::TableHead
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition => self.finish(PARAGRAPH_MS),
            TagEnd::TableCell if !self.text.trim_end().is_empty() && !self.text.ends_with(", ") => {
                self.text.push_str(", ")
            }
            _ => {}
        }
    }

    /// A tag inside of a paragraph; its text comes by itself.
    fn inline_html(&mut self, tag: &str) {
        let tag = tag.to_lowercase();
        if tag.starts_with("<br") {
            self.text.push('\n');
        }
    }

    /// A formula in words. Money between two dollar signs stays as it is written.
    fn math(&mut self, math: &str) {
        let money = math.starts_with(|c: char| c.is_ascii_digit())
            && math.contains(' ')
            && !math.contains(['\\', '^', '_', '=']);
        if money {
            self.text.push_str(&format!("${math}$"));
        } else {
            self.text.push_str(&tex::spoken(math));
        }
    }

    fn finish(&mut self, pause_ms: u32) {
        let text = std::mem::take(&mut self.text);
        let text = super::clean::clean(&without_templates(&joined(&text)));
        let text = text.trim().trim_end_matches(',').to_owned();
        if !text.is_empty() {
            self.paragraphs.push(Paragraph { text, pause_ms });
        }
    }
}

/// A text whose wrapped Chinese lines have no blank between them.
fn joined(text: &str) -> String {
    let han = medley_text::script::is_han;
    let letters: Vec<char> = text.chars().collect();
    let idle =
        |n: usize| letters[n] == ' ' && n > 0 && han(letters[n - 1]) && letters.get(n + 1).is_some_and(|c| han(*c));
    (0..letters.len()).filter(|n| !idle(*n)).map(|n| letters[n]).collect()
}

/// A text without `{{< shortcodes >}}` of site generators and `:emoji:` names.
fn without_templates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(end) = rest[start..].find("}}") else { break };
        out.push_str(&rest[..start]);
        rest = &rest[start + end + 2..];
    }
    out.push_str(rest);
    let is_emoji = |word: &str| {
        word.len() > 3
            && word.starts_with(':')
            && word.ends_with(':')
            && word[1..word.len() - 1].starts_with(|c: char| c.is_ascii_lowercase())
            && word[1..word.len() - 1]
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '+' | '-'))
    };
    if !out.split(' ').any(is_emoji) {
        return out;
    }
    out.split(' ').filter(|word| !is_emoji(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        paragraphs(text).into_iter().map(|paragraph| paragraph.text).collect()
    }

    #[test]
    fn what_a_reader_sees_is_said() {
        let text = "# News\n\nSee [the *report*](https://example.com/x) and `this`.\n\n```rust\nfn main() {}\n```\n\n- one\n- two\n\n<b>x</b>\n\n![a cat](c.png)\n";
        assert_eq!(said(text), ["News", "See the report and this.", "one", "two", "x", "a cat"]);
    }

    #[test]
    fn code_of_every_kind_is_skipped() {
        let blocks = [
            "```\ncode\n```",
            "~~~ sh\ncode\n~~~",
            "    code\n    more",
            "````md\n```\ncode\n```\n````",
            "> ```\n> code\n> ```",
            "- item\n\n  ```\n  code\n  ```",
        ];
        for block in blocks {
            let text = format!("Before.\n\n{block}\n\nAfter.");
            assert!(!said(&text).concat().contains("code"), "{block}: {:?}", said(&text));
            assert_eq!(said(&text).last().unwrap(), "After.", "{block}");
        }
        assert_eq!(said("Never closed:\n\n```\ncode"), ["Never closed:"]);
        assert_eq!(said("Run `make`, then ``a `b` c``."), ["Run make, then a 'b' c."]);
    }

    #[test]
    fn front_matter_is_skipped_and_a_rule_is_not_taken_for_it() {
        for front in [
            "---\ntitle: Report\ndate: 2024-01-01\ntags:\n  - a\n- b\n---\n",
            "---\r\ntitle: Report\r\n---\r\n",
            "+++\ntitle = \"Report\"\n[params]\nx = 1\n+++\n",
            "---\n# remark\n\"quoted key\": >\n  folded\n...\n",
        ] {
            assert_eq!(said(&format!("{front}\nBody.")), ["Body."], "{front:?}");
        }
        assert_eq!(
            said("---\n\nFirst we went home, and then: nothing at all happened.\n\n---\n\nEnd."),
            ["First we went home, and then: nothing at all happened.", "End."]
        );
        assert_eq!(said("Text.\n\n---\n\nkey: value\n\n---\n"), ["Text.", "key: value"]);
        assert_eq!(said("---\ntitle: never closed\n"), ["title: never closed"]);
    }

    #[test]
    fn lists_tables_footnotes_and_formulas() {
        assert_eq!(said("- [x] done item\n- [ ] open item\n"), ["done item", "open item"]);
        assert_eq!(said("Said[^1] so.\n\n[^1]: The note."), ["Said so.", "The note."]);
        assert_eq!(said("| Name | Price |\n|---|---|\n| Apple | $3 |\n| | $4 |"), ["Name, Price", "Apple, $3", "$4"]);
        assert_eq!(said("So $x^2 \\leq 4$ holds."), ["So x^2 ≤ 4 holds."]);
        assert_eq!(said("It costs $5 or $6, not $7."), ["It costs $5 or $6, not $7."]);
        assert_eq!(said("Term\n: Its meaning"), ["Term", "Its meaning"]);
        assert_eq!(said("今天\n天气好。"), ["今天天气好。"]);
        assert_eq!(said("Done :rocket: at 10:30: yes"), ["Done at 10:30: yes"]);
        assert_eq!(said("{{< figure src=\"x\" >}}\n\nText {{ page.title }} here."), ["Text  here."]);
    }

    #[test]
    fn html_is_read_as_it_shows() {
        let text = "<p align=\"center\">Welcome &amp; <b>hello</b></p>\n\n<!-- secret -->\n\n<script>\nalert('x')\n</script>\n\n<style>p{}</style>\n\nOne<br>two <kbd>Q</kbd>.";
        assert_eq!(said(text), ["Welcome & hello", "One\ntwo Q."]);
        assert_eq!(
            said("<details>\n<summary>More</summary>\n\nHidden *text*.\n\n</details>"),
            ["More", "Hidden text."]
        );
    }

    #[test]
    fn markdown_without_a_name_is_known() {
        for text in ["# A", "text\n\n## B", "---\na: b\n---\nx", "x\n```\ny\n```", "see [it](https://e.org)"] {
            assert!(is_markdown(text), "{text}");
        }
        for text in ["#5 is alive", "2 * 3 * 4", "--- what ---", "a [b] (c)", "#hashtag", "---\nno\n---"] {
            assert!(!is_markdown(text), "{text}");
        }
    }
}
