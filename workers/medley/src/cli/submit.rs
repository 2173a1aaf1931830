//! `medley submit`: the same jobs as `medley run`, for workers elsewhere.

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{Arg, ArgAction, ArgMatches, Command};
use medley_proto::{Class, Name};
use medley_step::Registry;

use super::{Failed, asked::Asked, block_on, outputs, usage};
use crate::{
    backends::{self, Role},
    config::Config,
};

#[derive(Debug)]
pub(super) struct Args {
    pub(super) tenant: Option<Name>,
    pub(super) class: Class,
    pub(super) labels: Vec<(String, String)>,
    pub(super) key: Option<String>,
    deadline: Option<Duration>,
}

impl Args {
    pub(super) fn add_to(command: Command) -> Command {
        command
            .arg(
                Arg::new("tenant")
                    .long("tenant")
                    .value_name("NAME")
                    .help("Whose job it is [default: from medley.toml]"),
            )
            .arg(
                Arg::new("class")
                    .long("class")
                    .value_parser(["interactive", "batch"])
                    .default_value("interactive")
                    .help("How urgent it is: interactive work goes before batch work, four to one"),
            )
            .arg(
                Arg::new("job-label")
                    .long("job-label")
                    .value_name("KEY=VALUE")
                    .action(ArgAction::Append)
                    .help("A label that the manifest repeats; may be given several times"),
            )
            .arg(Arg::new("key").long("key").value_name("TEXT").help("Idempotency key: the same key is the same job"))
            .arg(
                Arg::new("deadline")
                    .long("deadline")
                    .value_name("TIME")
                    .help("No step starts later than so long from now: 90s, 30m, 2h, 1d"),
            )
    }

    pub(super) fn read(matches: &ArgMatches) -> Result<Self, Failed> {
        let text = |name: &str| matches.get_one::<String>(name);
        let label = |text: &String| match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(Failed::usage(format!("--job-label {text}: write KEY=VALUE"))),
        };
        Ok(Self {
            tenant: text("tenant")
                .map(|name| name.parse())
                .transpose()
                .map_err(|_| Failed::usage("--tenant: a tenant has 1 to 63 lower-case letters, digits, - and _"))?,
            class: if text("class").is_some_and(|class| class == "batch") { Class::Batch } else { Class::Interactive },
            labels: matches.get_many("job-label").into_iter().flatten().map(label).collect::<Result<_, _>>()?,
            key: text("key").cloned(),
            deadline: text("deadline").map(|text| usage::span(text)).transpose().map_err(Failed::usage)?,
        })
    }

    /// Unix time.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        self.deadline.map(|in_time| now_ms().saturating_add(in_time.as_millis() as u64))
    }
}

pub(super) fn submit(asked: Asked, args: &Args, registry: Arc<Registry>, config: &Config) -> Result<ExitCode, Failed> {
    block_on(async {
        let medley = backends::configured(Role::Asks, registry, config).await?;
        let several = asked.jobs.len() > 1;
        let mut exit = ExitCode::SUCCESS;
        for (n, job) in asked.jobs.into_iter().enumerate() {
            let mut request = job.request;
            if let Some(tenant) = &args.tenant {
                request.tenant = tenant.clone();
            }
            if let Some(spooled) = &asked.spooled {
                let tenant = request.tenant.clone();
                spooled.keep(&medley, &tenant, &mut request.inputs).await?;
            }
            request.class = args.class;
            request.labels = args.labels.iter().cloned().collect();
            request.idempotency_key =
                args.key.as_ref().map(|key| if several { format!("{key}/{n}") } else { key.clone() });
            request.deadline_ms = args.deadline_ms();
            match medley.submit(request).await {
                Ok(submitted) => drop(outputs::print_line(&submitted.job.id.to_string())?),
                Err(error) => exit = Failed::from(error).report(),
            }
        }
        Ok(exit)
    })
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
