//! The kinds of this binary: one line each. Everything that lists kinds follows from here.

use std::sync::OnceLock;

use medley_models::Registry as ModelRegistry;
use medley_step::{Kind, KindError, Kinds};

use crate::config::Config;
#[cfg(feature = "news")]
use crate::recipes::NewsRecipe;
#[cfg(feature = "portrait")]
use crate::recipes::PortraitRecipe;
#[cfg(feature = "speak")]
use crate::recipes::SpeakRecipe;

/// The kinds of the program `medley`: those whose cargo features are on.
pub const KINDS: &[Kind] = &[
    #[cfg(feature = "transcribe")]
    medley_transcribe::KIND,
    #[cfg(feature = "podcast")]
    medley_transcribe::PODCAST,
    #[cfg(feature = "speak")]
    medley_speak::KIND.recipe::<SpeakRecipe>(),
    #[cfg(feature = "caption")]
    medley_caption::KIND,
    #[cfg(feature = "receipt")]
    medley_receipt::KIND,
    #[cfg(feature = "receipt")]
    medley_receipt::RECEIPTS,
    #[cfg(feature = "control")]
    medley_control::KIND,
    #[cfg(feature = "portrait")]
    medley_portrait::KIND.recipe::<PortraitRecipe>(),
    #[cfg(feature = "library")]
    medley_caption::LIBRARY,
    #[cfg(feature = "news")]
    medley_portrait::NEWS.recipe::<NewsRecipe>(),
];

/// Words that stand for many models where a kind's name stands for its own.
pub(crate) const ALL_MODELS: &str = "all";
pub(crate) const MODELS_OF_TESTS: &str = "tests";

static CHECKED: OnceLock<Kinds> = OnceLock::new();

/// Has the program work with these kinds, before anything asks for them.
///
/// # Errors
/// When the list is not sound.
pub(crate) fn offer(kinds: &[Kind]) -> Result<(), KindError> {
    let kinds = checked(kinds)?;
    // A second call changes nothing.
    CHECKED.get_or_init(|| kinds);
    Ok(())
}

/// The kinds of this program: those of [`KINDS`] when nobody says otherwise.
pub(crate) fn kinds() -> &'static Kinds {
    CHECKED.get_or_init(|| checked(KINDS).expect("a test checks the list"))
}

/// A kind's name is a table of `medley.toml` and a word of `medley models pull`: it can be neither a setting nor a model.
fn checked(kinds: &[Kind]) -> Result<Kinds, KindError> {
    let settings = Config::settings_tables();
    let models = ModelRegistry::built_in().models.keys().map(String::as_str);
    let reserved = settings.iter().map(String::as_str).chain(models).chain([ALL_MODELS, MODELS_OF_TESTS]);
    Kinds::new(kinds.iter().copied(), reserved)
}

#[cfg(test)]
mod tests {
    use medley_step::Sample;

    use super::*;

    #[test]
    fn the_list_is_sound() {
        let kinds = checked(KINDS).unwrap();
        let registry = kinds.registry();
        assert_eq!(registry.recipes().count(), kinds.iter().filter(|kind| kind.has_recipe()).count());
        assert_eq!(registry.worker_kinds().count(), kinds.iter().filter(|kind| kind.has_worker()).count());
    }

    #[test]
    fn a_kind_may_be_called_neither_like_a_setting_nor_like_a_model() {
        for name in ["queue", "limits", "assist", "tenant", "hed", "silero-vad", "all", "tests", "finish"] {
            assert_eq!(checked(&[Kind::new(name)]).unwrap_err(), KindError::Reserved(name));
        }
        let twice = [medley_control::KIND; 2];
        assert_eq!(checked(&twice).unwrap_err(), KindError::Duplicate("control"));
    }

    #[test]
    fn every_kind_of_job_can_be_tried_and_its_models_are_known() {
        let models = ModelRegistry::built_in();
        for kind in kinds().iter() {
            for name in kinds().models_of(kind.name()).unwrap() {
                assert!(models.models.contains_key(name), "{}: no model is called {name}", kind.name());
            }
            if !kind.has_recipe() {
                continue;
            }
            assert!(!kind.sample_inputs().is_empty(), "{} has no sample", kind.name());
            for sample in kind.sample_inputs() {
                let (model, files) = match sample {
                    Sample::Text(_) => continue,
                    Sample::File { model, file } => (model, &[*file][..]),
                    Sample::Folder { model, files } => (model, *files),
                };
                for file in files {
                    assert!(
                        models.models[*model].files.iter().any(|known| known.name == *file),
                        "{model} has no {file}"
                    );
                }
            }
            let registry = kinds().registry();
            let recipe = registry.find_recipe(&kind.name().parse().unwrap()).unwrap();
            assert!(recipe.inputs().contains(&kind.sample_inputs().len()), "{}: its samples", kind.name());
        }
        for (name, model) in &models.models {
            let is_used = kinds().iter().any(|kind| kind.uses_model(name));
            assert!(is_used || model.kind != medley_models::Kind::Model, "no kind uses {name}");
        }
    }

    /// The table of `docs/command-line.md`.
    fn table() -> String {
        let mut out = String::from(
            "| kind | what a job does | models (without the optional ones) | programs | `--sample` |\n|---|---|---|---|---|\n",
        );
        let models = &ModelRegistry::built_in().models;
        for kind in kinds().iter().filter(|kind| kind.has_recipe()) {
            let mut needed = kinds().models_of(kind.name()).unwrap();
            needed.retain(|name| !models[*name].optional && models[*name].kind != medley_models::Kind::Sample);
            let needed: Vec<_> = needed.iter().map(|name| format!("`{name}`")).collect();
            let mut programs: Vec<_> = kinds()
                .programs()
                .iter()
                .filter(|(_, of)| kinds().with_parts(kind.name()).iter().any(|part| of.contains(&part.name())))
                .map(|(program, _)| format!("`{}`", program.name))
                .collect();
            programs.sort();
            let samples: Vec<_> = kind
                .sample_inputs()
                .iter()
                .map(|sample| match sample {
                    Sample::Text(text) => format!("“{text}”"),
                    Sample::File { file, .. } => format!("`{file}`"),
                    Sample::Folder { files, .. } => format!("a folder of {} pictures", files.len()),
                })
                .collect();
            let row = [needed.join(", "), programs.join(", "), samples.join(", ")].join(" | ");
            out += &format!("| `{}` | {} | {row} |\n", kind.name(), kind.about());
        }
        out
    }

    /// `MEDLEY_BLESS=1 cargo test` writes the table anew.
    #[test]
    fn the_table_of_the_docs_is_the_list() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/command-line.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (start, end) = ("<!-- table: made from the kinds -->\n", "<!-- end of table -->");
        let (from, to) = (page.find(start).unwrap() + start.len(), page.find(end).unwrap());
        #[expect(clippy::disallowed_methods, reason = "only this test reads it")]
        let bless = std::env::var_os("MEDLEY_BLESS").is_some();
        if bless {
            std::fs::write(&path, format!("{}{}{}", &page[..from], table(), &page[to..])).unwrap();
        } else {
            assert_eq!(&page[from..to], table(), "docs/command-line.md is out of date: run this with MEDLEY_BLESS=1");
        }
    }

    #[test]
    fn what_a_kind_opens_by_default_is_pulled_for_it() {
        let needs = |kind: &str| kinds().models_of(kind).unwrap();
        assert!(needs("portrait").contains(&"whisper-base") && needs("portrait").contains(&"hibari"));
        assert!(needs("caption").contains(&"pp-ocrv6-small") && needs("library").contains(&"blazepose"));
        assert!(needs("podcast").contains(&"silero-vad"));
        assert!(needs("news").contains(&"face-mesh"));
    }
}
