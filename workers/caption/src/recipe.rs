use medley_proto::Input;
use medley_step::{GroupDone, JobView, Planned, Recipe, StepError, recipe_of_one_step};

use crate::{CaptionParams, CaptionWorker};

/// The kind `caption` as a job: one step.
#[derive(Debug)]
pub struct CaptionRecipe;

impl Recipe for CaptionRecipe {
    const KIND: &'static str = "caption";
    type Params = CaptionParams;
    const ABOUT: &'static str =
        "Say what an image shows: a caption, text, people, colours; with CLIP tags and an embedding";
    const EXAMPLES: &'static str = "medley run caption photo.jpg -o out\n\
        medley run caption photo.jpg --model clip-vit-base-patch32 --own-labels cat,dog,car -o out";

    fn check(params: &CaptionParams, _inputs: &[Input]) -> Result<(), StepError> {
        Ok(params.check()?)
    }

    fn start(job: &JobView<'_, CaptionParams>) -> Result<Planned, StepError> {
        recipe_of_one_step::<CaptionWorker>(job)
    }

    fn next(_job: &JobView<'_, CaptionParams>, _done: &GroupDone) -> Result<Planned, StepError> {
        Ok(Planned::last())
    }
}
