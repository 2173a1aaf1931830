//! ONNX Runtime, loaded once a process.

use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use crate::{ModelError, Models, files};

static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The environment, with the library of the cache or the one `MEDLEY_ONNXRUNTIME` names.
pub(crate) fn environment(models: &Models) -> Result<Environment, ModelError> {
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*environment {
        return Ok(environment.clone());
    }
    let own = medley_environment::Environment::get().onnxruntime.path();
    let path = match &own {
        Some(path) => path.clone(),
        None => models.file("onnxruntime", "libonnxruntime.so")?,
    };
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ModelError::Runtime { path: path.clone(), source };
    // The loader would wait at a pipe for ever. A name without a folder is the loader's to find.
    if let Some(path) = own.filter(|path| path.components().count() > 1) {
        files::open(&path).map_err(|error| failed(Box::new(error)))?;
    }
    let built = ort::init_from(&path)
        .map_err(|error| failed(Box::new(error)))?
        .with_name("medley")
        .with_telemetry(false)
        .build()
        .map_err(|error| failed(Box::new(error)))?;
    Ok(environment.insert(built).clone())
}
