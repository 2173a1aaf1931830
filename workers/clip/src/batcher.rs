//! Dynamic batching: images that several threads submit at about the same time go through the tower together.

use std::{
    fmt, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use crate::{ClipError, Embedder};

/// Takes one preprocessed image from each of many threads, and embeds all that wait in one run. No thread waits for a batch
/// to fill: one that finds the tower free runs the images that are there, and those that arrive meanwhile are the next batch.
///
/// With room for 16 images and one run at a time: thread A submits an image and runs it. While it runs, B, C and D submit
/// theirs and wait. When A's run ends, A returns, and one of B, C and D runs the three images; all three then return.
#[derive(Clone)]
pub struct Batcher {
    embedder: Arc<dyn Embedder>,
    shared: Arc<Shared>,
    max: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// One image's vector, or why its whole batch has none.
type Embedded = Result<Vec<f32>, Arc<ClipError>>;

#[derive(Default)]
struct State {
    waiting: Vec<(u64, Vec<f32>)>,
    done: Vec<(u64, Embedded)>,
    next: u64,
    running: usize,
    runs: u64,
}

impl fmt::Debug for Batcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher").field("max", &self.max).finish_non_exhaustive()
    }
}

impl Batcher {
    /// At most `max` images go into one run.
    pub fn new(embedder: Arc<dyn Embedder>, max: usize) -> Self {
        Self { embedder, shared: Arc::default(), max: max.max(1) }
    }

    pub fn embedder(&self) -> &dyn Embedder {
        &*self.embedder
    }

    /// The vector of one preprocessed image, [3, side, side]. Several threads call this.
    ///
    /// # Errors
    /// As [`Embedder::images`]; all images of a batch that failed have its error.
    pub fn image(&self, pixels: Vec<f32>) -> Result<Vec<f32>, ClipError> {
        let mut state = self.lock();
        let ticket = state.next;
        state.next += 1;
        state.waiting.push((ticket, pixels));
        loop {
            if let Some(at) = state.done.iter().position(|(of, _)| *of == ticket) {
                return state.done.swap_remove(at).1.map_err(ClipError::Batch);
            }
            if state.running < self.embedder.parallel_runs() && !state.waiting.is_empty() {
                state = self.lead(state);
                continue;
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Runs one batch of the waiting images. The lock is released during the run.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.running += 1;
        state.runs += 1;
        let count = state.waiting.len().min(self.max);
        let rest = state.waiting.split_off(count);
        let batch = mem::replace(&mut state.waiting, rest);
        drop(state);
        let free = Free { batcher: self, tickets: batch.iter().map(|(ticket, _)| *ticket).collect() };
        let pixels: Vec<f32> = batch.iter().flat_map(|(_, pixels)| pixels).copied().collect();
        let result = self.embedder.images(&pixels);
        mem::forget(free);
        let mut state = self.lock();
        state.running -= 1;
        match result {
            Ok(vectors) => {
                state.done.extend(batch.into_iter().zip(vectors).map(|((ticket, _), vector)| (ticket, Ok(vector))))
            }
            Err(error) => {
                let error = Arc::new(error);
                state.done.extend(batch.into_iter().map(|(ticket, _)| (ticket, Err(Arc::clone(&error)))));
            }
        }
        self.shared.changed.notify_all();
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After a panic in the tower, gives the other images of the batch an error and frees the run.
struct Free<'a> {
    batcher: &'a Batcher,
    tickets: Vec<u64>,
}

impl Drop for Free<'_> {
    fn drop(&mut self) {
        let what = "a run of its image tower panicked".into();
        let error = Arc::new(ClipError::Contract { model: "CLIP".into(), what });
        let mut state = self.batcher.lock();
        state.running -= 1;
        state.done.extend(self.tickets.iter().map(|ticket| (*ticket, Err(Arc::clone(&error)))));
        self.batcher.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use super::*;
    use crate::{Preprocess, Scoring};

    /// Gives each image's first value back.
    struct Echo(Preprocess);

    /// As long as it is closed no run ends.
    #[derive(Default)]
    struct Gate {
        open: Mutex<bool>,
        opened: Condvar,
    }

    impl Gate {
        fn open(&self) {
            *self.open.lock().unwrap() = true;
            self.opened.notify_all();
        }

        fn pass(&self) {
            drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
        }
    }

    struct Held {
        echo: Echo,
        gate: Gate,
    }

    impl Embedder for Held {
        fn dim(&self) -> usize {
            1
        }
        fn preprocess(&self) -> &Preprocess {
            self.echo.preprocess()
        }
        fn scoring(&self) -> Scoring {
            self.echo.scoring()
        }
        fn images(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, ClipError> {
            self.gate.pass();
            self.echo.images(pixels)
        }
        fn texts(&self, _texts: &[&str]) -> Result<Vec<Vec<f32>>, ClipError> {
            Ok(Vec::new())
        }
    }

    impl Embedder for Echo {
        fn dim(&self) -> usize {
            1
        }
        fn preprocess(&self) -> &Preprocess {
            &self.0
        }
        fn scoring(&self) -> Scoring {
            Scoring::Softmax { scale: 1.0 }
        }
        fn images(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, ClipError> {
            assert!(!pixels.contains(&-2.0), "minus two");
            if pixels.contains(&-1.0) {
                return Err(ClipError::Params("minus one".into()));
            }
            Ok(pixels.chunks_exact(self.0.values()).map(|image| vec![image[0]]).collect())
        }
        fn texts(&self, _texts: &[&str]) -> Result<Vec<Vec<f32>>, ClipError> {
            Ok(Vec::new())
        }
    }

    /// Takes two runs at once and counts them; the first two wait for each other.
    struct Pair {
        echo: Echo,
        first: AtomicUsize,
        both: Barrier,
        now: AtomicUsize,
        most: AtomicUsize,
    }

    impl Embedder for Pair {
        fn dim(&self) -> usize {
            1
        }
        fn preprocess(&self) -> &Preprocess {
            self.echo.preprocess()
        }
        fn scoring(&self) -> Scoring {
            self.echo.scoring()
        }
        fn parallel_runs(&self) -> usize {
            2
        }
        fn images(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, ClipError> {
            self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            if self.first.fetch_add(1, Ordering::SeqCst) < 2 {
                self.both.wait();
            }
            let vectors = self.echo.images(pixels);
            self.now.fetch_sub(1, Ordering::SeqCst);
            vectors
        }
        fn texts(&self, _texts: &[&str]) -> Result<Vec<Vec<f32>>, ClipError> {
            Ok(Vec::new())
        }
    }

    fn echo(max: usize) -> Batcher {
        Batcher::new(Arc::new(Echo(Preprocess::clip(1))), max)
    }

    #[test]
    fn each_gets_its_own_answer_in_fewer_runs() {
        let embedder = Arc::new(Held { echo: Echo(Preprocess::clip(1)), gate: Gate::default() });
        let batcher = Batcher::new(embedder.clone(), 8);
        thread::scope(|scope| {
            let asked: Vec<_> = (0..24_u8)
                .map(|n| (n, &batcher))
                .map(|(n, batcher)| scope.spawn(move || (n, batcher.image(vec![f32::from(n); 3]))))
                .collect();
            while batcher.lock().next < 24 {
                thread::yield_now();
            }
            embedder.gate.open();
            for answer in asked {
                let (n, vector) = answer.join().unwrap();
                assert_eq!(vector.unwrap(), [f32::from(n)]);
            }
        });
        let state = batcher.lock();
        assert!(state.runs >= 3 && state.runs < 24, "{} runs", state.runs);
        assert!(state.done.is_empty() && state.waiting.is_empty());
    }

    #[test]
    fn nobody_waits_for_a_run_that_panicked() {
        let batcher = echo(8);
        thread::scope(|scope| {
            let asked: Vec<_> =
                (0..6).map(|_| &batcher).map(|batcher| scope.spawn(|| batcher.image(vec![-2.0; 3]))).collect();
            // Who led has the panic, the others an error.
            assert!(asked.into_iter().all(|asked| !asked.join().is_ok_and(|answer| answer.is_ok())));
        });
        assert_eq!(batcher.image(vec![2.0; 3]).unwrap(), [2.0]);
    }

    #[test]
    fn as_many_runs_go_on_as_the_embedder_takes() {
        let (now, most, first) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let embedder = Pair { echo: Echo(Preprocess::clip(1)), first, both: Barrier::new(2), now, most };
        let embedder = Arc::new(embedder);
        let batcher = Batcher::new(embedder.clone(), 2);
        thread::scope(|scope| {
            for n in 0..24_u8 {
                let batcher = &batcher;
                scope.spawn(move || assert_eq!(batcher.image(vec![f32::from(n); 3]).unwrap(), [f32::from(n)]));
            }
        });
        assert_eq!(embedder.most.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn an_error_is_told_and_the_next_batch_runs() {
        let batcher = echo(1);
        assert!(batcher.image(vec![-1.0; 3]).is_err());
        assert_eq!(batcher.image(vec![2.0; 3]).unwrap(), [2.0]);
    }
}
