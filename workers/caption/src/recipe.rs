use medley_proto::Input;
use medley_step::{
    StepError,
    graph::{Fragment, One, Recipe, Scope},
};

use crate::{CaptionParams, CaptionWorker};

/// The kind `caption` as a job: one step.
#[derive(Debug)]
pub struct CaptionRecipe;

impl Recipe for CaptionRecipe {
    const KIND: &'static str = "caption";
    const ABOUT: &'static str =
        "Say what an image shows: a caption, things, tags, text, people, colours and an embedding";
    const EXAMPLES: &'static str = "medley run caption photo.jpg -o out\n\
        medley run caption photo.jpg --model clip-vit-base-patch32 --own-labels cat,dog,car -o out";

    fn check(params: &CaptionParams, _inputs: &[Input]) -> Result<(), StepError> {
        Ok(params.check()?)
    }
}

impl Fragment for CaptionRecipe {
    type Params = CaptionParams;
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, CaptionParams>) -> One<()> {
        g.whole::<CaptionWorker>()
    }
}
