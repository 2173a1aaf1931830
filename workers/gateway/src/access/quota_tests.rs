//! Jobs and minutes of media against what was agreed, with one gateway and with two.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use medley_proto::{Artifact, JobId, Manifest, Name, Outcome, Provenance, Sha256, Timings, VERSION};
use medley_runtime::{
    Backend, Client, Clock, InputRequest, Request, Settings, Submitted, TenantSettings,
    queue::SqliteQueue,
    store::{FileStore, Key, ObjectMeta},
};
use medley_step::{
    BuildContext, BuildError, Recipe, Registry, StepContext, StepError, Worker,
    graph::{Fragment, One, Scope as Graph},
};
use serde_json::json;

use super::{Caller, Scope};
use crate::{Gateway, GatewaySettings, problem::Problem, state::App};

/// A kind that nobody works on here.
struct Wait;

impl Worker for Wait {
    const KIND: &'static str = "wait";
    type Config = ();
    type Params = ();
    type Output = ();

    fn build((): (), _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn run(&self, (): (), _: &StepContext<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

impl Recipe for Wait {
    const KIND: &'static str = "wait";
    const ABOUT: &'static str = "Wait";
    const EXAMPLES: &'static str = "medley run wait hello";
    const TAKES_TEXT: bool = true;
}

impl Fragment for Wait {
    type Params = ();
    type Ends = One<()>;

    fn graph(g: &mut Graph<'_, ()>) -> One<()> {
        g.whole::<Self>()
    }
}

struct World {
    _folder: tempfile::TempDir,
    now_ms: Arc<AtomicU64>,
    client: Client,
}

const ACME: Name = Name::from_static("acme");

impl World {
    async fn new(agreed: TenantSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = SqliteQueue::open(&folder.path().join("queue.db")).await.unwrap();
        let store = FileStore::open(&folder.path().join("store")).await.unwrap();
        let registry = Registry::default().worker::<Wait>().recipe::<Wait>();
        let mut settings = Settings::default();
        settings.tenants.insert(ACME, agreed);
        let now_ms = Arc::new(AtomicU64::new(1_764_504_000_000));
        let told = Arc::clone(&now_ms);
        let backend = Backend::new(Arc::new(queue), Arc::new(store), Arc::new(registry), settings);
        let client = Client::new(backend.with_clock(Clock::new(move || told.load(Ordering::Relaxed))));
        Self { _folder: folder, now_ms, client }
    }

    fn gateway(&self) -> Arc<App> {
        Gateway::new(self.client.clone(), GatewaySettings::default()).unwrap().app().clone()
    }

    fn pass(&self, span_ms: u64) {
        self.now_ms.fetch_add(span_ms, Ordering::Relaxed);
    }

    /// Ends a job as its workers would, with a transcript of so many seconds.
    async fn end(&self, job: JobId, outcome: Outcome, duration_s: f64) {
        let text = json!({ "duration_s": duration_s, "text": "" }).to_string();
        let sha256 = Sha256::of(text.as_bytes());
        let put = async |below: &str, bytes: String| {
            let key = Key::parse(&format!("acme/jobs/{job}/{below}")).unwrap();
            self.client.store().put(&key, bytes.into(), &ObjectMeta::default()).await.unwrap();
        };
        let name = "transcript.json".to_owned();
        put(&format!("artifacts/{sha256}/{name}"), text.clone()).await;
        let media_type = "application/json".into();
        let manifest = Manifest {
            v: VERSION,
            job,
            tenant: ACME,
            kind: Name::from_static("wait"),
            outcome,
            artifacts: vec![Artifact { name, sha256, bytes: text.len() as u64, media_type }],
            quality: serde_json::Map::new(),
            provenance: Provenance {
                medley: "test".into(),
                inputs: Vec::new(),
                params: json!(null),
                models: Default::default(),
            },
            timings: Timings { finished_ms: self.now_ms.load(Ordering::Relaxed), ..Timings::default() },
            error: None,
            labels: Default::default(),
        };
        put("manifest.json", serde_json::to_string(&manifest).unwrap()).await;
        self.client.store().delete(&Key::parse(&format!("acme/open/{job}")).unwrap()).await.unwrap();
    }
}

fn caller(tenant: Name) -> Caller {
    Caller { tenant, scopes: Scope::ALL.into_iter().collect(), token: None }
}

async fn submit(app: &App, tenant: Name, key: Option<&str>) -> Result<Submitted, Problem> {
    let mut request = Request::new(tenant.clone(), Name::from_static("wait"));
    request.params = json!(null);
    request.inputs.push(InputRequest::Text("hello".into()));
    request.idempotency_key = key.map(str::to_owned);
    app.submit(&caller(tenant), request).await
}

fn is_refused(outcome: &Result<Submitted, Problem>, policy: &str) -> bool {
    let Err(problem) = outcome else { return false };
    problem.status == 429 && problem.code == "quota_exceeded" && problem.more["violated-policies"] == json!([policy])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_gateway_jobs_in_flight_are_exact() {
    let world = World::new(TenantSettings { max_jobs_in_flight: Some(5), ..TenantSettings::default() }).await;
    let app = world.gateway();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..12 {
        let app = app.clone();
        tasks.spawn(async move { submit(&app, ACME, Some(&format!("key {n}"))).await });
    }
    let outcomes = tasks.join_all().await;
    let accepted: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(accepted.len(), 5);
    assert!(outcomes.iter().filter(|outcome| outcome.is_err()).all(|outcome| is_refused(outcome, "jobs")));

    let (first, key) = (accepted[0].job.id, accepted[0].job.idempotency_key.as_deref());
    let again = submit(&app, ACME, key).await.unwrap();
    assert!(again.job.id == first && !again.new, "a job that is there already is not turned away");
    assert!(submit(&app, Name::from_static("other"), None).await.is_ok(), "another tenant has its own");

    app.delete(&caller(ACME), first).await.unwrap();
    world.pass(1_000);
    assert!(submit(&app, ACME, None).await.is_ok(), "its room is free within a second");
    world.pass(1_000);
    assert!(is_refused(&submit(&app, ACME, None).await, "jobs"));
}

/// What docs/access.md promises of n gateways: what the others let in is heard of within 30 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_gateways_the_excess_ends_in_time() {
    let world = World::new(TenantSettings { max_jobs_in_flight: Some(3), ..TenantSettings::default() }).await;
    let (one, other) = (world.gateway(), world.gateway());
    submit(&one, ACME, None).await.unwrap();
    world.pass(1);
    for _ in 0..2 {
        submit(&other, ACME, None).await.unwrap();
    }
    assert!(is_refused(&submit(&other, ACME, None).await, "jobs"), "it saw the one");
    // The first one has not heard of the two, and lets in what it had room for.
    for _ in 0..2 {
        submit(&one, ACME, None).await.unwrap();
    }
    world.pass(super::usage::OTHERS_MS);
    for app in [&one, &other] {
        assert!(is_refused(&submit(app, ACME, None).await, "jobs"));
    }
    assert_eq!(world.client.open_jobs(&ACME, 100).await.unwrap().len(), 5, "3, and the 2 of the other gateway");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minutes_of_media_are_used_up_by_jobs_that_ended() {
    let world = World::new(TenantSettings { max_media_minutes_a_day: Some(2), ..TenantSettings::default() }).await;
    let (app, other) = (world.gateway(), world.gateway());
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(submit(&app, ACME, None).await.unwrap().job.id);
    }
    world.end(jobs[0], Outcome::Succeeded, 70.0).await;
    world.pass(1_000);
    jobs.push(submit(&app, ACME, None).await.unwrap().job.id);
    world.end(jobs[1], Outcome::Succeeded, 50.0).await;
    world.pass(1_000);
    assert!(is_refused(&submit(&app, ACME, None).await, "media-minutes"));
    assert!(is_refused(&submit(&other, ACME, None).await, "media-minutes"), "also at a gateway that saw none of them");

    // Deleting what used them gives nothing back, whoever counts.
    app.delete(&caller(ACME), jobs[0]).await.unwrap();
    world.pass(1_000);
    assert!(is_refused(&submit(&world.gateway(), ACME, None).await, "media-minutes"));
    let day = app.access.usage.day(&ACME, app.access.usage.today()).await.unwrap();
    assert_eq!((day.jobs, day.succeeded, day.media_seconds), (2, 2, 120.0));

    world.pass(86_400_000);
    assert!(submit(&app, ACME, None).await.is_ok(), "another day");
}

/// A gateway that starts finds what ended while none ran.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_counted_twice_or_forgotten() {
    let world = World::new(TenantSettings::default()).await;
    let app = world.gateway();
    let job = submit(&app, ACME, None).await.unwrap().job.id;
    drop(app);
    world.end(job, Outcome::Succeeded, 5.0).await;
    for _ in 0..2 {
        let app = world.gateway();
        for _ in 0..2 {
            app.access.usage.look_back(&ACME).await.unwrap();
            app.access.usage.settle(&ACME, job).await.unwrap();
        }
        let day = app.access.usage.day(&ACME, app.access.usage.today()).await.unwrap();
        assert_eq!((day.jobs, day.media_seconds), (1, 5.0));
    }
}
