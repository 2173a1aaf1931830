//! `medley queues`: what a fleet's broker has to hold, for operators who declare it themselves.

use std::process::ExitCode;

use medley_proto::{Class, Name};
use medley_runtime::queue::{QueueName, definitions};

use super::{Failed, outputs};
use crate::kinds::kinds;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  medley queues > definitions.json            then: rabbitmqctl import_definitions definitions.json
  medley queues --vhost medley                of another virtual host")]
pub(super) struct Args {
    /// The broker's virtual host.
    #[arg(long, default_value = "/")]
    vhost: String,
}

/// The queues that the workers of this build take steps from, as RabbitMQ's definitions file has them.
pub(super) fn main(args: &Args) -> Result<ExitCode, Failed> {
    let of_kind = |kind: Name| Class::ALL.map(|class| QueueName { kind: kind.clone(), class });
    let queues: Vec<QueueName> = kinds().step_kinds().flat_map(of_kind).collect();
    outputs::print_json(&definitions(&args.vhost, &queues))
}
