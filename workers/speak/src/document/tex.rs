//! Formulas in TeX as a line of signs and words.

const NAMES: [(&str, &str); 44] = [
    ("times", "×"),
    ("cdot", "×"),
    ("div", "÷"),
    ("pm", "±"),
    ("leq", "≤"),
    ("le", "≤"),
    ("geq", "≥"),
    ("ge", "≥"),
    ("neq", "≠"),
    ("ne", "≠"),
    ("approx", "≈"),
    ("infty", "∞"),
    ("sqrt", "√"),
    ("sum", "the sum of"),
    ("prod", "the product of"),
    ("int", "the integral of"),
    ("to", "to"),
    ("rightarrow", "to"),
    ("in", "in"),
    ("partial", "partial"),
    ("ldots", "…"),
    ("dots", "…"),
    ("cdots", "…"),
    ("left", ""),
    ("right", ""),
    ("quad", " "),
    ("text", ""),
    ("mathrm", ""),
    ("mathbf", ""),
    ("mathbb", ""),
    ("mathcal", ""),
    ("operatorname", ""),
    ("alpha", "alpha"),
    ("beta", "beta"),
    ("gamma", "gamma"),
    ("delta", "delta"),
    ("epsilon", "epsilon"),
    ("theta", "theta"),
    ("lambda", "lambda"),
    ("mu", "mu"),
    ("pi", "pi"),
    ("sigma", "sigma"),
    ("phi", "phi"),
    ("omega", "omega"),
];

/// A formula in words: commands by their sign or name, fractions as "a over b", groups without braces.
pub(super) fn spoken(tex: &str) -> String {
    let mut out = String::with_capacity(tex.len());
    let mut over: Vec<(usize, bool)> = Vec::new();
    let mut depth = 0;
    let mut rest = tex;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
                let name = &rest[..length];
                rest = &rest[length..];
                match name {
                    "" => {
                        // \, \; \{ \\
                        let skipped = rest.chars().next().map_or(0, char::len_utf8);
                        rest = &rest[skipped..];
                        out.push(' ');
                    }
                    "frac" | "dfrac" | "tfrac" => over.push((depth, false)),
                    _ => {
                        let said = NAMES.iter().find(|(command, _)| *command == name).map_or(name, |(_, said)| *said);
                        out.push_str(&format!(" {said} "));
                    }
                }
            }
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                match over.last_mut() {
                    Some((at, first)) if *at == depth && !*first => {
                        *first = true;
                        out.push_str(" over ");
                    }
                    Some((at, true)) if *at == depth => {
                        over.pop();
                    }
                    _ => {}
                }
            }
            '_' | '&' | '~' => out.push(' '),
            c => out.push(c),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_words() {
        let cases = [
            ("x^2 \\leq 4", "x^2 ≤ 4"),
            ("\\frac{a}{b + 1} = c", "a over b + 1 = c"),
            ("E = mc^2", "E = mc^2"),
            ("\\alpha \\times \\text{rate}", "alpha × rate"),
            ("x_1, x_2", "x 1, x 2"),
            ("\\frac{", ""),
        ];
        for (tex, wanted) in cases {
            assert_eq!(spoken(tex), wanted, "{tex}");
        }
    }
}
