use medley_proto::Input;
use medley_step::{
    StepError,
    graph::{Fragment, One, Recipe, Scope},
};

use crate::{params::ReceiptParams, worker::ReceiptWorker};

/// One receipt, one step.
#[derive(Debug)]
pub struct ReceiptRecipe;

impl Recipe for ReceiptRecipe {
    const KIND: &'static str = "receipt";
    const ABOUT: &'static str = "Read a receipt or invoice (photo, scan, PDF) into checked fields";
    const EXAMPLES: &'static str =
        "medley run receipt photo.jpg -o out\nmedley run receipt invoice.pdf --taxonomy textract -o out";

    fn check(params: &ReceiptParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }
}

impl Fragment for ReceiptRecipe {
    type Params = ReceiptParams;
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, ReceiptParams>) -> One<()> {
        g.whole::<ReceiptWorker>()
    }
}
