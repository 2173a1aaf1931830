//! What a user must know before results are sold: the terms of the models that made them.

use std::collections::BTreeMap;

use medley_proto::{Commercial, ModelUse};

use super::printable::printable;

/// The models of a command's results that are not free for commercial use.
#[derive(Debug, Default)]
pub(super) struct Terms(BTreeMap<String, (Commercial, String)>);

impl Terms {
    pub(super) fn add<'a>(&mut self, models: impl IntoIterator<Item = &'a ModelUse>) {
        for model in models {
            if model.commercial != Commercial::Yes {
                let why = format!("weights {}, data {}", model.licence_weights, model.licence_data);
                self.0.insert(model.name.clone(), (model.commercial, why));
            }
        }
    }

    /// One line on standard error, when there is something to say.
    pub(super) fn say(&self) {
        if let Some(line) = self.line() {
            eprintln!("{}", printable(&line));
        }
    }

    fn line(&self) -> Option<String> {
        let of = |terms: Commercial| -> Vec<String> {
            self.0
                .iter()
                .filter(|(_, (of, _))| *of == terms)
                .map(|(name, (_, why))| format!("{name} ({why})"))
                .collect()
        };
        let (no, unclear) = (of(Commercial::No), of(Commercial::Unclear));
        let mut said = Vec::new();
        if !no.is_empty() {
            said.push(format!(
                "these results may not be sold or used commercially, by the licence of {}",
                no.join(", ")
            ));
        }
        if !unclear.is_empty() {
            said.push(format!("whether they may be used commercially is unclear for {}", unclear.join(", ")));
        }
        if said.is_empty() { None } else { Some(format!("note: {} (`medley models list`)", said.join("; "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, commercial: Commercial) -> ModelUse {
        ModelUse {
            name: name.into(),
            version: "1".into(),
            files: BTreeMap::new(),
            licence_code: "MIT".into(),
            licence_weights: "CC BY-NC 4.0".into(),
            licence_data: "unknown".into(),
            commercial,
        }
    }

    #[test]
    fn only_terms_that_bind_are_said() {
        let mut terms = Terms::default();
        terms.add(&[model("free", Commercial::Yes)]);
        assert_eq!(terms.line(), None);
        terms.add(&[
            model("voice", Commercial::No),
            model("eyes", Commercial::Unclear),
            model("voice", Commercial::No),
        ]);
        let line = terms.line().unwrap();
        assert_eq!(line.matches("voice").count(), 1);
        assert!(line.contains("may not be sold") && line.contains("voice (weights CC BY-NC 4.0"), "{line}");
        assert!(line.contains("unclear for eyes") && !line.contains("free ") && line.lines().count() == 1, "{line}");
    }
}
