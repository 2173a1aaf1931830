//! Kinds of every shape. Their worker is played by the simulation.

use medley_step::{
    BuildContext, BuildError, StepContext, StepError, Worker,
    graph::{Call, Done, Draft, Drafts, Fragment, Graph, Maybe, Merged, One, PlanContext, Recipe, Scope},
    tasks,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum ToyStep {
    Plan(Plan),
    Part(Part),
    Merge(Merge),
    End(End),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Plan {}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Part {}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Merge {}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct End {
    pub(crate) name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "done", rename_all = "snake_case")]
pub(crate) enum ToyOutput {
    Plan(Planned),
    Part(Nothing),
    End(Nothing),
}

/// How many parts there are; known only once the first step has run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Planned {
    pub(crate) parts: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Nothing {}

pub(crate) struct Toy;

impl Worker for Toy {
    const KIND: &'static str = "toy";
    type Config = ();
    type Params = ToyStep;
    type Output = ToyOutput;

    fn build(_: (), _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn run(&self, _: ToyStep, _: &StepContext<'_>) -> Result<ToyOutput, StepError> {
        Err(StepError::internal("the simulation answers for it"))
    }
}

tasks!(Toy: ToyStep => ToyOutput {
    Plan(Plan) => Planned,
    Part(Part) => Nothing,
    Merge(Merge) => Nothing as Part,
    End(End) => Nothing,
});

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ToyParams {
    /// Runs the stages that run in some jobs only.
    pub(crate) more: bool,
}

fn parts(planned: &Done<Planned>) -> Drafts<Part> {
    (0..planned.parts).map(|_| Draft::of(Part {})).collect()
}

pub(crate) fn end(name: &str) -> Draft<End> {
    Draft::of(End { name: name.into() })
}

type Context = PlanContext<ToyParams>;
type Planning<T> = Result<Draft<T>, StepError>;

fn first(_: &Context, group: Vec<Done<Nothing>>) -> Planning<Merge> {
    Ok(Draft::of(Merge {}).inputs(group.iter().map(Done::output)))
}

fn again(_: &Context, group: Vec<Done<Nothing>>) -> Planning<Merge> {
    Ok(Draft::of(Merge {}).inputs(group.iter().flat_map(Done::files)))
}

macro_rules! kind {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $ends:ty, |$g:ident| $graph:block) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Recipe for $name {
            const KIND: &'static str = $kind;
            const ABOUT: &'static str = "A shape";
        }

        impl Fragment for $name {
            type Params = ToyParams;
            type Ends = $ends;

            fn graph($g: &mut Scope<'_, ToyParams>) -> $ends $graph
        }
    };
}
pub(crate) use kind;

kind!(
    /// Nothing is computed on the way.
    Gathers, "gathers", One<Nothing>, |g| {
        let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
        let part = g.scatter("part", plan, |_, plan| Ok(parts(&plan).work(1.0, "parts")));
        let all = g.gather("merge", part);
        g.one("end", (plan, all), |_, (plan, all)| {
            if all.count() != plan.parts {
                return Err(StepError::internal("another count"));
            }
            Ok(end("end").inputs(all.files()))
        })
    }
);

kind!(Folds, "folds", One<Nothing>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    let part = g.scatter("part", plan, |_, plan| Ok(parts(&plan)));
    let all = g.fold("merge", part, first, again);
    g.one("end", all, |_, all| {
        Ok(match &all {
            Merged::Parts(parts) => end("end").inputs(parts.iter().map(Done::output)),
            Merged::Merges(merges) => end("end").inputs(merges.iter().flat_map(Done::files)),
        })
    })
});

kind!(Reduces, "reduces", One<Nothing>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    let part = g.scatter("part", plan, |_, plan| Ok(parts(&plan)));
    let all = g.reduce("merge", part, first, again);
    g.one("end", all, |_, all| Ok(end("end").inputs(all.files())))
});

kind!(ReducesSized, "reduces-sized", One<Nothing>, |g| {
    g.sized_names();
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    let part = g.scatter("part", plan, |_, plan| Ok(parts(&plan)));
    let all = g.reduce("merge", part, first, again);
    g.one("end", all, |_, all| Ok(end("end").inputs(all.files())))
});

kind!(
    /// A part before, one after, of which one runs in some jobs only, and an end that does.
    Nests, "nests", (Maybe<One<Nothing>>, One<Nothing>), |g| {
        let before = g.sub_if::<Folds, _>("before", (), |cx, ()| cx.params.more, |cx, ()| Ok(cx.same()));
        let inner = g.sub::<Gathers, _>("", before, |cx, _| Ok(cx.same()));
        let part = g.scatter_if("again", (before, inner), |cx, _| cx.params.more, |_, (before, _)| {
            // Read once more, from a stage that may be left out.
            Ok(before.iter().map(|_| Draft::of(Part {})).collect())
        });
        let again = g.gather("again-merge", part.needed());
        let last = g.one("last", (inner, again), |_, (inner, again)| Ok(end("last").inputs(inner.files()).inputs(again.files())));
        (Maybe(last), inner)
    }
);

kind!(
    /// The width of a stage comes from params that an earlier result gives.
    Asks, "asks", One<Nothing>, |g| {
        let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
        let inner = g.sub::<Reduces, _>("inner", plan, |cx, plan| {
            Ok(Call { params: ToyParams { more: plan.parts > 1 }, inputs: vec![cx.given(0)?.clone()] })
        });
        g.one("last", inner, |_, inner| Ok(end("last").inputs(inner.files())))
    }
);

/// All of them.
pub(crate) fn graphs() -> Vec<Graph> {
    vec![
        Graph::of::<Gathers>().unwrap(),
        Graph::of::<Folds>().unwrap(),
        Graph::of::<Reduces>().unwrap(),
        Graph::of::<ReducesSized>().unwrap(),
        Graph::of::<Nests>().unwrap(),
        Graph::of::<Asks>().unwrap(),
    ]
}
