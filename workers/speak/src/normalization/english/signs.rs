//! Signs of arithmetic and comparison.

use super::{
    super::{Around, Rule},
    NUMBER,
    numbers::{cardinal, code, number, ordinal},
};

/// Rules that come before those of dates and quantities.
pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::anywhere(r">=|=>|≥|⩾|≧", |found, _| (&found[0] != "=>").then(|| "greater than or equal to".into())),
        Rule::anywhere(r"<=|≤|⩽|≦", |_, _| Some("less than or equal to".into())),
        Rule::anywhere(r"!=|≠|<>", |_, around| {
            let inside = !around.before.trim_end().is_empty() && !around.after.trim().is_empty();
            inside.then(|| "is not equal to".into())
        }),
        Rule::anywhere(r"==", |_, _| Some("equals".into())),
        Rule::anywhere(r"\+/-|\+-|±", |_, _| Some("plus or minus".into())),
        // 2^10, x^2, 10^-3
        Rule::anywhere(r"\^\s?\(?(?P<n>[-−]?\d{1,4}|[A-Za-z])\b\)?", |found, around| {
            let powered = around.before.ends_with(|c: char| c.is_alphanumeric() || c == ')');
            powered.then(|| power(&found["n"]))
        }),
        Rule::anywhere(r"\^", |_, around| {
            around.before.ends_with(|c: char| c.is_alphanumeric() || c == ')').then(|| "to the power of".into())
        }),
        Rule::anywhere(r"√", |_, _| Some("the square root of".into())),
        // 1920x1080, 4 x 6 inches; but 3 × 4 = 12
        Rule::whole(
            r"(?P<a>\d+(?:\.\d+)?)\s?[x×*]\s?(?P<b>\d+(?:\.\d+)?)(?:\s?[x×*]\s?(?P<c>\d+(?:\.\d+)?))?",
            |found, around| {
                let sides = !found[0].contains('*') && !is_sum(around);
                let word = if sides { "by" } else { "times" };
                let third = found.name("c").map(|c| format!(" {word} {}", number(c.as_str()))).unwrap_or_default();
                let pixels =
                    sides && [&found["a"], &found["b"]].iter().all(|side| side.len() > 2 && !side.contains('.'));
                let side = |text: &str| if pixels { code(text) } else { number(text) };
                Some(format!("{} {word} {}{third}", side(&found["a"]), side(&found["b"])))
            },
        ),
        // 10 / 2 = 5
        Rule::whole(&format!(r"(?P<a>{NUMBER})\s?/\s?(?P<b>{NUMBER})"), |found, around| {
            let sum = after_equals(around) || around.before.trim_end().ends_with('=');
            sum.then(|| format!("{} divided by {}", number(&found["a"]), number(&found["b"])))
        }),
        // 10 - 4 = 6; what is 10 - 4?
        Rule::anywhere(r"[-–−]", |found, around| minus(&found[0], around)),
        // ~50
        Rule::anywhere(r"[~∼～]", |_, around| {
            let begins = around.before.chars().next_back().is_none_or(|c| c.is_whitespace() || c == '(');
            let number =
                around.after.trim_start().starts_with(|c: char| c.is_ascii_digit() || matches!(c, '$' | '£' | '€'));
            let range = around.before.trim_end().ends_with(|c: char| c.is_ascii_digit() || c == '%')
                || ["°C", "°F", "℃"].iter().any(|unit| around.before.trim_end().ends_with(unit));
            let word = if range { "to" } else { "about" };
            ((begins || range) && number).then(|| word.into())
        }),
        Rule::whole(r"(?P<n>\d+)\s?¢", |found, _| Some(format!("{} cents", number(&found["n"])))),
    ]
}

/// Rules that come after those of quantities with units.
pub(super) fn late() -> Vec<Rule> {
    vec![
        // in °C
        Rule::anywhere(r"[°º]\s?(?P<u>[CF])\b|℃|℉", |found, _| {
            let celsius = found.name("u").map_or(&found[0] == "℃", |unit| unit.as_str() == "C");
            Some(if celsius { "degrees Celsius" } else { "degrees Fahrenheit" }.into())
        }),
    ]
}

fn power(text: &str) -> String {
    match text {
        "2" => "squared".into(),
        "3" => "cubed".into(),
        _ => match (text.strip_prefix(['-', '−']), text.parse::<i64>()) {
            (Some(rest), _) => format!("to the power of minus {}", number(rest)),
            (None, Ok(value)) if value > 3 => format!("to the {}", ordinal(value)),
            (None, Ok(value)) => format!("to the power of {}", cardinal(value)),
            (None, Err(_)) => format!("to the power of {text}"),
        },
    }
}

/// A minus between two operands: the true sign, or a hyphen in what is visibly a sum.
fn minus(sign: &str, around: &Around<'_>) -> Option<String> {
    let operand = |c: char| c.is_ascii_digit() || c == ')' || c.is_ascii_alphabetic();
    let (before, after) = (around.before.trim_end(), around.after.trim_start());
    let spaced = around.before.ends_with(' ') && around.after.starts_with(' ');
    let closes = before.ends_with(|c: char| operand(c));
    let opens = after.starts_with(|c: char| operand(c) || c == '(');
    if !closes || !opens {
        return None;
    }
    let digits = before.ends_with(|c: char| c.is_ascii_digit()) && after.starts_with(|c: char| c.is_ascii_digit());
    match sign {
        "−" if spaced || digits => Some("minus".into()),
        "–" | "-" if (spaced || digits) && is_sum(around) => Some("minus".into()),
        _ => None,
    }
}

/// Whether the match is in an equation or in a question for its result.
fn is_sum(around: &Around<'_>) -> bool {
    let before = around.before.trim_end();
    let asked = before.rsplit(['.', '?', '!', ',', ':']).next().is_some_and(|clause| {
        let clause = clause.trim_start().to_lowercase();
        let clause = clause.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
        ["what is", "what's", "calculate", "compute", "how much is", "solve", "evaluate"]
            .iter()
            .any(|ask| clause.ends_with(ask))
    });
    asked
        || after_equals(around)
        || before
            .trim_end_matches(|c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '+' | '-'))
            .ends_with(['=', '≈'])
}

/// An equals sign follows the operand, with nothing but sums between.
fn after_equals(around: &Around<'_>) -> bool {
    let operands = |c: char| {
        c.is_ascii_digit()
            || matches!(c, ' ' | '.' | ',' | '+' | '-' | '−' | '–' | '×' | '*' | '/' | '÷' | '(' | ')' | '^' | '²')
    };
    let rest = around.after.trim_start_matches(operands);
    // One letter is a variable: 5 - x = 2.
    let mut letters = rest.chars();
    let rest = match letters.next() {
        Some(c) if c.is_ascii_alphabetic() && !letters.clone().next().is_some_and(char::is_alphabetic) => {
            letters.as_str().trim_start_matches(operands)
        }
        _ => rest,
    };
    rest.starts_with(['=', '≈', '≠', '≥', '≤', '<', '>'])
}
