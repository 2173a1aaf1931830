//! What a person sees while jobs run: a bar with the time left on a terminal, plain lines now and then in a pipe.
//!
//! Everything shown comes from events, which are lossy: nothing here decides whether a job is done.

use std::{
    collections::HashMap,
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use medley_proto::{Event, EventBody, JobId, StepId};
use medley_step::WHOLE_JOB;

use super::printable::printable;

/// How often a pipe gets a line about a job.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Steps of the bar: a thousandth of the job each.
const BAR_LENGTH: u64 = 1000;

#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct Show {
    /// Prints the manifest as JSON, one line for each job.
    #[arg(long)]
    pub json: bool,
    /// Prints only errors.
    #[arg(short, long)]
    pub quiet: bool,
}

/// How far a job is.
#[derive(Debug)]
struct Job {
    label: String,
    /// The work of the stage that is measured, and its unit.
    planned: Option<(f64, String)>,
    /// Of each step that told of itself in that unit: how much it has done, and how much it is in all.
    steps: HashMap<StepId, (f64, f64)>,
    /// What is told is of a stage that looks how much work there is; until that is planned nobody can say how long the
    /// rest takes.
    preparing: bool,
    /// When the measured work began.
    since: Option<Instant>,
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
}

/// How far, in words and as a share.
#[derive(Debug, PartialEq)]
struct Estimate {
    share: f64,
    done: f64,
    total: f64,
    unit: String,
    preparing: bool,
    left: Option<Duration>,
}

impl Job {
    fn new(label: &str) -> Self {
        let (label, steps) = (printable(label).into_owned(), HashMap::new());
        Self { label, planned: None, steps, preparing: false, since: None, bar: None, last_line: None }
    }

    fn take(&mut self, event: &Event, now: Instant) {
        match (&event.body, &event.step) {
            (EventBody::Planned { work, unit, .. }, _) if *work > 0.0 => {
                self.planned = Some((*work, unit.clone()));
                self.steps.clear();
                self.preparing = false;
                self.since = Some(now);
            }
            (EventBody::Progress { done, total, unit }, Some(step)) => {
                let counts = self.planned.as_ref().is_none_or(|(_, planned)| planned == unit);
                if counts {
                    self.preparing = self.planned.is_none() && step.stage.as_str() != WHOLE_JOB;
                    self.since.get_or_insert(now);
                    self.steps.insert(step.clone(), (*done, *total));
                }
            }
            (EventBody::Done { .. }, Some(step)) => {
                if let Some((done, total)) = self.steps.get_mut(step) {
                    *done = *total;
                }
            }
            _ => {}
        }
    }

    fn estimate(&self, unit: &str, now: Instant) -> Option<Estimate> {
        // An empty sum is −0.
        let done = self.steps.values().map(|(done, _)| done).sum::<f64>() + 0.0;
        let (total, unit) = match &self.planned {
            Some((total, unit)) => (*total, unit.as_str()),
            None => (self.steps.values().map(|(_, total)| total).sum(), unit),
        };
        if total <= 0.0 {
            return None;
        }
        let share = (done / total).clamp(0.0, 1.0);
        let elapsed = now.duration_since(self.since?).as_secs_f64();
        let left = (!self.preparing && share > 0.02 && share < 1.0 && elapsed > 1.0)
            .then(|| Duration::from_secs_f64((elapsed * (1.0 - share) / share).min(1e6)));
        Some(Estimate { share, done: done.min(total), total, unit: unit.into(), preparing: self.preparing, left })
    }
}

/// The progress of the jobs of one command.
#[derive(Debug)]
pub(super) struct Progress {
    jobs: HashMap<JobId, Job>,
    bars: Option<MultiProgress>,
    quiet: bool,
}

impl Progress {
    pub(super) fn new(show: Show) -> Self {
        let bars = (stderr().is_terminal() && !show.quiet).then(MultiProgress::new);
        Self { jobs: HashMap::new(), bars, quiet: show.quiet }
    }

    pub(super) fn add(&mut self, job: JobId, label: &str) {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new(BAR_LENGTH));
            let style = ProgressStyle::with_template("{prefix:24!} {bar:32} {percent:>3} % {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(printable(label).into_owned());
            bar
        });
        self.jobs.insert(job, Job { bar, ..Job::new(label) });
    }

    pub(super) fn event(&mut self, event: &Event) {
        let now = Instant::now();
        let Some(job) = self.jobs.get_mut(&event.job) else { return };
        job.take(event, now);
        if let EventBody::Retrying { code, message, in_ms } = &event.body {
            let text = format!("{}: {message} ({code}); trying again in {:.0} s", job.label, *in_ms as f64 / 1000.0);
            self.line(&text);
            return;
        }
        let unit = match &event.body {
            EventBody::Progress { unit, .. } => unit.as_str(),
            _ => "",
        };
        let Some(estimate) = job.estimate(unit, now) else { return };
        let words = words(&estimate);
        let words = printable(&words).into_owned();
        if let Some(bar) = &job.bar {
            bar.set_position((estimate.share * BAR_LENGTH as f64) as u64);
            bar.set_message(words);
        } else if !self.quiet && job.last_line.is_none_or(|last| now - last >= LINE_EVERY) {
            job.last_line = Some(now);
            eprintln!("{}: {:.0} % {words}", job.label, estimate.share * 100.0);
        }
    }

    /// Says what a person would not expect of the job's result.
    pub(super) fn warn(&self, job: JobId, warning: &str) {
        if let Some(job) = self.jobs.get(&job).filter(|_| !self.quiet) {
            self.line(&format!("warning: {}: {warning}", job.label));
        }
    }

    /// A line above the bars.
    fn line(&self, text: &str) {
        let text = printable(text).into_owned();
        match &self.bars {
            Some(bars) => drop(bars.println(text)),
            None => eprintln!("{text}"),
        }
    }

    /// The job ended; `note` says how.
    pub(super) fn end(&mut self, job: JobId, note: &str) {
        let Some(job) = self.jobs.remove(&job) else { return };
        let note = printable(note);
        match job.bar {
            Some(bar) => {
                bar.set_position(BAR_LENGTH);
                bar.finish_with_message(note.into_owned());
            }
            None if self.quiet => {}
            None => eprintln!("{}: {note}", job.label),
        }
    }
}

fn words(estimate: &Estimate) -> String {
    let Estimate { done, total, unit, preparing, left, .. } = estimate;
    let left = left.map(|left| format!(", {} left", span(left))).unwrap_or_default();
    let preparing = if *preparing { "looked through: " } else { "" };
    format!("{preparing}{done:.0} of {total:.0} {unit}{left}")
}

/// A time as people say it.
pub(super) fn span(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..=90 => format!("{s} s"),
        s @ 91..=900 => format!("{} min {} s", s / 60, s % 60),
        s @ 901..=5400 => format!("{} min", (s + 30) / 60),
        s => format!("{:.1} h", s as f64 / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use medley_proto::Name;

    use super::*;

    fn event(step: Option<&str>, body: EventBody) -> Event {
        let step = step.map(|id| id.parse().unwrap());
        Event { v: 1, tenant: Name::from_static("t"), job: JobId::fresh(1, 1), step, at_ms: 0, body }
    }

    fn seconds(done: f64, total: f64) -> EventBody {
        EventBody::Progress { done, total, unit: "seconds of audio".into() }
    }

    #[test]
    fn the_time_left_follows_from_the_work_that_was_planned() {
        let start = Instant::now();
        let mut job = Job::new("");
        // Looking through the file counts on its own, and no longer once the real work is known.
        job.take(&event(Some("plan/0/0"), seconds(100.0, 100.0)), start);
        assert_eq!(job.estimate("seconds of audio", start).unwrap().share, 1.0);
        job.take(&event(Some("plan/0/0"), seconds(50.0, 100.0)), start);
        let looking = job.estimate("seconds of audio", start + Duration::from_secs(10)).unwrap();
        assert_eq!(words(&looking), "looked through: 50 of 100 seconds of audio");
        let planned = EventBody::Planned { steps: 4, work: 100.0, unit: "seconds of audio".into() };
        job.take(&event(None, planned), start);
        job.take(&event(Some("decode/0/0"), seconds(5.0, 25.0)), start + Duration::from_secs(5));
        job.take(&event(Some("decode/0/1"), seconds(5.0, 25.0)), start + Duration::from_secs(5));
        job.take(
            &event(Some("gather/0/0"), EventBody::Progress { done: 1.0, total: 1.0, unit: "files".into() }),
            start,
        );
        let estimate = job.estimate("", start + Duration::from_secs(10)).unwrap();
        assert_eq!((estimate.share, estimate.done, estimate.total), (0.1, 10.0, 100.0));
        assert_eq!(estimate.left, Some(Duration::from_secs(90)));
        job.take(&event(Some("decode/0/0"), EventBody::Done { run_ms: 1 }), start);
        assert_eq!(job.estimate("", start).unwrap().share, 0.3);
    }

    #[test]
    fn a_job_of_one_step_tells_its_time_left_at_once() {
        let start = Instant::now();
        let mut job = Job::new("");
        job.take(&event(Some("run/0/0"), seconds(25.0, 100.0)), start);
        let estimate = job.estimate("seconds of audio", start + Duration::from_secs(10)).unwrap();
        assert_eq!(words(&estimate), "25 of 100 seconds of audio, 30 s left");
    }

    #[test]
    fn spans_are_told_as_people_do() {
        assert_eq!(span(Duration::from_secs(42)), "42 s");
        assert_eq!(span(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(span(Duration::from_secs(1500)), "25 min");
        assert_eq!(span(Duration::from_secs(7200)), "2.0 h");
    }
}
