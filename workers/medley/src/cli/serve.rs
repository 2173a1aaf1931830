//! `medley serve`: the HTTP gateway, before a fleet or with a worker inside.

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use medley_gateway::{Gateway, GatewayError, GatewaySettings, RenderMetrics};
use medley_runtime::{Client, Engine, EngineOptions};
use medley_step::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Failed, block_on,
    logging::{LogFormat, start_logging},
    monitor, outputs,
    run::interrupted,
    worker::check_store,
};
use crate::{
    backends::{self, Role},
    config::Config,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen (overrides `listen` of `[gateway]`; default 127.0.0.1:8750).
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Also works on the jobs, of all kinds, in this process and its children.
    #[arg(long)]
    work: bool,
    /// Steps side by side (overrides `slots` of `[worker]`).
    #[arg(long, value_name = "N", requires = "work")]
    slots: Option<usize>,
    /// How log lines are written to standard error.
    #[arg(long, value_name = "FORMAT", default_value = "pretty")]
    log: LogFormat,
}

pub(super) fn main(args: Args, registry: Arc<Registry>, mut config: Config) -> Result<ExitCode, Failed> {
    if let Some(slots) = args.slots {
        config.worker.slots = slots;
    }
    start_logging("info", args.log);
    let settings = GatewaySettings {
        listen: args.listen.unwrap_or(config.gateway.listen),
        tenant: Some(config.tenant.clone()),
        ..config.gateway.clone()
    };
    block_on(async {
        let medley = backends::configured(Role::Serves, registry.clone(), &config).await?;
        check_store(&medley, &config).await?;
        let medley = medley.clone().with_records(backends::records(&config, medley.store()).await?);
        let metrics = monitor::install_recorder()?;
        let render = RenderMetrics::new(move || metrics.render());
        let listen = settings.listen;
        let gateway = Gateway::with_metrics(medley.clone(), settings, Some(render)).map_err(Failed::service)?;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| Failed::service(format!("the gateway cannot listen on {listen}: {error}")))?;
        let address = listener.local_addr().map_err(Failed::service)?;
        gateway.check_address(address).await.map_err(refused)?;
        let stop = CancellationToken::new();
        let told = stop.clone();
        tokio::spawn(async move {
            interrupted().await;
            tracing::info!("asked to stop");
            told.cancel();
        });
        let scheme = if config.gateway.tls.is_some() { "https" } else { "http" };
        let serving = async {
            outputs::print_line(&format!("listening on {scheme}://{address}"))?;
            // Whichever ends first takes the other along.
            let served = gateway.serve(listener, stop.clone()).await;
            stop.cancel();
            served.map_err(refused)
        };
        let working = work(args.work, &medley, registry, &config, stop.clone());
        let (served, worked) = tokio::join!(serving, working);
        served.and(worked)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Works until it is told to stop, or until it cannot go on: then nothing is served either.
async fn work(
    asked: bool,
    medley: &Client,
    registry: Arc<Registry>,
    config: &Config,
    stop: CancellationToken,
) -> Result<(), Failed> {
    if !asked {
        return Ok(());
    }
    let options = backends::worker_options(config, &registry, Vec::new());
    let options = EngineOptions { announced: true, ..options };
    let ended = Engine::new(&backends::beside(medley, registry, config), options).run(stop.clone()).await;
    stop.cancel();
    ended.map_err(Failed::service)
}

/// An address without a token is a mistake in the command line.
fn refused(error: GatewayError) -> Failed {
    match error {
        GatewayError::OpenToAll(_) => Failed::usage(error.to_string()),
        other => Failed::service(other),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use medley_gateway::{openapi_document, schema_of_kind};

    use crate::kinds::kinds;

    /// `docs/openapi.json` is generated: run with `MEDLEY_REGENERATE=1` to write it.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    fn the_document_is_the_one_that_is_kept() {
        let registry = kinds().registry();
        let document = openapi_document(&registry);
        for recipe in registry.recipes() {
            let kind = recipe.kind();
            assert_eq!(schema_of_kind(&document, kind.as_str()), Some(recipe.schema().to_value()), "{kind}");
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let current = serde_json::to_string_pretty(&document).unwrap() + "\n";
        if std::env::var_os("MEDLEY_REGENERATE").is_some() {
            std::fs::write(&path, &current).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == current, "docs/openapi.json is stale: run this test with MEDLEY_REGENERATE=1");
    }
}
