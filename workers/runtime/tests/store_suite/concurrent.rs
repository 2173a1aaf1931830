//! Several writers and readers at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// How often each reader looks while writers replace what it reads.
const READS: usize = 100;
/// How often each lane writes and deletes.
const ROUNDS: usize = 50;

/// A value that shows whether it is whole: one byte, repeated as often as its first two bytes say.
fn value(writer: u8, round: usize) -> Vec<u8> {
    let count = 10 + (usize::from(writer) * 7919 + round * 104_729) % 60_000;
    let mut bytes = u16::try_from(count).unwrap().to_le_bytes().to_vec();
    bytes.resize(count + 2, writer);
    bytes
}

fn is_whole(bytes: &[u8]) -> bool {
    let count = usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    bytes.len() == count + 2 && bytes[2..].iter().all(|byte| *byte == bytes[2])
}

pub(crate) async fn readers_see_whole_objects(place: &dyn Place) {
    let stores = [place.open().await, place.open().await];
    let reading = Arc::new(AtomicUsize::new(stores.len()));
    put(&*stores[0], "t/torn", value(0, 0)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 1..5_u8 {
        let store = Arc::clone(&stores[usize::from(writer) % 2]);
        let reading = Arc::clone(&reading);
        tasks.spawn(async move {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("value");
            for round in 0.. {
                let bytes = value(writer, round);
                if writer == 4 {
                    std::fs::write(&file, bytes).unwrap();
                    store.put_file(&key("t/torn"), &file, &plain()).await.unwrap();
                } else {
                    store.put(&key("t/torn"), bytes.into(), &plain()).await.unwrap();
                }
                if reading.load(Ordering::Relaxed) == 0 {
                    return;
                }
            }
        });
    }
    for store in &stores {
        let store = Arc::clone(store);
        let reading = Arc::clone(&reading);
        tasks.spawn(async move {
            for _ in 0..READS {
                let bytes = get(&*store, "t/torn").await.expect("a replaced object is never absent");
                assert!(is_whole(&bytes), "{} bytes that are not whole", bytes.len());
            }
            reading.fetch_sub(1, Ordering::Relaxed);
        });
    }
    while tasks.join_next().await.transpose().unwrap().is_some() {}
}

/// Whoever wins, the object is one writer's, whole, and nobody is told `true` whose bytes were refused.
pub(crate) async fn a_race_to_be_first_leaves_one_object(place: &dyn Place) {
    let stores = [place.open().await, place.open().await];
    for round in 0..20 {
        let at = key(&format!("t/race/{round}"));
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 1..7_u8 {
            let (store, at) = (Arc::clone(&stores[usize::from(writer) % 2]), at.clone());
            tasks.spawn(async move {
                let wrote = store.put_if_absent(&at, value(writer, round).into(), &plain()).await.unwrap();
                wrote.then_some(writer)
            });
        }
        let mut told = Vec::new();
        while let Some(winner) = tasks.join_next().await.transpose().unwrap() {
            told.extend(winner);
        }
        let bytes = get(&*stores[0], at.as_str()).await.unwrap();
        assert!(is_whole(&bytes) && told.contains(&bytes[2]), "{told:?} were told that they wrote, not {}", bytes[2]);
    }
}

/// Removing the last object of a folder races with writing the next one into it.
pub(crate) async fn writing_and_deleting_side_by_side(place: &dyn Place) {
    let stores = [place.open().await, place.open().await];
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..4_usize {
        let store = Arc::clone(&stores[lane % 2]);
        tasks.spawn(async move {
            let at = format!("t/side/by/side/{lane}");
            for _ in 0..ROUNDS {
                put(&*store, &at, "x").await;
                assert_eq!(get(&*store, &at).await.unwrap(), "x");
                store.delete(&key(&at)).await.unwrap();
                assert_eq!(get(&*store, &at).await, None);
            }
            put(&*store, &at, "last").await;
        });
    }
    while tasks.join_next().await.transpose().unwrap().is_some() {}
    assert_eq!(stores[0].list(&key("t/side"), None, 10).await.unwrap().objects.len(), 4);
}
