//! The kinds of work of this binary: one line each.

use medley_caption::{
    CaptionRecipe, CaptionWorker,
    library::{LibraryRecipe, LibraryWorker},
};
use medley_control::Control;
use medley_portrait::{NewsRecipe, Portrait, PortraitRecipe};
use medley_receipt::{ReceiptRecipe, ReceiptWorker};
use medley_speak::{Speak, SpeakJob};
use medley_step::Registry;
use medley_transcribe::{PodcastJob, Transcribe, TranscribeJob};

pub(crate) fn registry() -> Registry {
    Registry::default()
        .worker::<Transcribe>()
        .recipe::<TranscribeJob>()
        .recipe::<PodcastJob>()
        .worker::<Speak>()
        .recipe::<SpeakJob<TranscribeJob>>()
        .worker::<ReceiptWorker>()
        .recipe::<ReceiptRecipe>()
        .worker::<CaptionWorker>()
        .recipe::<CaptionRecipe>()
        .worker::<LibraryWorker>()
        .recipe::<LibraryRecipe>()
        .worker::<Control>()
        .recipe::<Control>()
        .worker::<Portrait>()
        .recipe::<PortraitRecipe<TranscribeJob, SpeakJob<TranscribeJob>>>()
        .recipe::<NewsRecipe<SpeakJob<TranscribeJob>>>()
}
