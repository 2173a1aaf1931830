//! The recipes as a runtime would walk them, with made-up results.

use std::collections::BTreeMap;

use medley_portrait::{FrontMatter, NewsParams, PortraitOutput, PortraitParams};
use medley_proto::{Artifact, Class, Input, Job, JobId, Name, Sha256, Source, StepId, StepInput, Transcript};
use medley_speak::{Joined, Misheard, Part, Plan, ReadBack, SpeakOutput};
use medley_step::{
    StepDraft, StepError,
    graph::Recipe,
    testing::{self, JobRun},
};
use medley_transcribe::{Facts, Gathered, TranscribeOutput};
use serde_json::{Value, json};

use super::NewsRecipe;
use crate::kinds::kinds;

fn job(kind: &'static str, params: Value, inputs: &[&str]) -> Job {
    let input = |name: &&str| Input {
        name: (*name).into(),
        source: Source::Stored((*name).into()),
        sha256: None,
        bytes: None,
        media_type: None,
    };
    Job {
        v: 1,
        id: JobId::fresh(0, 0),
        tenant: Name::from_static("t"),
        kind: Name::from_static(kind),
        inputs: inputs.iter().map(input).collect(),
        params,
        class: Class::Batch,
        created_ms: 0,
        deadline_ms: None,
        labels: BTreeMap::new(),
        idempotency_key: None,
    }
}

fn artifacts(stage: &str) -> &'static [&'static str] {
    match stage {
        "hear-gather" | "again-gather" => &["transcript.json", "transcript.txt"],
        "plan" | "say-plan" => &["script.jsonl"],
        "join" | "say-join" => &["speech.wav", "timing.json", "speech.srt"],
        "retake" => &["takes.wav", "takes.json"],
        "script" => &["script.md"],
        "prepare" => &["scene.json", "scene.png", "motion.f32", "poster.jpg", "speech.wav"],
        "render" | "merge-1" => &["film.h264"],
        _ => &[],
    }
}

fn heard(language: &str, text: &str) -> Transcript {
    Transcript { language: language.into(), duration_s: 3.0, text: text.into(), ..Transcript::default() }
}

/// A finished job: each stage with its number of steps in the order of the first, all steps, and what was left.
struct Walk {
    stages: Vec<(String, usize)>,
    steps: Vec<StepDraft>,
    artifacts: Vec<String>,
}

impl Walk {
    fn of(job: &Job, parts: u32) -> Self {
        Self::hearing(job, parts, &heard("en", "Good evening."))
    }

    /// The same where the recording says what the transcript has.
    fn hearing(job: &Job, parts: u32, transcript: &Transcript) -> Self {
        let registry = kinds().registry();
        let (mut stages, mut steps) = (Vec::<(String, usize)>::new(), Vec::new());
        let run = JobRun::of(registry.find_recipe(&job.kind).unwrap(), job, |step, _| {
            steps.push(step.clone());
            let stage = step.id.stage.as_str();
            match stages.iter_mut().find(|(name, _)| *name == stage) {
                Some((_, count)) => *count += 1,
                None => stages.push((stage.into(), 1)),
            }
            let left = artifacts(stage).iter().map(|name| artifact(&step.id, name)).collect();
            Ok::<_, StepError>(testing::result(step.id.clone(), output(step, parts, transcript), left))
        });
        let artifacts = run.unwrap().artifacts().into_iter().map(|artifact| artifact.name).collect();
        Self { stages, steps, artifacts }
    }

    fn stages(&self) -> Vec<(&str, usize)> {
        self.stages.iter().map(|(name, count)| (name.as_str(), *count)).collect()
    }

    fn step(&self, stage: &str) -> &StepDraft {
        self.steps.iter().find(|step| step.id.stage == stage).unwrap()
    }
}

fn artifact(id: &StepId, name: &str) -> Artifact {
    let sha256 = Sha256::of(format!("{id}{name}").as_bytes());
    Artifact { name: name.into(), sha256, bytes: 1, media_type: "x/y".into() }
}

/// What the worker of a step would answer, when there is twice as much of everything as fits one step.
fn output(step: &StepDraft, parts: u32, transcript: &Transcript) -> Value {
    let facts = Facts { language: "en".into(), decodes: 2, ..Facts::default() };
    match (step.kind.as_str(), step.params["do"].as_str()) {
        ("transcribe", Some("plan")) => {
            json!({ "done": "plan", "facts": facts, "input": Sha256::of(b""), "models": "", "steps": [[], []] })
        }
        ("transcribe", Some("decode")) => json!(TranscribeOutput::Decode { facts, windows: Vec::new() }),
        ("transcribe", Some("gather")) => json!(TranscribeOutput::Gather(Gathered { facts, words: 2 })),
        ("speak", Some("plan")) => {
            let part = |number| Part { number, offset_bytes: 0, length_bytes: 1, sha256: Sha256::of(b"") };
            let (parts, warnings, voices) = ((0..2).map(part).collect(), Vec::new(), String::new());
            json!(SpeakOutput::Plan(Plan { parts, characters: 2, unspoken_letters: 0, warnings, voices }))
        }
        ("speak", Some("say")) => json!(SpeakOutput::Say { duration_s: 1.0 }),
        ("speak", Some("retake")) => json!(SpeakOutput::Say { duration_s: 4.0 }),
        ("speak", Some("join" | "verify" | "mend")) => {
            let (quality, mut read_back) = (BTreeMap::new(), None);
            if step.params["do"] == "verify" && parts > 1 {
                let (text, heard) = ("Good.".to_owned(), "God.".to_owned());
                let misheard = Misheard { number: 0, start_s: 0.1, text, heard, wrong: 1, error_rate: 1.0 };
                read_back = Some(ReadBack { wrong: 1, all: 2, misheard: vec![misheard] });
            }
            json!(SpeakOutput::Join(Joined { duration_s: 2.0, sentences: 2, words: 2, quality, read_back }))
        }
        ("portrait", None) => json!(PortraitOutput {
            frames: 250 * parts as usize,
            fps: 25,
            parts,
            script: Some(FrontMatter { voice: Some("joe".into()), ..FrontMatter::default() }),
            transcript: Some(transcript.clone()),
        }),
        other => panic!("nobody does {other:?}"),
    }
}

#[test]
fn speech_is_read_back_when_it_is_asked_for() {
    let plain = job("speak", json!({}), &["text"]);
    let walk = Walk::of(&plain, 1);
    assert_eq!(walk.stages(), [("plan", 1), ("say", 2), ("join", 1)]);
    assert_eq!(walk.artifacts, ["speech.wav", "timing.json", "speech.srt"]);

    let walk = Walk::of(&Job { params: json!({ "verify": true, "language": "zh" }), ..plain.clone() }, 1);
    let wanted =
        [("plan", 1), ("say", 2), ("join", 1), ("hear-plan", 1), ("hear-decode", 2), ("hear-gather", 1), ("verify", 1)];
    assert_eq!(walk.stages(), wanted);
    assert_eq!(walk.step("hear-plan").params["language"], "zh");
    let speech = StepInput::Artifact(artifact(&walk.step("join").id, "speech.wav"));
    assert_eq!(walk.step("hear-plan").inputs, std::slice::from_ref(&speech));
    assert_eq!(walk.step("hear-decode").inputs, [speech]);
    let verify = &walk.step("verify").inputs;
    assert_eq!(verify[0], StepInput::Output(walk.step("join").id.clone()));
    assert!(matches!(&verify[1], StepInput::Artifact(transcript) if transcript.name == "transcript.json"));
    assert_eq!(verify.len(), 5);

    // What was misheard is said and heard once more.
    let walk = Walk::of(&Job { params: json!({ "verify": true }), ..plain }, 2);
    let again: Vec<_> = walk.stages().into_iter().skip(wanted.len()).collect();
    assert_eq!(again, [("retake", 1), ("again-plan", 1), ("again-decode", 2), ("again-gather", 1), ("mend", 1)]);
    let mend = &walk.step("mend").inputs;
    assert_eq!(mend[1], StepInput::Output(walk.step("verify").id.clone()));
    assert!(matches!(&mend[2], StepInput::Artifact(transcript) if transcript.name == "transcript.json"));
}

#[test]
fn a_portrait_with_a_timing_goes_straight_to_work() {
    let walk = Walk::of(&job("portrait", json!(PortraitParams::default()), &["a.png", "b.wav", "c.json"]), 3);
    assert_eq!(walk.stages(), [("prepare", 1), ("render", 3), ("mux", 1)]);
    let mux = walk.step("mux");
    assert_eq!(mux.inputs[0], StepInput::Job(1));
    let films = mux.inputs.iter().filter(|input| matches!(input, StepInput::Artifact(a) if a.name == "film.h264"));
    assert_eq!(films.count(), 3);
}

#[test]
fn without_a_timing_the_recording_is_heard_and_its_words_are_spoken() {
    let job = job("portrait", json!(PortraitParams::default()), &["a.png", "b.wav"]);
    let walk = Walk::of(&job, 1);
    let wanted = [
        ("hear-plan", 1),
        ("hear-decode", 2),
        ("hear-gather", 1),
        ("script", 1),
        ("say-plan", 1),
        ("say-say", 2),
        ("say-join", 1),
        ("prepare", 1),
        ("render", 1),
        ("mux", 1),
    ];
    assert_eq!(walk.stages(), wanted);
    assert_eq!(walk.step("hear-plan").inputs, [StepInput::Job(1)], "the inner recipe's first input is the sound");
    assert_eq!(walk.step("hear-decode").inputs, [StepInput::Job(1)], "in each of its stages");
    let within = |n| StepInput::Output(StepId::new("hear-decode".parse().unwrap(), 0, n));
    assert_eq!(walk.step("hear-gather").inputs, [within(0), within(1)], "outputs are found under the outer names");
    assert!(matches!(&walk.step("say-plan").inputs[0], StepInput::Artifact(text) if text.name == "script.md"));
    assert_eq!(walk.step("prepare").inputs.len(), 5);

    let walk = Walk::of(&Job { params: json!({"lips": "sound"}), ..job }, 1);
    assert_eq!(walk.stages(), [("prepare", 1), ("render", 1), ("mux", 1)]);
}

#[test]
fn what_no_voice_can_say_moves_the_lips_by_its_sound() {
    let job = job("portrait", json!(PortraitParams::default()), &["a.png", "b.wav"]);
    for transcript in [heard("ru", "Добрый вечер."), heard("ja", "こんばんは"), heard("en", ""), heard("en", " ... ")]
    {
        let walk = Walk::hearing(&job, 1, &transcript);
        let names = walk.stages();
        assert_eq!(names[3..], [("script", 1), ("prepare", 1), ("render", 1), ("mux", 1)], "{transcript:?}");
        assert_eq!(walk.step("prepare").inputs, [StepInput::Job(0), StepInput::Job(1)]);
        assert_eq!(walk.step("hear-plan").params["silence"], "empty", "nobody speaking is no error here");
    }
}

#[test]
fn a_long_film_is_joined_in_groups() {
    let walk = Walk::of(&job("portrait", json!(PortraitParams::default()), &["a.png", "b.wav", "c.json"]), 130);
    assert_eq!(walk.stages(), [("prepare", 1), ("render", 130), ("merge-1", 3), ("mux", 1)]);
    let renders = walk.steps.iter().filter(|step| step.id.stage == "render");
    let frames: Vec<(u64, u64)> =
        renders.map(|step| (step.params["from"].as_u64().unwrap(), step.params["to"].as_u64().unwrap())).collect();
    assert!(frames.windows(2).all(|w| w[0].1 == w[1].0) && frames[0].0 == 0 && frames[129].1 == 250 * 130);
}

#[test]
fn news_speaks_its_script_with_the_voice_that_is_asked_for() {
    let job = job("news", json!(NewsParams::default()), &["s.md", "a.png"]);
    let walk = Walk::of(&job, 2);
    let wanted =
        [("script", 1), ("say-plan", 1), ("say-say", 2), ("say-join", 1), ("prepare", 1), ("render", 2), ("mux", 1)];
    assert_eq!(walk.stages(), wanted);
    let voice = |walk: &Walk| walk.step("say-plan").params["params"]["voice"].clone();
    assert_eq!(voice(&walk), "joe", "the front matter's");
    let asked = Walk::of(&Job { params: json!({"voice": "hibari"}), ..job.clone() }, 2);
    assert_eq!(voice(&asked), "hibari", "the command line goes first");

    let check = |params: NewsParams, inputs: usize| {
        let inputs: Vec<Input> = job.inputs.iter().cycle().take(inputs).cloned().collect();
        NewsRecipe::check(&params, &inputs)
    };
    assert!(check(NewsParams::default(), 2).is_ok());
    assert!(check(NewsParams { logo: true, ..NewsParams::default() }, 2).is_err());
    assert!(check(NewsParams { logo: true, ..NewsParams::default() }, 3).is_ok());
    assert!(check(NewsParams { crf: 99, ..NewsParams::default() }, 2).is_err());
}

/// Every kind's stages, as `docs/stages.md` shows them.
fn stages_page() -> String {
    let mut page = String::from(
        "# The stages of each kind\n\n\
        What `medley schema <kind> --graph` prints. A box is one step; a box with double sides is as many as the data asks for,\n\
        and the hexagon below it is how they become few again. Dashed stages run in some jobs only.\n\
        ([0070](decisions/0070-a-typed-stage-graph.md))\n",
    );
    let registry = kinds().registry();
    for recipe in registry.recipes() {
        page += &format!("\n## {}\n\n```mermaid\n{}```\n", recipe.kind(), recipe.graph().mermaid());
    }
    page
}

#[test]
fn the_docs_show_the_stages_of_this_build() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/stages.md");
    let page = stages_page();
    #[expect(clippy::disallowed_methods, reason = "only this test reads it")]
    let regenerate = std::env::var_os("MEDLEY_REGENERATE").is_some();
    if regenerate {
        std::fs::write(&path, &page).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, page, "docs/stages.md is stale: run this test with MEDLEY_REGENERATE=1");
}
