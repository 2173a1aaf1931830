//! One suite for every `Store`, and one for every `Records`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod records_suite;
mod store_suite;

use std::sync::Arc;

use medley_runtime::{
    records::{Records, SqliteRecords, StoreRecords},
    store::{FileStore, S3Config, S3Store, Store},
};
use medley_tests::s3::{ACCESS_KEY, SECRET_KEY, Server};
use records_suite::RecordsPlace;
use store_suite::Place;

/// Makes a test of each case for each kind of place.
macro_rules! conformance {
    ($($module:ident :: { $($case:ident),* $(,)? })*) => {
        mod file {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::store_suite::$module::$case(&crate::FilePlace::new()).await;
                }
            )*)*
        }

        mod s3 {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::store_suite::$module::$case(&crate::S3Place::new()).await;
                }
            )*)*
        }
    };
}

conformance! {
    objects::{
        an_object_is_read_as_it_was_written,
        what_is_not_there_is_absent,
        ranges_are_cut_at_the_end,
        a_reader_names_the_most_it_takes,
        put_if_absent_leaves_what_is_there,
        files_are_copied_in_and_out,
        what_is_not_as_announced_is_not_written,
        a_source_that_is_missing_is_an_error,
        odd_keys_are_kept_apart,
        the_longest_key_works,
        urls_work_without_credentials_or_are_unsupported,
    }
    listing::{
        pages_join_to_the_whole_in_order,
        a_prefix_is_whole_segments,
        sizes_are_told_and_the_deleted_are_gone,
        more_than_a_thousand_are_listed,
    }
    concurrent::{
        readers_see_whole_objects,
        a_race_to_be_first_leaves_one_object,
        writing_and_deleting_side_by_side,
    }
}

/// The same for records: in SQLite, and in each kind of store.
macro_rules! records_conformance {
    ($($case:ident),* $(,)?) => {
        mod records {
            $(mod $case {
                use crate::records_suite::$case as case;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    case(&crate::SqlitePlace(crate::FilePlace::new())).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn file() {
                    case(&crate::InStore(crate::FilePlace::new())).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn s3() {
                    case(&crate::InStore(crate::S3Place::new())).await;
                }
            })*
        }
    };
}

records_conformance! {
    a_record_is_read_as_it_was_written,
    the_first_stands,
    pages_of_records_join_to_the_whole,
    a_tenant_sees_its_own_records_only,
    writers_side_by_side,
}

struct SqlitePlace(FilePlace);

#[async_trait::async_trait]
impl RecordsPlace for SqlitePlace {
    async fn open_records(&self) -> Arc<dyn Records> {
        Arc::new(SqliteRecords::open(&self.0.folder.path().join("records.db")).await.unwrap())
    }
}

struct InStore<P>(P);

#[async_trait::async_trait]
impl<P: Place> RecordsPlace for InStore<P> {
    async fn open_records(&self) -> Arc<dyn Records> {
        Arc::new(StoreRecords::new(self.0.open().await))
    }
}

struct FilePlace {
    folder: tempfile::TempDir,
}

impl FilePlace {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
}

#[async_trait::async_trait]
impl Place for FilePlace {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(FileStore::open(&self.folder.path().join("store")).await.unwrap())
    }
}

/// A bucket of its own on the server that all tests share, and a place in it.
struct S3Place {
    bucket: String,
}

impl S3Place {
    fn new() -> Self {
        Self { bucket: Server::shared().bucket() }
    }
}

#[async_trait::async_trait]
impl Place for S3Place {
    async fn open(&self) -> Arc<dyn Store> {
        let config = S3Config {
            bucket: self.bucket.clone(),
            prefix: "medley/tests".into(),
            endpoint: Some(Server::shared().endpoint()),
            path_style: true,
            access_key: Some(ACCESS_KEY.into()),
            secret_key: Some(SECRET_KEY.into()),
            ..S3Config::default()
        };
        Arc::new(S3Store::new(&config).unwrap())
    }
}

/// A writer that was killed leaves a file behind, which is gone once the store is opened again; those of living writers
/// stay.
#[tokio::test]
async fn what_dead_writers_left_is_swept_away() {
    let place = FilePlace::new();
    let unfinished = place.folder.path().join("store/%unfinished");
    place.open().await;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap().to_str().unwrap().to_owned();
    let namespace = namespace.trim_matches(|c: char| !c.is_ascii_digit());
    let of = |boot: &str, pid: u32| unfinished.join(format!("{}.{namespace}.{pid}.1.0", boot.trim()));
    let dead = [of("00000000-0000-0000-0000-000000000000", 1), of(&boot, 4_000_000)];
    let stranger = unfinished.join("something else");
    for path in dead.iter().chain([&stranger]) {
        std::fs::write(path, "half").unwrap();
    }
    place.open().await;
    assert!(dead.iter().all(|path| !path.exists()));
    assert!(stranger.exists(), "of a writer that cannot be looked at, and young");
}
