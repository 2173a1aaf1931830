//! Resumable uploads (tus 1.0).

use crate::routes::Route;

pub(crate) fn routes() -> Vec<Route> {
    Vec::new()
}
