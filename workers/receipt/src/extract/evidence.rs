//! Values with the place they were found at.

use crate::{document::Field, layout::Sheet};

/// A value of one line; `sure` is how sure it is to be what it is taken for.
pub(super) fn field<T>(sheet: &Sheet, line: usize, value: T, raw: &str, sure: f32) -> Field<T> {
    let source = &sheet.lines[line];
    // Where the printed value stands within its line, as a share of its characters.
    let length = source.text.chars().count().max(1) as f32;
    let span = source.text.find(raw).filter(|_| !raw.is_empty()).map(|at| {
        let from = source.text[..at].chars().count() as f32;
        (from / length, (from + raw.chars().count() as f32) / length)
    });
    let (from, to) = span.unwrap_or((0.0, 1.0));
    Field {
        value,
        raw: raw.to_owned(),
        confidence: (source.confidence * sure).clamp(0.0, 1.0),
        line: Some(line),
        page: source.page,
        polygon: Some(source.polygon.slice(from, to)),
        corrected: false,
    }
}
