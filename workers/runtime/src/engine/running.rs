//! The steps that this worker runs right now, so that they can be told to stop.

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
pub(crate) struct Running {
    steps: Mutex<HashMap<u64, Occupied>>,
    seats: AtomicU64,
    draining: AtomicBool,
    claims: Mutex<HashSet<Claimed>>,
    given_up: Notify,
}

type Claimed = (Name, JobId, StepId);

/// The right to work on a step in this process; a second delivery of the same step waits for it.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    running: &'a Running,
    step: Claimed,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.running.claims().remove(&self.step);
        self.running.given_up.notify_waiters();
    }
}

#[derive(Debug)]
struct Occupied {
    tenant: Name,
    job: JobId,
    stop: watch::Sender<Option<StopReason>>,
}

/// A running step's place; leaving it takes the step off the list.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    running: &'a Running,
    number: u64,
    stop: watch::Receiver<Option<StopReason>>,
}

impl Running {
    fn steps(&self) -> MutexGuard<'_, HashMap<u64, Occupied>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claims(&self) -> MutexGuard<'_, HashSet<Claimed>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other copy of the step is worked on here: the second one will find the first one's result.
    pub(crate) async fn claim(&self, step: &Step) -> Claim<'_> {
        let claimed = (step.tenant.clone(), step.job, step.id.clone());
        loop {
            let given_up = self.given_up.notified();
            tokio::pin!(given_up);
            // From here on no giving up is missed.
            given_up.as_mut().enable();
            if self.claims().insert(claimed.clone()) {
                return Claim { running: self, step: claimed };
            }
            given_up.await;
        }
    }

    pub(crate) fn sit(&self, step: &Step) -> Seat<'_> {
        let number = self.seats.fetch_add(1, Ordering::Relaxed);
        let mut steps = self.steps();
        let reason = self.draining.load(Ordering::Relaxed).then_some(StopReason::Draining);
        let (sender, stop) = watch::channel(reason);
        steps.insert(number, Occupied { tenant: step.tenant.clone(), job: step.job, stop: sender });
        Seat { running: self, number, stop }
    }

    /// Whether any step of the job runs here.
    pub(crate) fn has(&self, tenant: &Name, job: JobId) -> bool {
        self.steps().values().any(|step| step.job == job && step.tenant == *tenant)
    }

    /// Tells all steps of a job that it was cancelled.
    pub(crate) fn cancel(&self, tenant: &Name, job: JobId) {
        for step in self.steps().values().filter(|step| step.job == job && step.tenant == *tenant) {
            tell(&step.stop, StopReason::Cancelled);
        }
    }

    /// Tells every step, also those that sit down later, that the worker is stopping.
    pub(crate) fn drain(&self) {
        let steps = self.steps();
        self.draining.store(true, Ordering::Relaxed);
        for step in steps.values() {
            tell(&step.stop, StopReason::Draining);
        }
    }
}

/// The first reason stands.
fn tell(stop: &watch::Sender<Option<StopReason>>, reason: StopReason) {
    stop.send_if_modified(|told| {
        let first = told.is_none();
        told.get_or_insert(reason);
        first
    });
}

impl Seat<'_> {
    pub(crate) fn stop(&self) -> watch::Receiver<Option<StopReason>> {
        self.stop.clone()
    }

    pub(crate) fn goes_on(&self) -> bool {
        self.stop.borrow().is_none()
    }

    pub(crate) fn tell(&self, reason: StopReason) {
        if let Some(step) = self.running.steps().get(&self.number) {
            tell(&step.stop, reason);
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.running.steps().remove(&self.number);
    }
}
