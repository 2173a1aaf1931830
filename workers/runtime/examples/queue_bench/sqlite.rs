//! `SqliteQueue` beside a loop that writes the same bytes to a file and waits for the disk.

use std::{fs::File, io::Write, path::Path, sync::Arc, time::Duration};

use medley_runtime::queue::{Queue, QueueName, SqliteQueue};
use tokio::task::JoinSet;

use super::{median, rate, step, timed};

const STEPS: u32 = 300;

fn bare_loop(folder: &Path, body: &[u8]) {
    let mut file = File::create(folder.join("bare")).expect("the folder can be written to");
    for _ in 0..STEPS {
        file.write_all(body).and_then(|()| file.sync_data()).expect("the disk works");
    }
}

/// `lanes` tasks that publish, take and acknowledge a step at a time.
async fn cycles(queue: &Arc<SqliteQueue>, lanes: u32) {
    let mut tasks = JoinSet::new();
    for lane in 0..lanes {
        let queue = Arc::clone(queue);
        tasks.spawn(async move {
            let name = QueueName { kind: step(0).kind, class: step(0).class };
            let mut consumer = queue.consume(&[name]).await.expect("the queue works");
            for n in (0..STEPS).filter(|n| n % lanes == lane) {
                queue.publish(&[step(n)]).await.expect("the queue works");
                let delivery = consumer.next().await.expect("the queue works");
                queue.ack(delivery).await.expect("the queue works");
            }
        });
    }
    tasks.join_all().await;
}

pub(super) async fn bench(rounds: usize) -> Result<(), Box<dyn std::error::Error>> {
    // Not `/tmp`, which may be memory.
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
    let queue = Arc::new(SqliteQueue::open(&folder.path().join("queue.db")).await?);
    let body = serde_json::to_vec(&step(1))?;
    let mut bare: Vec<Duration> = Vec::new();
    let lanes = [1, 8, 64];
    let mut ours = vec![Vec::new(); lanes.len()];
    for _ in 0..rounds {
        bare.push(timed(async { bare_loop(folder.path(), &body) }).await);
        for (lanes, times) in lanes.iter().zip(&mut ours) {
            times.push(timed(cycles(&queue, *lanes)).await);
        }
    }
    let bare = median(bare);
    println!("SQLite, {STEPS} steps of {} bytes, publish + take + ack, synced; median of {rounds}\n", body.len());
    println!("| | steps a second | ms a step | of the bare loop |\n|---|---:|---:|---:|");
    let row = |name: &str, time: Duration| {
        let ratio = bare.as_secs_f64() / time.as_secs_f64();
        let ms = time.as_secs_f64() * 1000.0 / f64::from(STEPS);
        println!("| {name} | {:.0} | {ms:.2} | {ratio:.2} |", rate(STEPS, time));
    };
    row("bare loop: one write + fsync a step", bare);
    for (lanes, times) in lanes.iter().zip(ours) {
        row(&format!("SqliteQueue, {lanes} at a time"), median(times));
    }
    Ok(())
}
