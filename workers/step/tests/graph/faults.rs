//! What a recipe must not write down is refused when the registry is built.

use std::cell::Cell;

use medley_step::{
    Registry,
    graph::{Draft, Drafts, Fragment, Graph, Maybe, One, Recipe, Scope},
};

use crate::kinds::{Nothing, Part, Plan, Planned, ToyParams, end, kind};

fn faults<R: Recipe>() -> String {
    let faults = Graph::of::<R>().expect_err("a graph that cannot be used");
    assert_eq!(faults.kind.as_str(), R::KIND);
    faults.faults.join("; ")
}

fn two(g: &mut Scope<'_, ToyParams>, name: &'static str, after: One<Planned>) -> medley_step::graph::Many<Nothing> {
    g.scatter(name, after, |_, _| Ok((0..2).map(|_| Draft::of(Part {})).collect::<Drafts<Part>>()))
}

kind!(TwoOfOneName, "two-of-one-name", One<Nothing>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    g.one("plan", plan, |_, _| Ok(end("end")))
});

kind!(TwoTreesOfOneName, "two-trees-of-one-name", One<Nothing>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    let first = two(g, "first", plan);
    let first = g.gather("merge", first);
    let second = g.scatter("second", (plan, first), |_, _| Ok(std::iter::once(Draft::of(Part {})).collect()));
    let second = g.gather("merge", second);
    g.one("end", second, |_, _| Ok(end("end")))
});

kind!(LikeALevel, "like-a-level", One<Nothing>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    let part = two(g, "part", plan);
    let all = g.gather("merge", part);
    g.one("merge-1", all, |_, _| Ok(end("end")))
});

kind!(NoName, "no-name", One<Nothing>, |g| { g.one("The end", (), |_, ()| Ok(end("end"))) });

kind!(LongName, "long-name", One<Nothing>, |g| {
    g.one("a-name-that-is-a-name-but-leaves-no-room-for-a-size", (), |_, ()| Ok(end("end")))
});

kind!(NeverGathered, "never-gathered", One<Nothing>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    let _never = two(g, "part", plan);
    g.one("end", plan, |_, _| Ok(end("end")))
});

kind!(GatheredTwice, "gathered-twice", One<Nothing>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    let part = two(g, "part", plan);
    let (first, _second) = (g.gather("merge", part), g.gather("again", part));
    g.one("end", first, |_, _| Ok(end("end")))
});

kind!(Dead, "dead", One<Nothing>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    let _dead = g.one("dead", plan, |_, _| Ok(end("dead")));
    g.one("end", plan, |_, _| Ok(end("end")))
});

kind!(SideBySide, "side-by-side", One<Nothing>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    let left = g.one("left", plan, |_, _| Ok(end("left")));
    let right = g.one("right", plan, |_, _| Ok(end("right")));
    g.one("end", (left, right), |_, _| Ok(end("end")))
});

kind!(MayHaveNoEnd, "may-have-no-end", Maybe<One<Nothing>>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    g.one_if("end", plan, |cx, _| cx.params.more, |_, _| Ok(end("end")))
});

thread_local! {
    static SMUGGLED: Cell<Option<One<Planned>>> = const { Cell::new(None) };
}

kind!(OfAnotherGraph, "of-another-graph", One<Nothing>, |g| {
    let plan = g.one("plan", (), |_, ()| Ok(Draft::of(Plan {})));
    let plan = SMUGGLED.with(|smuggled| smuggled.replace(Some(plan))).unwrap_or(plan);
    g.one("end", plan, |_, _| Ok(end("end")))
});

#[test]
fn each_fault_is_named() {
    let stages = "stages plan and plan have steps of the same name 'plan'";
    assert_eq!(faults::<TwoOfOneName>(), stages);
    assert_eq!(faults::<TwoTreesOfOneName>(), "stages first and second have steps of the same name 'merge'");
    assert_eq!(faults::<LikeALevel>(), "'merge-1' ends with a number, as only levels and sizes do");
    assert_eq!(faults::<NoName>(), "'The end' is no name for a stage");
    assert!(faults::<LongName>().ends_with("is no name for a stage"));
    assert!(faults::<NeverGathered>().contains("stage part is scattered and never gathered"));
    assert_eq!(faults::<GatheredTwice>(), "stage part is gathered twice (merge)");
    assert!(faults::<Dead>().contains("stage dead is dead"), "{}", faults::<Dead>());
    assert_eq!(faults::<SideBySide>(), "stage right runs beside left: let it follow from left, or from Maybe of it");
    assert_eq!(faults::<MayHaveNoEnd>(), "no end of it runs in every job");
    Graph::of::<OfAnotherGraph>().unwrap();
    assert_eq!(faults::<OfAnotherGraph>(), "stage end follows from a stage of another graph");
}

#[test]
#[should_panic(expected = "the graph of kind 'dead' cannot be used: stage ")]
fn a_registry_takes_no_such_graph() {
    let _ = Registry::default().recipe::<Dead>();
}
