use medley_proto::SpeechTiming;

use super::{
    LEAD_S, Pose,
    shape::{AIMS, JAW, LOWER, PRESS, Shape, TONGUE, TUCK, UPPER},
};

/// One sound and its time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Segment {
    pub(crate) shape: Shape,
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
}

/// A diphthong turns at this share of its time.
const TURN: f64 = 0.55;
/// Lips that part a little already look quite open, so the jaw opens less than in proportion to how open a sound should look.
const LOOKS_OPEN: f64 = 1.3;
/// A shorter gap between sounds is no pause: voices that give each space between words a time of its own leave 50 to 100 ms,
/// and nobody closes the mouth between words.
const PAUSE_S: f64 = 0.15;
/// Silence goes on beyond both ends.
const FOREVER_S: f64 = 3600.0;

/// The sounds of a timing, with silence before, between and after: dominance is a ratio, and without silence the last
/// vowel would stay for ever.
pub(crate) fn segments(timing: &SpeechTiming) -> Vec<Segment> {
    let chinese_at = |at: f64| {
        let sentence = timing.sentences.iter().rev().find(|sentence| sentence.start_s <= at);
        sentence.is_some_and(|sentence| sentence.language.starts_with("zh"))
    };
    let mut all: Vec<Segment> = Vec::new();
    let mut end_s = -FOREVER_S;
    let mut push = |all: &mut Vec<Segment>, shape, mut start_s: f64, to_s: f64| {
        if start_s - end_s > PAUSE_S {
            all.push(Segment { shape: Shape::Sil, start_s: end_s, end_s: start_s });
        } else if let Some(before) = all.last_mut().filter(|_| start_s > end_s) {
            start_s = (end_s + start_s) / 2.0;
            before.end_s = start_s;
        }
        if to_s > start_s {
            all.push(Segment { shape, start_s, end_s: to_s });
            end_s = to_s;
        }
    };
    for sound in &timing.phonemes {
        let (first, second) = Shape::of_phoneme(&sound.phoneme, sound.viseme, chinese_at(sound.start_s));
        let turn_s = sound.start_s + TURN * (sound.end_s - sound.start_s);
        match second {
            None => push(&mut all, first, sound.start_s, sound.end_s),
            Some(second) => {
                push(&mut all, first, sound.start_s, turn_s);
                push(&mut all, second, turn_s, sound.end_s);
            }
        }
    }
    push(&mut all, Shape::Sil, timing.duration_s.max(0.0), timing.duration_s.max(0.0) + FOREVER_S);
    all
}

/// The mouth in each of `frames` frames. Co-articulation after Cohen and Massaro (1993); closures are put in last, after all smoothing, because vowels on
/// both sides would otherwise win against the 70 ms of a /p/.
pub(crate) fn articulate(segments: &[Segment], frames: usize, fps: f64) -> Vec<Pose> {
    let times: Vec<f64> = (0..frames).map(|i| i as f64 / fps + LEAD_S).collect();
    let mut tracks = smoothed(&dominated(segments, &times));
    tracks.iter_mut().for_each(|aims| aims[JAW] = aims[JAW].max(0.0).powf(LOOKS_OPEN));
    close_lips(segments, &times, &mut tracks);
    tracks.iter().map(Pose::of_mouth).collect()
}

fn dominated(segments: &[Segment], times: &[f64]) -> Vec<[f64; AIMS]> {
    /// A sound further away has no weight that a float would notice.
    const REACH_S: f64 = 1.0;
    let mut first = 0;
    times
        .iter()
        .map(|&time| {
            while first < segments.len() && segments[first].end_s < time - REACH_S {
                first += 1;
            }
            let (mut sum, mut weights) = ([0.0; AIMS], 1e-3);
            for segment in segments[first..].iter().take_while(|segment| segment.start_s < time + REACH_S) {
                let target = segment.shape.target();
                let length_s = segment.end_s - segment.start_s;
                let ahead = (segment.start_s - time).max(0.0) / target.before_s;
                let behind = (time - segment.end_s).max(0.0) / target.after_s;
                let near = (-ahead.powf(1.2) - behind.powf(1.2)).exp();
                let weight = target.strength * (0.35 + length_s / 0.09).min(1.0) * near;
                let opening = if segment.shape.is_vowel() { (0.55 + length_s / 0.2).clamp(0.6, 1.05) } else { 1.0 };
                for (k, aim) in target.aims.into_iter().enumerate() {
                    sum[k] += weight * aim * if k == JAW { opening } else { 1.0 };
                }
                weights += weight;
            }
            sum.map(|v| v / weights)
        })
        .collect()
}

/// `[1 2 1] / 4` along time.
fn smoothed(tracks: &[[f64; AIMS]]) -> Vec<[f64; AIMS]> {
    let at = |i: usize| &tracks[i];
    let last = tracks.len().saturating_sub(1);
    (0..tracks.len())
        .map(|i| {
            let (before, after) = (at(i.saturating_sub(1)), at((i + 1).min(last)));
            std::array::from_fn(|k| 0.25 * before[k] + 0.5 * at(i)[k] + 0.25 * after[k])
        })
        .collect()
}

/// Closes the lips for p b m and lays the lower lip to the teeth for f v: for certain in the frame nearest to the
/// middle of the sound.
fn close_lips(segments: &[Segment], times: &[f64], tracks: &mut [[f64; AIMS]]) {
    const OPENS_IN_S: f64 = 0.035;
    const LABIODENTAL_JAW: f64 = 0.06;
    let frames = times.len();
    let (mut parted, mut untucked) = (vec![1.0f64; frames], vec![1.0f64; frames]);
    for segment in segments {
        let gate = match segment.shape {
            Shape::PP => &mut parted,
            Shape::FF => &mut untucked,
            _ => continue,
        };
        let middle = (segment.start_s + segment.end_s) / 2.0;
        let half = ((segment.end_s - segment.start_s) / 2.0 - 0.02).max(0.0);
        let from = times.partition_point(|&time| time < segment.start_s - 0.2);
        let to = times.partition_point(|&time| time < segment.end_s + 0.2);
        for i in from..to {
            let near = (((times[i] - middle).abs() - half).max(0.0) / OPENS_IN_S).min(1.0);
            gate[i] = gate[i].min(near * near * (3.0 - 2.0 * near));
        }
        let nearest = (from..to).min_by(|&a, &b| (times[a] - middle).abs().total_cmp(&(times[b] - middle).abs()));
        if let Some(nearest) = nearest {
            gate[nearest] = 0.0;
        }
    }
    for (i, aims) in tracks.iter_mut().enumerate() {
        let (parted, untucked) = (parted[i], untucked[i]);
        aims[JAW] *= parted;
        aims[JAW] = aims[JAW] * untucked + aims[JAW].min(LABIODENTAL_JAW) * (1.0 - untucked);
        aims[UPPER] *= parted;
        aims[LOWER] *= parted * (0.3 + 0.7 * untucked);
        aims[PRESS] = (aims[PRESS] * 0.6).max(1.0 - parted);
        aims[TUCK] = (aims[TUCK] * 0.5).max(1.0 - untucked) * parted;
        aims[TONGUE] *= parted;
    }
}

#[cfg(test)]
mod tests {
    use medley_proto::{PhonemeTime, Viseme};

    use super::*;

    fn timing(sounds: &[(&str, f64)]) -> SpeechTiming {
        let mut at = 0.2;
        let phonemes = sounds.iter().map(|&(phoneme, length)| {
            at += length;
            PhonemeTime { start_s: at - length, end_s: at, phoneme: phoneme.into(), viseme: Viseme::Sil }
        });
        let phonemes: Vec<_> = phonemes.collect();
        SpeechTiming { duration_s: at + 0.3, phonemes, ..SpeechTiming::default() }
    }

    #[test]
    fn lips_close_in_every_p_b_m_however_short_and_whatever_stands_beside() {
        for offset in 0..40 {
            let mut timing =
                timing(&[("ɑ", 0.18), ("p", 0.04), ("ɑ", 0.15), ("m", 0.03), ("oʊ", 0.2), ("b", 0.05), ("æ", 0.2)]);
            for sound in &mut timing.phonemes {
                sound.start_s += f64::from(offset) * 0.001;
                sound.end_s += f64::from(offset) * 0.001;
            }
            let segments = segments(&timing);
            let poses = articulate(&segments, 40, 25.0);
            for closed in segments.iter().filter(|segment| segment.shape == Shape::PP) {
                let middle = (closed.start_s + closed.end_s) / 2.0 - LEAD_S;
                // The frame nearest to the middle of the sound; either one where it lies between two.
                let at = middle * 25.0;
                let nearest = [at.floor(), at.ceil()].into_iter().filter(|frame| (frame - at).abs() < 0.5 + 1e-6);
                let is_closed = |i: usize| poses[i].jaw < 0.01 && poses[i].press > 0.99 && poses[i].lower < 0.01;
                assert!(nearest.map(|frame| frame as usize).any(is_closed), "{closed:?}");
            }
            assert!(poses.iter().any(|pose| pose.jaw > 0.5), "and it opens for vowels");
        }
    }

    #[test]
    fn a_space_between_words_is_no_pause() {
        let mut timing = timing(&[("ɑ", 0.2), ("n", 0.1), ("ɑ", 0.2)]);
        timing.phonemes[2].start_s += 0.08;
        timing.phonemes[2].end_s += 0.08;
        let shapes: Vec<_> = segments(&timing).iter().map(|segment| segment.shape).collect();
        assert_eq!(shapes, [Shape::Sil, Shape::AA, Shape::DD, Shape::AA, Shape::Sil, Shape::Sil]);
        let whole = segments(&timing).windows(2).all(|two| (two[1].start_s - two[0].end_s).abs() < 1e-9);
        assert!(whole, "its time is shared by the sounds beside it");
        timing.phonemes[2].start_s += 0.1;
        assert_eq!(segments(&timing)[3].shape, Shape::Sil);
    }

    #[test]
    fn the_mouth_is_closed_before_and_after_speech() {
        let poses = articulate(&segments(&timing(&[("ɑ", 0.4)])), 60, 25.0);
        assert!(poses[0].jaw < 0.15 && poses[59].jaw < 0.02);
        let silent = SpeechTiming { duration_s: 2.0, ..SpeechTiming::default() };
        let poses = articulate(&segments(&silent), 50, 25.0);
        assert!(poses.iter().all(|pose| pose.jaw == 0.0));
    }
}
