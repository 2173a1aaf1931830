/// The best of many scored rows; of equal scores, the rows that came first.
#[derive(Debug)]
pub(super) struct Top {
    limit: usize,
    /// The worst first.
    kept: Vec<(u32, f32)>,
}

impl Top {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::with_capacity(limit.min(1_000) + 1) }
    }

    pub(super) fn add(&mut self, number: u32, score: f32) {
        if self.kept.len() == self.limit && self.kept.first().is_none_or(|worst| score <= worst.1) {
            return;
        }
        let at = self.kept.partition_point(|kept| kept.1 < score);
        self.kept.insert(at, (number, score));
        if self.kept.len() > self.limit {
            self.kept.remove(0);
        }
    }

    /// The rows with their scores, the best first.
    pub(super) fn finish(mut self) -> Vec<(u32, f32)> {
        self.kept.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_in_order() {
        let mut top = Top::new(3);
        [0.1, 0.9, 0.5, 0.9, 0.2].iter().zip(0..).for_each(|(score, number)| top.add(number, *score));
        assert_eq!(top.finish(), [(1, 0.9), (3, 0.9), (2, 0.5)]);
        let mut none = Top::new(0);
        none.add(1, 1.0);
        assert!(none.finish().is_empty());
    }
}
