//! Where everything of a job lies in the store. Nothing else in the runtime puts keys together.

use medley_proto::{Artifact, Job, JobId, Name, Sha256, Step, StepId};

use crate::store::{Key, StoreError};

/// The largest number of 13 digits; times are inverted against it so that listings show the newest first.
const NEWEST_FIRST: u64 = 9_999_999_999_999;

/// Tenants that ever had a job or an upload, for the sweeper; no tenant can be called so.
const TENANTS: &str = "_tenants";

/// Tenants whose jobs' ends somebody wants to hear of; no tenant can be called so.
const LISTENING: &str = "_listening";

fn key<const N: usize>(segments: [&str; N]) -> Key {
    Key::new(segments).expect("names, ids and numbers are valid key segments")
}

/// The keys of one job.
#[derive(Debug, Clone)]
pub(crate) struct JobKeys {
    tenant: String,
    job: String,
}

impl JobKeys {
    pub(crate) fn new(tenant: &Name, job: JobId) -> Self {
        Self { tenant: tenant.as_str().into(), job: job.to_string() }
    }

    pub(crate) fn of(job: &Job) -> Self {
        Self::new(&job.tenant, job.id)
    }

    pub(crate) fn of_step(step: &Step) -> Self {
        Self::new(&step.tenant, step.job)
    }

    fn at<const N: usize>(&self, below: [&str; N]) -> Key {
        let root = [self.tenant.as_str(), "jobs", &self.job];
        Key::new(root.into_iter().chain(below)).expect("names, ids and numbers are valid key segments")
    }

    pub(crate) fn root(&self) -> Key {
        self.at([])
    }

    pub(crate) fn job(&self) -> Key {
        self.at(["job.json"])
    }

    pub(crate) fn cancel(&self) -> Key {
        self.at(["cancel.json"])
    }

    pub(crate) fn manifest(&self) -> Key {
        self.at(["manifest.json"])
    }

    /// There once a step of the job has run for a while.
    pub(crate) fn running(&self) -> Key {
        self.at(["running.json"])
    }

    /// How much work was planned, where a recipe could tell.
    pub(crate) fn planned(&self) -> Key {
        self.at(["planned.json"])
    }

    pub(crate) fn steps(&self) -> Key {
        self.at(["steps"])
    }

    pub(crate) fn stage(&self, stage: &Name) -> Key {
        self.at(["steps", stage.as_str()])
    }

    pub(crate) fn group(&self, stage: &Name, group: u32) -> Key {
        self.at(["steps", stage.as_str(), &group.to_string()])
    }

    fn step(&self, id: &StepId, file: &str) -> Key {
        self.at(["steps", id.stage.as_str(), &id.group.to_string(), &id.n.to_string(), file])
    }

    pub(crate) fn result(&self, id: &StepId) -> Key {
        self.step(id, "result.json")
    }

    pub(crate) fn error(&self, id: &StepId) -> Key {
        self.step(id, "error.json")
    }

    /// The records of a step's failed attempts.
    pub(crate) fn attempts(&self, id: &StepId) -> Key {
        self.step(id, "attempts")
    }

    pub(crate) fn attempt(&self, id: &StepId, attempt: u32) -> Key {
        let (group, n) = (id.group.to_string(), id.n.to_string());
        self.at(["steps", id.stage.as_str(), &group, &n, "attempts", &format!("{attempt}.json")])
    }

    /// What an input that a worker fetched was, so that all workers see the same.
    pub(crate) fn fetched(&self, input: u32) -> Key {
        self.at(["inputs", &format!("{input}.json")])
    }

    /// The whole address of an input whose `job.json` shows only a part of it.
    pub(crate) fn address(&self, input: u32) -> Key {
        self.at(["inputs", &format!("{input}-address.json")])
    }

    pub(crate) fn revisions(&self) -> Key {
        self.at(["revisions"])
    }

    /// Padded, so that a listing has their order.
    pub(crate) fn revision(&self, number: u32) -> Key {
        self.at(["revisions", &format!("{number:06}"), "edit.json"])
    }

    /// Names an object that the job shares with others; its body is the object's key.
    pub(crate) fn share(&self, object: &Key) -> Key {
        self.at(["shares", &Sha256::of(object.as_str().as_bytes()).to_string()])
    }

    pub(crate) fn shares(&self) -> Key {
        self.at(["shares"])
    }

    /// Below an object that several jobs use: says that this one does.
    ///
    /// # Errors
    /// When the key gets too long.
    pub(crate) fn user_of(&self, object: &Key) -> Result<Key, StoreError> {
        object.join(&self.job)
    }

    /// # Errors
    /// When the artifact's name has characters that no store takes.
    pub(crate) fn artifact(&self, artifact: &Artifact) -> Result<Key, StoreError> {
        self.at(["artifacts", &artifact.sha256.to_string()]).join(&artifact.name)
    }

    /// An object of the tenant, by its key below the tenant's prefix.
    ///
    /// # Errors
    /// When that is no key.
    pub(crate) fn of_tenant(&self, below: &str) -> Result<Key, StoreError> {
        Key::new([self.tenant.as_str()])?.join(below)
    }

    /// Whether the object is the tenant's: nothing else is removed on the word of a record.
    pub(crate) fn owns(&self, object: &Key) -> bool {
        object.as_str().split('/').next() == Some(self.tenant.as_str())
    }

    /// There from submit to finish.
    pub(crate) fn open(&self) -> Key {
        key([&self.tenant, "open", &self.job])
    }

    pub(crate) fn index(&self, created_ms: u64) -> Key {
        let inverted = NEWEST_FIRST.saturating_sub(created_ms);
        key([&self.tenant, "index", &format!("{inverted:013}-{}", self.job)])
    }

    pub(crate) fn dead_letters(&self) -> Key {
        key([&self.tenant, "dead", &self.job])
    }

    pub(crate) fn dead_letter(&self, id: &StepId) -> Key {
        key([&self.tenant, "dead", &self.job, &format!("{}-{}-{}.json", id.stage, id.group, id.n)])
    }
}

/// The keys that belong to a tenant and to none of its jobs.
pub(crate) mod tenant {
    use super::{JobId, Key, LISTENING, NEWEST_FIRST, Name, Sha256, TENANTS, key};

    pub(crate) fn open(tenant: &Name) -> Key {
        key([tenant.as_str(), "open"])
    }

    pub(crate) fn index(tenant: &Name) -> Key {
        key([tenant.as_str(), "index"])
    }

    /// Passed as `after`, a listing of the index starts with the jobs made at or before `created_ms`.
    pub(crate) fn index_before(tenant: &Name, created_ms: u64) -> String {
        format!("{}/index/{:013}", tenant, NEWEST_FIRST.saturating_sub(created_ms))
    }

    /// The records of a tenant's uploads.
    pub(crate) fn uploads(tenant: &Name) -> Key {
        key([tenant.as_str(), "uploads"])
    }

    /// The bytes of a tenant's uploads that are under way.
    pub(crate) fn upload_parts(tenant: &Name) -> Key {
        key([tenant.as_str(), "upload-parts"])
    }

    /// The ends of a tenant's jobs that nobody has taken yet, the oldest first.
    pub(crate) fn ends(tenant: &Name) -> Key {
        key([tenant.as_str(), "ends"])
    }

    pub(crate) fn end(tenant: &Name, job: JobId, finished_ms: u64) -> Key {
        key([tenant.as_str(), "ends", &format!("{finished_ms:013}-{job}")])
    }

    pub(crate) fn all_listening() -> Key {
        key([LISTENING])
    }

    /// There while somebody wants to hear how the tenant's jobs end.
    pub(crate) fn listening(tenant: &Name) -> Key {
        key([LISTENING, tenant.as_str()])
    }

    pub(crate) fn dead(tenant: &Name) -> Key {
        key([tenant.as_str(), "dead"])
    }

    pub(crate) fn cached(tenant: &Name, kind: &Name, cache_key: Sha256) -> Key {
        key([tenant.as_str(), "cache", kind.as_str(), &cache_key.to_string()])
    }

    /// Everything in the cache.
    pub(crate) fn cache(tenant: &Name) -> Key {
        key([tenant.as_str(), "cache"])
    }

    /// All uploaded inputs.
    pub(crate) fn inputs(tenant: &Name) -> Key {
        key([tenant.as_str(), "inputs"])
    }

    pub(crate) fn input(tenant: &Name, sha256: Sha256, name: &str) -> Key {
        key([tenant.as_str(), "inputs", &sha256.to_string(), &segment(name)])
    }

    /// A file's name made fit for a key and a file system; the job's record keeps the real one.
    pub(crate) fn segment(name: &str) -> String {
        let odd = |c: char| c.is_control() || "/\\?#%\"<>|:".contains(c);
        let mut safe: String = name.chars().map(|c| if odd(c) { '_' } else { c }).collect();
        while safe.len() > 200 {
            safe.pop();
        }
        if matches!(safe.as_str(), "" | "." | "..") { "input".into() } else { safe }
    }

    pub(crate) fn all() -> Key {
        key([TENANTS])
    }

    pub(crate) fn registered(tenant: &Name) -> Key {
        key([TENANTS, tenant.as_str()])
    }

    /// The job that a key of the index or of the open jobs stands for.
    pub(crate) fn job_of(key: &Key) -> Option<JobId> {
        let last = key.as_str().rsplit('/').next()?;
        last.rsplit('-').next()?.parse().ok()
    }
}

/// The keys that belong to no tenant: what workers say of themselves, and what their owner tells them.
pub(crate) mod fleet {
    use super::{Key, Name, key};

    /// The workers that are there.
    pub(crate) fn workers() -> Key {
        key(["_workers"])
    }

    pub(crate) fn worker(id: &str) -> Key {
        key(["_workers", id])
    }

    /// The kinds of step that no worker takes.
    pub(crate) fn paused() -> Key {
        key(["_paused"])
    }

    pub(crate) fn paused_kind(kind: &Name) -> Key {
        key(["_paused", kind.as_str()])
    }

    /// How long steps of the kinds took lately.
    pub(crate) fn rates() -> Key {
        key(["_rates"])
    }

    pub(crate) fn rate(kind: &Name) -> Key {
        key(["_rates", kind.as_str()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_shows_the_newest_first() {
        let keys = JobKeys::new(&Name::from_static("t"), JobId::fresh(5, 7));
        assert!(keys.index(2_000) < keys.index(1_000));
        assert!(
            keys.index(1_764_000_000_000).as_str()
                > tenant::index_before(&Name::from_static("t"), 1_764_000_000_000).as_str()
        );
        assert!(
            keys.index(1_764_000_000_001).as_str()
                < tenant::index_before(&Name::from_static("t"), 1_764_000_000_000).as_str()
        );
        assert_eq!(tenant::job_of(&keys.index(1_000)), Some(JobId::fresh(5, 7)));
        assert_eq!(tenant::job_of(&keys.open()), Some(JobId::fresh(5, 7)));
    }

    #[test]
    fn any_file_name_becomes_one_segment() {
        let sha = Sha256::of(b"");
        for name in ["", "..", "a/b", "what?.wav", &"长".repeat(300), "C:\\x"] {
            let key = tenant::input(&Name::from_static("t"), sha, name);
            assert_eq!(key.as_str().matches('/').count(), 3, "{key}");
        }
    }
}
