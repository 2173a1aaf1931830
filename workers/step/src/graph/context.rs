//! What planning closures see of a job.

use medley_proto::StepInput;

use crate::StepError;

/// An input as a recipe sees it: the job's own, or what an outer recipe gives to a part of it.
#[derive(Debug, Clone)]
pub struct PlanInput {
    pub name: String,
    /// The address of an input of the job that was given as one.
    pub uri: Option<String>,
    pub from: StepInput,
}

impl PlanInput {
    /// An artifact of an earlier stage, as an input of a part.
    pub fn artifact(name: impl Into<String>, from: StepInput) -> Self {
        Self { name: name.into(), uri: None, from }
    }
}

/// What a sub-recipe is asked: its params and its inputs.
#[derive(Debug)]
pub struct Call<P> {
    pub params: P,
    pub inputs: Vec<PlanInput>,
}

/// What every planning closure sees. It has no clock, no configuration of a machine and no store: the same job and the
/// same results give the same steps anywhere. What depends on a machine belongs into the answer of the first step.
#[derive(Debug)]
pub struct PlanContext<P> {
    pub params: P,
    pub(super) inputs: Vec<PlanInput>,
}

impl<P> PlanContext<P> {
    /// The input of this place, from 0.
    ///
    /// # Errors
    /// When there are fewer inputs: a defect of the recipe, which says how many it takes.
    pub fn input(&self, n: usize) -> Result<StepInput, StepError> {
        Ok(self.given(n)?.from.clone())
    }

    /// The input of this place with its name.
    ///
    /// # Errors
    /// As [`PlanContext::input`].
    pub fn given(&self, n: usize) -> Result<&PlanInput, StepError> {
        let missing = || StepError::internal(format!("a stage reads input {n}, and there are {}", self.inputs.len()));
        self.inputs.get(n).ok_or_else(missing)
    }

    /// All inputs, in order.
    pub fn inputs(&self) -> impl Iterator<Item = StepInput> + '_ {
        self.inputs.iter().map(|input| input.from.clone())
    }

    /// How many inputs there are.
    pub fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// Asks a sub-recipe the same, of the same inputs.
    pub fn same(&self) -> Call<P>
    where
        P: Clone,
    {
        Call { params: self.params.clone(), inputs: self.inputs.clone() }
    }
}
