//! `medley rename`: gives the speakers of a transcript names, in every artifact.

use std::{collections::BTreeMap, fs, io::Write as _, path::Path, process::ExitCode, sync::Arc};

use clap::{Arg, ArgMatches, Command};
use medley_proto::{Artifact, ErrorCode, JobId, Manifest, Name, Sha256};
use medley_runtime::{Client, NewFile as RevisedFile, NewRevision};
use medley_transcribe::{NewName, RENAMED, rename};

use super::{
    Failed, all_kinds, block_on,
    extra::ExtraCommand,
    new_file::{NewFile, unwritable},
    outputs,
    state::State,
};
use crate::{
    backends::{self, Role},
    config::Config,
};

pub(super) const COMMAND: ExtraCommand = ExtraCommand { name: "rename", command, main };

/// The largest artifact that is read: hours of subtitles and words are some ten megabytes.
const MAX_BYTES: u64 = 256 << 20;

type Files = BTreeMap<String, Vec<u8>>;

fn command() -> Command {
    Command::new(COMMAND.name)
        .about("Gives the speakers of a transcript names, in every artifact")
        .after_help(
            "Examples:\n  \
             medley rename out A=Ann B=\"Bo Li\"        in the folder that `medley run … -o out` filled\n  \
             medley rename out \"Speaker 2=Bo\"         by number; a name that was given may be changed again\n  \
             medley rename 01JD… A=Ann                a submitted job: a revision, which `medley fetch` gives",
        )
        .arg(
            Arg::new("of")
                .value_name("DIR|JOB")
                .required(true)
                .help("The folder with the transcript, or a finished job"),
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

fn main(matches: &ArgMatches, config: &Config) -> Result<ExitCode, Failed> {
    let of = matches.get_one::<String>("of").map(String::as_str).unwrap_or_default();
    let names: Vec<NewName> = matches.get_many("names").into_iter().flatten().cloned().collect();
    match of.parse::<JobId>() {
        Ok(job) if !Path::new(of).is_dir() => in_job(job, &names, config),
        _ => in_folder(Path::new(of), &names, config),
    }
}

fn in_job(job: JobId, names: &[NewName], config: &Config) -> Result<ExitCode, Failed> {
    block_on(async {
        let medley = backends::configured(Role::Looks, Arc::new(all_kinds().registry()), config).await?;
        let tenant = &config.tenant;
        let base = medley.newest_revision(tenant, job).await?;
        let artifacts = medley.artifacts_at(tenant, job, None).await?;
        let mut files = Files::new();
        for artifact in artifacts.iter().filter(|artifact| RENAMED.contains(&artifact.name.as_str())) {
            if let Some(bytes) = medley.read_artifact(tenant, job, artifact, MAX_BYTES).await? {
                files.insert(artifact.name.clone(), bytes.to_vec());
            }
        }
        let changed = rename(&files, names)?;
        if changed.is_empty() {
            return outputs::print_line("they are called so already");
        }
        let number = revise(&medley, tenant, job, base, &artifacts, &changed).await?;
        outputs::print_line(&format!("revision {number} of {job}; `medley fetch {job}` gets it"))
    })
}

async fn revise(
    medley: &Client,
    tenant: &Name,
    job: JobId,
    base: u32,
    artifacts: &[Artifact],
    changed: &Files,
) -> Result<u32, Failed> {
    let media_type = |name: &String| {
        let known = artifacts.iter().find(|artifact| artifact.name == *name);
        known.map_or_else(|| "application/octet-stream".to_owned(), |artifact| artifact.media_type.clone())
    };
    let file = |(name, bytes): (&String, &Vec<u8>)| RevisedFile {
        name: name.clone(),
        media_type: media_type(name),
        bytes: bytes.clone().into(),
    };
    let note = Some("speakers got names".to_owned());
    let new = NewRevision { base, by: None, note, files: changed.iter().map(file).collect() };
    Ok(medley.revise(tenant, job, new).await?.number)
}

fn in_folder(folder: &Path, names: &[NewName], config: &Config) -> Result<ExitCode, Failed> {
    let mut changed = rename(&read(folder)?, names)?;
    if changed.is_empty() {
        return outputs::print_line("they are called so already");
    }
    if let Some(manifest) = manifest(folder) {
        let manifest = Manifest { artifacts: listed(&manifest.artifacts, &changed), ..manifest };
        // So that the same `medley run` finds what it would fetch, and does not make it again.
        remember(folder, &manifest, &changed, config)?;
        changed.insert("manifest.json".into(), serde_json::to_vec_pretty(&manifest).map_err(Failed::service)?);
    }
    for (name, bytes) in &changed {
        let path = folder.join(name);
        let (new, mut file) = NewFile::create(&path)?;
        file.write_all(bytes).map_err(|error| unwritable(&path, &error))?;
        new.keep()?;
        if name != "manifest.json" {
            outputs::print_line(&path.display().to_string())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn manifest(folder: &Path) -> Option<Manifest> {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).ok()?).ok()
}

/// The artifacts with the hashes that they have now.
fn listed(artifacts: &[Artifact], changed: &Files) -> Vec<Artifact> {
    let now = |artifact: &Artifact| match changed.get(&artifact.name) {
        Some(bytes) => Artifact { sha256: Sha256::of(bytes), bytes: bytes.len() as u64, ..artifact.clone() },
        None => artifact.clone(),
    };
    artifacts.iter().map(now).collect()
}

/// Makes a revision of the job whose artifacts are in the folder, where its state is kept beside it or, for one of several
/// jobs, one above.
fn remember(folder: &Path, manifest: &Manifest, changed: &Files, config: &Config) -> Result<(), Failed> {
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    for output in [folder, above] {
        if !State::path_in(output).is_dir() {
            continue;
        }
        let state = State::share(output)?;
        return block_on(async {
            let medley = backends::embedded(state.path(), Arc::new(all_kinds().registry()), config).await?;
            let (tenant, job) = (&manifest.tenant, manifest.job);
            if medley.manifest(tenant, job).await.is_ok() {
                let base = medley.newest_revision(tenant, job).await?;
                revise(&medley, tenant, job, base, &manifest.artifacts, changed).await?;
            }
            Ok(())
        });
    }
    Ok(())
}

/// The artifacts of a folder in which speakers are named.
fn read(folder: &Path) -> Result<Files, Failed> {
    let mut files = Files::new();
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
    let message =
        format!("{} holds no transcript.json; name the folder that a run filled, or a job's id", folder.display());
    Err(Failed::job(ErrorCode::INPUT_NOT_FOUND, message))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failed {
    Failed::job(ErrorCode::INPUT_NOT_FOUND, format!("{} cannot be read: {error}", path.display()))
}
