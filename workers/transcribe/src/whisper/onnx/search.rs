//! Search: greedy, sampled at a temperature, or a beam of hypotheses.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::decoder::{Row, Rows, Scores};
use crate::error::RecognizerError;

/// The most tokens of one window: half of the decoder's positions, less what comes before the text.
pub(super) const MAX_TOKENS: usize = 220;

/// What a search keeps to.
pub(super) struct Rules<'a> {
    /// What comes before the text, from `<|startoftranscript|>` on.
    pub(super) opening: &'a [i32],
    /// The prompt, with `<|startofprev|>` before it; often empty.
    pub(super) before: &'a [i32],
    pub(super) end_of_text: i32,
    /// Its probability at `<|startoftranscript|>` is the probability that there is no speech.
    pub(super) no_speech: Option<i32>,
    pub(super) biases: &'a Biases,
    /// Where the sound of each window ends, in positions of the encoder, when attention is to be kept.
    pub(super) positions: Option<&'a [usize]>,
    pub(super) stop: &'a AtomicBool,
}

/// What is added to the logits.
pub(super) struct Biases {
    pub(super) none: Vec<f32>,
    /// A text cannot begin with its end or a space.
    pub(super) first: Vec<f32>,
    pub(super) text: Vec<f32>,
}

/// The tokens of a window so far.
#[derive(Clone, Default)]
pub(super) struct Hypothesis {
    pub(super) tokens: Vec<i32>,
    pub(super) logprobs: Vec<f32>,
    /// The attention of each token of the opening and of the text: `[heads][positions]`.
    pub(super) attention: Vec<Arc<[f32]>>,
    pub(super) no_speech_prob: f32,
}

impl Hypothesis {
    fn with(&self, token: i32, logprob: f32) -> Self {
        let mut longer = self.clone();
        longer.push(token, logprob);
        longer
    }

    fn push(&mut self, token: i32, logprob: f32) {
        self.tokens.push(token);
        self.logprobs.push(logprob);
    }

    fn sum(&self) -> f32 {
        self.logprobs.iter().sum()
    }
}

/// Keeps the attention of the last `count` tokens of a row, when it is wanted.
fn keep_attention(
    hypothesis: &mut Hypothesis,
    scores: &Scores,
    row: Row,
    count: usize,
    positions: Option<usize>,
) -> Result<(), RecognizerError> {
    if let Some(positions) = positions {
        hypothesis.attention.extend(scores.last_attention(row, count, positions)?.into_iter().map(Arc::from));
    }
    Ok(())
}

/// Steps through what comes before the text; each row is a window.
fn open(rows: &mut Rows<'_>, windows: usize, rules: &Rules<'_>) -> Result<(Vec<Hypothesis>, Scores), RecognizerError> {
    let in_each = |tokens: &[i32]| tokens.repeat(windows);
    let (start, rest) = rules.opening.split_at(1);
    let scores = rows.step(&in_each(&[rules.before, start].concat()), &rules.biases.none)?;
    let mut hypotheses = vec![Hypothesis::default(); windows];
    let positions = |n: usize| rules.positions.map(|positions| positions[n]);
    for (n, hypothesis) in hypotheses.iter_mut().enumerate() {
        let row = scores.row(n)?;
        hypothesis.no_speech_prob =
            rules.no_speech.and_then(|token| row.get(token as usize)).map_or(0.0, |value| value.exp());
        keep_attention(hypothesis, &scores, Row::of_window(n), 1, positions(n))?;
    }
    let scores = rows.step(&in_each(rest), &rules.biases.first)?;
    for (n, hypothesis) in hypotheses.iter_mut().enumerate() {
        keep_attention(hypothesis, &scores, Row::of_window(n), rest.len(), positions(n))?;
    }
    Ok((hypotheses, scores))
}

/// Fails once `stop` is set.
pub(super) fn check_stop(stop: &AtomicBool) -> Result<(), RecognizerError> {
    if stop.load(Ordering::Relaxed) { Err(RecognizerError::Stopped) } else { Ok(()) }
}

/// Decodes all windows side by side: takes the most probable token each time, or samples one when there is a temperature. A
/// window that is done leaves the others.
pub(super) fn greedy_or_sampled(
    mut rows: Rows<'_>,
    windows: usize,
    temperature: f32,
    rules: &Rules<'_>,
) -> Result<Vec<Hypothesis>, RecognizerError> {
    let (mut hypotheses, mut scores) = open(&mut rows, windows, rules)?;
    // Each window has a generator of its own, so its result does not depend on the windows decoded beside it.
    let mut rng = vec![SmallRng::seed_from_u64(0); windows];
    let mut going: Vec<usize> = (0..windows).collect();
    for _ in 0..MAX_TOKENS {
        check_stop(rules.stop)?;
        let (mut next, mut left) = (Vec::new(), Vec::new());
        for (row, window) in going.iter().enumerate() {
            let logprobs = scores.row(row)?;
            let token =
                if temperature > 0.0 { sample(logprobs, temperature, &mut rng[*window]) } else { argmax(logprobs) };
            if token as i32 != rules.end_of_text {
                hypotheses[*window].push(token as i32, logprobs[token]);
                next.push(token as i32);
                left.push(row);
            }
        }
        if left.is_empty() {
            break;
        }
        rows.keep_windows(&left)?;
        going = left.iter().map(|row| going[*row]).collect();
        scores = rows.step(&next, &rules.biases.text)?;
        for (row, window) in going.iter().enumerate() {
            keep_attention(
                &mut hypotheses[*window],
                &scores,
                Row::of_window(row),
                1,
                rules.positions.map(|positions| positions[*window]),
            )?;
        }
    }
    Ok(hypotheses)
}

/// Beam search: follows the `width` most probable texts of one window until as many have ended; the best mean wins.
pub(super) fn beam(mut rows: Rows<'_>, width: usize, rules: &Rules<'_>) -> Result<Hypothesis, RecognizerError> {
    let (mut live, mut scores) = open(&mut rows, 1, rules)?;
    let mut ended: Vec<Hypothesis> = Vec::new();
    for _ in 0..MAX_TOKENS {
        check_stop(rules.stop)?;
        let mut longer = Vec::new();
        for (row, hypothesis) in live.iter().enumerate() {
            let logprobs = scores.row(row)?;
            let sum = hypothesis.sum();
            longer.extend(top_k(logprobs, width + 1).into_iter().map(|token| (sum + logprobs[token], row, token)));
        }
        longer.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let (mut next, mut parents, mut hypotheses) = (Vec::new(), Vec::new(), Vec::new());
        for (_, row, token) in longer {
            if next.len() == width {
                break;
            }
            let logprob = scores.row(row)?[token];
            if token as i32 == rules.end_of_text {
                let mut whole = live[row].clone();
                whole.logprobs.push(logprob);
                ended.push(whole);
            } else {
                hypotheses.push(live[row].with(token as i32, logprob));
                next.push(token as i32);
                parents.push(row);
            }
        }
        if ended.len() >= width || next.is_empty() {
            break;
        }
        live = hypotheses;
        rows.keep_hypotheses(&parents)?;
        scores = rows.step(&next, &rules.biases.text)?;
        for (row, hypothesis) in live.iter_mut().enumerate() {
            keep_attention(
                hypothesis,
                &scores,
                Row::of_hypothesis(row, parents.len()),
                1,
                rules.positions.map(|positions| positions[0]),
            )?;
        }
    }
    if ended.is_empty() {
        ended = live;
    }
    let mean = |hypothesis: &Hypothesis| hypothesis.sum() / hypothesis.tokens.len().max(1) as f32;
    let mut winner = ended.into_iter().rev().max_by(|a, b| mean(a).total_cmp(&mean(b))).unwrap_or_default();
    winner.logprobs.truncate(winner.tokens.len());
    Ok(winner)
}

fn argmax(logprobs: &[f32]) -> usize {
    let max = logprobs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logprobs.iter().position(|value| *value == max).unwrap_or(0)
}

/// The `count` most probable tokens, best first.
fn top_k(logprobs: &[f32], count: usize) -> Vec<usize> {
    let mut best: Vec<usize> = Vec::with_capacity(count + 1);
    for (token, value) in logprobs.iter().enumerate() {
        if best.len() == count && *value <= logprobs[best[count - 1]] {
            continue;
        }
        let at = best.partition_point(|other| logprobs[*other] >= *value);
        best.insert(at, token);
        best.truncate(count);
    }
    best
}

/// Samples a token at a temperature.
fn sample(logprobs: &[f32], temperature: f32, rng: &mut SmallRng) -> usize {
    let max = logprobs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |value: &f32| f64::from((value - max) / temperature).exp();
    let total: f64 = logprobs.iter().map(weight).sum();
    let mut left = rng.random::<f64>() * total;
    for (token, value) in logprobs.iter().enumerate() {
        left -= weight(value);
        if left <= 0.0 {
            return token;
        }
    }
    argmax(logprobs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_throw_follows_the_probabilities() {
        let logprobs: Vec<f32> = [0.1_f32, 0.6, 0.0, 0.3].map(f32::ln).to_vec();
        let mut rng = SmallRng::seed_from_u64(7);
        let mut counts = [0; 4];
        (0..10_000).for_each(|_| counts[sample(&logprobs, 1.0, &mut rng)] += 1);
        assert!((900..1100).contains(&counts[0]) && (5800..6200).contains(&counts[1]) && counts[2] == 0, "{counts:?}");
        // The colder, the likelier the likeliest: .6^5 against .1^5 and .3^5.
        let cold = (0..1000).filter(|_| sample(&logprobs, 0.2, &mut rng) == 1).count();
        assert!(cold > 940, "{cold}");
    }

    proptest! {
        #[test]
        fn the_best_are_the_best(values in prop::collection::vec(-9.0..0.0_f32, 1..60), count in 1_usize..8) {
            let mut order: Vec<usize> = (0..values.len()).collect();
            order.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
            order.truncate(count);
            prop_assert_eq!(argmax(&values), order[0]);
            prop_assert_eq!(top_k(&values, count), order);
        }
    }
}
