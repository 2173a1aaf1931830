//! Receipt OCR: a photograph, scan or PDF of a receipt or invoice becomes checked fields.

mod amount;
mod archive;
mod date;
mod decimal;
mod document;
mod extract;
mod kind;
mod layer;
mod layout;
mod letters;
mod lexicon;
mod number;
mod overlay;
mod pages;
mod pdf;
mod poppler;
mod textract;
mod words;
mod worker;

pub use date::DateOrder;
pub use decimal::Decimal;
pub use document::{Check, Field, Item, Merchant, OutLine, PageInfo, Payment, Quality, Receipt, Tax};
pub use extract::{Hints, fields};
pub use kind::KIND;
pub use worker::{Ocr, ReceiptConfig, ReceiptOutput, ReceiptParams, ReceiptRecipe, ReceiptWorker, Taxonomy};
