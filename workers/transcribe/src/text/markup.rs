//! Escapes text for HTML, Markdown and URLs, so that speech and file names never become markup.

/// For HTML, between tags and inside of quoted attributes.
pub(crate) fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// For one line of Markdown (CommonMark): no tag, no link, no emphasis, no other block. Invisible characters
/// that change the direction or the width of text are removed.
pub(crate) fn markdown(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_unseen(*c)).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let chars: Vec<char> = line.chars().collect();
    let mut out = String::with_capacity(line.len() + 8);
    if let Some(at) = block_mark(&chars) {
        out.extend(&chars[..at]);
        out.push('\\');
        out.extend(&chars[at..=at]);
    }
    let begun = out.chars().filter(|c| *c != '\\').count();
    for (n, c) in chars.iter().enumerate().skip(begun) {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' if is_entity(&chars[n + 1..]) => out.push_str("&amp;"),
            '\\' | '`' | '*' | '[' | ']' | '~' | '|' => out.extend(['\\', *c]),
            // Inside a word it is no emphasis, and names of files are full of it.
            '_' if !inside_word(&chars, n) => out.extend(['\\', '_']),
            // At the end of a heading it would vanish.
            '#' if n + 1 == chars.len() => out.extend(['\\', '#']),
            c => out.push(*c),
        }
    }
    out
}

/// Where a backslash keeps the beginning of a line from being a heading, a list, a quotation or a rule.
fn block_mark(chars: &[char]) -> Option<usize> {
    let digits = chars.iter().take_while(|c| c.is_ascii_digit()).count();
    match chars.get(digits) {
        Some('.' | ')') if (1..10).contains(&digits) && chars.get(digits + 1).is_none_or(|c| *c == ' ') => Some(digits),
        Some('#' | '-' | '+' | '=') if digits == 0 => Some(0),
        _ => None,
    }
}

/// `amp;`, `#60;`: what follows an ampersand makes it a character reference.
fn is_entity(after: &[char]) -> bool {
    let name = after.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '#').count();
    name > 0 && after.get(name) == Some(&';')
}

fn inside_word(chars: &[char], n: usize) -> bool {
    let is_letter = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphanumeric());
    is_letter(n.checked_sub(1)) && is_letter(Some(n + 1))
}

/// Whether a character is an invisible mark of direction or width.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A file's name as a relative URL: everything but RFC 3986's unreserved characters is percent-encoded.
pub(crate) fn relative_url(name: &str) -> String {
    let mut url = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_stays_text() {
        assert_eq!(markdown("<svg onload=alert(1)>"), "&lt;svg onload=alert(1)&gt;");
        assert_eq!(markdown("[a](javascript:b) `c` *d* _e_"), "\\[a\\](javascript:b) \\`c\\` \\*d\\* \\_e\\_");
        assert_eq!(markdown("two_cities & AT&T &lt; 3 &#60;"), "two_cities & AT&T &amp;lt; 3 &amp;#60;");
        assert_eq!(markdown("# a\n- b\u{1b}[0m \u{202e}c"), "\\# a - b \\[0m c");
        assert_eq!(markdown("1984. A year"), "1984\\. A year");
        assert_eq!(markdown("- no"), "\\- no");
        assert_eq!(markdown("C#"), "C\\#");
        assert_eq!(
            (markdown(""), markdown("It was # the best of times.")),
            (String::new(), "It was # the best of times.".into())
        );
        assert_eq!(markdown("10 people, 2.5 kg"), "10 people, 2.5 kg");
    }

    #[test]
    fn names_become_urls() {
        assert_eq!(relative_url("a b%20c#1?.wav"), "a%20b%2520c%231%3F.wav");
        assert_eq!(relative_url("10:30 会议.mp3"), "10%3A30%20%E4%BC%9A%E8%AE%AE.mp3");
        assert_eq!(relative_url("plain-name_1.mp3"), "plain-name_1.mp3");
    }
}
