//! The kinds of work of this binary: one line each.

use medley_step::Registry;
use medley_transcribe::{Transcribe, TranscribeJob};

pub(crate) fn registry() -> Registry {
    Registry::default().worker::<Transcribe>().recipe::<TranscribeJob>()
}
