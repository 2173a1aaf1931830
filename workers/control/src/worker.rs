use medley_media::picture::{png_gray16, png_rgb8};
use medley_models::Models;
use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker};
use opencv::{core::Mat, imgproc, prelude::*};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    annotator::Map,
    config::ControlConfig,
    error::ControlError,
    maps, mat,
    params::ControlParams,
    picture,
    scene::{Resources, Scene},
};

/// The output of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ControlOutput {
    /// Width and height of the maps in px.
    pub size_px: [u32; 2],
    /// The files, in the order they were made.
    pub files: Vec<String>,
}

/// Computes the steps of `control` jobs: the maps of one picture.
#[derive(Debug)]
pub struct ControlWorker {
    resources: Resources,
}

impl Worker for ControlWorker {
    const KIND: &'static str = "control";
    type Config = ControlConfig;
    type Params = ControlParams;
    type Output = ControlOutput;

    fn build(config: ControlConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        // By default OpenCV uses all cores in each slot, and its results may depend on their number.
        let threads = i32::try_from(cx.threads_per_slot()).unwrap_or(1);
        opencv::core::set_num_threads(threads).map_err(|error| BuildError {
            code: medley_proto::ErrorCode::TOOL_MISSING,
            message: "OpenCV does not work: install libopencv".into(),
            source: Some(Box::new(error)),
        })?;
        Ok(Self {
            resources: Resources { models: Models::open(&cx.models_dir), config, threads: cx.threads_per_slot() },
        })
    }

    fn run(&self, params: ControlParams, cx: &StepContext<'_>) -> Result<ControlOutput, StepError> {
        params.check()?;
        let input = cx.input(0)?;
        let scene = Scene::new(&input.name, picture::open(input)?, &params, &self.resources)?;
        let mut names = params.annotators.clone();
        names.sort_unstable();
        names.dedup();
        let size_px = scene.output_size()?;
        let mut files = Vec::new();
        for (done, name) in names.iter().enumerate() {
            cx.checkpoint()?;
            cx.progress(done as f64, names.len() as f64, "maps");
            let map = maps::annotator(*name).annotate(&scene)?;
            files.extend(publish(name.as_str(), map, size_px, cx)?);
        }
        cx.progress(names.len() as f64, names.len() as f64, "maps");
        Ok(ControlOutput { size_px, files })
    }

    fn models(&self) -> Vec<ModelUse> {
        self.resources.models.used()
    }
}

/// Brings a map to its size and publishes its files. Returns their names.
fn publish(name: &str, map: Map, size: [u32; 2], cx: &StepContext<'_>) -> Result<Vec<String>, StepError> {
    let mut files = Vec::new();
    let mut publish_file = |file: String, media_type: &str, bytes: &[u8]| {
        cx.publish(&file, media_type, bytes)?;
        files.push(file);
        Ok::<_, StepError>(())
    };
    let picture = fit(&map.picture, size, map.hard).map_err(ControlError::from)?;
    // Three channels like the reference, even when they are equal.
    let picture = mat::to_rgb(&picture).map_err(ControlError::from)?;
    let png = png_rgb8(picture.as_raw(), size[0], size[1]).map_err(ControlError::from)?;
    publish_file(format!("{name}.png"), "image/png", &png)?;
    if let Some(deep) = map.deep {
        let deep = fit(&deep, size, false).and_then(|deep| mat::to_picture(&deep)).map_err(ControlError::from)?;
        let png = png_gray16(deep.into_luma16().as_raw(), size[0], size[1]).map_err(ControlError::from)?;
        publish_file(format!("{name}16.png"), "image/png", &png)?;
    }
    if let Some(document) = map.document {
        publish_file(format!("{name}.json"), "application/json", &serde_json::to_vec(&document.0(size))?)?;
    }
    for (key, value) in map.quality {
        cx.quality(&key, value);
    }
    Ok(files)
}

/// Resizes a map: linearly, like the reference, but classes and strokes keep their colours.
fn fit(map: &Mat, size: [u32; 2], hard: bool) -> Result<Mat, opencv::Error> {
    if mat::size(map) == size {
        return map.try_clone();
    }
    mat::resize(map, size, if hard { imgproc::INTER_NEAREST } else { imgproc::INTER_LINEAR })
}
