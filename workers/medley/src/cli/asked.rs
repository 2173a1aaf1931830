//! What a command line asks for: jobs with their inputs and params.

use std::ffi::OsString;

use clap::ArgMatches;
use medley_proto::{ErrorCode, Name};
use medley_runtime::{InputRequest, Request};
use medley_step::{ErasedRecipe, Registry};
use serde_json::Value;

use super::{
    Failed, flags,
    folder_names::{folder_name, free_name},
    given::{Reader, label},
    stdin::Spooled,
};
use crate::config::Config;

/// What the command line asks for: one or more jobs of one kind.
#[derive(Debug)]
pub(super) struct Asked {
    pub jobs: Vec<AskedJob>,
    /// What came through standard input and does not stand in a request as text.
    pub spooled: Option<Spooled>,
}

/// One job, and the name of the folder that its results get when there are several.
#[derive(Debug)]
pub(super) struct AskedJob {
    pub request: Request,
    /// What people know the job by: its first input's name.
    pub label: String,
    pub folder: String,
}

impl Asked {
    pub(super) fn read(
        kind: &Name,
        matches: &ArgMatches,
        registry: &Registry,
        config: &Config,
    ) -> Result<Self, Failed> {
        let recipe = registry.find_recipe(kind)?;
        let params = flags::params(&flags::flags(&Value::from(recipe.schema())), matches).map_err(Failed::usage)?;
        let given: Vec<&OsString> = matches.get_many::<OsString>("inputs").into_iter().flatten().collect();
        let several = *recipe.inputs().end() == 1;
        let groups: Vec<Vec<&OsString>> =
            if several { given.iter().map(|given| vec![*given]).collect() } else { vec![given] };
        let mut reader = Reader { config, spooled: None, stdin_taken: false };
        let mut jobs: Vec<AskedJob> = Vec::new();
        for group in groups {
            let named: Vec<(usize, &OsString)> = recipe
                .named_inputs()
                .iter()
                .filter_map(|&(flag, at, _)| Some((at, matches.get_one::<OsString>(flag)?)))
                .collect();
            check_count(recipe, group.len(), &named.iter().map(|(at, _)| *at).collect::<Vec<_>>())?;
            let mut request = Request::new(config.tenant.clone(), kind.clone());
            request.params = params.clone();
            for (at, given) in group.iter().enumerate() {
                // Only the first input may be the text itself: what follows are pictures.
                request.inputs.push(match recipe.takes_text() && at == 0 {
                    true => reader.text_or_file(given, kind.as_str())?,
                    false if recipe.takes_folder() && !recipe.takes_single() && *given == "-" => {
                        return Err(Failed::usage(format!(
                            "{kind} does not read standard input; give a folder or a file"
                        )));
                    }
                    false => reader.file(given)?,
                });
            }
            for (at, given) in named {
                let at = at.min(request.inputs.len());
                request.inputs.insert(at, reader.file(given)?);
            }
            // Standard input has no name of its own.
            let label = match (&reader.spooled, request.inputs.first()) {
                (Some(spooled), Some(InputRequest::File(path))) if path == spooled.path() => "stdin".into(),
                (_, first) => first.map_or_else(|| kind.to_string(), label),
            };
            let folder = free_name(&folder_name(&label), jobs.iter().map(|job| job.folder.as_str()));
            jobs.push(AskedJob { request, label, folder });
        }
        Ok(Self { jobs, spooled: reader.spooled })
    }
}

/// Refuses a wrong number of inputs with a sentence that says which are missing, and in which order they come.
fn check_count(recipe: &dyn ErasedRecipe, given: usize, named: &[usize]) -> Result<(), Failed> {
    let (least, most) = recipe.inputs().into_inner();
    let (count, roles) = (given + named.len(), recipe.input_roles());
    if (least..=most).contains(&count) {
        return Ok(());
    }
    let free = (0..most).filter(|at| !named.contains(at));
    let filled: Vec<usize> = free.take(given).chain(named.iter().copied()).collect();
    let missing: Vec<&str> =
        (0..least).filter(|at| !filled.contains(at)).filter_map(|at| roles.get(at).copied()).collect();
    let of = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    let what = match (&*missing, count < least) {
        ([], _) => String::new(),
        ([one], _) => format!(": {one} is missing"),
        (several, _) => format!(": {} are missing", several.join(" and ")),
    };
    let kind = recipe.kind();
    let order = if roles.is_empty() { String::new() } else { format!("; in order they are {}", roles.join(", ")) };
    let message = format!("{kind} takes {of} inputs and was given {count}{what}{order}");
    Err(Failed::job(ErrorCode::PARAMS_INVALID, message))
}

#[cfg(test)]
mod tests {
    use super::{super::kinds::kind_command, *};

    #[test]
    fn a_named_input_stands_where_the_others_expect_it() {
        let registry = crate::kinds::kinds().registry();
        let kind = Name::from_static("news");
        // The script must be there: a name that clearly is a file's is refused otherwise.
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script.md");
        std::fs::write(&script, "Good evening.").unwrap();
        let script = script.to_str().unwrap();
        for words in [
            &["news", script, "anchor.png", "logo.png", "--logo"][..],
            &["news", "--portrait", "anchor.png", script, "logo.png", "--logo"],
            &["news", script, "logo.png", "--portrait", "anchor.png", "--logo"],
        ] {
            let command = kind_command("run", registry.find_recipe(&kind).unwrap());
            let matches = command.try_get_matches_from(words).unwrap();
            let asked = Asked::read(&kind, &matches, &registry, &Config::default()).unwrap();
            let names: Vec<String> = asked.jobs[0].request.inputs.iter().map(label).collect();
            assert_eq!(names, ["script.md", "anchor.png", "logo.png"], "{words:?}");
        }
    }

    #[test]
    fn a_wrong_number_of_inputs_says_what_is_missing_and_the_order() {
        let registry = crate::kinds::kinds().registry();
        for (words, says) in [
            (&["news", "script.md"][..], "takes 2 to 4 inputs and was given 1: the portrait is missing"),
            (&["news", "--portrait", "a.png"], "was given 1: the script is missing"),
            (&["news"], "was given 0: the script and the portrait are missing"),
            (&["portrait", "a.png"], "was given 1: the speech is missing"),
            (&["portrait", "a", "b", "c", "d"], "was given 4; in order they are the photo, the speech, "),
        ] {
            let kind = words[0].parse::<Name>().unwrap();
            let mut command = kind_command("run", registry.find_recipe(&kind).unwrap());
            command = command.mut_arg("inputs", |arg| arg.required(false));
            let matches = command.try_get_matches_from(words).unwrap();
            let failed = Asked::read(&kind, &matches, &registry, &Config::default()).unwrap_err();
            assert!(failed.message().contains(says), "{words:?}: {}", failed.message());
            assert_eq!(failed.code(), Some("params_invalid"));
        }
        for recipe in registry.recipes().filter(|recipe| *recipe.inputs().end() > 1) {
            assert_eq!(recipe.input_roles().len(), *recipe.inputs().end(), "{}: a role for each input", recipe.kind());
        }
    }
}
