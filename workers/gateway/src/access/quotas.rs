//! What a tenant may take: jobs in flight, bytes a day, minutes of media a day (`[tenants.<name>]` of `medley.toml`).
//!
//! With one gateway the first two are exact. With n gateways a tenant may get beyond a quota by what the others let in within
//! the 30 seconds in which a gateway has not heard of it. Minutes are known when a job has ended: what is in flight when they
//! are used up still runs.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use medley_proto::{JobId, Name};
use medley_runtime::{Client, Clock, Error, Request, Submitted, TenantSettings};

use super::{
    Caller,
    usage::{OTHERS_MS, SharedUsage},
};
use crate::{problem::Problem, state::App};

/// RFC 9457's registered type, of draft-ietf-httpapi-ratelimit-headers.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
/// A full quota is looked at anew after so long: a job that ended makes room within it.
const LOOK_AGAIN_MS: u64 = 1_000;
const DAY_MS: u64 = 86_400_000;

/// A job on its way in, or one that came in since the open jobs were last listed.
#[derive(Debug)]
struct Admission {
    /// When its submission was done; [`ON_ITS_WAY`] or [`GIVEN_BACK`].
    done_ms: AtomicU64,
}

const ON_ITS_WAY: u64 = 0;
const GIVEN_BACK: u64 = u64::MAX;

/// How many of a tenant's jobs are in flight.
#[derive(Debug, Default)]
struct Tally {
    listed: usize,
    listed_ms: Option<u64>,
    since: Vec<Arc<Admission>>,
}

impl Tally {
    fn count(&mut self) -> usize {
        self.since.retain(|admission| admission.done_ms.load(Ordering::Acquire) != GIVEN_BACK);
        self.listed + self.since.len()
    }

    fn is_old(&self, now_ms: u64, age_ms: u64) -> bool {
        self.listed_ms.is_none_or(|listed_ms| now_ms < listed_ms || now_ms - listed_ms >= age_ms)
    }

    /// The open jobs were listed at or after `at_ms`: those that were in before it are among them.
    fn listed(&mut self, count: usize, at_ms: u64) {
        self.listed = count;
        self.listed_ms = Some(at_ms);
        self.since.retain(|admission| match admission.done_ms.load(Ordering::Acquire) {
            ON_ITS_WAY => true,
            GIVEN_BACK => false,
            done_ms => done_ms >= at_ms,
        });
    }
}

/// Room for one job, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    clock: Clock,
    admission: Option<Arc<Admission>>,
}

impl Permit {
    /// The job was accepted.
    pub(crate) fn accepted(mut self) {
        if let Some(admission) = self.admission.take() {
            admission.done_ms.store(self.clock.now_ms().clamp(1, GIVEN_BACK - 1), Ordering::Release);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(admission) = self.admission.take() {
            admission.done_ms.store(GIVEN_BACK, Ordering::Release);
        }
    }
}

/// Which quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Jobs,
    Bytes,
    MediaMinutes,
}

impl Policy {
    fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Bytes => "bytes",
            Self::MediaMinutes => "media-minutes",
        }
    }
}

/// Keeps tenants within what was agreed.
#[derive(Debug)]
pub(crate) struct Quotas {
    client: Client,
    usage: SharedUsage,
    tallies: Mutex<HashMap<Name, Arc<tokio::sync::Mutex<Tally>>>>,
}

impl Quotas {
    pub(super) fn new(client: Client, usage: SharedUsage) -> Self {
        Self { client, usage, tallies: Mutex::default() }
    }

    fn agreed(&self, tenant: &Name) -> Option<&TenantSettings> {
        self.client.backend().settings().tenants.get(tenant)
    }

    fn clock(&self) -> &Clock {
        self.client.backend().clock()
    }

    /// Lets one more job in.
    ///
    /// # Errors
    /// A problem when the tenant has no room for it, or the store does not answer.
    pub(crate) async fn admit(&self, tenant: &Name) -> Result<Permit, Problem> {
        let agreed = self.agreed(tenant);
        if let Some(limit) = agreed.and_then(|agreed| agreed.max_media_minutes_a_day) {
            let used_s = self.usage.day(tenant, self.usage.today()).await?.media_seconds;
            if used_s >= f64::from(limit) * 60.0 {
                let what = format!("the day's {limit} minutes of media are used up; they come back at 0:00 UTC");
                return Err(self.exceeded(Policy::MediaMinutes, what));
            }
        }
        let clock = self.clock().clone();
        match agreed.and_then(|agreed| agreed.max_jobs_in_flight) {
            None => Ok(Permit { clock, admission: None }),
            Some(limit) => {
                let admission = self.admit_beside(tenant, limit as usize).await?;
                Ok(Permit { clock, admission: Some(admission) })
            }
        }
    }

    async fn admit_beside(&self, tenant: &Name, limit: usize) -> Result<Arc<Admission>, Problem> {
        let tally = self.tally(tenant);
        let mut tally = tally.lock().await;
        let now_ms = self.clock().now_ms();
        let is_full = tally.count() >= limit;
        if tally.is_old(now_ms, if is_full { LOOK_AGAIN_MS } else { OTHERS_MS }) {
            let open = self.client.open_jobs(tenant, limit.saturating_add(1)).await?;
            tally.listed(open.len(), now_ms);
        }
        if tally.count() >= limit {
            let what = format!("{limit} jobs have not ended, which is as many as may be; wait for one, or cancel one");
            return Err(self.exceeded(Policy::Jobs, what));
        }
        let admission = Arc::new(Admission { done_ms: AtomicU64::new(ON_ITS_WAY) });
        tally.since.push(Arc::clone(&admission));
        Ok(admission)
    }

    fn tally(&self, tenant: &Name) -> Arc<tokio::sync::Mutex<Tally>> {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.entry(tenant.clone()).or_default().clone()
    }

    /// Lets so many bytes in, before they are read.
    ///
    /// # Errors
    /// A problem when the day's bytes are used up, or the store does not answer.
    pub(super) async fn reserve(&self, tenant: &Name, bytes: u64) -> Result<(), Problem> {
        let Some(limit) = self.agreed(tenant).and_then(|agreed| agreed.max_bytes_a_day) else {
            self.usage.add_received(tenant, i64::try_from(bytes).unwrap_or(i64::MAX));
            return Ok(());
        };
        self.usage.reserve(tenant, bytes, limit).await?.map_err(|left| {
            let what = format!(
                "the request has {bytes} bytes and {left} of the day's {limit} are left; they come back at 0:00 UTC"
            );
            self.exceeded(Policy::Bytes, what)
        })
    }

    /// Gives back what was let in and did not come.
    pub(super) fn give_back(&self, tenant: &Name, bytes: u64) {
        self.usage.add_received(tenant, i64::try_from(bytes).unwrap_or(i64::MAX).saturating_neg());
    }

    /// A body of unknown length ran over the day's bytes on its way.
    pub(super) fn bytes_used_up(&self) -> Problem {
        let what = "the day's bytes ended within the request; they come back at 0:00 UTC";
        self.exceeded(Policy::Bytes, what.into())
    }

    fn exceeded(&self, policy: Policy, detail: String) -> Problem {
        let again = match policy {
            Policy::Jobs => Duration::from_secs(5),
            Policy::Bytes | Policy::MediaMinutes => Duration::from_secs(self.left_of_the_day_s()),
        };
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "quota_exceeded", detail)
            .of_type(QUOTA_EXCEEDED)
            .with("violated-policies", serde_json::json!([policy.name()]))
            .retry_after(again)
    }

    fn left_of_the_day_s(&self) -> u64 {
        (DAY_MS - self.clock().now_ms() % DAY_MS).div_ceil(1_000)
    }

    /// `RateLimit-Policy` and `RateLimit` of the tenant's quotas, by what is known without asking anybody.
    pub(super) fn describe(&self, tenant: &Name, headers: &mut HeaderMap) {
        let Some(agreed) = self.agreed(tenant) else { return };
        let day_s = self.left_of_the_day_s();
        let (mut policies, mut left) = (Vec::new(), Vec::new());
        if let Some(limit) = agreed.max_jobs_in_flight {
            policies.push(format!("\"jobs\";q={limit};qu=\"concurrent-requests\""));
            let tally = self.tally(tenant);
            if let Ok(mut tally) = tally.try_lock() {
                left.push(format!("\"jobs\";r={}", (limit as usize).saturating_sub(tally.count())));
            }
        }
        let used = self.usage.sum(tenant, self.usage.today());
        if let Some(limit) = agreed.max_bytes_a_day {
            policies.push(format!("\"bytes\";q={limit};w=86400;qu=\"content-bytes\""));
            left.push(format!("\"bytes\";r={};t={day_s}", limit.saturating_sub(used.received_bytes)));
        }
        if let Some(limit) = agreed.max_media_minutes_a_day {
            policies.push(format!("\"media-minutes\";q={limit};w=86400;qu=\"media-minutes\""));
            let minutes = (f64::from(limit) - used.media_seconds / 60.0).max(0.0).floor();
            left.push(format!("\"media-minutes\";r={minutes};t={day_s}"));
        }
        for (name, items) in [("ratelimit-policy", policies), ("ratelimit", left)] {
            if let Ok(value) = HeaderValue::from_str(&items.join(", "))
                && !items.is_empty()
            {
                headers.insert(name, value);
            }
        }
    }
}

impl App {
    /// Accepts a job of the caller's tenant, within its quotas. Every room submits by this.
    ///
    /// # Errors
    /// A problem of the request, a quota that is used up (429), or queue and store away.
    pub(crate) async fn submit(&self, caller: &Caller, mut request: Request) -> Result<Submitted, Problem> {
        request.tenant = caller.tenant.clone();
        let key = request.idempotency_key.as_ref();
        let earlier = key.map(|key| JobId::from_key(&caller.tenant, key));
        self.accept(caller, earlier, self.client.submit(request)).await
    }

    /// Asks again for what a job asked for, within the caller's quotas.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub(crate) async fn retry(&self, caller: &Caller, job: JobId) -> Result<Submitted, Problem> {
        self.accept(caller, None, self.client.retry(&caller.tenant, job)).await
    }

    async fn accept(
        &self,
        caller: &Caller,
        earlier: Option<JobId>,
        accepting: impl Future<Output = Result<Submitted, Error>>,
    ) -> Result<Submitted, Problem> {
        let permit = match self.access.quotas.admit(&caller.tenant).await {
            Ok(permit) => Some(permit),
            // A job that is there already takes no room: whoever asks again is not turned away.
            Err(problem) => match self.is_there(caller, earlier).await {
                true => None,
                false => return Err(problem),
            },
        };
        let submitted = accepting.await?;
        if submitted.new {
            self.access.usage.follow(&caller.tenant, submitted.job.id);
            if let Some(permit) = permit {
                permit.accepted();
            }
        }
        Ok(submitted)
    }

    async fn is_there(&self, caller: &Caller, job: Option<JobId>) -> bool {
        let Some(job) = job else { return false };
        !matches!(self.client.status(&caller.tenant, job).await, Err(Error::NoSuchJob(_)))
    }

    /// Counts what the job took before it goes. Every room deletes by this.
    ///
    /// # Errors
    /// There is no such job, or queue and store are away.
    pub(crate) async fn delete(&self, caller: &Caller, job: JobId) -> Result<(), Problem> {
        self.access.usage.settle(&caller.tenant, job).await?;
        Ok(self.client.delete(&caller.tenant, job).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_counted_once_whenever_the_listing_came() {
        let admission = |done_ms| Arc::new(Admission { done_ms: AtomicU64::new(done_ms) });
        let (before, after, underway, back) =
            (admission(5), admission(15), admission(ON_ITS_WAY), admission(GIVEN_BACK));
        let mut tally = Tally::default();
        assert!(tally.is_old(0, OTHERS_MS), "never listed");
        tally.since = vec![before, after, underway.clone(), back];
        assert_eq!(tally.count(), 3);
        tally.listed(1, 10);
        assert_eq!(tally.count(), 3, "the one that was in before is the one that was listed");
        assert!(!tally.is_old(10, OTHERS_MS) && tally.is_old(9, OTHERS_MS) && tally.is_old(10 + OTHERS_MS, OTHERS_MS));
        drop(Permit { clock: Clock::new(|| 20), admission: Some(underway.clone()) });
        assert_eq!(tally.count(), 2, "a job that was not accepted gives its room back");
        Permit { clock: Clock::new(|| 20), admission: Some(underway) }.accepted();
    }
}
