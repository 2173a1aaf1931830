use std::{io, net::SocketAddr, path::PathBuf};

/// Why the gateway cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Whoever reaches a public address could use everything.
    #[error(
        "{0} can be reached from other machines and there is no token; make one with `medley token create NAME`, or listen on \
         127.0.0.1"
    )]
    OpenToAll(SocketAddr),
    #[error("the gateway cannot accept connections")]
    Accept(#[source] io::Error),
    #[error("the TLS file {} cannot be used; give a PEM certificate chain and its key", file.display())]
    Tls {
        file: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the gateway's records cannot be read")]
    Records(#[source] medley_runtime::Error),
}
