//! The kind `control` as a constant.

use medley_step::{Kind, Sample};

use crate::Control;

pub const KIND: Kind = Kind::new("control")
    .worker::<Control>()
    .recipe::<Control>()
    .models(&[
        "onnxruntime",
        "blazepose",
        "face-detector",
        "face-mesh",
        "hed",
        "midas-v2.1-small",
        "depth-anything-v2-small",
    ])
    .samples(&[Sample::File { model: "sample-pictures", file: "astronaut.png" }]);
