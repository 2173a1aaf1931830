//! One object: written, read, replaced, removed.

use std::time::Duration;

use medley_proto::Sha256;
use medley_runtime::store::StoreError;

use super::*;

pub(crate) async fn an_object_is_read_as_it_was_written(place: &dyn Place) {
    let (here, there) = (place.open().await, place.open().await);
    for (at, bytes) in [("t/one", &b"hello"[..]), ("t/empty", b""), ("t/deep/er/and/deeper", b"\x00\xff\r\n")] {
        put(&*here, at, bytes).await;
        assert_eq!(get(&*there, at).await.as_deref(), Some(bytes));
        let info = there.head(&key(at)).await.unwrap().unwrap();
        assert_eq!((info.key, info.bytes), (key(at), bytes.len() as u64));
        assert!(info.modified_ms > 1_600_000_000_000);
        if let Some(path) = there.local_path(&key(at)) {
            assert_eq!(std::fs::read(path).unwrap(), bytes);
        }
    }
    put(&*there, "t/one", "another").await;
    assert_eq!(get(&*here, "t/one").await.unwrap(), "another");
}

pub(crate) async fn what_is_not_there_is_absent(place: &dyn Place) {
    let store = place.open().await;
    let folder = tempfile::tempdir().unwrap();
    put(&*store, "t/there", "x").await;
    for at in ["t/not", "t/there/below", "t/not/below", "nobody/at"] {
        assert_eq!(get(&*store, at).await, None, "{at}");
        assert_eq!(store.head(&key(at)).await.unwrap(), None, "{at}");
        assert!(matches!(store.get_range(&key(at), 0..5).await, Err(StoreError::NotFound(_))), "{at}");
        let fetched = store.fetch(&key(at), &folder.path().join("copy")).await;
        assert!(matches!(fetched, Err(StoreError::NotFound(_))), "{at}");
        store.delete(&key(at)).await.unwrap();
    }
    assert_eq!(get(&*store, "t/there").await.unwrap(), "x");
}

pub(crate) async fn ranges_are_cut_at_the_end(place: &dyn Place) {
    let store = place.open().await;
    put(&*store, "t/range", "0123456789").await;
    put(&*store, "t/nothing", "").await;
    for (range, wanted) in
        [(0..10, "0123456789"), (3..5, "34"), (8..100, "89"), (10..20, ""), (50..60, ""), (4..4, ""), (9..10, "9")]
    {
        assert_eq!(store.get_range(&key("t/range"), range.clone()).await.unwrap(), wanted, "{range:?}");
    }
    assert_eq!(store.get_range(&key("t/nothing"), 0..5).await.unwrap(), "");
}

pub(crate) async fn a_reader_names_the_most_it_takes(place: &dyn Place) {
    let store = place.open().await;
    put(&*store, "t/ten", "0123456789").await;
    assert_eq!(store.get(&key("t/ten"), 10).await.unwrap().unwrap(), "0123456789");
    let refused = store.get(&key("t/ten"), 9).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { bytes: 10, limit: 9, .. })), "{refused:?}");
}

pub(crate) async fn put_if_absent_leaves_what_is_there(place: &dyn Place) {
    let (here, there) = (place.open().await, place.open().await);
    assert!(here.put_if_absent(&key("t/once"), "first".into(), &plain()).await.unwrap());
    assert!(!there.put_if_absent(&key("t/once"), "second".into(), &plain()).await.unwrap());
    assert_eq!(get(&*there, "t/once").await.unwrap(), "first");
    here.delete(&key("t/once")).await.unwrap();
    assert!(there.put_if_absent(&key("t/once"), "third".into(), &plain()).await.unwrap());
    assert_eq!(get(&*here, "t/once").await.unwrap(), "third");
}

pub(crate) async fn files_are_copied_in_and_out(place: &dyn Place) {
    let store = place.open().await;
    let folder = tempfile::tempdir().unwrap();
    // Around the sizes where a transfer is cut into parts.
    for bytes in [0, 1, 5 << 20, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, (24 << 20) + 77] {
        let (source, copy) = (folder.path().join("source"), folder.path().join("copy"));
        let content = noise(bytes, bytes as u64 + 1);
        std::fs::write(&source, &content).unwrap();
        let meta = ObjectMeta { sha256: Some(Sha256::of(&content)), media_type: Some("audio/x-test".into()) };
        store.put_file(&key("t/file.bin"), &source, &meta).await.unwrap();
        // The source goes on being written; the object is not touched by that.
        std::fs::OpenOptions::new().write(true).open(&source).unwrap().set_len(0).unwrap();
        assert_eq!(store.fetch(&key("t/file.bin"), &copy).await.unwrap(), bytes as u64);
        assert!(std::fs::read(&copy).unwrap() == content, "{bytes} bytes came back different");
        let end = store.get_range(&key("t/file.bin"), (bytes as u64).saturating_sub(3)..u64::MAX).await.unwrap();
        assert_eq!(end, content[bytes.saturating_sub(3)..]);
    }
}

pub(crate) async fn what_is_not_as_announced_is_not_written(place: &dyn Place) {
    let store = place.open().await;
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    let wrong = ObjectMeta { sha256: Some(Sha256::of(b"something else")), media_type: None };
    put(&*store, "t/old", "old").await;
    for bytes in [100, 20 << 20] {
        let content = noise(bytes, 3);
        std::fs::write(&source, &content).unwrap();
        for at in ["t/old", "t/new"] {
            let outcome = store.put_file(&key(at), &source, &wrong).await;
            assert!(matches!(outcome, Err(StoreError::Checksum(_))), "{outcome:?}");
            let outcome = store.put(&key(at), content.clone().into(), &wrong).await;
            assert!(matches!(outcome, Err(StoreError::Checksum(_))), "{outcome:?}");
            let outcome = store.put_if_absent(&key("t/new"), content.clone().into(), &wrong).await;
            assert!(matches!(outcome, Err(StoreError::Checksum(_))), "{outcome:?}");
        }
    }
    assert_eq!(get(&*store, "t/old").await.unwrap(), "old");
    assert_eq!(get(&*store, "t/new").await, None);
    let right = ObjectMeta { sha256: Some(Sha256::of(b"right")), media_type: None };
    store.put(&key("t/new"), "right".into(), &right).await.unwrap();
    assert_eq!(get(&*store, "t/new").await.unwrap(), "right");
}

pub(crate) async fn a_source_that_is_missing_is_an_error(place: &dyn Place) {
    let store = place.open().await;
    let folder = tempfile::tempdir().unwrap();
    assert!(store.put_file(&key("t/none"), &folder.path().join("none"), &plain()).await.is_err());
    assert!(store.put_file(&key("t/none"), folder.path(), &plain()).await.is_err());
    assert_eq!(get(&*store, "t/none").await, None);
}

/// Segments that a file system, a URL or a signature may stumble over.
pub(crate) fn odd_segments() -> Vec<String> {
    let mut odd: Vec<String> = [
        "with space",
        " ",
        "  leading",
        "trailing ",
        "plus+and&equals=",
        "tilde~",
        "(round)",
        "it's",
        "bang!",
        "star*",
        "dollar$",
        "comma,semi;at@",
        "[square]",
        "{curly}",
        "^hat`tick",
        "...",
        "..a",
        ".hidden",
        "-rf",
        "录音 №1 – 播客",
        "e\u{301}",
        "\u{e9}",
        "🎙️👩‍👩‍👧",
        "\u{202e}rtl",
        "CON",
        "nul.txt",
        "Case",
        "case",
    ]
    .map(String::from)
    .to_vec();
    odd.push("x".repeat(255));
    odd.push("字".repeat(85));
    odd
}

pub(crate) async fn odd_keys_are_kept_apart(place: &dyn Place) {
    let store = place.open().await;
    let mut keys: Vec<Key> = odd_segments().iter().map(|odd| Key::new(["t", odd]).unwrap()).collect();
    keys.extend(odd_segments().iter().map(|odd| Key::new(["t", odd, "inner"]).unwrap()).filter(|key| {
        // An object may also be the beginning of other keys; but see `folder_name` of `FileStore`.
        key.as_str().len() < 250
    }));
    for key in &keys {
        store.put(key, key.as_str().to_owned().into(), &plain()).await.unwrap_or_else(|error| panic!("{key}: {error}"));
    }
    for key in &keys {
        let bytes = store.get(key, 4096).await.unwrap();
        assert_eq!(bytes.as_deref(), Some(key.as_str().as_bytes()), "{key}");
    }
    keys.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    let page = store.list(&key("t"), None, 1000).await.unwrap();
    let listed: Vec<_> = page.objects.into_iter().map(|object| object.key).collect();
    assert_eq!(listed, keys);
    for key in &keys {
        store.delete(key).await.unwrap();
        assert_eq!(store.head(key).await.unwrap(), None, "{key}");
    }
}

pub(crate) async fn the_longest_key_works(place: &dyn Place) {
    let store = place.open().await;
    let mut long = "t".to_owned();
    while long.len() < Key::MAX_BYTES - 201 {
        long.push('/');
        long.push_str(&"d".repeat(200));
    }
    long.push('/');
    long.push_str(&"f".repeat(Key::MAX_BYTES - long.len()));
    put(&*store, &long, "x").await;
    assert_eq!(get(&*store, &long).await.unwrap(), "x");
    assert_eq!(store.list(&key("t"), None, 10).await.unwrap().objects[0].key.as_str(), long);
    store.delete(&key(&long)).await.unwrap();
    assert_eq!(store.list(&key("t"), None, 10).await.unwrap().objects, []);
}

pub(crate) async fn urls_work_without_credentials_or_are_unsupported(place: &dyn Place) {
    let store = place.open().await;
    put(&*store, "t/录音 1+2.txt", "by url").await;
    let valid_for = Duration::from_secs(60);
    let reading = store.presign_get(&key("t/录音 1+2.txt"), valid_for).await;
    let writing = store.presign_put(&key("t/upload"), valid_for).await;
    if store.local_path(&key("t/upload")).is_some() {
        assert!(matches!(reading, Err(StoreError::Unsupported(_))));
        assert!(matches!(writing, Err(StoreError::Unsupported(_))));
        return;
    }
    let (reading, writing) = (reading.unwrap(), writing.unwrap());
    assert_eq!(medley_tests::http::request("GET", &reading, b"").await, (200, b"by url".to_vec()));
    assert_eq!(medley_tests::http::request("PUT", &writing, b"uploaded").await.0, 200);
    assert_eq!(get(&*store, "t/upload").await.unwrap(), "uploaded");
    assert_eq!(medley_tests::http::request("DELETE", &reading, b"").await.0, 403, "a URL is for one thing");
    let (elsewhere, _) = reading.split_once('?').unwrap();
    assert_eq!(medley_tests::http::request("GET", elsewhere, b"").await.0, 403, "without the signature");
}
