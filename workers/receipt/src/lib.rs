//! Receipt OCR: a photo, scan or PDF of a receipt or invoice becomes checked fields.
//!
//! [`ReceiptWorker`] passes a document through these modules: `input` opens its pages (a picture, or the text layer of a
//! PDF), PP-OCR of `medley-vision` reads them, `layout` makes rows and cells of the lines and labels each amount with the
//! help of `lexicon` and `money`, `extract` finds the fields and lets the receipt's own sums correct misread digits, and
//! `output` writes the artifacts.
//!
//! [`fields`] does the extraction alone, on text that was read elsewhere:
//!
//! ```
//! use medley_receipt::{Hints, fields};
//! use medley_vision::text::{Quad, TextPage};
//!
//! let line = |text: &str, x: f32, y: f32| {
//!     let (right, bottom) = (x + 10.0 * text.len() as f32, y + 20.0);
//!     let corners = [[x, y], [right, y], [right, bottom], [x, bottom]];
//!     (text.to_owned(), Quad(corners.map(Into::into)))
//! };
//! let lines = vec![
//!     line("BLUE HERON HARDWARE SDN BHD", 60.0, 20.0),
//!     line("Claw hammer", 10.0, 80.0),
//!     line("37.00", 340.0, 80.0),
//!     line("Total", 10.0, 120.0),
//!     line("37.00", 340.0, 120.0),
//! ];
//! let receipt = fields(vec![TextPage::of_lines(400.0, 200.0, lines)], &Hints::default());
//! assert_eq!(receipt.total.map(|total| total.value.to_string()).as_deref(), Some("37.00"));
//! ```

mod books;
mod config;
mod date;
mod document;
mod error;
mod extract;
mod input;
mod kind;
mod layout;
mod lexicon;
mod money;
mod output;
mod params;
mod reader;
mod recipe;
mod worker;

pub use books::{
    BookShard, BooksListing, BooksOutput, BooksStep, BooksWorker, MergeStep, ReadShard, ReadStep, WriteStep,
};
pub use config::ReceiptConfig;
pub use date::DateOrder;
pub use document::{Check, Field, Item, Merchant, OutLine, PageInfo, Payment, Quality, Receipt, Tax};
pub use error::{PopplerError, ReceiptError};
pub use extract::{Hints, fields};
pub use kind::{KIND, RECEIPTS};
pub use money::Decimal;
pub use output::ReceiptOutput;
pub use params::{Ocr, ReceiptParams, Taxonomy};
pub use recipe::ReceiptRecipe;
pub use worker::ReceiptWorker;
