use std::sync::{Arc, Mutex, PoisonError};

use medley_assist::Assistant;
use medley_models::Models;
use medley_proto::{ErrorCode, ModelUse};
use medley_step::{BuildContext, BuildError, StepError};

use crate::{Analyzer, AnalyzerSlots, CaptionConfig, CaptionParams};

/// Keeps the last analyzer open between steps: opening one loads models and, with a CLIP model, embeds its labels.
#[derive(Debug)]
pub(crate) struct AnalyzerCache {
    models: Models,
    config: CaptionConfig,
    assistant: Option<Arc<Assistant>>,
    slots: AnalyzerSlots,
    /// The open analyzer and its params. Steps with other params replace it.
    open: Mutex<Option<(CaptionParams, Analyzer)>>,
}

impl AnalyzerCache {
    /// # Errors
    /// When the assistant's configuration cannot be used.
    pub(crate) fn new(config: &CaptionConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        let assistant = Assistant::new(&config.assist).map_err(|error| BuildError {
            code: ErrorCode::PARAMS_INVALID,
            message: format!("[caption.assist] cannot be used: {error}"),
            source: Some(Box::new(error)),
        })?;
        Ok(Self {
            models: Models::open(&cx.models_dir),
            config: config.clone(),
            assistant: assistant.map(Arc::new),
            slots: AnalyzerSlots { threads: cx.threads_per_slot(), calls: cx.slots.max(1) },
            open: Mutex::default(),
        })
    }

    /// The analyzer for these params.
    ///
    /// # Errors
    /// As [`Analyzer::open`].
    pub(crate) fn get(&self, params: &CaptionParams) -> Result<Analyzer, StepError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((opened_with, analyzer)) = &*open
            && opened_with == params
        {
            return Ok(analyzer.clone());
        }
        let analyzer = Analyzer::with_config(&self.models, params, self.slots, &self.config)?;
        let analyzer = analyzer.with_assistant(self.assistant.clone())?;
        *open = Some((params.clone(), analyzer.clone()));
        Ok(analyzer)
    }

    /// The models that were loaded so far.
    pub(crate) fn models(&self) -> Vec<ModelUse> {
        self.models.used()
    }
}
