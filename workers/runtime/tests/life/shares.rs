//! What jobs share in the store and what goes with them; what is damaged there; where artifacts are put.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{os::unix::fs::symlink, path::Path};

use bytes::Bytes;
use libtest_mimic::Trial;
use medley_proto::{ErrorCode, JobId, Outcome, Source};
use medley_runtime::{
    Error, InputRequest, Request,
    store::{Key, ObjectMeta},
};
use serde_json::json;

use crate::{
    fleet::{Fleet, TENANT, numbers, request},
    kinds::Do,
    test,
};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_deleted_job_leaves_nothing_of_its_text", a_deleted_job_leaves_nothing),
        test("what_a_job_shares_stays_for_the_others", what_is_shared_stays_for_the_others),
        test("a_cached_result_that_is_gone_or_damaged_is_made_anew", a_cached_result_that_is_gone_is_made_anew),
        test("a_refused_key_takes_its_upload_back", a_refused_key_takes_its_upload_back),
        test("a_damaged_record_is_told_and_can_be_deleted", a_damaged_record_is_told),
        test("a_damaged_result_fails_its_job_by_name", a_damaged_result_fails_its_job),
        test("artifacts_replace_links_and_refuse_pipes", artifacts_replace_links_and_refuse_pipes),
    ]
}

const TEXT: &str = "the words that nobody else may find";
/// A result that stands out.
const NUMBER: u64 = 771_177_117_711;

/// A job with a file of its own, whose result may come from the cache.
fn cached(file: &Path) -> Request {
    let acts = json!({ "acts": [Do::Count { number: NUMBER, ms: 0 }], "cached": true });
    Request { params: acts, inputs: vec![InputRequest::File(file.to_owned())], ..request(&[]) }
}

fn file(fleet: &Fleet) -> std::path::PathBuf {
    let file = fleet.folder.path().join("words.txt");
    std::fs::write(&file, TEXT).unwrap();
    file
}

async fn done(fleet: &Fleet, request: Request) -> JobId {
    let job = fleet.client.submit(request).await.unwrap().job.id;
    let workers = fleet.workers();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Succeeded);
    workers.stop().await.unwrap();
    job
}

/// The objects that hold something of the job.
async fn telling(fleet: &Fleet) -> Vec<String> {
    let mut telling = Vec::new();
    for key in fleet.keys().await {
        let bytes = fleet.client.store().get(&Key::parse(&key).unwrap(), 1 << 20).await.unwrap().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.contains(TEXT) || text.contains(&NUMBER.to_string()) {
            telling.push(key);
        }
    }
    telling
}

async fn a_deleted_job_leaves_nothing() {
    let fleet = Fleet::new().await;
    let job = done(&fleet, cached(&file(&fleet))).await;
    assert!(telling(&fleet).await.iter().any(|key| key.starts_with("test/cache/")), "there is something to remove");
    fleet.client.delete(&TENANT, job).await.unwrap();
    assert_eq!(telling(&fleet).await, [""; 0]);
    assert_eq!(fleet.keys().await, [""; 0]);
}

async fn what_is_shared_stays_for_the_others() {
    let fleet = Fleet::new().await;
    let file = file(&fleet);
    let first = done(&fleet, cached(&file)).await;
    let second = fleet.client.submit(cached(&file)).await.unwrap().job;
    fleet.client.delete(&TENANT, first).await.unwrap();
    let workers = fleet.workers();
    assert_eq!(fleet.wait(second.id).await.outcome, Outcome::Succeeded, "its upload was not taken away");
    workers.stop().await.unwrap();
    // The second found the first one's result gone, or there: a third finds the second's in any case.
    let third = done(&fleet, cached(&file)).await;
    fleet.client.delete(&TENANT, second.id).await.unwrap();
    assert!(telling(&fleet).await.iter().any(|key| key.starts_with("test/cache/")), "the third still uses it");
    if let Source::Stored(below) = &second.inputs[0].source {
        let key = Key::parse(&format!("test/{below}")).unwrap();
        assert!(fleet.client.store().head(&key).await.unwrap().is_some(), "the third still reads it");
    }
    fleet.client.delete(&TENANT, third).await.unwrap();
    assert_eq!(fleet.keys().await, [""; 0]);
}

async fn a_cached_result_that_is_gone_is_made_anew() {
    let fleet = Fleet::new().await;
    let file = file(&fleet);
    done(&fleet, cached(&file)).await;
    let is_result = |key: &&String| key.starts_with("test/cache/") && key.split('/').count() == 4;
    let key = Key::parse(fleet.keys().await.iter().find(is_result).unwrap()).unwrap();
    fleet.client.store().delete(&key).await.unwrap();
    done(&fleet, cached(&file)).await;
    fleet.client.store().put(&key, Bytes::from_static(b"{\"v\":"), &ObjectMeta::default()).await.unwrap();
    let job = done(&fleet, cached(&file)).await;
    let paths = fleet.client.fetch(&TENANT, job, &fleet.folder.path().join("out")).await.unwrap();
    assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), NUMBER.to_string());
}

async fn a_refused_key_takes_its_upload_back() {
    let fleet = Fleet::new().await;
    let with_key = |request: Request| Request { idempotency_key: Some("one".into()), ..request };
    let job = fleet.client.submit(with_key(cached(&file(&fleet)))).await.unwrap().job.id;
    let before = fleet.keys().await;
    let other = fleet.folder.path().join("other.txt");
    std::fs::write(&other, b"something else").unwrap();
    let refused = fleet.client.submit(with_key(cached(&other))).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::IDEMPOTENCY_CONFLICT);
    assert_eq!(fleet.keys().await, before);
    fleet.client.delete(&TENANT, job).await.unwrap();
    assert_eq!(fleet.keys().await, [""; 0]);
}

async fn a_damaged_record_is_told() {
    let fleet = Fleet::new().await;
    let (good, bad) = (fleet.submit(&numbers(1)).await, fleet.submit(&numbers(1)).await);
    let at = Key::parse(&format!("test/jobs/{bad}/job.json")).unwrap();
    for damage in [&b""[..], b"{\"v\":1,", b"\x00\xff\xfe", b"[]"] {
        let bytes = Bytes::copy_from_slice(damage);
        fleet.client.store().put(&at, bytes, &ObjectMeta::default()).await.unwrap();
        let error = fleet.client.status(&TENANT, bad).await.unwrap_err();
        assert_eq!(error.code().as_str(), "state_damaged");
        assert!(error.to_string().contains(at.as_str()), "{error}");
        let page = fleet.client.list(&TENANT, None, 10).await.unwrap();
        assert_eq!(page.jobs.iter().map(|status| status.job.id).collect::<Vec<_>>(), [good]);
        assert!(matches!(&page.damaged[..], [(job, Error::Damaged { .. })] if *job == bad), "{page:?}");
    }
    fleet.sweep().await.unwrap();
    fleet.client.delete(&TENANT, bad).await.unwrap();
    let keys = fleet.keys().await;
    assert!(!keys.iter().any(|key| key.contains(&bad.to_string())), "{keys:?}");
    assert!(fleet.client.list(&TENANT, None, 10).await.unwrap().damaged.is_empty());
}

async fn a_damaged_result_fails_its_job() {
    let fleet = Fleet::new().await;
    let job = fleet.submit(&numbers(1)).await;
    let at = Key::parse(&format!("test/jobs/{job}/steps/act/0/0/result.json")).unwrap();
    fleet.client.store().put(&at, Bytes::from_static(b"{"), &ObjectMeta::default()).await.unwrap();
    let workers = fleet.workers();
    let failure = fleet.wait(job).await.error.unwrap();
    workers.stop().await.unwrap();
    assert_eq!(failure.code.as_str(), "state_damaged");
    assert!(failure.message.contains(at.as_str()), "{failure:?}");
}

async fn artifacts_replace_links_and_refuse_pipes() {
    let fleet = Fleet::new().await;
    let job = done(&fleet, request(&numbers(1))).await;
    let at = |name: &str| fleet.folder.path().join(name);
    std::fs::create_dir(at("out")).unwrap();
    std::fs::write(at("victim"), b"dear to somebody").unwrap();
    for name in ["out/manifest.json", "out/sum.txt"] {
        symlink(at("victim"), at(name)).unwrap();
    }
    fleet.client.fetch(&TENANT, job, &at("out")).await.unwrap();
    assert_eq!(std::fs::read(at("victim")).unwrap(), b"dear to somebody");
    assert_eq!(std::fs::read_to_string(at("out/sum.txt")).unwrap(), "0");
    let names = std::fs::read_dir(at("out")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    assert_eq!(names, ["manifest.json", "sum.txt"], "nothing unfinished stays");
    for name in ["out/manifest.json", "out/sum.txt"] {
        std::fs::remove_file(at(name)).unwrap();
        let pipe = std::ffi::CString::new(at(name).to_str().unwrap()).unwrap();
        // SAFETY: the path is a terminated string that outlives the call.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        let error = fleet.client.fetch(&TENANT, job, &at("out")).await.unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        std::fs::remove_file(at(name)).unwrap();
    }
}
