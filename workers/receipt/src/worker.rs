use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker};

use crate::{
    books,
    config::ReceiptConfig,
    output::{self, ReceiptOutput},
    params::ReceiptParams,
    reader::ReceiptReader,
};

/// Computes the steps of `receipt` jobs.
#[derive(Debug)]
pub struct ReceiptWorker {
    reader: ReceiptReader,
}

impl Worker for ReceiptWorker {
    const KIND: &'static str = "receipt";
    type Config = ReceiptConfig;
    type Params = ReceiptParams;
    type Output = ReceiptOutput;

    fn build(_config: ReceiptConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { reader: ReceiptReader::new(cx) })
    }

    fn run(&self, params: ReceiptParams, cx: &StepContext<'_>) -> Result<ReceiptOutput, StepError> {
        if books::is_many(cx.input(0)?)? {
            // A missing model ends the job here, before any work.
            self.reader.open_models(params.ocr)?;
            return Ok(ReceiptOutput::from(books::list(cx)?));
        }
        let progress = |done: usize, total: usize| cx.progress(done as f64, total as f64, "pages");
        let read = self.reader.read(cx.input(0)?, &params, cx, &progress)?;
        output::publish(cx, &params, &read.receipt, read.picture, &read.pictures)?;
        Ok(ReceiptOutput::from(&read.receipt))
    }

    fn models(&self) -> Vec<ModelUse> {
        self.reader.models()
    }
}
