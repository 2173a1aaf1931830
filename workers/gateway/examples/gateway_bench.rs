//! How fast the gateway takes jobs, what open streams cost, and a gateway that serves a large artifact: `scripts/bench
//! gateway`. Requests are real ones over loopback; clients keep their connections.

use std::{
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use medley_gateway::{Gateway, GatewaySettings};
use medley_proto::{Class, Lineage, Name, Step, StepId, VERSION};
use medley_runtime::{
    Backend, Client, Engine, EngineOptions, Request, Settings,
    queue::{Queue, SqliteQueue},
    store::{FileStore, Key, ObjectMeta, Store},
};
use medley_step::{
    BuildContext, BuildError, Recipe, Registry, StepContext, StepError, Worker,
    graph::{Fragment, One, Scope},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Jobs of one round, and clients that ask for them.
const JOBS: usize = 1_024;
const CLIENTS: usize = 16;
/// Rounds of each contestant, taken in turns; the median counts.
const ROUNDS: usize = 5;
const STREAMS: usize = 1_000;

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct LargeParams {
    bytes: usize,
}

/// Makes one artifact of so many bytes.
struct Large;

impl Worker for Large {
    const KIND: &'static str = "large";
    type Config = ();
    type Params = LargeParams;
    type Output = ();

    fn build((): (), _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn run(&self, LargeParams { bytes }: LargeParams, cx: &StepContext) -> Result<(), StepError> {
        cx.publish("large.bin", "application/octet-stream", &vec![b'm'; bytes])
    }
}

impl Recipe for Large {
    const KIND: &'static str = "large";
    const ABOUT: &'static str = "one artifact";
    const INPUTS: std::ops::RangeInclusive<usize> = 0..=0;
}

impl Fragment for Large {
    type Params = LargeParams;
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, LargeParams>) -> One<()> {
        g.whole::<Self>()
    }
}

fn main() -> Result<ExitCode, Failure> {
    let registry = Registry::default().worker::<Large>().recipe::<Large>();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["compute", ..] => {
            return Ok(medley_runtime::compute_main(&registry, &Name::from_static(<Large as Recipe>::KIND)));
        }
        ["submits"] => runtime.block_on(submits(&Arc::new(registry)))?,
        ["streams"] => runtime.block_on(streams(&Arc::new(registry)))?,
        ["artifact", mib] => runtime.block_on(artifact(&Arc::new(registry), mib.parse::<usize>()? << 20))?,
        _ => return Err("gateway_bench submits | streams | artifact MIB".into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// A gateway over the embedded pair, and where it listens.
struct Served {
    address: std::net::SocketAddr,
    client: Client,
    queue: Arc<SqliteQueue>,
    store: Arc<FileStore>,
    folder: tempfile::TempDir,
}

async fn serve(registry: &Arc<Registry>) -> Result<Served, Failure> {
    // Not `/tmp`, which may be memory.
    let folder = tempfile::tempdir_in(".")?;
    let mut settings = Settings::default();
    settings.worker.work_dir = folder.path().join("work");
    let queue = Arc::new(SqliteQueue::open(&folder.path().join("queue.db")).await?);
    let store = Arc::new(FileStore::open(&folder.path().join("store")).await?);
    let client = Client::new(Backend::new(queue.clone(), store.clone(), registry.clone(), settings));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let gateway =
        Gateway::new(client.clone(), GatewaySettings { max_connections: 4_096, ..GatewaySettings::default() })?;
    tokio::spawn(async move {
        if let Err(error) = gateway.serve(listener, CancellationToken::new()).await {
            eprintln!("{error}");
        }
    });
    Ok(Served { address, client, queue, store, folder })
}

/// A client that keeps its connection.
struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    async fn open(address: std::net::SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: address.to_string() })
    }

    /// Sends a request and reads the head of the answer: its status and how long its body is.
    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, usize), Failure> {
        let (host, length) = (&self.host, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        self.stream.write_all(format!("{head}{body}").as_bytes()).await?;
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            let said = line.trim().to_ascii_lowercase();
            if said.is_empty() {
                return Ok((status, length));
            } else if let Some(rest) = said.strip_prefix("http/1.1 ") {
                status = rest[..3].parse()?;
            } else if let Some(bytes) = said.strip_prefix("content-length: ") {
                length = bytes.parse()?;
            }
        }
    }

    /// Asks for a job and reads the whole answer.
    async fn submit(&mut self) -> Result<(), Failure> {
        let (status, bytes) = self.ask("POST", "/v1/jobs", r#"{"kind":"large"}"#).await?;
        let mut body = vec![0; bytes];
        self.stream.read_exact(&mut body).await?;
        match status {
            202 => Ok(()),
            _ => Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into()),
        }
    }
}

/// `JOBS` in all, each client one after the other.
async fn side_by_side<T, W>(clients: Vec<T>, work: impl Fn(T, usize) -> W) -> Result<Duration, Failure>
where
    W: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    let each = JOBS / clients.len();
    for client in clients {
        tasks.spawn(work(client, each));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(began.elapsed())
}

async fn submits(registry: &Arc<Registry>) -> Result<(), Failure> {
    let served = serve(registry).await?;
    let (mut bare, mut ours, mut synced) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        synced.push(write_and_sync(served.folder.path())?);
        let numbers: Vec<usize> = (0..CLIENTS).map(|client| round * CLIENTS + client).collect();
        let (queue, store) = (served.queue.clone(), served.store.clone());
        bare.push(side_by_side(numbers, |client, jobs| same_calls(queue.clone(), store.clone(), client, jobs)).await?);
        let connections = connections(&served, CLIENTS).await?;
        ours.push(
            side_by_side(connections, |mut connection, jobs| async move {
                for _ in 0..jobs {
                    connection.submit().await?;
                }
                Ok(())
            })
            .await?,
        );
    }
    let rate = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        JOBS as f64 / times[times.len() / 2].as_secs_f64()
    };
    let (synced, bare, ours) = (rate(&mut synced), rate(&mut bare), rate(&mut ours));
    let late = latencies(&served, ours / 2.0).await?;
    println!("{JOBS} jobs, {CLIENTS} clients, SQLite and files, synced; median of {ROUNDS}\n");
    println!("| | a second | of the same calls |\n|---|---:|---:|");
    println!("| write + fsync of one small file, one after the other | {synced:.0} | |");
    println!("| the same calls: three objects and one row | {bare:.0} | 1 |");
    println!("| POST /v1/jobs | {ours:.0} | {:.2} |", ours / bare);
    println!(
        "\nAt {:.0} a second: p50 {:.1} ms, p99 {:.1} ms, the longest {:.1} ms",
        ours / 2.0,
        late[late.len() / 2],
        late[late.len() * 99 / 100],
        late[late.len() - 1]
    );
    Ok(())
}

async fn connections(served: &Served, count: usize) -> Result<Vec<Connection>, Failure> {
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(Connection::open(served.address).await?);
    }
    Ok(connections)
}

/// The least that makes one small file after the other durable.
fn write_and_sync(folder: &Path) -> std::io::Result<Duration> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(folder.join("bare"))?;
    let began = Instant::now();
    for _ in 0..JOBS {
        file.write_all(&[b'x'; 200])?;
        file.sync_data()?;
    }
    Ok(began.elapsed())
}

/// What a submit must make durable, by the calls that make it so: the marker of an open job, its place in the list, its
/// envelope, and the message of its first step.
async fn same_calls(queue: Arc<SqliteQueue>, store: Arc<FileStore>, client: usize, jobs: usize) -> Result<(), Failure> {
    let meta = ObjectMeta { media_type: Some("application/json".into()), sha256: None };
    for job in 0..jobs {
        let name = format!("{client:06}{job:06}");
        for (place, bytes) in [("open", 40), ("index", 2), ("jobs", 400)] {
            let key = Key::new(["bare", place, &name])?;
            store.put_if_absent(&key, Bytes::from(vec![b' '; bytes]), &meta).await?;
        }
        queue.publish(&[step(&name)?]).await?;
    }
    Ok(())
}

fn step(job: &str) -> Result<Step, Failure> {
    Ok(Step {
        v: VERSION,
        job: format!("01JD0000000000{job}").parse()?,
        tenant: Name::from_static("bare"),
        job_kind: Name::from_static("bare"),
        id: StepId::new(Name::from_static("run"), 0, 0),
        kind: Name::from_static("bare"),
        class: Class::Interactive,
        group_size: 1,
        stage_size: Some(1),
        attempt: 1,
        params: serde_json::json!(1),
        inputs: Vec::new(),
        cache_key: None,
        deadline_ms: None,
        published_ms: 1_764_000_000_000,
        lineage: Lineage::default(),
        traceparent: None,
    })
}

/// Milliseconds from when each request was due until it was answered, sorted; requests are due at a steady rate.
async fn latencies(served: &Served, rate: f64) -> Result<Vec<f64>, Failure> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, mut connection) in connections(served, CLIENTS).await?.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut late = Vec::new();
            for job in (number..JOBS).step_by(CLIENTS) {
                let due = began + Duration::from_secs_f64(job as f64 / rate);
                tokio::time::sleep_until(due.into()).await;
                connection.submit().await?;
                late.push(due.elapsed().as_secs_f64() * 1_000.0);
            }
            Ok::<_, Failure>(late)
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.extend(ended??);
    }
    all.sort_unstable_by(f64::total_cmp);
    Ok(all)
}

async fn streams(registry: &Arc<Registry>) -> Result<(), Failure> {
    let served = serve(registry).await?;
    let before = resident_mib()?;
    let mut open = connections(&served, STREAMS).await?;
    for connection in &mut open {
        let (status, _) = connection.ask("GET", "/v1/events", "").await?;
        if status != 200 {
            return Err(format!("a stream was answered with {status}").into());
        }
    }
    // Something to say to all of them.
    let mut connection = Connection::open(served.address).await?;
    for _ in 0..20 {
        connection.submit().await?;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = resident_mib()?;
    println!("| open event streams | MiB before | MiB with them, both ends |\n|---:|---:|---:|");
    println!("| {STREAMS} | {before:.0} | {after:.0} |");
    Ok(())
}

fn resident_mib() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1_024.0)
}

/// Makes an artifact, prints its address and where the file lies, and serves until standard input ends.
async fn artifact(registry: &Arc<Registry>, bytes: usize) -> Result<(), Failure> {
    let served = serve(registry).await?;
    let stop = CancellationToken::new();
    let engine = tokio::spawn(Engine::new(served.client.backend(), EngineOptions::default()).run(stop.clone()));
    let tenant = Name::from_static("default");
    let mut request = Request::new(tenant.clone(), Name::from_static(<Large as Recipe>::KIND));
    request.params = serde_json::json!({ "bytes": bytes });
    let job = served.client.submit(request).await?.job.id;
    let manifest = served.client.wait(&tenant, job).await?;
    let made = manifest.artifacts.first().ok_or("the job made no artifact")?;
    println!("http://{}/v1/jobs/{job}/artifacts/{}", served.address, made.name);
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    stop.cancel();
    engine.await??;
    Ok(())
}
