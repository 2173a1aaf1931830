use medley_proto::ErrorCode;
use medley_step::StepError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::date::DateOrder;

/// Which models read the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ocr {
    /// PP-OCRv6 small: 18,708 characters.
    #[default]
    PpOcrv6,
    /// PP-OCRv4: 6,623 characters, smaller and faster, weaker on small print.
    PpOcrv4,
}

/// Which names the fields get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Taxonomy {
    /// `receipt.json` alone.
    #[default]
    Medley,
    /// Also `expense.json`, in the shape and with the names of Amazon Textract's AnalyzeExpense.
    Textract,
}

/// The parameters of a `receipt` job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiptParams {
    /// Which models read the text.
    pub ocr: Ocr,
    /// Which names the fields get.
    pub taxonomy: Taxonomy,
    /// Which number of an all-digit date is the day.
    pub date_order: DateOrder,
    /// The currency (ISO 4217), when it is known beforehand.
    pub currency: Option<String>,
    /// Read a PDF's pages as pictures even where they have a text layer that covers what is printed.
    pub ignore_text_layer: bool,
    /// The most pages of a PDF or TIFF that are read, 1 to 200.
    pub max_pages: u32,
    /// Draw `overlay.png`: the picture with the fields' boxes and names.
    pub overlay: bool,
    /// Also write the text as `receipt.hocr`, for archives.
    pub hocr: bool,
    /// Also write the text as `receipt.alto.xml`, for archives.
    pub alto: bool,
    /// Also write `receipt.pdf`: the pages as pictures, with their text invisible on them, so that it can be found and copied.
    pub searchable_pdf: bool,
}

impl Default for ReceiptParams {
    fn default() -> Self {
        Self {
            ocr: Ocr::default(),
            taxonomy: Taxonomy::default(),
            date_order: DateOrder::default(),
            currency: None,
            ignore_text_layer: false,
            max_pages: 50,
            overlay: true,
            hocr: false,
            alto: false,
            searchable_pdf: false,
        }
    }
}

impl ReceiptParams {
    pub(crate) fn check(&self) -> Result<(), StepError> {
        let refuse = |what: String| Err(StepError::permanent(ErrorCode::PARAMS_INVALID, what));
        if !(1..=200).contains(&self.max_pages) {
            return refuse(format!("max_pages is {}; give 1 to 200", self.max_pages));
        }
        match &self.currency {
            Some(code) if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()) => {
                refuse(format!("currency is '{code}'; give a code of ISO 4217 such as MYR"))
            }
            _ => Ok(()),
        }
    }
}
