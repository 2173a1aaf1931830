//! The kinds of work of this binary: one line each.

use medley_caption::{
    CaptionRecipe, CaptionWorker,
    library::{LibraryRecipe, LibraryWorker},
};
use medley_control::{ControlRecipe, ControlWorker};
use medley_portrait::{NewsRecipe, PortraitRecipe, PortraitWorker};
use medley_receipt::{ReceiptRecipe, ReceiptWorker};
use medley_speak::{SpeakRecipe, SpeakWorker};
use medley_step::Registry;
use medley_transcribe::{PodcastRecipe, TranscribeRecipe, TranscribeWorker};

pub(crate) fn registry() -> Registry {
    Registry::default()
        .worker::<TranscribeWorker>()
        .recipe::<TranscribeRecipe>()
        .recipe::<PodcastRecipe>()
        .worker::<SpeakWorker>()
        .recipe::<SpeakRecipe<TranscribeRecipe>>()
        .worker::<ReceiptWorker>()
        .recipe::<ReceiptRecipe>()
        .worker::<CaptionWorker>()
        .recipe::<CaptionRecipe>()
        .worker::<LibraryWorker>()
        .recipe::<LibraryRecipe>()
        .worker::<ControlWorker>()
        .recipe::<ControlRecipe>()
        .worker::<PortraitWorker>()
        .recipe::<PortraitRecipe<TranscribeRecipe, SpeakRecipe<TranscribeRecipe>>>()
        .recipe::<NewsRecipe<SpeakRecipe<TranscribeRecipe>>>()
}
