//! What is in a picture: `cargo run -p medley-vision --example objects -- photo.jpg`

use medley_models::{Models, SessionOptions};
use medley_vision::{
    classify::Classifier,
    objects::{ObjectFinder, SecondLook},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let models = Models::open(&Models::default_dir());
    let finder = ObjectFinder::open(&models, SecondLook::No, SessionOptions::default())?;
    let classifier = Classifier::open(&models, SessionOptions::default())?;
    for path in std::env::args().skip(1) {
        let image = image::open(&path)?.into_rgb8();
        for object in finder.find(&image)?.iter().filter(|object| object.score >= 0.2) {
            println!("{path} {} {:.3} {:?}", object.name(), object.score, object.bounds);
        }
        let shares = classifier.probabilities(&image)?;
        let best = shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        println!("{path} class {best:?}");
    }
    Ok(())
}
