//! `medley models`: what there is, fetching it, and checking it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::PathBuf,
    process::ExitCode,
};

use indicatif::{ProgressBar, ProgressStyle};
use medley_models::{Models, Progress, PullEvent, Registry as ModelRegistry, State};
use medley_proto::Commercial;
use medley_step::{Kind, Sample};
use serde_json::json;

use super::{Failed, completions::ModelNames, outputs, printable::printable};
use crate::kinds::{ALL_MODELS, MODELS_OF_TESTS, kinds};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Lists the models with their terms, and whether they are here.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Fetches, converts and verifies models: by name, of a kind of job, or all (without the optional ones).
    Pull {
        /// Names of models or kinds of job, or `all`.
        #[arg(
            required_unless_present = "for_kind",
            value_name = "MODEL|KIND|all",
            value_parser = ModelNames::all(true),
            hide_possible_values = true
        )]
        names: Vec<String>,
        /// What a kind of job needs by default; `tests`: what the tests need.
        #[arg(long = "for", id = "for_kind", value_name = "KIND")]
        for_kind: Option<String>,
        /// Also takes models that nobody publishes a hash of, and records the hash of what comes.
        #[arg(long)]
        unpinned: bool,
        /// Says nothing about models that are here already.
        #[arg(short, long)]
        quiet: bool,
    },
    /// Reads every model file again and compares it with the registry.
    Verify {
        #[arg(value_name = "MODEL|KIND|all", value_parser = ModelNames::all(true), hide_possible_values = true)]
        names: Vec<String>,
    },
    /// Prints the path of a model's file.
    Path {
        #[arg(value_parser = ModelNames::all(false), hide_possible_values = true)]
        model: String,
        file: String,
    },
    /// Prints the inputs that a kind of job can be tried with, one a line: a text, or the path of a file or folder.
    Sample { kind: String },
}

pub(super) fn main(command: Command) -> Result<ExitCode, Failed> {
    let models = Models::open(&Models::default_dir());
    match command {
        Command::List { json: true } => list_json(&models),
        Command::List { json: false } => list(&models),
        Command::Pull { names, for_kind, unpinned, quiet } => {
            let names = match for_kind {
                Some(kind) => needed_by(&kind)?,
                None => resolve(&names)?,
            };
            pull(&models, &names, unpinned, quiet)
        }
        Command::Verify { names } => verify(&models, &names),
        Command::Path { model, file } => {
            println!("{}", models.file(&model, &file)?.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Sample { kind } => sample(&models, &kind),
    }
}

/// The models of a kind of job that a pull gets unasked: all but the optional ones.
fn needed_by(kind: &str) -> Result<Vec<&'static str>, Failed> {
    if kind == MODELS_OF_TESTS {
        return resolve(&[ALL_MODELS.to_owned()]);
    }
    let models = kinds().models_of(kind).ok_or_else(|| {
        let known: Vec<_> = kinds().iter().map(Kind::name).collect();
        Failed::usage(format!("no kind of job is called '{kind}'; this build knows {}", known.join(", ")))
    })?;
    let registry = ModelRegistry::built_in();
    Ok(models.into_iter().filter(|name| registry.models.get(*name).is_some_and(|model| !model.optional)).collect())
}

/// The entries that a user means by names of entries, kinds of job and `all`, each once, in the registry's order.
fn resolve(words: &[String]) -> Result<Vec<&'static str>, Failed> {
    let registry = ModelRegistry::built_in();
    let mut names: BTreeSet<&'static str> = BTreeSet::new();
    for word in words {
        match kinds().find(word) {
            Some(_) => names.extend(needed_by(word)?),
            None => names.extend(registry.resolve(&[word.as_str()])?),
        }
    }
    Ok(names.into_iter().collect())
}

fn pull(models: &Models, names: &[&str], unpinned: bool, quiet: bool) -> Result<ExitCode, Failed> {
    let style =
        ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    let mut shown = Shown { bar, quiet };
    if unpinned {
        models.pull_unpinned(names, &mut shown)?;
    } else {
        models.pull(names, &mut shown)?;
    }
    shown.bar.finish_and_clear();
    Ok(ExitCode::SUCCESS)
}

struct Shown {
    bar: ProgressBar,
    quiet: bool,
}

impl Progress for Shown {
    fn event(&mut self, model: &str, event: PullEvent<'_>) {
        let text = match event {
            PullEvent::Present if self.quiet => return,
            PullEvent::Present => format!("{model}: here already"),
            PullEvent::Fetching { source } => format!("{model}: fetching {source}"),
            PullEvent::Converting { file } => format!("{model}: making {file}"),
            PullEvent::Recorded { file, sha256 } => {
                let text =
                    format!("{model}: recorded the SHA-256 of {file}, which its publisher does not give: {sha256}");
                // It stays on the screen, to be compared with another machine's.
                self.bar.suspend(|| eprintln!("{text}"));
                return;
            }
            PullEvent::Done { bytes, took } => {
                format!("{model}: here, {} MB in {:.0} s", bytes / 1_000_000, took.as_secs_f64())
            }
            _ => return,
        };
        let text = printable(&text).into_owned();
        if self.bar.is_hidden() {
            eprintln!("{text}");
        } else {
            self.bar.set_message(text);
            self.bar.tick();
        }
    }
}

fn state(models: &Models, name: &str) -> Result<&'static str, Failed> {
    Ok(match models.state(name)? {
        State::Present => "here",
        State::Missing => "missing",
        _ => "damaged",
    })
}

fn commercial(terms: Commercial) -> &'static str {
    match terms {
        Commercial::Yes => "yes",
        Commercial::No => "no",
        Commercial::Unclear => "unclear",
    }
}

fn list(models: &Models) -> Result<ExitCode, Failed> {
    println!("{:<31} {:<8} {:<10} ABOUT", "MODEL", "STATE", "COMMERCIAL");
    for (name, model) in &ModelRegistry::built_in().models {
        let state = state(models, name)?;
        println!("{name:<31} {state:<8} {:<10} {}", commercial(model.licence.commercial), model.about);
        let unpinned = if model.is_unpinned() { "; unpinned: nobody publishes its hash" } else { "" };
        println!(
            "{:<31} code {}; weights {}; data {}{unpinned}",
            "", model.licence.code, model.licence.weights, model.licence.data
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn list_json(models: &Models) -> Result<ExitCode, Failed> {
    let mut all = BTreeMap::new();
    for (name, model) in &ModelRegistry::built_in().models {
        let entry = json!({
            "version": model.version,
            "about": model.about,
            "tasks": kinds().iter().filter(|kind| kind.uses_model(name)).map(Kind::name).collect::<Vec<_>>(),
            "optional": model.optional,
            "unpinned": model.is_unpinned(),
            "state": state(models, name)?,
            "licence": {
                "code": model.licence.code,
                "weights": model.licence.weights,
                "data": model.licence.data,
                "commercial": commercial(model.licence.commercial),
            },
        });
        all.insert(name, entry);
    }
    outputs::print_json(&all)
}

/// Checks the named models, or every one that is here.
fn verify(models: &Models, names: &[String]) -> Result<ExitCode, Failed> {
    let names = if names.is_empty() {
        let all = ModelRegistry::built_in().models.keys().map(String::as_str);
        all.filter(|name| matches!(models.state(name), Ok(State::Present))).collect()
    } else {
        resolve(names)?
    };
    let mut exit = ExitCode::SUCCESS;
    for name in names {
        match models.verify(name) {
            Ok(()) => println!("{name}: as registered"),
            Err(error) => {
                exit = Failed::from(error).report();
            }
        }
    }
    Ok(exit)
}

/// Prints the inputs that a kind of job can be tried with, and gets them first where they are missing.
fn sample(models: &Models, name: &str) -> Result<ExitCode, Failed> {
    let Some(kind) = kinds().find(name).filter(|kind| kind.has_recipe()) else {
        return Err(Failed::usage(format!("no kind of job is called '{name}'; `medley run --help` names them")));
    };
    for sample in kind.sample_inputs() {
        if let Some(model) = sample.model() {
            models.pull(&[model], &mut ())?;
        }
        let line = match sample {
            Sample::Text(text) => (*text).to_owned(),
            Sample::File { model, file } => models.file(model, file)?.display().to_string(),
            Sample::Folder { model, files } => sample_folder(models, name, model, files)?.display().to_string(),
        };
        outputs::print_line(&line)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A folder of files of the cache, which itself has links only: a job takes no file that lies outside of its folder.
fn sample_folder(models: &Models, kind: &str, model: &str, files: &[&str]) -> Result<PathBuf, Failed> {
    let folder = models.root().join("samples").join(kind);
    let unmade = |error: io::Error| Failed::service(format!("folder {} cannot be made: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(unmade)?;
    for file in files {
        let (from, to) = (models.file(model, file)?, folder.join(file));
        let is_there = to.metadata().is_ok_and(|there| from.metadata().is_ok_and(|known| known.len() == there.len()));
        if !is_there {
            fs::copy(&from, &to).map_err(unmade)?;
        }
    }
    Ok(folder)
}
