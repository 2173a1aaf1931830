//! Reads one document: its pages, their text, the fields.

use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use medley_models::Models;
use medley_proto::ModelUse;
use medley_step::{BuildContext, LocalInput, StepContext, StepError};
use medley_vision::text::{LineReader, PpOcr, PpOcrVersion, Slots, TextPage};

use crate::{
    document::{PageInfo, Receipt},
    error::ReceiptError,
    extract::{Hints, fields},
    input::{Page, Pages},
    output::PagePicture,
    params::{Ocr, ReceiptParams},
};

/// Reads receipts; holds the OCR models, which the slots share.
#[derive(Debug)]
pub(crate) struct ReceiptReader {
    models: Models,
    slots: Slots,
    /// The OCR models that were used last. Another version replaces them.
    reader: Mutex<Option<(Ocr, Arc<PpOcr>)>>,
}

/// A document that was read.
pub(crate) struct ReadDocument {
    pub(crate) receipt: Receipt,
    /// The first page, if the overlay is asked for.
    pub(crate) picture: Option<RgbImage>,
    /// All pages, if a searchable PDF is asked for and all were read from pictures.
    pub(crate) pictures: Vec<PagePicture>,
}

impl ReceiptReader {
    pub(crate) fn new(cx: &BuildContext) -> Self {
        Self {
            models: Models::open(&cx.models_dir),
            slots: Slots { pages: cx.slots.max(1), threads_per_page: cx.threads_per_slot() },
            reader: Mutex::default(),
        }
    }

    /// The models that were used so far.
    pub(crate) fn models(&self) -> Vec<ModelUse> {
        self.models.used()
    }

    /// Opens the models, so that a missing one is known before any work.
    pub(crate) fn open_models(&self, ocr: Ocr) -> Result<(), StepError> {
        self.reader(ocr).map(drop)
    }

    /// Reads a document. `on_page` is told how many of how many pages are read.
    pub(crate) fn read(
        &self,
        input: &LocalInput,
        params: &ReceiptParams,
        cx: &StepContext<'_>,
        on_page: &dyn Fn(usize, usize),
    ) -> Result<ReadDocument, StepError> {
        let mut pages = Pages::open(input, params, cx)?;
        let (mut texts, mut infos) = (Vec::new(), Vec::new());
        let mut unused_layers: Vec<(usize, &str)> = Vec::new();
        let mut first = None;
        let mut pictures = Vec::new();
        let total = pages.len();
        for number in 0..total {
            cx.checkpoint()?;
            on_page(number, total);
            let read = self.read_page(pages.page(number, cx)?, params.ocr, cx)?;
            unused_layers.extend(read.unused_layer.map(|reason| (number, reason)));
            if params.searchable_pdf && read.info.source == "picture" {
                pictures.extend(read.picture.as_ref().map(PagePicture::of).transpose()?);
            }
            if number == 0 && params.overlay {
                first = read.picture;
            }
            texts.push(read.text);
            infos.push(read.info);
        }
        if texts.iter().all(|page| page.lines.is_empty()) {
            return Err(ReceiptError::NoText { input: input.name.clone() }.into());
        }
        let hints = Hints { date_order: params.date_order, currency: params.currency.clone() };
        let mut receipt = Receipt { pages: infos, ..fields(texts, &hints) };
        receipt.quality.warnings.extend(pages_left_out(pages.left_out()));
        receipt.quality.warnings.extend(layers_not_used(&unused_layers));
        if params.searchable_pdf && pictures.len() < total {
            pictures.clear();
            receipt.quality.warnings.push("no receipt.pdf was made: the document has text of its own".into());
        }
        on_page(total, total);
        Ok(ReadDocument { receipt, picture: first, pictures })
    }

    fn reader(&self, ocr: Ocr) -> Result<Arc<PpOcr>, StepError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, reader)) = &*reader
            && *version == ocr
        {
            return Ok(reader.clone());
        }
        let version = match ocr {
            Ocr::PpOcrv6 => PpOcrVersion::V6Small,
            Ocr::PpOcrv4 => PpOcrVersion::V4,
        };
        let opened = Arc::new(PpOcr::open(&self.models, version, self.slots)?);
        *reader = Some((ocr, opened.clone()));
        Ok(opened)
    }

    fn read_page(&self, page: Page, ocr: Ocr, cx: &StepContext<'_>) -> Result<ReadPage, StepError> {
        Ok(match page {
            Page::Picture { picture, unused_layer } => {
                let text = self.reader(ocr)?.read(&picture, cx.host())?;
                ReadPage { info: info_of_picture(&text, &picture), text, picture: Some(picture), unused_layer }
            }
            Page::Doubted { picture, layer } => {
                let read = self.reader(ocr)?.read(&picture, cx.host())?;
                match layer.against(&read) {
                    Ok(text) => {
                        ReadPage { info: info_of_layer(&text), text, picture: Some(picture), unused_layer: None }
                    }
                    Err(reason) => ReadPage {
                        info: info_of_picture(&read, &picture),
                        text: read,
                        picture: Some(picture),
                        unused_layer: Some(reason),
                    },
                }
            }
            Page::Text { text, picture } => ReadPage { info: info_of_layer(&text), text, picture, unused_layer: None },
        })
    }
}

/// A page that was read.
struct ReadPage {
    info: PageInfo,
    text: TextPage,
    picture: Option<RgbImage>,
    /// Why the page's text layer was not used, where it has one.
    unused_layer: Option<&'static str>,
}

fn info_of_picture(text: &TextPage, picture: &RgbImage) -> PageInfo {
    PageInfo {
        width_px: picture.width(),
        height_px: picture.height(),
        turn_deg: text.turn_deg,
        lean_deg: text.lean_deg,
        source: "picture",
    }
}

fn info_of_layer(text: &TextPage) -> PageInfo {
    PageInfo {
        width_px: text.width as u32,
        height_px: text.height as u32,
        turn_deg: 0,
        lean_deg: 0.0,
        source: "text_layer",
    }
}

/// A sentence about pages beyond the limit, if there are any.
fn pages_left_out(count: usize) -> Option<String> {
    let more = match count {
        0 => return None,
        1 => "1 more page was".to_owned(),
        count => format!("{count} more pages were"),
    };
    Some(format!("{more} not read: raise --max-pages"))
}

/// A sentence for each reason why text layers were not used.
fn layers_not_used(unused: &[(usize, &str)]) -> Vec<String> {
    let mut reasons: Vec<&str> = Vec::new();
    for (_, reason) in unused {
        if !reasons.contains(reason) {
            reasons.push(reason);
        }
    }
    let sentence = |reason: &&str| {
        let pages = unused.iter().filter(|(_, other)| other == reason).map(|(page, _)| (page + 1).to_string());
        let pages: Vec<String> = pages.collect();
        format!("page {} was read from its picture: its text layer {reason}", pages.join(", "))
    };
    reasons.iter().map(sentence).collect()
}
