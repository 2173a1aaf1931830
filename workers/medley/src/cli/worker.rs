//! `medley worker`: takes steps from the configured queue until it is stopped.

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use medley_proto::Name;
use medley_runtime::Workers;
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
        let options = backends::worker_options(&config, &registry, args.kinds);
        let stop = CancellationToken::new();
        let readiness = Readiness::default();
        let monitor = CancellationToken::new();
        if let Some(listen) = args.monitor {
            let address = monitor::serve(listen, readiness.clone(), monitor.clone()).await?;
            tracing::info!(%address, "monitor");
        }
        readiness.set(true);
        let (told, draining) = (stop.clone(), readiness.clone());
        tokio::spawn(async move {
            interrupted().await;
            draining.set(false);
            told.cancel();
        });
        let ended = Workers::new(&medley, options).run(stop).await;
        readiness.set(false);
        monitor.cancel();
        ended.map_err(Failed::service)?;
        Ok(ExitCode::SUCCESS)
    })
}
