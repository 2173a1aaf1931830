use medley_proto::{Input, Job, Lineage, Name, Sha256, StepId, StepInput, StepResult};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{StepError, Worker};

/// One kind of job: which steps it consists of. Deterministic: any worker that asks with the same job and the same
/// results gets the same answer, so whoever finishes a group may publish what comes next, twice even.
///
/// A job is a chain of *stages*; the steps of a stage stand in groups of at most [`GroupDone::MAX`]. The first stage
/// comes from `start`. Whenever the last step of a group has its result, `next` is asked with that group's results
/// and returns the steps that follow from it; when it returns none for the last group of the last stage, that group's
/// artifacts and quality are the job's. A stage of one group is the ordinary case; wider stages gather as a tree, one
/// step for each finished group (its stage `merge-1`, group `g / 64`, number `g % 64`, and so on).
pub trait Recipe: Send + Sync + 'static {
    /// The kind of job.
    const KIND: &'static str;
    /// What the user may set: the flags of `medley run <kind>`, the schema of `medley schema <kind>`.
    type Params: DeserializeOwned + Serialize + JsonSchema + Send;
    /// One line for `medley run --help`.
    const ABOUT: &'static str;
    /// Examples for the help of the kind, one a line.
    const EXAMPLES: &'static str = "";
    /// How many inputs one job takes: `medley run` makes one job of each when it is one, one job of all otherwise.
    const INPUTS: std::ops::RangeInclusive<usize> = 1..=1;
    /// What each input is, in order, with its article, for kinds of several: what is missing is called so.
    const INPUT_ROLES: &'static [&'static str] = &[];
    /// Whether an input may be text itself: what is neither a file nor a URL on the command line is then the text.
    const TAKES_TEXT: bool = false;
    /// Whether an input may be a folder. Its steps get the folder's path, and are the ones to see to it that nothing
    /// below it leads out of it.
    const TAKES_FOLDER: bool = false;

    /// Inputs that the command line may name by a flag: the flag, the input's place from 0, and a line of help. Without
    /// its flag an input stands in its place among the others.
    const NAMED_INPUTS: &'static [(&'static str, usize, &'static str)] = &[];

    /// Refuses params that no step could use (`params_invalid`), before the job is accepted.
    fn check(_params: &Self::Params, _inputs: &[Input]) -> Result<(), StepError> {
        Ok(())
    }

    /// The first stage: at least one step.
    fn start(job: &JobView<'_, Self::Params>) -> Result<Planned, StepError>;

    /// What follows from a finished group; `Planned::last()` when it was the last of the job.
    fn next(job: &JobView<'_, Self::Params>, done: &GroupDone) -> Result<Planned, StepError>;
}

/// A job with its params read.
#[derive(Debug)]
pub struct JobView<'a, P> {
    pub job: &'a Job,
    pub params: P,
}

/// A group of steps whose results are all there.
#[derive(Debug, Clone)]
pub struct GroupDone {
    pub stage: Name,
    pub group: u32,
    /// The results, in the order of the steps' numbers.
    pub results: Vec<StepResult>,
}

impl GroupDone {
    /// The largest group.
    pub const MAX: u32 = 64;

    /// The output of the `n`th step.
    pub fn output<T: DeserializeOwned>(&self, n: usize) -> Result<T, StepError> {
        let result = self
            .results
            .get(n)
            .ok_or_else(|| StepError::internal(format!("group {}/{} has no step {n}", self.stage, self.group)))?;
        Ok(T::deserialize(&result.output)?)
    }
}

/// The steps that a recipe wants run.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    pub steps: Vec<StepDraft>,
    /// How much work these steps are in all, for the time left: seconds of audio, images.
    pub work: Option<(f64, &'static str)>,
}

impl Planned {
    /// Nothing follows: the group was the job's last.
    pub fn last() -> Self {
        Self::default()
    }

    pub fn one(step: StepDraft) -> Self {
        Self { steps: vec![step], work: None }
    }

    pub fn many(steps: Vec<StepDraft>) -> Self {
        Self { steps, work: None }
    }

    #[must_use]
    pub fn work(mut self, amount: f64, unit: &'static str) -> Self {
        self.work = Some((amount, unit));
        self
    }
}

/// A step before the runtime gives it its job, class and attempt.
#[derive(Debug, Clone)]
pub struct StepDraft {
    pub id: StepId,
    /// The kind of worker.
    pub kind: Name,
    pub group_size: u32,
    /// How many steps the stage has in all. Steps that say so are of version 2.
    pub stage_size: Option<u32>,
    pub params: Value,
    pub inputs: Vec<StepInput>,
    pub cache_key: Option<Sha256>,
    /// Filled by the runtime from the results that the step follows from.
    pub lineage: Lineage,
}

impl StepDraft {
    /// The `n`th of the `total` steps of a stage, put into its group.
    pub fn nth<W: Worker>(stage: &'static str, n: u32, total: u32, params: &W::Params) -> Result<Self, StepError> {
        let group = n / GroupDone::MAX;
        Ok(Self {
            id: StepId::new(Name::from_static(stage), group, n % GroupDone::MAX),
            kind: Name::from_static(W::KIND),
            group_size: (total - group * GroupDone::MAX).min(GroupDone::MAX),
            stage_size: None,
            params: serde_json::to_value(params)?,
            inputs: Vec::new(),
            cache_key: None,
            lineage: Lineage::default(),
        })
    }

    /// The only step of its stage.
    pub fn only<W: Worker>(stage: &'static str, params: &W::Params) -> Result<Self, StepError> {
        Self::nth::<W>(stage, 0, 1, params)
    }

    #[must_use]
    pub fn input(mut self, input: StepInput) -> Self {
        self.inputs.push(input);
        self
    }

    #[must_use]
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = StepInput>) -> Self {
        self.inputs.extend(inputs);
        self
    }

    /// The result may be taken from, and is left in, the tenant's cache under everything that it depends on.
    #[must_use]
    pub fn cached(mut self, depends_on: &[&[u8]]) -> Self {
        self.cache_key = Some(cache_key(depends_on));
        self
    }
}

/// The key of everything that a result depends on.
pub(crate) fn cache_key(depends_on: &[&[u8]]) -> Sha256 {
    let mut bytes = Vec::new();
    for part in depends_on {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    Sha256::of(&bytes)
}

/// The stage of a job that is one step.
pub const WHOLE_JOB: &str = "run";

/// The single step of a one-step job, for a recipe's `start`.
pub fn recipe_of_one_step<W: Worker>(job: &JobView<'_, W::Params>) -> Result<Planned, StepError> {
    let inputs = (0..job.job.inputs.len()).map(|n| StepInput::Job(u32::try_from(n).unwrap_or(u32::MAX)));
    Ok(Planned::one(StepDraft::only::<W>(WHOLE_JOB, &job.params)?.inputs(inputs)))
}
