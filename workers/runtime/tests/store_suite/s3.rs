//! What a network and a busy server do to those who depend on them.

use super::{key, noise, plain};
use medley_proto::Sha256;
use medley_runtime::store::{ObjectMeta, S3Config, S3Store, Store, StoreError};
use medley_tests::s3::{ACCESS_KEY, Fault, Network, SECRET_KEY, Server};

fn config(endpoint: String) -> S3Config {
    S3Config {
        bucket: Server::shared().bucket(),
        endpoint: Some(endpoint),
        path_style: true,
        access_key: Some(ACCESS_KEY.into()),
        secret_key: Some(SECRET_KEY.into()),
        ..S3Config::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passing_troubles_are_sat_out() {
    let network = Network::before(&Server::shared().endpoint()).await;
    let store = S3Store::new(&config(network.endpoint())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (source, copy) = (folder.path().join("source"), folder.path().join("copy"));
    let content = noise((20 << 20) + 5, 1);
    std::fs::write(&source, &content).unwrap();
    let meta = ObjectMeta { sha256: Some(Sha256::of(&content)), media_type: None };
    for fault in [Fault::Cut, Fault::Busy] {
        let trouble = || network.next(fault, 2);
        trouble();
        store.put(&key("t/small"), "small".into(), &plain()).await.unwrap();
        trouble();
        assert_eq!(store.get(&key("t/small"), 100).await.unwrap().unwrap(), "small");
        trouble();
        store.put_file(&key("t/large"), &source, &meta).await.unwrap();
        trouble();
        assert_eq!(store.fetch(&key("t/large"), &copy).await.unwrap(), content.len() as u64);
        assert!(std::fs::read(&copy).unwrap() == content);
        trouble();
        assert_eq!(store.list(&key("t"), None, 10).await.unwrap().objects.len(), 2);
        assert_eq!(network.to_come(), 0, "each of them met its trouble");
    }
}

/// An answer that breaks off in the middle is asked for again and never taken for the whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_answer_is_not_the_object() {
    let network = Network::before(&Server::shared().endpoint()).await;
    let folder = tempfile::tempdir().unwrap();
    let content = noise(3 << 20, 2);
    let settings = config(network.endpoint());
    S3Store::new(&settings).unwrap().put(&key("t/torn"), content.clone().into(), &plain()).await.unwrap();
    for bytes in [300, 1000, 100_000, 2 << 20] {
        let store = S3Store::new(&settings).unwrap();
        network.next(Fault::Tear(bytes), 1);
        assert!(store.get(&key("t/torn"), 4 << 20).await.unwrap().unwrap() == content);
        let store = S3Store::new(&settings).unwrap();
        network.next(Fault::Tear(bytes), 1);
        assert!(store.get_range(&key("t/torn"), 7..u64::MAX).await.unwrap() == content[7..]);
        let store = S3Store::new(&settings).unwrap();
        network.next(Fault::Tear(bytes), 1);
        store.fetch(&key("t/torn"), &folder.path().join("copy")).await.unwrap();
        assert!(std::fs::read(folder.path().join("copy")).unwrap() == content);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn troubles_are_told_apart() {
    let good = config(Server::shared().endpoint());
    let get = async |config: S3Config| S3Store::new(&config).unwrap().get(&key("t/x"), 10).await;
    assert!(matches!(get(good.clone()).await, Ok(None)));
    let wrong_secret = S3Config { secret_key: Some("wrong".into()), ..good.clone() };
    assert!(matches!(get(wrong_secret).await, Err(StoreError::Refused(..))));
    let no_bucket = S3Config { bucket: "no-such-bucket".into(), ..good.clone() };
    let put = S3Store::new(&no_bucket).unwrap().put(&key("t/x"), "x".into(), &plain()).await;
    assert!(matches!(put, Err(StoreError::Refused(..))), "{put:?}");
    let nobody = S3Config { endpoint: Some(format!("http://127.0.0.1:{}", medley_tests::free_port())), ..good };
    assert!(matches!(get(nobody).await, Err(StoreError::Unavailable { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_may_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let text = format!("[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key={SECRET_KEY}\n");
    std::fs::write(&file, text).unwrap();
    let store = S3Store::new(&S3Config {
        access_key: None,
        secret_key: None,
        credentials_file: Some(file),
        ..config(Server::shared().endpoint())
    });
    store.unwrap().put(&key("t/x"), "x".into(), &plain()).await.unwrap();
}
