//! What other machines and other versions rely on: the schemas are what the types say, and documents that earlier
//! versions wrote are still read. `MEDLEY_REGENERATE=1` rewrites the schemas, and the goldens of this version.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{collections::BTreeMap, env, fs, path::Path};

use medley_proto::*;
use schemars::{JsonSchema, schema_for};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

fn regenerates() -> bool {
    #[expect(clippy::disallowed_methods, reason = "only these tests read it")]
    let asked = env::var_os("MEDLEY_REGENERATE").is_some();
    asked
}

fn schema_is_current<T: JsonSchema>(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(&schema_for!(T)).unwrap() + "\n";
    if regenerates() {
        fs::write(&path, &text).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, text, "{} is stale: run the proto tests with MEDLEY_REGENERATE=1", path.display());
}

/// The stored document reads as this version's type, means the same when written again, and satisfies the schema.
fn golden_holds<T: Serialize + DeserializeOwned + JsonSchema + PartialEq + std::fmt::Debug>(
    version: u16,
    name: &str,
    sample: &T,
) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("goldens/v{version}/{name}.json"));
    if regenerates() {
        fs::write(&path, serde_json::to_string_pretty(sample).unwrap() + "\n").unwrap();
    }
    let stored: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(T::deserialize(&stored).unwrap(), *sample, "{name} of version {version} reads as something else");
    assert_eq!(
        serde_json::to_value(sample).unwrap(),
        stored,
        "{name} is written differently than by version {version}"
    );
    let schema = serde_json::to_value(schema_for!(T)).unwrap();
    if let Err(error) = jsonschema::validate(&schema, &stored) {
        panic!("golden {name} does not satisfy its own schema: {error}");
    }
}

fn job() -> Job {
    Job {
        v: 1,
        id: "01JD0000000000000000000000".parse().unwrap(),
        tenant: Name::from_static("acme"),
        kind: Name::from_static("podcast"),
        inputs: vec![
            Input {
                name: "episode.mp3".into(),
                source: Source::Uri("file:///srv/episode.mp3".into()),
                sha256: Some(Sha256::of(b"episode")),
                bytes: Some(7),
                media_type: Some("audio/mpeg".into()),
            },
            Input {
                name: "text".into(),
                source: Source::Text("你好".into()),
                sha256: None,
                bytes: None,
                media_type: None,
            },
            Input {
                name: "a.wav".into(),
                source: Source::Stored("inputs/a.wav".into()),
                sha256: None,
                bytes: None,
                media_type: None,
            },
        ],
        params: json!({"language": "zh"}),
        class: Class::Batch,
        created_ms: 1_764_000_000_000,
        deadline_ms: Some(1_764_000_600_000),
        labels: BTreeMap::from([("show".into(), "news".into())]),
        idempotency_key: Some("k-1".into()),
    }
}

fn artifact() -> Artifact {
    Artifact {
        name: "transcript.json".into(),
        sha256: Sha256::of(b"{}"),
        bytes: 2,
        media_type: "application/json".into(),
    }
}

fn lineage() -> Lineage {
    let model = ModelUse {
        name: "whisper-base".into(),
        version: "1.0.0".into(),
        files: BTreeMap::from([("ggml-q8_0.bin".into(), Sha256::of(b"weights"))]),
        licence_code: "MIT".into(),
        licence_weights: "MIT".into(),
        licence_data: "not published".into(),
        commercial: Commercial::Yes,
    };
    Lineage { models: BTreeMap::from([(model.name.clone(), model)]), compute_ms: 1200, steps: 3 }
}

fn step() -> Step {
    Step {
        v: 1,
        tenant: Name::from_static("acme"),
        job: job().id,
        job_kind: Name::from_static("podcast"),
        id: "decode/0/2".parse().unwrap(),
        kind: Name::from_static("transcribe"),
        class: Class::Interactive,
        group_size: 5,
        stage_size: None,
        attempt: 2,
        params: json!({"decode": {"windows": []}}),
        inputs: vec![
            StepInput::Job(0),
            StepInput::Artifact(artifact()),
            StepInput::Output("plan/0/0".parse().unwrap()),
        ],
        cache_key: Some(Sha256::of(b"key")),
        deadline_ms: None,
        published_ms: 1_764_000_000_001,
        lineage: lineage(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
    }
}

fn failure() -> Failure {
    Failure {
        v: 1,
        code: ErrorCode::MEDIA_UNDECODABLE,
        message: "episode.mp3: no audio could be decoded; check that the file plays".into(),
        causes: vec!["unexpected end of file".into()],
        attempt: 1,
        at_ms: 1_764_000_000_002,
    }
}

fn manifest() -> Manifest {
    Manifest {
        v: 1,
        job: job().id,
        tenant: Name::from_static("acme"),
        kind: Name::from_static("podcast"),
        outcome: Outcome::Failed,
        artifacts: vec![artifact()],
        quality: json!({"mean_token_probability": 0.93}).as_object().unwrap().clone(),
        provenance: Provenance {
            medley: "0.1.0".into(),
            inputs: job().inputs,
            params: json!({"language": "zh"}),
            models: lineage().models,
        },
        timings: Timings { created_ms: 1, finished_ms: 2, compute_ms: 3, steps: 4 },
        error: Some(failure()),
        labels: BTreeMap::new(),
    }
}

fn event() -> Event {
    Event {
        v: 1,
        tenant: Name::from_static("acme"),
        job: job().id,
        step: Some("decode/0/2".parse().unwrap()),
        at_ms: 3,
        body: EventBody::Progress { done: 1.5, total: 30.0, unit: "seconds of audio".into() },
    }
}

fn result() -> StepResult {
    StepResult {
        v: 1,
        id: "decode/0/2".parse().unwrap(),
        output: json!({"segments": []}),
        artifacts: vec![artifact()],
        quality: serde_json::Map::new(),
        lineage: lineage(),
    }
}

fn dead_letter() -> DeadLetter {
    DeadLetter { v: 1, step: step(), failure: failure(), attempts: vec![failure()], at_ms: 4 }
}

#[test]
fn documents_of_version_1_are_read_and_written_as_they_were() {
    golden_holds(1, "job", &job());
    golden_holds(1, "step", &step());
    golden_holds(1, "result", &result());
    golden_holds(1, "failure", &failure());
    golden_holds(1, "manifest", &manifest());
    golden_holds(1, "event", &event());
    golden_holds(1, "dead_letter", &dead_letter());
}

#[test]
fn a_step_of_version_2_is_read_and_written_as_it_was() {
    let stage = Name::from_static("say");
    let inputs = vec![StepInput::Output("plan/0/0".parse().unwrap()), StepInput::All { stage, size: 4_097 }];
    golden_holds(2, "step", &Step { v: 2, stage_size: Some(69), inputs, ..step() });
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    schema_is_current::<Job>("job");
    schema_is_current::<Step>("step");
    schema_is_current::<StepResult>("result");
    schema_is_current::<Failure>("failure");
    schema_is_current::<Manifest>("manifest");
    schema_is_current::<Event>("event");
    schema_is_current::<DeadLetter>("dead_letter");
    schema_is_current::<Transcript>("transcript");
    schema_is_current::<SpeechTiming>("timing");
}
