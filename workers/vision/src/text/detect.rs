//! Where text stands: differentiable binarization (Liao et al. 2020, arXiv:1911.08947) as PP-OCR trains it.
//!
//! The network gives each pixel a probability of lying in the core of a text line. The mask is grown by a 2×2 kernel,
//! each connected part gets its rectangle of least area, parts that the network doubts are dropped, and the rest are
//! grown back ("unclipped") from the core to the whole line.

use medley_media::picture::SizeLimit;

use super::{
    error::TextError,
    geometry::{Point, Quad, min_area_rect},
    pixels::Pyramid,
};

/// A pixel belongs to a line's core from this probability on.
const PIXEL_THRESHOLD: f32 = 0.3;
/// A line is kept from this mean probability on.
const BOX_THRESHOLD: f32 = 0.5;
/// Growth = area · ratio / perimeter.
const UNCLIP_RATIO: f32 = 1.6;
/// Cores thinner than this are specks.
const THINNEST_PX: f32 = 3.0;
/// The network's sides are multiples of this.
const STRIDE_PX: u32 = 32;
/// More parts than any page has are noise; a bound on work for hostile pictures.
const MAX_PARTS: usize = 4000;

/// How large the picture is made for detection.
#[derive(Debug, Clone, Copy)]
pub(super) struct DetectSize {
    /// Small pictures are enlarged until their short side has this many pixels.
    pub(super) min_side_px: u32,
    /// Large ones are reduced to at most this many pixels in all: a bound on memory.
    pub(super) max_pixels: u32,
}

impl DetectSize {
    /// How many pixels of the map one of the picture becomes.
    pub(super) fn scale(self, width: u32, height: u32) -> f32 {
        let (w, h) = (width as f32, height as f32);
        let enlarge = (self.min_side_px as f32 / w.min(h)).max(1.0);
        let reduce = (self.max_pixels as f32 / (w * h)).sqrt();
        enlarge.min(reduce)
    }

    fn of(self, width: u32, height: u32) -> (u32, u32) {
        let scale = f64::from(self.scale(width, height));
        let side = |v: u32| {
            let strides = (f64::from(v) * scale / f64::from(STRIDE_PX)).round_ties_even() as u32;
            strides.max(1).saturating_mul(STRIDE_PX)
        };
        // A hair is a stride wide at least: what that adds to the area comes off its length.
        let limit = SizeLimit { max_side_px: u32::MAX, max_pixels: u64::from(self.max_pixels) * 3 / 2 };
        let [width, height] = limit.squeeze([side(width), side(height)], STRIDE_PX);
        (width, height)
    }
}

/// Text lines as the network's rectangles, in pixels of the pyramid's picture, unordered.
pub(super) fn detect(
    session: &medley_models::Session,
    pyramid: &Pyramid<'_>,
    size: DetectSize,
) -> Result<Vec<Quad>, TextError> {
    let picture = pyramid.picture();
    let (width, height) = size.of(picture.width(), picture.height());
    let input = pyramid.resized_bgr(width, height);
    let shape = [1, 3, height as usize, width as usize];
    let probabilities = session.with(|session| -> Result<Vec<f32>, TextError> {
        let input = ort::value::Tensor::from_array((shape, input))?;
        // A page's activations take hundreds of megabytes: they go back before the lines are read.
        let mut options = ort::session::RunOptions::new()?;
        options.set("memory.enable_memory_arena_shrinkage", "cpu:0")?;
        let outputs = session.run_with_options(ort::inputs![input], &options)?;
        let (_, data) = outputs[0].try_extract_tensor::<f32>()?;
        Ok(data.to_vec())
    })?;
    if probabilities.len() != width as usize * height as usize {
        return Err(TextError::Contract("the detector's map is not of the picture's size"));
    }
    let map = Map { probabilities: &probabilities, width: width as usize, height: height as usize };
    let (x, y) = (picture.width() as f32 / width as f32, picture.height() as f32 / height as f32);
    let boxes = map.boxes().into_iter().map(|quad| Quad(quad.0.map(|p| Point { x: p.x * x, y: p.y * y })));
    Ok(boxes.filter(|quad| quad.width() > 3.0 && quad.height() > 3.0).collect())
}

struct Map<'a> {
    probabilities: &'a [f32],
    width: usize,
    height: usize,
}

/// A horizontal stretch of mask pixels: row, first and last column.
#[derive(Clone, Copy)]
struct Run {
    y: usize,
    from: usize,
    to: usize,
}

impl Map<'_> {
    fn boxes(&self) -> Vec<Quad> {
        let mut boxes = Vec::new();
        for part in self.parts().into_iter().take(MAX_PARTS) {
            let ends = part.iter().flat_map(|run| [(run.from, run.y), (run.to, run.y)]);
            let Some(core) = min_area_rect(ends.map(|(x, y)| (x as i32, y as i32)).collect()) else { continue };
            let (w, h) = (core.width(), core.height());
            if w.min(h) < THINNEST_PX || self.mean_inside(&core) < BOX_THRESHOLD {
                continue;
            }
            boxes.push(grown(&core, w * h * UNCLIP_RATIO / (2.0 * (w + h))));
        }
        boxes
    }

    /// Is a pixel in the mask, after dilation by a 2×2 kernel anchored at its lower right?
    fn is_text(&self, x: usize, y: usize) -> bool {
        let core = |x: usize, y: usize| self.probabilities[y * self.width + x] > PIXEL_THRESHOLD;
        core(x, y) || (x > 0 && core(x - 1, y)) || (y > 0 && (core(x, y - 1) || (x > 0 && core(x - 1, y - 1))))
    }

    /// The mask's 8-connected parts, as runs; in the order of their first pixels.
    fn parts(&self) -> Vec<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        let mut parents: Vec<usize> = Vec::new();
        let mut above = 0..0;
        for y in 0..self.height {
            let first = runs.len();
            let mut x = 0;
            let mut over = above.start;
            while x < self.width {
                if !self.is_text(x, y) {
                    x += 1;
                    continue;
                }
                let from = x;
                while x < self.width && self.is_text(x, y) {
                    x += 1;
                }
                let (index, run) = (runs.len(), Run { y, from, to: x - 1 });
                runs.push(run);
                parents.push(index);
                while over < above.end && runs[over].to + 1 < run.from {
                    over += 1;
                }
                let mut touching = over;
                while touching < above.end && runs[touching].from <= run.to + 1 {
                    join(&mut parents, index, touching);
                    touching += 1;
                }
            }
            above = first..runs.len();
        }
        let mut part_of_root = std::collections::HashMap::new();
        let mut parts: Vec<Vec<Run>> = Vec::new();
        for (index, run) in runs.into_iter().enumerate() {
            let root = root(&mut parents, index);
            let part = *part_of_root.entry(root).or_insert_with(|| {
                parts.push(Vec::new());
                parts.len() - 1
            });
            parts[part].push(run);
        }
        parts
    }

    /// The mean probability over the pixels whose centres lie in a convex quadrilateral, borders included.
    fn mean_inside(&self, quad: &Quad) -> f32 {
        let [_, top, _, bottom] = quad.bounds();
        let (mut sum, mut count) = (0.0f64, 0u32);
        for y in (top.round().max(0.0) as usize)..=(bottom.round().max(0.0) as usize).min(self.height - 1) {
            let Some((from, to)) = span(quad, (y as f32).clamp(top, bottom)) else { continue };
            let (from, to) = (from.round().max(0.0) as usize, (to.round().max(0.0) as usize).min(self.width - 1));
            for value in self.probabilities[y * self.width..][..self.width].get(from..=to).unwrap_or_default() {
                sum += f64::from(*value);
                count += 1;
            }
        }
        if count == 0 { 0.0 } else { (sum / f64::from(count)) as f32 }
    }
}

/// Where a horizontal line enters and leaves a convex quadrilateral.
fn span(quad: &Quad, y: f32) -> Option<(f32, f32)> {
    let mut hit: Option<(f32, f32)> = None;
    for i in 0..4 {
        let (a, b) = (quad.0[i], quad.0[(i + 1) % 4]);
        if (a.y - y) * (b.y - y) > 0.0 {
            continue;
        }
        let ends = if (b.y - a.y).abs() < 1e-6 { [a.x, b.x] } else { [a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y); 2] };
        for x in ends {
            let (low, high) = hit.unwrap_or((x, x));
            hit = Some((low.min(x), high.max(x)));
        }
    }
    hit
}

/// The rectangle with each side moved outwards by `by`.
fn grown(quad: &Quad, by: f32) -> Quad {
    let (sin, cos) = quad.angle().sin_cos();
    let signs = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
    let mut out = *quad;
    for (point, (along, across)) in out.0.iter_mut().zip(signs) {
        point.x += by * (along * cos - across * sin);
        point.y += by * (along * sin + across * cos);
    }
    out
}

fn root(parents: &mut [usize], mut index: usize) -> usize {
    while parents[index] != index {
        parents[index] = parents[parents[index]];
        index = parents[index];
    }
    index
}

fn join(parents: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(parents, a), root(parents, b));
    parents[a.max(b)] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map_of(width: usize, rows: &[&str]) -> Vec<f32> {
        rows.iter().flat_map(|row| row.bytes().map(|b| if b == b'#' { 0.9 } else { 0.0 }).take(width)).collect()
    }

    #[test]
    fn diagonal_neighbours_are_one_part_and_gaps_make_two() {
        let rows = ["#.....#.", ".#....#.", "..#...#.", "........"];
        let probabilities = map_of(8, &rows);
        let map = Map { probabilities: &probabilities, width: 8, height: 4 };
        assert_eq!(map.parts().len(), 2);
        // A U whose arms meet only at the bottom is one part.
        let rows = ["#....#", "#....#", "#....#", "######", "......"];
        let probabilities = map_of(6, &rows);
        assert_eq!(Map { probabilities: &probabilities, width: 6, height: 5 }.parts().len(), 1);
    }

    #[test]
    fn a_bar_becomes_a_grown_box_and_a_faint_one_is_dropped() {
        let mut probabilities = vec![0.0; 200 * 60];
        for y in 20..30 {
            for x in 50..150 {
                probabilities[y * 200 + x] = 0.9;
            }
        }
        let boxes = Map { probabilities: &probabilities, width: 200, height: 60 }.boxes();
        assert_eq!(boxes.len(), 1);
        let by = 100.0 * 10.0 * UNCLIP_RATIO / 220.0;
        assert!((boxes[0].width() - (100.0 + 2.0 * by)).abs() < 2.0, "{:?}", boxes[0]);
        assert!((boxes[0].height() - (10.0 + 2.0 * by)).abs() < 2.0);
        let faint: Vec<f32> = probabilities.iter().map(|p| p * 0.45).collect();
        assert!(Map { probabilities: &faint, width: 200, height: 60 }.boxes().is_empty());
    }

    #[test]
    fn pictures_are_made_large_enough_and_not_too_large() {
        let size = DetectSize { min_side_px: 736, max_pixels: 3_000_000 };
        assert_eq!(size.of(368, 1000), (736, 1984));
        let (w, h) = size.of(4961, 7016);
        assert!(w * h < 3_200_000 && w > 1400, "{w}x{h}");
        assert_eq!(size.of(10, 100_000).0, STRIDE_PX, "a hair is not enlarged beyond the bound");
        for (width, height) in [(1, 100_000_000), (65_500, 3), (2, 50_000), (u32::MAX, 1), (1, 1), (30_000, 40)] {
            let (w, h) = size.of(width, height);
            assert!(u64::from(w) * u64::from(h) <= 4_500_000, "{width} x {height} becomes {w} x {h}");
        }
    }
}
