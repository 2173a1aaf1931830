//! What a step's scratch folder keeps when the step's process dies.

use std::path::{Path, PathBuf};

use medley_step::{NOTES, StepError};
use tokio::io::AsyncWriteExt;

/// Makes the folder anew: an earlier try may have left files in it. The step's notes stay.
pub(super) async fn empty(folder: &Path) -> Result<(), StepError> {
    tokio::fs::create_dir_all(folder).await?;
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        if entry.file_type().await?.is_dir() {
            tokio::fs::remove_dir_all(entry.path()).await?;
        } else if entry.file_name() != NOTES {
            tokio::fs::remove_file(entry.path()).await?;
        }
    }
    Ok(())
}

/// What a step noted down for itself, as far as it was there when the step was begun last ([`StepContext::notes`]).
///
/// [`StepContext::notes`]: medley_step::StepContext::notes
pub(super) struct Notes {
    path: PathBuf,
    bytes: u64,
}

impl Notes {
    pub(super) fn of(scratch: &Path) -> Self {
        Self { path: scratch.join(NOTES), bytes: 0 }
    }

    /// Whether the step noted down more than was there; then how it died stands below it now.
    pub(super) async fn grew(&mut self, error: &StepError) -> Result<bool, StepError> {
        let bytes = match tokio::fs::symlink_metadata(&self.path).await {
            Ok(meta) if meta.is_file() => meta.len(),
            _ => return Ok(false),
        };
        if bytes <= self.bytes || matches!(error, StepError::Interrupted) {
            return Ok(false);
        }
        let mut file = tokio::fs::OpenOptions::new().append(true).open(&self.path).await?;
        // The step's last line may be half written.
        let line = format!("\n{{\"died\":\"{}\"}}\n", error.code());
        file.write_all(line.as_bytes()).await?;
        file.flush().await?;
        self.bytes = bytes + line.len() as u64;
        Ok(true)
    }
}
