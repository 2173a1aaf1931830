//! The kinds of work of this binary: one line each.

use medley_caption::{
    Caption,
    library::{Library, LibraryRecipe},
};
use medley_control::Control;
use medley_portrait::{NewsRecipe, PortraitRecipe, PortraitWorker};
use medley_receipt::{ReceiptRecipe, ReceiptWorker};
use medley_speak::{Speak, SpeakJob};
use medley_step::Registry;
use medley_transcribe::{PodcastRecipe, TranscribeRecipe, TranscribeWorker};

pub(crate) fn registry() -> Registry {
    Registry::default()
        .worker::<TranscribeWorker>()
        .recipe::<TranscribeRecipe>()
        .recipe::<PodcastRecipe>()
        .worker::<Speak>()
        .recipe::<SpeakJob<TranscribeRecipe>>()
        .worker::<ReceiptWorker>()
        .recipe::<ReceiptRecipe>()
        .worker::<Caption>()
        .recipe::<Caption>()
        .worker::<Library>()
        .recipe::<LibraryRecipe>()
        .worker::<Control>()
        .recipe::<Control>()
        .worker::<PortraitWorker>()
        .recipe::<PortraitRecipe<TranscribeRecipe, SpeakJob<TranscribeRecipe>>>()
        .recipe::<NewsRecipe<SpeakJob<TranscribeRecipe>>>()
}
