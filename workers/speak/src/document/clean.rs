//! Removes the characters of a text that cannot be spoken.

/// A text without control characters, signs that change the direction of writing, invisible characters, emoji and
/// private-use characters; unusual spaces, quotes and full-width letters and digits become usual ones. Letters of a
/// formula, circled and Roman numbers are written out.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut previous = ' ';
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let alone = !is_greek(previous) && !rest.clone().next().is_some_and(is_greek);
        previous = c;
        match c {
            '\r' => {}
            '\n' | '\t' => out.push(c),
            '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => out.push(' '),
            '\u{2028}' | '\u{2029}' | '\u{85}' => out.push('\n'),
            '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '％' | '＋' | '－' | '＝' | '＠' | '＆' | '／' | '＄' | '＃' =>
            {
                // The full-width forms lie 0xFEE0 above ASCII.
                out.extend(char::from_u32(c as u32 - 0xFEE0));
            }
            '①'..='⑳' => out.push_str(&format!("{} ", c as u32 - '①' as u32 + 1)),
            'Ⅰ'..='Ⅻ' => out.push_str(&(c as u32 - 'Ⅰ' as u32 + 1).to_string()),
            '㎏' => out.push_str("kg"),
            '㎞' => out.push_str("km"),
            '㎝' => out.push_str("cm"),
            '㎜' => out.push_str("mm"),
            c if is_greek(c) && alone => greek(c, &mut out),
            '‘' | '’' | '`' | '´' => out.push('\''),
            c if c.is_control() || is_invisible(c) || is_picture(c) => {
                // A picture between two words stands for a space.
                if !out.ends_with([' ', '\n']) && is_picture(c) {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out
}

fn is_greek(c: char) -> bool {
    matches!(c, 'α'..='ω' | 'Α'..='Ω')
}

/// A letter by its name, as formulas and products use it; Greek words are not spoken.
fn greek(c: char, out: &mut String) {
    const NAMES: [&str; 25] = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
        "xi", "omicron", "pi", "rho", "sigma", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
    ];
    let first = if c < 'α' { 'Α' } else { 'α' };
    if let Some(name) = NAMES.get((c as u32 - first as u32) as usize) {
        if out.ends_with(char::is_alphanumeric) && !out.ends_with(medley_text::script::is_han) {
            out.push(' ');
        }
        out.push_str(name);
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFD}' | '\u{E0000}'..='\u{E0FFF}')
}

fn is_picture(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{23FF}' | '\u{2500}'..='\u{27BF}' | '\u{2900}'..='\u{297F}'
        | '\u{2B00}'..='\u{2BFF}' | '\u{E000}'..='\u{F8FF}' | '\u{1F000}'..='\u{1FAFF}' | '\u{F0000}'..='\u{10FFFF}')
}

/// Whether a text has anything that a voice can speak.
pub(crate) fn is_sayable(text: &str) -> bool {
    text.chars().any(is_spoken)
}

/// The number of letters and digits in writing systems that no voice reads.
pub(crate) fn unspoken(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric() && !is_spoken(*c)).count()
}

fn is_spoken(c: char) -> bool {
    medley_text::script::is_han(c) || c.is_ascii_alphanumeric() || (c.is_alphabetic() && c < '\u{250}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_said_is_gone() {
        assert_eq!(clean("a\u{0}b\u{202e}c\u{200b}d😀e ❤️ f"), "abcd e  f");
        assert_eq!(clean("１２３％ ＡＢＣ　x"), "123% ABC x");
        assert_eq!(clean("①好 第Ⅲ期 5㎏ α粒子 2π"), "1 好 第3期 5kg alpha粒子 2 pi");
        assert!(!is_sayable("😀 … \u{202e} مرحبا"));
        assert_eq!(clean("γεια"), "γεια");
        assert_eq!(unspoken("Hello, 你好, مرحبا!"), 5);
        assert!(is_sayable("7") && is_sayable("好") && is_sayable("é"));
    }
}
