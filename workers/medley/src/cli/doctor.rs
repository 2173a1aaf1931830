//! `medley doctor`: what this machine lacks, and the command that gets it.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use medley_models::{Models, Registry as ModelRegistry, State};
use medley_runtime::store::Key;
use medley_step::Registry;

use super::{Failed, block_on};
use crate::{backends, config::Config};

/// How long queue and store may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Programs that jobs run, what for, and the Debian package that has them.
const PROGRAMS: [(&str, &str, &str); 4] = [
    ("ffmpeg", "audio and video that is not wav, mp3, flac, ogg or m4a; all encoding", "ffmpeg"),
    ("espeak-ng", "English speech", "espeak-ng"),
    ("pdftotext", "receipts in PDF files", "poppler-utils"),
    ("python3", "fetching and converting models, at set-up only", "python3 python3-venv"),
];

pub(super) fn main(registry: &Registry, config: Result<Config, Failed>) -> Result<ExitCode, Failed> {
    let mut missing = services(config)?;
    for (program, what_for, package) in PROGRAMS {
        match find(program) {
            Some(path) => println!("ok       {program}: {}", path.display()),
            None => {
                missing += 1;
                println!("missing  {program}, for {what_for}: apt-get install {package}");
            }
        }
    }
    let models = Models::open(&Models::default_dir());
    println!("ok       model cache: {}", models.root().display());
    for (name, model) in &ModelRegistry::built_in().models {
        match models.state(name) {
            Ok(State::Present) => println!("ok       model {name}"),
            Ok(State::Missing) if model.optional => {}
            Ok(State::Missing) => {
                missing += 1;
                println!("missing  model {name}, for {}: medley models pull {name}", model.tasks.join(", "));
            }
            _ => {
                missing += 1;
                println!("damaged  model {name}: medley models pull {name}");
            }
        }
    }
    let kinds: Vec<_> = registry.recipes().map(|recipe| String::from(recipe.kind())).collect();
    println!("ok       kinds of job: {}", kinds.join(", "));
    Ok(if missing == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
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
            println!("missing  {what}: {place}: {failed}");
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

/// Where a program is on the PATH.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
