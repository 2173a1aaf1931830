//! The kind `control` as a constant.

use medley_step::{Kind, Sample};

use crate::{ControlRecipe, ControlWorker};

pub const KIND: Kind = Kind::new("control")
    .worker::<ControlWorker>()
    .recipe::<ControlRecipe>()
    .models(&[
        "onnxruntime",
        "blazepose",
        "face-detector",
        "face-mesh",
        "nanodet",
        "hed",
        "midas-v2.1-small",
        "depth-anything-v2-small",
    ])
    .samples(&[Sample::File { model: "sample-pictures", file: "astronaut.png" }]);
