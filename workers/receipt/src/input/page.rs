use image::RgbImage;
use medley_vision::text::TextPage;

use super::text_layer::Doubted;

/// A page to read.
pub(crate) enum Page {
    Picture {
        picture: RgbImage,
        /// Why the text layer was not used, where there is one.
        unused_layer: Option<&'static str>,
    },
    /// A picture to read, and a text layer that is used only if the picture confirms it.
    Doubted { picture: RgbImage, layer: Doubted },
    /// The text layer of a PDF, and a picture of the page if one is needed.
    Text { text: TextPage, picture: Option<RgbImage> },
}
