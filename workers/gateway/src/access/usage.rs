//! What a tenant used, by day (UTC).
//!
//! Each job that ended is one record whose name says everything, `<tenant>/usage/<day>/<job>.<kind>.<outcome>.<media ms>.<input
//! bytes>.<compute ms>`: whichever gateway sees the end writes the same, and nothing is counted twice. It outlives the job, so
//! that deleting jobs gives no quota back. What came over the network is one record for each gateway and day,
//! `<tenant>/traffic/<day>/<gateway>`, whose one writer replaces it. A day's use is the sum.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use medley_proto::{Artifact, JobId, Manifest, Name, Outcome};
use medley_runtime::{
    Client, Error,
    records::{self, RecordKey},
    store::StoreError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const JOBS: &str = "usage";
const TRAFFIC: &str = "traffic";
/// How old what other gateways counted may be.
pub(super) const OTHERS_MS: u64 = 30_000;
/// How often ended jobs are looked for, and counts written.
pub(super) const ROUND: Duration = Duration::from_secs(10);
/// How many of a tenant's newest jobs are looked at when a gateway starts: they may have ended while none ran.
const LOOK_BACK: usize = 1_000;
/// The most open jobs of a tenant that are followed.
const MAX_FOLLOWED: usize = 100_000;
/// The artifacts that say how long their media are: documented shapes, whose top level has `duration_s`.
const TIMED: [&str; 2] = ["transcript.json", "timing.json"];
/// The largest of them that is read.
const MAX_TIMED_BYTES: u64 = 64 << 20;
/// The most days that are remembered.
const MAX_DAYS: usize = 4_096;

/// A day's use of one tenant, as it is told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub(crate) struct DayUse {
    /// `2026-11-30`, in UTC.
    pub(crate) day: String,
    /// Jobs that ended on that day.
    pub(crate) jobs: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    /// How long the sound and film was that these jobs made or read.
    pub(crate) media_seconds: f64,
    /// How large their inputs were, as far as that is known.
    pub(crate) input_bytes: u64,
    pub(crate) compute_seconds: f64,
    /// Bytes of requests and uploads that came in.
    pub(crate) received_bytes: u64,
    /// Jobs by kind.
    pub(crate) kinds: BTreeMap<Name, u64>,
}

/// What one job took.
#[derive(Debug, Clone, PartialEq, Eq)]
struct JobUse {
    job: JobId,
    kind: Name,
    outcome: Outcome,
    media_ms: u64,
    input_bytes: u64,
    compute_ms: u64,
}

impl JobUse {
    fn of(manifest: &Manifest, media_ms: u64) -> Self {
        Self {
            job: manifest.job,
            kind: manifest.kind.clone(),
            outcome: manifest.outcome,
            media_ms,
            input_bytes: manifest.provenance.inputs.iter().filter_map(|input| input.bytes).sum(),
            compute_ms: manifest.timings.compute_ms,
        }
    }

    fn name(&self) -> String {
        let Self { job, kind, outcome, media_ms, input_bytes, compute_ms } = self;
        let outcome = match outcome {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
        };
        format!("{job}.{kind}.{outcome}.{media_ms}.{input_bytes}.{compute_ms}")
    }

    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('.');
        let mut next = || parts.next();
        let job = next()?.parse().ok()?;
        let kind = next()?.parse().ok()?;
        let outcome = match next()? {
            "succeeded" => Outcome::Succeeded,
            "failed" => Outcome::Failed,
            "cancelled" => Outcome::Cancelled,
            _ => return None,
        };
        let mut number = || next()?.parse().ok();
        Some(Self { job, kind, outcome, media_ms: number()?, input_bytes: number()?, compute_ms: number()? })
    }
}

/// What came in over the network on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Traffic {
    received_bytes: u64,
}

/// One tenant's day as this gateway knows it.
#[derive(Debug, Default)]
struct Day {
    /// By job: one that failed and was replayed counts once, with what it came to.
    jobs: BTreeMap<JobId, JobUse>,
    /// What other gateways received.
    others_bytes: u64,
    /// When the records were last read.
    read_ms: Option<u64>,
    /// What this gateway received, and what of that is written.
    own_bytes: u64,
    written_bytes: u64,
}

#[derive(Debug, Default)]
struct Known {
    days: HashMap<(Name, Date), Day>,
    /// Jobs that have not ended, by tenant.
    followed: BTreeMap<Name, BTreeSet<JobId>>,
    /// When ended jobs were last looked for.
    looked_ms: HashMap<Name, u64>,
}

/// Counts what tenants use.
#[derive(Debug)]
pub(crate) struct Usage {
    client: Client,
    /// Its records have one writer: this process.
    gateway: String,
    known: Mutex<Known>,
}

impl Usage {
    pub(super) fn new(client: Client) -> Self {
        Self { client, gateway: ulid::Ulid::generate().to_string(), known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.client.backend().clock().now_ms()
    }

    pub(super) fn today(&self) -> Date {
        day_of(self.now_ms())
    }

    /// A job was accepted: what it takes is counted when it ends.
    pub(super) fn follow(&self, tenant: &Name, job: JobId) {
        let mut known = self.known();
        let followed = known.followed.entry(tenant.clone()).or_default();
        if followed.len() < MAX_FOLLOWED {
            followed.insert(job);
        }
    }

    /// Counts bytes that came in, or gives back those that were announced and did not come.
    pub(super) fn add_received(&self, tenant: &Name, bytes: i64) {
        let today = self.today();
        let mut known = self.known();
        let day = known.days.entry((tenant.clone(), today)).or_default();
        day.own_bytes = day.own_bytes.saturating_add_signed(bytes);
    }

    /// Counts the bytes unless the day's total would be more than the limit; returns what is left otherwise.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn reserve(&self, tenant: &Name, bytes: u64, limit: u64) -> Result<Result<(), u64>, Error> {
        let today = self.today();
        self.refresh(tenant, today).await?;
        let mut known = self.known();
        let day = known.days.entry((tenant.clone(), today)).or_default();
        let left = limit.saturating_sub(day.own_bytes.saturating_add(day.others_bytes));
        if bytes > left {
            return Ok(Err(left));
        }
        day.own_bytes += bytes;
        Ok(Ok(()))
    }

    /// What a tenant used on a day: jobs that ended a second ago are counted.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn day(&self, tenant: &Name, day: Date) -> Result<DayUse, Error> {
        if day == self.today() {
            self.settle_ended(tenant).await?;
        }
        self.refresh(tenant, day).await?;
        Ok(self.sum(tenant, day))
    }

    /// What is known without asking anybody.
    pub(super) fn sum(&self, tenant: &Name, day: Date) -> DayUse {
        let known = self.known();
        let mut sum = DayUse { day: day.to_string(), ..DayUse::default() };
        let Some(day) = known.days.get(&(tenant.clone(), day)) else { return sum };
        sum.received_bytes = day.own_bytes.saturating_add(day.others_bytes);
        for job in day.jobs.values() {
            sum.jobs += 1;
            match job.outcome {
                Outcome::Succeeded => sum.succeeded += 1,
                Outcome::Failed => sum.failed += 1,
                Outcome::Cancelled => sum.cancelled += 1,
            }
            sum.media_seconds += seconds(job.media_ms);
            sum.compute_seconds += seconds(job.compute_ms);
            sum.input_bytes = sum.input_bytes.saturating_add(job.input_bytes);
            *sum.kinds.entry(job.kind.clone()).or_default() += 1;
        }
        sum
    }

    /// Reads what others wrote, when that was last done too long ago.
    async fn refresh(&self, tenant: &Name, day: Date) -> Result<(), Error> {
        let now_ms = self.now_ms();
        let read_ms = self.known().days.get(&(tenant.clone(), day)).and_then(|day| day.read_ms);
        if read_ms.is_some_and(|read_ms| now_ms >= read_ms && now_ms - read_ms < OTHERS_MS) {
            return Ok(());
        }
        let jobs = self.read_jobs(tenant, day).await?;
        let others_bytes = self.read_traffic(tenant, day).await?;
        let mut known = self.known();
        if known.days.len() > MAX_DAYS {
            known.days.retain(|_, day| day.own_bytes != day.written_bytes);
        }
        let known = known.days.entry((tenant.clone(), day)).or_default();
        for job in jobs {
            note(&mut known.jobs, job);
        }
        known.others_bytes = others_bytes;
        known.read_ms = Some(now_ms);
        Ok(())
    }

    async fn read_jobs(&self, tenant: &Name, day: Date) -> Result<Vec<JobUse>, Error> {
        let room = room(tenant, JOBS, day)?;
        let (mut jobs, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.client.records().keys_below(&room, after.as_deref(), 1_000).await?;
            jobs.extend(page.keys.iter().filter_map(|key| JobUse::parse(key.name())));
            after = page.next;
            if after.is_none() {
                return Ok(jobs);
            }
        }
    }

    /// What the other gateways received.
    async fn read_traffic(&self, tenant: &Name, day: Date) -> Result<u64, Error> {
        let (mut bytes, mut after) = (0_u64, None::<String>);
        loop {
            let page = self.client.records().read_below(&room(tenant, TRAFFIC, day)?, after.as_deref(), 1_000).await?;
            for (key, body) in page.records.iter().filter(|(key, _)| key.name() != self.gateway) {
                bytes = bytes.saturating_add(records::parse::<Traffic>(key, body)?.received_bytes);
            }
            after = page.next;
            if after.is_none() {
                return Ok(bytes);
            }
        }
    }

    /// Counts the tenant's jobs that ended, at most once a second.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn settle_ended(&self, tenant: &Name) -> Result<(), Error> {
        let now_ms = self.now_ms();
        {
            let mut known = self.known();
            let looked_ms = known.looked_ms.entry(tenant.clone()).or_insert(0);
            if now_ms >= *looked_ms && now_ms - *looked_ms < 1_000 {
                return Ok(());
            }
            *looked_ms = now_ms;
        }
        let followed = self.known().followed.get(tenant).cloned().unwrap_or_default();
        let open: BTreeSet<JobId> = self.client.open_jobs(tenant, MAX_FOLLOWED).await?.into_iter().collect();
        for job in followed.difference(&open) {
            self.settle(tenant, *job).await?;
        }
        let mut known = self.known();
        let entry = known.followed.entry(tenant.clone()).or_default();
        // Also those that came another way: from a command line, or before this gateway was started.
        entry.extend(open);
        Ok(())
    }

    /// Counts a job, if it has ended.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn settle(&self, tenant: &Name, job: JobId) -> Result<(), Error> {
        let manifest = match self.client.status(tenant, job).await {
            Ok(status) => match status.manifest {
                Some(manifest) => Some(manifest),
                // Its marker is not written yet, or gone before its end.
                None => return Ok(()),
            },
            Err(Error::NoSuchJob(_) | Error::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        if let Some(manifest) = manifest {
            let media_ms = self.media_ms(&manifest).await?;
            self.count(tenant, &manifest, media_ms).await?;
        }
        if let Some(followed) = self.known().followed.get_mut(tenant) {
            followed.remove(&job);
        }
        Ok(())
    }

    async fn count(&self, tenant: &Name, manifest: &Manifest, media_ms: u64) -> Result<(), Error> {
        let job = JobUse::of(manifest, media_ms);
        let day = day_of(manifest.timings.finished_ms);
        let key = room(tenant, JOBS, day)?.join(&job.name())?;
        self.client.records().put_new(&key, bytes::Bytes::from_static(b"{}")).await?;
        note(&mut self.known().days.entry((tenant.clone(), day)).or_default().jobs, job);
        Ok(())
    }

    /// How long the media of a job are, by the artifacts that say so. A job that failed has none.
    async fn media_ms(&self, manifest: &Manifest) -> Result<u64, Error> {
        let mut longest_s = 0.0_f64;
        let is_timed = |artifact: &&Artifact| TIMED.contains(&artifact.name.rsplit('/').next().unwrap_or_default());
        for artifact in manifest.artifacts.iter().filter(is_timed) {
            let bytes = self.client.read_artifact(&manifest.tenant, manifest.job, artifact, MAX_TIMED_BYTES).await?;
            let read = |bytes: bytes::Bytes| serde_json::from_slice::<Timed>(&bytes).ok();
            longest_s = bytes.and_then(read).map_or(longest_s, |timed| longest_s.max(timed.duration_s));
        }
        Ok(if longest_s.is_finite() { (longest_s * 1_000.0).round() as u64 } else { 0 })
    }

    /// Finds jobs that ended while no gateway ran. Only when one starts.
    pub(super) async fn look_back(&self, tenant: &Name) -> Result<(), Error> {
        let after_ms = self.now_ms().saturating_sub(2 * 86_400_000);
        let (mut after, mut left) = (None::<String>, LOOK_BACK);
        while left > 0 {
            let page = self.client.list(tenant, after.as_deref(), left.min(100)).await?;
            for status in &page.jobs {
                if status.job.created_ms < after_ms {
                    return Ok(());
                }
                match &status.manifest {
                    None => self.follow(tenant, status.job.id),
                    Some(_) => self.settle(tenant, status.job.id).await?,
                }
            }
            left = left.saturating_sub(page.jobs.len().max(1));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// One round: ended jobs of the tenants that have some, and what came in since the last.
    pub(super) async fn round(&self) -> Result<(), Error> {
        let tenants: Vec<Name> = self.known().followed.keys().cloned().collect();
        for tenant in tenants {
            self.settle_ended(&tenant).await?;
        }
        self.flush().await
    }

    /// Writes what came in.
    pub(super) async fn flush(&self) -> Result<(), Error> {
        let unwritten = |((tenant, date), day): (&(Name, Date), &Day)| {
            (day.own_bytes != day.written_bytes).then(|| (tenant.clone(), *date, day.own_bytes))
        };
        let unwritten: Vec<_> = self.known().days.iter().filter_map(unwritten).collect();
        for (tenant, date, received_bytes) in unwritten {
            let key = room(&tenant, TRAFFIC, date)?.join(&self.gateway)?;
            records::write(&**self.client.records(), &key, &Traffic { received_bytes }).await?;
            if let Some(day) = self.known().days.get_mut(&(tenant, date)) {
                day.written_bytes = received_bytes;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Timed {
    duration_s: f64,
}

/// A job that was counted before counts with what it came to at last.
fn note(jobs: &mut BTreeMap<JobId, JobUse>, job: JobUse) {
    match jobs.get(&job.job) {
        Some(before) if (before.media_ms, before.compute_ms) >= (job.media_ms, job.compute_ms) => {}
        _ => drop(jobs.insert(job.job, job)),
    }
}

fn room(tenant: &Name, room: &str, day: Date) -> Result<RecordKey, StoreError> {
    RecordKey::of(tenant, [room, &day.to_string()])
}

/// The day of a Unix time, in UTC.
pub(super) fn day_of(at_ms: u64) -> Date {
    let at = i64::try_from(at_ms).ok().and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date()
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

/// Shared by the tasks that count.
pub(super) type SharedUsage = Arc<Usage>;

#[cfg(test)]
mod tests {
    use super::*;

    fn used() -> JobUse {
        JobUse {
            job: JobId::fresh(5, 7),
            kind: Name::from_static("transcribe"),
            outcome: Outcome::Succeeded,
            media_ms: 44_000,
            input_bytes: 1 << 20,
            compute_ms: 9,
        }
    }

    #[test]
    fn a_name_says_what_a_job_took() {
        let name = used().name();
        assert_eq!(JobUse::parse(&name), Some(used()));
        assert!(RecordKey::of(&Name::from_static("t"), [JOBS, "2026-11-30", &name]).is_ok());
        for bad in ["", "x", &name.replace("succeeded", "won"), &name[..name.len() - 2]] {
            assert_eq!(JobUse::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_replayed_job_counts_once() {
        let mut jobs = BTreeMap::new();
        let failed = JobUse { outcome: Outcome::Failed, media_ms: 0, ..used() };
        for job in [failed.clone(), used(), failed] {
            note(&mut jobs, job);
        }
        assert_eq!(jobs.into_values().collect::<Vec<_>>(), [used()]);
    }

    #[test]
    fn days_are_those_of_utc() {
        assert_eq!(day_of(0).to_string(), "1970-01-01");
        assert_eq!(day_of(1_764_547_199_999).to_string(), "2025-11-30");
        assert_eq!(day_of(1_764_547_200_000).to_string(), "2025-12-01");
        assert_eq!(day_of(u64::MAX), day_of(0));
    }
}
