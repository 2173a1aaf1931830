use medley_proto::Input;
use medley_step::{GroupDone, JobView, Planned, Recipe, StepError, recipe_of_one_step};

use crate::{params::ControlParams, worker::ControlWorker};

/// One picture, one step.
#[derive(Debug)]
pub struct ControlRecipe;

impl Recipe for ControlRecipe {
    const KIND: &'static str = "control";
    type Params = ControlParams;
    const ABOUT: &'static str =
        "ControlNet conditioning maps of a photo: edges, poses, depth, normals, lines, segments";
    const EXAMPLES: &'static str = "medley run control photo.jpg --annotators canny,pose,depth -o out\n\
        medley run control photos/*.jpg --annotators softedge --image-resolution 768 -o out";

    fn check(params: &ControlParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }

    fn start(job: &JobView<'_, ControlParams>) -> Result<Planned, StepError> {
        recipe_of_one_step::<ControlWorker>(job)
    }

    fn next(_job: &JobView<'_, ControlParams>, _done: &GroupDone) -> Result<Planned, StepError> {
        Ok(Planned::last())
    }
}
