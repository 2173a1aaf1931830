//! RabbitMQ and an S3 server on free ports, for trying a fleet on one machine and for `scripts/bench fleet`. Prints what a
//! process of each of a few fleets needs in its environment, one JSON object a line, and ends when standard input does:
//!
//!     cargo run --release -p medley-tests --example services

use medley_tests::{
    rabbitmq::Broker,
    s3::{ACCESS_KEY, SECRET_KEY, Server},
};

/// Fleets that know nothing of each other: a virtual host and a bucket each.
const FLEETS: usize = 12;

fn main() -> std::io::Result<()> {
    let (broker, server) = (Broker::shared(), Server::shared());
    for _ in 0..FLEETS {
        let environment = serde_json::json!({
            "MEDLEY_QUEUE": broker.vhost(),
            "MEDLEY_STORE": format!("s3://{}/medley", server.bucket()),
            "MEDLEY_ENDPOINT": server.endpoint(),
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        });
        println!("{environment}");
    }
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    broker.kill();
    Ok(())
}
