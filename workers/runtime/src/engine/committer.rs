//! From what a step left behind to its `result.json`: the one act that commits it.

use std::path::{Component, Path};

use futures_util::{StreamExt, TryStreamExt, stream};
use medley_proto::{Artifact, Lineage, Step, StepResult, VERSION};
use medley_step::{LocalInput, Published, StepError};

use crate::{
    Backend, Error,
    breakpoint::breakpoint,
    compute::Computed,
    fetch::local_files,
    layout::{
        documents,
        keys::{JobKeys, tenant},
        removal, shares,
    },
    store::ObjectMeta,
};

/// How many artifacts of one step are stored side by side.
const UPLOADS: usize = 4;

/// Stores the artifacts, then writes the result; returns the result that stands.
pub(crate) async fn commit(
    backend: &Backend,
    step: &Step,
    computed: Computed,
    inputs: &[LocalInput],
    scratch: &Path,
) -> Result<StepResult, StepError> {
    let keys = JobKeys::of_step(step);
    let uploads =
        computed.artifacts.into_iter().map(|published| store_artifact(backend, &keys, published, inputs, scratch));
    let artifacts: Vec<Artifact> = stream::iter(uploads).buffered(UPLOADS).try_collect().await?;
    breakpoint("after_artifacts");
    let mut lineage = step.lineage.clone();
    let models = computed.models.into_iter().map(|model| (model.name.clone(), model)).collect();
    lineage.absorb(&Lineage { models, compute_ms: computed.run_ms, steps: 1 });
    let result = StepResult {
        v: VERSION,
        id: step.id.clone(),
        output: computed.output,
        artifacts,
        quality: computed.quality,
        lineage,
    };
    let result = documents::write_once(&*backend.store, &keys.result(&step.id), result).await?;
    breakpoint("after_result");
    remember(backend, step, &result).await;
    // The job may have been deleted since this step last looked.
    if removal::remove_if_deleted(&*backend.store, &keys).await? { Err(StepError::Cancelled) } else { Ok(result) }
}

async fn store_artifact(
    backend: &Backend,
    keys: &JobKeys,
    published: Published,
    inputs: &[LocalInput],
    scratch: &Path,
) -> Result<Artifact, StepError> {
    let Published { name, media_type, path } = published;
    let handed_on = inputs.iter().find(|input| input.path == path);
    let (sha256, bytes) = match handed_on {
        Some(input) => (input.sha256, input.bytes),
        None if inside(scratch, &path) => measure(&path).await?,
        None => return Err(StepError::internal(format!("artifact {name} lies outside the step's folder"))),
    };
    let artifact = Artifact { name, sha256, bytes, media_type };
    let key = keys.artifact(&artifact)?;
    if backend.store.head(&key).await?.is_none_or(|object| object.bytes != bytes) {
        let meta = ObjectMeta { media_type: Some(artifact.media_type.clone()), sha256: Some(sha256) };
        backend.store.put_file(&key, &path, &meta).await?;
    }
    Ok(artifact)
}

/// The result of a step that depended on the same things, as this step's.
pub(crate) async fn recall(backend: &Backend, step: &Step) -> Result<Option<StepResult>, Error> {
    let Some(cache_key) = step.cache_key else { return Ok(None) };
    let (keys, cached_at) = (JobKeys::of_step(step), tenant::cached(&step.tenant, &step.kind, cache_key));
    let cached = match documents::read::<StepResult>(&*backend.store, &cached_at).await {
        Ok(Some(cached)) => cached,
        Ok(None) => return Ok(None),
        Err(Error::Damaged { key, source }) => {
            tracing::warn!(%key, error = %source, "a cached result is damaged; it is computed anew");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    shares::share(&*backend.store, &keys, &cached_at).await?;
    let mut lineage = step.lineage.clone();
    lineage.absorb(&Lineage { models: cached.lineage.models, compute_ms: 0, steps: 1 });
    let result = StepResult { v: VERSION, id: step.id.clone(), lineage, ..cached };
    let result = documents::write_once(&*backend.store, &keys.result(&step.id), result).await?;
    if removal::remove_if_deleted(&*backend.store, &keys).await? {
        Err(StepError::Cancelled.into())
    } else {
        Ok(Some(result))
    }
}

/// Leaves the result for other jobs. Only results without artifacts: those of others go when their job goes.
async fn remember(backend: &Backend, step: &Step, result: &StepResult) {
    let Some(cache_key) = step.cache_key else { return };
    if !result.artifacts.is_empty() {
        return;
    }
    let key = tenant::cached(&step.tenant, &step.kind, cache_key);
    let remembered = async {
        shares::share(&*backend.store, &JobKeys::of_step(step), &key).await?;
        documents::write(&*backend.store, &key, result).await
    };
    if let Err(error) = remembered.await {
        tracing::warn!(%error, step = %step.id, "a result was not left in the cache");
    }
}

/// Whether the path lies below the folder, also when one looks closely.
fn inside(folder: &Path, path: &Path) -> bool {
    path.strip_prefix(folder).is_ok_and(|below| below.components().all(|part| matches!(part, Component::Normal(_))))
}

async fn measure(path: &Path) -> Result<(medley_proto::Sha256, u64), StepError> {
    let path = path.to_owned();
    let measure = move || -> std::io::Result<_> {
        let mut file = std::fs::File::open(&path)?;
        let sha256 = local_files::hash(&mut file)?;
        Ok((sha256, file.metadata()?.len()))
    };
    let measured = tokio::task::spawn_blocking(measure).await;
    Ok(measured.map_err(|panic| StepError::internal("an artifact could not be hashed").because(panic))??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_become_artifacts() {
        let scratch = Path::new("/w/steps/1-1/scratch");
        assert!(inside(scratch, Path::new("/w/steps/1-1/scratch/a.txt")));
        for other in ["/w/steps/1-1/scratch/../in/0", "/etc/passwd", "/w/steps/1-1/scratchy/a"] {
            assert!(!inside(scratch, Path::new(other)), "{other}");
        }
    }
}
