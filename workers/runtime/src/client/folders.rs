//! Folders as inputs: local ones, and those that lie elsewhere. A digest tells one state of a folder from the next.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use medley_net::Address;
use medley_proto::{ErrorCode, Input, Sha256, Source};
use medley_step::StepError;
use sha2::Digest;

use super::Client;
use crate::{
    Error,
    fetch::{file_uri, local_files, on_a_thread},
};

/// Deeper folders are not looked at.
const MAX_LEVELS: usize = 64;

impl Client {
    pub(crate) async fn accept_local_folder(&self, path: PathBuf) -> Result<Input, Error> {
        let shown = path.display().to_string();
        self.check_workers_read(&shown, &path).await?;
        let given = path.file_name().map(ToOwned::to_owned);
        let path = self.backend.inputs.local_folder(shown, path).await?;
        let name = given.as_deref().or(path.file_name());
        let name = name.map_or_else(|| "/".into(), |name| name.to_string_lossy().into_owned());
        let source = Source::Uri(file_uri::of(&path));
        let sha256 = on_a_thread({
            let name = name.clone();
            move || fingerprint(&path).map_err(|error| local_files::refused(&name, &path, error))
        })
        .await?;
        Ok(Input { name, source, sha256: Some(sha256), bytes: None, media_type: Some(Input::FOLDER.into()) })
    }

    /// Makes a folder that lies elsewhere a job's input. Names, sizes and states of its files stand in for its hash:
    /// another state is another request.
    pub(super) async fn accept_remote_folder(&self, address: &Address) -> Result<Input, Error> {
        let folder = self.backend.inputs.remote_folder(address)?;
        let mut hash = sha2::Sha256::new();
        let (mut after, mut files) = (None::<String>, 0_u64);
        loop {
            let page = folder.page(after.as_deref()).await?;
            files += page.files.len() as u64;
            folder.check_count(files)?;
            for file in &page.files {
                hash.update(serde_json::to_vec(file).map_err(StepError::from)?);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if files == 0 {
            let message = format!("{address}: nothing lies there; check bucket and prefix");
            return Err(StepError::permanent(ErrorCode::INPUT_NOT_FOUND, message).into());
        }
        let (name, source) = (address.name(), Source::Uri(address.to_string()));
        let sha256 = Some(Sha256::new(hash.finalize().into()));
        Ok(Input { name, source, sha256, bytes: None, media_type: Some(Input::FOLDER.into()) })
    }
}

/// A digest of the names, sizes and times of all that is below a folder. A link counts by its target's
/// path and is not followed; what may not be read, and folders that hold a job's state (`.medley`) and their content, do not count.
fn fingerprint(root: &Path) -> io::Result<Sha256> {
    let mut hash = sha2::Sha256::new();
    add(root, 0, &mut hash)?;
    Ok(Sha256::new(hash.finalize().into()))
}

/// Holds the names of one folder a level in memory.
fn add(folder: &Path, level: usize, hash: &mut sha2::Sha256) -> io::Result<()> {
    let mut names: Vec<_> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    if level > 0 && names.iter().any(|name| name == ".medley") {
        return Ok(());
    }
    names.sort_unstable();
    for name in names.into_iter().filter(|name| name != ".medley") {
        let path = folder.join(&name);
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            // Its time changes whenever something in it does, also what does not count.
            hash.update([b'd', level as u8]);
            hash.update(name.as_bytes());
            match if level < MAX_LEVELS { add(&path, level + 1, hash) } else { Ok(()) } {
                Err(error) if !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotFound) => {
                    return Err(error);
                }
                _ => {}
            }
            continue;
        }
        hash.update([b'f']);
        hash.update(name.as_bytes());
        let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
        times.iter().for_each(|time| hash.update(time.to_be_bytes()));
        hash.update(meta.len().to_be_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_known_by_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (root, of) = (folder.path(), || fingerprint(folder.path()).unwrap());
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/1.jpg"), b"1").unwrap();
        let first = of();
        assert_eq!(of(), first);
        fs::create_dir(root.join(".medley")).unwrap();
        fs::create_dir_all(root.join("out/.medley")).unwrap();
        let with_state = of();
        fs::write(root.join(".medley/state"), b"x").unwrap();
        fs::write(root.join("out/result"), b"x").unwrap();
        assert_eq!(of(), with_state, "what a job leaves does not change its input");
        fs::write(root.join("a/2.jpg"), b"2").unwrap();
        let second = of();
        assert_ne!(second, with_state);
        fs::rename(root.join("a/2.jpg"), root.join("a/3.jpg")).unwrap();
        assert_ne!(of(), second);
        std::os::unix::fs::symlink(root, root.join("a/loop")).unwrap();
        assert_ne!(of(), second, "a link to a folder counts and is not followed");
    }
}
