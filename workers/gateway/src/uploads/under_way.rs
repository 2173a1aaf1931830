use super::{
    finish::Finishing,
    receive::{SpoolRoom, Writers},
    settings::UploadSettings,
};

/// What uploads need of this process.
#[derive(Debug)]
pub(crate) struct Uploads {
    pub(super) writers: Writers,
    pub(super) room: SpoolRoom,
    pub(super) finishing: Finishing,
}

impl Uploads {
    pub(crate) fn new(settings: &UploadSettings) -> Self {
        tracing::info!(keep_days = settings.keep_ms() / UploadSettings::DAY_MS, "uploads are kept for so many days");
        Self {
            writers: Writers::default(),
            room: SpoolRoom::new(settings.spool_bytes),
            finishing: Finishing::default(),
        }
    }
}
