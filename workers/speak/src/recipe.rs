use medley_step::{
    StepError,
    graph::{Draft, Drafts, Fragment, Gathered, One, Scope},
};

use crate::{
    params::SpeakParams,
    step::{JoinStep, Joined, Part, Plan, PlanStep, SayStep},
};

/// Text to speech for the recipes that speak: plan, say ×N, join. What these stages do not do is `verify`, which needs
/// another kind: the recipe of the kind `speak` is the binary's.
#[derive(Debug)]
pub struct SpeakFragment;

/// The stages of [`SpeakFragment`], for a recipe that goes on from them.
#[derive(Debug, Clone, Copy)]
pub struct SpeakStages {
    pub plan: One<Plan>,
    /// The sound and the times of all parts.
    pub spoken: Gathered<()>,
    pub joined: One<Joined>,
}

impl Fragment for SpeakFragment {
    type Params = SpeakParams;
    type Ends = One<Joined>;

    fn graph(g: &mut Scope<'_, SpeakParams>) -> One<Joined> {
        Self::stages(g).joined
    }
}

impl SpeakFragment {
    /// Adds the stages to a graph.
    pub fn stages(g: &mut Scope<'_, SpeakParams>) -> SpeakStages {
        let plan =
            g.one("plan", (), |cx, ()| Ok(Draft::of(PlanStep { params: cx.params.clone() }).input(cx.input(0)?)));
        let spoken = g.scatter("say", plan, |_, plan| {
            let script = plan.file("script.jsonl")?;
            // The result of a step depends on the part's lines and the voices alone.
            let draft = |part: &Part| {
                let number = part.number.to_be_bytes();
                let draft = Draft::of(SayStep { part: part.clone() }).input(script.clone());
                draft.cached(&[b"speak-say-3", part.sha256.as_bytes(), plan.voices.as_bytes(), &number])
            };
            let drafts: Drafts<_> = plan.parts.iter().map(draft).collect();
            Ok::<_, StepError>(drafts.work(plan.characters as f64, "characters"))
        });
        let spoken = g.gather("merge", spoken);
        let joined = g.one("join", (plan, spoken), |cx, (plan, spoken)| {
            let join = JoinStep { params: cx.params.clone() };
            Ok(Draft::of(join).input(plan.output()).inputs(spoken.files()))
        });
        SpeakStages { plan, spoken, joined }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use medley_proto::{Artifact, Class, Input, Job, JobId, Name, Sha256, Source};
    use medley_step::{
        Registry,
        graph::Recipe,
        testing::{self, JobRun},
    };

    use super::*;
    use crate::step::{SpeakOutput, SpeakStep};

    struct Alone;

    impl Recipe for Alone {
        const KIND: &'static str = "speak";
        const ABOUT: &'static str = "";
    }

    impl Fragment for Alone {
        type Params = SpeakParams;
        type Ends = One<Joined>;

        fn graph(g: &mut Scope<'_, SpeakParams>) -> One<Joined> {
            SpeakFragment::graph(g)
        }
    }

    fn job() -> Job {
        let text = Source::Text("a long text".into());
        Job {
            v: 1,
            id: JobId::fresh(1, 1),
            tenant: Name::from_static("t"),
            kind: Name::from_static("speak"),
            inputs: vec![Input { name: "text".into(), source: text, sha256: None, bytes: None, media_type: None }],
            params: serde_json::json!({}),
            class: Class::Batch,
            created_ms: 0,
            deadline_ms: None,
            labels: BTreeMap::new(),
            idempotency_key: None,
        }
    }

    /// The names of the files that the join reads, with that of the plan's output left out.
    fn joined(parts: u32) -> Vec<String> {
        let registry = Registry::default().recipe::<Alone>();
        let recipe = registry.find_recipe(&Name::from_static("speak")).unwrap();
        let mut read = Vec::new();
        let run = JobRun::of(recipe, &job(), |step, results| {
            let (output, names) = match serde_json::from_value(step.params.clone()).unwrap() {
                SpeakStep::Plan(_) => {
                    let part = |number| Part { number, offset_bytes: 0, length_bytes: 1, sha256: Sha256::of(b"") };
                    let parts = (0..parts).map(part).collect();
                    let (warnings, voices) = (Vec::new(), String::new());
                    let plan = Plan { parts, characters: 1, unspoken_letters: 0, warnings, voices };
                    (SpeakOutput::Plan(plan), vec!["script.jsonl".into()])
                }
                SpeakStep::Say(SayStep { part }) => {
                    let name = format!("part-{:05}", part.number);
                    (SpeakOutput::Say { duration_s: 1.0 }, vec![format!("{name}.wav"), format!("{name}.json")])
                }
                SpeakStep::Join(_) => {
                    let inputs = step.inputs.iter().flat_map(|input| testing::artifacts_of(input, results));
                    read.extend(inputs.map(|artifact| artifact.name));
                    let quality = BTreeMap::new();
                    let joined = Joined { duration_s: 1.0, sentences: 1, words: 1, quality, read_back: None };
                    (SpeakOutput::Join(joined), vec!["speech.wav".into()])
                }
                other => panic!("{other:?}"),
            };
            let artifact =
                |name: String| Artifact { name, sha256: Sha256::of(b""), bytes: 0, media_type: "x/y".into() };
            let output = serde_json::to_value(output)?;
            Ok::<_, StepError>(testing::result(step.id.clone(), output, names.into_iter().map(artifact).collect()))
        });
        assert_eq!(run.unwrap().artifacts().len(), 1);
        read
    }

    /// Above 64 × 64 parts a text once ended well with a part of its sound.
    #[test]
    fn every_part_is_joined_once_and_in_order() {
        for parts in [1, 2, 64, 65, 4_096, 4_097] {
            let names = (0..parts).flat_map(|n| [format!("part-{n:05}.wav"), format!("part-{n:05}.json")]);
            assert_eq!(joined(parts), names.collect::<Vec<_>>(), "{parts} parts");
        }
    }

    #[test]
    fn steps_are_on_the_wire_as_they_were() {
        let read = |step| serde_json::from_value::<SpeakStep>(step).unwrap();
        let part = serde_json::json!({ "number": 1, "offset_bytes": 2, "length_bytes": 3, "sha256": Sha256::of(b"") });
        assert!(matches!(read(serde_json::json!({ "do": "say", "part": part, "parts": 70 })), SpeakStep::Say(_)));
        assert!(matches!(read(serde_json::json!({ "do": "merge", "groups": 2 })), SpeakStep::Merge { groups: 2 }));
        assert!(matches!(read(serde_json::json!({ "do": "plan", "params": {} })), SpeakStep::Plan(_)));
        assert!(matches!(read(serde_json::json!({ "do": "join", "params": {} })), SpeakStep::Join(_)));
        assert!(matches!(read(serde_json::json!({ "do": "verify" })), SpeakStep::Verify(_)));
        let verify = serde_json::to_value(SpeakStep::Verify(crate::step::VerifyStep {})).unwrap();
        assert_eq!(verify, serde_json::json!({ "do": "verify" }));
    }
}
