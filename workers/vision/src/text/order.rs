//! Reading order: rows from top to bottom, within a row from left to right.

use super::geometry::Quad;

/// Boxes stand in one row when their middles are closer than this share of the lower one's height.
const SAME_ROW: f32 = 0.5;
/// Boxes that lie one above the other by more than this share of their width do not.
const STACKED: f32 = 0.25;

struct Row {
    middle: f32,
    height: f32,
    members: Vec<usize>,
}

/// The rows of upright boxes, each in reading order.
pub(super) fn rows(quads: &[Quad]) -> Vec<Vec<usize>> {
    let bounds: Vec<[f32; 4]> = quads.iter().map(Quad::bounds).collect();
    let middle = |i: usize| quads[i].center().y;
    let mut order: Vec<usize> = (0..quads.len()).collect();
    order.sort_by(|&a, &b| middle(a).total_cmp(&middle(b)).then(bounds[a][0].total_cmp(&bounds[b][0])));
    let mut rows: Vec<Row> = Vec::new();
    for index in order {
        let height = quads[index].height();
        let fits = |row: &Row| {
            (row.middle - middle(index)).abs() < SAME_ROW * row.height.min(height)
                && row.members.iter().all(|&other| !stacked(&bounds[other], &bounds[index]))
        };
        // Only the last few rows can be near: middles come in order.
        let near = rows.len().saturating_sub(4);
        let nearest = rows[near..]
            .iter_mut()
            .filter(|row| fits(row))
            .min_by(|a, b| (a.middle - middle(index)).abs().total_cmp(&(b.middle - middle(index)).abs()));
        if let Some(row) = nearest {
            let n = row.members.len() as f32;
            row.middle = (row.middle * n + middle(index)) / (n + 1.0);
            row.height = (row.height * n + height) / (n + 1.0);
            row.members.push(index);
        } else {
            rows.push(Row { middle: middle(index), height, members: vec![index] });
        }
    }
    rows.sort_by(|a, b| a.middle.total_cmp(&b.middle));
    rows.into_iter()
        .map(|mut row| {
            row.members.sort_by(|&a, &b| bounds[a][0].total_cmp(&bounds[b][0]));
            row.members
        })
        .collect()
}

fn stacked(a: &[f32; 4], b: &[f32; 4]) -> bool {
    let overlap = a[2].min(b[2]) - a[0].max(b[0]);
    overlap > STACKED * (a[2] - a[0]).min(b[2] - b[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Point;

    fn quad(x: f32, y: f32, w: f32, h: f32) -> Quad {
        Quad([[x, y], [x + w, y], [x + w, y + h], [x, y + h]].map(Point::from))
    }

    #[test]
    fn columns_of_a_row_read_from_left_to_right() {
        let quads = [quad(300.0, 12.0, 60.0, 20.0), quad(10.0, 10.0, 120.0, 20.0), quad(10.0, 34.0, 100.0, 20.0)];
        assert_eq!(rows(&quads), [vec![1, 0], vec![2]]);
    }

    #[test]
    fn tight_lines_do_not_join_and_tall_ones_do() {
        // A tall total beside a small label; two small lines packed tightly on the left.
        let quads = [quad(10.0, 100.0, 80.0, 12.0), quad(10.0, 112.0, 80.0, 12.0), quad(200.0, 90.0, 80.0, 40.0)];
        let rows = rows(&quads);
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| !(row.contains(&0) && row.contains(&1))));
    }
}
