//! What every `Records` promises, as cases over a place where they can be opened any number of times.

use std::sync::Arc;

use bytes::Bytes;
use medley_proto::Name;
use medley_runtime::{
    records::{MAX_RECORD_BYTES, RecordKey, Records},
    store::StoreError,
};

/// Where records are.
#[async_trait::async_trait]
pub(crate) trait RecordsPlace: Send + Sync {
    /// Another way to the same records, as another process would open them.
    async fn open_records(&self) -> Arc<dyn Records>;
}

/// `tenant/room/name`
fn key(text: &str) -> RecordKey {
    let (tenant, below) = text.split_once('/').unwrap();
    RecordKey::of(&tenant.parse::<Name>().unwrap(), below.split('/')).unwrap()
}

async fn put(records: &dyn Records, at: &str, body: impl Into<Bytes>) {
    records.put(&key(at), body.into()).await.unwrap();
}

async fn get(records: &dyn Records, at: &str) -> Option<Bytes> {
    records.get(&key(at)).await.unwrap()
}

pub(crate) async fn a_record_is_read_as_it_was_written(place: &dyn RecordsPlace) {
    let (writer, reader) = (place.open_records().await, place.open_records().await);
    assert_eq!(get(&*reader, "t/tokens/a").await, None);
    for body in ["one", "", "three and more"] {
        put(&*writer, "t/tokens/a", body).await;
        assert_eq!(get(&*reader, "t/tokens/a").await.unwrap(), body);
    }
    let largest = vec![7; MAX_RECORD_BYTES];
    put(&*writer, "t/tokens/large", largest.clone()).await;
    assert!(get(&*reader, "t/tokens/large").await.unwrap() == largest);
    let larger = writer.put(&key("t/tokens/large"), vec![7; MAX_RECORD_BYTES + 1].into()).await;
    assert!(matches!(larger, Err(StoreError::TooLarge { .. })), "{larger:?}");
    for _ in 0..2 {
        writer.delete(&key("t/tokens/a")).await.unwrap();
        assert_eq!(get(&*reader, "t/tokens/a").await, None);
    }
}

pub(crate) async fn the_first_stands(place: &dyn RecordsPlace) {
    let (one, other) = (place.open_records().await, place.open_records().await);
    let at = key("t/uploads/a");
    assert!(one.put_new(&at, "one".into()).await.unwrap());
    assert!(!other.put_new(&at, "other".into()).await.unwrap());
    assert!(one.put_new(&at, "one".into()).await.unwrap(), "a repeated write is the same write");
    assert_eq!(get(&*other, "t/uploads/a").await.unwrap(), "one");
    other.delete(&at).await.unwrap();
    assert!(other.put_new(&at, "other".into()).await.unwrap());
    assert_eq!(get(&*one, "t/uploads/a").await.unwrap(), "other");
}

async fn names(records: &dyn Records, below: &RecordKey, limit: usize) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = records.read_below(below, after.as_deref(), limit).await.unwrap();
        assert!(page.records.len() <= limit);
        for (key, body) in &page.records {
            assert_eq!(key.as_str(), body, "a record is listed with its body");
        }
        names.extend(page.records.iter().map(|(key, _)| key.as_str().to_owned()));
        match page.next {
            Some(next) => after = Some(next),
            None => return names,
        }
    }
}

pub(crate) async fn pages_of_records_join_to_the_whole(place: &dyn RecordsPlace) {
    let records = place.open_records().await;
    let mut wanted: Vec<String> =
        ["a", "a-b", "a.b", "a/b", "a/c", "b", "é"].iter().map(|name| format!("t/room/{name}")).collect();
    let others = ["t/room2/a", "t/roo/a", "tt/room/a", "u/room/a", "t/room-/a"].map(String::from);
    for at in wanted.iter().chain(&others) {
        put(&*records, at, at.clone()).await;
    }
    wanted.sort_unstable();
    for limit in [1, 2, 3, wanted.len(), 1000] {
        assert_eq!(names(&*records, &key("t/room"), limit).await, wanted, "in pages of {limit}");
    }
    assert_eq!(names(&*records, &key("t/room/a"), 10).await, ["t/room/a/b", "t/room/a/c"]);
    assert!(names(&*records, &key("t/none"), 10).await.is_empty());
    let keys = records.keys_below(&key("t/room"), Some("t/room/a.b"), 2).await.unwrap();
    assert_eq!(keys.keys.iter().map(RecordKey::as_str).collect::<Vec<_>>(), ["t/room/a/b", "t/room/a/c"]);
    assert!(keys.next.is_some());
    // A page may begin at a key that does not exist.
    let page = records.read_below(&key("t/room"), Some("t/room/a/bb"), 1).await.unwrap();
    assert_eq!(page.records[0].0.as_str(), "t/room/a/c");
}

pub(crate) async fn a_tenant_sees_its_own_records_only(place: &dyn RecordsPlace) {
    let records = place.open_records().await;
    let shared = RecordKey::shared(["room", "a"]).unwrap();
    records.put(&shared, "_gateway/room/a".into()).await.unwrap();
    for at in ["t/room/a", "u/room/a"] {
        put(&*records, at, at).await;
    }
    assert_eq!(names(&*records, &key("t/room"), 10).await, ["t/room/a"]);
    assert_eq!(names(&*records, &RecordKey::shared(["room"]).unwrap(), 10).await, ["_gateway/room/a"]);
    records.delete(&key("t/room/a")).await.unwrap();
    assert_eq!(get(&*records, "u/room/a").await.unwrap(), "u/room/a");
    assert!(records.get(&shared).await.unwrap().is_some());
}

/// Writers on several ways at once: everything that was confirmed is there, and of those who race for one name the record is
/// one's, whole, and that one was told so.
pub(crate) async fn writers_side_by_side(place: &dyn RecordsPlace) {
    const LANES: usize = 8;
    const EACH: usize = 25;
    let ways = [place.open_records().await, place.open_records().await];
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..LANES {
        let records = Arc::clone(&ways[lane % 2]);
        tasks.spawn(async move {
            for n in 0..EACH {
                let at = format!("t/many/{lane}-{n:03}");
                put(&*records, &at, at.clone()).await;
            }
            let own = format!("t/race/one of lane {lane}");
            records.put_new(&key("t/race/one"), own.clone().into()).await.unwrap().then_some(own)
        });
    }
    let mut winners = Vec::new();
    while let Some(told) = tasks.join_next().await.transpose().unwrap() {
        winners.extend(told);
    }
    assert_eq!(names(&*ways[0], &key("t/many"), 60).await.len(), LANES * EACH);
    let stands = get(&*ways[1], "t/race/one").await.unwrap();
    assert!(winners.iter().any(|winner| *winner == stands), "{stands:?} of {winners:?}");
}
