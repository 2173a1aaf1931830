//! What brokers, servers and networks do to jobs that are under way: every job ends, and as if nothing had happened.
//!
//! Nothing here depends on how fast the machine is: half of the steps wait until the trouble has been, and a network fails
//! at the nth request.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{path::Path, sync::Arc};

use libtest_mimic::Trial;
use medley_proto::Outcome;
use medley_runtime::EngineOptions;
use medley_tests::{
    rabbitmq::Broker,
    s3::{Fault, Network, Server},
};

use crate::{
    fleet::{self, Fleet, Remote, Running, until},
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

/// Half of them wait for the gate.
const STEPS: u64 = 40;
/// How many faults a network has for one job. Each step makes some ten requests, so that a job meets all of them.
const FAULTS: usize = 30;

fn acts(gate: &Path) -> Vec<Do> {
    let act = |number| match number < STEPS / 2 {
        true => Do::Count { number, ms: 0 },
        false => Do::CountWhen { number, file: gate.to_owned() },
    };
    (0..STEPS).map(act).collect()
}

async fn fleet_over(remote: &Remote) -> Fleet {
    let folder = tempfile::tempdir().unwrap();
    remote.note_in(folder.path());
    Fleet::in_folder(folder, |settings| settings.worker.max_attempts = 50).await
}

/// Runs a job that is in the middle when `trouble` comes and ends after it, and compares it with one that was left in
/// peace.
async fn goes_as_in_peace(fleet: &Fleet, workers: Running, trouble: impl Future<Output = ()>) {
    let gate = fleet.folder.path().join("gate");
    std::fs::write(&gate, b"").unwrap();
    let in_peace = fleet.wait(fleet.submit(&acts(&gate)).await).await;
    std::fs::remove_file(&gate).unwrap();
    let job = fleet.submit(&acts(&gate)).await;
    let done = || async {
        let of_job = |key: &&String| key.contains(&job.to_string()) && key.ends_with("result.json");
        fleet.keys().await.iter().filter(of_job).count()
    };
    until("some steps to be done", || async { done().await >= 5 }).await;
    trouble.await;
    std::fs::write(&gate, b"").unwrap();
    let manifest = fleet.wait(job).await;
    assert_eq!(manifest.outcome, Outcome::Succeeded, "{:?}", manifest.error);
    assert_eq!((manifest.artifacts, manifest.timings.steps), (in_peace.artifacts, in_peace.timings.steps));
    assert!(fleet.client.dead_letters(&fleet::TENANT, 10).await.unwrap().is_empty());
    workers.stop().await.unwrap();
}

async fn a_broker_is_killed_and_comes_back() {
    let broker = Arc::new(Broker::start());
    let fleet = fleet_over(&Remote { broker: broker.vhost(), ..Remote::shared() }).await;
    goes_as_in_peace(&fleet, fleet.workers(), async {
        // The test's own handle keeps the broker alive afterwards.
        let again = Arc::clone(&broker);
        tokio::task::spawn_blocking(move || again.start_again()).await.unwrap();
    })
    .await;
}

async fn connections_are_cut() {
    let remote = Remote::shared();
    let fleet = fleet_over(&remote).await;
    goes_as_in_peace(&fleet, fleet.workers(), async {
        for _ in 0..2 {
            let url = remote.broker.clone();
            tokio::task::spawn_blocking(move || Broker::shared().cut(&url)).await.unwrap();
            until("somebody to connect again", || async {
                let url = remote.broker.clone();
                tokio::task::spawn_blocking(move || !Broker::shared().received(&url).is_empty()).await.unwrap()
            })
            .await;
        }
    })
    .await;
}

/// Workers of the fleet whose store is behind a network of its own; the test looks at it from the other side.
async fn workers_behind(network: &Network, remote: &Remote, fleet: &Fleet) -> Running {
    let folder = fleet.folder.path().join("behind");
    std::fs::create_dir(&folder).unwrap();
    Remote { endpoint: network.endpoint(), ..remote.clone() }.note_in(&folder);
    let settings = fleet.client.backend().settings().clone();
    Running::start(&fleet::open(&folder, settings).await, EngineOptions::default())
}

/// A job meets all of these faults, each after 3 to 9 undisturbed requests.
async fn goes_over_a_bad_network(faults: &[Fault]) {
    let network = Network::before(&Server::shared().endpoint()).await;
    let remote = Remote::shared();
    let fleet = fleet_over(&remote).await;
    let workers = workers_behind(&network, &remote, &fleet).await;
    goes_as_in_peace(&fleet, workers, async {
        let gap = |n: usize| 3 + (n.wrapping_mul(0x9E37_79B9) >> 16) % 7;
        network.strew((0..FAULTS).map(|n| (gap(n), faults[n % faults.len()])));
    })
    .await;
    assert_eq!(network.to_come(), 0, "the job ended before it met all faults");
}

async fn a_store_answers_503_and_hangs_up() {
    goes_over_a_bad_network(&[Fault::Busy, Fault::Cut, Fault::Busy, Fault::HangUp, Fault::Cut]).await;
}

async fn a_store_tears_its_answers() {
    goes_over_a_bad_network(&[100, 300, 500, 700, 900, 1_100].map(Fault::Tear)).await;
}
