use medley_proto::Class;

/// How many interactive steps go before one batch step that waits.
const INTERACTIVE_PER_BATCH: u32 = 4;

/// Whose turn it is. Only steps that were taken move it: while one class is empty the other gets every slot, and an
/// interactive step that then comes is next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weights {
    /// Interactive steps since the last batch step.
    interactive_run: u32,
}

impl Weights {
    /// The classes in the order in which to look for a step.
    pub(crate) fn order(&self) -> [Class; 2] {
        if self.interactive_run < INTERACTIVE_PER_BATCH {
            [Class::Interactive, Class::Batch]
        } else {
            [Class::Batch, Class::Interactive]
        }
    }

    pub(crate) fn took(&mut self, class: Class) {
        self.interactive_run = match class {
            Class::Interactive => self.interactive_run.saturating_add(1),
            Class::Batch => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(weights: &mut Weights, waiting: &[Class], times: usize) -> Vec<Class> {
        let take = |_| {
            let class = weights.order().into_iter().find(|class| waiting.contains(class)).unwrap();
            weights.took(class);
            class
        };
        (0..times).map(take).collect()
    }

    #[test]
    fn four_to_one_and_a_class_alone_gets_everything() {
        let mut weights = Weights::default();
        let both = taken(&mut weights, &Class::ALL, 50);
        assert_eq!(both.iter().filter(|&&class| class == Class::Batch).count(), 10);
        assert!(both.windows(5).all(|run| run.contains(&Class::Batch)), "a batch step waits for at most four others");
        taken(&mut weights, &[Class::Batch], 100);
        assert_eq!(weights.order()[0], Class::Interactive, "an interactive step that comes now is next");
        taken(&mut weights, &[Class::Interactive], 100);
        assert_eq!(weights.order()[0], Class::Batch);
    }
}
