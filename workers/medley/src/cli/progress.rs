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
use medley_proto::{Event, EventBody, JobId};
use medley_runtime::{Estimate, JobProgress};

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

/// A job as it is shown.
#[derive(Debug)]
struct Job {
    label: String,
    progress: JobProgress,
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
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
        let label = printable(label).into_owned();
        self.jobs.insert(job, Job { label, progress: JobProgress::default(), bar, last_line: None });
    }

    pub(super) fn event(&mut self, event: &Event) {
        let now = Instant::now();
        let Some(job) = self.jobs.get_mut(&event.job) else { return };
        let changed = job.progress.take(event, now);
        match &event.body {
            EventBody::Retrying { code, message, in_ms } => {
                let in_s = *in_ms as f64 / 1000.0;
                let text = format!("{}: {message} ({code}); trying again in {in_s:.0} s", job.label);
                self.line(&text);
            }
            // The first step may say nothing of its work for a while.
            EventBody::Started { .. } if job.progress.estimate(now).is_none() => {
                if let Some(bar) = &job.bar {
                    bar.set_message("started");
                }
            }
            _ if changed => job.show(now, self.quiet),
            _ => {}
        }
    }

    /// Shows how far a job is by what somebody else worked out.
    pub(super) fn tell(&mut self, job: JobId, estimate: &Estimate) {
        if let Some(job) = self.jobs.get_mut(&job) {
            job.say(estimate, Instant::now(), self.quiet);
        }
    }

    /// Shows the time left as it is now, also where nothing was told lately.
    pub(super) fn tick(&self) {
        let now = Instant::now();
        for job in self.jobs.values() {
            job.redraw(now);
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

impl Job {
    fn show(&mut self, now: Instant, quiet: bool) {
        if let Some(estimate) = self.progress.estimate(now) {
            self.say(&estimate, now, quiet);
        }
    }

    fn say(&mut self, estimate: &Estimate, now: Instant, quiet: bool) {
        if let Some(bar) = &self.bar {
            return draw(bar, estimate);
        }
        if quiet || self.last_line.is_some_and(|last| now - last < LINE_EVERY) {
            return;
        }
        self.last_line = Some(now);
        let percent = match estimate.stage {
            None => format!("{:.0} % ", estimate.share() * 100.0),
            Some(_) => String::new(),
        };
        eprintln!("{}: {percent}{}", self.label, printable(&words(estimate)));
    }

    fn redraw(&self, now: Instant) {
        if let (Some(bar), Some(estimate)) = (&self.bar, self.progress.estimate(now)) {
            draw(bar, &estimate);
        }
    }
}

fn draw(bar: &ProgressBar, estimate: &Estimate) {
    // How much of the whole job a stage is that only prepares it, nobody knows.
    let share = if estimate.stage.is_none() { estimate.share() } else { 0.0 };
    bar.set_position((share * BAR_LENGTH as f64) as u64);
    bar.set_message(printable(&words(estimate)).into_owned());
}

fn words(estimate: &Estimate) -> String {
    let Estimate { done, total, unit, stage, rate, left } = estimate;
    let stage = stage.as_ref().map(|stage| format!("{stage}: ")).unwrap_or_default();
    let rate = rate.map(|rate| format!(", {} a second", number(rate))).unwrap_or_default();
    let left = left.map(|left| format!(", {} left", range(left))).unwrap_or_default();
    format!("{stage}{done:.0} of {total:.0} {unit}{rate}{left}")
}

/// Two digits that tell.
fn number(value: f64) -> String {
    match value {
        10.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A time from the shortest to the longest, or one where they are much alike.
fn range((short, long): (Duration, Duration)) -> String {
    if long.saturating_sub(short) <= long / 5 {
        return span((short + long) / 2);
    }
    format!("{} to {}", span(short), span(long))
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
    use super::*;

    #[test]
    fn what_is_done_its_rate_and_the_time_left_stand_in_one_line() {
        let seconds = Duration::from_secs;
        let estimate = Estimate {
            done: 52.4,
            total: 573.0,
            unit: "s of speech".into(),
            stage: None,
            rate: Some(3.25),
            left: Some((seconds(150), seconds(170))),
        };
        assert_eq!(words(&estimate), "52 of 573 s of speech, 3.2 a second, 2 min 40 s left");
        let wide = Estimate { left: Some((seconds(60), seconds(200))), rate: Some(0.5), ..estimate.clone() };
        assert_eq!(words(&wide), "52 of 573 s of speech, 0.50 a second, 60 s to 3 min 20 s left");
        let preparing = Estimate { stage: Some("plan".into()), rate: None, left: None, ..estimate };
        assert_eq!(words(&preparing), "plan: 52 of 573 s of speech");
    }

    #[test]
    fn spans_are_told_as_people_do() {
        assert_eq!(span(Duration::from_secs(42)), "42 s");
        assert_eq!(span(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(span(Duration::from_secs(1500)), "25 min");
        assert_eq!(span(Duration::from_secs(7200)), "2.0 h");
    }
}
