//! From what was heard to who speaks when.

use super::{
    clusters::{self, Groups, SAME, nearest},
    step::{Listened, Missed, Piece, Speakers, Turn, Voice},
};
use crate::speech::span::Span;

/// Shorter prints take no part in the clustering.
const SURE_S: f64 = 1.0;
/// What two voices must be alike by to be one person's, when somebody knows that there are more people: a telephone makes
/// voices alike.
const STRICTER: [f32; 7] = [0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];
/// A speaker with less own speech is dissolved into the others.
const MIN_OWN_S: f64 = 2.0;
/// The second of two who speak at once is whoever else speaks nearest in time, within this.
const NEAR_S: f64 = 2.0;
/// Shorter overlaps are not told.
const MIN_BOTH_S: f64 = 0.05;
/// Turns of one speaker are one turn when they are no further apart.
const SAME_TURN_S: f64 = 0.02;
/// The most voices that a merge leaves: their prints are about a megabyte.
const MAX_MERGED: usize = 3_000;

/// Joins what neighbouring steps heard. Where there are many prints, those that surely are one voice become one.
pub(crate) fn merge(parts: impl IntoIterator<Item = Listened>) -> Listened {
    let mut all = concat(parts);
    if all.voices.len() <= MAX_MERGED {
        return all;
    }
    // What is too short to be clustered stays as it is.
    let sure: Vec<usize> = (0..all.voices.len()).filter(|n| all.voices[*n].weight_s >= SURE_S).collect();
    let condensed = clusters::condense(&pick(&all.voices, &sure), MAX_MERGED);
    let mut becomes = vec![u32::MAX; all.voices.len()];
    sure.iter().zip(&condensed.group_of).for_each(|(n, group)| becomes[*n] = *group as u32);
    let mut voices = condensed.means;
    for (n, voice) in all.voices.iter().enumerate() {
        if becomes[n] == u32::MAX {
            becomes[n] = voices.len() as u32;
            voices.push(voice.clone());
        }
    }
    for place in all.pieces.iter_mut().flat_map(|piece| &mut piece.prints) {
        place.voice = becomes[place.voice as usize];
    }
    all.voices = voices;
    all
}

fn concat(parts: impl IntoIterator<Item = Listened>) -> Listened {
    let mut all = Listened::default();
    for mut part in parts {
        let before = all.voices.len() as u32;
        part.pieces.iter_mut().flat_map(|piece| &mut piece.prints).for_each(|place| place.voice += before);
        all.pieces.extend(part.pieces);
        all.both.extend(part.both);
        all.voices.extend(part.voices);
        all.turns.extend(part.turns);
        all.missed.extend(part.missed);
    }
    all
}

fn pick(voices: &[Voice], of: &[usize]) -> Vec<Voice> {
    of.iter().map(|n| voices[*n].clone()).collect()
}

/// Gives every moment of speech its speaker. `count` is how many there are, when somebody knows.
pub(crate) fn speakers(parts: impl IntoIterator<Item = Listened>, count: Option<u16>) -> Speakers {
    let heard = concat(parts);
    let speaker_of = assign(&heard.voices, count);
    let mut turns = turns(&heard.pieces, &speaker_of);
    let second = second_speakers(&turns, &heard.both);
    turns.extend(second);
    turns.extend(heard.turns);
    turns.sort_by(|a, b| a.span.start_s.total_cmp(&b.span.start_s).then(a.speaker.cmp(&b.speaker)));
    number_by_appearance(&mut turns, heard.missed)
}

/// The group of each voice.
fn assign(voices: &[Voice], count: Option<u16>) -> Vec<usize> {
    if voices.is_empty() {
        return Vec::new();
    }
    let sure: Vec<usize> = (0..voices.len()).filter(|n| voices[*n].weight_s >= SURE_S).collect();
    let sure = if sure.is_empty() { (0..voices.len()).collect() } else { sure };
    let sure = pick(voices, &sure);
    let mut means = without_small(clusters::cluster(&sure, SAME));
    if let Some(count) = count.map(usize::from) {
        for same in STRICTER {
            if means.len() >= count {
                break;
            }
            let more = without_small(clusters::cluster(&sure, same));
            means = if more.len() > means.len() { more } else { means };
        }
        if means.len() > count {
            means = clusters::join_to(&means, count).means;
        }
    }
    let nearest_of = |means: &[Voice]| voices.iter().map(|voice| nearest(means, &voice.print)).collect::<Vec<_>>();
    // Once more with everything that was said.
    let first = nearest_of(&means);
    for (n, mean) in means.iter_mut().enumerate() {
        let own = || voices.iter().zip(&first).filter(|(_, group)| **group == n).map(|(voice, _)| voice);
        if own().next().is_some() {
            *mean = clusters::mean(own());
        }
    }
    nearest_of(&means)
}

/// The groups that say enough, or else the one that says most.
fn without_small(groups: Groups) -> Vec<Voice> {
    let most_s = groups.means.iter().map(|mean| mean.own_s).fold(0.0, f64::max);
    let least_s = most_s.min(MIN_OWN_S);
    groups.means.into_iter().filter(|mean| mean.own_s >= least_s).collect()
}

/// Each moment of a piece goes to the print whose middle is nearest.
fn turns(pieces: &[Piece], speaker_of: &[usize]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for piece in pieces {
        let middle = |n: usize| f64::midpoint(piece.prints[n].span.start_s, piece.prints[n].span.end_s);
        for (n, place) in piece.prints.iter().enumerate() {
            let start_s = if n == 0 { piece.span.start_s } else { f64::midpoint(middle(n - 1), middle(n)) };
            let is_last = n + 1 == piece.prints.len();
            let end_s = if is_last { piece.span.end_s } else { f64::midpoint(middle(n), middle(n + 1)) };
            let speaker = speaker_of[place.voice as usize] as u32;
            match turns.last_mut() {
                Some(last) if last.speaker == speaker && start_s - last.span.end_s < SAME_TURN_S => {
                    last.span.end_s = end_s;
                }
                _ => turns.push(Turn { span: Span::new(start_s, end_s), speaker }),
            }
        }
    }
    turns
}

/// Where two speak at once: the other one is whoever else speaks nearest in time.
fn second_speakers(turns: &[Turn], both: &[Span]) -> Vec<Turn> {
    let mut second = Vec::new();
    for overlap in both {
        let from = turns.partition_point(|turn| turn.span.end_s <= overlap.start_s);
        let touching = (from..turns.len()).take_while(|n| turns[*n].span.start_s < overlap.end_s);
        for n in touching {
            let turn = &turns[n];
            let span = Span::new(turn.span.start_s.max(overlap.start_s), turn.span.end_s.min(overlap.end_s));
            if span.len_s() > MIN_BOTH_S
                && let Some(speaker) = other_nearby(turns, n, span)
            {
                second.push(Turn { span, speaker });
            }
        }
    }
    second
}

fn other_nearby(turns: &[Turn], n: usize, span: Span) -> Option<u32> {
    let is_other = |turn: &&Turn| turn.speaker != turns[n].speaker;
    let before = turns[..n].iter().rev().find(is_other).map(|turn| (span.start_s - turn.span.end_s, turn.speaker));
    let after = turns[n + 1..].iter().find(is_other).map(|turn| (turn.span.start_s - span.end_s, turn.speaker));
    let nearest = [before, after].into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0))?;
    (nearest.0 <= NEAR_S).then_some(nearest.1)
}

fn number_by_appearance(turns: &mut [Turn], missed: Vec<Missed>) -> Speakers {
    let mut order: Vec<u32> = Vec::new();
    for turn in turns.iter_mut() {
        let place = order.iter().position(|speaker| *speaker == turn.speaker).unwrap_or_else(|| {
            order.push(turn.speaker);
            order.len() - 1
        });
        turn.speaker = place as u32;
    }
    Speakers { count: order.len() as u32, turns: turns.to_vec(), missed }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{clusters::tests::people, step::Place},
        *,
    };

    /// Pieces of 3 s that people say one after another, with half a second between them.
    fn conversation(of: &[usize]) -> Listened {
        let mut heard = Listened { voices: people(11, of), ..Listened::default() };
        for n in 0..of.len() {
            let span = Span::new(n as f64 * 3.5, n as f64 * 3.5 + 3.0);
            heard.pieces.push(Piece { span, prints: vec![Place { span, voice: n as u32 }] });
            heard.voices[n].weight_s = 3.0;
            heard.voices[n].own_s = 3.0;
        }
        heard
    }

    fn who(found: &Speakers) -> Vec<u32> {
        found.turns.iter().map(|turn| turn.speaker).collect()
    }

    #[test]
    fn speakers_are_numbered_as_they_appear() {
        let found = speakers([conversation(&[2, 0, 2, 1, 0])], None);
        assert_eq!((found.count, who(&found)), (3, vec![0, 1, 0, 2, 1]));
        assert_eq!(found.turns[1].span, Span::new(3.5, 6.5));
        assert_eq!(speakers([Listened::default()], None), Speakers::default());
    }

    #[test]
    fn a_known_count_is_reached() {
        let heard = conversation(&[0, 1, 2, 0, 1, 2]);
        assert_eq!(speakers([heard.clone()], Some(2)).count, 2);
        assert_eq!(speakers([heard], Some(9)).count, 6, "no more than there are pieces");
        // What a telephone does: something of its own in every voice.
        let mut heard = conversation(&[0, 1, 0, 1, 1, 0]);
        let telephone = people(5, &[0])[0].print.clone();
        for voice in &mut heard.voices {
            voice.print.add(&telephone, 1.5);
            voice.print.normalise();
        }
        assert_eq!(speakers([heard.clone()], None).count, 1);
        let found = speakers([heard], Some(2));
        assert_eq!((found.count, who(&found)), (2, vec![0, 1, 0, 1, 1, 0]));
    }

    #[test]
    fn a_voice_that_says_next_to_nothing_is_no_speaker() {
        let mut heard = conversation(&[0, 1, 0, 1, 2]);
        heard.voices[4].own_s = 1.2;
        assert_eq!(speakers([heard], None).count, 2);
    }

    #[test]
    fn steps_apart_are_as_one_step() {
        let whole = conversation(&[0, 1, 0, 2, 1, 2]);
        let part = |range: std::ops::Range<usize>| {
            let first = range.start as u32;
            let mut pieces = whole.pieces[range.clone()].to_vec();
            pieces.iter_mut().flat_map(|piece| &mut piece.prints).for_each(|place| place.voice -= first);
            Listened { pieces, voices: whole.voices[range].to_vec(), ..Listened::default() }
        };
        let together = speakers([whole.clone()], None);
        assert_eq!(speakers([part(0..2), part(2..6)], None), together);
        assert_eq!(speakers([merge([part(0..3), part(3..6)])], None), together);
    }

    #[test]
    fn hours_are_merged_within_bounds_and_keep_their_speakers() {
        let of: Vec<usize> = (0..4000).map(|n| n / 7 % 3).collect();
        let merged = merge([conversation(&of)]);
        assert!(merged.voices.len() <= MAX_MERGED);
        let found = speakers([merged], None);
        let wanted: Vec<u32> = of.iter().map(|person| *person as u32).collect();
        assert_eq!((found.count, who(&found)), (3, wanted));
    }

    #[test]
    fn two_at_once_are_both_told() {
        let mut heard = conversation(&[0, 1]);
        heard.both = vec![Span::new(2.5, 3.0)];
        let found = speakers([heard], None);
        let turns: Vec<(f64, f64, u32)> = found.turns.into_iter().map(Into::into).collect();
        assert_eq!(turns, [(0.0, 3.0, 0), (2.5, 3.0, 1), (3.5, 6.5, 1)]);
    }
}
