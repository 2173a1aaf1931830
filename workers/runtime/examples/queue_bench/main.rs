//! How fast the queues are, each beside the least that could do the same: `scripts/bench queue`.

mod amqp;
mod sqlite;

use std::time::{Duration, Instant};

use medley_proto::{Class, JobId, Lineage, Name, Step, StepId, VERSION};

/// The rounds of each contestant, taken in turns; the median counts.
const ROUNDS: usize = 5;

fn step(n: u32) -> Step {
    let kind = Name::from_static("bench");
    Step {
        v: VERSION,
        tenant: Name::from_static("tenant"),
        job: JobId::from_key(&Name::from_static("tenant"), "bench"),
        job_kind: kind.clone(),
        id: StepId::new(Name::from_static("stage"), n / 64, n % 64),
        kind,
        class: Class::Interactive,
        group_size: 64,
        stage_size: None,
        attempt: 1,
        params: serde_json::json!({ "language": "en", "beam_size": 5, "from_s": n, "to_s": n + 180 }),
        inputs: Vec::new(),
        cache_key: None,
        deadline_ms: None,
        published_ms: 1_764_000_000_000,
        lineage: Lineage::default(),
        traceparent: None,
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Steps a second.
fn rate(steps: u32, time: Duration) -> f64 {
    f64::from(steps) / time.as_secs_f64()
}

async fn timed<T>(work: impl Future<Output = T>) -> Duration {
    let began = Instant::now();
    work.await;
    began.elapsed()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["sqlite"] => sqlite::bench(ROUNDS).await,
        ["sqlite", rounds] => sqlite::bench(rounds.parse()?).await,
        ["amqp"] => amqp::bench(None).await,
        ["amqp", python, peer] => amqp::bench(Some((python, peer))).await,
        _ => Err("queue_bench sqlite [ROUNDS] | queue_bench amqp [PYTHON CELERY_PEER]".into()),
    }
}
