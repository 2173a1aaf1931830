//! The ink of a page: which pixels are printed.

use std::ops::Range;

use image::GrayImage;

/// The printed pixels of a page.
pub(super) struct Ink {
    pub(super) width: usize,
    height: usize,
    /// Marks of the size of letters.
    pub(super) marks: Vec<bool>,
    /// Rules, frames, bands and filled areas.
    pub(super) long: Vec<bool>,
}

/// Runs from this length on are not parts of letters, at 75 dots per inch.
const MIN_LONG_RUN_PX: usize = 30;
/// The difference in brightness from which a pixel is ink.
const MIN_CONTRAST: u8 = 60;

impl Ink {
    pub(super) fn of(page: &GrayImage) -> Self {
        let (width, height) = (page.width() as usize, page.height() as usize);
        let mut counts = [0usize; 256];
        page.as_raw().iter().for_each(|&grey| counts[usize::from(grey)] += 1);
        let paper = (0..=255u8).max_by_key(|&grey| counts[usize::from(grey)]).unwrap_or(255);
        let marks: Vec<bool> = page.as_raw().iter().map(|grey| grey.abs_diff(paper) > MIN_CONTRAST).collect();
        let mut long = vec![false; marks.len()];
        for y in 0..height {
            mark_runs(&marks, &mut long, y * width..(y + 1) * width);
        }
        for x in 0..width {
            mark_runs(&marks, &mut long, (x..width * height).step_by(width));
        }
        let marks = marks.iter().zip(&long).map(|(mark, long)| *mark && !*long).collect();
        Self { width, height, marks, long }
    }

    pub(super) fn columns(&self, from: f32, to: f32) -> Range<usize> {
        (from.max(0.0) as usize).min(self.width)..(to.max(0.0).ceil() as usize).min(self.width)
    }

    pub(super) fn rows(&self, from: f32, to: f32) -> Range<usize> {
        (from.max(0.0) as usize).min(self.height)..(to.max(0.0).ceil() as usize).min(self.height)
    }
}

/// Marks the long runs of a row or column, given as indices into the picture.
fn mark_runs(marks: &[bool], long: &mut [bool], places: impl Iterator<Item = usize>) {
    let mut run: Vec<usize> = Vec::new();
    let mut end = |run: &mut Vec<usize>| {
        if run.len() >= MIN_LONG_RUN_PX {
            run.iter().for_each(|&place| long[place] = true);
        }
        run.clear();
    };
    for place in places {
        if marks[place] {
            run.push(place);
        } else {
            end(&mut run);
        }
    }
    end(&mut run);
}
