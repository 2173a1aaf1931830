use medley_proto::Input;
use medley_step::{GroupDone, JobView, Planned, Recipe, StepError, recipe_of_one_step};

use crate::{params::ReceiptParams, worker::ReceiptWorker};

/// One receipt, one step.
#[derive(Debug)]
pub struct ReceiptRecipe;

impl Recipe for ReceiptRecipe {
    const KIND: &'static str = "receipt";
    type Params = ReceiptParams;
    const ABOUT: &'static str = "Read a receipt or invoice (photo, scan, PDF) into checked fields";
    const EXAMPLES: &'static str =
        "medley run receipt photo.jpg -o out\nmedley run receipt invoice.pdf --taxonomy textract -o out";

    fn check(params: &ReceiptParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }

    fn start(job: &JobView<'_, ReceiptParams>) -> Result<Planned, StepError> {
        recipe_of_one_step::<ReceiptWorker>(job)
    }

    fn next(_job: &JobView<'_, ReceiptParams>, _done: &GroupDone) -> Result<Planned, StepError> {
        Ok(Planned::last())
    }
}
