//! What a line says: a CTC recogniser (PP-OCR) over pictures 48 pixels high.

use serde::{Deserialize, Serialize};

use super::{error::TextError, geometry::Quad, pixels::Pyramid};

/// The height that the network reads.
const HEIGHT_PX: usize = 48;
/// One column of the network's output stands for so many pixels.
const COLUMN_PX: usize = 8;
/// Widths are padded to multiples of this, so that lines of like width share a batch.
const WIDTH_STEP_PX: usize = 32;
/// The narrowest picture that the network is given.
const MIN_WIDTH_PX: usize = 96;
/// The widest: 3,200 pixels hold over 200 characters.
const MAX_WIDTH_PX: usize = 3200;
/// Lines of a batch: with these the output stays below 100 MB.
const BATCH_WIDTH_PX: usize = 3200;
const BATCH_LINES: usize = 8;
/// A character's alternatives are kept from this probability on.
const ALTERNATIVE_FROM: f32 = 0.01;

/// One character as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Glyph {
    pub char: char,
    /// Probability.
    pub prob: f32,
    /// Where its middle stands, as a fraction of the line's width.
    pub at: f32,
    /// What else it may be, most likely first, with probabilities.
    pub instead: Vec<(char, f32)>,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    pub glyphs: Vec<Glyph>,
    /// The mean probability of its characters; 0 when there are none.
    pub confidence: f32,
}

impl Reading {
    pub fn text(&self) -> String {
        self.glyphs.iter().map(|glyph| glyph.char).collect()
    }
}

/// The characters of the network's classes: class 0 is the blank.
#[derive(Debug)]
pub(super) struct Alphabet(Vec<char>);

impl Alphabet {
    /// From one character a line; a space is the last class.
    pub(super) fn parse(lines: &str) -> Result<Self, TextError> {
        let mut chars = vec!['\0'];
        for line in lines.split('\n').filter(|line| !line.is_empty()) {
            // A few classes stand for several code points; the first is what a reader sees.
            chars.push(line.chars().next().ok_or(TextError::Contract("the alphabet has an empty class"))?);
        }
        chars.push(' ');
        Ok(Self(chars))
    }
}

/// Lines that are read in one go.
#[derive(Debug)]
pub(super) struct Batch {
    width: usize,
    /// Index of the line, its quadrilateral, its width in the network's pixels.
    lines: Vec<(usize, Quad, usize)>,
}

/// Sorts lines by width into batches that waste little padding.
pub(super) fn batches(quads: &[Quad]) -> Vec<Batch> {
    let mut lines: Vec<_> = quads
        .iter()
        .enumerate()
        .map(|(index, quad)| {
            let quad = if quad.height() >= 1.5 * quad.width() { quad.turned() } else { *quad };
            let width = (HEIGHT_PX as f32 * quad.width() / quad.height()).ceil();
            (index, quad, (width as usize).clamp(COLUMN_PX, MAX_WIDTH_PX))
        })
        .collect();
    lines.sort_by_key(|&(index, _, width)| (width, index));
    let mut batches: Vec<Batch> = Vec::new();
    for line in lines {
        let width = line.2.next_multiple_of(WIDTH_STEP_PX).max(MIN_WIDTH_PX);
        match batches.last_mut() {
            Some(batch)
                if batch.lines.len() < BATCH_LINES
                    && (batch.lines.len() + 1) * width <= BATCH_WIDTH_PX
                    && width <= batch.width + WIDTH_STEP_PX.max(batch.width / 8) =>
            {
                batch.width = width;
                batch.lines.push(line);
            }
            _ => batches.push(Batch { width, lines: vec![line] }),
        }
    }
    batches
}

/// Reads a batch; returns each line's index and reading.
pub(super) fn read(
    session: &medley_models::Session,
    alphabet: &Alphabet,
    pyramid: &Pyramid<'_>,
    batch: &Batch,
) -> Result<Vec<(usize, Reading)>, TextError> {
    let line_size = 3 * HEIGHT_PX * batch.width;
    let mut input = vec![0.0; batch.lines.len() * line_size];
    for ((_, quad, width), out) in batch.lines.iter().zip(input.chunks_exact_mut(line_size)) {
        pyramid.crop_bgr(quad, (*width, HEIGHT_PX), batch.width, out);
    }
    let shape = [batch.lines.len(), 3, HEIGHT_PX, batch.width];
    session.with(|session| {
        let input = ort::value::Tensor::from_array((shape, input))?;
        let outputs = session.run(ort::inputs![input])?;
        let (shape, data) = outputs[0].try_extract_tensor::<f32>()?;
        let classes = alphabet.0.len();
        if shape.len() != 3 || shape[0] as usize != batch.lines.len() || shape[2] as usize != classes {
            return Err(TextError::Contract("the recogniser's classes are not those of its alphabet"));
        }
        let columns = shape[1] as usize;
        let readings = batch.lines.iter().zip(data.chunks_exact(columns * classes));
        Ok(readings.map(|(&(index, _, width), data)| (index, decode(data, alphabet, width))).collect())
    })
}

/// Greedy CTC: the best class of each column, repeats merged, blanks dropped.
fn decode(columns: &[f32], alphabet: &Alphabet, width: usize) -> Reading {
    let mut glyphs: Vec<Glyph> = Vec::new();
    let mut last = 0;
    let mut sum = 0.0;
    for (index, column) in columns.chunks_exact(alphabet.0.len()).enumerate() {
        let (class, prob) = best(column);
        if class != 0 && class != last {
            let at = (index as f32 + 0.5) * COLUMN_PX as f32 / width as f32;
            let instead =
                if prob < 1.0 - ALTERNATIVE_FROM { alternatives(column, class, alphabet) } else { Vec::new() };
            glyphs.push(Glyph { char: alphabet.0[class], prob, at: at.min(1.0), instead });
            sum += prob;
        }
        last = class;
    }
    let confidence = if glyphs.is_empty() { 0.0 } else { sum / glyphs.len() as f32 };
    Reading { glyphs, confidence }
}

fn best(column: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (class, &value) in column.iter().enumerate() {
        if value > best.1 {
            best = (class, value);
        }
    }
    best
}

fn alternatives(column: &[f32], taken: usize, alphabet: &Alphabet) -> Vec<(char, f32)> {
    let mut others: Vec<_> = column
        .iter()
        .enumerate()
        .filter(|&(class, &prob)| class != taken && class != 0 && prob >= ALTERNATIVE_FROM)
        .map(|(class, &prob)| (alphabet.0[class], prob))
        .collect();
    others.sort_by(|a, b| b.1.total_cmp(&a.1));
    others.truncate(4);
    others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Point;

    #[test]
    fn ctc_merges_repeats_and_keeps_doubles_with_a_blank_between() {
        let alphabet = Alphabet::parse("1\n2\n").unwrap();
        assert_eq!(alphabet.0, ['\0', '1', '2', ' ']);
        let one_hot = |class: usize| (0..4).map(|c| if c == class { 0.9 } else { 0.1 / 3.0 }).collect::<Vec<f32>>();
        let columns: Vec<f32> = [1, 1, 0, 1, 2, 2, 3, 2].into_iter().flat_map(one_hot).collect();
        let reading = decode(&columns, &alphabet, 64);
        assert_eq!(reading.text(), "112 2");
        assert!((reading.confidence - 0.9).abs() < 1e-6);
        assert!((reading.glyphs[1].at - 3.5 / 8.0).abs() < 1e-6);
        assert_eq!(reading.glyphs[0].instead.len(), 2, "the blank is no alternative");
    }

    #[test]
    fn every_line_is_in_one_batch_and_no_batch_is_too_large() {
        let quads: Vec<Quad> = (0..100)
            .map(|i| {
                let width = 10.0 + (i * 37 % 100) as f32 * 20.0;
                Quad([[0.0, 0.0], [width, 0.0], [width, 20.0], [0.0, 20.0]].map(Point::from))
            })
            .collect();
        let batches = batches(&quads);
        let mut seen: Vec<_> = batches.iter().flat_map(|b| b.lines.iter().map(|l| l.0)).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
        for batch in &batches {
            assert!(batch.lines.len() == 1 || batch.lines.len() * batch.width <= BATCH_WIDTH_PX);
            assert!(batch.lines.iter().all(|line| line.2 <= batch.width));
        }
    }
}
