//! A kind of job as a graph of typed stages.
//!
//! # Concepts
//!
//! A **stage** is one step ([`Scope::one`]) or as many as an earlier result asks for ([`Scope::scatter`]). The steps of
//! a stage stand in **groups** of at most [`GROUP_MAX`]. Many steps become few again in a **tree**: [`Scope::gather`]
//! waits for all and computes nothing, [`Scope::fold`] merges until one group is left, [`Scope::reduce`] until one
//! result is. A stage may be left out ([`Scope::one_if`]), and a whole [`Fragment`] may be a part of another
//! ([`Scope::sub`]).
//!
//! A recipe writes its stages down once, when the registry is built. What it holds are **handles** ([`One`], [`Many`],
//! [`Gathered`], …), typed by the answers of their steps: a stage cannot read what is not done, and cannot forget that
//! something may not have run. Ids, sizes and levels are the graph's own; no recipe sees them.
//!
//! The **planner** ([`Graph::next`]) is a pure function: from a job, a finished group and results that lie in the store
//! to the steps that follow. Whoever asks gets the same answer, so several workers may ask, twice even. Closures must be
//! pure and cheap therefore: they run again whenever a width or a condition is needed.
//!
//! ```
//! use medley_step::graph::{Draft, Fragment, One, Scope};
//! # use medley_step::{tasks, BuildContext, BuildError, StepContext, StepError, Worker};
//! # use schemars::JsonSchema;
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Serialize, Deserialize, JsonSchema)] struct CountParams {}
//! # #[derive(Serialize, Deserialize, JsonSchema)] #[serde(tag = "do")] enum CountStep { Split(Split), Count(Count), Add(Add) }
//! # #[derive(Serialize, Deserialize, JsonSchema)] struct Split {}
//! # #[derive(Serialize, Deserialize, JsonSchema)] struct Count { page: u32 }
//! # #[derive(Serialize, Deserialize, JsonSchema)] struct Add {}
//! # #[derive(Serialize, Deserialize, JsonSchema)] #[serde(tag = "done")] enum CountOutput { Split(Pages), Count(Words), Add(Words) }
//! # #[derive(Serialize, Deserialize, JsonSchema)] struct Pages { pages: u32 }
//! # #[derive(Serialize, Deserialize, JsonSchema)] struct Words { words: u64 }
//! # struct Counter;
//! # impl Worker for Counter {
//! #     const KIND: &'static str = "count";
//! #     type Config = ();
//! #     type Params = CountStep;
//! #     type Output = CountOutput;
//! #     fn build(_: (), _: &BuildContext) -> Result<Self, BuildError> { Ok(Self) }
//! #     fn run(&self, step: CountStep, _: &StepContext<'_>) -> Result<CountOutput, StepError> {
//! #         Ok(match step {
//! #             CountStep::Split(_) => CountOutput::Split(Pages { pages: 2 }),
//! #             CountStep::Count(Count { page }) => CountOutput::Count(Words { words: page.into() }),
//! #             CountStep::Add(_) => CountOutput::Add(Words { words: 1 }),
//! #         })
//! #     }
//! # }
//! // Each question a worker may be asked, with the answer it gives.
//! tasks!(Counter: CountStep => CountOutput { Split(Split) => Pages, Count(Count) => Words, Add(Add) => Words });
//!
//! struct CountFragment;
//!
//! impl Fragment for CountFragment {
//!     type Params = CountParams;
//!     type Ends = One<Words>;
//!
//!     fn graph(g: &mut Scope<'_, CountParams>) -> One<Words> {
//!         let split = g.one("split", (), |cx, ()| Ok(Draft::of(Split {}).input(cx.input(0)?)));
//!         let count = g.scatter("count", split, |cx, split| {
//!             let count = |page| Ok(Draft::of(Count { page }).input(cx.input(0)?));
//!             (0..split.pages).map(count).collect()
//!         });
//!         let counted = g.gather("merge", count);
//!         g.one("add", counted, |_, counted| Ok(Draft::of(Add {}).inputs(counted.files())))
//!     }
//! }
//! ```

mod check;
mod context;
mod handle;
mod mermaid;
mod numbers;
mod planner;
mod results;
mod scope;
mod stage;
mod task;

use std::collections::BTreeSet;

use medley_proto::{Input, Name};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use check::GraphFaults;
pub use context::{Call, PlanContext, PlanInput};
pub use handle::{Dependencies, Done, Ends, Folded, Gathered, Many, Maybe, Merged, One, Parts, Reduced};
pub use planner::{Group, Mark, Next};
pub use results::{Evaluation, Known, Stop};
pub use scope::Scope;
pub use task::{Draft, Drafts, Task, Whole};

use crate::StepError;

/// The largest group.
pub const GROUP_MAX: u32 = 64;

/// Stages that belong together: a kind of job, or a part of several.
pub trait Fragment: 'static {
    type Params: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static;
    /// The stages that an outer recipe may read. A job ends with one of them: the last that runs.
    type Ends: Ends;

    /// Writes the stages down, each after the one that it follows from.
    fn graph(g: &mut Scope<'_, Self::Params>) -> Self::Ends;
}

/// A kind of job: a fragment with a name, and with what a person must know to use it.
pub trait Recipe: Fragment {
    /// The kind of job.
    const KIND: &'static str;
    /// One line for `medley run --help`.
    const ABOUT: &'static str;
    /// Examples for the help of the kind, one a line.
    const EXAMPLES: &'static str = "";
    /// How many inputs one job takes: `medley run` makes one job of each when it is one, one job of all otherwise.
    const INPUTS: std::ops::RangeInclusive<usize> = 1..=1;
    /// What each input is, in order, with its article, for kinds of several inputs.
    const INPUT_ROLES: &'static [&'static str] = &[];
    /// Whether an input may be text itself: what is neither a file nor a URL on the command line is then the text.
    const TAKES_TEXT: bool = false;
    /// Whether an input may be a folder. Its steps get the folder's path, and must make sure that nothing below it leads
    /// out of it.
    const TAKES_FOLDER: bool = false;
    /// Whether an input of a kind that takes folders may also be a single file: standard input is read then.
    const TAKES_SINGLE: bool = false;
    /// Inputs that the command line may name by a flag: the flag, the input's place from 0, and a line of help. Without
    /// its flag an input stands in its place among the others.
    const NAMED_INPUTS: &'static [(&'static str, usize, &'static str)] = &[];

    /// Refuses params that no step could use (`params_invalid`), before the job is accepted.
    ///
    /// # Errors
    /// `params_invalid`.
    fn check(_params: &Self::Params, _inputs: &[Input]) -> Result<(), StepError> {
        Ok(())
    }
}

/// A recipe's stages without their types: what the runtime asks and the command line prints.
#[derive(Debug)]
pub struct Graph {
    kind: Name,
    /// Tells the handles of one graph from those of another.
    serial: u64,
    stages: Vec<stage::Stage>,
    ends: Vec<usize>,
    faults: Vec<String>,
}

impl Graph {
    /// Writes a recipe's stages down and checks them.
    ///
    /// # Errors
    /// What makes the graph unusable: a defect of the recipe, independent of any job.
    pub fn of<R: Recipe>() -> Result<Self, GraphFaults> {
        let mut graph = Self::empty(Name::from_static(R::KIND));
        let ends = R::graph(&mut Scope::root(&mut graph));
        graph.set_ends(&ends);
        graph.check()?;
        Ok(graph)
    }

    /// The kind of job.
    pub fn kind(&self) -> &Name {
        &self.kind
    }

    /// The kinds of step that each of its jobs has.
    pub fn step_kinds(&self) -> BTreeSet<&Name> {
        self.stages.iter().filter(|stage| stage.always).map(|stage| &stage.kind).collect()
    }
}
