use std::path::Path;

use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CaptionConfig, CaptionParams, Row, analyzer_cache::AnalyzerCache, npy};

/// The output of the step: the image's row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaptionOutput {
    pub row: Row,
}

/// Describes one image.
#[derive(Debug)]
pub struct CaptionWorker {
    analyzers: AnalyzerCache,
}

impl Worker for CaptionWorker {
    const KIND: &'static str = "caption";
    type Config = CaptionConfig;
    type Params = CaptionParams;
    type Output = CaptionOutput;

    fn build(config: CaptionConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { analyzers: AnalyzerCache::new(&config, cx)? })
    }

    fn run(&self, params: CaptionParams, cx: &StepContext<'_>) -> Result<CaptionOutput, StepError> {
        let input = cx.input(0)?;
        cx.progress(0.0, 1.0, "images");
        let analyzer = self.analyzers.get(&params)?;
        let analyses = analyzer.analyze(&[(input.name.clone(), input.path.clone())], cx.host())?;
        let analysis = analyses.into_iter().next();
        let mut analysis = analysis.ok_or_else(|| StepError::internal("one image has one answer"))?;
        // Alone, an image that cannot be read is the job's failure; in a library it is a row.
        if let Some(error) = analysis.row.error {
            return Err(StepError::permanent(error.code, error.message));
        }
        analysis.row.embedding = analysis.embedding.as_ref().map(|_| 0);
        let mut line = serde_json::to_vec(&analysis.row)?;
        line.push(b'\n');
        cx.publish("captions.jsonl", "application/jsonl", &line)?;
        let caption = format!("{}\n", analysis.row.caption);
        cx.publish(&sidecar(&input.name), "text/plain; charset=utf-8", caption.as_bytes())?;
        if let Some(vector) = &analysis.embedding {
            cx.publish("embeddings.npy", "application/x-npy", &npy::matrix(std::slice::from_ref(vector)))?;
        }
        cx.quality("captioned_by", serde_json::to_value(analysis.row.captioned_by)?);
        cx.quality("tags", analysis.row.tags.len());
        cx.progress(1.0, 1.0, "images");
        Ok(CaptionOutput { row: analysis.row })
    }

    fn models(&self) -> Vec<ModelUse> {
        self.analyzers.models()
    }
}

/// The name of an image's caption file, as trainers expect it: the image's name with the extension `.txt`.
fn sidecar(name: &str) -> String {
    let name = Path::new(name);
    let stem = name.file_stem().or(name.file_name()).unwrap_or_default().to_string_lossy();
    format!("{}.txt", if stem.is_empty() { "caption".into() } else { stem })
}
