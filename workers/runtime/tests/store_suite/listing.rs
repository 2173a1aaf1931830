//! Listings: in the order of the keys' bytes, in pages, by whole segments.

use super::*;

async fn listed(store: &dyn Store, prefix: &str, page_size: usize) -> Vec<String> {
    let (mut keys, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.list(&key(prefix), after.as_deref(), page_size).await.unwrap();
        assert!(page.objects.len() <= page_size, "{} of at most {page_size}", page.objects.len());
        keys.extend(page.objects.into_iter().map(|object| object.key.as_str().to_owned()));
        match page.next {
            Some(next) => after = Some(next),
            None => return keys,
        }
    }
}

pub(crate) async fn pages_join_to_the_whole_in_order(place: &dyn Place) {
    let store = place.open().await;
    // `!`, `-` and `.` sort before `/`, `0` and `a` after it.
    let names = [
        "a", "a/b", "a/b/c", "a/b-c", "a/bb", "a!", "a-", "a.b", "a0", "aa", "b", "a/é", "a/z", "a.b/x", "a-/x", "A/b",
    ];
    let mut wanted: Vec<_> = names.iter().map(|name| format!("t/{name}")).collect();
    for at in &wanted {
        put(&*store, at, at.clone()).await;
    }
    wanted.sort_unstable();
    for page_size in [1, 2, 3, 5, names.len() - 1, names.len(), 1000] {
        assert_eq!(listed(&*store, "t", page_size).await, wanted, "in pages of {page_size}");
    }
    // A page may begin anywhere, at a key that does not exist too.
    for after in wanted.iter().cloned().chain(["t/a/bz", "t/a/", "t/a.", "s", "t/zz", "t/a/b/"].map(String::from)) {
        let page = store.list(&key("t"), Some(&after), 1000).await.unwrap();
        let found: Vec<_> = page.objects.iter().map(|object| object.key.as_str()).collect();
        let rest: Vec<_> = wanted.iter().map(String::as_str).filter(|at| *at > after.as_str()).collect();
        assert_eq!(found, rest, "after {after}");
    }
}

pub(crate) async fn a_prefix_is_whole_segments(place: &dyn Place) {
    let store = place.open().await;
    for at in ["t/job/1", "t/job", "t/job2/1", "t/jo/b", "u/job/1", "tt/job/1"] {
        put(&*store, at, "x").await;
    }
    assert_eq!(listed(&*store, "t/job", 10).await, ["t/job/1"]);
    assert_eq!(listed(&*store, "t", 10).await, ["t/jo/b", "t/job", "t/job/1", "t/job2/1"]);
    assert!(listed(&*store, "t/none", 10).await.is_empty());
    assert!(listed(&*store, "t/job/1", 10).await.is_empty());
}

pub(crate) async fn sizes_are_told_and_the_deleted_are_gone(place: &dyn Place) {
    let store = place.open().await;
    for n in 0..30 {
        put(&*store, &format!("t/group/{n:03}"), vec![7; n]).await;
    }
    for n in (0..30).step_by(2) {
        store.delete(&key(&format!("t/group/{n:03}"))).await.unwrap();
    }
    let page = store.list(&key("t/group"), None, 1000).await.unwrap();
    let sizes: Vec<_> = page.objects.iter().map(|object| object.bytes).collect();
    assert_eq!(sizes, (1..30).step_by(2).collect::<Vec<u64>>());
    assert_eq!(page.next, None);
}

pub(crate) async fn more_than_a_thousand_are_listed(place: &dyn Place) {
    let store = place.open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..8_u32 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for n in (0..1_100).filter(|n| n % 8 == lane) {
                put(&*store, &format!("t/many/{n:05}"), "x").await;
            }
        });
    }
    while tasks.join_next().await.transpose().unwrap().is_some() {}
    let wanted: Vec<_> = (0..1_100).map(|n| format!("t/many/{n:05}")).collect();
    assert_eq!(listed(&*store, "t/many", 1000).await, wanted);
    assert_eq!(listed(&*store, "t/many", 77).await, wanted);
    assert!(store.list(&key("t/many"), None, 5000).await.unwrap().objects.len() <= 1000);
}
