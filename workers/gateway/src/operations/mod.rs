//! What the owner of the machine asks: health, metrics, queues, workers.

use crate::routes::Route;

pub(crate) fn routes() -> Vec<Route> {
    Vec::new()
}
