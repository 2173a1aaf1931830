//! The recipes as a runtime would walk them, with made-up recipes for hearing and speaking inside.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use medley_portrait::{FrontMatter, NewsParams, NewsRecipe, PortraitOutput, PortraitParams, PortraitRecipe};
use medley_proto::{
    Artifact, Class, Input, Job, JobId, Lineage, Name, Sha256, Source, StepId, StepInput, StepResult, Transcript,
};
use medley_step::{
    BuildContext, BuildError, GroupDone, JobView, Planned, Recipe, StepContext, StepDraft, StepError, Worker,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct InnerParams {
    voice: Option<String>,
    language: Option<String>,
    silence: Option<String>,
}

struct Inner;

impl Worker for Inner {
    const KIND: &'static str = "inner";
    type Config = ();
    type Params = InnerParams;
    type Output = ();

    fn build((): (), _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn run(&self, _: InnerParams, _: &StepContext<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Plans, then does two things side by side, then ends.
struct TwoStages<const MAKES_SPEECH: bool>;

impl<const MAKES_SPEECH: bool> Recipe for TwoStages<MAKES_SPEECH> {
    const KIND: &'static str = "inner";
    type Params = InnerParams;
    const ABOUT: &'static str = "";

    fn start(job: &JobView<'_, InnerParams>) -> Result<Planned, StepError> {
        Ok(Planned::one(StepDraft::only::<Inner>("plan", &job.params)?.input(StepInput::Job(0))))
    }

    fn next(job: &JobView<'_, InnerParams>, done: &GroupDone) -> Result<Planned, StepError> {
        let before = StepInput::Output(done.results[0].id.clone());
        Ok(match done.stage.as_str() {
            "plan" => {
                let draft = |n| Ok(StepDraft::nth::<Inner>("merge-1", n, 2, &job.params)?.input(before.clone()));
                Planned::many((0..2).map(draft).collect::<Result<_, StepError>>()?)
            }
            "merge-1" => Planned::one(StepDraft::only::<Inner>("end", &job.params)?.input(before)),
            "end" => Planned::last(),
            other => panic!("the inner recipe has no stage {other}"),
        })
    }
}

type Hear = TwoStages<false>;
type Say = TwoStages<true>;

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
        "hear-end" => &["transcript.json", "transcript.txt"],
        "say-end" => &["speech.wav", "timing.json"],
        "script" => &["script.md"],
        "prepare" => &["scene.json", "scene.png", "motion.f32", "poster.jpg", "speech.wav"],
        "render" | "merge-1" => &["film.h264", "scene.json", "poster.jpg", "speech.wav"],
        _ => &[],
    }
}

/// Walks a job to its end and tells each stage with its number of steps, and all steps.
fn walk<R: Recipe>(job: &Job, parts: u32) -> (Vec<(String, usize)>, Vec<StepDraft>)
where
    R::Params: Clone,
{
    walk_hearing::<R>(job, parts, &heard("en", "Good evening."))
}

fn heard(language: &str, text: &str) -> Transcript {
    Transcript { language: language.into(), duration_s: 3.0, text: text.into(), ..Transcript::default() }
}

/// The same where the recording says what the transcript has.
fn walk_hearing<R: Recipe>(job: &Job, parts: u32, transcript: &Transcript) -> (Vec<(String, usize)>, Vec<StepDraft>)
where
    R::Params: Clone,
{
    let params = R::Params::deserialize(&job.params).unwrap();
    let view = JobView { job, params };
    let mut waiting = vec![R::start(&view).unwrap().steps];
    let (mut stages, mut all) = (Vec::<(String, usize)>::new(), Vec::new());
    while !waiting.is_empty() {
        let steps = waiting.remove(0);
        let mut groups: BTreeMap<(String, u32), Vec<StepDraft>> = BTreeMap::new();
        for step in steps {
            groups.entry((step.id.stage.to_string(), step.id.group)).or_default().push(step.clone());
            all.push(step);
        }
        let mut follow: Vec<StepDraft> = Vec::new();
        for ((stage, group), steps) in groups {
            match stages.iter_mut().find(|(name, _)| *name == stage) {
                Some((_, count)) => *count += steps.len(),
                None => stages.push((stage.clone(), steps.len())),
            }
            assert!(steps.len() <= GroupDone::MAX as usize && steps[0].group_size as usize == steps.len());
            let results = steps.iter().map(|step| result(&step.id, &stage, parts, transcript)).collect();
            let done = GroupDone { stage: stage.parse().unwrap(), group, results };
            follow.extend(R::next(&view, &done).unwrap().steps);
        }
        if !follow.is_empty() {
            waiting.push(follow);
        }
    }
    (stages, all)
}

fn result(id: &StepId, stage: &str, parts: u32, transcript: &Transcript) -> StepResult {
    let artifact = |name: &&str| Artifact {
        name: (*name).into(),
        sha256: Sha256::of(format!("{id}{name}").as_bytes()),
        bytes: 1,
        media_type: "x/y".into(),
    };
    let front = FrontMatter { voice: Some("joe".into()), ..FrontMatter::default() };
    let done = PortraitOutput {
        frames: 250 * parts as usize,
        fps: 25,
        parts,
        script: Some(front),
        transcript: Some(transcript.clone()),
    };
    StepResult {
        v: 1,
        id: id.clone(),
        output: serde_json::to_value(done).unwrap(),
        artifacts: artifacts(stage).iter().map(artifact).collect(),
        quality: Map::new(),
        lineage: Lineage::default(),
    }
}

fn names(stages: &[(String, usize)]) -> Vec<(&str, usize)> {
    stages.iter().map(|(name, count)| (name.as_str(), *count)).collect()
}

#[test]
fn a_portrait_with_a_timing_goes_straight_to_work() {
    let job = job("portrait", json!(PortraitParams::default()), &["a.png", "b.wav", "c.json"]);
    let (stages, steps) = walk::<PortraitRecipe<Hear, Say>>(&job, 3);
    assert_eq!(names(&stages), [("prepare", 1), ("render", 3), ("mux", 1)]);
    let mux = steps.last().unwrap();
    assert_eq!(mux.inputs[0], StepInput::Job(1));
    let films = mux.inputs.iter().filter(|input| matches!(input, StepInput::Artifact(a) if a.name == "film.h264"));
    assert_eq!(films.count(), 3);
}

#[test]
fn without_a_timing_the_recording_is_heard_and_its_words_are_spoken() {
    let job = job("portrait", json!(PortraitParams::default()), &["a.png", "b.wav"]);
    let (stages, steps) = walk::<PortraitRecipe<Hear, Say>>(&job, 1);
    let wanted = [
        ("hear-plan", 1),
        ("hear-merge-1", 2),
        ("hear-end", 1),
        ("script", 1),
        ("say-plan", 1),
        ("say-merge-1", 2),
        ("say-end", 1),
        ("prepare", 1),
        ("render", 1),
        ("mux", 1),
    ];
    assert_eq!(names(&stages), wanted);
    let of = |stage: &str| steps.iter().find(|step| step.id.stage == stage).unwrap();
    assert_eq!(of("hear-plan").inputs, [StepInput::Job(1)], "the inner recipe's first input is the sound");
    let within = StepInput::Output(StepId::new("hear-plan".parse().unwrap(), 0, 0));
    assert_eq!(of("hear-merge-1").inputs, [within], "outputs are found under the outer names");
    assert!(matches!(&of("say-plan").inputs[0], StepInput::Artifact(text) if text.name == "script.md"));

    let (stages, _) = walk::<PortraitRecipe<Hear, Say>>(&Job { params: json!({"lips": "sound"}), ..job }, 1);
    assert_eq!(names(&stages), [("prepare", 1), ("render", 1), ("mux", 1)]);
}

#[test]
fn what_no_voice_can_say_moves_the_lips_by_its_sound() {
    let job = job("portrait", json!(PortraitParams::default()), &["a.png", "b.wav"]);
    for transcript in [heard("ru", "Добрый вечер."), heard("ja", "こんばんは"), heard("en", ""), heard("en", " ... ")]
    {
        let (stages, steps) = walk_hearing::<PortraitRecipe<Hear, Say>>(&job, 1, &transcript);
        let names = names(&stages);
        assert_eq!(names[3..], [("script", 1), ("prepare", 1), ("render", 1), ("mux", 1)], "{transcript:?}");
        let prepare = steps.iter().find(|step| step.id.stage == "prepare").unwrap();
        assert_eq!(prepare.inputs, [StepInput::Job(0), StepInput::Job(1)]);
        let plan = steps.iter().find(|step| step.id.stage == "hear-plan").unwrap();
        assert_eq!(plan.params["silence"], "empty", "nobody speaking is no error here");
    }
}

#[test]
fn a_long_film_is_joined_in_groups() {
    let job = job("portrait", json!(PortraitParams::default()), &["a.png", "b.wav", "c.json"]);
    let (stages, steps) = walk::<PortraitRecipe<Hear, Say>>(&job, 130);
    // The walk asks for the mux once for each group of the one group of joins.
    assert_eq!(names(&stages), [("prepare", 1), ("render", 130), ("merge-1", 3), ("mux", 1)]);
    let frames: Vec<(u64, u64)> = steps
        .iter()
        .filter(|step| step.id.stage == "render")
        .map(|step| (step.params["from"].as_u64().unwrap(), step.params["to"].as_u64().unwrap()))
        .collect();
    assert!(frames.windows(2).all(|w| w[0].1 == w[1].0) && frames[0].0 == 0 && frames[129].1 == 250 * 130);
}

#[test]
fn news_speaks_its_script_with_the_voice_that_is_asked_for() {
    let job = job("news", json!(NewsParams::default()), &["s.md", "a.png"]);
    let (stages, steps) = walk::<NewsRecipe<Say>>(&job, 2);
    let wanted =
        [("script", 1), ("say-plan", 1), ("say-merge-1", 2), ("say-end", 1), ("prepare", 1), ("render", 2), ("mux", 1)];
    assert_eq!(names(&stages), wanted);
    let voice =
        |steps: &[StepDraft]| steps.iter().find(|step| step.id.stage == "say-plan").unwrap().params["voice"].clone();
    assert_eq!(voice(&steps), "joe", "the front matter's");
    let (_, steps) = walk::<NewsRecipe<Say>>(&Job { params: json!({"voice": "ann"}), ..job.clone() }, 2);
    assert_eq!(voice(&steps), "ann", "the command line goes first");

    let check = |params: NewsParams, inputs: usize| {
        let inputs: Vec<Input> = job.inputs.iter().cycle().take(inputs).cloned().collect();
        NewsRecipe::<Say>::check(&params, &inputs)
    };
    assert!(check(NewsParams::default(), 2).is_ok());
    assert!(check(NewsParams { logo: true, ..NewsParams::default() }, 2).is_err());
    assert!(check(NewsParams { logo: true, ..NewsParams::default() }, 3).is_ok());
    assert!(check(NewsParams { crf: 99, ..NewsParams::default() }, 2).is_err());
}
