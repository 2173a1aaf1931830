use opencv::{
    core::{Mat, Point, Scalar, Vec4f, Vector},
    imgproc::{self, LineSegmentDetectorTrait},
    prelude::*,
};

use crate::{Annotator, ControlError, Map, Scene, mat, network::Network};

/// Straight lines: by the M-LSD network in the config (Gu et al., arXiv:2106.00186), else by OpenCV's LSD (von Gioi et
/// al., IPOL 2012).
#[derive(Debug)]
pub(crate) struct Mlsd;

/// x, y of both ends in px of the working size.
type Segment = [f32; 4];
/// The most lines that the reference keeps, and the neighbourhood in which only the best centre counts.
const MAX_LINES: usize = 200;
const NEIGHBOURS: usize = 1;

impl Annotator for Mlsd {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        let resources = scene.resources();
        let (lines, by) = match &resources.config.mlsd_model {
            Some(path) => {
                let network = Network::of_owner(&resources.models, path, resources.threads)?;
                (by_network(&network, scene)?, network.label)
            }
            None => (by_lsd(scene)?, "lsd".to_owned()),
        };
        let mut canvas = mat::black_like(scene.view())?;
        for [x1, y1, x2, y2] in &lines {
            let (from, to) = (Point::new(*x1 as i32, *y1 as i32), Point::new(*x2 as i32, *y2 as i32));
            imgproc::line(&mut canvas, from, to, Scalar::all(255.0), 1, imgproc::LINE_8, 0)?;
        }
        Ok(Map::new(canvas).quality("mlsd_lines", lines.len()).quality("mlsd_by", by))
    }
}

fn by_lsd(scene: &Scene<'_>) -> Result<Vec<Segment>, ControlError> {
    let mut detector = imgproc::create_line_segment_detector_def()?;
    let mut lines = Vector::<Vec4f>::new();
    detector.detect_def(&mat::gray(scene.view())?, &mut lines)?;
    let shortest = scene.params().mlsd_min_length_px;
    Ok(lines.iter().map(|line| line.0).filter(|[x1, y1, x2, y2]| (x1 - x2).hypot(y1 - y2) > shortest).collect())
}

/// Contract of the reference's torch model: [1, 4, H, W] = RGB and ones, each `v / 127.5 - 1`, gives [1, 9, H/2, W/2]:
/// centre logits, then four displacements.
fn by_network(network: &Network, scene: &Scene<'_>) -> Result<Vec<Segment>, ControlError> {
    let own = scene.view_size();
    let shown = network.fixed_size().map_or(own, |[height, width]| [width as u32, height as u32]);
    let view: Mat = mat::resize(scene.view(), shown, imgproc::INTER_AREA)?;
    let pixels = view.data_bytes()?;
    let [width, height] = shown.map(|side| side as usize);
    let mut planes = Vec::with_capacity(4 * width * height);
    for channel in 0..3 {
        planes.extend(pixels.iter().skip(channel).step_by(3).map(|v| f32::from(*v) / 127.5 - 1.0));
    }
    planes.resize(4 * width * height, 1.0 / 127.5 - 1.0);
    let output = network.run([1, 4, height, width], planes)?;
    let [1, 9, rows, columns] = output.shape[..] else {
        return Err(network.breach("lines are [1, 9, H/2, W/2]"));
    };
    let params = scene.params();
    let lines = decode(&output.values, [columns, rows], params.mlsd_score, params.mlsd_min_length_px / 2.0);
    let scale = [own[0] as f32 / columns as f32, own[1] as f32 / rows as f32];
    Ok(lines.into_iter().map(|[a, b, c, d]| [a * scale[0], b * scale[1], c * scale[0], d * scale[1]]).collect())
}

/// Lines in cells: the surest centres, each with the displacements to its ends.
fn decode(values: &[f32], [columns, rows]: [usize; 2], min_score: f32, min_length: f32) -> Vec<Segment> {
    let cells = columns * rows;
    let logit = |x: usize, y: usize| values[y * columns + x];
    let is_highest = |x: usize, y: usize| {
        let around = |at: usize, most: usize| at.saturating_sub(NEIGHBOURS)..=(at + NEIGHBOURS).min(most - 1);
        around(y, rows).all(|v| around(x, columns).all(|u| logit(u, v) <= logit(x, y)))
    };
    let mut centres: Vec<(f32, usize)> = (0..cells)
        .map(|cell| (medley_vision::geometry::sigmoid(values[cell]), cell))
        .filter(|(score, cell)| *score > min_score && is_highest(cell % columns, cell / columns))
        .collect();
    centres.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    centres.truncate(MAX_LINES);
    let line = |(_, cell): (f32, usize)| {
        let [from_x, from_y, to_x, to_y] = [1, 2, 3, 4].map(|plane| values[plane * cells + cell]);
        let (x, y) = ((cell % columns) as f32, (cell / columns) as f32);
        let long = (from_x - to_x).hypot(from_y - to_y) > min_length;
        long.then_some([x + from_x, y + from_y, x + to_x, y + to_y])
    };
    centres.into_iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_centre_with_its_displacements_is_a_line() {
        let (columns, rows) = (8, 6);
        let mut values = vec![0.0; 9 * 48];
        values[..48].fill(-9.0);
        let cell = 2 * columns + 3;
        values[cell] = 5.0;
        values[cell + 1] = 4.0; // its neighbour is less sure
        for (plane, displacement) in [(1, -3.0), (2, -1.0), (3, 3.0), (4, 1.0)] {
            values[plane * 48 + cell] = displacement;
        }
        assert_eq!(decode(&values, [columns, rows], 0.1, 2.0), [[0.0, 1.0, 6.0, 3.0]]);
        assert!(decode(&values, [columns, rows], 0.1, 20.0).is_empty());
    }
}
