//! `medley worker`: takes steps from the configured queue until it is stopped.

use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use medley_proto::Name;
use medley_runtime::{Client, Engine, EngineOptions, store::StoreError};
use medley_step::Registry;
use tokio_util::sync::CancellationToken;

use super::{
    Failed, block_on,
    logging::{LogFormat, start_logging},
    monitor::{self, Readiness},
    run::interrupted,
};
use crate::{
    backends::{self, Role},
    config::Config,
};

/// How long a worker waits at its start for the store's first answer.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The kinds of step to work on; all by default.
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    kinds: Vec<Name>,
    /// Steps side by side (overrides `slots` of `[worker]`).
    #[arg(long, value_name = "N")]
    slots: Option<usize>,
    /// How log lines are written to standard error.
    #[arg(long, value_name = "FORMAT", default_value = "pretty")]
    log: LogFormat,
    /// Serves /healthz, /readyz and /metrics (Prometheus) at this address, such as 0.0.0.0:9100.
    #[arg(long, value_name = "ADDRESS")]
    monitor: Option<SocketAddr>,
}

pub(super) fn main(args: Args, registry: Arc<Registry>, mut config: Config) -> Result<ExitCode, Failed> {
    if let Some(slots) = args.slots {
        config.worker.slots = slots;
    }
    for kind in &args.kinds {
        if !registry.worker_kinds().any(|known| known == kind) {
            return Err(Failed::usage(format!("no kind of step is called '{kind}' in this build")));
        }
    }
    start_logging("info", args.log);
    block_on(async {
        let medley = backends::configured(Role::Works, registry.clone(), &config).await?;
        check_store(&medley, &config).await?;
        let options = EngineOptions { announced: true, ..backends::worker_options(&config, &registry, args.kinds) };
        let stop = CancellationToken::new();
        let readiness = Readiness::default();
        let monitor = CancellationToken::new();
        if let Some(listen) = args.monitor {
            let address = monitor::serve(listen, readiness.clone(), monitor.clone()).await?;
            tracing::info!(%address, "monitor");
            tokio::spawn(watch_reach(medley.clone(), readiness.clone(), monitor.clone()));
        }
        readiness.set(true);
        let (told, draining) = (stop.clone(), readiness.clone());
        tokio::spawn(async move {
            interrupted().await;
            draining.set(false);
            tracing::info!("asked to stop");
            told.cancel();
        });
        let ended = Engine::new(medley.backend(), options).run(stop).await;
        readiness.set(false);
        monitor.cancel();
        ended.map_err(Failed::service)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// How often queue and store are looked at for `/readyz`, and how long they may take to answer.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A worker that cannot reach its queue or store takes no steps, though it goes on trying.
async fn watch_reach(medley: Client, readiness: Readiness, stop: CancellationToken) {
    let mut reached = true;
    loop {
        let looked = stop.run_until_cancelled(tokio::time::timeout(ANSWER_LIMIT, medley.reach())).await;
        let away = match looked {
            None => return,
            Some(Ok(Ok(()))) => None,
            Some(Ok(Err(error))) => Some(error.to_string()),
            Some(Err(_)) => Some("queue or store do not answer".to_owned()),
        };
        match &away {
            None if !reached => tracing::info!("queue and store can be reached again"),
            Some(error) if reached => tracing::warn!(error, "not ready: queue or store cannot be reached"),
            _ => {}
        }
        reached = away.is_none();
        readiness.set_reached(reached);
        if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
            return;
        }
    }
}

/// A bucket that is missing or closed will not come to be: said at once. A server that is away may come back.
pub(super) async fn check_store(medley: &Client, config: &Config) -> Result<(), Failed> {
    match tokio::time::timeout(STORE_PATIENCE, medley.check_store()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error @ (StoreError::Refused(..) | StoreError::NotFound(_)))) => {
            Err(Failed::service(StoreRefused(backends::store_shown(config), error)))
        }
        Ok(Err(error)) => {
            tracing::warn!(error = %Failed::service(error), "the store does not answer now; steps wait for it");
            Ok(())
        }
        Err(_) => {
            tracing::warn!("the store does not answer now; steps wait for it");
            Ok(())
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the store {0} cannot be used; make its bucket, or correct [store] of medley.toml and its credentials")]
struct StoreRefused(String, #[source] StoreError);
