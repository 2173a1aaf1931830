//! Queue, store and worker in memory: delivery at least once, in any order, with kills between any two acts.

use std::collections::{BTreeMap, HashMap};

use medley_proto::{Artifact, Class, Input, Job, JobId, Lineage, Name, Sha256, Source, StepId, StepInput, StepResult};
use medley_step::{
    StepDraft,
    graph::{GROUP_MAX, Graph, Group, Known, Next},
};
use serde_json::{Map, Value, json};

/// Which parts something was made from, in order: a rolling hash, so that a great many cost nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sequence {
    hash: u64,
    power: u64,
    count: u64,
}

impl Sequence {
    const EMPTY: Self = Self { hash: 0, power: 1, count: 0 };

    fn part(n: u32) -> Self {
        let mut hash = u64::from(n).wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Self { hash: hash | 1, power: 0x1000_0000_01b3, count: 1 }
    }

    fn then(self, next: Self) -> Self {
        Self {
            hash: self.hash.wrapping_mul(next.power).wrapping_add(next.hash),
            power: self.power.wrapping_mul(next.power),
            count: self.count + next.count,
        }
    }

    /// `0..width`, each once and in order.
    fn whole(width: u32) -> Self {
        (0..width).map(Self::part).fold(Self::EMPTY, Self::then)
    }
}

/// A small generator of numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % n.max(1)
    }
}

/// Where a worker dies while it handles a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    AtOnce,
    BeforeResult,
    AfterResult,
    InPublish,
    AfterPublish,
    BeforeMark,
    AfterMark,
}

const KILLS: [Kill; 7] = [
    Kill::AtOnce,
    Kill::BeforeResult,
    Kill::AfterResult,
    Kill::InPublish,
    Kill::AfterPublish,
    Kill::BeforeMark,
    Kill::AfterMark,
];

/// How a job is run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Conditions {
    /// How many parts the first step finds.
    pub(crate) width: u32,
    pub(crate) seed: u64,
    /// Kills in a thousand deliveries.
    pub(crate) kills: usize,
    /// Whether the steps lie in the queue as version 1 wrote them, which does not say a stage's size.
    pub(crate) version_1: bool,
}

/// What answers a group: a graph, or what a test puts in its place.
pub(crate) type Ask<'a> = &'a dyn Fn(&Job, &Group, &Known) -> Next;

pub(crate) struct Simulation {
    pub(crate) job: Job,
    pub(crate) results: BTreeMap<StepId, StepResult>,
    pub(crate) queue: Vec<StepDraft>,
    /// The steps of the last group, and its artifacts.
    pub(crate) end: Option<(Group, Vec<Artifact>)>,
    /// What each step `end` read, every time it ran. Those of stages called `…end` read all parts.
    pub(crate) gathered: Vec<(StepId, Sequence)>,
    /// The longest list of inputs of a step.
    pub(crate) max_inputs: usize,
    pub(crate) deliveries: u64,
    done: HashMap<(Name, u32), u32>,
    /// Which parts each file, and each inline output, was made from.
    files: Vec<Sequence>,
    outputs: HashMap<StepId, Sequence>,
    random: Random,
    conditions: Conditions,
}

impl Simulation {
    pub(crate) fn new(kind: &str, params: Value, conditions: Conditions) -> Self {
        Self {
            job: job(kind, params),
            results: BTreeMap::new(),
            queue: Vec::new(),
            end: None,
            gathered: Vec::new(),
            max_inputs: 0,
            deliveries: 0,
            done: HashMap::new(),
            files: Vec::new(),
            outputs: HashMap::new(),
            random: Random(conditions.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1),
            conditions,
        }
    }

    /// Runs a whole job of a graph.
    pub(crate) fn run(graph: &Graph, params: Value, conditions: Conditions) -> Self {
        let mut simulation = Self::new(graph.kind().as_str(), params, conditions);
        simulation.publish(graph.start(&simulation.job).unwrap().steps);
        simulation.go_on(graph, u64::MAX);
        simulation
    }

    /// Delivers until nothing is queued, at most so many times.
    pub(crate) fn go_on(&mut self, graph: &Graph, max_deliveries: u64) {
        self.deliver(&|job, group, known| graph.next(job, group, known).unwrap(), max_deliveries);
    }

    pub(crate) fn deliver(&mut self, ask: Ask<'_>, max_deliveries: u64) {
        let until = self.deliveries.saturating_add(max_deliveries);
        while !self.queue.is_empty() && self.deliveries < until {
            self.deliveries += 1;
            let at = self.random.below(self.queue.len());
            let killed = self.random.below(1_000) < self.conditions.kills;
            let kill = killed.then(|| KILLS[self.random.below(KILLS.len())]);
            let step = self.queue.swap_remove(at);
            if !self.handle(&step, ask, kill) {
                self.queue.push(step);
            }
        }
    }

    pub(crate) fn publish(&mut self, mut steps: Vec<StepDraft>) {
        for step in &mut steps {
            self.max_inputs = self.max_inputs.max(step.inputs.len());
            if self.conditions.version_1 {
                step.stage_size = None;
            }
        }
        self.queue.append(&mut steps);
    }

    /// Whether the delivery was acknowledged.
    fn handle(&mut self, step: &StepDraft, ask: Ask<'_>, kill: Option<Kill>) -> bool {
        if self.end.is_some() {
            return true;
        }
        if kill == Some(Kill::AtOnce) {
            return false;
        }
        if !self.results.contains_key(&step.id) {
            let result = self.compute(step);
            if kill == Some(Kill::BeforeResult) {
                return false;
            }
            self.write(result);
        }
        if kill == Some(Kill::AfterResult) {
            return false;
        }
        let StepDraft { id, group_size: size, stage_size, .. } = step;
        let mut group = Group { stage: id.stage.clone(), group: id.group, size: *size, stage_size: *stage_size };
        loop {
            if self.done[&(group.stage.clone(), group.group)] < group.size {
                return true;
            }
            match self.ask(ask, &group) {
                Next::Mark(mark) => {
                    if kill == Some(Kill::BeforeMark) {
                        return false;
                    }
                    if !self.results.contains_key(&mark.id) {
                        self.write(result(mark.id, Value::Null, Vec::new()));
                    }
                    if kill == Some(Kill::AfterMark) {
                        return false;
                    }
                    group = mark.group;
                }
                Next::Publish(mut planned) => {
                    if kill == Some(Kill::InPublish) {
                        planned.steps.truncate(self.random.below(planned.steps.len()));
                    }
                    self.publish(planned.steps);
                    return !matches!(kill, Some(Kill::InPublish | Kill::AfterPublish));
                }
                Next::Last => {
                    let artifacts = group.steps().flat_map(|id| self.results[&id].artifacts.clone()).collect();
                    self.end = Some((Group { stage_size: None, ..group }, artifacts));
                    return true;
                }
                Next::Read(ids) => panic!("{ids:?} are read again"),
            }
        }
    }

    fn write(&mut self, result: StepResult) {
        *self.done.entry((result.id.stage.clone(), result.id.group)).or_default() += 1;
        self.results.insert(result.id.clone(), result);
    }

    fn ask(&self, ask: Ask<'_>, group: &Group) -> Next {
        let read = |id: StepId| {
            let found = self.results.get(&id).cloned();
            (id, found)
        };
        let mut known: Known = group.steps().map(read).collect();
        loop {
            match ask(&self.job, group, &known) {
                Next::Read(ids) => {
                    assert!(!ids.is_empty() && ids.iter().all(|id| !known.contains_key(id)), "asked what it was told");
                    known.extend(ids.into_iter().map(read));
                }
                next => return next,
            }
        }
    }

    fn read(&self, input: &StepInput) -> Vec<Sequence> {
        let file = |artifact: &Artifact| self.files[usize::try_from(artifact.bytes).unwrap()];
        match input {
            StepInput::Job(_) => Vec::new(),
            StepInput::Artifact(artifact) => vec![file(artifact)],
            StepInput::Output(id) => vec![self.outputs[id]],
            StepInput::Left { step, name } => {
                self.results[step].artifacts.iter().filter(|one| one.name == *name).map(file).collect()
            }
            StepInput::All { stage, size } => {
                let ids = (0..*size).map(|n| StepId::new(stage.clone(), n / GROUP_MAX, n % GROUP_MAX));
                ids.flat_map(|id| &self.results[&id].artifacts).map(file).collect()
            }
        }
    }

    /// What the worker would leave.
    fn compute(&mut self, step: &StepDraft) -> StepResult {
        let read = step.inputs.iter().flat_map(|input| self.read(input)).fold(Sequence::EMPTY, Sequence::then);
        let part = Sequence::part(step.id.group * GROUP_MAX + step.id.n);
        let (output, made_from) = match step.params["do"].as_str().unwrap() {
            "plan" => (json!({ "done": "plan", "parts": self.conditions.width }), Sequence::EMPTY),
            "part" => (json!({ "done": "part" }), part),
            "merge" => (json!({ "done": "part" }), read),
            "end" => {
                self.gathered.push((step.id.clone(), read));
                (json!({ "done": "end" }), Sequence::EMPTY)
            }
            other => panic!("nobody does {other}"),
        };
        self.outputs.insert(step.id.clone(), made_from);
        self.files.push(made_from);
        let artifact = Artifact {
            name: step.id.to_string().replace('/', "-"),
            sha256: Sha256::of(b""),
            bytes: (self.files.len() - 1) as u64,
            media_type: "text/plain".into(),
        };
        result(step.id.clone(), output, vec![artifact])
    }

    /// The ids of all results.
    pub(crate) fn ids(&self) -> Vec<StepId> {
        self.results.keys().cloned().collect()
    }

    /// The job ended, and every step that follows from a wide stage read each part once and in order.
    pub(crate) fn assert_whole(&self) {
        let width = self.conditions.width;
        let end = self.end.as_ref().map(|(group, _)| group.stage.as_str());
        assert!(end.is_some(), "a job of kind {} and {width} parts never ended", self.job.kind);
        for (step, read) in self.gathered.iter().filter(|(step, _)| step.stage.as_str().ends_with("end")) {
            assert_eq!(*read, Sequence::whole(width), "{step} of {}, {width} parts", self.job.kind);
        }
    }
}

pub(crate) fn job(kind: &str, params: Value) -> Job {
    let source = Source::Uri("file:///parts".into());
    Job {
        v: 1,
        id: JobId::fresh(1, 1),
        tenant: Name::from_static("t"),
        kind: kind.parse().unwrap(),
        inputs: vec![Input { name: "parts".into(), source, sha256: None, bytes: None, media_type: None }],
        params,
        class: Class::Batch,
        created_ms: 0,
        deadline_ms: None,
        labels: BTreeMap::new(),
        idempotency_key: None,
    }
}

fn result(id: StepId, output: Value, artifacts: Vec<Artifact>) -> StepResult {
    StepResult { v: 1, id, output, artifacts, quality: Map::new(), lineage: Lineage::default() }
}
