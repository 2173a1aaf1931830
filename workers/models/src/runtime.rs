//! ONNX Runtime, loaded once a process.

use std::{
    env,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use ort::environment::Environment;

use crate::{ModelError, Models};

static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The environment, with the library of the cache or the one `MEDLEY_ONNXRUNTIME` names.
pub(crate) fn environment(models: &Models) -> Result<Environment, ModelError> {
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*environment {
        return Ok(environment.clone());
    }
    let path = match env::var_os("MEDLEY_ONNXRUNTIME").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => models.file("onnxruntime", "libonnxruntime.so")?,
    };
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ModelError::Runtime { path: path.clone(), source };
    let built = ort::init_from(&path)
        .map_err(|error| failed(Box::new(error)))?
        .with_name("medley")
        .with_telemetry(false)
        .build()
        .map_err(|error| failed(Box::new(error)))?;
    Ok(environment.insert(built).clone())
}
