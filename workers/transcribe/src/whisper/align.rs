//! The time of each token, from the attention of the decoder's alignment heads.
//!
//! As in OpenAI's `timing.py`: the attention is normalised over the tokens, smoothed by a median over time and averaged over
//! the heads; the times are the cheapest monotonic path through it (dynamic time warping).

/// Seconds of one position of the encoder's output.
const POSITION_S: f64 = 0.02;
/// Samples at 16 kHz of one position.
const POSITION_SAMPLES: usize = 320;
/// Positions of the encoder's output for 30 s.
const MAX_POSITIONS: usize = 1500;
/// Width of the median filter, in positions.
const MEDIAN: usize = 7;

/// How many positions hold the sound of so many samples.
pub(super) fn positions(samples: usize) -> usize {
    samples.div_ceil(POSITION_SAMPLES).clamp(MEDIAN, MAX_POSITIONS)
}

/// When each text token ended, in seconds of the window. `attention` has `[heads][positions]` for each token of the opening
/// and the text; `before` of these tokens come before `<|notimestamps|>`, which attends to where the first word begins.
pub(super) fn ends_s<L: AsRef<[f32]>>(attention: &[L], before: usize, positions: usize) -> Vec<f64> {
    let count = attention.len();
    if count <= before + 1 {
        return Vec::new();
    }
    let heads = attention[0].as_ref().len() / positions;
    let head = |n: usize| attention.iter().flat_map(move |token| &token.as_ref()[n * positions..(n + 1) * positions]);
    let heads: Vec<f32> = (0..heads).flat_map(head).copied().collect();
    let cost = cost(&heads, count, positions, before..count);
    let begun = path(&cost, count - before, positions);
    begun[1..].iter().map(|at| *at as f64 * POSITION_S).collect()
}

/// How little the heads attend to a position at a token: `[rows][positions]`.
fn cost(heads: &[f32], count: usize, positions: usize, rows: std::ops::Range<usize>) -> Vec<f32> {
    let mut cost = vec![0.0; rows.len() * positions];
    for head in heads.chunks_exact(count * positions) {
        let (mean, deviation) = over_tokens(head, count, positions);
        let mut line = vec![0.0; positions + 2 * (MEDIAN / 2)];
        for (row, sum) in rows.clone().zip(cost.chunks_exact_mut(positions)) {
            let attended = &head[row * positions..(row + 1) * positions];
            for (n, value) in line.iter_mut().enumerate() {
                // Mirrored at the ends.
                let at = n.abs_diff(MEDIAN / 2);
                let at = at.min((2 * (positions - 1)).saturating_sub(at));
                *value = (attended[at] - mean[at]) / deviation[at];
            }
            for (n, sum) in sum.iter_mut().enumerate() {
                *sum -= median([line[n], line[n + 1], line[n + 2], line[n + 3], line[n + 4], line[n + 5], line[n + 6]]);
            }
        }
    }
    cost
}

/// Mean and standard deviation at each position.
fn over_tokens(head: &[f32], count: usize, positions: usize) -> (Vec<f32>, Vec<f32>) {
    let mut mean = vec![0.0_f32; positions];
    let mut deviation = vec![0.0_f32; positions];
    for row in head.chunks_exact(positions) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / count as f32);
    }
    for row in head.chunks_exact(positions) {
        for ((square, mean), value) in deviation.iter_mut().zip(&mean).zip(row) {
            *square += (value - mean) * (value - mean) / count as f32;
        }
    }
    deviation.iter_mut().for_each(|square| *square = square.sqrt().max(1e-9));
    (mean, deviation)
}

/// The fourth of seven, by a network that has no branches (N. Devillard, "Fast median search", 1998).
fn median(mut of: [f32; MEDIAN]) -> f32 {
    const EXCHANGES: [(usize, usize); 13] =
        [(0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)];
    for (a, b) in EXCHANGES {
        let (low, high) = if of[b] < of[a] { (of[b], of[a]) } else { (of[a], of[b]) };
        (of[a], of[b]) = (low, high);
    }
    of[MEDIAN / 2]
}

/// The position at which the cheapest path from the first corner to the last enters each row.
fn path(cost: &[f32], rows: usize, positions: usize) -> Vec<usize> {
    #[derive(Clone, Copy)]
    enum From {
        Both,
        Row,
        Position,
    }
    let mut came = vec![From::Position; rows * positions];
    let mut before = vec![f32::INFINITY; positions + 1];
    before[0] = 0.0;
    let mut now = vec![f32::INFINITY; positions + 1];
    for row in 0..rows {
        now[0] = f32::INFINITY;
        for at in 0..positions {
            let (both, up, left) = (before[at], before[at + 1], now[at]);
            let (cheapest, from) = if both < up && both < left {
                (both, From::Both)
            } else if up < both && up < left {
                (up, From::Row)
            } else {
                (left, From::Position)
            };
            now[at + 1] = cheapest + cost[row * positions + at];
            came[row * positions + at] = from;
        }
        std::mem::swap(&mut before, &mut now);
    }
    let mut entered = vec![0; rows];
    let (mut row, mut at) = (rows - 1, positions - 1);
    loop {
        entered[row] = at;
        match came[row * positions + at] {
            From::Both if row > 0 && at > 0 => (row, at) = (row - 1, at - 1),
            From::Row if row > 0 => row -= 1,
            _ if at > 0 => at -= 1,
            _ if row > 0 => row -= 1,
            _ => return entered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_path_follows_what_is_attended_to() {
        // Three tokens said at 0 to 9, 10 to 14 and 15 to 39.
        let said = |at: usize| {
            if at < 10 {
                0
            } else if at < 15 {
                1
            } else {
                2
            }
        };
        let mut head = vec![0.01; 4 * 40];
        (0..40).for_each(|at| head[said(at) * 40 + at] = 0.9);
        let cost = cost(&[head.clone(), head].concat(), 4, 40, 0..3);
        assert_eq!(path(&cost, 3, 40), [0, 10, 15]);
    }

    proptest! {
        #[test]
        fn the_median_is_the_middle(of in prop::array::uniform7(-1.0..1.0_f32)) {
            let mut sorted = of;
            sorted.sort_by(f32::total_cmp);
            prop_assert_eq!(median(of), sorted[3]);
        }

        /// Rows are entered in order, whatever is attended to and however few positions there are.
        #[test]
        fn the_path_never_goes_back(cost in prop::collection::vec(-3.0..3.0_f32, 7..600), rows in 1_usize..7) {
            let positions = cost.len() / rows;
            let entered = path(&cost, rows, positions);
            prop_assert!(entered.is_sorted() && entered[0] == 0 && entered[rows - 1] < positions, "{:?}", entered);
        }
    }
}
