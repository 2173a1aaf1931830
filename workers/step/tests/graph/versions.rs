//! Jobs that version 1 began, by a recipe that gathers by steps and on one level, end well when a graph takes over.

use medley_proto::StepInput;
use medley_step::{
    Planned, StepDraft,
    graph::{GROUP_MAX, Graph, Group, Known, Next},
    testing,
};
use proptest::prelude::*;
use serde_json::json;

use crate::{
    kinds::{End, Gathers, Merge, Part, Plan, Toy, ToyOutput, ToyStep},
    simulation::{Conditions, Simulation},
};

fn draft(stage: &'static str, n: u32, total: u32, step: &ToyStep, inputs: Vec<StepInput>) -> StepDraft {
    StepDraft { inputs, ..testing::draft::<Toy>(stage, n, total, step) }
}

/// What the recipe of version 1 planned, in the form that speak, transcribe and portrait had. Recipes found the width in
/// the answers that it was carried on in.
fn version_1(width: u32, done: &Group, known: &Known) -> Next {
    let results: Vec<_> = done.steps().map(|id| known[&id].clone().unwrap()).collect();
    let files = || results.iter().flat_map(|result| &result.artifacts).cloned().map(StepInput::Artifact).collect();
    let groups = width.div_ceil(GROUP_MAX);
    let steps = match done.stage.as_str() {
        "plan" => {
            let ToyOutput::Plan(plan) = serde_json::from_value(results[0].output.clone()).unwrap() else {
                panic!("a plan answers with a plan")
            };
            let part = |n| draft("part", n, plan.parts, &ToyStep::Part(Part {}), Vec::new());
            (0..plan.parts).map(part).collect()
        }
        "part" if groups > 1 => vec![draft("merge-1", done.group, groups, &ToyStep::Merge(Merge {}), files())],
        "part" | "merge-1" => vec![draft("end", 0, 1, &ToyStep::End(End { name: "end".into() }), files())],
        _ => return Next::Last,
    };
    Next::Publish(Planned { steps, work: None })
}

/// Begins a job as version 1 did and stops after so many deliveries.
fn begun(width: u32, deliveries: u64, conditions: Conditions) -> Simulation {
    let mut simulation = Simulation::new("gathers", json!({}), Conditions { version_1: true, width, ..conditions });
    simulation.publish(vec![draft("plan", 0, 1, &ToyStep::Plan(Plan {}), Vec::new())]);
    simulation.deliver(&|_, group, known| version_1(width, group, known), deliveries);
    simulation
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_job_changes_hands_at_any_moment(
        width in prop_oneof![1_u32..5, 62_u32..67, 120_u32..140, Just(700_u32), Just(4_096_u32)],
        seed in any::<u64>(), kills in 0_usize..100, part in 0_u64..1_100,
    ) {
        let conditions = Conditions { width, seed, kills, version_1: false };
        let mut simulation = begun(width, u64::from(width + 10) * part / 1_000, conditions);
        let graph = Graph::of::<Gathers>().unwrap();
        simulation.go_on(&graph, u64::MAX);
        simulation.assert_whole();
        let new = Simulation::run(&graph, json!({}), Conditions { width, ..Conditions::default() });
        prop_assert_eq!(simulation.ids(), new.ids());
        prop_assert_eq!(simulation.end.map(|end| end.0), new.end.map(|end| end.0));
    }
}

/// The fault that the graph was made for, so that it is known to be seen: above 64 groups two steps have one id.
#[test]
#[should_panic(expected = "end/0/0 of gathers, 4097 parts")]
fn one_level_loses_parts_above_4096() {
    begun(4_097, u64::MAX, Conditions { seed: 7, ..Conditions::default() }).assert_whole();
}
