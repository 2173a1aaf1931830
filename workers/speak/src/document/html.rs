//! The visible text of a piece of HTML.

/// Elements whose text is invisible, and code.
const HIDDEN: [&str; 8] = ["script", "style", "template", "noscript", "svg", "pre", "head", "iframe"];
/// Elements that end a line.
const BLOCKS: [&str; 24] = [
    "p",
    "div",
    "br",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "summary",
    "details",
    "section",
    "article",
    "blockquote",
    "hr",
    "figure",
    "figcaption",
    "header",
    "footer",
];

/// The text between tags, each block on a line of its own, with entities resolved.
pub(super) fn visible(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        text(&rest[..start], &mut out);
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        if !rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            out.push('<');
            rest = &rest[1..];
            continue;
        }
        let Some(end) = rest.find('>') else { return out };
        let inside = rest[1..end].trim_start_matches('/');
        let name: String = inside.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let closes = rest.starts_with("</");
        rest = &rest[end + 1..];
        if BLOCKS.contains(&name.as_str()) {
            out.push('\n');
        } else if matches!(name.as_str(), "td" | "th") && closes {
            out.push_str(", ");
        }
        if HIDDEN.contains(&name.as_str()) && !closes && !inside.ends_with('/') {
            let lower = rest.to_ascii_lowercase();
            rest = lower.find(&format!("</{name}")).map_or("", |at| &rest[at..]);
        }
    }
    text(rest, &mut out);
    out
}

/// Collapses white space and resolves entities.
fn text(raw: &str, out: &mut String) {
    const ENTITIES: [(&str, &str); 10] = [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&apos;", "'"),
        ("&mdash;", "—"),
        ("&ndash;", "–"),
        ("&hellip;", "…"),
        ("&amp;", "&"),
    ];
    let mut text = raw.split_whitespace().collect::<Vec<_>>().join(" ");
    if raw.starts_with(char::is_whitespace) && !out.is_empty() && !out.ends_with([' ', '\n']) {
        out.push(' ');
    }
    for (entity, character) in ENTITIES {
        text = text.replace(entity, character);
    }
    out.push_str(&text);
    if raw.ends_with(char::is_whitespace) && !text.is_empty() {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_comments_and_scripts_are_gone() {
        assert_eq!(visible("<b>a</b> &amp; <i>b</i>"), "a & b");
        assert_eq!(visible("<!-- x > y -->a<SCRIPT>if (1<2) {}</SCRIPT>b"), "ab");
        assert_eq!(visible("1 < 2 <em>c"), "1 < 2 c");
        assert_eq!(visible("<p>one<p>two<br/>three").trim(), "one\ntwo\nthree");
        assert_eq!(visible("a <unclosed"), "a ");
    }
}
