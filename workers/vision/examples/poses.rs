//! Finds the people of pictures and writes them as COCO results (JSON, one array): `poses MODELS_DIR THREADS FILE=ID...`.
//! Tells the time for each picture on standard error.

use std::{env, error::Error, path::Path, time::Instant};

use medley_models::Models;
use medley_vision::pose::{PoseFinder, PoseModel, PoseOptions, part};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [models, threads, pictures @ ..] = &arguments[..] else {
        return Err("usage: poses MODELS_DIR THREADS FILE=ID...".into());
    };
    let options = PoseOptions { model: PoseModel::Heavy, threads: threads.parse()? };
    let finder = PoseFinder::open(&Models::open(Path::new(models)), options)?;
    let mut results = Vec::new();
    for picture in pictures {
        let (file, id) = picture.split_once('=').ok_or("FILE=ID is wanted")?;
        let image = image::open(file)?.to_rgb8();
        let start = Instant::now();
        let people = finder.find(&image, 0.0)?;
        eprintln!("{id} {} people {:.1} ms", people.len(), start.elapsed().as_secs_f64() * 1e3);
        for person in people {
            let keypoints: Vec<String> = part::COCO_17
                .iter()
                .map(|i| format!("{:.2},{:.2},1", person.landmarks[*i].x, person.landmarks[*i].y))
                .collect();
            results.push(format!(
                r#"{{"image_id":{id},"category_id":1,"score":{:.6},"keypoints":[{}]}}"#,
                person.score,
                keypoints.join(",")
            ));
        }
    }
    println!("[{}]", results.join(",\n"));
    Ok(())
}
