//! The command line. Each subcommand is a file; `kinds` makes those of `run` and `submit` from the registry.

#[cfg(feature = "speak")]
mod aloud;
mod asked;
mod clean;
#[cfg(test)]
mod command_lines;
mod completions;
mod dead;
mod doctor;
#[cfg(feature = "caption")]
mod embed;
mod extra;
mod flags;
mod folder_names;
mod given;
mod jobs;
mod kinds;
mod listing;
mod logging;
mod models;
mod monitor;
#[cfg(any(feature = "caption", feature = "transcribe"))]
mod new_file;
mod outputs;
mod progress;
#[cfg(feature = "amqp")]
mod queues;
mod remote;
#[cfg(feature = "transcribe")]
mod rename;
mod run;
#[cfg(feature = "library")]
mod search;
mod serve;
mod state;
mod stdin;
mod submit;
mod switches;
mod terms;
mod token;
mod usage;
#[cfg(feature = "speak")]
mod voices;
mod worker;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use medley_environment::VARIABLES;
use medley_proto::{JobId, Name};
use medley_step::Registry;

use self::{
    extra::{DirectRun, ExtraCommand},
    remote::Server,
};
use crate::{
    config::Config,
    failed::{self, Failed},
    kinds::kinds as all_kinds,
    printable,
};

const AFTER_HELP: &str = "\
Examples:
  medley run transcribe interview.mp3 -o out      a job here and now, with no service running
  medley submit transcribe interview.mp3          the same job for the workers; prints its id
  medley worker                                   works on submitted jobs
  medley serve --work                             takes jobs over HTTP, and works on them
  medley watch 01JD…                              follows one
  medley doctor                                   what is missing on this machine, and how to get it

Exit codes: 0 done; 1 the job failed or its input is missing; 2 usage; 3 a model or service is missing; 130 interrupted.";

/// What `--server` serves.
const REMOTE: &[&str] = &["submit", "status", "watch", "fetch", "cancel", "delete", "list"];

/// What kinds bring beside their jobs.
const EXTRA_COMMANDS: &[ExtraCommand] = &[
    #[cfg(feature = "caption")]
    embed::COMMAND,
    #[cfg(feature = "transcribe")]
    rename::COMMAND,
    #[cfg(feature = "library")]
    search::COMMAND,
    #[cfg(feature = "speak")]
    voices::COMMAND,
];
const DIRECT_RUNS: &[DirectRun] = &[
    #[cfg(feature = "speak")]
    aloud::DIRECT,
];

/// The flag by which a kind does without a job.
fn direct_run(kind: &str) -> Option<&'static DirectRun> {
    DIRECT_RUNS.iter().find(|direct| direct.kind == kind)
}

/// Turns media jobs into finished artifacts: transcripts, speech, captions, receipts, maps and talking heads.
#[derive(Debug, Parser)]
#[command(name = "medley", version, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A gateway that submit, status, watch, fetch, cancel, delete and list go to; its token is MEDLEY_TOKEN.
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Works on submitted jobs until it is stopped.
    Worker(worker::Args),
    /// Serves jobs over HTTP (docs/gateway.md).
    Serve(serve::Args),
    /// Says where a job stands.
    Status {
        #[arg(value_parser = usage::job_id)]
        job: JobId,
        #[arg(long)]
        json: bool,
    },
    /// Follows a job until it ends; exits as the job does.
    Watch {
        #[arg(value_parser = usage::job_id)]
        job: JobId,
        #[command(flatten)]
        show: progress::Show,
    },
    /// Copies a finished job's artifacts into a folder.
    Fetch {
        #[arg(value_parser = usage::job_id)]
        job: JobId,
        #[arg(short, long, value_name = "DIR", default_value = ".")]
        output: PathBuf,
    },
    /// Asks a job to stop.
    Cancel {
        #[arg(value_parser = usage::job_id)]
        job: JobId,
    },
    /// Removes a job and everything of it.
    Delete {
        #[arg(value_parser = usage::job_id)]
        job: JobId,
    },
    /// Lists jobs, the newest first.
    List(jobs::ListArgs),
    /// Looks after steps whose attempts are used up.
    #[command(subcommand)]
    Dead(dead::Command),
    /// Removes what finished jobs of `medley run` left in an output folder beside their artifacts.
    Clean(clean::Args),
    /// Lists, fetches and checks models.
    #[command(subcommand)]
    Models(models::Command),
    /// Makes, lists, rotates and revokes tokens of the gateway.
    Token(token::Args),
    /// Says what is missing on this machine, and how to get it; asks queue and store whether they answer.
    Doctor,
    /// Prints the JSON Schema of a kind's parameters.
    Schema {
        #[arg(value_parser = usage::kind)]
        kind: Name,
        /// The stages of the kind's jobs instead, as a Mermaid flow chart.
        #[arg(long)]
        graph: bool,
    },
    /// Prints the queues, exchanges and bindings of a fleet as RabbitMQ's definitions file has them.
    #[cfg(feature = "amqp")]
    Queues(queues::Args),
    /// Prints a completion script for a shell.
    Completions { shell: Shell },
    #[command(hide = true)]
    Compute {
        #[arg(long)]
        kind: Name,
    },
}

/// The whole command: the fixed subcommands, and `run` and `submit` with one subcommand for each kind of job.
fn command(registry: &Registry) -> clap::Command {
    let variables: Vec<_> = VARIABLES.iter().map(|v| format!("  {:<21}{}", v.name, v.about)).collect();
    let after = format!("{AFTER_HELP}\n\nEnvironment:\n{}", variables.join("\n"));
    Cli::command()
        .after_help(after)
        .subcommands(EXTRA_COMMANDS.iter().map(|extra| (extra.command)()))
        .subcommand(kinds::command("run", registry))
        .subcommand(kinds::command("submit", registry))
}

pub(crate) fn main() -> ExitCode {
    ignore_file_size_signal();
    let registry = all_kinds().registry();
    let command = command(&registry);
    let words: Vec<_> = std::env::args_os().collect();
    #[cfg(feature = "speak")]
    let words = voices::asked(words);
    let words = switches::normalised(words, &command);
    let matches = match command.try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => return usage::report(error),
    };
    match dispatch(&matches, registry) {
        Ok(code) => code,
        Err(failed) => failed.report(),
    }
}

/// A write beyond the limit of a file's size (`ulimit -f`) is an error like that of a full disk, not the end of the process.
/// Children inherit this.
fn ignore_file_size_signal() {
    // SAFETY: no other thread runs yet, and ignoring needs no handler.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

fn dispatch(matches: &clap::ArgMatches, registry: Registry) -> Result<ExitCode, Failed> {
    let registry = Arc::new(registry);
    let config_path = matches.get_one::<PathBuf>("config").map(PathBuf::as_path);
    let server = matches.get_one::<String>("server").map(|address| Server::new(address)).transpose()?;
    if server.is_some() && !matches.subcommand_name().is_some_and(|name| REMOTE.contains(&name)) {
        return Err(remote::unserved());
    }
    if let Some((verb @ ("run" | "submit"), matches)) = matches.subcommand() {
        let (kind, matches) = matches.subcommand().ok_or_else(|| Failed::usage("name a kind of job"))?;
        let kind = kind.parse::<Name>().map_err(|error| Failed::usage(error.to_string()))?;
        let config = Config::load(config_path, &registry)?;
        let asked = asked::Asked::read(&kind, matches, &registry, &config)?;
        if let Some(direct) = direct_run(kind.as_str()).filter(|direct| verb == "run" && matches.get_flag(direct.flag))
        {
            return (direct.main)(asked, &config);
        }
        return match (verb, server) {
            (_, Some(server)) => remote::submit(&server, asked, &submit::Args::read(matches)?),
            ("run", None) => run::run(asked, run::Args::read(matches), registry, config),
            (_, None) => submit::submit(asked, &submit::Args::read(matches)?, registry, &config),
        };
    }
    if !matches!(matches.subcommand_name(), Some("worker" | "serve" | "compute")) {
        end_with_the_reader();
    }
    if let Some((name, matches)) = matches.subcommand()
        && let Some(extra) = EXTRA_COMMANDS.iter().find(|extra| extra.name == name)
    {
        return (extra.main)(matches, &Config::load(config_path, &registry)?);
    }
    let cli = Cli::from_arg_matches(matches).map_err(|error| Failed::usage(error.to_string()))?;
    if let Some(server) = server {
        return remote::main(&server, cli.command);
    }
    match cli.command {
        Command::Compute { kind } => return Ok(medley_runtime::compute_main(&registry, &kind)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut command(&registry), "medley", &mut std::io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Schema { kind, graph } => {
            let recipe = registry.find_recipe(&kind)?;
            if graph {
                return outputs::print_text(&recipe.graph().mermaid());
            }
            return outputs::print_json(&recipe.schema());
        }
        Command::Models(command) => return models::main(command),
        Command::Clean(args) => return clean::main(&args, registry, config_path),
        #[cfg(feature = "amqp")]
        Command::Queues(args) => return queues::main(&args),
        Command::Doctor => return doctor::main(Config::load(config_path, &registry)),
        _ => {}
    }
    let config = Config::load(cli.config.as_deref(), &registry)?;
    match cli.command {
        Command::Worker(args) => worker::main(args, registry, config),
        Command::Token(args) => token::main(args, &config),
        Command::Serve(args) => serve::main(args, registry, config),
        other => jobs::main(other, registry, &config),
    }
}

/// Ends the process quietly when whoever reads its output has seen enough (`medley list | head`). Rust ignores SIGPIPE;
/// what owns child processes and sockets keeps it so.
fn end_with_the_reader() {
    // SAFETY: no other thread runs yet, and the default action needs no handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Runs asynchronous work on a runtime of its own.
fn block_on<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failed::service(format!("no threads can be started: {error}")))?;
    let result = runtime.block_on(work);
    // Threads that wait for a slow disk or a closed pipe must not hold up the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_command_is_sound() {
        command(&all_kinds().registry()).debug_assert();
    }

    /// clap finds two flags of one name in debug builds alone, and these tests are built as releases are.
    #[test]
    fn no_command_has_two_flags_of_one_name() {
        fn look(command: &clap::Command) {
            let mut seen = HashSet::new();
            for flag in command.get_arguments() {
                let names =
                    [Some(flag.get_id().as_str()), flag.get_long().filter(|long| *long != flag.get_id().as_str())];
                for name in names.into_iter().flatten() {
                    assert!(seen.insert(name.to_owned()), "{} has --{name} twice", command.get_name());
                }
            }
            command.get_subcommands().for_each(look);
        }
        look(&command(&all_kinds().registry()));
    }

    #[test]
    fn every_kind_has_help_that_teaches() {
        let mut root = command(&all_kinds().registry());
        root.build();
        for verb in ["run", "submit"] {
            let kinds = root.find_subcommand_mut(verb).unwrap();
            for kind in kinds.get_subcommands_mut() {
                if kind.get_name() == "help" {
                    continue;
                }
                let help = kind.render_long_help().to_string();
                assert!(help.contains("Examples:"), "{verb} {} has no examples", kind.get_name());
            }
        }
    }
}
