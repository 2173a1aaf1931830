use std::{fs::File, io};

use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker, tasks};

use super::{BooksOutput, BooksStep, MergeStep, ReadShard, ReadStep, WriteStep, read, write};
use crate::{config::ReceiptConfig, reader::ReceiptReader};

/// Computes the steps of jobs over many receipts.
#[derive(Debug)]
pub struct BooksWorker {
    reader: ReceiptReader,
}

tasks!(BooksWorker: BooksStep => BooksOutput {
    Read(ReadStep) => ReadShard,
    Merge(MergeStep) => ReadShard,
    Write(WriteStep) => ReadShard,
});

impl Worker for BooksWorker {
    const KIND: &'static str = "receipts";
    type Config = ReceiptConfig;
    type Params = BooksStep;
    type Output = BooksOutput;

    fn build(_config: ReceiptConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { reader: ReceiptReader::new(cx) })
    }

    fn run(&self, step: BooksStep, cx: &StepContext<'_>) -> Result<BooksOutput, StepError> {
        Ok(match step {
            BooksStep::Read(ReadStep { params, shard }) => {
                BooksOutput::Read(read::read(&self.reader, params, &shard, cx)?)
            }
            BooksStep::Merge(MergeStep { of }) => {
                merge(cx)?;
                BooksOutput::Merge(of)
            }
            BooksStep::Write(step) => BooksOutput::Write(write::write(&step, cx)?),
        })
    }

    fn models(&self) -> Vec<ModelUse> {
        self.reader.models()
    }
}

/// Joins files of rows, in their order.
fn merge(cx: &StepContext<'_>) -> Result<(), StepError> {
    let mut out = cx.create(read::ROWS, "application/jsonl")?;
    for input in cx.inputs() {
        io::copy(&mut File::open(&input.path)?, &mut out)?;
        cx.checkpoint()?;
    }
    out.keep()
}
