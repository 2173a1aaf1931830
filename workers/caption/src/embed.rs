use std::{io::Write, path::PathBuf, sync::mpsc, thread};

use medley_clip::Embedder;
use medley_vision::parallel;

use crate::{CaptionError, analyzer::open_rgb, npy};

/// One thing to embed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Image(PathBuf),
    Text(String),
}

/// How much of the machine embedding uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Threads that decode.
    pub threads: usize,
    /// Images or texts of one run of a tower.
    pub batch: usize,
}

/// Writes a NumPy array with a unit vector of f32 for each item, in their order. Memory does not grow with their number.
/// `on_progress` gets the number of vectors written so far.
///
/// # Errors
/// When an image cannot be read (the sentence names it), a model fails or the output cannot be written.
pub fn embed(
    embedder: &dyn Embedder,
    items: &[Item],
    pace: Pace,
    out: &mut dyn Write,
    mut on_progress: impl FnMut(usize),
) -> Result<(), CaptionError> {
    out.write_all(&npy::header(items.len(), embedder.dim())).map_err(CaptionError::Output)?;
    let workers = embedder.parallel_runs().max(1);
    let threads = pace.threads.div_ceil(workers);
    let batches = || items.chunks(pace.batch.max(1));
    thread::scope(|scope| {
        // With n workers, each embeds every n-th batch. Their results are taken in turn, so the order is the items'.
        let workers: Vec<_> = (0..workers)
            .map(|first| {
                let (sender, embedded) = mpsc::sync_channel(1);
                scope.spawn(move || {
                    for some in batches().skip(first).step_by(workers) {
                        let vectors =
                            pixels(embedder, some, threads).and_then(|pixels| vectors(embedder, some, &pixels));
                        let failed = vectors.is_err();
                        // The receiver is gone when writing failed.
                        if sender.send(vectors).is_err() || failed {
                            return;
                        }
                    }
                });
                embedded
            })
            .collect();
        let mut count = 0;
        for (some, worker) in batches().zip(workers.iter().cycle()) {
            // A worker that panicked sends nothing more; the scope then panics too.
            let Ok(vectors) = worker.recv() else { break };
            for vector in vectors? {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                out.write_all(&bytes).map_err(CaptionError::Output)?;
            }
            count += some.len();
            on_progress(count);
        }
        Ok(())
    })
}

/// The images among the items, preprocessed, one after the other.
fn pixels(embedder: &dyn Embedder, items: &[Item], threads: usize) -> Result<Vec<f32>, CaptionError> {
    let each = parallel::map(items, threads, |item| {
        let mut pixels = Vec::new();
        if let Item::Image(path) = item {
            embedder.preprocess().append(&open_rgb(path).map_err(CaptionError::Image)?, &mut pixels);
        }
        Ok::<_, CaptionError>(pixels)
    })?;
    Ok(each.concat())
}

/// A vector for each item.
fn vectors(embedder: &dyn Embedder, items: &[Item], pixels: &[f32]) -> Result<Vec<Vec<f32>>, CaptionError> {
    let texts: Vec<&str> = items
        .iter()
        .filter_map(|item| match item {
            Item::Text(text) => Some(text.as_str()),
            Item::Image(_) => None,
        })
        .collect();
    let mut images = if pixels.is_empty() { Vec::new() } else { embedder.images(pixels)? }.into_iter();
    let mut texts = if texts.is_empty() { Vec::new() } else { embedder.texts(&texts)? }.into_iter();
    let next = |item: &Item| match item {
        Item::Image(_) => images.next(),
        Item::Text(_) => texts.next(),
    };
    Ok(items.iter().filter_map(next).collect())
}
