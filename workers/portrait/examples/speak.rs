//! Makes a clip without a queue or a store. What the bench runs; what the steps leave stays in OUT.steps.
//!
//! `speak PICTURE SOUND [TIMING | REFERENCE-SOUND REFERENCE-TIMING [SCRIPT-OUTPUT]] OUT.mp4 [PARAMS-JSON]`, or
//! `speak --film FOLDER SOUND OUT.mp4 [PARAMS-JSON]` for the scene and the motion that a prepare step, or a hand, left in FOLDER.

use std::{env, error::Error, fs, io, path::PathBuf, time::Instant};

use medley_models::Models;
use medley_portrait::{Mux, PortraitParams, PortraitStep, PortraitWorker, Prepare, PrepareInputs, Render};
use medley_step::{
    BuildContext, LocalInput, Worker,
    testing::{input, run},
};

const USAGE: &str =
    "usage: speak PICTURE SOUND [TIMING | REFERENCE-SOUND REFERENCE-TIMING [SCRIPT-OUTPUT]] OUT.mp4 [PARAMS-JSON]";
const SCENE: [&str; 3] = ["scene.json", "scene.png", "motion.f32"];
/// Frames of a render step.
const PART_FRAMES: usize = 250;

struct Crew {
    worker: PortraitWorker,
    scratch: PathBuf,
    params: PortraitParams,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let params: PortraitParams = match arguments.last() {
        Some(json) if json.starts_with('{') => serde_json::from_str(&arguments.pop().unwrap_or_default())?,
        _ => PortraitParams::default(),
    };
    let out = PathBuf::from(arguments.pop().ok_or(USAGE)?);
    let slots = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
    let worker = PortraitWorker::build(Default::default(), &slots)?;
    let crew = Crew { worker, scratch: out.with_extension("steps"), params };
    let film = match &arguments[..] {
        [flag, folder, sound] if flag == "--film" => {
            let scene = SCENE.iter().map(|name| input(&PathBuf::from(folder).join(name))).collect::<io::Result<_>>()?;
            crew.film(scene, input(sound.as_ref())?)?
        }
        paths => {
            let inputs = paths.iter().map(|path| input(path.as_ref())).collect::<io::Result<Vec<_>>>()?;
            let sound = inputs.get(1).ok_or(USAGE)?.clone();
            crew.film(crew.prepare(inputs)?, sound)?
        }
    };
    fs::copy(film, &out)?;
    Ok(())
}

impl Crew {
    fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.scratch.join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    fn prepare(&self, inputs: Vec<LocalInput>) -> Result<Vec<LocalInput>, Box<dyn Error>> {
        let start = Instant::now();
        let sources = PrepareInputs {
            picture: 0,
            sound: 1,
            timing: (inputs.len() == 3).then_some(2),
            reference: (inputs.len() > 3).then_some((2, 3)),
            script: (inputs.len() > 4).then_some(4),
            ..PrepareInputs::default()
        };
        let step = PortraitStep::Prepare(Box::new(Prepare { portrait: self.params.clone(), sources, clip: None }));
        let prepared = run(&self.worker, step, inputs, &self.folder("prepare")?)?;
        eprintln!("prepared {:?} in {:?}: {:?}", prepared.output, start.elapsed(), prepared.quality);
        Ok(SCENE.iter().map(|name| input(&prepared.artifacts[*name])).collect::<io::Result<_>>()?)
    }

    /// Renders part after part and muxes.
    fn film(&self, scene: Vec<LocalInput>, sound: LocalInput) -> Result<PathBuf, Box<dyn Error>> {
        // A header of 128 bytes, then 64 bytes a frame.
        let frames = (scene[2].bytes as usize - 128) / 64;
        let parts = frames.div_ceil(PART_FRAMES);
        let mut films = vec![sound, scene[0].clone()];
        let start = Instant::now();
        for n in 0..parts {
            let (from, to) = (frames * n / parts, frames * (n + 1) / parts);
            let step = PortraitStep::Render(Render { from, to, parts: parts as u32, crf: self.params.crf });
            let film = run(&self.worker, step, scene.clone(), &self.folder(&format!("render-{n}"))?)?;
            films.push(input(&film.artifacts["film.h264"])?);
        }
        let took = start.elapsed();
        eprintln!("rendered {frames} frames in {took:?}: {:.1} a second", frames as f64 / took.as_secs_f64());
        let start = Instant::now();
        let step = PortraitStep::Mux(Mux { name: "video.mp4".into(), provenance: true, subtitles: None });
        let muxed = run(&self.worker, step, films, &self.folder("mux")?)?;
        eprintln!("muxed in {:?}", start.elapsed());
        Ok(muxed.artifacts["video.mp4"].clone())
    }
}
