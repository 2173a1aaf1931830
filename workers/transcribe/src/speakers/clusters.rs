//! Which voice prints are one person's: bottom-up clustering by the cosine of weighted mean prints.
//!
//! Each group's most alike partner is remembered, so a join looks at one row and not at the whole matrix. The matrix has a
//! bound: longer recordings are first condensed block by block, at a likeness that only one person's prints have, and the
//! groups of that are clustered.

use super::{step::Voice, voice_print::Print};

/// The cosine of two groups' mean prints at which they are one person.
pub(super) const SAME: f32 = 0.57;
/// The most voices in one matrix: 36 MB.
const MAX_MATRIX: usize = 3_000;
/// Voices of one block, and what their groups must be alike by, from round to round.
const BLOCK: usize = 1_500;
const CONDENSED_AT: [f32; 5] = [0.75, 0.7, 0.65, 0.6, SAME];

/// When joining ends.
#[derive(Debug, Clone, Copy)]
struct Until {
    /// No two groups are as alike as this.
    same: f32,
    /// So many groups are left.
    count: usize,
}

/// The group of each voice, and the mean print of each group with how much speech it stands for.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) group_of: Vec<usize>,
    pub(super) means: Vec<Voice>,
}

/// Joins voices until no two groups are as alike as one person's, which is [`SAME`] in good sound.
pub(super) fn cluster(voices: &[Voice], same: f32) -> Groups {
    let condensed = condense(voices, MAX_MATRIX);
    let groups = join(&condensed.means, Until { same, count: 1 });
    let group_of = condensed.group_of.iter().map(|group| groups.group_of[*group]).collect();
    Groups { group_of, means: groups.means }
}

/// Goes on joining until at most `count` groups are left.
pub(super) fn join_to(means: &[Voice], count: usize) -> Groups {
    join(means, Until { same: f32::MIN, count: count.max(1) })
}

/// Joins neighbours in time that surely are one person, until at most `max` groups are left, or nothing more is sure.
pub(super) fn condense(voices: &[Voice], max: usize) -> Groups {
    let mut groups = Groups { group_of: (0..voices.len()).collect(), means: voices.to_vec() };
    for same in CONDENSED_AT {
        if groups.means.len() <= max {
            break;
        }
        let mut means = Vec::new();
        let mut becomes = Vec::new();
        for block in groups.means.chunks(BLOCK) {
            let joined = join(block, Until { same, count: 1 });
            becomes.extend(joined.group_of.iter().map(|group| means.len() + group));
            means.extend(joined.means);
        }
        groups.group_of.iter_mut().for_each(|group| *group = becomes[*group]);
        groups.means = means;
    }
    // A crowd: the voices heard least take no part in the clustering, each being put to the group most like it.
    while groups.means.len() > max {
        groups = dissolve_lightest(groups, max);
    }
    groups
}

fn dissolve_lightest(groups: Groups, max: usize) -> Groups {
    let mut order: Vec<usize> = (0..groups.means.len()).collect();
    order.sort_by(|a, b| groups.means[*b].own_s.total_cmp(&groups.means[*a].own_s).then(a.cmp(b)));
    let mut kept = order[..max].to_vec();
    kept.sort_unstable();
    let means: Vec<Voice> = kept.iter().map(|n| groups.means[*n].clone()).collect();
    let becomes: Vec<usize> = groups.means.iter().map(|voice| nearest(&means, &voice.print)).collect();
    Groups { group_of: groups.group_of.iter().map(|group| becomes[*group]).collect(), means }
}

/// The mean most like a print; the first of equals.
pub(super) fn nearest(means: &[Voice], print: &Print) -> usize {
    let likeness: Vec<f32> = means.iter().map(|mean| mean.print.cosine(print)).collect();
    (0..means.len()).rev().max_by(|a, b| likeness[*a].total_cmp(&likeness[*b])).unwrap_or(0)
}

/// The mean of voices, weighted by how much speech each stands for.
pub(super) fn mean<'a>(voices: impl IntoIterator<Item = &'a Voice>) -> Voice {
    let mut mean = Voice { print: Print::default(), weight_s: 0.0, own_s: 0.0 };
    for voice in voices {
        mean.print.add(&voice.print, voice.weight_s as f32);
        mean.weight_s += voice.weight_s;
        mean.own_s += voice.own_s;
    }
    mean.print.normalise();
    mean
}

fn join(voices: &[Voice], until: Until) -> Groups {
    let mut joining = Joining::new(voices);
    while joining.left > until.count.max(1) {
        match joining.most_alike() {
            Some((i, j, likeness)) if likeness >= until.same => joining.join(i, j),
            _ => break,
        }
    }
    joining.groups(voices)
}

struct Joining {
    n: usize,
    left: usize,
    /// Weighted sums of prints, and the same with length 1.
    sums: Vec<Print>,
    units: Vec<Print>,
    /// The likeness of each two groups; what is joined has none.
    cosines: Vec<f32>,
    /// Each group's most alike partner, and how alike it is.
    partner: Vec<usize>,
    likeness: Vec<f32>,
    alive: Vec<bool>,
    joined_to: Vec<usize>,
}

/// Less than any likeness.
const NONE: f32 = -2.0;

impl Joining {
    fn new(voices: &[Voice]) -> Self {
        let n = voices.len();
        let units: Vec<Print> = voices.iter().map(|voice| voice.print.clone()).collect();
        let mut sums = vec![Print::default(); n];
        sums.iter_mut().zip(voices).for_each(|(sum, voice)| sum.add(&voice.print, voice.weight_s as f32));
        let mut cosines = vec![NONE; n * n];
        for i in 0..n {
            for j in i + 1..n {
                let cosine = units[i].cosine(&units[j]);
                cosines[i * n + j] = cosine;
                cosines[j * n + i] = cosine;
            }
        }
        let (partner, likeness) = (vec![0; n], vec![NONE; n]);
        let (alive, joined_to) = (vec![true; n], (0..n).collect());
        let mut new = Self { n, left: n, sums, units, cosines, partner, likeness, alive, joined_to };
        (0..n).for_each(|i| new.look(i));
        new
    }

    /// Finds a group's partner anew.
    fn look(&mut self, i: usize) {
        let row = &self.cosines[i * self.n..(i + 1) * self.n];
        self.partner[i] = (0..self.n).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0);
        self.likeness[i] = row[self.partner[i]];
    }

    fn most_alike(&self) -> Option<(usize, usize, f32)> {
        let alive = (0..self.n).filter(|i| self.alive[*i]).rev();
        let i = alive.max_by(|a, b| self.likeness[*a].total_cmp(&self.likeness[*b]))?;
        let j = self.partner[i];
        Some((i.min(j), i.max(j), self.likeness[i]))
    }

    fn join(&mut self, i: usize, j: usize) {
        let n = self.n;
        let other = std::mem::take(&mut self.sums[j]);
        self.sums[i].add(&other, 1.0);
        self.units[i] = self.sums[i].clone();
        self.units[i].normalise();
        self.alive[j] = false;
        self.joined_to[j] = i;
        self.left -= 1;
        for k in 0..n {
            let cosine = if k != i && self.alive[k] { self.units[i].cosine(&self.units[k]) } else { NONE };
            self.cosines[i * n + k] = cosine;
            self.cosines[k * n + i] = cosine;
            self.cosines[j * n + k] = NONE;
            self.cosines[k * n + j] = NONE;
        }
        self.look(i);
        for k in (0..n).filter(|k| *k != i) {
            let now = self.cosines[k * n + i];
            if !self.alive[k] {
                continue;
            }
            // A group that grows mostly gets more like those that it is partner of, so that few rows are looked through.
            if now >= self.likeness[k] {
                (self.partner[k], self.likeness[k]) = (i, now);
            } else if self.partner[k] == i || self.partner[k] == j {
                self.look(k);
            }
        }
    }

    /// The groups in the order of their first voices.
    fn groups(&self, voices: &[Voice]) -> Groups {
        let root = |mut n: usize| {
            while self.joined_to[n] != n {
                n = self.joined_to[n];
            }
            n
        };
        let roots: Vec<usize> = (0..self.n).map(root).collect();
        let mut number = vec![usize::MAX; self.n];
        let mut groups = Groups::default();
        for (voice, root) in voices.iter().zip(&roots) {
            if number[*root] == usize::MAX {
                number[*root] = groups.means.len();
                groups.means.push(Voice { print: self.units[*root].clone(), weight_s: 0.0, own_s: 0.0 });
            }
            let mean = &mut groups.means[number[*root]];
            mean.weight_s += voice.weight_s;
            mean.own_s += voice.own_s;
            groups.group_of.push(number[*root]);
        }
        groups
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng, rngs::SmallRng};

    use super::*;

    /// Prints of some people, each near that person's own direction.
    pub(in super::super) fn people(seed: u64, of: &[usize]) -> Vec<Voice> {
        let mut dice = SmallRng::seed_from_u64(seed);
        let mut random = move || {
            let mut print = Print::default();
            print.iter_mut().for_each(|x| *x = dice.random_range(-1.0..1.0));
            print.normalise();
            print
        };
        let centres: Vec<Print> = (0..=of.iter().max().copied().unwrap_or(0)).map(|_| random()).collect();
        let voice = |person: &usize| {
            let mut print = centres[*person].clone();
            print.add(&random(), 0.6);
            print.normalise();
            Voice { print, weight_s: 1.5, own_s: 0.75 }
        };
        of.iter().map(voice).collect()
    }

    /// What the cached partners must give: a search of the whole matrix at each join.
    fn plainly(voices: &[Voice], same: f32) -> Vec<usize> {
        let mut groups: Vec<Vec<usize>> = (0..voices.len()).map(|n| vec![n]).collect();
        loop {
            let mut best = (same, None);
            for i in 0..groups.len() {
                for j in i + 1..groups.len() {
                    let of = |group: &[usize]| mean(group.iter().map(|n| &voices[*n])).print;
                    let cosine = of(&groups[i]).cosine(&of(&groups[j]));
                    if cosine > best.0 {
                        best = (cosine, Some((i, j)));
                    }
                }
            }
            let Some((i, j)) = best.1 else { break };
            let other = groups.remove(j);
            groups[i].extend(other);
        }
        let mut found = vec![0; voices.len()];
        groups.iter_mut().for_each(|group| group.sort_unstable());
        groups.sort();
        groups.iter().enumerate().for_each(|(g, group)| group.iter().for_each(|n| found[*n] = g));
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn remembered_partners_give_what_a_search_of_all_gives(seed in 0_u64..1000, of in prop::collection::vec(0_usize..4, 1..24)) {
            let voices = people(seed, &of);
            prop_assert_eq!(cluster(&voices, SAME).group_of, plainly(&voices, SAME));
        }
    }

    #[test]
    fn people_are_told_apart_however_many_blocks_they_speak_in() {
        let of: Vec<usize> = (0..4000).map(|n| n / 40 % 3).collect();
        let voices = people(3, &of);
        let condensed = condense(&voices, 1000);
        assert!(condensed.means.len() <= 1000);
        let found = cluster(&voices, SAME);
        assert_eq!(found.means.len(), 3);
        assert!(found.group_of.iter().zip(&of).all(|(group, person)| group == person));
        let own_s: f64 = found.means.iter().map(|mean| mean.own_s).sum();
        assert!((own_s - 3000.0).abs() < 1e-6);
        assert_eq!(join_to(&found.means, 2).means.len(), 2);
    }

    #[test]
    fn a_crowd_stays_within_bounds() {
        let of: Vec<usize> = (0..600).collect();
        let found = condense(&people(5, &of), 100);
        assert!(found.means.len() <= 100 && found.group_of.iter().all(|group| *group < found.means.len()));
    }
}
