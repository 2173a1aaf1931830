//! Embeds images with two towers of a folder and tells how long it took: `embed towers threads batch image...`
use std::{path::PathBuf, time::Instant};

use medley_caption::{Item, OwnModel, Pace, embed};
use medley_clip::{Clip, ClipSpec, Embedder};
use medley_models::Models;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("towers, threads, batch, images");
    let (towers, threads, batch) = (PathBuf::from(next()?), next()?.parse()?, next()?.parse()?);
    let items: Vec<Item> = args.map(|path| Item::Image(path.into())).collect();
    let models = Models::open(&Models::default_dir());
    let spec = ClipSpec::of_owner("bench", &OwnModel::of_folder(towers));
    let clip = Clip::open(&models, spec, threads)?;
    let run = |items: &[Item]| embed(&*clip, items, Pace { threads, batch }, &mut std::io::sink(), |_| {});
    // A batch for each run that goes on at once warms the tower up.
    run(&items[..items.len().min(batch * clip.parallel_runs())])?;
    let start = Instant::now();
    run(&items)?;
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{} images, {seconds:.3} s, {:.2} a second", items.len(), items.len() as f64 / seconds);
    Ok(())
}
