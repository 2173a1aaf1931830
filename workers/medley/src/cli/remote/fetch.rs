//! Copies the artifacts of an ended job into a folder: each whole and verified, or not at all.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use medley_proto::{ErrorCode, JobId};
use medley_runtime::store::Key;
use sha2::Digest;
use ureq::http::Method;

use super::{
    connection::{Asked, Server},
    jobs::{self, Artifact},
};
use crate::cli::{Failed, outputs, printable::plain};

/// What the gateway tells of the job, beside its artifacts.
const DOCUMENT: &str = "job.json";
const BLOCK_BYTES: usize = 64 << 10;

pub(super) fn fetch(server: &Server, job: JobId, output: &Path) -> Result<ExitCode, Failed> {
    outputs::check_folder(output)?;
    let (found, document) = jobs::look(server, job)?;
    if !found.state.is_final() {
        let message = format!("job {job} has not ended; `medley watch {job}` waits for it");
        return Err(Failed::job(ErrorCode::INPUT_NOT_FOUND, message));
    }
    fs::create_dir_all(output).map_err(|error| unwritable(output, &error))?;
    for artifact in &found.artifacts {
        let path = place(output, &artifact.name)?;
        if !is_there(&path, artifact) {
            save(server, artifact, &path)?;
        }
        outputs::print_line(&path.display().to_string())?;
    }
    let path = output.join(DOCUMENT);
    let text = serde_json::to_vec_pretty(&document).map_err(Failed::service)?;
    fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
    found.ended()
}

/// A valid key has valid segments: no gateway can name a file outside of the folder.
fn place(output: &Path, name: &str) -> Result<PathBuf, Failed> {
    let key =
        Key::parse(name).map_err(|_| Failed::service(format!("{name:?} is no name that an artifact can have")))?;
    Ok(output.join(key.as_str()))
}

fn is_there(path: &Path, artifact: &Artifact) -> bool {
    let is_file = path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() == artifact.bytes);
    let digest = || -> io::Result<[u8; 32]> {
        let mut hash = sha2::Sha256::new();
        let mut file = File::open(path)?;
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(hash.finalize().into()),
                count => hash.update(&block[..count]),
            }
        }
    };
    is_file && digest().is_ok_and(|digest| digest == *artifact.sha256.as_bytes())
}

fn save(server: &Server, artifact: &Artifact, path: &Path) -> Result<(), Failed> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let part = folder.join(format!(".medley-unfinished-{}-{}.part", std::process::id(), artifact.sha256));
    let saved = receive(server, artifact, &part)
        .and_then(|()| fs::rename(&part, path).map_err(|error| unwritable(path, &error)));
    if saved.is_err() {
        // Half a file only takes room.
        let _ = fs::remove_file(&part);
    }
    saved
}

fn receive(server: &Server, artifact: &Artifact, part: &Path) -> Result<(), Failed> {
    let Artifact { name, url, bytes, .. } = artifact;
    // Another address would get the token.
    if !url.starts_with('/') || url.starts_with("//") {
        return Err(Failed::service(format!("{name} does not lie at the gateway")));
    }
    let mut answer = server.ask(&Asked::new(Method::GET, url))?;
    let mut file = File::options().write(true).create_new(true).open(part).map_err(|error| unwritable(part, &error))?;
    let mut hash = sha2::Sha256::new();
    let (mut count, mut block) = (0_u64, vec![0; BLOCK_BYTES]);
    let mut body = answer.body_mut().with_config().limit(bytes.saturating_add(1)).reader();
    loop {
        let read = body.read(&mut block);
        let read =
            read.map_err(|error| Failed::service(format!("{name} broke off: {}; fetch it again", plain(&error))))?;
        if read == 0 {
            break;
        }
        hash.update(&block[..read]);
        count += read as u64;
        file.write_all(&block[..read]).map_err(|error| unwritable(part, &error))?;
    }
    let digest: [u8; 32] = hash.finalize().into();
    if count != *bytes || digest != *artifact.sha256.as_bytes() {
        return Err(Failed::service(format!("{name} arrived damaged; fetch it again")));
    }
    file.sync_all().map_err(|error| unwritable(part, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> Failed {
    Failed::service(format!("{} cannot be written: {}", path.display(), plain(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_artifact_leaves_the_folder() {
        let output = Path::new("/out");
        assert_eq!(place(output, "map/录音 1.png").unwrap(), Path::new("/out/map/录音 1.png"));
        for name in ["../x", "/etc/passwd", "a/../../x", "a//b", ".", "a\\b", "a\nb", ""] {
            assert!(place(output, name).is_err(), "{name:?}");
        }
    }
}
