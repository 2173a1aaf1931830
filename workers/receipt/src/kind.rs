//! The kinds `receipt` and `receipts` as constants.

use medley_step::{Kind, Program, Sample};

use crate::{BooksWorker, ReceiptRecipe, ReceiptWorker};

pub const KIND: Kind = Kind::new("receipt")
    .worker::<ReceiptWorker>()
    .recipe::<ReceiptRecipe>()
    .parts(&["receipts"])
    .models(&["onnxruntime", "pp-ocrv6-small", "pp-ocrv4"])
    .programs(&[Program { name: "pdftotext", purpose: "receipts in PDF files", package: "poppler-utils" }])
    .samples(&[Sample::File { model: "sample-pictures", file: "page.png" }]);

/// The steps of a job over many receipts.
pub const RECEIPTS: Kind =
    Kind::new("receipts").worker::<BooksWorker>().models(&["onnxruntime", "pp-ocrv6-small", "pp-ocrv4"]);
