//! `medley models`: what there is, fetching it, and checking it.

use std::{collections::BTreeMap, process::ExitCode};

use indicatif::{ProgressBar, ProgressStyle};
use medley_models::{Models, Progress, PullEvent, Registry, State};
use medley_proto::Commercial;
use serde_json::json;

use super::{Failed, completions::ModelNames, outputs, printable::printable};

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
    /// Prints the sample inputs of a kind of job, one path a line.
    Sample { kind: String },
}

/// The kinds of job whose models those of other kinds are.
const MADE_OF: [(&str, &[&str]); 3] =
    [("podcast", &["transcribe"]), ("library", &["caption", "receipt"]), ("news", &["speak", "portrait"])];

pub(super) fn main(command: Command) -> Result<ExitCode, Failed> {
    let models = Models::open(&Models::default_dir());
    match command {
        Command::List { json: true } => list_json(&models),
        Command::List { json: false } => list(&models),
        Command::Pull { names, for_kind, unpinned, quiet } => {
            let names = match for_kind {
                Some(kind) => needed_by(&kind),
                None => names,
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

/// The registry's words for what a kind of job needs.
pub(super) fn needed_by(kind: &str) -> Vec<String> {
    let parts = MADE_OF.iter().find(|(made, _)| *made == kind).map(|(_, of)| of.to_vec());
    match (kind, parts) {
        ("tests", _) => vec!["all".into()],
        (_, Some(parts)) => parts.into_iter().map(str::to_owned).collect(),
        (kind, None) => vec![kind.to_owned()],
    }
}

fn resolve(names: &[String]) -> Result<Vec<&str>, Failed> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(Registry::built_in().resolve(&names)?)
}

fn pull(models: &Models, names: &[String], unpinned: bool, quiet: bool) -> Result<ExitCode, Failed> {
    let names = resolve(names)?;
    let style =
        ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    let mut shown = Shown { bar, quiet };
    if unpinned {
        models.pull_unpinned(&names, &mut shown)?;
    } else {
        models.pull(&names, &mut shown)?;
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
    for (name, model) in &Registry::built_in().models {
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
    for (name, model) in &Registry::built_in().models {
        let entry = json!({
            "version": model.version,
            "about": model.about,
            "tasks": model.tasks,
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
        let all = Registry::built_in().models.keys().map(String::as_str);
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

/// Which file of which sample a kind of job is shown on.
const SAMPLES: [(&str, &[(&str, &str)]); 6] = [
    ("transcribe", &[("sample-speech", "two-cities.wav")]),
    ("podcast", &[("sample-speech", "two-cities.wav")]),
    ("control", &[("sample-pictures", "astronaut.png")]),
    ("caption", &[("sample-pictures", "coffee.png")]),
    ("receipt", &[("sample-pictures", "page.png")]),
    ("portrait", &[("sample-clip", "franz-kafka.jpg"), ("sample-speech", "beckett.wav")]),
];

fn sample(models: &Models, kind: &str) -> Result<ExitCode, Failed> {
    let Some((_, files)) = SAMPLES.iter().find(|(known, _)| *known == kind) else {
        let known: Vec<_> = SAMPLES.iter().map(|(kind, _)| *kind).collect();
        return Err(Failed::usage(format!("there is no sample for '{kind}'; there are some for {}", known.join(", "))));
    };
    for (model, file) in *files {
        models.pull(&[*model], &mut |_: &str, _: PullEvent<'_>| {})?;
        println!("{}", models.file(model, file)?.display());
    }
    Ok(ExitCode::SUCCESS)
}
