use std::{fmt, sync::Arc};

/// Writes down what the process's recorder holds, as Prometheus reads it.
#[derive(Clone)]
pub struct RenderMetrics(pub(super) Arc<dyn Fn() -> String + Send + Sync>);

impl RenderMetrics {
    pub fn new(render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(render))
    }
}

impl fmt::Debug for RenderMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderMetrics").finish_non_exhaustive()
    }
}
