//! The kinds of work of this binary: one line each.

use medley_caption::{
    Caption,
    library::{Library, LibraryRecipe},
};
use medley_control::{ControlRecipe, ControlWorker};
use medley_portrait::{NewsRecipe, Portrait, PortraitRecipe};
use medley_receipt::{ReceiptRecipe, ReceiptWorker};
use medley_speak::{SpeakRecipe, SpeakWorker};
use medley_step::Registry;
use medley_transcribe::{PodcastJob, Transcribe, TranscribeJob};

pub(crate) fn registry() -> Registry {
    Registry::default()
        .worker::<Transcribe>()
        .recipe::<TranscribeJob>()
        .recipe::<PodcastJob>()
        .worker::<SpeakWorker>()
        .recipe::<SpeakRecipe<TranscribeJob>>()
        .worker::<ReceiptWorker>()
        .recipe::<ReceiptRecipe>()
        .worker::<Caption>()
        .recipe::<Caption>()
        .worker::<Library>()
        .recipe::<LibraryRecipe>()
        .worker::<ControlWorker>()
        .recipe::<ControlRecipe>()
        .worker::<Portrait>()
        .recipe::<PortraitRecipe<TranscribeJob, SpeakRecipe<TranscribeJob>>>()
        .recipe::<NewsRecipe<SpeakRecipe<TranscribeJob>>>()
}
