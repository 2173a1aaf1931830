//! The kind `receipt` as a constant.

use medley_step::{Kind, Program, Sample};

use crate::{ReceiptRecipe, ReceiptWorker};

pub const KIND: Kind = Kind::new("receipt")
    .worker::<ReceiptWorker>()
    .recipe::<ReceiptRecipe>()
    .models(&["onnxruntime", "pp-ocrv6-small", "pp-ocrv4"])
    .programs(&[Program { name: "pdftotext", purpose: "receipts in PDF files", package: "poppler-utils" }])
    .samples(&[Sample::File { model: "sample-pictures", file: "page.png" }]);
