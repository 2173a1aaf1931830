//! What can be wrong with a graph before any job runs.

use std::collections::{BTreeMap, BTreeSet};

use medley_proto::Name;

use super::{Graph, stage::Form};

/// Why a recipe's graph is refused. Each is a defect of the recipe, found when the registry is built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the graph of kind '{kind}' cannot be used: {}", faults.join("; "))]
pub struct GraphFaults {
    pub kind: Name,
    pub faults: Vec<String>,
}

/// What a tree adds to its name at most: a level and a size, which is a number of 32 bits.
const MAX_NUMBERS_BYTES: usize = "-6-4294967295".len();

impl Graph {
    pub(super) fn check(&self) -> Result<(), GraphFaults> {
        let mut faults = self.faults.clone();
        // Places in a graph with handles of another one mean nothing.
        if faults.is_empty() {
            self.check_order(&mut faults);
            self.check_trees(&mut faults);
            self.check_names(&mut faults);
        }
        if faults.is_empty() { Ok(()) } else { Err(GraphFaults { kind: self.kind.clone(), faults }) }
    }

    /// A job has one stage in work at a time: what a result came from is counted along a chain, and branches side by side
    /// would count what they share twice. And each stage must lead to an end.
    fn check_order(&self, faults: &mut Vec<String>) {
        if self.stages.is_empty() {
            faults.push("it has no stage".into());
        }
        for (before, pair) in self.stages.windows(2).enumerate() {
            if !pair[1].after.iter().any(|dependency| dependency.stage == before) {
                let (first, second) = (&pair[0].name, &pair[1].name);
                faults.push(format!(
                    "stage {second} runs beside {first}: let it follow from {first}, or from Maybe of it"
                ));
            }
        }
        let mut leads: BTreeSet<usize> = self.ends.iter().copied().collect();
        for (at, stage) in self.stages.iter().enumerate().rev() {
            if leads.contains(&at) {
                leads.extend(stage.after.iter().map(|before| before.stage));
            } else {
                faults.push(format!("stage {} is dead: nothing follows from it, and it is no end", stage.name));
            }
        }
        if !self.ends.iter().any(|end| self.stages[*end].always) {
            faults.push("no end of it runs in every job".into());
        }
    }

    fn check_trees(&self, faults: &mut Vec<String>) {
        for stage in &self.stages {
            if stage.wide && stage.tree.is_none() {
                faults.push(format!("stage {} is scattered and never gathered", stage.name));
            }
        }
    }

    /// Two different steps must never have one id. Names are words and then numbers, and words of the same form
    /// belong to one stage; so a name can be read back without a doubt.
    fn check_names(&self, faults: &mut Vec<String>) {
        let mut forms: BTreeMap<(&str, usize), &str> = BTreeMap::new();
        for stage in &self.stages {
            for (words, numbers) in stage.forms() {
                if words.parse::<Name>().is_err() || words.len() + MAX_NUMBERS_BYTES > Name::MAX_BYTES {
                    faults.push(format!("'{words}' is no name for a stage"));
                } else if !Form::of(words).numbers.is_empty() {
                    faults.push(format!("'{words}' ends with a number, as only levels and sizes do"));
                }
                if let Some(other) = forms.insert((words, numbers), &stage.name) {
                    faults.push(format!("stages {other} and {} have steps of the same name '{words}'", stage.name));
                }
            }
        }
    }
}
