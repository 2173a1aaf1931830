//! What only the embedded queue promises.

use std::{path::Path, time::Duration};

use medley_proto::Class;
use medley_runtime::queue::{Queue, QueueError, SqliteOptions, SqliteQueue};

use super::{both, next, nothing, step};

fn sql(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

/// A worker in another container cannot be looked at: it keeps its steps while its heart beats, and no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_keeps_its_steps_while_its_heart_beats() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let queue = SqliteQueue::open(&path).await.unwrap();
    queue.publish(&[step("stranger", Class::Batch, 1)]).await.unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let identity = format!("{}.1.1.1", boot.trim());
    let insert = "INSERT INTO owners (id, identity, beat_ms, listens) VALUES (999, ?1, ?2, 0)";
    sql(&path).execute(insert, (identity, i64::MAX)).unwrap();
    sql(&path).execute("UPDATE steps SET owner = 999, lease = 1", []).unwrap();
    let mut consumer = queue.consume(&both("stranger")).await.unwrap();
    nothing(&mut *consumer).await;
    sql(&path).execute("UPDATE owners SET beat_ms = 0 WHERE id = 999", []).unwrap();
    let delivery = next(&mut *consumer).await;
    assert_eq!(delivery.lost_before, 1);
    queue.ack(delivery).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_step_outlives_the_time_of_a_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    // A lease that ends only when nobody beats for a long time, and beats that come often.
    let hurried = SqliteOptions { lease: super::PATIENCE, heartbeat: Duration::from_millis(20) };
    let here = SqliteQueue::open_with(&path, hurried.clone()).await.unwrap();
    let there = SqliteQueue::open_with(&path, hurried).await.unwrap();
    here.publish(&[step("long", Class::Batch, 1)]).await.unwrap();
    let held = next(&mut *here.consume(&both("long")).await.unwrap()).await;
    let mut other = there.consume(&both("long")).await.unwrap();
    let last_beat = || -> i64 {
        let of_holder = "SELECT beat_ms FROM owners WHERE id = (SELECT owner FROM steps)";
        sql(&path).query_row(of_holder, [], |row| row.get(0)).unwrap()
    };
    for _ in 0..5 {
        let before = last_beat();
        let deadline = std::time::Instant::now() + super::PATIENCE;
        while last_beat() == before {
            assert!(std::time::Instant::now() < deadline, "the holder's heart does not beat");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    nothing(&mut *other).await;
    here.ack(held).await.unwrap();
    nothing(&mut *other).await;
}

/// Settling what was lost meanwhile touches nobody else's lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_lease_settles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let queue = SqliteQueue::open(&path).await.unwrap();
    let mut consumer = queue.consume(&both("lost")).await.unwrap();
    queue.publish(&[step("lost", Class::Batch, 1)]).await.unwrap();
    let first = next(&mut *consumer).await;
    sql(&path).execute("UPDATE steps SET owner = NULL, lease = NULL", []).unwrap();
    let second = next(&mut *consumer).await;
    queue.retry_later(first, Duration::ZERO).await.unwrap();
    nothing(&mut *consumer).await;
    queue.hand_back(second).await.unwrap();
    assert_eq!(next(&mut *consumer).await.step.attempt, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let mut opening = tokio::task::JoinSet::new();
    for n in 0..8 {
        let path = path.clone();
        opening.spawn(async move {
            let queue = SqliteQueue::open(&path).await.unwrap();
            queue.publish(&[step("many", Class::Batch, n)]).await.unwrap();
        });
    }
    opening.join_all().await;
    let queue = SqliteQueue::open(&path).await.unwrap();
    assert_eq!(queue.depth(&both("many")[1]).await.unwrap(), 8);
}

/// One row with numbers that do not fit must not keep the others from being taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_others_stop_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let queue = SqliteQueue::open(&path).await.unwrap();
    let mut consumer = queue.consume(&both("rows")).await.unwrap();
    let body = serde_json::to_vec(&step("rows", Class::Batch, 7)).unwrap();
    let insert = "INSERT INTO steps (queue, place, due_ms, body, failure, lost) VALUES (?1, ?2, ?3, ?4, x'00ff', ?5)";
    let rows = [(i64::MIN, None, i64::MAX), (i64::MAX, None, i64::MIN), (0, Some(i64::MIN), -1), (0, None, i64::MAX)];
    for (place, due_ms, lost) in rows {
        sql(&path).execute(insert, ("medley.rows.batch", place, due_ms, &body, lost)).unwrap();
        // Dropped, given back and taken again: what is counted stays a number.
        drop(next(&mut *consumer).await);
        let dead = queue.depth(&both("rows")[1]).await.unwrap() == 0;
        if !dead {
            let delivery = next(&mut *consumer).await;
            queue.ack(delivery).await.unwrap();
        }
    }
    queue.publish(&[step("rows", Class::Batch, 8)]).await.unwrap();
    let delivery = next(&mut *consumer).await;
    queue.ack(delivery).await.unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.db");
    drop(SqliteQueue::open(&newer).await.unwrap());
    sql(&newer).pragma_update(None, "user_version", 99).unwrap();
    let no_database = folder.path().join("text.db");
    std::fs::write(&no_database, "this is a text of some length, and not a database at all".repeat(100)).unwrap();
    for path in [newer, no_database, folder.path().join("no/such/folder.db"), folder.path().to_owned()] {
        let opened = SqliteQueue::open(&path).await;
        assert!(matches!(opened, Err(QueueError::Refused(..))), "{}: {opened:?}", path.display());
    }
}
