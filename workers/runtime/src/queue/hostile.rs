//! Whatever bytes a queue holds, reading them ends with a step or with a reason, and a step that was read can be worked on
//! and published again: no number of it makes anything overflow.

use std::time::Duration;

use medley_proto::{Artifact, Class, Job, Lineage, ModelUse, Name, Sha256, StepId, StepInput, StepResult, VERSION};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::*;

const QUEUE: &str = "medley.control.interactive";

fn step() -> Step {
    Step {
        v: VERSION,
        tenant: Name::from_static("acme"),
        job: "01JD0000000000000000000000".parse().unwrap(),
        job_kind: Name::from_static("control"),
        id: StepId::new(Name::from_static("run"), 0, 0),
        kind: Name::from_static("control"),
        class: Class::Interactive,
        group_size: 1,
        stage_size: None,
        attempt: 1,
        params: json!({ "annotators": ["canny"], "text": "录音 \u{0}" }),
        inputs: vec![
            StepInput::Job(0),
            StepInput::Output(StepId::new(Name::from_static("plan"), 1, 2)),
            StepInput::Artifact(Artifact {
                name: "a.png".into(),
                sha256: Sha256::of(b"a"),
                bytes: 1,
                media_type: "image/png".into(),
            }),
        ],
        cache_key: Some(Sha256::of(b"key")),
        deadline_ms: Some(1_764_000_600_000),
        published_ms: 1_764_000_000_000,
        lineage: Lineage { models: std::collections::BTreeMap::default(), compute_ms: 5, steps: 1 },
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
    }
}

fn reads(step: &Step) -> bool {
    decode(QUEUE, &serde_json::to_vec(step).unwrap()).is_ok()
}

/// What the runtime does with the numbers of a step that it has read.
fn work_on(step: &Step) {
    let mut lineage = step.lineage.clone();
    for _ in 0..3 {
        lineage.absorb(&step.lineage);
        lineage.absorb(&Lineage { models: lineage.models.clone(), compute_ms: u64::MAX, steps: 1 });
    }
    crate::engine::groups::last_step(&medley_step::graph::Group::of(step));
    let settings = crate::WorkerSettings::default();
    crate::engine::backoff::jittered(crate::engine::backoff::backoff(&settings, step.attempt));
    let keys = crate::layout::keys::JobKeys::of_step(step);
    keys.attempt(&step.id, step.attempt);
    keys.dead_letter(&step.id);
    keys.index(step.published_ms);
    let later = Step { attempt: step.attempt.saturating_add(1), ..step.clone() };
    if let Ok(body) = encode(&later) {
        assert!(decode(&format!("medley.{}.batch", step.kind), &body).is_ok(), "what was read can be read again");
    }
    super::amqp::can_be_sent(step).ok();
}

/// Numbers at which something could overflow, and others.
fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(u64::MAX)),
        Just(json!(u64::from(u32::MAX))),
        Just(json!(i64::MIN)),
        Just(json!(0)),
        Just(json!(-1)),
        Just(json!(1e300)),
        any::<u64>().prop_map(|number| json!(number)),
        any::<u32>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
    ]
}

/// The places of a document, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, below)| places(below, &format!("{at}/{name}"), found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, below)| places(below, &format!("{at}/{n}"), found))
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_step_or_unreadable(bytes in vec(any::<u8>(), 0..300)) {
        if let Ok(step) = decode(QUEUE, &bytes) {
            work_on(&step);
        }
    }

    #[test]
    fn a_message_with_other_bytes_is_a_step_or_unreadable(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut body = serde_json::to_vec(&step()).unwrap();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        if let Ok(step) = decode(QUEUE, &body) {
            work_on(&step);
        }
    }

    #[test]
    fn no_number_of_a_message_overflows(changes in vec((any::<prop::sample::Index>(), number()), 1..4)) {
        let mut document = serde_json::to_value(step()).unwrap();
        for (at, number) in changes {
            let mut found = Vec::new();
            places(&document, "", &mut found);
            if let Some(place) = document.pointer_mut(&found[at.index(found.len())]) {
                *place = number;
            }
        }
        if let Ok(step) = decode(QUEUE, &serde_json::to_vec(&document).unwrap()) {
            work_on(&step);
        }
    }

    /// The records of a store are read by the same types.
    #[test]
    fn any_numbers_of_results_add_up(sums in vec((any::<u64>(), any::<u64>()), 0..70)) {
        let results: Vec<_> = sums.iter().map(|&(compute_ms, steps)| StepResult {
            v: VERSION,
            id: step().id,
            output: Value::Null,
            artifacts: Vec::new(),
            quality: serde_json::Map::new(),
            lineage: Lineage { models: std::collections::BTreeMap::<String, ModelUse>::new(), compute_ms, steps },
        }).collect();
        let lineage = crate::engine::groups::lineage_of(&results);
        let sum = sums.iter().fold(0_u64, |sum, (ms, _)| sum.saturating_add(*ms));
        prop_assert_eq!(lineage.compute_ms, sum);
    }
}

#[test]
fn what_no_recipe_gives_is_unreadable() {
    assert!(reads(&step()));
    let with = |change: fn(&mut Step)| {
        let mut step = step();
        change(&mut step);
        step
    };
    let odd: [fn(&mut Step); 6] = [
        |step| step.v = Step::MAX_VERSION + 1,
        |step| step.attempt = 0,
        |step| step.group_size = 0,
        |step| step.group_size = u32::MAX,
        |step| step.id.n = 1,
        |step| step.kind = Name::from_static("speak"),
    ];
    for (n, change) in odd.into_iter().enumerate() {
        assert!(!reads(&with(change)), "change {n} was read");
    }
    let harmless: [fn(&mut Step); 5] = [
        |step| step.class = Class::Batch,
        |step| step.attempt = u32::MAX,
        |step| step.id.group = u32::MAX,
        |step| (step.deadline_ms, step.published_ms) = (Some(u64::MAX), u64::MAX),
        |step| (step.lineage.compute_ms, step.lineage.steps) = (u64::MAX, u64::MAX),
    ];
    for change in harmless {
        let step = with(change);
        assert!(reads(&step), "{step:?}");
        work_on(&step);
    }
    let mut large = serde_json::to_vec(&step()).unwrap();
    large.resize(MAX_MESSAGE_BYTES + 1, b' ');
    assert!(decode(QUEUE, &large).is_err(), "larger than any message");
    assert!(decode(DEAD, &serde_json::to_vec(&step()).unwrap()).is_ok(), "dead letters are of all kinds");
    assert!(decode("medley.con.interactive", &serde_json::to_vec(&step()).unwrap()).is_err());
}

#[test]
fn deep_documents_and_long_waits_are_no_trouble() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(decode(QUEUE, deep.as_bytes()).is_err());
    assert!(serde_json::from_slice::<Job>(deep.as_bytes()).is_err());
    crate::engine::backoff::jittered(Duration::MAX.min(crate::engine::backoff::MAX_PAUSE));
}
