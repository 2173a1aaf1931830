//! How a recipe writes its stages down.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use medley_proto::{Input, Name, Source, StepInput, StepResult};
use serde::de::DeserializeOwned;

use super::{
    Graph,
    context::{Call, PlanContext, PlanInput},
    handle::{At, Dependencies, Done, Ends, Folded, Gathered, Many, Maybe, One, Read, Reduced},
    results::{Evaluation, Stop},
    stage::{Dependency, Merge, PlannedStage, Stage, Tree, Until},
    task::{Draft, Drafts, Task, Whole},
};
use crate::{StepError, Worker};

/// Reads the params and inputs of a scope: for the whole job its own, for a part what the outer recipe asks of it.
type Context<P> = Arc<dyn Fn(&Evaluation<'_>) -> Result<PlanContext<P>, Stop> + Send + Sync>;

/// The graph while it is written, as one fragment sees it.
pub struct Scope<'g, P> {
    graph: &'g mut Graph,
    /// Of the names of its stages.
    prefix: String,
    context: Context<P>,
    /// What the params and inputs wait for.
    outer: Vec<Dependency>,
    /// Whether the whole scope may be left out.
    conditional: bool,
    sized_names: bool,
}

impl<P> std::fmt::Debug for Scope<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").field("graph", &self.graph).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Graph {
    pub(super) fn empty(kind: Name) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self { kind, serial, stages: Vec::new(), ends: Vec::new(), faults: Vec::new() }
    }

    pub(super) fn set_ends(&mut self, ends: &impl Ends) {
        let mut list = Vec::new();
        ends.list(&mut list);
        if list.iter().any(|end| end.serial != self.serial) {
            self.faults.push("it ends with a stage of another graph".into());
        }
        self.ends = list.into_iter().map(|end| end.stage).collect();
    }

    fn push(&mut self, stage: Stage) -> At {
        if stage.after.iter().any(|before| before.serial != self.serial) {
            self.faults.push(format!("stage {} follows from a stage of another graph", stage.name));
        }
        self.stages.push(stage);
        At { stage: self.stages.len() - 1, serial: self.serial }
    }

    fn grow(&mut self, many: At, tree: Tree) {
        match self.stages.get_mut(many.stage) {
            Some(stage) if many.serial == self.serial => {
                if let Some(first) = stage.tree.replace(tree) {
                    self.faults.push(format!("stage {} is gathered twice ({})", stage.name, first.name));
                }
            }
            _ => self.faults.push(format!("{} gathers a stage of another graph", tree.name)),
        }
    }

    /// Whether all of these that are needed run in every job.
    fn all_always(&self, dependencies: &[Dependency]) -> bool {
        let always = |at: usize| self.stages.get(at).is_some_and(|stage| stage.always);
        dependencies.iter().all(|before| !before.needed || always(before.stage))
    }
}

impl<'g, P: DeserializeOwned + Send + Sync + 'static> Scope<'g, P> {
    /// The scope of a whole job.
    pub(super) fn root(graph: &'g mut Graph) -> Self {
        let kind = graph.kind.clone();
        let context = move |evaluation: &Evaluation<'_>| {
            let job = evaluation.job;
            let params = P::deserialize(&job.params).map_err(|error| crate::registry::params_invalid(&kind, &error))?;
            let input = |(n, input): (u32, &Input)| {
                let uri = if let Source::Uri(uri) = &input.source { Some(uri.clone()) } else { None };
                PlanInput { name: input.name.clone(), uri, from: StepInput::Job(n) }
            };
            Ok(PlanContext { params, inputs: (0..).zip(&job.inputs).map(input).collect() })
        };
        Scope {
            graph,
            prefix: String::new(),
            context: Arc::new(context),
            outer: Vec::new(),
            conditional: false,
            sized_names: false,
        }
    }
}

impl<P: Send + Sync + 'static> Scope<'_, P> {
    /// Wide stages of this scope carry the number of their steps in their names (`look-256`, `merge-1-4`).
    pub fn sized_names(&mut self) {
        self.sized_names = true;
    }

    /// A stage of one step.
    pub fn one<T: Task, D: Dependencies>(
        &mut self,
        name: &'static str,
        after: D,
        plan: impl Fn(&PlanContext<P>, D::Value) -> Result<Draft<T>, StepError> + Send + Sync + 'static,
    ) -> One<T::Answer> {
        let at = self.stage(name, after, None::<Always<P, D>>, one(plan), false);
        One { at, read: T::read, answers: PhantomData }
    }

    /// A stage of one step that runs only in some jobs.
    pub fn one_if<T: Task, D: Dependencies>(
        &mut self,
        name: &'static str,
        after: D,
        when: impl Fn(&PlanContext<P>, &D::Value) -> bool + Send + Sync + 'static,
        plan: impl Fn(&PlanContext<P>, D::Value) -> Result<Draft<T>, StepError> + Send + Sync + 'static,
    ) -> Maybe<One<T::Answer>> {
        let at = self.stage(name, after, Some(when), one(plan), false);
        Maybe(One { at, read: T::read, answers: PhantomData })
    }

    /// The only stage of a job that is one step, with the params and inputs of the job.
    pub fn whole<W: Worker<Params = P>>(&mut self) -> One<()>
    where
        P: Clone,
    {
        let whole = |cx: &PlanContext<P>, ()| Ok(Draft::of(Whole::<W>(cx.params.clone())).inputs(cx.inputs()));
        self.one(crate::WHOLE_JOB, (), whole)
    }

    /// A stage of as many steps as the closure returns. None at all is a width like any other: what follows runs.
    pub fn scatter<T: Task, D: Dependencies>(
        &mut self,
        name: &'static str,
        after: D,
        plan: impl Fn(&PlanContext<P>, D::Value) -> Result<Drafts<T>, StepError> + Send + Sync + 'static,
    ) -> Many<T::Answer> {
        let at = self.stage(name, after, None::<Always<P, D>>, plan, true);
        Many { at, read: T::read, answers: PhantomData }
    }

    /// As [`Scope::scatter`], in some jobs only.
    pub fn scatter_if<T: Task, D: Dependencies>(
        &mut self,
        name: &'static str,
        after: D,
        when: impl Fn(&PlanContext<P>, &D::Value) -> bool + Send + Sync + 'static,
        plan: impl Fn(&PlanContext<P>, D::Value) -> Result<Drafts<T>, StepError> + Send + Sync + 'static,
    ) -> Maybe<Many<T::Answer>> {
        let at = self.stage(name, after, Some(when), plan, true);
        Maybe(Many { at, read: T::read, answers: PhantomData })
    }

    /// Waits for all steps of a stage. Nothing is computed, and no file is copied or renamed.
    pub fn gather<T: 'static>(&mut self, name: &'static str, many: Many<T>) -> Gathered<T> {
        self.tree(name, many.at, Until::OneGroup, None);
        Gathered { at: many.at, answers: PhantomData }
    }

    /// Merges group by group until one group is left: `first` merges parts, `again` merges merges. Up to [`super::GROUP_MAX`]
    /// parts are not merged at all.
    pub fn fold<T: 'static, M: Task>(
        &mut self,
        name: &'static str,
        many: Many<T>,
        first: impl Fn(&PlanContext<P>, Vec<Done<T>>) -> Result<Draft<M>, StepError> + Send + Sync + 'static,
        again: impl Fn(&PlanContext<P>, Vec<Done<M::Answer>>) -> Result<Draft<M>, StepError> + Send + Sync + 'static,
    ) -> Folded<T, M::Answer> {
        let merge = self.merge(many.read, first, again);
        self.tree(name, many.at, Until::OneGroup, Some(merge));
        Folded { at: many.at, read: many.read, read_merge: M::read, answers: PhantomData }
    }

    /// Merges group by group until one result is left, at least once. There must be a part to merge.
    pub fn reduce<T: 'static, M: Task>(
        &mut self,
        name: &'static str,
        many: Many<T>,
        first: impl Fn(&PlanContext<P>, Vec<Done<T>>) -> Result<Draft<M>, StepError> + Send + Sync + 'static,
        again: impl Fn(&PlanContext<P>, Vec<Done<M::Answer>>) -> Result<Draft<M>, StepError> + Send + Sync + 'static,
    ) -> Reduced<M::Answer> {
        let merge = self.merge(many.read, first, again);
        self.tree(name, many.at, Until::OneResult, Some(merge));
        Reduced { at: many.at, read: M::read, answers: PhantomData }
    }

    /// Another fragment as a part of this one. Its stages are called `<name>-…`, or as they are when the name is empty.
    pub fn sub<F: super::Fragment, D: Dependencies>(
        &mut self,
        name: &'static str,
        after: D,
        call: impl Fn(&PlanContext<P>, D::Value) -> Result<Call<F::Params>, StepError> + Send + Sync + 'static,
    ) -> F::Ends {
        self.part::<F, D>(name, after, None::<Always<P, D>>, call)
    }

    /// As [`Scope::sub`], in some jobs only.
    pub fn sub_if<F: super::Fragment, D: Dependencies>(
        &mut self,
        name: &'static str,
        after: D,
        when: impl Fn(&PlanContext<P>, &D::Value) -> bool + Send + Sync + 'static,
        call: impl Fn(&PlanContext<P>, D::Value) -> Result<Call<F::Params>, StepError> + Send + Sync + 'static,
    ) -> Maybe<F::Ends> {
        Maybe(self.part::<F, D>(name, after, Some(when), call))
    }

    fn part<F: super::Fragment, D: Dependencies>(
        &mut self,
        name: &'static str,
        after: D,
        when: Option<impl Fn(&PlanContext<P>, &D::Value) -> bool + Send + Sync + 'static>,
        call: impl Fn(&PlanContext<P>, D::Value) -> Result<Call<F::Params>, StepError> + Send + Sync + 'static,
    ) -> F::Ends {
        let mut outer = self.outer.clone();
        after.list(&mut outer);
        let conditional = self.conditional || when.is_some();
        let context = self.context.clone();
        let context = move |evaluation: &Evaluation<'_>| {
            let (context, value) = ready(&context, after, when.as_ref(), evaluation)?;
            let Call { params, inputs } = call(&context, value)?;
            Ok(PlanContext { params, inputs })
        };
        let prefix = if name.is_empty() { self.prefix.clone() } else { format!("{}{name}-", self.prefix) };
        let context = Arc::new(context);
        F::graph(&mut Scope { graph: self.graph, prefix, context, outer, conditional, sized_names: false })
    }

    fn stage<T: Task, D: Dependencies>(
        &mut self,
        name: &'static str,
        after: D,
        when: Option<impl Fn(&PlanContext<P>, &D::Value) -> bool + Send + Sync + 'static>,
        plan: impl Fn(&PlanContext<P>, D::Value) -> Result<Drafts<T>, StepError> + Send + Sync + 'static,
        wide: bool,
    ) -> At {
        let mut dependencies = self.outer.clone();
        after.list(&mut dependencies);
        let conditional = self.conditional || when.is_some();
        let (context, when) = (self.context.clone(), when.map(Arc::new));
        let (gate_context, gate_when) = (context.clone(), when.clone());
        let gate = move |evaluation: &Evaluation<'_>| {
            ready(&gate_context, after, gate_when.as_deref(), evaluation).map(|_| ())
        };
        let plan = move |evaluation: &Evaluation<'_>| {
            let (context, value) = ready(&context, after, when.as_deref(), evaluation)?;
            let Drafts { steps, work } = plan(&context, value)?;
            let steps = steps.into_iter().map(Draft::erase).collect::<Result<_, StepError>>()?;
            Ok(PlannedStage { steps, work })
        };
        let always = !conditional && self.graph.all_always(&dependencies);
        self.graph.push(Stage {
            name: format!("{}{name}", self.prefix),
            kind: Name::from_static(T::Worker::KIND),
            after: dependencies,
            plan: Box::new(plan),
            gate: Box::new(gate),
            always,
            wide,
            sized: wide && self.sized_names,
            tree: None,
        })
    }

    fn merge<T: 'static, M: Task>(
        &self,
        read: Read<T>,
        first: impl Fn(&PlanContext<P>, Vec<Done<T>>) -> Result<Draft<M>, StepError> + Send + Sync + 'static,
        again: impl Fn(&PlanContext<P>, Vec<Done<M::Answer>>) -> Result<Draft<M>, StepError> + Send + Sync + 'static,
    ) -> Merge {
        let context = self.context.clone();
        Box::new(move |evaluation: &Evaluation<'_>, level: u32, results: Vec<&StepResult>| {
            let context = context(evaluation)?;
            let draft = match level {
                1 => first(&context, Done::all(results, read)?)?,
                _ => again(&context, Done::all(results, M::read)?)?,
            };
            Ok(draft.erase()?)
        })
    }

    fn tree(&mut self, name: &'static str, many: At, until: Until, merge: Option<Merge>) {
        let tree = Tree { name: format!("{}{name}", self.prefix), sized: self.sized_names, until, merge };
        self.graph.grow(many, tree);
    }
}

/// The condition of a stage that has none.
type Always<P, D> = fn(&PlanContext<P>, &<D as Dependencies>::Value) -> bool;

/// What a stage is planned from, when it runs.
fn ready<P, D: Dependencies>(
    context: &Context<P>,
    after: D,
    when: Option<&impl Fn(&PlanContext<P>, &D::Value) -> bool>,
    evaluation: &Evaluation<'_>,
) -> Result<(PlanContext<P>, D::Value), Stop> {
    let (context, value) = (context(evaluation), after.read(evaluation));
    let (context, value) = (context?, value?);
    match when {
        Some(when) if !when(&context, &value) => Err(Stop::Skipped),
        _ => Ok((context, value)),
    }
}

fn one<P, V, T>(
    plan: impl Fn(&PlanContext<P>, V) -> Result<Draft<T>, StepError>,
) -> impl Fn(&PlanContext<P>, V) -> Result<Drafts<T>, StepError> {
    move |context, value| plan(context, value).map(|draft| std::iter::once(draft).collect())
}
