//! The HTTP gateway: every client that people already have can use Medley.
//!
//! A [`Gateway`] answers over a [`Client`](medley_runtime::Client) and the registry of kinds. It knows kinds by name and JSON
//! only. Its routes stand in one table (`table`), from which both the router and the OpenAPI document are made, so nothing is
//! served that is not described. Each room of the crate (`jobs`, `events`, `openai`, `access`, `uploads`, `webhooks`,
//! `operations`) gives its part of the table.
//!
//! ```no_run
//! # use medley_gateway::{Gateway, GatewaySettings};
//! # async fn example(client: medley_runtime::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let settings = GatewaySettings::default();
//! let listener = tokio::net::TcpListener::bind(settings.listen).await?;
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! Gateway::new(client, settings)?.serve(listener, shutdown).await?;
//! # Ok(()) }
//! ```

mod access;
mod console;
mod error;
mod events;
mod extract;
mod jobs;
mod loopback;
mod openai;
mod openapi;
mod operations;
mod problem;
mod request_id;
mod requests;
mod routes;
mod server;
mod settings;
mod state;
mod table;
mod tls;
mod uploads;
mod webhooks;

pub use access::{
    InvalidScope, InvalidTokenId, MAX_TOKENS, NewToken, Scope, Token, TokenError, TokenId, TokenInfo, Tokens,
};
pub use error::GatewayError;
pub use openapi::{document as openapi_document, schema_of_kind};
pub use operations::recorder::RenderMetrics;
pub use server::Gateway;
pub use settings::{GatewaySettings, TlsSettings};
pub use uploads::settings::UploadSettings;
pub use webhooks::settings::WebhookSettings;
