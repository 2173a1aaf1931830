//! What brokers, servers and networks do to jobs that are under way: every job ends, and as if nothing had happened.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{sync::Arc, time::Duration};

use libtest_mimic::Trial;
use medley_proto::Outcome;
use medley_tests::{
    rabbitmq::Broker,
    s3::{Network, Server},
};

use crate::{
    fleet::{Fleet, Remote},
    kinds::Do,
    test,
};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_broker_is_killed_and_comes_back", a_broker_is_killed_and_comes_back),
        test("connections_are_cut", connections_are_cut),
        test("a_store_answers_503_and_hangs_up", a_store_answers_503_and_hangs_up),
        test("a_store_tears_its_answers", a_store_tears_its_answers),
    ]
}

const STEPS: u64 = 40;

/// Long enough that the trouble comes in the middle.
fn acts() -> Vec<Do> {
    (0..STEPS).map(|number| Do::Count { number, ms: 60 }).collect()
}

async fn fleet_over(remote: Remote) -> Fleet {
    let folder = tempfile::tempdir().unwrap();
    remote.note_in(folder.path());
    Fleet::in_folder(folder, |settings| settings.worker.max_attempts = 50).await
}

/// Runs a job while `trouble` goes on beside it, and compares it with one that was left in peace.
async fn goes_as_in_peace(fleet: &Fleet, trouble: impl Future<Output = ()>) {
    let workers = fleet.workers();
    let in_peace = fleet.wait(fleet.submit(&acts()).await).await;
    let job = fleet.submit(&acts()).await;
    let (manifest, ()) = tokio::join!(fleet.wait(job), trouble);
    assert_eq!(manifest.outcome, Outcome::Succeeded, "{:?}", manifest.error);
    assert_eq!((manifest.artifacts, manifest.timings.steps), (in_peace.artifacts, in_peace.timings.steps));
    assert!(fleet.medley.dead_letters(&crate::fleet::TENANT, 10).await.unwrap().is_empty());
    workers.stop().await.unwrap();
}

async fn a_broker_is_killed_and_comes_back() {
    let broker = Arc::new(Broker::start());
    let fleet = fleet_over(Remote { broker: broker.vhost(), ..Remote::shared() }).await;
    goes_as_in_peace(&fleet, async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        // The test's own handle keeps the broker alive afterwards.
        let again = Arc::clone(&broker);
        tokio::task::spawn_blocking(move || again.start_again()).await.unwrap();
    })
    .await;
}

async fn connections_are_cut() {
    let remote = Remote::shared();
    let fleet = fleet_over(remote.clone()).await;
    goes_as_in_peace(&fleet, async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let url = remote.broker.clone();
            tokio::task::spawn_blocking(move || Broker::shared().cut(&url)).await.unwrap();
        }
    })
    .await;
}

async fn a_store_answers_503_and_hangs_up() {
    let network = Network::before(&Server::shared().endpoint()).await;
    let fleet = fleet_over(Remote { endpoint: network.endpoint(), ..Remote::shared() }).await;
    goes_as_in_peace(&fleet, async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            network.slow_down(3);
            network.hang_up();
            tokio::time::sleep(Duration::from_millis(100)).await;
            network.cut(3);
            network.hang_up();
        }
    })
    .await;
    assert!(network.faults_met() > 20, "only {} connections met a fault", network.faults_met());
}

async fn a_store_tears_its_answers() {
    let network = Network::before(&Server::shared().endpoint()).await;
    let fleet = fleet_over(Remote { endpoint: network.endpoint(), ..Remote::shared() }).await;
    goes_as_in_peace(&fleet, async {
        for bytes in [100, 300, 500, 700, 900, 1_100] {
            tokio::time::sleep(Duration::from_millis(150)).await;
            network.tear_after(bytes);
            network.hang_up();
        }
    })
    .await;
    assert!(network.faults_met() > 8, "only {} connections met a fault", network.faults_met());
}
