use std::{collections::BTreeMap, fmt, marker::PhantomData, ops::RangeInclusive};

use medley_proto::{ErrorCode, Input, Job, ModelUse, Name};
use schemars::Schema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    BuildContext, BuildError, Planned, Recipe, StepContext, StepError, Worker,
    graph::{Graph, Group, Known, Next},
};

/// A worker whose params and output are JSON: what a compute child calls.
pub trait ErasedWorker: Send + Sync {
    fn run(&self, params: Value, cx: &StepContext<'_>) -> Result<Value, StepError>;
    fn models(&self) -> Vec<ModelUse>;
}

impl<W: Worker> ErasedWorker for W {
    fn run(&self, params: Value, cx: &StepContext<'_>) -> Result<Value, StepError> {
        let params = W::Params::deserialize(params)
            .map_err(|error| StepError::permanent(ErrorCode::PARAMS_INVALID, format!("step {}: {error}", cx.id())))?;
        Ok(serde_json::to_value(Worker::run(self, params, cx)?)?)
    }

    fn models(&self) -> Vec<ModelUse> {
        Worker::models(self)
    }
}

/// A recipe whose params are JSON: what the runtime and the command line call.
pub trait ErasedRecipe: Send + Sync {
    fn kind(&self) -> Name;
    fn about(&self) -> &'static str;
    fn examples(&self) -> &'static str;
    fn inputs(&self) -> RangeInclusive<usize>;
    fn input_roles(&self) -> &'static [&'static str];
    fn takes_text(&self) -> bool;
    fn named_inputs(&self) -> &'static [(&'static str, usize, &'static str)];
    fn takes_folder(&self) -> bool;
    fn takes_single(&self) -> bool;
    fn schema(&self) -> Schema;
    /// The params with every default written out, or why they cannot be used.
    fn check(&self, params: &Value, inputs: &[Input]) -> Result<Value, StepError>;
    fn start(&self, job: &Job) -> Result<Planned, StepError>;
    /// What follows from a finished group. `known` holds its results, and those that an earlier answer asked for.
    fn next(&self, job: &Job, done: &Group, known: &Known) -> Result<Next, StepError>;
    /// The kind's stages.
    fn graph(&self) -> &Graph;
}

/// The error of params that are none of the kind's.
pub(crate) fn params_invalid(kind: &dyn fmt::Display, error: &serde_json::Error) -> StepError {
    StepError::permanent(ErrorCode::PARAMS_INVALID, format!("{kind} params: {error}"))
}

/// Refuses a number of inputs that the kind does not take.
fn check_count(kind: &str, takes: &RangeInclusive<usize>, roles: &[&str], inputs: &[Input]) -> Result<(), StepError> {
    if takes.contains(&inputs.len()) {
        return Ok(());
    }
    let (min, max) = (takes.start(), takes.end());
    let of = if min == max { min.to_string() } else { format!("{min} to {max}") };
    let order = if roles.is_empty() { String::new() } else { format!(": in order they are {}", roles.join(", ")) };
    let message = format!("{kind} takes {of} inputs and was given {}{order}", inputs.len());
    Err(StepError::permanent(ErrorCode::PARAMS_INVALID, message))
}

/// A recipe without its types.
struct Erased<R> {
    graph: Graph,
    recipe: PhantomData<fn() -> R>,
}

impl<R: Recipe> ErasedRecipe for Erased<R> {
    fn kind(&self) -> Name {
        Name::from_static(R::KIND)
    }

    fn about(&self) -> &'static str {
        R::ABOUT
    }

    fn examples(&self) -> &'static str {
        R::EXAMPLES
    }

    fn inputs(&self) -> RangeInclusive<usize> {
        R::INPUTS
    }

    fn input_roles(&self) -> &'static [&'static str] {
        R::INPUT_ROLES
    }

    fn takes_text(&self) -> bool {
        R::TAKES_TEXT
    }

    fn named_inputs(&self) -> &'static [(&'static str, usize, &'static str)] {
        R::NAMED_INPUTS
    }

    fn takes_folder(&self) -> bool {
        R::TAKES_FOLDER
    }

    fn takes_single(&self) -> bool {
        R::TAKES_SINGLE
    }

    fn schema(&self) -> Schema {
        schemars::schema_for!(R::Params)
    }

    fn check(&self, params: &Value, inputs: &[Input]) -> Result<Value, StepError> {
        check_count(R::KIND, &R::INPUTS, R::INPUT_ROLES, inputs)?;
        let params = R::Params::deserialize(params).map_err(|error| params_invalid(&R::KIND, &error))?;
        R::check(&params, inputs)?;
        Ok(serde_json::to_value(params)?)
    }

    fn start(&self, job: &Job) -> Result<Planned, StepError> {
        self.graph.start(job)
    }

    fn next(&self, job: &Job, done: &Group, known: &Known) -> Result<Next, StepError> {
        self.graph.next(job, done, known)
    }

    fn graph(&self) -> &Graph {
        &self.graph
    }
}

type Build = Box<dyn Fn(&Value, &BuildContext) -> Result<Box<dyn ErasedWorker>, BuildError> + Send + Sync>;

struct WorkerEntry {
    build: Build,
    config_schema: Schema,
}

/// The kinds that a binary knows.
#[derive(Default)]
pub struct Registry {
    workers: BTreeMap<Name, WorkerEntry>,
    recipes: BTreeMap<Name, Box<dyn ErasedRecipe>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("workers", &self.workers.keys())
            .field("recipes", &self.recipes.keys())
            .finish()
    }
}

impl Registry {
    /// Adds a kind of step.
    #[must_use]
    pub fn worker<W: Worker>(mut self) -> Self {
        let build: Build = Box::new(|config, cx| {
            let config = if config.is_null() {
                W::Config::default()
            } else {
                W::Config::deserialize(config).map_err(|error| BuildError {
                    code: ErrorCode::PARAMS_INVALID,
                    message: format!("medley.toml, table [{}]: {error}", W::KIND),
                    source: Some(error.into()),
                })?
            };
            Ok(Box::new(W::build(config, cx)?))
        });
        let entry = WorkerEntry { build, config_schema: schemars::schema_for!(W::Config) };
        self.workers.insert(Name::from_static(W::KIND), entry);
        self
    }

    /// Adds a kind of job.
    ///
    /// # Panics
    /// When the graph cannot be used ([`GraphFaults`](crate::graph::GraphFaults)). It depends on nothing but the code, so any
    /// test that builds the registry shows it.
    #[must_use]
    pub fn recipe<R: Recipe>(mut self) -> Self {
        let graph = Graph::of::<R>().unwrap_or_else(|faults| panic!("{faults}"));
        self.recipes.insert(Name::from_static(R::KIND), Box::new(Erased::<R> { graph, recipe: PhantomData }));
        self
    }

    /// The kinds of step, in order.
    pub fn worker_kinds(&self) -> impl Iterator<Item = &Name> {
        self.workers.keys()
    }

    /// The kinds of job, in order.
    pub fn recipes(&self) -> impl Iterator<Item = &dyn ErasedRecipe> {
        self.recipes.values().map(AsRef::as_ref)
    }

    pub fn find_recipe(&self, kind: &Name) -> Result<&dyn ErasedRecipe, StepError> {
        self.recipes.get(kind).map(AsRef::as_ref).ok_or_else(|| {
            let known: Vec<_> = self.recipes.keys().map(Name::as_str).collect();
            let message = format!("no kind of job is called '{kind}'; this build knows {}", known.join(", "));
            StepError::permanent(ErrorCode::KIND_UNKNOWN, message)
        })
    }

    /// Loads the worker of a kind; `config` is its table of `medley.toml` or null.
    pub fn build(&self, kind: &Name, config: &Value, cx: &BuildContext) -> Result<Box<dyn ErasedWorker>, BuildError> {
        let entry = self.workers.get(kind).ok_or_else(|| BuildError {
            code: ErrorCode::KIND_UNKNOWN,
            message: format!("no kind of step is called '{kind}' in this build"),
            source: None,
        })?;
        (entry.build)(config, cx)
    }

    /// The schema of a kind's table of `medley.toml`.
    pub fn config_schema(&self, kind: &Name) -> Option<&Schema> {
        self.workers.get(kind).map(|entry| &entry.config_schema)
    }
}
