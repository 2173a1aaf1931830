use std::sync::Arc;

use medley_runtime::{Client, Records};
use tokio_util::sync::CancellationToken;

use crate::{access::Access, settings::GatewaySettings};

/// What every handler has: axum's `State<Arc<App>>`.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) client: Client,
    pub(crate) settings: GatewaySettings,
    /// The gateway's own small documents.
    pub(crate) records: Arc<dyn Records>,
    pub(crate) access: Access,
    /// Cancelled when the gateway was asked to stop: streams and long polls end at once.
    pub(crate) draining: CancellationToken,
}
