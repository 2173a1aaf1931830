//! What a shell may offer for a name of a model.

use clap::{
    Arg, Command, Error,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
    error::Result,
};
use medley_models::Registry;

use crate::kinds::{ALL_MODELS, kinds};

/// Reads any text, and offers the names of models to completion. Names that the registry does not have stay allowed: an
/// owner's own models have some too.
#[derive(Debug, Clone)]
pub(super) struct ModelNames(Vec<String>);

impl ModelNames {
    /// Those that `--model` of a kind of job may name.
    pub(super) fn of(kind: &str) -> Self {
        let choices = kinds().find(kind).map_or(&[][..], |kind| kind.model_choices());
        Self(choices.iter().map(|&name| name.to_owned()).collect())
    }

    /// Every name of the registry, with `with_kinds` also the kinds of job and `all`.
    pub(super) fn all(with_kinds: bool) -> Self {
        let mut names: Vec<String> = Registry::built_in().models.keys().cloned().collect();
        if with_kinds {
            names.push(ALL_MODELS.into());
            names.extend(kinds().iter().map(|kind| kind.name().to_owned()));
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
        for kind in kinds().iter() {
            for name in ModelNames::of(kind.name()).0 {
                let known = [name.clone(), format!("whisper-{name}")];
                let is_model = known.iter().any(|name| Registry::built_in().models.contains_key(name));
                assert!(is_model || name == "auto", "{}: no model is called {name}", kind.name());
            }
        }
        assert!(ModelNames::of("library").0.iter().any(|name| name.starts_with("clip-")));
        let all = ModelNames::all(true).0;
        assert!(["silero-vad", "speak", "all"].iter().all(|name| all.contains(&(*name).to_owned())), "{all:?}");
        let mut script = Vec::new();
        let mut command = crate::cli::command(&kinds().registry());
        clap_complete::generate(clap_complete::Shell::Bash, &mut command, "medley", &mut script);
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("tiny.en") && script.contains("silero-vad"));
    }
}
