//! The artifacts of a receipt: its record, exports for archives and other programs, and a picture with its fields.

mod archive;
mod font;
mod overlay;
mod searchable;
mod textract;

use image::RgbImage;
use medley_step::{StepContext, StepError};
use schemars::JsonSchema;
pub(crate) use searchable::PagePicture;
use serde::Serialize;

use crate::{
    books::BooksListing,
    document::Receipt,
    money::Decimal,
    params::{ReceiptParams, Taxonomy},
};

/// The summary that `result.json` holds inline. `receipt.json` holds everything.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReceiptOutput {
    pub merchant: Option<String>,
    pub date: Option<String>,
    pub currency: Option<String>,
    pub total: Option<Decimal>,
    pub adds_up: Option<bool>,
    pub lines: usize,
    pub pages: usize,
    /// The input is many receipts, which are still to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listing: Option<BooksListing>,
}

impl From<BooksListing> for ReceiptOutput {
    fn from(listing: BooksListing) -> Self {
        Self {
            merchant: None,
            date: None,
            currency: None,
            total: None,
            adds_up: None,
            lines: 0,
            pages: 0,
            listing: Some(listing),
        }
    }
}

impl From<&Receipt> for ReceiptOutput {
    fn from(receipt: &Receipt) -> Self {
        Self {
            merchant: receipt.merchant.name.as_ref().map(|field| field.value.clone()),
            date: receipt.date.as_ref().map(|field| field.value.clone()),
            currency: receipt.currency.as_ref().map(|field| field.value.clone()),
            total: receipt.total.as_ref().map(|field| field.value),
            adds_up: receipt.quality.adds_up,
            lines: receipt.lines.len(),
            pages: receipt.pages.len(),
            listing: None,
        }
    }
}

/// Publishes the artifacts that the parameters ask for, and the quality for the manifest. `canvas` is the picture of the
/// first page for the overlay, `pictures` are those of all pages for a searchable PDF.
pub(crate) fn publish(
    cx: &StepContext<'_>,
    params: &ReceiptParams,
    receipt: &Receipt,
    canvas: Option<RgbImage>,
    pictures: &[PagePicture],
) -> Result<(), StepError> {
    cx.publish("receipt.json", "application/json", &serde_json::to_vec_pretty(receipt)?)?;
    if params.taxonomy == Taxonomy::Textract {
        let expense = textract::analyze_expense(receipt);
        cx.publish("expense.json", "application/json", &serde_json::to_vec_pretty(&expense)?)?;
    }
    if params.hocr {
        cx.publish("receipt.hocr", "text/html", archive::hocr(receipt).as_bytes())?;
    }
    if params.alto {
        cx.publish("receipt.alto.xml", "application/xml", archive::alto(receipt).as_bytes())?;
    }
    if !pictures.is_empty() {
        cx.publish("receipt.pdf", "application/pdf", &searchable::pdf(receipt, pictures))?;
    }
    if let Some(canvas) = canvas {
        cx.publish("overlay.png", "image/png", &overlay::png(canvas, receipt)?)?;
    }
    cx.quality("adds_up", receipt.quality.adds_up);
    cx.quality("text_confidence", (f64::from(receipt.quality.text_confidence) * 1e4).round() / 1e4);
    cx.quality("corrected", receipt.quality.corrected);
    cx.quality("pages", receipt.pages.iter().map(|page| page.source).collect::<Vec<_>>());
    cx.quality("warnings", receipt.quality.warnings.clone());
    Ok(())
}
