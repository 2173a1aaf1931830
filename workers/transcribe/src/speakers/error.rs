use std::time::Duration;

use medley_proto::ErrorCode;
use medley_step::{Retryable, StepError};

/// The longest time that one step listens: text without speakers is better than no text.
pub(super) const MAX_TIME: Duration = Duration::from_secs(8 * 60);

/// What goes wrong while a stretch is listened to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("cannot run the speakers' graphs")]
    Ort(#[from] ort::Error),
    #[error("the speakers' models are not what the registry's converters make")]
    Contract,
    #[error("it took longer than {} s", MAX_TIME.as_secs())]
    Late,
}

impl Retryable for ListenError {
    fn into_step_error(self) -> StepError {
        StepError::transient(ErrorCode::INTERNAL, "cannot tell speakers apart; run the job again").because(self)
    }
}
