//! A recipe inside another: its stages run as stages of the outer job, under names of their own.

use std::marker::PhantomData;

use medley_proto::{ErrorCode, Input, Job, Name, StepId, StepInput};
use serde::Deserialize;
use serde_json::Value;

use crate::{GroupDone, JobView, Planned, Recipe, StepDraft, StepError};

/// A job of kind `R` made for one stretch of an outer job.
#[derive(Debug)]
pub struct Nested<R> {
    job: Job,
    prefix: &'static str,
    /// What the inner job's inputs are in the outer one; none where the artifact is not at hand any more.
    inputs: Vec<Option<StepInput>>,
    recipe: PhantomData<fn() -> R>,
}

impl<R: Recipe> Nested<R> {
    /// `inputs`: how the inner recipe sees each of its inputs, and what it is in the outer job.
    pub fn new(outer: &Job, prefix: &'static str, params: Value, inputs: Vec<(Input, Option<StepInput>)>) -> Self {
        let (seen, inputs) = inputs.into_iter().unzip();
        let job = Job { kind: Name::from_static(R::KIND), inputs: seen, params, ..outer.clone() };
        Self { job, prefix, inputs, recipe: PhantomData }
    }

    /// The first stage.
    ///
    /// # Errors
    /// Those of the inner recipe, and `params_invalid` when it does not know the params.
    pub fn start(&self) -> Result<Planned, StepError> {
        let mut planned = R::start(&self.view()?)?;
        self.outward(&mut planned.steps)?;
        Ok(planned)
    }

    /// What follows inside; none when the inner job has ended, and `done` holds its artifacts.
    ///
    /// # Errors
    /// As [`Nested::start`].
    pub fn next(&self, done: &GroupDone) -> Result<Option<Planned>, StepError> {
        let mut inner = done.clone();
        inner.stage = self.inner(&done.stage)?;
        for result in &mut inner.results {
            result.id.stage = self.inner(&result.id.stage)?;
        }
        let mut planned = R::next(&self.view()?, &inner)?;
        self.outward(&mut planned.steps)?;
        Ok((!planned.steps.is_empty()).then_some(planned))
    }

    /// Whether a stage of the outer job is one of the inner recipe's.
    pub fn owns(&self, stage: &Name) -> bool {
        stage.as_str().strip_prefix(self.prefix).is_some_and(|rest| rest.starts_with('-'))
    }

    fn view(&self) -> Result<JobView<'_, R::Params>, StepError> {
        let params = R::Params::deserialize(&self.job.params).map_err(|error| {
            let message = format!("{} is told what it does not know: {error}", R::KIND);
            StepError::permanent(ErrorCode::PARAMS_INVALID, message)
        })?;
        Ok(JobView { job: &self.job, params })
    }

    fn outward(&self, steps: &mut [StepDraft]) -> Result<(), StepError> {
        for step in steps {
            step.id.stage = self.outer(&step.id.stage)?;
            for input in &mut step.inputs {
                *input = match input {
                    StepInput::Job(n) => self.inputs.get(*n as usize).cloned().flatten().ok_or_else(|| {
                        StepError::internal(format!("stage {} wants an input that is gone", step.id.stage))
                    })?,
                    StepInput::Left { step, name } => StepInput::Left {
                        step: StepId { stage: self.outer(&step.stage)?, ..step.clone() },
                        name: name.clone(),
                    },
                    StepInput::Output(id) => StepInput::Output(StepId { stage: self.outer(&id.stage)?, ..id.clone() }),
                    StepInput::Artifact(_) => continue,
                    StepInput::All { stage, size } => StepInput::All { stage: self.outer(stage)?, size: *size },
                };
            }
        }
        Ok(())
    }

    fn outer(&self, stage: &Name) -> Result<Name, StepError> {
        Name::try_from(format!("{}-{stage}", self.prefix)).map_err(|error| StepError::internal(error.to_string()))
    }

    fn inner(&self, stage: &Name) -> Result<Name, StepError> {
        let rest = stage.as_str().strip_prefix(self.prefix).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
        rest.parse().map_err(|_| StepError::internal(format!("stage {stage} is none of {}", R::KIND)))
    }
}
