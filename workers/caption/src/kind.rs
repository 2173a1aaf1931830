//! The kinds `caption` and `library` as constants.

use medley_step::{Kind, Sample, Slots};

use crate::{
    CaptionRecipe, CaptionWorker,
    library::{LibraryRecipe, LibraryWorker},
};

/// The CLIP models of the registry.
const CLIP: &[&str] = &[
    "clip-vit-base-patch32",
    "clip-vit-base-patch32-8bit",
    "clip-vit-base-patch16",
    "clip-vit-large-patch14",
    "clip-vit-large-patch14-8bit",
    "clip-vit-large-patch14-336",
    "siglip-base-patch16-224",
    "chinese-clip-vit-base-patch16",
    "chinese-clip-vit-large-patch14",
];

pub const KIND: Kind = Kind::new("caption")
    .worker::<CaptionWorker>()
    .recipe::<CaptionRecipe>()
    .models(&[
        "onnxruntime",
        "pp-ocrv6-small",
        "face-detector",
        "blazepose",
        "nanodet",
        "efficientnet-lite2",
        "minilm",
        "centernet",
        "open-nsfw",
        "clip-vocabulary",
        "chinese-clip-vocabulary",
        "clip-vit-base-patch32",
        "clip-vit-base-patch32-8bit",
        "clip-vit-base-patch16",
        "clip-vit-large-patch14",
        "clip-vit-large-patch14-8bit",
        "clip-vit-large-patch14-336",
        "siglip-base-patch16-224",
        "chinese-clip-vit-base-patch16",
        "chinese-clip-vit-large-patch14",
    ])
    .choices(CLIP)
    .samples(&[Sample::File { model: "sample-pictures", file: "coffee.png" }]);

/// A data set of a folder of images.
pub const LIBRARY: Kind = Kind::new("library")
    .worker::<LibraryWorker>()
    .recipe::<LibraryRecipe>()
    .parts(&["caption"])
    .choices(CLIP)
    .samples(&[Sample::Folder {
        model: "sample-pictures",
        files: &["astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "hubble.jpg", "page.png"],
    }])
    .slots(Slots::OnePerCore);
