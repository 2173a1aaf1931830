//! A kind as one constant: all that a binary has to know to offer it.
//!
//! ```
//! use medley_step::{Kind, Kinds, Program, Sample};
//!
//! // In the crate of the kind, with `.worker::<…>()` and `.recipe::<…>()` of its types:
//! pub const KIND: Kind = Kind::new("toy")
//!     .models(&["onnxruntime"])
//!     .programs(&[Program { name: "ffmpeg", purpose: "video", package: "ffmpeg" }])
//!     .samples(&[Sample::Text("Hello.")]);
//!
//! // In the binary, with the names that its own settings have:
//! let kinds = Kinds::new([KIND], ["queue", "store"]).unwrap();
//! assert_eq!(kinds.models_of("toy"), Some(vec!["onnxruntime"]));
//! ```
//!
//! The binary puts these constants into one list ([`Kinds`]). The registry, the models that `medley models pull` fetches,
//! what `medley doctor` looks for, the queues of a broker and the table of kinds in the docs follow from it.

use std::{collections::BTreeSet, fmt};

use medley_proto::Name;

use crate::{Recipe, Registry, Worker};

/// One kind of job or step.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    name: &'static str,
    about: &'static str,
    worker: Option<fn(Registry) -> Registry>,
    recipe: Option<fn(Registry) -> Registry>,
    parts: &'static [&'static str],
    models: &'static [&'static str],
    choices: &'static [&'static str],
    programs: &'static [Program],
    samples: &'static [Sample],
    slots: Slots,
}

/// A program that the steps of a kind run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Program {
    /// Its name on the PATH.
    pub name: &'static str,
    /// What the kind runs it for.
    pub purpose: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
}

/// An input that a kind can be tried with; those of a kind stand in the order of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// The text itself.
    Text(&'static str),
    /// A file of an entry of the model registry.
    File { model: &'static str, file: &'static str },
    /// A folder of such files.
    Folder { model: &'static str, files: &'static [&'static str] },
}

impl Sample {
    /// The entry of the model registry that it comes from.
    pub fn model(&self) -> Option<&'static str> {
        match self {
            Self::Text(_) => None,
            Self::File { model, .. } | Self::Folder { model, .. } => Some(model),
        }
    }
}

/// How many steps of a single job `medley run` computes side by side, when the user does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Slots {
    /// One step at a time, with all threads.
    #[default]
    One,
    /// A step a core, each with one thread: for jobs of many short steps, where what lies between two steps of one slot
    /// falls into a step of another.
    OnePerCore,
}

/// The steps that end a job: the runtime's own, which every worker takes.
pub const FINISH: &str = "finish";

/// Names that no kind may have, in any binary: the runtime's own steps, and a word of the command line.
const RESERVED: [&str; 2] = [FINISH, "help"];

impl Kind {
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            about: "",
            worker: None,
            recipe: None,
            parts: &[],
            models: &[],
            choices: &[],
            programs: &[],
            samples: &[],
            slots: Slots::One,
        }
    }

    /// What computes its steps.
    ///
    /// # Panics
    /// When the worker's `KIND` is another name; in a constant the compiler says so.
    #[must_use]
    pub const fn worker<W: Worker>(mut self) -> Self {
        assert!(is_same(self.name, W::KIND), "the worker is of another kind");
        self.worker = Some(Registry::worker::<W>);
        self
    }

    /// Which steps its jobs consist of.
    ///
    /// # Panics
    /// When the recipe's `KIND` is another name; in a constant the compiler says so.
    #[must_use]
    pub const fn recipe<R: Recipe>(mut self) -> Self {
        assert!(is_same(self.name, R::KIND), "the recipe is of another kind");
        self.about = R::ABOUT;
        self.recipe = Some(Registry::recipe::<R>);
        self
    }

    /// The other kinds whose workers compute steps of its jobs: it needs their models and programs too.
    #[must_use]
    pub const fn parts(mut self, kinds: &'static [&'static str]) -> Self {
        self.parts = kinds;
        self
    }

    /// The entries of the model registry that its steps open, the optional ones too.
    #[must_use]
    pub const fn models(mut self, models: &'static [&'static str]) -> Self {
        self.models = models;
        self
    }

    /// What `--model` may name, for the completions of a shell; others stay allowed.
    #[must_use]
    pub const fn choices(mut self, names: &'static [&'static str]) -> Self {
        self.choices = names;
        self
    }

    #[must_use]
    pub const fn programs(mut self, programs: &'static [Program]) -> Self {
        self.programs = programs;
        self
    }

    /// The inputs of `scripts/run <kind> --sample`.
    #[must_use]
    pub const fn samples(mut self, samples: &'static [Sample]) -> Self {
        self.samples = samples;
        self
    }

    #[must_use]
    pub const fn slots(mut self, slots: Slots) -> Self {
        self.slots = slots;
        self
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The recipe's line of help; empty for a kind without jobs of its own.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// Whether it has steps of its own, and with them queues.
    pub fn has_worker(&self) -> bool {
        self.worker.is_some()
    }

    /// Whether it is a kind of job.
    pub fn has_recipe(&self) -> bool {
        self.recipe.is_some()
    }

    pub fn model_choices(&self) -> &'static [&'static str] {
        self.choices
    }

    pub fn sample_inputs(&self) -> &'static [Sample] {
        self.samples
    }

    pub fn slots_of_a_job(&self) -> Slots {
        self.slots
    }

    /// Whether its own steps open this model.
    pub fn uses_model(&self, model: &str) -> bool {
        self.models.contains(&model) || self.samples.iter().any(|sample| sample.model() == Some(model))
    }

    fn of_samples(&self) -> impl Iterator<Item = &'static str> {
        self.samples.iter().filter_map(Sample::model)
    }
}

/// `==` of texts at compile time.
const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// The kinds of a binary: names that are sound, each once, and each part among them.
#[derive(Debug, Clone)]
pub struct Kinds {
    kinds: Vec<Kind>,
}

/// A list of kinds that no binary can offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KindError {
    /// Two constants have this name.
    Duplicate(&'static str),
    /// The name has another meaning: a step of the runtime, a table of the configuration, a word of the command line.
    Reserved(&'static str),
    /// The name is none: 1 to 63 lower-case letters, digits, `-` and `_`.
    Malformed(&'static str),
    /// A kind is made of one that the binary does not have.
    MissingPart { kind: &'static str, part: &'static str },
}

impl fmt::Display for KindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(kind) => write!(f, "two kinds are called '{kind}'"),
            Self::Reserved(kind) => write!(f, "no kind may be called '{kind}': the name has another meaning"),
            Self::Malformed(kind) => {
                write!(f, "'{kind}' is no name of a kind: use lower-case letters, digits, - and _")
            }
            Self::MissingPart { kind, part } => write!(f, "kind '{kind}' needs '{part}', which is not in this build"),
        }
    }
}

impl std::error::Error for KindError {}

impl Kinds {
    /// Checks a list of kinds; `reserved` are names that have another meaning in this binary.
    ///
    /// # Errors
    /// See [`KindError`].
    pub fn new<'a>(
        kinds: impl IntoIterator<Item = Kind>,
        reserved: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, KindError> {
        let kinds: Vec<Kind> = kinds.into_iter().collect();
        let reserved: BTreeSet<&str> = RESERVED.into_iter().chain(reserved).collect();
        let mut names = BTreeSet::new();
        for kind in &kinds {
            if kind.name.parse::<Name>().is_err() {
                return Err(KindError::Malformed(kind.name));
            }
            if reserved.contains(kind.name) {
                return Err(KindError::Reserved(kind.name));
            }
            if !names.insert(kind.name) {
                return Err(KindError::Duplicate(kind.name));
            }
        }
        for kind in &kinds {
            if let Some(part) = kind.parts.iter().find(|part| !names.contains(*part)) {
                return Err(KindError::MissingPart { kind: kind.name, part });
            }
        }
        Ok(Self { kinds })
    }

    /// The kinds of step that a fleet has queues of.
    pub fn step_kinds(&self) -> impl Iterator<Item = Name> {
        let own = self.kinds.iter().filter(|kind| kind.has_worker()).map(|kind| kind.name);
        own.chain([FINISH]).map(Name::from_static)
    }

    /// The workers and recipes of all.
    pub fn registry(&self) -> Registry {
        let adders = self.kinds.iter().flat_map(|kind| [kind.worker, kind.recipe]);
        adders.flatten().fold(Registry::default(), |registry, add| add(registry))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.iter()
    }

    pub fn find(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// A kind and those that it is made of, each once.
    pub fn with_parts(&self, name: &str) -> Vec<&Kind> {
        let mut all: Vec<&Kind> = self.find(name).into_iter().collect();
        let mut at = 0;
        while let Some(kind) = all.get(at) {
            for part in kind.parts.iter().filter_map(|part| self.find(part)).collect::<Vec<_>>() {
                if !all.iter().any(|known| known.name == part.name) {
                    all.push(part);
                }
            }
            at += 1;
        }
        all
    }

    /// The entries of the model registry that jobs of a kind and its samples need, each once; `None`: no such kind.
    pub fn models_of(&self, name: &str) -> Option<Vec<&'static str>> {
        let kinds = self.with_parts(name);
        let mut models: Vec<&'static str> = Vec::new();
        for model in kinds.iter().flat_map(|kind| kind.models.iter().copied().chain(kind.of_samples())) {
            if !models.contains(&model) {
                models.push(model);
            }
        }
        (!kinds.is_empty()).then_some(models)
    }

    /// The programs that kinds run, each with the kinds that run it.
    pub fn programs(&self) -> Vec<(Program, Vec<&'static str>)> {
        let mut all: Vec<(Program, Vec<&'static str>)> = Vec::new();
        for (program, kind) in
            self.kinds.iter().flat_map(|kind| kind.programs.iter().map(|program| (*program, kind.name)))
        {
            match all.iter_mut().find(|(known, _)| known.name == program.name) {
                Some((_, kinds)) => kinds.push(kind),
                None => all.push((program, vec![kind])),
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOY: Kind =
        Kind::new("toy").models(&["net"]).programs(&[Program { name: "ffmpeg", purpose: "video", package: "ffmpeg" }]);

    #[test]
    fn a_name_is_taken_once_and_means_one_thing() {
        let new = |kinds: &[Kind], reserved: &[&str]| Kinds::new(kinds.to_vec(), reserved.iter().copied());
        assert!(new(&[TOY, Kind::new("other")], &["queue"]).is_ok());
        assert_eq!(new(&[TOY, Kind::new("other"), TOY], &[]).unwrap_err(), KindError::Duplicate("toy"));
        assert_eq!(new(&[TOY], &["toy"]).unwrap_err(), KindError::Reserved("toy"));
        for name in ["finish", "help"] {
            assert_eq!(new(&[Kind::new(name)], &[]).unwrap_err(), KindError::Reserved(name));
        }
        for name in ["", "Toy", "a kind"] {
            assert_eq!(new(&[Kind::new(name)], &[]).unwrap_err(), KindError::Malformed(name));
        }
        let error = new(&[Kind::new("show").parts(&["toy"])], &[]).unwrap_err();
        assert_eq!(error.to_string(), "kind 'show' needs 'toy', which is not in this build");
    }

    #[test]
    fn what_a_kind_needs_is_also_what_its_parts_need() {
        let sample = &[Sample::File { model: "pictures", file: "cat.png" }];
        let show = Kind::new("show").parts(&["toy", "play"]).models(&["screen", "net"]).samples(sample);
        let kinds = Kinds::new([show, TOY, Kind::new("play").parts(&["show", "toy"])], []).unwrap();
        assert_eq!(kinds.models_of("show").unwrap(), ["screen", "net", "pictures"]);
        assert_eq!(kinds.models_of("toy").unwrap(), ["net"]);
        assert_eq!(kinds.models_of("nothing"), None);
        assert_eq!(kinds.with_parts("play").len(), 3);
        let programs = kinds.programs();
        assert_eq!((programs[0].0.name, &*programs[0].1), ("ffmpeg", &["toy"][..]));
    }

    #[test]
    fn names_are_compared_at_compile_time() {
        const { assert!(is_same("toy", "toy") && !is_same("toy", "to") && !is_same("", "toy") && !is_same("toy", "tox")) };
    }
}
