//! Prints the faces of a picture: `faces MODELS_DIR PICTURE`.

use std::{env, error::Error, path::Path, time::Instant};

use medley_models::{Models, SessionOptions};
use medley_vision::face::{CanonicalFace, FaceFinder, FaceMesher};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, models, picture] = &arguments[..] else { return Err("usage: faces MODELS_DIR PICTURE".into()) };
    let models = Models::open(Path::new(models));
    let options = SessionOptions { threads: 1, parallel: 1 };
    let (finder, mesher) = (FaceFinder::open(&models, options)?, FaceMesher::open(&models, options)?);
    let image = image::open(picture)?.to_rgb8();
    println!("{} edges", CanonicalFace::open(&models)?.edges().len());
    for _ in 0..2 {
        let start = Instant::now();
        let faces = finder.find(&image)?;
        println!("found {} in {:?}", faces.len(), start.elapsed());
        for face in faces {
            let start = Instant::now();
            let mesh = mesher.fit(&image, face.roi())?;
            println!("{:.3} {:?} {:?}", face.score, face.bounds, face.keypoints[0]);
            println!(
                "  mesh {:.4} lip {:?} corner {:?} in {:?}",
                mesh.score,
                mesh.points[13],
                mesh.points[61],
                start.elapsed()
            );
            let steady = mesher.fit_steady(&image, face.roi())?;
            println!("  steady {:.4} lip {:?} corner {:?}", steady.score, steady.points[13], steady.points[61]);
        }
    }
    Ok(())
}
