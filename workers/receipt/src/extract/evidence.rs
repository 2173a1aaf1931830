//! Fields with the line that they were read from.

use crate::{document::Field, layout::Sheet};

/// A field with a value of one line. `sure` (0 to 1) is the confidence that the value is what it is taken for.
pub(super) fn field<T>(sheet: &Sheet, line: usize, value: T, raw: &str, sure: f32) -> Field<T> {
    let printed = &sheet.lines[line];
    // The place of the value within its line, as a share of the characters.
    let length = printed.text.chars().count().max(1) as f32;
    let span = printed.text.find(raw).filter(|_| !raw.is_empty()).map(|at| {
        let from = printed.text[..at].chars().count() as f32;
        (from / length, (from + raw.chars().count() as f32) / length)
    });
    let (from, to) = span.unwrap_or((0.0, 1.0));
    Field {
        value,
        raw: raw.to_owned(),
        confidence: (printed.confidence * sure).clamp(0.0, 1.0),
        line: Some(line),
        page: printed.page,
        polygon: Some(printed.polygon.slice(from, to)),
        corrected: false,
    }
}
