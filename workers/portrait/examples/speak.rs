//! Makes a clip without a queue or a store: `speak PICTURE SOUND [TIMING | REFERENCE-SOUND REFERENCE-TIMING] OUT.mp4 [PARAMS-JSON]`. What the bench runs.

use std::{env, error::Error, fs, path::PathBuf, time::Instant};

use medley_models::Models;
use medley_portrait::{Act, Mux, Portrait, PortraitParams, Prepare, Render, Sources};
use medley_step::{
    BuildContext, Worker,
    testing::{input, run},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let params: PortraitParams = match arguments.last() {
        Some(json) if json.starts_with('{') => serde_json::from_str(&arguments.pop().unwrap_or_default())?,
        _ => PortraitParams::default(),
    };
    let out = PathBuf::from(
        arguments
            .pop()
            .ok_or("usage: speak PICTURE SOUND [TIMING | REFERENCE-SOUND REFERENCE-TIMING] OUT.mp4 [PARAMS-JSON]")?,
    );
    let inputs = arguments.iter().map(|path| input(path.as_ref())).collect::<Result<Vec<_>, _>>()?;
    let slots = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 2 };
    let worker = Portrait::build(Default::default(), &slots)?;
    let scratch = out.with_extension("steps");
    let folder = |name: &str| -> std::io::Result<PathBuf> {
        let folder = scratch.join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    let start = Instant::now();
    let sources = Sources {
        picture: 0,
        sound: 1,
        timing: (inputs.len() == 3).then_some(2),
        reference: (inputs.len() > 3).then_some((2, 3)),
        ..Sources::default()
    };
    let step = Act::Prepare(Box::new(Prepare { portrait: params.clone(), sources, clip: None }));
    let prepared = run(&worker, step, inputs.clone(), &folder("prepare")?)?;
    eprintln!("prepared {:?} in {:?}: {:?}", prepared.output, start.elapsed(), prepared.quality);
    let scene = ["scene.json", "scene.png", "motion.f32"];
    let scene = scene.iter().map(|name| input(&prepared.artifacts[*name])).collect::<Result<Vec<_>, _>>()?;
    let (frames, parts) = (prepared.output.frames, prepared.output.parts);
    let mut films = vec![inputs[1].clone(), scene[0].clone()];
    let start = Instant::now();
    for n in 0..parts as usize {
        let (from, to) = (frames * n / parts as usize, frames * (n + 1) / parts as usize);
        let step = Act::Render(Render { from, to, parts, crf: params.crf });
        let film = run(&worker, step, scene.clone(), &folder(&format!("render-{n}"))?)?;
        films.push(input(&film.artifacts["film.ts"])?);
    }
    let took = start.elapsed();
    eprintln!("rendered {frames} frames in {took:?}: {:.1} a second", frames as f64 / took.as_secs_f64());
    let start = Instant::now();
    let step = Act::Mux(Mux { name: "video.mp4".into(), provenance: true, consent: params.consent, subtitles: None });
    let muxed = run(&worker, step, films, &folder("mux")?)?;
    eprintln!("muxed in {:?}", start.elapsed());
    fs::copy(&muxed.artifacts["video.mp4"], &out)?;
    fs::remove_dir_all(&scratch)?;
    Ok(())
}
