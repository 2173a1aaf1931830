use std::path::PathBuf;

use medley_media::picture::{png_gray16, png_rgb8};
use medley_models::Models;
use medley_proto::{Input, ModelUse};
use medley_step::{
    BuildContext, BuildError, GroupDone, JobView, Planned, Recipe, StepContext, StepError, Worker, recipe_of_one_step,
};
use opencv::{core::Mat, imgproc, prelude::*};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ControlError, ControlParams, Map, Scene, annotator, mat, picture, scene::Kit};

/// Settings of the machine's owner.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ControlConfig {
    /// A depth network of your own (ONNX, the contract of Depth-Anything-V2), used before those of the registry.
    pub depth_model: Option<PathBuf>,
    /// An M-LSD network (ONNX, [1, 4, H, W] to [1, 9, H/2, W/2]); without one, mlsd draws OpenCV's line segments.
    pub mlsd_model: Option<PathBuf>,
    /// A network for ADE20K's 150 classes (ONNX, [1, 3, H, W] to logits [1, 150, h, w]); without one, segmentation shows
    /// people.
    pub segmentation_model: Option<PathBuf>,
}

/// What a step made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ControlOutput {
    /// Width and height of the maps in px.
    pub size_px: [u32; 2],
    /// The files, in the order they were made.
    pub files: Vec<String>,
}

/// The kind `control`: one picture, the maps asked for.
#[derive(Debug)]
pub struct Control {
    kit: Kit,
}

impl Worker for Control {
    const KIND: &'static str = "control";
    type Config = ControlConfig;
    type Params = ControlParams;
    type Output = ControlOutput;

    fn build(config: ControlConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        // OpenCV would use all cores in each slot, and its results may hang on how many there are.
        let threads = i32::try_from(cx.threads_per_slot()).unwrap_or(1);
        opencv::core::set_num_threads(threads).map_err(|error| BuildError {
            code: medley_proto::ErrorCode::TOOL_MISSING,
            message: "OpenCV does not work: install libopencv".into(),
            source: Some(Box::new(error)),
        })?;
        Ok(Self { kit: Kit { models: Models::open(&cx.models_dir), config, threads: cx.threads_per_slot() } })
    }

    fn run(&self, params: ControlParams, cx: &StepContext<'_>) -> Result<ControlOutput, StepError> {
        params.check()?;
        let input = cx.input(0)?;
        let scene = Scene::new(&input.name, picture::open(input)?, &params, &self.kit)?;
        let mut names = params.annotators.clone();
        names.sort_unstable();
        names.dedup();
        let size_px = scene.output_size()?;
        let mut files = Vec::new();
        for (done, name) in names.iter().enumerate() {
            cx.checkpoint()?;
            cx.progress(done as f64, names.len() as f64, "maps");
            let map = annotator::of(*name).annotate(&scene)?;
            files.extend(publish(name.as_str(), map, size_px, cx)?);
        }
        cx.progress(names.len() as f64, names.len() as f64, "maps");
        Ok(ControlOutput { size_px, files })
    }

    fn models(&self) -> Vec<ModelUse> {
        self.kit.models.used()
    }
}

/// Brings a map to its size and leaves its files; their names.
fn publish(name: &str, map: Map, size: [u32; 2], cx: &StepContext<'_>) -> Result<Vec<String>, StepError> {
    let mut files = Vec::new();
    let mut leave = |file: String, media_type: &str, bytes: &[u8]| {
        cx.publish(&file, media_type, bytes)?;
        files.push(file);
        Ok::<_, StepError>(())
    };
    let picture = fit(&map.picture, size, map.hard).map_err(ControlError::from)?;
    // As the reference gives them: three channels, also where they are alike.
    let picture = mat::to_rgb(&picture).map_err(ControlError::from)?;
    let png = png_rgb8(picture.as_raw(), size[0], size[1]).map_err(ControlError::from)?;
    leave(format!("{name}.png"), "image/png", &png)?;
    if let Some(deep) = map.deep {
        let deep = fit(&deep, size, false).and_then(|deep| mat::to_picture(&deep)).map_err(ControlError::from)?;
        let png = png_gray16(deep.into_luma16().as_raw(), size[0], size[1]).map_err(ControlError::from)?;
        leave(format!("{name}16.png"), "image/png", &png)?;
    }
    if let Some(document) = map.document {
        leave(format!("{name}.json"), "application/json", &serde_json::to_vec(&document.0(size))?)?;
    }
    for (key, value) in map.quality {
        cx.quality(&key, value);
    }
    Ok(files)
}

/// Linear, as the reference brings maps to their size; classes and strokes keep their colours.
fn fit(map: &Mat, size: [u32; 2], hard: bool) -> Result<Mat, opencv::Error> {
    if mat::size(map) == size {
        return map.try_clone();
    }
    mat::resize(map, size, if hard { imgproc::INTER_NEAREST } else { imgproc::INTER_LINEAR })
}

impl Recipe for Control {
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
        recipe_of_one_step::<Self>(job)
    }

    fn next(_job: &JobView<'_, ControlParams>, _done: &GroupDone) -> Result<Planned, StepError> {
        Ok(Planned::last())
    }
}
