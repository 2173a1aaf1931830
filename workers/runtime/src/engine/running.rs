//! The steps that this worker runs right now, so that they can be stopped.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use medley_proto::{JobId, Name, Step, StepId};
use tokio::sync::{Notify, watch};

use crate::compute::StopReason;

#[derive(Debug, Default)]
pub(crate) struct RunningSteps {
    steps: Mutex<HashMap<u64, Entry>>,
    next_number: AtomicU64,
    draining: AtomicBool,
    claims: Mutex<HashSet<Claimed>>,
    released: Notify,
}

type Claimed = (Name, JobId, StepId);

/// The right to work on a step in this process; a second delivery of the same step waits for it.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    running: &'a RunningSteps,
    step: Claimed,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.running.claims().remove(&self.step);
        self.running.released.notify_waiters();
    }
}

#[derive(Debug)]
struct Entry {
    tenant: Name,
    job: JobId,
    stop: watch::Sender<Option<StopReason>>,
}

/// A step on the list; dropping this takes it off.
#[derive(Debug)]
pub(crate) struct RunningStep<'a> {
    running: &'a RunningSteps,
    number: u64,
    stop: watch::Receiver<Option<StopReason>>,
    gauge: metrics::Gauge,
}

impl RunningSteps {
    fn steps(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claims(&self) -> MutexGuard<'_, HashSet<Claimed>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other copy of the step is worked on here: the second one will find the first one's result.
    pub(crate) async fn claim(&self, step: &Step) -> Claim<'_> {
        let claimed = (step.tenant.clone(), step.job, step.id.clone());
        loop {
            let released = self.released.notified();
            tokio::pin!(released);
            // From here on no release is missed.
            released.as_mut().enable();
            if self.claims().insert(claimed.clone()) {
                return Claim { running: self, step: claimed };
            }
            released.await;
        }
    }

    pub(crate) fn enter(&self, step: &Step) -> RunningStep<'_> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let mut steps = self.steps();
        let reason = self.draining.load(Ordering::Relaxed).then_some(StopReason::Draining);
        let (sender, stop) = watch::channel(reason);
        steps.insert(number, Entry { tenant: step.tenant.clone(), job: step.job, stop: sender });
        // What a broker counts as waiting leaves these out: who scales workers away must know of both.
        let gauge = metrics::gauge!("medley_steps_running", "kind" => step.kind.to_string());
        gauge.increment(1);
        RunningStep { running: self, number, stop, gauge }
    }

    /// Whether any step of the job runs here.
    pub(crate) fn has(&self, tenant: &Name, job: JobId) -> bool {
        self.steps().values().any(|step| step.job == job && step.tenant == *tenant)
    }

    /// Stops all steps of a job because it was cancelled.
    pub(crate) fn cancel(&self, tenant: &Name, job: JobId) {
        for step in self.steps().values().filter(|step| step.job == job && step.tenant == *tenant) {
            send_reason(&step.stop, StopReason::Cancelled);
        }
    }

    /// Stops every step, also those that enter later, because the worker stops.
    pub(crate) fn drain(&self) {
        let steps = self.steps();
        self.draining.store(true, Ordering::Relaxed);
        for step in steps.values() {
            send_reason(&step.stop, StopReason::Draining);
        }
    }
}

/// The first reason stands.
fn send_reason(stop: &watch::Sender<Option<StopReason>>, reason: StopReason) {
    stop.send_if_modified(|reason_sent| {
        let first = reason_sent.is_none();
        reason_sent.get_or_insert(reason);
        first
    });
}

impl RunningStep<'_> {
    pub(crate) fn stop_reason(&self) -> watch::Receiver<Option<StopReason>> {
        self.stop.clone()
    }

    pub(crate) fn may_go_on(&self) -> bool {
        self.stop.borrow().is_none()
    }

    pub(crate) fn stop_for(&self, reason: StopReason) {
        if let Some(step) = self.running.steps().get(&self.number) {
            send_reason(&step.stop, reason);
        }
    }
}

impl Drop for RunningStep<'_> {
    fn drop(&mut self) {
        self.running.steps().remove(&self.number);
        self.gauge.decrement(1);
    }
}
