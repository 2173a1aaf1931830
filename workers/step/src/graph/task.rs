//! What a worker can be asked, typed by its answer.

use medley_proto::{Name, Sha256, StepInput};
use serde_json::Value;

use crate::{StepError, Worker};

/// One question to a worker, with the type of its answer. [`tasks!`](crate::tasks) implements it for the variants of a
/// worker's params.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task of any worker",
    label = "not a task",
    note = "list it in `tasks!(Worker: Params => Output {{ Variant({Self}) => Answer, .. }})`, or use `Whole::<Worker>(params)`"
)]
pub trait Task: Sized + 'static {
    type Worker: Worker;
    type Answer: 'static;

    /// The question as the worker reads it.
    fn into_params(self) -> <Self::Worker as Worker>::Params;

    /// The answer in a step's `output`.
    ///
    /// # Errors
    /// When the output is no answer to this question.
    fn read(output: &Value) -> Result<Self::Answer, StepError>;
}

/// The only question of a worker that has one. No other stage reads its answer.
#[derive(Debug)]
pub struct Whole<W: Worker>(pub W::Params);

impl<W: Worker> Task for Whole<W> {
    type Worker = W;
    type Answer = ();

    fn into_params(self) -> W::Params {
        self.0
    }

    fn read(_: &Value) -> Result<(), StepError> {
        Ok(())
    }
}

/// A step before the graph gives it its id: a task and what it reads.
#[derive(Debug)]
#[must_use = "a draft does nothing unless a stage returns it"]
pub struct Draft<T> {
    task: T,
    inputs: Vec<StepInput>,
    cache_key: Option<Sha256>,
}

impl<T: Task> Draft<T> {
    pub fn of(task: T) -> Self {
        Self { task, inputs: Vec::new(), cache_key: None }
    }

    pub fn input(mut self, input: StepInput) -> Self {
        self.inputs.push(input);
        self
    }

    pub fn inputs(mut self, inputs: impl IntoIterator<Item = StepInput>) -> Self {
        self.inputs.extend(inputs);
        self
    }

    /// The result may be taken from, and is left in, the tenant's cache under everything that it depends on.
    pub fn cached(mut self, depends_on: &[&[u8]]) -> Self {
        self.cache_key = Some(crate::draft::cache_key(depends_on));
        self
    }

    pub(super) fn erase(self) -> Result<ErasedDraft, StepError> {
        Ok(ErasedDraft {
            kind: Name::from_static(T::Worker::KIND),
            params: serde_json::to_value(self.task.into_params())?,
            inputs: self.inputs,
            cache_key: self.cache_key,
        })
    }
}

/// The steps of a scattered stage, in their order.
#[derive(Debug)]
pub struct Drafts<T> {
    pub(super) steps: Vec<Draft<T>>,
    pub(super) work: Option<(f64, &'static str)>,
}

impl<T> Drafts<T> {
    /// How much work these steps are in all, for the time left: seconds of audio, images.
    #[must_use]
    pub fn work(mut self, amount: f64, unit: &'static str) -> Self {
        self.work = Some((amount, unit));
        self
    }
}

impl<T> FromIterator<Draft<T>> for Drafts<T> {
    fn from_iter<I: IntoIterator<Item = Draft<T>>>(steps: I) -> Self {
        Self { steps: steps.into_iter().collect(), work: None }
    }
}

/// A draft without the types of its task.
#[derive(Debug)]
pub(super) struct ErasedDraft {
    pub(super) kind: Name,
    pub(super) params: Value,
    pub(super) inputs: Vec<StepInput>,
    pub(super) cache_key: Option<Sha256>,
}

/// Implements [`graph::Task`](crate::graph::Task) for the questions of a worker. `Variant(Task) => Answer` says that the
/// params `Params::Variant(Task)` are answered by the output `Output::Variant(Answer)`; `=> Answer as Other`, by
/// `Output::Other(Answer)`. A worker that answers every question with the same struct is written
/// `tasks!(Worker: Params => struct Answer { Variant(Task), .. })`; answers that no plan looks at, since workers read them
/// as files, `tasks!(Worker: Params => unread { Variant(Task), .. })`. Variants may hold their task in a box.
#[macro_export]
macro_rules! tasks {
    ($worker:ty: $params:ident => unread { $($variant:ident($task:ty)),* $(,)? }) => {$(
        impl $crate::graph::Task for $task {
            type Worker = $worker;
            type Answer = ();

            fn into_params(self) -> $params {
                $params::$variant(self.into())
            }

            fn read(_: &$crate::__private::Value) -> ::std::result::Result<(), $crate::StepError> {
                Ok(())
            }
        }
    )*};
    ($worker:ty: $params:ident => struct $answer:ty { $($variant:ident($task:ty)),* $(,)? }) => {$(
        impl $crate::graph::Task for $task {
            type Worker = $worker;
            type Answer = $answer;

            fn into_params(self) -> $params {
                $params::$variant(self.into())
            }

            fn read(output: &$crate::__private::Value) -> ::std::result::Result<$answer, $crate::StepError> {
                Ok(<$answer as $crate::__private::Deserialize>::deserialize(output)?)
            }
        }
    )*};
    ($worker:ty: $params:ident => $output:ident {
        $($variant:ident($task:ty) => $answer:ty $(as $other:ident)?),* $(,)?
    }) => {$(
        impl $crate::graph::Task for $task {
            type Worker = $worker;
            type Answer = $answer;

            fn into_params(self) -> $params {
                $params::$variant(self.into())
            }

            fn read(output: &$crate::__private::Value) -> ::std::result::Result<$answer, $crate::StepError> {
                match <$output as $crate::__private::Deserialize>::deserialize(output)? {
                    $crate::tasks!(@answer $output $variant answer $($other)?) => Ok(answer),
                    _ => Err($crate::StepError::internal(concat!(
                        "a step was asked to ", stringify!($variant), " and answered something else"
                    ))),
                }
            }
        }
    )*};
    (@answer $output:ident $variant:ident $answer:ident) => { $output::$variant($answer) };
    (@answer $output:ident $variant:ident $answer:ident $other:ident) => { $output::$other($answer) };
}
