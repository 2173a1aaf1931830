//! Handles of stages, and what those give that follow from them.

use std::{fmt, marker::PhantomData, ops::Deref};

use medley_proto::{Artifact, StepId, StepInput, StepResult};
use serde_json::{Map, Value};

use super::{
    results::{Evaluation, Stop},
    stage::Dependency,
};
use crate::StepError;

/// Reads a step's output as the answer that its task promises.
pub(super) type Read<T> = fn(&Value) -> Result<T, StepError>;

/// Where a handle points.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) stage: usize,
    /// Of the graph.
    pub(super) serial: u64,
}

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident<$($t:ident),*> { $($field:ident: $ty:ty),* }) => {
        $(#[$doc])*
        #[must_use = "a stage that nothing follows from, and that is no end, is refused"]
        pub struct $name<$($t),*> {
            pub(super) at: At,
            $(pub(super) $field: $ty,)*
            pub(super) answers: PhantomData<fn() -> ($($t,)*)>,
        }

        impl<$($t),*> Clone for $name<$($t),*> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($t),*> Copy for $name<$($t),*> {}

        impl<$($t),*> fmt::Debug for $name<$($t),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.at.stage).finish()
            }
        }
    };
}

handle!(
    /// A stage of one step.
    One<T> { read: Read<T> }
);
handle!(
    /// A stage of many steps, which only a tree can follow.
    Many<T> { read: Read<T> }
);
handle!(
    /// Many steps, all done; their files are read where they lie.
    Gathered<T> {}
);
handle!(
    /// Many steps brought down to at most one group of results.
    Folded<T, M> { read: Read<T>, read_merge: Read<M> }
);
handle!(
    /// Many steps brought down to one result.
    Reduced<M> { read: Read<M> }
);

/// A stage that is left out of some jobs: what follows from it gets an `Option`. A stage that needs one of those is left
/// out with it, and is wrapped where others follow from it, or where it is one of several ends.
#[derive(Debug, Clone, Copy)]
#[must_use = "a stage that nothing follows from, and that is no end, is refused"]
pub struct Maybe<D>(pub D);

impl<D> Maybe<D> {
    /// The stage, for those that are left out with it.
    pub fn needed(self) -> D {
        self.0
    }
}

/// A finished step. It stands for its answer, which its fields are read from.
#[derive(Debug, Clone)]
pub struct Done<T> {
    pub id: StepId,
    pub answer: T,
    pub artifacts: Vec<Artifact>,
    pub quality: Map<String, Value>,
}

impl<T> Deref for Done<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.answer
    }
}

impl<T> Done<T> {
    pub(super) fn of(result: &StepResult, read: Read<T>) -> Result<Self, StepError> {
        let StepResult { id, output, artifacts, quality, .. } = result;
        Ok(Self { id: id.clone(), answer: read(output)?, artifacts: artifacts.clone(), quality: quality.clone() })
    }

    pub(super) fn all(results: Vec<&StepResult>, read: Read<T>) -> Result<Vec<Self>, StepError> {
        results.into_iter().map(|result| Self::of(result, read)).collect()
    }

    /// The artifact of this name.
    ///
    /// # Errors
    /// When the step left none: a defect of its worker, or a wrong name.
    pub fn file(&self, name: &str) -> Result<StepInput, StepError> {
        let found = self.artifacts.iter().find(|artifact| artifact.name == name).cloned();
        found.map(StepInput::Artifact).ok_or_else(|| StepError::internal(format!("step {} left no {name}", self.id)))
    }

    /// All artifacts, in order.
    pub fn files(&self) -> impl Iterator<Item = StepInput> + '_ {
        self.artifacts.iter().cloned().map(StepInput::Artifact)
    }

    /// The artifacts but those of these names, in order.
    pub fn files_except<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = StepInput> + 'a {
        let others = self.artifacts.iter().filter(|artifact| !names.contains(&artifact.name.as_str()));
        others.cloned().map(StepInput::Artifact)
    }

    /// The answer itself, as a JSON file.
    pub fn output(&self) -> StepInput {
        StepInput::Output(self.id.clone())
    }
}

/// What a [`Gathered`] gives.
#[derive(Debug)]
pub struct Parts {
    files: Vec<StepInput>,
    count: u32,
}

impl Parts {
    /// The files of all parts, in the order of the parts.
    pub fn files(self) -> Vec<StepInput> {
        self.files
    }

    /// How many parts there are.
    pub fn count(&self) -> u32 {
        self.count
    }
}

/// What a [`Folded`] gives.
#[derive(Debug)]
pub enum Merged<T, M> {
    /// The parts themselves, when they are one group.
    Parts(Vec<Done<T>>),
    /// What the last merges left.
    Merges(Vec<Done<M>>),
}

/// What a stage may follow from: a finished stage, or a tuple of them.
#[diagnostic::on_unimplemented(
    message = "a stage cannot follow from `{Self}`",
    label = "not a finished stage",
    note = "after `scatter` comes `gather`, `fold` or `reduce`; a stage follows from what these return, from a `One`, a `Maybe`, or a tuple of them"
)]
pub trait Dependencies: Copy + Send + Sync + 'static {
    /// What the closure of a stage that follows gets.
    type Value;

    #[doc(hidden)]
    fn list(&self, into: &mut Vec<Dependency>);

    #[doc(hidden)]
    fn read(&self, evaluation: &Evaluation<'_>) -> Result<Self::Value, Stop>;
}

impl At {
    fn needed(self) -> Dependency {
        Dependency { stage: self.stage, serial: self.serial, needed: true }
    }
}

impl Dependencies for () {
    type Value = ();

    fn list(&self, _: &mut Vec<Dependency>) {}

    fn read(&self, _: &Evaluation<'_>) -> Result<(), Stop> {
        Ok(())
    }
}

impl<T: 'static> Dependencies for One<T> {
    type Value = Done<T>;

    fn list(&self, into: &mut Vec<Dependency>) {
        into.push(self.at.needed());
    }

    fn read(&self, evaluation: &Evaluation<'_>) -> Result<Done<T>, Stop> {
        only(evaluation, self.at, self.read)
    }
}

impl<M: 'static> Dependencies for Reduced<M> {
    type Value = Done<M>;

    fn list(&self, into: &mut Vec<Dependency>) {
        into.push(self.at.needed());
    }

    fn read(&self, evaluation: &Evaluation<'_>) -> Result<Done<M>, Stop> {
        only(evaluation, self.at, self.read)
    }
}

/// The one result of a stage, or of the top of its tree.
fn only<T>(evaluation: &Evaluation<'_>, at: At, read: Read<T>) -> Result<Done<T>, Stop> {
    let finished = evaluation.finished(at.stage)?;
    let nothing = || StepError::internal(format!("stage {} has no steps to reduce", finished.leaves));
    Ok(Done::of(finished.results.first().ok_or_else(nothing)?, read)?)
}

impl<T: 'static> Dependencies for Gathered<T> {
    type Value = Parts;

    fn list(&self, into: &mut Vec<Dependency>) {
        into.push(self.at.needed());
    }

    fn read(&self, evaluation: &Evaluation<'_>) -> Result<Parts, Stop> {
        let finished = evaluation.finished(self.at.stage)?;
        let files = if finished.level == 0 {
            let artifacts = finished.results.iter().flat_map(|result| &result.artifacts);
            artifacts.cloned().map(StepInput::Artifact).collect()
        } else {
            vec![StepInput::All { stage: finished.leaves, size: finished.width }]
        };
        Ok(Parts { files, count: finished.width })
    }
}

impl<T: 'static, M: 'static> Dependencies for Folded<T, M> {
    type Value = Merged<T, M>;

    fn list(&self, into: &mut Vec<Dependency>) {
        into.push(self.at.needed());
    }

    fn read(&self, evaluation: &Evaluation<'_>) -> Result<Merged<T, M>, Stop> {
        let finished = evaluation.finished(self.at.stage)?;
        Ok(if finished.level == 0 {
            Merged::Parts(Done::all(finished.results, self.read)?)
        } else {
            Merged::Merges(Done::all(finished.results, self.read_merge)?)
        })
    }
}

impl<D: Dependencies> Dependencies for Maybe<D> {
    type Value = Option<D::Value>;

    fn list(&self, into: &mut Vec<Dependency>) {
        let first = into.len();
        self.0.list(into);
        for dependency in &mut into[first..] {
            dependency.needed = false;
        }
    }

    fn read(&self, evaluation: &Evaluation<'_>) -> Result<Self::Value, Stop> {
        match self.0.read(evaluation) {
            Ok(value) => Ok(Some(value)),
            Err(Stop::Skipped) => Ok(None),
            Err(stop) => Err(stop),
        }
    }
}

macro_rules! tuple {
    ($($t:ident $n:tt),*) => {
        impl<$($t: Dependencies),*> Dependencies for ($($t,)*) {
            type Value = ($($t::Value,)*);

            fn list(&self, into: &mut Vec<Dependency>) {
                $(self.$n.list(into);)*
            }

            fn read(&self, evaluation: &Evaluation<'_>) -> Result<Self::Value, Stop> {
                // All are read before the first that stops is looked at: what is missing is asked for at once.
                let values = ($(self.$n.read(evaluation),)*);
                Ok(($(values.$n?,)*))
            }
        }
    };
}
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);

/// How a fragment ends: with one stage, or with the last that runs of several.
pub trait Ends: Copy {
    #[doc(hidden)]
    fn list(&self, into: &mut Vec<Dependency>);
}

impl<T> Ends for One<T> {
    fn list(&self, into: &mut Vec<Dependency>) {
        into.push(self.at.needed());
    }
}

impl<E: Ends> Ends for Maybe<E> {
    fn list(&self, into: &mut Vec<Dependency>) {
        self.0.list(into);
    }
}

impl<A: Ends, B: Ends> Ends for (A, B) {
    fn list(&self, into: &mut Vec<Dependency>) {
        self.0.list(into);
        self.1.list(into);
    }
}
