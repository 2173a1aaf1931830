//! Text as open_clip's tokeniser cleans it before it looks at words.
//!
//! `ftfy.fix_text`, `html.unescape` twice, white space to single blanks, lower case. Of ftfy, what changes text that was
//! decoded rightly is here: entities, ligatures, full-width forms, curled quotes, control characters, NFC. Its repair of
//! text that was decoded wrongly ("sÃ£o") is not; of HTML's named entities, the common ones.

use unicode_normalization::UnicodeNormalization;

pub(super) fn clean(text: &str) -> String {
    // ftfy leaves entities alone where there is a tag; the next step does not.
    let text = if text.contains('<') { text.to_owned() } else { unescape(text) };
    let plain: String = text.chars().filter(|c| !is_control(*c)).flat_map(Plain::of).collect();
    let text = unescape(&unescape(&plain.nfc().collect::<String>()));
    let mut out = String::with_capacity(text.len());
    for word in text.split(super::is_space).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out.to_lowercase()
}

fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}')
}

/// The plain characters that stand for one; at most three.
struct Plain;

impl Plain {
    fn of(c: char) -> std::vec::IntoIter<char> {
        let text: Vec<char> = match c {
            '\u{2bc}' | '\u{2018}'..='\u{201b}' => vec!['\''],
            '\u{201c}'..='\u{201f}' => vec!['"'],
            '\u{3000}' => vec![' '],
            // Full-width and half-width forms.
            '\u{ff01}'..='\u{ffef}' => std::iter::once(c).nfkc().collect(),
            'Ĳ' | 'ĳ' | 'ŉ' | 'Ǆ'..='ǌ' | 'Ǳ'..='ǳ' | 'ﬀ'..='ﬆ' => ligature(c),
            other => vec![other],
        };
        text.into_iter()
    }
}

fn ligature(c: char) -> Vec<char> {
    match c {
        // Not st, as Unicode has it.
        'ﬅ' => vec!['ſ', 't'],
        // Its apostrophe is uncurled too.
        'ŉ' => vec!['\'', 'n'],
        other => std::iter::once(other).nfkc().nfc().collect(),
    }
}

/// Named entities that texts of the web hold. Sorted.
const ENTITIES: [(&str, char); 44] = [
    ("Auml", 'Ä'),
    ("Eacute", 'É'),
    ("Ouml", 'Ö'),
    ("Uuml", 'Ü'),
    ("aacute", 'á'),
    ("acirc", 'â'),
    ("agrave", 'à'),
    ("amp", '&'),
    ("apos", '\''),
    ("auml", 'ä'),
    ("bull", '•'),
    ("ccedil", 'ç'),
    ("cent", '¢'),
    ("copy", '©'),
    ("deg", '°'),
    ("eacute", 'é'),
    ("ecirc", 'ê'),
    ("egrave", 'è'),
    ("euro", '€'),
    ("frac12", '½'),
    ("gt", '>'),
    ("hellip", '…'),
    ("iacute", 'í'),
    ("laquo", '«'),
    ("ldquo", '“'),
    ("lsquo", '‘'),
    ("lt", '<'),
    ("mdash", '—'),
    ("middot", '·'),
    ("nbsp", '\u{a0}'),
    ("ndash", '–'),
    ("ntilde", 'ñ'),
    ("oacute", 'ó'),
    ("ouml", 'ö'),
    ("pound", '£'),
    ("quot", '"'),
    ("raquo", '»'),
    ("rdquo", '”'),
    ("reg", '®'),
    ("rsquo", '’'),
    ("szlig", 'ß'),
    ("times", '×'),
    ("trade", '™'),
    ("uuml", 'ü'),
];

/// Entities that end with a semicolon, by name or number.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let code = hex.map_or_else(|| number.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok())?;
        return char::from_u32(code).filter(|c| !c.is_control());
    }
    let at = ENTITIES.binary_search_by(|(entity, _)| (*entity).cmp(name)).ok()?;
    Some(ENTITIES[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_plain() {
        assert_eq!(clean("  “It’s”\u{3000}ﬁne &amp;amp; ＤＡＮＤＹ\u{feff} "), "\"it's\" fine & dandy");
        assert_eq!(clean("e\u{301}&#233;&eacute;&#x1F600;&nope; & &;"), "ééé😀&nope; & &;");
        assert!(ENTITIES.is_sorted());
    }
}
