//! Divides a file among the listen steps.

use crate::speech::{
    span::{Span, milliseconds},
    windows::Window,
};

/// How much of the file a step listens to.
const STRETCH_S: f64 = 300.0;
/// How far a border may move to lie in a pause.
const EASE_S: f64 = 30.0;

/// Stretches of the file that follow on one another and cover all speech, with their borders in pauses where there are some.
pub(crate) fn stretches(steps: &[Vec<Window>], duration_s: f64) -> Vec<Span> {
    let speech: Vec<Span> = steps.iter().flatten().flat_map(|window| window.speech.iter().copied()).collect();
    if speech.is_empty() {
        return Vec::new();
    }
    let count = (duration_s / STRETCH_S).round().max(1.0);
    let mut borders = vec![0.0];
    for n in 1..count as u32 {
        let wanted_s = duration_s / count * f64::from(n);
        borders.push(milliseconds(pause_near(&speech, wanted_s).unwrap_or(wanted_s)));
    }
    borders.push(duration_s);
    borders.windows(2).map(|pair| Span::new(pair[0], pair[1])).collect()
}

/// The middle of the longest pause nearby; a second of pause is worth ten seconds of distance.
fn pause_near(speech: &[Span], at_s: f64) -> Option<f64> {
    let pauses = speech.windows(2).map(|pair| Span::new(pair[0].end_s, pair[1].start_s));
    let near = pauses.map(|pause| (f64::midpoint(pause.start_s, pause.end_s), pause.len_s().min(3.0)));
    let near = near.filter(|(middle_s, _)| (middle_s - at_s).abs() <= EASE_S);
    let worth = |(middle_s, len_s): &(f64, f64)| len_s - (middle_s - at_s).abs() / 10.0;
    near.max_by(|a, b| worth(a).total_cmp(&worth(b))).map(|(middle_s, _)| middle_s)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn windows(regions: &[(f64, f64)]) -> Vec<Vec<Window>> {
        let (mut at_s, mut all) = (0.0, Vec::new());
        for (pause_s, speech_s) in regions {
            let span = Span::new(at_s + pause_s, at_s + pause_s + speech_s);
            at_s = span.end_s;
            all.push(vec![Window { pieces: vec![span], speech: vec![span] }]);
        }
        all
    }

    #[test]
    fn borders_lie_in_pauses() {
        let all = windows(&[(0.5, 290.0), (2.0, 7.0), (0.4, 290.0)]);
        let found = stretches(&all, 590.0);
        assert_eq!(found, [Span::new(0.0, 291.5), Span::new(291.5, 590.0)]);
        assert_eq!(stretches(&windows(&[(0.0, 12.0)]), 12.0), [Span::new(0.0, 12.0)]);
        assert!(stretches(&[], 1000.0).is_empty());
    }

    proptest! {
        /// The file is covered once, by stretches that no step takes for ever over.
        #[test]
        fn stretches_cover_the_file(regions in prop::collection::vec((0.01..40.0_f64, 0.1..28.0_f64), 1..300)) {
            let all = windows(&regions);
            let duration_s = regions.iter().map(|(pause_s, speech_s)| pause_s + speech_s).sum::<f64>() + 1.0;
            let found = stretches(&all, duration_s);
            let mut at_s = 0.0;
            for stretch in &found {
                prop_assert!(stretch.start_s == at_s && stretch.len_s() > 0.0);
                prop_assert!(stretch.len_s() <= STRETCH_S * 1.5 + EASE_S * 2.0);
                at_s = stretch.end_s;
            }
            prop_assert_eq!(at_s, duration_s);
        }
    }
}
