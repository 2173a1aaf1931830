//! One property for every shape of graph: each part reaches the gather exactly once and in order, at any width.

use std::collections::BTreeMap;

use medley_step::graph::{Graph, Group, Known};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    kinds::{self, Gathers, Nests, Reduces, ReducesSized, graphs},
    simulation::{Conditions, Simulation},
};

/// Params and the graphs that look at them.
fn each(mut run: impl FnMut(&Graph, Value)) {
    for graph in graphs() {
        run(&graph, json!({ "more": true }));
        if graph.kind().as_str() == "nests" {
            run(&graph, json!({ "more": false }));
        }
    }
}

fn whole(graph: &Graph, params: Value, conditions: Conditions) -> Simulation {
    let simulation = Simulation::run(graph, params, conditions);
    simulation.assert_whole();
    assert!(simulation.max_inputs <= 65, "{} gives {} inputs to a step", graph.kind(), simulation.max_inputs);
    simulation
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn each_part_once(
        width in prop_oneof![4 => 1_u32..130, 2 => 130_u32..1_000, 1 => 4_090_u32..4_102],
        seed in any::<u64>(), kills in 0_usize..60, version_1 in any::<bool>(),
    ) {
        each(|graph, params| {
            let conditions = Conditions { width, seed, kills, version_1 };
            let calm = Simulation::run(graph, params.clone(), Conditions { width, ..Conditions::default() });
            let wild = whole(graph, params, conditions);
            assert_eq!(calm.ids(), wild.ids(), "other steps of {}", graph.kind());
            assert_eq!(calm.end.unwrap().0, wild.end.unwrap().0);
        });
    }
}

#[test]
fn at_every_edge() {
    for width in [1, 2, 63, 64, 65, 127, 128, 129, 4_095, 4_096, 4_097] {
        let conditions = Conditions { width, seed: width.into(), kills: 50, version_1: width % 2 == 0 };
        each(|graph, params| drop(whole(graph, params, conditions)));
    }
}

#[test]
fn up_to_64_cubed() {
    for width in [64_u32.pow(3) - 1, 64_u32.pow(3), 64_u32.pow(3) + 1] {
        let conditions = Conditions { width, seed: 3, kills: 1, version_1: false };
        whole(&Graph::of::<Gathers>().unwrap(), json!({}), conditions);
        whole(&Graph::of::<ReducesSized>().unwrap(), json!({}), conditions);
    }
}

#[test]
fn no_part_is_a_width_too() {
    for graph in [Graph::of::<Gathers>().unwrap(), Graph::of::<kinds::Folds>().unwrap()] {
        whole(&graph, json!({}), Conditions::default()).assert_whole();
    }
    // A reduction of nothing has no result: the recipe must see to it that there is a part.
    let graph = Graph::of::<Reduces>().unwrap();
    let mut simulation = Simulation::new("reduces", json!({}), Conditions::default());
    simulation.publish(graph.start(&simulation.job).unwrap().steps);
    let failed = std::cell::Cell::new(false);
    simulation.deliver(
        &|job, group, known| {
            graph.next(job, group, known).unwrap_or_else(|error| {
                assert!(error.to_string().contains("no steps to reduce"), "{error}");
                failed.set(true);
                medley_step::graph::Next::Last
            })
        },
        u64::MAX,
    );
    assert!(failed.get());
}

/// How many steps of each stage a job has.
fn stages(simulation: &Simulation) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for id in simulation.ids() {
        *counts.entry(id.stage.to_string()).or_default() += 1;
    }
    counts
}

#[test]
fn steps_are_called_as_they_always_were() {
    let of = |graph: &Graph, params, width| {
        let counts = stages(&Simulation::run(graph, params, Conditions { width, ..Conditions::default() }));
        counts.into_iter().map(|(stage, steps)| format!("{stage} {steps}")).collect::<Vec<_>>().join(", ")
    };
    let gathers = Graph::of::<Gathers>().unwrap();
    assert_eq!(of(&gathers, json!({}), 64), "end 1, part 64, plan 1");
    assert_eq!(of(&gathers, json!({}), 65), "end 1, merge-1 2, part 65, plan 1");
    assert_eq!(of(&gathers, json!({}), 4_097), "end 1, merge-1 65, merge-2 2, part 4097, plan 1");
    let sized = Graph::of::<ReducesSized>().unwrap();
    assert_eq!(of(&sized, json!({}), 1), "end 1, merge-1-1 1, part-1 1, plan 1");
    assert_eq!(of(&sized, json!({}), 256), "end 1, merge-1-4 4, merge-2-1 1, part-256 256, plan 1");
    let nests = Graph::of::<Nests>().unwrap();
    assert_eq!(of(&nests, json!({}), 2), "end 1, part 2, plan 1");
    assert_eq!(
        of(&nests, json!({ "more": true }), 2),
        "again 1, before-end 1, before-part 2, before-plan 1, end 1, last 1, part 2, plan 1"
    );
}

#[test]
fn what_no_job_can_have_is_an_error() {
    for graph in graphs() {
        let job = crate::simulation::job(graph.kind().as_str(), json!({}));
        for stage in ["nonsense", "merge-0", "merge-01", "merge-x", "merge", "part-", "0", "end-1", "merge-1-2-3"] {
            let group = Group { stage: stage.parse().unwrap(), group: 0, size: 1, stage_size: Some(1) };
            let error = graph.next(&job, &group, &Known::new()).unwrap_err();
            assert!(error.to_string().contains("has no stage"), "{} {stage}: {error}", graph.kind());
        }
    }
    let graph = Graph::of::<Gathers>().unwrap();
    let job = crate::simulation::job("gathers", json!({}));
    for (group, size) in [(0, 63), (1, 2), (2, 64), (0, 65), (7, 0)] {
        let group = Group { stage: "part".parse().unwrap(), group, size, stage_size: Some(65) };
        let error = graph.next(&job, &group, &Known::new()).unwrap_err();
        assert!(error.to_string().contains("cannot be"), "{error}");
    }
}

#[test]
fn work_is_told_for_the_time_left() {
    let graph = Graph::of::<Gathers>().unwrap();
    let mut simulation = Simulation::new("gathers", json!({}), Conditions { width: 3, ..Conditions::default() });
    simulation.publish(graph.start(&simulation.job).unwrap().steps);
    let told = std::cell::RefCell::new(Vec::new());
    simulation.deliver(
        &|job, group, known| {
            let next = graph.next(job, group, known).unwrap();
            if let medley_step::graph::Next::Publish(planned) = &next {
                told.borrow_mut().push(planned.work);
            }
            next
        },
        u64::MAX,
    );
    assert_eq!(*told.borrow(), [Some((1.0, "parts")), None]);
}
