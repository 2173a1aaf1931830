//! Jobs that a recipe without a graph began, one that gathers by steps on one level, end well when a graph takes over.

use medley_proto::StepInput;
use medley_step::{
    GroupDone, JobView, Planned, Recipe, Registry, StepDraft, StepError,
    graph::{Graph, Next},
};
use proptest::prelude::*;
use serde_json::json;

use crate::{
    kinds::{End, Gathers, Merge, Part, Plan, Toy, ToyOutput, ToyParams, ToyStep},
    simulation::{Conditions, Simulation, job},
};

/// As speak's recipe was before it was a graph.
struct Version1;

impl Recipe for Version1 {
    const KIND: &'static str = "gathers";
    type Params = ToyParams;
    const ABOUT: &'static str = "Gathers on one level";

    fn start(_: &JobView<'_, ToyParams>) -> Result<Planned, StepError> {
        Ok(Planned::one(StepDraft::only::<Toy>("plan", &ToyStep::Plan(Plan {}))?))
    }

    fn next(job: &JobView<'_, ToyParams>, done: &GroupDone) -> Result<Planned, StepError> {
        let files = done.results.iter().flat_map(|result| &result.artifacts).cloned().map(StepInput::Artifact);
        // The sample's width stands in the job's labels: the recipes of version 1 found it in the answers.
        let width: u32 = job.job.labels["width"].parse().map_err(|_| StepError::internal("no width"))?;
        let groups = width.div_ceil(GroupDone::MAX);
        Ok(match done.stage.as_str() {
            "plan" => {
                let ToyOutput::Plan(plan) = done.output(0)? else { return Err(StepError::internal("no plan")) };
                let part = |n| StepDraft::nth::<Toy>("part", n, plan.parts, &ToyStep::Part(Part {}));
                Planned::many((0..plan.parts).map(part).collect::<Result<_, _>>()?)
            }
            "part" if groups > 1 => {
                let merge = StepDraft::nth::<Toy>("merge-1", done.group, groups, &ToyStep::Merge(Merge {}))?;
                Planned::one(merge.inputs(files))
            }
            "part" | "merge-1" => {
                let end = ToyStep::End(End { name: "end".into() });
                Planned::one(StepDraft::only::<Toy>("end", &end)?.inputs(files))
            }
            _ => Planned::last(),
        })
    }
}

/// Begins a job by the recipe of version 1 and hands it over after so many deliveries.
fn begun(width: u32, deliveries: u64, conditions: Conditions) -> Simulation {
    let registry = Registry::default().recipe::<Version1>();
    let kind = "gathers".parse().unwrap();
    let recipe = registry.find_recipe(&kind).unwrap();
    assert!(recipe.graph().is_none());
    let mut simulation = Simulation::new("gathers", json!({}), Conditions { version_1: true, width, ..conditions });
    simulation.job.labels.insert("width".into(), width.to_string());
    simulation.publish(recipe.start(&simulation.job).unwrap().steps);
    simulation.deliver(&|job, group, known| recipe.next_of(job, group, known).unwrap(), deliveries);
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

#[test]
fn a_recipe_without_a_graph_asks_for_what_it_reads() {
    let registry = Registry::default().recipe::<Version1>();
    let kind = "gathers".parse().unwrap();
    let group = medley_step::graph::Group { stage: "plan".parse().unwrap(), group: 0, size: 1, stage_size: None };
    let next = registry.find_recipe(&kind).unwrap().next_of(&job("gathers", json!({})), &group, &Default::default());
    assert!(matches!(next.unwrap(), Next::Read(ids) if ids == [group.step(0)]));
}
