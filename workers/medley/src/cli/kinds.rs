//! The subcommands of `run` and `submit`: one for each kind of job, its flags made from the kind's schema.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, ArgMatches, Command};
use medley_proto::Name;
use medley_runtime::{InputRequest, Request};
use medley_step::{ErasedRecipe, Registry};
use serde_json::Value;

use super::{Failed, aloud, flags, run, submit};
use crate::config::Config;

/// The longest text that is read from standard input.
const STDIN_BYTES: u64 = 64 << 20;

pub(super) fn command(verb: &'static str, registry: &Registry) -> Command {
    let about = match verb {
        "run" => "Does a job here and now and puts its artifacts into a folder",
        _ => "Hands a job to the workers and prints its id",
    };
    let mut command = Command::new(verb).about(about).subcommand_required(true).arg_required_else_help(true);
    for recipe in registry.recipes() {
        command = command.subcommand(kind_command(verb, recipe));
    }
    command
}

fn kind_command(verb: &'static str, recipe: &dyn ErasedRecipe) -> Command {
    let schema = Value::from(recipe.schema());
    let examples = recipe.examples().replace("medley run", &format!("medley {verb}"));
    let inputs = Arg::new("inputs").value_name("INPUT").num_args(1..).required(*recipe.inputs().start() > 0).help(
        match (recipe.takes_text(), recipe.inputs()) {
            (true, _) => "A file, a URL, or the text itself; - reads standard input",
            (false, range) if *range.end() > 1 => "The job's input files or URLs, in order",
            (false, _) => "Files or URLs; each is a job of its own",
        },
    );
    let command = Command::new(String::from(recipe.kind()))
        .about(recipe.about())
        .after_help(format!("Examples:\n{examples}"))
        .arg(inputs)
        .args(
            recipe
                .named_inputs()
                .iter()
                .map(|&(flag, _, help)| Arg::new(flag).long(flag).value_name("FILE").help(help)),
        )
        .args(flags::flags(&schema).iter().map(flags::Flag::to_arg));
    match verb {
        "run" if recipe.kind().as_str() == aloud::KIND => aloud::add_to(run::Args::add_to(command)),
        "run" => run::Args::add_to(command),
        _ => submit::Args::add_to(command),
    }
}

/// What the command line asks for: one or more jobs of one kind.
#[derive(Debug)]
pub(super) struct Asked {
    pub jobs: Vec<AskedJob>,
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
        let texts: Vec<&String> = matches.get_many::<String>("inputs").into_iter().flatten().collect();
        let several = *recipe.inputs().end() == 1;
        let groups: Vec<Vec<&String>> =
            if several { texts.iter().map(|text| vec![*text]).collect() } else { vec![texts] };
        let mut jobs: Vec<AskedJob> = Vec::new();
        for group in groups {
            let mut request = Request::new(config.tenant.clone(), kind.clone());
            request.params = params.clone();
            for text in &group {
                request.inputs.push(input(text, recipe.takes_text())?);
            }
            for &(flag, at, _) in recipe.named_inputs() {
                if let Some(text) = matches.get_one::<String>(flag) {
                    let at = at.min(request.inputs.len());
                    request.inputs.insert(at, input(text, false)?);
                }
            }
            let label = request.inputs.first().map_or_else(|| kind.to_string(), label);
            let folder = free_name(&stem(&label), &jobs);
            jobs.push(AskedJob { request, label, folder });
        }
        Ok(Self { jobs })
    }
}

/// Reads an argument as an input: an existing file, a URL, text where the kind takes text, else a file that is not there.
fn input(text: &str, takes_text: bool) -> Result<InputRequest, Failed> {
    if text == "-" && takes_text {
        let mut read = String::new();
        std::io::stdin()
            .take(STDIN_BYTES)
            .read_to_string(&mut read)
            .map_err(|error| Failed::usage(format!("standard input is not UTF-8 text: {error}")))?;
        return Ok(InputRequest::Text(read));
    }
    let path = Path::new(text);
    if path.exists() {
        return Ok(InputRequest::File(path.to_owned()));
    }
    let is_scheme =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) {
        return Ok(InputRequest::Uri(text.into()));
    }
    let looks_like_a_file =
        !text.contains(char::is_whitespace) && path.extension().is_some_and(|end| end.len() <= 5 && end.is_ascii());
    if takes_text && !looks_like_a_file {
        return Ok(InputRequest::Text(text.to_owned()));
    }
    Ok(InputRequest::File(path.to_owned()))
}

fn label(input: &InputRequest) -> String {
    match input {
        InputRequest::File(path) => {
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
        }
        InputRequest::Uri(address) => address.name(),
        InputRequest::Text(_) => "text".into(),
        InputRequest::Stored(input) => input.name.clone(),
    }
}

fn stem(label: &str) -> String {
    let stem = PathBuf::from(label).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if stem.is_empty() { "job".into() } else { stem }
}

/// The stem, or `stem-2`, `stem-3`, … when another job has it.
fn free_name(stem: &str, taken: &[AskedJob]) -> String {
    let names = std::iter::once(stem.to_owned()).chain((2..).map(|n| format!("{stem}-{n}")));
    let is_free = |name: &String| taken.iter().all(|job| job.folder != *name);
    names.into_iter().find(is_free).unwrap_or_default()
}

/// A switch without a value.
pub(super) fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_files_that_are_missing() {
        assert!(matches!(input("no-such-file.mp3", false).unwrap(), InputRequest::File(_)));
        assert!(matches!(input("script.md", true).unwrap(), InputRequest::File(_)));
        assert!(matches!(input("Hello there.", true).unwrap(), InputRequest::Text(_)));
        assert!(matches!(input("今天天气十分不错。", true).unwrap(), InputRequest::Text(_)));
        assert!(matches!(input("https://example.org/a.mp3", false).unwrap(), InputRequest::Uri(_)));
        assert!(matches!(input("Cargo.toml", true).unwrap(), InputRequest::File(_)));
    }

    #[test]
    fn a_named_input_stands_where_the_others_expect_it() {
        let registry = crate::registry::registry();
        let kind = Name::from_static("news");
        for words in [
            &["news", "script.md", "anchor.png", "logo.png", "--logo"][..],
            &["news", "--portrait", "anchor.png", "script.md", "logo.png", "--logo"],
            &["news", "script.md", "logo.png", "--portrait", "anchor.png", "--logo"],
        ] {
            let command = kind_command("run", registry.find_recipe(&kind).unwrap());
            let matches = command.try_get_matches_from(words).unwrap();
            let asked = Asked::read(&kind, &matches, &registry, &Config::default()).unwrap();
            let names: Vec<String> = asked.jobs[0].request.inputs.iter().map(label).collect();
            assert_eq!(names, ["script.md", "anchor.png", "logo.png"], "{words:?}");
        }
    }

    #[test]
    fn folders_do_not_collide() {
        let job = |folder: &str| AskedJob {
            request: Request::new(Name::from_static("t"), Name::from_static("k")),
            label: String::new(),
            folder: folder.into(),
        };
        assert_eq!(free_name("a", &[]), "a");
        assert_eq!(free_name("a", &[job("a")]), "a-2");
        assert_eq!(free_name("a", &[job("a"), job("a-2")]), "a-3");
        assert_eq!(stem("episode.mp3"), "episode");
        assert_eq!(stem(""), "job");
    }
}
