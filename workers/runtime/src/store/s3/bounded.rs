//! The most of an answer that is read into memory. The SDK reads all of what is not an object's content: a listing without
//! an end would take what memory there is.

use aws_sdk_s3::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextMut},
    error::BoxError,
    primitives::SdkBody,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use http_body_util::{LengthLimitError, Limited};

/// A page of 1,000 keys of 1,024 bytes, each written as `&#x1F;` at worst, and what stands beside them.
pub(super) const MAX_ANSWER_BYTES: usize = 8 << 20;

#[derive(Debug)]
pub(super) struct BoundedAnswers;

impl Intercept for BoundedAnswers {
    fn name(&self) -> &'static str {
        "BoundedAnswers"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Whoever asks for content reads it piece by piece, and stops by itself.
        let asks_for_content = config.load::<Metadata>().is_some_and(|asked| asked.name() == "GetObject");
        let is_content = asks_for_content && context.response().status().is_success();
        if !is_content {
            let body = context.response_mut().body_mut();
            let whole = std::mem::replace(body, SdkBody::taken());
            *body = SdkBody::from_body_1_x(Limited::new(whole, MAX_ANSWER_BYTES));
        }
        Ok(())
    }
}

/// Whether an answer was longer than that.
pub(super) fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.is::<LengthLimitError>() {
            return true;
        }
        next = cause.source();
    }
    false
}
