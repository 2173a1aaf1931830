//! Shares the text of a block out among cues and lines: the cheapest way by dynamic programming, as for paragraphs in
//! Knuth and Plass, "Breaking paragraphs into lines" (1981).

use super::{
    Cue, Limits,
    atoms::{Atom, atoms},
    breaks::AFTER_SENTENCE,
    display::{MAX_SHOWN_S, WANTED_SHOWN_S},
    files::speaker_label,
    limits::reading_s,
    spoken::Block,
};

/// Each cue costs, so that there are few.
const CUE: f64 = 0.5;
/// A sentence that ends inside a cue of whole sentences.
const INNER_SENTENCE: f64 = 0.4;
/// The same in a cue that begins or ends within another sentence.
const INNER_SENTENCE_OF_PARTS: f64 = 1.2;
/// A cue that holds a small part of a sentence alone.
const ORPHAN_CUE: f64 = 1.5;
/// A line that holds a small part of a cue alone.
const ORPHAN_LINE: f64 = 0.8;
/// How much a bad break between lines weighs against one between cues.
const LINE_BREAK: f64 = 0.5;
/// For each second that a cue is shown less than it should be.
const TOO_SHORT_A_SECOND: f64 = 2.0;

/// The cues of a block, with the times at which their words are said.
pub(super) fn cues(block: &Block, limits: Limits) -> Vec<Cue> {
    let mut atoms = atoms(block, limits);
    if let (Some(speaker), Some(first)) = (&block.speaker, atoms.first_mut()) {
        // SubRip names the speaker before the first words.
        let label = speaker_label(speaker);
        first.width = (first.width + limits.width(&label)).min(limits.line_width());
        first.reading_s += reading_s(&label);
    }
    let measured = Measured::new(&atoms, limits);
    let borders = measured.borders();
    let cue = |pair: &[usize]| {
        let (from, to) = (pair[0], pair[1]);
        let end_s = atoms[from..to].iter().map(|atom| atom.end_s).fold(f64::MIN, f64::max);
        let lines = match measured.lines(from, to) {
            Some((Some(at), _)) => vec![measured.text(from, at), measured.text(at, to)],
            _ => vec![measured.text(from, to)],
        };
        Cue { start_s: atoms[from].start_s, end_s, lines, speaker: block.speaker.clone() }
    };
    borders.windows(2).map(cue).collect()
}

/// Atoms with sums over them.
struct Measured<'a> {
    atoms: &'a [Atom],
    limits: Limits,
    /// Widths of the atoms before each, with the spaces before them.
    widths: Vec<u64>,
    reading_s: Vec<f64>,
}

impl<'a> Measured<'a> {
    fn new(atoms: &'a [Atom], limits: Limits) -> Self {
        let (mut widths, mut reading_s) = (vec![0], vec![0.0]);
        for (n, atom) in atoms.iter().enumerate() {
            let space = if atom.spaced { limits.space_width() } else { 0 };
            widths.push(widths[n] + u64::from(atom.width + space));
            reading_s.push(reading_s[n] + atom.reading_s);
        }
        Self { atoms, limits, widths, reading_s }
    }

    fn text(&self, from: usize, to: usize) -> String {
        let mut text = String::new();
        for (n, atom) in self.atoms[from..to].iter().enumerate() {
            if n > 0 && atom.spaced {
                text.push(' ');
            }
            text.push_str(&atom.text);
        }
        text
    }

    /// The width of a line of these atoms, as a share of a whole line.
    fn share(&self, from: usize, to: usize) -> f64 {
        let space = if self.atoms[from].spaced { u64::from(self.limits.space_width()) } else { 0 };
        (self.widths[to] - self.widths[from] - space) as f64 / f64::from(self.limits.line_width())
    }

    /// Where each cue begins, and where the last one ends.
    fn borders(&self) -> Vec<usize> {
        let n = self.atoms.len();
        let mut costs = vec![f64::INFINITY; n + 1];
        let mut cuts = vec![0; n + 1];
        costs[0] = 0.0;
        for from in 0..n {
            for to in from + 1..=n {
                let Some(cost) = self.cue_cost(from, to) else { break };
                if costs[from] + cost < costs[to] {
                    costs[to] = costs[from] + cost;
                    cuts[to] = from;
                }
            }
        }
        let mut borders = vec![n];
        while let Some(last) = borders.last().copied().filter(|last| *last > 0) {
            borders.push(cuts[last]);
        }
        borders.reverse();
        borders
    }

    /// How bad these atoms are as a cue; nothing when they do not fit.
    fn cue_cost(&self, from: usize, to: usize) -> Option<f64> {
        let (_, line_cost) = self.lines(from, to)?;
        let (first, last) = (&self.atoms[from], &self.atoms[to - 1]);
        if last.end_s - first.start_s > MAX_SHOWN_S && to - from > 1 {
            return None;
        }
        let next = self.atoms.get(to);
        let shown_s = next.map_or(MAX_SHOWN_S, |next| next.start_s - first.start_s);
        let reading_s = self.reading_s[to] - self.reading_s[from];
        let ends = |atom: &Atom| atom.break_cost == AFTER_SENTENCE;
        let inner = self.atoms[from..to - 1].iter().filter(|atom| ends(atom)).count();
        let is_part = from > 0 && !ends(&self.atoms[from - 1]) || next.is_some() && !ends(last);
        let is_small = self.share(from, to) < 0.34 || to - from == 1;
        let orphan = if is_part && is_small { ORPHAN_CUE } else { 0.0 };
        let inner = inner as f64 * if is_part { INNER_SENTENCE_OF_PARTS } else { INNER_SENTENCE };
        let end = if next.is_some() { last.break_cost } else { 0.0 };
        let too_short = (WANTED_SHOWN_S - shown_s).max(0.0) * TOO_SHORT_A_SECOND;
        let too_fast = (reading_s - shown_s).clamp(0.0, 3.0);
        Some(CUE + end + inner + orphan + too_short + too_fast + LINE_BREAK * line_cost)
    }

    /// Where the second line of a cue begins, if it needs one, and what the break costs; nothing when it does not fit.
    fn lines(&self, from: usize, to: usize) -> Option<(Option<usize>, f64)> {
        let whole = self.share(from, to);
        if whole <= 1.0 {
            return Some((None, 0.0));
        }
        if self.limits.max_lines() < 2 || whole > 2.2 {
            return None;
        }
        let mut best: Option<(usize, f64)> = None;
        for at in from + 1..to {
            let (upper, lower) = (self.share(from, at), self.share(at, to));
            if upper > 1.0 || lower > 1.0 {
                continue;
            }
            let orphan = if upper.min(lower) < 0.25 { ORPHAN_LINE } else { 0.0 };
            let cost = self.atoms[at - 1].break_cost + (upper - lower).abs() + orphan;
            if best.is_none_or(|(_, cheapest)| cost < cheapest) {
                best = Some((at, cost));
            }
        }
        best.map(|(at, cost)| (Some(at), cost))
    }
}
