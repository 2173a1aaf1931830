use medley_proto::{PhonemeTime, SentenceTime, SpeechTiming, Transcript, WordTime};

use super::cepstra::{Frame, RATE_HZ, cepstra, normalised};

/// Synthetic speech of the same words.
#[derive(Debug)]
pub(crate) struct Reference<'a> {
    /// Mono, 16 kHz.
    pub(crate) samples: &'a [f32],
    pub(crate) timing: &'a SpeechTiming,
}

/// Longer speech is not aligned without words as anchors.
const MAX_UNANCHORED_S: f64 = 90.0;
/// How far the two may drift apart between anchors.
const SLACK_S: f64 = 0.35;

/// The timing of a recording. Dynamic time warping on normalised cepstra (Sakoe and Chiba 1978) aligns synthetic speech of the
/// same words with it, near the words' times where a transcript has them, and carries the phoneme times over. `None` when
/// there are too few anchors.
pub(crate) fn align(
    samples: &[f32],
    transcript: Option<&Transcript>,
    reference: &Reference<'_>,
) -> Option<SpeechTiming> {
    let (ours, theirs) = (normalised(cepstra(reference.samples)), normalised(cepstra(samples)));
    let duration_s = samples.len() as f64 / 16_000.0;
    let mut anchors = transcript.map(|transcript| anchors(&reference.timing.words, transcript)).unwrap_or_default();
    if anchors.len() < 4 {
        if duration_s > MAX_UNANCHORED_S || reference.timing.phonemes.is_empty() {
            return None;
        }
        let (from, to) = (spoken(&ours), spoken(&theirs));
        anchors = vec![(from.0, to.0), (from.1, to.1)];
    }
    let band = Band::new(&anchors, ours.len(), theirs.len());
    let path = warp(&ours, &theirs, &band);
    let moved = |time_s: f64| {
        let at = (time_s * RATE_HZ).clamp(0.0, (path.len() - 1) as f64);
        let (low, part) = (at as usize, at.fract());
        let next = path[(low + 1).min(path.len() - 1)];
        (path[low] + part * (next - path[low])) / RATE_HZ
    };
    let timing = reference.timing;
    let phonemes = timing.phonemes.iter().map(|sound| PhonemeTime {
        start_s: moved(sound.start_s),
        end_s: moved(sound.end_s),
        ..sound.clone()
    });
    let sentences = timing.sentences.iter().map(|sentence| SentenceTime {
        start_s: moved(sentence.start_s),
        end_s: moved(sentence.end_s),
        ..sentence.clone()
    });
    let words = timing.words.iter().map(|word| WordTime {
        start_s: moved(word.start_s),
        end_s: moved(word.end_s),
        ..word.clone()
    });
    Some(SpeechTiming {
        duration_s,
        phonemes: phonemes.collect(),
        sentences: sentences.collect(),
        words: words.collect(),
        marks: Vec::new(),
    })
}

/// Times of the same word in the reference and in the recording, seconds, both growing.
fn anchors(words: &[WordTime], transcript: &Transcript) -> Vec<(f64, f64)> {
    let recorded: Vec<_> = transcript.segments.iter().flat_map(|segment| &segment.words).collect();
    let ours: Vec<String> = words.iter().map(|word| plain(&word.text)).collect();
    let theirs: Vec<String> = recorded.iter().map(|word| plain(&word.text)).collect();
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    for (i, j) in same(&ours, &theirs) {
        for pair in [(words[i].start_s, recorded[j].start_s), (words[i].end_s, recorded[j].end_s)] {
            if pairs.last().is_none_or(|last| pair.0 > last.0 && pair.1 > last.1) {
                pairs.push(pair);
            }
        }
    }
    pairs
}

fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Indices of a longest common subsequence, searched near the diagonal: a transcript and its own reading differ in
/// a word here and there.
fn same(a: &[String], b: &[String]) -> Vec<(usize, usize)> {
    const NEAR: usize = 40;
    let window = |i: usize| {
        let middle = i * b.len() / a.len().max(1);
        middle.saturating_sub(NEAR)..(middle + NEAR).min(b.len())
    };
    // best[i][j - start]: the longest from word i of a and word j of b on.
    let mut best: Vec<Vec<u32>> = vec![Vec::new(); a.len() + 1];
    let at = |best: &[Vec<u32>], i: usize, j: usize| -> u32 {
        if i >= a.len() {
            return 0;
        }
        let window = window(i);
        let j = j.max(window.start);
        best[i].get(j - window.start).copied().unwrap_or(0)
    };
    for i in (0..a.len()).rev() {
        let window = window(i);
        let mut row = vec![0; window.len()];
        for j in window.clone().rev() {
            let here = u32::from(!a[i].is_empty() && a[i] == b[j]);
            let below = at(&best, i + 1, j);
            let right = row.get(j + 1 - window.start).copied().unwrap_or(0);
            row[j - window.start] = below.max(right).max(if here > 0 { 1 + at(&best, i + 1, j + 1) } else { 0 });
        }
        best[i] = row;
    }
    let (mut pairs, mut j) = (Vec::new(), 0);
    for (i, word) in a.iter().enumerate() {
        let window = window(i);
        j = j.max(window.start);
        let wanted = at(&best, i, j);
        if wanted == 0 || wanted == at(&best, i + 1, j) {
            continue;
        }
        while j < window.end && !(*word == b[j] && 1 + at(&best, i + 1, j + 1) == wanted) {
            j += 1;
        }
        if j < window.end {
            pairs.push((i, j));
            j += 1;
        }
    }
    pairs
}

/// For each frame of the reference, the first and the last frame of the recording that it may be aligned with.
struct Band(Vec<(usize, usize)>);

impl Band {
    /// Near the line through the anchors; the further they are apart, the wider.
    fn new(anchors: &[(f64, f64)], ours: usize, theirs: usize) -> Self {
        let ends = (ours as f64 / RATE_HZ, theirs as f64 / RATE_HZ);
        let inner = anchors.iter().filter(|a| a.0 > 0.0 && a.1 > 0.0 && a.0 < ends.0 && a.1 < ends.1);
        let points: Vec<(f64, f64)> =
            std::iter::once((0.0, 0.0)).chain(inner.copied()).chain(std::iter::once(ends)).collect();
        let last = theirs - 1;
        let mut bounds: Vec<(usize, usize)> = (0..ours)
            .map(|i| {
                let time = i as f64 / RATE_HZ;
                let after = points.partition_point(|p| p.0 <= time).clamp(1, points.len() - 1);
                let ((x0, y0), (x1, y1)) = (points[after - 1], points[after]);
                let middle = y0 + (y1 - y0) * ((time - x0) / (x1 - x0).max(1e-6)).clamp(0.0, 1.0);
                let slack = SLACK_S + (x1 - x0).max(y1 - y0) / 2.0;
                let frame = |time: f64| ((time * RATE_HZ).max(0.0) as usize).min(last);
                (frame(middle - slack), frame(middle + slack))
            })
            .collect();
        bounds[0].0 = 0;
        bounds[ours - 1].1 = last;
        // Bounds that grow and overlap leave a way from the first frame to the last.
        for i in 1..ours {
            let (low, high) = bounds[i - 1];
            bounds[i].0 = bounds[i].0.max(low).min(high + 1).min(last);
            bounds[i].1 = bounds[i].1.max(high).max(bounds[i].0);
        }
        Self(bounds)
    }
}

/// When speech begins and ends in normalised frames, seconds.
fn spoken(frames: &[Frame]) -> (f64, f64) {
    const LOUD: f64 = -1.5;
    let first = frames.iter().position(|frame| frame[0] > LOUD).unwrap_or(0);
    let last = frames.iter().rposition(|frame| frame[0] > LOUD).unwrap_or(frames.len() - 1);
    (first as f64 / RATE_HZ, last as f64 / RATE_HZ)
}

/// For each frame of the reference, the frame of the recording that it is aligned with.
fn warp(ours: &[Frame], theirs: &[Frame], band: &Band) -> Vec<f64> {
    const DIAGONAL: u8 = 0;
    const DOWN: u8 = 1;
    const ACROSS: u8 = 2;
    let distance = |a: &Frame, b: &Frame| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let mut steps: Vec<Vec<u8>> = Vec::with_capacity(ours.len());
    let mut before: (usize, Vec<f64>) = (0, Vec::new());
    for (i, frame) in ours.iter().enumerate() {
        let (low, high) = band.0[i];
        let (mut row, mut how) = (Vec::with_capacity(high - low + 1), Vec::with_capacity(high - low + 1));
        for (j, theirs) in theirs.iter().enumerate().take(high + 1).skip(low) {
            let above =
                |j: usize| j.checked_sub(before.0).and_then(|k| before.1.get(k)).copied().unwrap_or(f64::INFINITY);
            let left = row.last().copied().unwrap_or(f64::INFINITY);
            let (cost, step) = if i == 0 {
                if j == low { (0.0, DIAGONAL) } else { (left, ACROSS) }
            } else {
                let diagonal = j.checked_sub(1).map_or(f64::INFINITY, above);
                let mut cheapest = (diagonal, DIAGONAL);
                if above(j) < cheapest.0 {
                    cheapest = (above(j), DOWN);
                }
                if left < cheapest.0 {
                    cheapest = (left, ACROSS);
                }
                cheapest
            };
            row.push(cost + distance(frame, theirs));
            how.push(step);
        }
        steps.push(how);
        before = (low, row);
    }
    let mut path = vec![0.0; ours.len()];
    let (mut i, mut j) = (ours.len() - 1, band.0[ours.len() - 1].1);
    loop {
        path[i] = j as f64;
        match steps[i][j - band.0[i].0] {
            ACROSS => j -= 1,
            _ if i == 0 => return path,
            DOWN => i -= 1,
            _ => (i, j) = (i - 1, j.saturating_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use medley_proto::{TranscriptSegment, Viseme, Word};

    use super::*;

    /// "Vowels": a sequence of tones with pauses; `pace` stretches each by its own factor.
    fn voice(pace: &[f64], pitch: f64) -> (Vec<f32>, SpeechTiming) {
        let (mut samples, mut timing) = (vec![0.0f32; 4000], SpeechTiming::default());
        for (i, stretch) in pace.iter().enumerate() {
            let start_s = samples.len() as f64 / 16_000.0;
            let length = (3200.0 * stretch) as usize;
            let formant = [500.0, 1500.0, 2600.0, 900.0, 3600.0][i % 5];
            samples.extend((0..length).map(|n| {
                let t = n as f64 / 16_000.0;
                let fade = (t * 40.0).min(1.0).min((length - n) as f64 / 400.0);
                (0.3 * fade * (TAU * formant * pitch * t).sin() + 0.1 * fade * (TAU * 150.0 * t).sin()) as f32
            }));
            let end_s = samples.len() as f64 / 16_000.0;
            timing.phonemes.push(PhonemeTime { start_s, end_s, phoneme: i.to_string(), viseme: Viseme::Aa });
            timing.words.push(WordTime { start_s, end_s, text: format!("w{i}") });
            if i % 4 == 3 {
                samples.extend([0.0; 3000]);
            }
        }
        samples.extend([0.0; 4000]);
        timing.duration_s = samples.len() as f64 / 16_000.0;
        (samples, timing)
    }

    fn transcript(timing: &SpeechTiming) -> Transcript {
        let words = timing.words.iter().filter(|word| word.text != "w5");
        let words = words.map(|word| Word {
            start_s: word.start_s + 0.1,
            end_s: word.end_s + 0.05,
            text: word.text.clone(),
            prob: 1.0,
            ..Word::default()
        });
        Transcript {
            segments: vec![TranscriptSegment { words: words.collect(), ..Default::default() }],
            ..Default::default()
        }
    }

    #[test]
    fn phoneme_times_are_carried_over_to_another_pace() {
        let pace: Vec<f64> = (0..20).map(|i| 1.0 + 0.5 * f64::from((i * 7) % 5 - 2) / 2.0).collect();
        let (ours, timing) = voice(&[1.0; 20], 1.0);
        let (theirs, truth) = voice(&pace, 1.03);
        let reference = Reference { samples: &ours, timing: &timing };
        for transcript in [None, Some(transcript(&truth))] {
            let found = align(&theirs, transcript.as_ref(), &reference).unwrap();
            for (found, truth) in found.phonemes.iter().zip(&truth.phonemes) {
                assert!((found.start_s - truth.start_s).abs() < 0.05, "{found:?} is not {truth:?}");
            }
            assert!(found.phonemes.windows(2).all(|w| w[0].start_s <= w[1].start_s));
        }
    }

    #[test]
    fn common_words_are_found_around_others() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let pairs = same(&words("the cat sat on the mat"), &words("well the cat has sat on mat"));
        assert_eq!(pairs, [(0, 1), (1, 2), (2, 4), (3, 5), (5, 6)]);
        assert!(same(&[], &words("a b")).is_empty());
    }

    #[test]
    fn silence_and_nothing_are_no_trouble() {
        let (ours, timing) = voice(&[1.0; 3], 1.0);
        let reference = Reference { samples: &ours, timing: &timing };
        for samples in [vec![], vec![0.0; 20], vec![0.0; 40_000]] {
            let found = align(&samples, None, &reference).unwrap();
            assert!(found.phonemes.iter().all(|p| p.start_s <= p.end_s && p.end_s <= found.duration_s + 0.05));
        }
    }
}
