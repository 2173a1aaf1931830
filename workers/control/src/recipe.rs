use medley_proto::Input;
use medley_step::{
    StepError,
    graph::{Fragment, One, Recipe, Scope},
};

use crate::{params::ControlParams, worker::ControlWorker};

/// One picture, one step.
#[derive(Debug)]
pub struct ControlRecipe;

impl Recipe for ControlRecipe {
    const KIND: &'static str = "control";
    const ABOUT: &'static str =
        "ControlNet conditioning maps of a photo: edges, poses, depth, normals, lines, segments";
    const EXAMPLES: &'static str = "medley run control photo.jpg --annotators canny,pose,depth -o out\n\
        medley run control photos/*.jpg --annotators softedge --image-resolution 768 -o out";

    fn check(params: &ControlParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }
}

impl Fragment for ControlRecipe {
    type Params = ControlParams;
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, ControlParams>) -> One<()> {
        g.whole::<ControlWorker>()
    }
}
