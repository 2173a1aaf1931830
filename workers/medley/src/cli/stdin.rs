//! Standard input as an input: text in the request, all else first a file of this process and then an object of the store.

use std::{
    fs::{self, File},
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

use medley_proto::{ErrorCode, Input, Name, Sha256, Source};
use medley_runtime::{
    Client, InputRequest, LimitSettings,
    store::{Key, ObjectMeta},
};
use sha2::Digest;

use super::{Failed, printable::plain};
use crate::config::Config;

/// What people know it by.
const NAME: &str = "stdin";

/// What came through standard input, as a file that goes when this does.
#[derive(Debug)]
pub(super) struct Spooled {
    path: PathBuf,
    sha256: Sha256,
    bytes: u64,
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // What stays lies in a work folder, and in the way of nobody.
        let _ = fs::remove_file(&self.path);
    }
}

impl Spooled {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where it lies in the store: below the tenant's prefix, and with it.
    fn place(&self, tenant: &Name) -> Result<(String, Key), Failed> {
        let below = format!("inputs/{}/{NAME}", self.sha256);
        let key = Key::new([tenant.as_str()]).and_then(|key| key.join(&below)).map_err(Failed::service)?;
        Ok((below, key))
    }

    /// Takes it out of the store again, when the jobs that read it have ended.
    pub(super) async fn forget(&self, medley: &Client, tenant: &Name) -> Result<(), Failed> {
        medley.store().delete(&self.place(tenant)?.1).await.map_err(Failed::service)
    }

    /// Puts it into the tenant's store, where workers find it, and in place of the file in the request. Stored by its
    /// content, the same input is the same job.
    pub(super) async fn keep(&self, medley: &Client, tenant: &Name, inputs: &mut [InputRequest]) -> Result<(), Failed> {
        let is_this = |input: &&mut InputRequest| matches!(input, InputRequest::File(path) if *path == self.path);
        let Some(input) = inputs.iter_mut().find(is_this) else { return Ok(()) };
        let (below, key) = self.place(tenant)?;
        let meta = ObjectMeta { media_type: None, sha256: Some(self.sha256) };
        medley.store().put_file(&key, &self.path, &meta).await.map_err(Failed::service)?;
        *input = InputRequest::Stored(Input {
            name: NAME.into(),
            source: Source::Stored(below),
            sha256: Some(self.sha256),
            bytes: Some(self.bytes),
            media_type: None,
        });
        Ok(())
    }
}

/// Standard input as text when it is short and UTF-8, else as a file.
pub(super) fn read_text_or_spool(config: &Config) -> Result<Result<String, Spooled>, Failed> {
    let mut start = Vec::new();
    let most = LimitSettings::MAX_TEXT_BYTES as u64;
    io::stdin().lock().take(most + 1).read_to_end(&mut start).map_err(unreadable)?;
    if start.len() as u64 <= most {
        start = match String::from_utf8(start) {
            Ok(text) => return Ok(Ok(text)),
            Err(error) => error.into_bytes(),
        };
    }
    copy(&mut start.as_slice().chain(io::stdin().lock()), config).map(Err)
}

/// Standard input as a file.
pub(super) fn spool(config: &Config) -> Result<Spooled, Failed> {
    if io::stdin().is_terminal() {
        return Err(Failed::usage("standard input is a terminal: send a file to it (… - < talk.mp3)"));
    }
    copy(&mut io::stdin().lock(), config)
}

fn copy(from: &mut dyn Read, config: &Config) -> Result<Spooled, Failed> {
    let folder = config.work_dir();
    let path = folder.join(format!("{NAME}-{}", std::process::id()));
    let unwritable = |error: io::Error| {
        Failed::service(format!(
            "{} cannot be written to ({}); free space or permit it",
            folder.display(),
            plain(&error)
        ))
    };
    fs::create_dir_all(&folder).map_err(unwritable)?;
    let mut file = File::create(&path).map_err(unwritable)?;
    let (mut hash, mut bytes) = (sha2::Sha256::new(), 0_u64);
    let mut block = vec![0; 1 << 20];
    // From here on the file goes with this.
    let mut spooled = Spooled { path, sha256: Sha256::of(b""), bytes: 0 };
    loop {
        let read = match from.read(&mut block) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        bytes += read as u64;
        if bytes > config.limits.input_bytes {
            let message =
                format!("standard input has more than limits.input_bytes = {} bytes", config.limits.input_bytes);
            return Err(Failed::job(ErrorCode::MEDIA_TOO_LARGE, message));
        }
        hash.update(&block[..read]);
        file.write_all(&block[..read]).map_err(unwritable)?;
    }
    if bytes == 0 {
        return Err(Failed::job(ErrorCode::MEDIA_EMPTY, "standard input is empty: send a file to it"));
    }
    (spooled.sha256, spooled.bytes) = (Sha256::new(hash.finalize().into()), bytes);
    Ok(spooled)
}

fn unreadable(error: io::Error) -> Failed {
    Failed::usage(format!("standard input cannot be read ({})", plain(&error)))
}
