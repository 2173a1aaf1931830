//! Pages of rows of cells, as a reader would give them.

use medley_vision::text::{Point, Quad, TextPage};

/// A page of rows of cells; a cell's place across is given in tenths of the page.
pub(crate) fn page(rows: &[&[(f32, &str)]]) -> TextPage {
    let mut lines = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        for (at, text) in *row {
            let (left, top) = (at * 60.0, 20.0 + 30.0 * index as f32);
            let right = left + 9.0 * text.chars().count() as f32;
            let corners = [[left, top], [right, top], [right, top + 20.0], [left, top + 20.0]];
            lines.push(((*text).to_owned(), Quad(corners.map(Point::from))));
        }
    }
    TextPage::of_lines(600.0, 30.0 * rows.len() as f32 + 40.0, lines)
}
