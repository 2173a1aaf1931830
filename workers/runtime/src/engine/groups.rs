//! Groups of steps: what the steps of one have left in the store, and their results when all are there.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use medley_proto::{Lineage, StepId, StepResult};
use medley_step::graph::Group;

use crate::{
    Error,
    layout::{documents, keys::JobKeys},
    store::Store,
};

/// How many results are read side by side.
const READS: usize = 8;

/// The step that stands for the group where one is asked for.
pub(crate) fn last_step(group: &Group) -> StepId {
    group.step(group.size.saturating_sub(1))
}

/// What lies in a group's folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupFiles {
    pub(crate) results: BTreeSet<u32>,
    pub(crate) errors: BTreeSet<u32>,
    /// When something was written there last.
    pub(crate) newest_ms: u64,
}

/// What the steps of a group have left.
pub(crate) async fn files_of(store: &dyn Store, keys: &JobKeys, group: &Group) -> Result<GroupFiles, Error> {
    let prefix = keys.group(&group.stage, group.group);
    let mut files = GroupFiles::default();
    let mut after = None;
    loop {
        let page = store.list(&prefix, after.as_deref(), 1_000).await?;
        for object in &page.objects {
            files.newest_ms = files.newest_ms.max(object.modified_ms);
            match left(prefix.as_str(), object.key.as_str()) {
                Some((n, "result.json")) if n < group.size => files.results.insert(n),
                Some((n, "error.json")) if n < group.size => files.errors.insert(n),
                _ => false,
            };
        }
        after = page.next;
        if after.is_none() {
            return Ok(files);
        }
    }
}

/// The results of a group in the order of its steps, when all are there.
pub(crate) async fn results_of(
    store: &dyn Store,
    keys: &JobKeys,
    group: &Group,
    known: Option<StepResult>,
) -> Result<Option<Vec<StepResult>>, Error> {
    if group.size > 1 && files_of(store, keys, group).await?.results.len() < group.size as usize {
        return Ok(None);
    }
    let read = |n: u32| {
        let known = known.as_ref().filter(|result| result.id.n == n).cloned();
        let key = keys.result(&group.step(n));
        async move {
            match known {
                Some(result) => Ok(Some(result)),
                None => documents::read::<StepResult>(store, &key).await,
            }
        }
    };
    let results: Vec<_> = stream::iter((0..group.size).map(read)).buffered(READS).try_collect().await?;
    Ok(results.into_iter().collect())
}

/// What the store has of these steps, in their order.
pub(crate) async fn results_at(
    store: &dyn Store,
    keys: &JobKeys,
    ids: impl IntoIterator<Item = StepId>,
) -> Result<Vec<(StepId, Option<StepResult>)>, Error> {
    let read = |id: StepId| async move {
        let result = documents::read::<StepResult>(store, &keys.result(&id)).await?;
        Ok((id, result))
    };
    stream::iter(ids.into_iter().map(read)).buffered(READS).try_collect().await
}

pub(crate) fn lineage_of(results: &[StepResult]) -> Lineage {
    let mut lineage = Lineage::default();
    for result in results {
        lineage.absorb(&result.lineage);
    }
    lineage
}

/// The number of the step that a key below a group belongs to, and the file's name.
fn left<'a>(prefix: &str, key: &'a str) -> Option<(u32, &'a str)> {
    let (n, file) = key.strip_prefix(prefix)?.strip_prefix('/')?.split_once('/')?;
    Some((n.parse().ok()?, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_files_of_a_step_itself_count() {
        let prefix = "t/jobs/J/steps/decode/3";
        let of = |below: &str| left(prefix, Box::leak(format!("{prefix}/{below}").into_boxed_str()));
        assert_eq!(of("17/result.json"), Some((17, "result.json")));
        assert_eq!(of("17/attempts/1.json"), Some((17, "attempts/1.json")));
        assert_eq!(of("x/result.json"), None);
        assert_eq!(of("result.json"), None);
        assert_eq!(left(prefix, "t/jobs/J/steps/decode/33/1/result.json"), None);
    }
}
