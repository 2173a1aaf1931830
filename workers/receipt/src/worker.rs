use std::sync::{Mutex, PoisonError};

use medley_models::Models;
use medley_proto::{ErrorCode, ModelUse};
use medley_step::{
    BuildContext, BuildError, GroupDone, JobView, Planned, Recipe, StepContext, StepError, Worker, recipe_of_one_step,
};
use medley_vision::text::{LineReader, PpOcr, PpOcrVersion, Slots, TextPage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    archive,
    date::DateOrder,
    document::{PageInfo, Receipt},
    extract::{Hints, fields},
    overlay,
    pages::{self, Page},
    textract,
};

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

/// What the user may set.
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
        }
    }
}

/// The table `[receipt]` of `medley.toml`: nothing to set.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiptConfig {}

/// What `result.json` holds inline; everything is in `receipt.json`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReceiptOutput {
    pub merchant: Option<String>,
    pub date: Option<String>,
    pub currency: Option<String>,
    pub total: Option<crate::Decimal>,
    pub adds_up: Option<bool>,
    pub lines: usize,
    pub pages: usize,
}

/// Reads receipts.
#[derive(Debug)]
pub struct ReceiptWorker {
    models: Models,
    slots: Slots,
    /// The reader in use; another version replaces it.
    reader: Mutex<Option<(Ocr, std::sync::Arc<PpOcr>)>>,
}

impl ReceiptWorker {
    fn reader(&self, ocr: Ocr) -> Result<std::sync::Arc<PpOcr>, StepError> {
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
        let opened = std::sync::Arc::new(PpOcr::open(&self.models, version, self.slots)?);
        *reader = Some((ocr, opened.clone()));
        Ok(opened)
    }
}

impl Worker for ReceiptWorker {
    const KIND: &'static str = "receipt";
    type Config = ReceiptConfig;
    type Params = ReceiptParams;
    type Output = ReceiptOutput;

    fn build(_config: ReceiptConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self {
            models: Models::open(&cx.models_dir),
            slots: Slots { pages: cx.slots.max(1), threads_per_page: cx.threads_per_slot() },
            reader: Mutex::default(),
        })
    }

    fn run(&self, params: ReceiptParams, cx: &StepContext<'_>) -> Result<ReceiptOutput, StepError> {
        let input = cx.input(0)?;
        let mut source = pages::open(input, &params, cx)?;
        let mut read = Vec::new();
        let mut infos = Vec::new();
        let mut unused: Vec<(usize, &str)> = Vec::new();
        let mut canvas = None;
        let total = source.len();
        for number in 0..total {
            cx.checkpoint()?;
            cx.progress(number as f64, total as f64, "pages");
            let (info, text, picture) = match source.page(number, cx)? {
                Page::Picture { picture, unused_layer } => {
                    unused.extend(unused_layer.map(|doubt| (number, doubt)));
                    let text = self.reader(params.ocr)?.read(&picture, cx.host())?;
                    (of_picture(&text, &picture), text, Some(picture))
                }
                Page::Doubted { picture, layer } => {
                    let read = self.reader(params.ocr)?.read(&picture, cx.host())?;
                    match layer.against(&read) {
                        Ok(text) => (of_layer(&text), text, Some(picture)),
                        Err(doubt) => {
                            unused.push((number, doubt));
                            (of_picture(&read, &picture), read, Some(picture))
                        }
                    }
                }
                Page::Text { text, picture } => (of_layer(&text), text, picture),
            };
            if number == 0 && params.overlay {
                canvas = picture;
            }
            read.push(text);
            infos.push(info);
        }
        if read.iter().all(|page| page.lines.is_empty()) {
            return Err(StepError::bad_input(
                ErrorCode::MEDIA_EMPTY,
                input,
                "no text was found; take the picture closer and in better light",
            ));
        }
        let hints = Hints { date_order: params.date_order, currency: params.currency.clone() };
        let mut receipt = Receipt { pages: infos, ..fields(read, &hints) };
        if source.left_out() > 0 {
            let more = match source.left_out() {
                1 => "1 more page was".to_owned(),
                count => format!("{count} more pages were"),
            };
            receipt.quality.warnings.push(format!("{more} not read: raise --max-pages"));
        }
        receipt.quality.warnings.extend(unused_layers(&unused));
        publish(cx, &params, &receipt, canvas)?;
        cx.progress(total as f64, total as f64, "pages");
        Ok(output(&receipt))
    }

    fn models(&self) -> Vec<ModelUse> {
        self.models.used()
    }
}

fn of_picture(text: &TextPage, picture: &image::RgbImage) -> PageInfo {
    PageInfo {
        width_px: picture.width(),
        height_px: picture.height(),
        turn_deg: text.turn_deg,
        lean_deg: text.lean_deg,
        source: "picture",
    }
}

fn of_layer(text: &TextPage) -> PageInfo {
    PageInfo {
        width_px: text.width as u32,
        height_px: text.height as u32,
        turn_deg: 0,
        lean_deg: 0.0,
        source: "text_layer",
    }
}

/// A sentence for each reason why text layers were not used.
fn unused_layers(unused: &[(usize, &str)]) -> Vec<String> {
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

fn publish(
    cx: &StepContext<'_>,
    params: &ReceiptParams,
    receipt: &Receipt,
    canvas: Option<image::RgbImage>,
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

fn output(receipt: &Receipt) -> ReceiptOutput {
    ReceiptOutput {
        merchant: receipt.merchant.name.as_ref().map(|field| field.value.clone()),
        date: receipt.date.as_ref().map(|field| field.value.clone()),
        currency: receipt.currency.as_ref().map(|field| field.value.clone()),
        total: receipt.total.as_ref().map(|field| field.value),
        adds_up: receipt.quality.adds_up,
        lines: receipt.lines.len(),
        pages: receipt.pages.len(),
    }
}

/// One receipt, one step.
#[derive(Debug)]
pub struct ReceiptRecipe;

impl Recipe for ReceiptRecipe {
    const KIND: &'static str = "receipt";
    type Params = ReceiptParams;
    const ABOUT: &'static str = "Read a receipt or invoice (photo, scan, PDF) into checked fields";
    const EXAMPLES: &'static str =
        "medley run receipt photo.jpg -o out\nmedley run receipt invoice.pdf --taxonomy textract -o out";

    fn check(params: &ReceiptParams, _inputs: &[medley_proto::Input]) -> Result<(), StepError> {
        let refuse = |what: String| Err(StepError::permanent(ErrorCode::PARAMS_INVALID, what));
        if !(1..=200).contains(&params.max_pages) {
            return refuse(format!("max_pages is {}; give 1 to 200", params.max_pages));
        }
        match &params.currency {
            Some(code) if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()) => {
                refuse(format!("currency is '{code}'; give a code of ISO 4217 such as MYR"))
            }
            _ => Ok(()),
        }
    }

    fn start(job: &JobView<'_, ReceiptParams>) -> Result<Planned, StepError> {
        recipe_of_one_step::<ReceiptWorker>(job)
    }

    fn next(_job: &JobView<'_, ReceiptParams>, _done: &GroupDone) -> Result<Planned, StepError> {
        Ok(Planned::last())
    }
}
