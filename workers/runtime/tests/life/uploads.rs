//! Uploads: what is durable, what goes on elsewhere, what goes away.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{os::unix::process::ExitStatusExt, path::Path};

use libtest_mimic::Trial;
use medley_proto::{ErrorCode, Name, Outcome, Sha256};
use medley_runtime::{Client, Error, InputRequest, NewUpload, Request, UploadId, UploadPage, store::Key};

use crate::{
    fleet::{self, Doomed, Fleet, TENANT, numbers, request},
    test,
    upkeep::{HOUR_MS, late},
};

pub(crate) fn tests() -> Vec<Trial> {
    let places = ["after_upload_part", "after_upload_marker", "after_upload_object"];
    let mut tests = vec![
        test("an_upload_goes_on_at_another_client", an_upload_goes_on_elsewhere),
        test("an_upload_that_two_clients_write_is_whole", two_clients_write_one),
        test("a_job_keeps_the_file_of_an_upload_that_ended", a_job_keeps_its_file),
        test("an_upload_keeps_its_file_when_its_job_is_deleted", an_upload_keeps_its_file),
        test("uploads_are_forgotten_after_their_time", uploads_are_forgotten),
        test("an_upload_is_its_tenants_alone", an_upload_is_its_tenants),
        test("lengths_that_no_input_has_are_refused", odd_lengths_are_refused),
    ];
    tests.extend(places.map(|place| test(&format!("an_upload_survives_kill_{place}"), move || killed(place))));
    tests
}

const TEXT: &[u8] = b"the first half of a file, and its second half";
const MIDDLE: usize = 24;

fn talk(bytes: Option<usize>) -> NewUpload {
    NewUpload {
        name: "talk.txt".into(),
        media_type: Some("text/plain".into()),
        bytes: bytes.map(|bytes| bytes as u64),
        metadata: "filename dGFsay50eHQ=".into(),
        expires_ms: u64::MAX,
    }
}

async fn begin(client: &Client) -> UploadId {
    client.create_upload(&TENANT, talk(Some(TEXT.len()))).await.unwrap().id
}

async fn send(client: &Client, id: UploadId, from: usize, to: usize) {
    let file = client.scratch().unwrap();
    std::fs::write(file.path(), &TEXT[from..to]).unwrap();
    client.put_upload_part(&TENANT, id, from as u64, file.path()).await.unwrap();
}

async fn uploaded(client: &Client) -> UploadId {
    let id = begin(client).await;
    send(client, id, 0, TEXT.len()).await;
    client.finish_upload(&TENANT, id).await.unwrap();
    id
}

async fn offset(client: &Client, id: UploadId) -> usize {
    usize::try_from(client.upload(&TENANT, id).await.unwrap().offset).unwrap()
}

/// The tenant's objects that are not those of jobs.
async fn of_uploads(fleet: &Fleet) -> Vec<String> {
    let kept = |key: &String| ["uploads/", "upload-parts/", "inputs/"].iter().any(|room| key[5..].starts_with(room));
    fleet.keys().await.into_iter().filter(kept).collect()
}

async fn an_upload_goes_on_elsewhere() {
    let fleet = Fleet::new().await;
    let id = begin(&fleet.client).await;
    send(&fleet.client, id, 0, MIDDLE).await;
    let other = fleet::open(fleet.folder.path(), fleet::settings(fleet.folder.path())).await;
    assert_eq!(offset(&other, id).await, MIDDLE);
    let refused = other.finish_upload(&TENANT, id).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::INPUT_NOT_FOUND, "{refused}");
    send(&other, id, MIDDLE, TEXT.len()).await;
    assert!(fleet.client.upload(&TENANT, id).await.unwrap().is_whole());
    let input = fleet.client.finish_upload(&TENANT, id).await.unwrap();
    assert_eq!(input.sha256, Some(Sha256::of(TEXT)));
    assert_eq!((input.name.as_str(), input.media_type.as_deref()), ("talk.txt", Some("text/plain")));
    assert_eq!(other.finish_upload(&TENANT, id).await.unwrap(), input, "done again it is the same");
    assert_eq!(other.upload(&TENANT, id).await.unwrap().input, Some(input));
    assert!(!of_uploads(&fleet).await.iter().any(|key| key.contains("upload-parts")));
}

async fn two_clients_write_one() {
    let fleet = Fleet::new().await;
    let id = begin(&fleet.client).await;
    // A gateway that was thought gone keeps what it has after another one went on.
    send(&fleet.client, id, 0, TEXT.len() - 1).await;
    send(&fleet.client, id, 0, MIDDLE).await;
    assert_eq!(offset(&fleet.client, id).await, TEXT.len() - 1);
    send(&fleet.client, id, TEXT.len() - 1, TEXT.len()).await;
    assert_eq!(fleet.client.finish_upload(&TENANT, id).await.unwrap().sha256, Some(Sha256::of(TEXT)));
}

async fn done(fleet: &Fleet, id: UploadId) -> medley_proto::JobId {
    let input = fleet.client.upload(&TENANT, id).await.unwrap().input.unwrap();
    let asked = Request { inputs: vec![InputRequest::Stored(input)], ..request(&numbers(1)) };
    let job = fleet.client.submit(asked).await.unwrap().job.id;
    let workers = fleet.workers();
    assert_eq!(fleet.wait(job).await.outcome, Outcome::Succeeded);
    workers.stop().await.unwrap();
    job
}

async fn a_job_keeps_its_file() {
    let fleet = Fleet::new().await;
    let id = uploaded(&fleet.client).await;
    let job = done(&fleet, id).await;
    fleet.client.delete_upload(&TENANT, id).await.unwrap();
    assert!(matches!(fleet.client.upload(&TENANT, id).await, Err(Error::NoSuchUpload(_))));
    let object = Key::parse(&format!("test/inputs/{}/talk.txt", Sha256::of(TEXT))).unwrap();
    assert_eq!(fleet.client.store().get(&object, 1_000).await.unwrap().unwrap(), TEXT);
    fleet.client.delete(&TENANT, job).await.unwrap();
    assert_eq!(fleet.keys().await, [""; 0]);
}

async fn an_upload_keeps_its_file() {
    let fleet = Fleet::new().await;
    let id = uploaded(&fleet.client).await;
    let job = done(&fleet, id).await;
    fleet.client.delete(&TENANT, job).await.unwrap();
    done(&fleet, id).await;
}

async fn uploads_are_forgotten() {
    let late = late(|_| ()).await;
    let client = &late.fleet.client;
    let now_ms = client.backend().clock().now_ms();
    let young = NewUpload { expires_ms: now_ms + 3 * HOUR_MS, ..talk(None) };
    let (begun, whole) = (client.create_upload(&TENANT, young.clone()).await.unwrap().id, {
        let file = client.scratch().unwrap();
        std::fs::write(file.path(), TEXT).unwrap();
        client.upload_file(&TENANT, young, file.path()).await.unwrap();
        client.uploads(&TENANT, None, 100).await.unwrap().uploads[1].id
    });
    send(client, begun, 0, MIDDLE).await;
    late.put_forward(HOUR_MS);
    assert_eq!(late.fleet.sweep().await.unwrap().uploads, 0);
    assert_eq!(offset(client, begun).await, MIDDLE);
    late.put_forward(2 * HOUR_MS);
    for id in [begun, whole] {
        assert!(matches!(client.upload(&TENANT, id).await, Err(Error::NoSuchUpload(_))), "its time is over");
    }
    assert_eq!(late.fleet.sweep().await.unwrap().uploads, 2);
    assert_eq!(of_uploads(&late.fleet).await, [""; 0]);
}

async fn an_upload_is_its_tenants() {
    let fleet = Fleet::new().await;
    let id = uploaded(&fleet.client).await;
    let other = Name::from_static("other");
    assert!(matches!(fleet.client.upload(&other, id).await, Err(Error::NoSuchUpload(_))));
    assert!(matches!(fleet.client.delete_upload(&other, id).await, Err(Error::NoSuchUpload(_))));
    assert_eq!(fleet.client.uploads(&other, None, 10).await.unwrap(), UploadPage::default());
    let page = fleet.client.uploads(&TENANT, None, 1).await.unwrap();
    assert_eq!((page.uploads[0].id, page.next), (id, None));
}

async fn odd_lengths_are_refused() {
    let fleet = Fleet::with(|settings| settings.limits.input_bytes = 50).await;
    for (bytes, code) in [(0, ErrorCode::MEDIA_EMPTY), (51, ErrorCode::MEDIA_TOO_LARGE)] {
        let refused = fleet.client.create_upload(&TENANT, talk(Some(bytes))).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
    let unknown = fleet.client.create_upload(&TENANT, talk(None)).await.unwrap();
    assert_eq!(fleet.client.set_upload_length(&TENANT, &unknown, 45).await.unwrap(), 45);
    assert_eq!(fleet.client.set_upload_length(&TENANT, &unknown, 46).await.unwrap(), 45, "it is said once");
    assert_eq!(fleet.client.upload(&TENANT, unknown.id).await.unwrap().bytes, Some(45));
}

/// What another process does until it dies.
pub(crate) async fn second_half(client: &Client, folder: &Path) {
    let id = std::fs::read_to_string(folder.join("upload")).unwrap().parse().unwrap();
    send(client, id, MIDDLE, TEXT.len()).await;
    client.finish_upload(&TENANT, id).await.unwrap();
}

async fn killed(place: &'static str) {
    let fleet = Fleet::new().await;
    let id = begin(&fleet.client).await;
    send(&fleet.client, id, 0, MIDDLE).await;
    std::fs::write(fleet.folder.path().join("upload"), id.to_string()).unwrap();
    let status = Doomed::start("uploader", fleet.folder.path(), place).died().await;
    assert_eq!(status.signal(), Some(libc::SIGKILL), "{place}: {status}");
    assert_eq!(offset(&fleet.client, id).await, TEXT.len(), "what was durable counts");
    let input = fleet.client.finish_upload(&TENANT, id).await.unwrap();
    assert_eq!(input.sha256, Some(Sha256::of(TEXT)));
    fleet.client.delete_upload(&TENANT, id).await.unwrap();
    assert_eq!(of_uploads(&fleet).await, [""; 0]);
}
