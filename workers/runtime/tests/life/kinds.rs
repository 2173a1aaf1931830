//! Kinds of work that do what the tests need: echo, fail, crash, hog, hang, panic, scatter and gather.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use medley_proto::{ErrorCode, Name, StepId};
use medley_step::{
    BuildContext, BuildError, Recipe, Registry, StepContext, StepError, Worker,
    graph::{Done, Draft, Drafts, Fragment, GROUP_MAX, Merged, One, Scope, Whole},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn registry() -> Registry {
    Registry::default()
        .worker::<Act>()
        .worker::<Sum>()
        .worker::<Absent>()
        .recipe::<Acts>()
        .recipe::<Gathered>()
        .recipe::<NoModel>()
}

/// What one step does.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Do {
    /// Hands its number on, after a while.
    Count {
        number: u64,
        ms: u64,
    },
    /// Leaves its number in a file.
    Leave {
        number: u64,
    },
    /// Hands its number on as soon as the file exists.
    CountWhen {
        number: u64,
        file: PathBuf,
    },
    /// Fails with a transient error as long as the file exists.
    FailWhile {
        file: PathBuf,
    },
    /// Fails for good.
    Refuse,
    /// Ends the process as a defect of a native library would, as long as the file exists.
    AbortWhile {
        file: PathBuf,
    },
    /// Takes memory until it is killed.
    Hog,
    /// Works on for ever, but stops when told to.
    Linger,
    /// Works on for ever and hears nothing.
    Hang,
    Panic,
    /// Hands on how many bytes the job's input has.
    Measure,
    /// Prints where a native library would.
    Print,
    /// Works on parts of which these end the process, and notes down each before it begins with it: hands on how many it
    /// could do.
    Sift {
        parts: u64,
        deadly: Vec<u64>,
    },
}

pub(crate) struct Act;

impl Worker for Act {
    const KIND: &'static str = "act";
    type Config = ();
    type Params = Do;
    type Output = u64;

    fn build((): (), _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn run(&self, what: Do, cx: &StepContext) -> Result<u64, StepError> {
        match what {
            Do::Count { number, ms } => {
                wait(cx, Duration::from_millis(ms))?;
                cx.quality("number", number);
                Ok(number)
            }
            Do::Leave { number } => {
                cx.publish("number.txt", "text/plain", number.to_string().as_bytes())?;
                Ok(number)
            }
            Do::CountWhen { number, file } => {
                while !file.exists() {
                    wait(cx, Duration::from_millis(10))?;
                }
                Ok(number)
            }
            Do::FailWhile { file } if file.exists() => {
                Err(StepError::transient(ErrorCode::SERVICE_UNAVAILABLE, "the file is still there"))
            }
            Do::AbortWhile { file } if file.exists() => {
                // Together with its neighbours.
                thread::sleep(Duration::from_millis(100));
                eprintln!("about to abort");
                std::process::abort()
            }
            Do::FailWhile { .. } | Do::AbortWhile { .. } => Ok(1),
            Do::Refuse => Err(StepError::permanent(ErrorCode::MEDIA_UNDECODABLE, "this is no medium; give another")),
            Do::Hog => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(vec![1; 8 << 20]);
                    wait(cx, Duration::from_millis(5))?;
                }
            }
            Do::Linger => {
                cx.progress(1.0, 2.0, "lifetimes");
                wait(cx, Duration::from_secs(3_600))?;
                Ok(0)
            }
            Do::Hang => loop {
                cx.progress(1.0, 2.0, "lifetimes");
                thread::sleep(Duration::from_millis(50));
            },
            Do::Measure => {
                let input = cx.input(0)?;
                assert_eq!(std::fs::metadata(&input.path)?.len(), input.bytes);
                cx.hand_on(0, "copy")?;
                Ok(input.bytes)
            }
            Do::Panic => panic!("a defect on purpose"),
            Do::Sift { parts, deadly } => sift(parts, &deadly, cx),
            Do::Print => {
                let noise = b"\x05\x00\x00\x00noise from a library";
                // SAFETY: writes bytes that live on to a descriptor that is open.
                unsafe { libc::write(1, noise.as_ptr().cast(), noise.len()) };
                Ok(2)
            }
        }
    }
}

fn sift(parts: u64, deadly: &[u64], cx: &StepContext) -> Result<u64, StepError> {
    let others = std::fs::read_dir(cx.scratch())?.filter_map(Result::ok).filter(|entry| entry.path() != cx.notes());
    assert_eq!(others.count(), 0, "only the notes stay");
    std::fs::write(cx.scratch().join("left behind"), b"by a try that died")?;
    let (mut next, mut died) = (0, 0);
    for line in std::fs::read_to_string(cx.notes()).unwrap_or_default().lines() {
        if line == "{\"died\":\"compute_crashed\"}" {
            (next, died) = (next + 1, died + 1);
        } else if let Ok(part) = line.parse() {
            next = part;
        }
    }
    let mut notes = std::fs::OpenOptions::new().create(true).append(true).open(cx.notes())?;
    for part in next..parts {
        std::io::Write::write_all(&mut notes, format!("{part}\n").as_bytes())?;
        if deadly.contains(&part) {
            std::process::abort();
        }
    }
    Ok(parts - died)
}

fn wait(cx: &StepContext, time: Duration) -> Result<(), StepError> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        cx.checkpoint()?;
        thread::sleep(Duration::from_millis(5).min(time));
    }
    Ok(())
}

/// Adds up the outputs that it is given and leaves the sum as an artifact too.
pub(crate) struct Sum;

impl Worker for Sum {
    const KIND: &'static str = "sum";
    type Config = ();
    type Params = ();
    type Output = u64;

    fn build((): (), _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn run(&self, (): (), cx: &StepContext) -> Result<u64, StepError> {
        let mut sum = 0;
        for index in 0..cx.inputs().len() {
            sum += cx.input_json::<u64>(index)?;
        }
        cx.publish("sum.txt", "text/plain", sum.to_string().as_bytes())?;
        Ok(sum)
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ActsParams {
    /// What the steps of the first stage do.
    pub(crate) acts: Vec<Do>,
    /// Whether their results may come from the cache.
    pub(crate) cached: bool,
}

/// Scatters into acts, gathers their numbers as a tree, and adds them up.
pub(crate) struct Acts;

impl Recipe for Acts {
    const KIND: &'static str = "acts";
    const ABOUT: &'static str = "what the tests need";
    const INPUTS: std::ops::RangeInclusive<usize> = 0..=1;
}

impl Fragment for Acts {
    type Params = ActsParams;
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, ActsParams>) -> One<()> {
        let acts = g.scatter("act", (), |cx, ()| {
            let draft = |act: &Do| {
                let draft = Draft::of(Whole::<Act>(act.clone())).inputs(cx.inputs());
                Ok(if cx.params.cached { draft.cached(&[&serde_json::to_vec(act)?]) } else { draft })
            };
            Ok(cx.params.acts.iter().map(draft).collect::<Result<Drafts<_>, StepError>>()?.work(1.0, "acts"))
        });
        let sums = g.fold("merge", acts, |_, acts| Ok(sum(&acts)), |_, sums| Ok(sum(&sums)));
        g.one("total", sums, |_, sums| {
            Ok(match sums {
                Merged::Parts(acts) => sum(&acts),
                Merged::Merges(sums) => sum(&sums),
            })
        })
    }
}

fn sum<T>(done: &[Done<T>]) -> Draft<Whole<Sum>> {
    Draft::of(Whole::<Sum>(())).inputs(done.iter().map(Done::output))
}

/// Scatters into acts, waits for all, and adds up the numbers in the files that they left.
pub(crate) struct Gathered;

impl Recipe for Gathered {
    const KIND: &'static str = "gathered";
    const ABOUT: &'static str = "what the tests of marks need";
    const INPUTS: std::ops::RangeInclusive<usize> = 0..=0;
}

impl Fragment for Gathered {
    type Params = ActsParams;
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, ActsParams>) -> Self::Ends {
        let act = g.scatter("act", (), |cx, ()| {
            Ok(cx.params.acts.iter().map(|act| Draft::of(Whole::<Act>(act.clone()))).collect())
        });
        let all = g.gather("merge", act);
        g.one("total", all, |_, all| Ok(Draft::of(Whole::<Sum>(())).inputs(all.files())))
    }
}

/// A kind that cannot work on any machine.
pub(crate) struct Absent;

impl Worker for Absent {
    const KIND: &'static str = "absent";
    type Config = ();
    type Params = ();
    type Output = ();

    fn build((): (), _: &BuildContext) -> Result<Self, BuildError> {
        let message = "model 'x' is not in the cache; get it with `medley models pull x`".into();
        Err(BuildError { code: ErrorCode::MODEL_MISSING, message, source: None })
    }

    fn run(&self, (): (), _: &StepContext) -> Result<(), StepError> {
        Ok(())
    }
}

pub(crate) struct NoModel;

impl Recipe for NoModel {
    const KIND: &'static str = "no-model";
    const ABOUT: &'static str = "needs a model that nobody has";
    const INPUTS: std::ops::RangeInclusive<usize> = 0..=0;
}

impl Fragment for NoModel {
    type Params = ();
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, ()>) -> One<()> {
        g.whole::<Absent>()
    }
}

pub(crate) fn act(n: u32) -> StepId {
    StepId::new(Name::from_static("act"), n / GROUP_MAX, n % GROUP_MAX)
}
