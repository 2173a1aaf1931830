//! `medley rename`: gives the speakers of a transcript names, in every artifact.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Arg, ArgMatches, Command, value_parser};
use medley_proto::ErrorCode;
use medley_transcribe::{NewName, RENAMED, rename};

use super::{
    Failed,
    extra::ExtraCommand,
    new_file::{NewFile, unwritable},
    outputs,
};
use crate::config::Config;

pub(super) const COMMAND: ExtraCommand = ExtraCommand { name: "rename", command, main };

/// The largest artifact that is read: hours of subtitles and words are some ten megabytes.
const MAX_BYTES: u64 = 256 << 20;

fn command() -> Command {
    Command::new(COMMAND.name)
        .about("Gives the speakers of a transcript names, in every artifact")
        .after_help(
            "Examples:\n  \
             medley rename out A=Ann B=\"Bo Li\"      in the folder that `medley run … -o out` filled\n  \
             medley rename out \"Speaker 2=Bo\"       by number; a name that was given may be changed again",
        )
        .arg(
            Arg::new("folder")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The folder with the transcript"),
        )
        .arg(
            Arg::new("names")
                .value_name("SPEAKER=NAME")
                .required(true)
                .num_args(1..)
                .value_parser(|text: &str| text.parse::<NewName>())
                .help("Who is to be called what"),
        )
}

fn main(matches: &ArgMatches, _: &Config) -> Result<ExitCode, Failed> {
    let folder = matches.get_one::<PathBuf>("folder").cloned().unwrap_or_default();
    let names: Vec<NewName> = matches.get_many("names").into_iter().flatten().cloned().collect();
    let changed = rename(&read(&folder)?, &names)?;
    for (name, bytes) in &changed {
        let path = folder.join(name);
        let (new, mut file) = NewFile::create(&path)?;
        file.write_all(bytes).map_err(|error| unwritable(&path, &error))?;
        new.keep()?;
        outputs::print_line(&path.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The artifacts of a folder in which speakers are named.
fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failed> {
    let mut files = BTreeMap::new();
    for name in RENAMED {
        let path = folder.join(name);
        match fs::metadata(&path) {
            Ok(meta) if meta.is_file() && meta.len() <= MAX_BYTES => {
                let bytes = fs::read(&path);
                files.insert((*name).to_owned(), bytes.map_err(|error| unreadable(&path, &error))?);
            }
            Ok(_) => {
                let message = format!("{} is no transcript: it is no file, or too large", path.display());
                return Err(Failed::job(ErrorCode::INPUT_NOT_A_FILE, message));
            }
            Err(_) => {}
        }
    }
    if files.contains_key("transcript.json") {
        return Ok(files);
    }
    let message = format!("{} holds no transcript.json; name the folder that a run filled", folder.display());
    Err(Failed::job(ErrorCode::INPUT_NOT_FOUND, message))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failed {
    Failed::job(ErrorCode::INPUT_NOT_FOUND, format!("{} cannot be read: {error}", path.display()))
}
