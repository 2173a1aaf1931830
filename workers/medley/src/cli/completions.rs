//! What a shell may offer for a name of a model.

use clap::{
    Arg, Command, Error,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
    error::Result,
};
use medley_models::Registry;

/// Reads any text, and offers the names of models to completion. Names that the registry does not have stay allowed: an
/// owner's own models have some too.
#[derive(Debug, Clone)]
pub(super) struct ModelNames(Vec<String>);

impl ModelNames {
    /// Those that `--model` of a kind of job may name.
    pub(super) fn of(kind: &str) -> Self {
        let names = Registry::built_in().models.keys();
        match kind {
            // Whisper's go by their own names there, and `auto` chooses.
            "transcribe" | "podcast" => {
                let sizes = names.filter_map(|name| name.strip_prefix("whisper-")).map(str::to_owned);
                Self(std::iter::once("auto".to_owned()).chain(sizes).collect())
            }
            "caption" | "library" => Self(names.filter(|name| name.starts_with("clip-")).cloned().collect()),
            _ => Self(Vec::new()),
        }
    }

    /// Every name of the registry, and with `kinds` also the kinds of job and `all`.
    pub(super) fn all(kinds: bool) -> Self {
        let registry = Registry::built_in();
        let mut names: Vec<String> = registry.models.keys().cloned().collect();
        if kinds {
            names.push("all".into());
            let tasks: std::collections::BTreeSet<_> =
                registry.models.values().flat_map(|model| &model.tasks).collect();
            names.extend(tasks.into_iter().cloned());
        }
        Self(names)
    }
}

impl TypedValueParser for ModelNames {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &std::ffi::OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        if self.0.is_empty() { None } else { Some(Box::new(self.0.iter().map(PossibleValue::new))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models_are_offered_and_others_are_taken() {
        assert!(ModelNames::of("transcribe").0.contains(&"tiny.en".to_owned()));
        assert!(ModelNames::of("library").0.iter().any(|name| name.starts_with("clip-")));
        let all = ModelNames::all(true).0;
        assert!(["silero-vad", "speak", "all"].iter().all(|name| all.contains(&(*name).to_owned())), "{all:?}");
        let mut script = Vec::new();
        let mut command = crate::cli::command(&crate::registry::registry());
        clap_complete::generate(clap_complete::Shell::Bash, &mut command, "medley", &mut script);
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("tiny.en") && script.contains("silero-vad"));
    }
}
