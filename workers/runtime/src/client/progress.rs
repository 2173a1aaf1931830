//! How far a job is: units done of units known, how fast, and how long the rest takes.
//!
//! One model for all who follow a job's events: the terminal's bar, the lines of a pipe, and what serves them elsewhere.
//! Events are lossy; nothing here decides whether a job is done.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use medley_proto::{Event, EventBody, Name, StepId};
use medley_step::WHOLE_JOB;

/// The stretch that the recent rate is taken over.
const RECENT: Duration = Duration::from_secs(30);
/// Before so much is done, and so long it took, nobody can say how long the rest takes.
const MIN_SHARE: f64 = 0.02;
const MIN_ELAPSED: Duration = Duration::from_secs(1);
/// No estimate is longer: beyond it stands a rate of nearly nothing.
const LONGEST_LEFT_S: f64 = 1e6;

/// What is known of one job.
#[derive(Debug, Default)]
pub struct JobProgress {
    measured: Option<Measured>,
    /// Of each step that said how far it is: how much it has done, and how much it is in all, in the measured unit.
    steps: HashMap<StepId, Portion>,
    /// The unit and stage that were told last, where no stage is measured yet.
    told: Option<(String, Name)>,
    /// How much was done at which time, since the measured work began; the first stays, the others are recent.
    first: Option<Sample>,
    recent: VecDeque<Sample>,
}

/// The stage whose work was planned.
#[derive(Debug)]
struct Measured {
    work: f64,
    unit: String,
    steps: u32,
    /// Where the event did not say it: known as soon as one of its steps is heard of.
    stage: Option<Name>,
    /// What was done before anybody watched.
    before: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Portion {
    done: f64,
    total: f64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    done: f64,
}

/// How far a job is at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    pub done: f64,
    pub total: f64,
    pub unit: String,
    /// The stage that is told of, where it is not the job's measured work: how much that is, is not known yet.
    pub stage: Option<String>,
    /// Units a second.
    pub rate: Option<f64>,
    /// The shortest and the longest time left: by the rate so far, and by that of the last half minute.
    pub left: Option<(Duration, Duration)>,
}

impl Estimate {
    pub fn share(&self) -> f64 {
        (self.done / self.total).clamp(0.0, 1.0)
    }
}

impl JobProgress {
    /// Takes what an event says; whether that changes how far the job is.
    pub fn take(&mut self, event: &Event, now: Instant) -> bool {
        let changed = match (&event.body, &event.step) {
            (EventBody::Planned { steps, work, unit, stage, done }, _) if *work > 0.0 => {
                let before = *work * f64::from(*done) / f64::from((*steps).max(1));
                let (unit, stage) = (unit.clone(), stage.clone());
                self.measure(Measured { work: *work, unit, steps: *steps, stage, before }, now);
                true
            }
            (EventBody::Started { .. }, Some(step)) => self.is_measured(step),
            (EventBody::Progress { done, total, unit }, Some(step)) => self.tell(step, (*done, *total), unit),
            (EventBody::Done { .. }, Some(step)) => self.finish(step),
            _ => false,
        };
        if changed {
            self.sample(now);
        }
        changed
    }

    fn measure(&mut self, measured: Measured, now: Instant) {
        self.steps.clear();
        self.recent.clear();
        self.first = Some(Sample { at: now, done: measured.before });
        self.measured = Some(measured);
    }

    /// Whether a step is of the measured stage: that of the first step that is heard of after the work was planned.
    fn is_measured(&mut self, step: &StepId) -> bool {
        match &mut self.measured {
            Some(measured) => *measured.stage.get_or_insert_with(|| step.stage.clone()) == step.stage,
            None => false,
        }
    }

    fn tell(&mut self, step: &StepId, (done, total): (f64, f64), unit: &str) -> bool {
        let Some(measured) = &self.measured else {
            let stage_began = self.told.as_ref().is_none_or(|(before, of)| before != unit || *of != step.stage);
            if stage_began {
                self.steps.clear();
                (self.first, self.told) = (None, Some((unit.to_owned(), step.stage.clone())));
            }
            self.steps.insert(step.clone(), Portion { done, total });
            return true;
        };
        let portion = if measured.unit == unit {
            Portion { done, total }
        } else {
            // Sentences of a job that is measured in characters: what counts is which share of the step is done.
            let whole = measured.work / f64::from(measured.steps.max(1));
            Portion { done: whole * (done / total).clamp(0.0, 1.0), total: whole }
        };
        let counts = self.is_measured(step) && portion.done.is_finite() && portion.total.is_finite();
        if counts {
            self.steps.insert(step.clone(), portion);
        }
        counts
    }

    /// A step that is done has done all of its work, and one that said nothing of it has done its share of the stage's.
    fn finish(&mut self, step: &StepId) -> bool {
        if let Some(portion) = self.steps.get_mut(step) {
            portion.done = portion.total;
            return true;
        }
        // The step that planned the work is done after it: which stage is measured, others tell.
        let Some(measured) = self.measured.as_ref().filter(|measured| measured.stage.as_ref() == Some(&step.stage))
        else {
            return false;
        };
        let whole = measured.work / f64::from(measured.steps.max(1));
        self.steps.insert(step.clone(), Portion { done: whole, total: whole });
        true
    }

    fn sample(&mut self, now: Instant) {
        let sample = Sample { at: now, done: self.done() };
        self.first.get_or_insert(sample);
        self.recent.push_back(sample);
        while self.recent.len() > 2 && self.recent.front().is_some_and(|old| now.duration_since(old.at) > RECENT) {
            self.recent.pop_front();
        }
    }

    fn done(&self) -> f64 {
        let before = self.measured.as_ref().map_or(0.0, |measured| measured.before);
        self.steps.values().map(|portion| portion.done).sum::<f64>() + before
    }

    /// How far the job is; `None` until it says anything of it.
    pub fn estimate(&self, now: Instant) -> Option<Estimate> {
        let (total, unit, stage) = match (&self.measured, &self.told) {
            (Some(measured), _) => (measured.work, &measured.unit, None),
            (None, Some((unit, stage))) => {
                let total = self.steps.values().map(|portion| portion.total).sum();
                (total, unit, Some(stage.to_string()).filter(|stage| stage != WHOLE_JOB))
            }
            (None, None) => return None,
        };
        if total.is_nan() || total <= 0.0 {
            return None;
        }
        let done = self.done().min(total);
        let known = stage.is_none() && done < total && done / total > MIN_SHARE;
        let rate = self.first.and_then(|first| self.rate_since(first));
        let left = rate.filter(|_| known).map(|rate| self.left(total - done, rate, now));
        Some(Estimate { done, total, unit: unit.clone(), stage, rate, left })
    }

    /// Units a second since a sample.
    fn rate_since(&self, since: Sample) -> Option<f64> {
        let last = self.recent.back()?;
        let elapsed = last.at.duration_since(since.at);
        let rate = (last.done - since.done) / elapsed.as_secs_f64();
        (elapsed > MIN_ELAPSED && rate > 0.0).then_some(rate)
    }

    /// Counted from the last event: the time left falls while nothing is told.
    fn left(&self, rest: f64, rate: f64, now: Instant) -> (Duration, Duration) {
        let recent = self.recent.front().and_then(|since| self.rate_since(*since)).unwrap_or(rate);
        let waited = self.recent.back().map_or(0.0, |last| now.duration_since(last.at).as_secs_f64());
        let left = |rate: f64| Duration::from_secs_f64((rest / rate - waited).clamp(0.0, LONGEST_LEFT_S));
        (left(rate.max(recent)), left(rate.min(recent)))
    }
}

#[cfg(test)]
mod tests {
    use medley_proto::JobId;

    use super::*;

    const AUDIO: &str = "s of audio";

    fn event(step: Option<&str>, body: EventBody) -> Event {
        let step = step.map(|id| id.parse().unwrap());
        Event { v: 1, tenant: Name::from_static("t"), job: JobId::fresh(1, 1), step, at_ms: 0, body }
    }

    fn progress(step: &str, done: f64, total: f64, unit: &str) -> Event {
        event(Some(step), EventBody::Progress { done, total, unit: unit.into() })
    }

    fn planned(steps: u32, work: f64, unit: &str) -> Event {
        event(None, EventBody::Planned { steps, work, unit: unit.into(), stage: None, done: 0 })
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_time_left_follows_from_the_work_that_was_planned() {
        let start = Instant::now();
        let mut job = JobProgress::default();
        // Looking through the file counts on its own, and no longer once the real work is known.
        job.take(&progress("plan/0/0", 50.0, 100.0, AUDIO), start);
        let looking = job.estimate(start + seconds(10)).unwrap();
        assert_eq!((looking.stage.as_deref(), looking.done, looking.left), (Some("plan"), 50.0, None));
        job.take(&planned(4, 100.0, "s of speech"), start);
        job.take(&event(Some("plan/0/0"), EventBody::Done { run_ms: 1 }), start);
        job.take(&progress("decode/0/0", 5.0, 25.0, "s of speech"), start + seconds(5));
        job.take(&progress("decode/0/1", 5.0, 25.0, "s of speech"), start + seconds(10));
        job.take(&progress("gather/0/0", 1.0, 1.0, "files"), start + seconds(10));
        let estimate = job.estimate(start + seconds(10)).unwrap();
        assert_eq!((estimate.share(), estimate.done, estimate.total), (0.1, 10.0, 100.0));
        assert_eq!((estimate.rate, estimate.left), (Some(1.0), Some((seconds(90), seconds(90)))));
        // While nothing is told, the time left falls.
        assert_eq!(job.estimate(start + seconds(30)).unwrap().left, Some((seconds(70), seconds(70))));
        job.take(&event(Some("decode/0/0"), EventBody::Done { run_ms: 1 }), start + seconds(30));
        let estimate = job.estimate(start + seconds(30)).unwrap();
        assert_eq!((estimate.share(), estimate.unit.as_str()), (0.3, "s of speech"));
    }

    #[test]
    fn who_watches_later_knows_the_total_and_a_rate_of_what_is_seen() {
        let start = Instant::now();
        let mut job = JobProgress::default();
        let unit = "characters".to_owned();
        let stage = Some(Name::from_static("say"));
        job.take(&event(None, EventBody::Planned { steps: 4, work: 1000.0, unit, stage, done: 2 }), start);
        let before = job.estimate(start).unwrap();
        assert_eq!((before.done, before.total, before.rate), (500.0, 1000.0, None));
        job.take(&event(Some("say/0/2"), EventBody::Done { run_ms: 1 }), start + seconds(10));
        let estimate = job.estimate(start + seconds(10)).unwrap();
        assert_eq!(
            (estimate.done, estimate.rate, estimate.left),
            (750.0, Some(25.0), Some((seconds(10), seconds(10))))
        );
    }

    #[test]
    fn steps_that_count_in_another_unit_count_by_their_share() {
        let start = Instant::now();
        let mut job = JobProgress::default();
        job.take(&planned(2, 1000.0, "characters"), start);
        job.take(&progress("say/0/0", 3.0, 4.0, "sentences"), start + seconds(3));
        assert_eq!(job.estimate(start + seconds(3)).unwrap().done, 375.0);
        // A step that says nothing of its work before it is done.
        job.take(&event(Some("say/0/1"), EventBody::Done { run_ms: 1 }), start + seconds(4));
        job.take(&event(Some("say/0/0"), EventBody::Done { run_ms: 1 }), start + seconds(4));
        let done = job.estimate(start + seconds(4)).unwrap();
        assert_eq!((done.done, done.unit.as_str(), done.left), (1000.0, "characters", None));
        job.take(&event(Some("join/0/0"), EventBody::Done { run_ms: 1 }), start + seconds(5));
        assert_eq!(job.estimate(start + seconds(5)).unwrap(), done.clone());
    }

    #[test]
    fn a_job_of_one_step_tells_its_time_left_at_once() {
        let start = Instant::now();
        let mut job = JobProgress::default();
        job.take(&progress("run/0/0", 0.0, 100.0, AUDIO), start);
        job.take(&progress("run/0/0", 25.0, 100.0, AUDIO), start + seconds(10));
        let estimate = job.estimate(start + seconds(10)).unwrap();
        assert_eq!((estimate.stage, estimate.left), (None, Some((seconds(30), seconds(30)))));
    }

    #[test]
    fn a_rate_that_changes_makes_a_range() {
        let start = Instant::now();
        let mut job = JobProgress::default();
        job.take(&planned(1, 200.0, "images"), start);
        for (at, done) in [(50, 50.0), (60, 70.0), (80, 100.0)] {
            job.take(&progress("look/0/0", done, 200.0, "images"), start + seconds(at));
        }
        let (short, long) = job.estimate(start + seconds(80)).unwrap().left.unwrap();
        // 1.25 a second in all, 1.67 lately.
        assert_eq!((short.as_secs(), long.as_secs()), (60, 80));
    }
}
