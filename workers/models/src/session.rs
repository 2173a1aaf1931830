use std::{
    collections::HashMap,
    fmt,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use ort::session::{
    Session as OrtSession,
    builder::{GraphOptimizationLevel, PrepackedWeights},
};

use crate::{ModelError, Models, runtime};

/// How a model is run. The same options on the same kind of CPU give the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionOptions {
    /// CPU threads of one run.
    pub threads: usize,
    /// How many runs may go on at once.
    pub parallel: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { threads: 1, parallel: 1 }
    }
}

/// Whether the inputs of a model have few lengths, or another one at each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lengths {
    Few,
    Any,
}

/// A loaded model: up to `parallel` ONNX Runtime sessions that share their packed weights.
///
/// They are several because ort lets one session do one run at a time (`run(&mut self)`); see
/// `docs/decisions/0009-a-pool-of-sessions.md`.
#[derive(Clone)]
pub struct Session {
    pool: Arc<Pool>,
}

struct Pool {
    load: Load,
    parallel: usize,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    free: Vec<OrtSession>,
    made: usize,
}

struct Load {
    environment: ort::environment::Environment,
    path: PathBuf,
    threads: usize,
    lengths: Lengths,
    weights: PrepackedWeights,
}

impl Session {
    /// Takes a free session, waiting for one when all are busy, and gives it back afterwards.
    pub fn with<R>(&self, run: impl FnOnce(&mut OrtSession) -> R) -> R {
        let mut lent = self.pool.take();
        run(&mut lent)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("path", &self.pool.load.path).finish_non_exhaustive()
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Lent<'_> {
        let mut state = self.lock();
        loop {
            if let Some(session) = state.free.pop() {
                return Lent { pool: self, session: Some(session) };
            }
            if state.made < self.parallel {
                state.made += 1;
                drop(state);
                match self.load.session() {
                    Ok(session) => return Lent { pool: self, session: Some(session) },
                    // The first session exists, so work goes on with fewer.
                    Err(error) => tracing::warn!(%error, path = %self.load.path.display(), "one session fewer"),
                }
                state = self.lock();
                state.made -= 1;
                if state.free.is_empty() {
                    state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            } else {
                state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Load {
    fn session(&self) -> ort::Result<OrtSession> {
        OrtSession::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::Level3)?
            .with_intra_threads(self.threads.max(1))?
            .with_inter_threads(1)?
            .with_parallel_execution(false)?
            .with_deterministic_compute(true)?
            // Slots share cores: a thread that spins takes them from the others.
            .with_intra_op_spinning(false)?
            .with_memory_pattern(self.lengths == Lengths::Few)?
            .with_prepacked_weights(&self.weights)?
            .commit_from_file(&self.path)
    }
}

/// A session out of the pool; also after a panic it goes back.
struct Lent<'a> {
    pool: &'a Pool,
    session: Option<OrtSession>,
}

impl Deref for Lent<'_> {
    type Target = OrtSession;
    fn deref(&self) -> &OrtSession {
        self.session.as_ref().expect("lent until dropped")
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut OrtSession {
        self.session.as_mut().expect("lent until dropped")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.lock().free.extend(self.session.take());
        self.pool.returned.notify_one();
    }
}

/// The sessions of a process, by model file and options.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<(PathBuf, SessionOptions, Lengths), Session>>);

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

impl Sessions {
    pub(crate) fn get(
        &self,
        models: &Models,
        model: &str,
        file: &str,
        path: PathBuf,
        (options, lengths): (SessionOptions, Lengths),
    ) -> Result<Session, ModelError> {
        let environment = runtime::environment(models)?;
        // Held while the model loads, so that two who ask at once share it.
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = loaded.get(&(path.clone(), options, lengths)) {
            return Ok(session.clone());
        }
        let threads = options.threads;
        let load = Load { environment, path: path.clone(), threads, lengths, weights: PrepackedWeights::new() };
        let first =
            load.session().map_err(|source| ModelError::Session { model: model.into(), file: file.into(), source })?;
        let state = Mutex::new(State { free: vec![first], made: 1 });
        let pool = Pool { load, parallel: options.parallel.max(1), state, returned: Condvar::new() };
        let session = Session { pool: Arc::new(pool) };
        loaded.insert((path, options, lengths), session.clone());
        Ok(session)
    }
}
