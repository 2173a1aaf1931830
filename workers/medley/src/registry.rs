//! The kinds of work of this binary: one line each.

use medley_caption::{
    CaptionRecipe, CaptionWorker,
    library::{LibraryRecipe, LibraryWorker},
};
use medley_control::{ControlRecipe, ControlWorker};
use medley_portrait::PortraitWorker;
use medley_receipt::{ReceiptRecipe, ReceiptWorker};
use medley_speak::SpeakWorker;
use medley_step::Registry;
use medley_transcribe::{PodcastRecipe, TranscribeRecipe, TranscribeWorker};

use crate::recipes::{NewsRecipe, PortraitRecipe, SpeakRecipe};

pub(crate) fn registry() -> Registry {
    Registry::default()
        .worker::<TranscribeWorker>()
        .recipe::<TranscribeRecipe>()
        .recipe::<PodcastRecipe>()
        .worker::<SpeakWorker>()
        .recipe::<SpeakRecipe>()
        .worker::<ReceiptWorker>()
        .recipe::<ReceiptRecipe>()
        .worker::<CaptionWorker>()
        .recipe::<CaptionRecipe>()
        .worker::<LibraryWorker>()
        .recipe::<LibraryRecipe>()
        .worker::<ControlWorker>()
        .recipe::<ControlRecipe>()
        .worker::<PortraitWorker>()
        .recipe::<PortraitRecipe>()
        .recipe::<NewsRecipe>()
}
