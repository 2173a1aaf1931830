//! Uploads: files that come in pieces (docs/decisions/0090-uploads-are-parts-in-the-store.md).
//!
//! `<tenant>/uploads/<id>/` has what is known of one, `<tenant>/upload-parts/<id>/<start>-<end>` its bytes. A part is written
//! once and never changed, so that any gateway goes on where another stopped. How far an upload has come is the furthest
//! place that its parts lead to from the beginning: a part that comes late, from a gateway that was thought gone, can only
//! lead further.

use std::{collections::BTreeMap, fmt, str::FromStr};

use medley_proto::{Input, Name, Source};
use serde::{Deserialize, Serialize};

use super::{documents, keys::tenant, removal};
use crate::{
    Error,
    store::{Key, Store, StoreError},
};

/// The most parts that one upload may have: each look at it lists them.
pub(crate) const MAX_PARTS: usize = 10_000;

/// Names an upload: a ULID, which nobody guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadId(ulid::Ulid);

/// What is no [`UploadId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no id of an upload")]
pub struct InvalidUploadId(String);

impl UploadId {
    pub(crate) fn fresh(now_ms: u64) -> Self {
        Self(ulid::Ulid::from_parts(now_ms, ulid::Ulid::generate().random()))
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = InvalidUploadId;
    fn from_str(text: &str) -> Result<Self, InvalidUploadId> {
        ulid::Ulid::from_string(text).map(Self).map_err(|_| InvalidUploadId(text.to_owned()))
    }
}

impl TryFrom<String> for UploadId {
    type Error = InvalidUploadId;
    fn try_from(text: String) -> Result<Self, InvalidUploadId> {
        text.parse()
    }
}

impl From<UploadId> for String {
    fn from(id: UploadId) -> Self {
        id.to_string()
    }
}

/// `upload.json`: what its client said when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    /// None: `length.json` says it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    /// As the client gave it.
    pub(crate) metadata: String,
    pub(crate) created_ms: u64,
    pub(crate) expires_ms: u64,
}

/// The keys of one upload.
#[derive(Debug, Clone)]
pub(crate) struct UploadKeys {
    tenant: Name,
    id: UploadId,
}

impl UploadKeys {
    pub(crate) fn new(tenant: &Name, id: UploadId) -> Self {
        Self { tenant: tenant.clone(), id }
    }

    fn below(folder: &Key, id: UploadId, name: &str) -> Key {
        folder.join(&format!("{id}/{name}")).expect("ids and numbers are valid key segments")
    }

    pub(crate) fn record(&self) -> Key {
        Self::below(&tenant::uploads(&self.tenant), self.id, "upload.json")
    }

    /// Written once, when the length was not known at the beginning.
    pub(crate) fn length(&self) -> Key {
        Self::below(&tenant::uploads(&self.tenant), self.id, "length.json")
    }

    /// The [`Input`] that the whole file is; its object may still be on its way.
    pub(crate) fn input(&self) -> Key {
        Self::below(&tenant::uploads(&self.tenant), self.id, "input.json")
    }

    fn parts(&self) -> Key {
        let folder = tenant::upload_parts(&self.tenant);
        folder.join(&self.id.to_string()).expect("an id is a valid key segment")
    }

    pub(crate) fn part(&self, part: Part) -> Key {
        Self::below(&tenant::upload_parts(&self.tenant), self.id, &part.to_string())
    }

    /// The object of a stored input.
    pub(crate) fn object(&self, input: &Input) -> Result<Option<Key>, StoreError> {
        match &input.source {
            Source::Stored(below) => Key::new([self.tenant.as_str()])?.join(below).map(Some),
            Source::Uri(_) | Source::Text(_) => Ok(None),
        }
    }

    /// Beside the markers of jobs: the upload keeps the object, too
    /// (docs/decisions/0028-shared-objects-know-their-jobs.md).
    pub(crate) fn user_of(&self, object: &Key) -> Result<Key, StoreError> {
        object.join(&self.id.to_string())
    }
}

/// The bytes from `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl fmt::Display for Part {
    /// As many digits as the largest number has, so that keys are in the order of the numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{:020}", self.start, self.end)
    }
}

impl Part {
    fn of(key: &Key) -> Option<Self> {
        let (start, end) = key.as_str().rsplit('/').next()?.split_once('-')?;
        let part = Self { start: start.parse().ok()?, end: end.parse().ok()? };
        (part.start < part.end).then_some(part)
    }
}

/// Which parts of an upload there are, by their starts.
#[derive(Debug, Default)]
pub(crate) struct Parts(Vec<Part>);

impl Parts {
    pub(crate) async fn read(store: &dyn Store, keys: &UploadKeys) -> Result<Self, StoreError> {
        let (folder, mut parts, mut after) = (keys.parts(), Vec::new(), None::<String>);
        loop {
            let page = store.list(&folder, after.as_deref(), usize::MAX).await?;
            parts.extend(page.objects.iter().filter_map(|object| Part::of(&object.key)));
            after = page.next;
            if after.is_none() || parts.len() > MAX_PARTS {
                return Ok(Self(parts));
            }
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// For each place that parts lead to from the beginning, where the last of them starts.
    fn ways(&self) -> BTreeMap<u64, u64> {
        let mut ways = BTreeMap::new();
        for part in &self.0 {
            // They are sorted by their starts: all ways to this one are known.
            if part.start == 0 || ways.contains_key(&part.start) {
                ways.entry(part.end).or_insert(part.start);
            }
        }
        ways
    }

    /// How far the upload has come.
    pub(crate) fn reach(&self) -> u64 {
        self.ways().last_key_value().map_or(0, |(end, _)| *end)
    }

    /// Parts that make the first `bytes`, one after the other.
    pub(crate) fn chain(&self, bytes: u64) -> Option<Vec<Part>> {
        let (ways, mut end, mut chain) = (self.ways(), bytes, Vec::new());
        while end > 0 {
            let start = *ways.get(&end)?;
            chain.push(Part { start, end });
            end = start;
        }
        chain.reverse();
        Some(chain)
    }
}

/// Removes the parts of an upload.
pub(crate) async fn remove_parts(store: &dyn Store, keys: &UploadKeys) -> Result<(), StoreError> {
    removal::remove_all(store, &keys.parts(), &[]).await
}

/// Removes an upload: its hold on its object, which goes when no job uses it, its bytes, and its record last, so that a
/// removal that broke off can be asked for again.
pub(crate) async fn remove(store: &dyn Store, keys: &UploadKeys) -> Result<(), Error> {
    let input = match documents::read::<Input>(store, &keys.input()).await {
        Err(Error::Damaged { .. }) => None,
        other => other?,
    };
    if let Some(object) = input.map(|input| keys.object(&input)).transpose()?.flatten() {
        store.delete(&keys.user_of(&object)?).await?;
        if store.list(&object, None, 1).await?.objects.is_empty() {
            store.delete(&object).await?;
        }
    }
    remove_parts(store, keys).await?;
    for key in [keys.input(), keys.length(), keys.record()] {
        store.delete(&key).await?;
    }
    Ok(())
}

/// The uploads of a tenant whose ids stand behind `after`, the oldest first, and the `after` of the next page.
pub(crate) async fn list(
    store: &dyn Store,
    of: &Name,
    after: Option<UploadId>,
    limit: usize,
) -> Result<(Vec<UploadId>, Option<UploadId>), StoreError> {
    let folder = tenant::uploads(of);
    // `~` stands behind every name below an id.
    let mut after = after.map(|id| format!("{folder}/{id}/~"));
    let mut ids: Vec<UploadId> = Vec::new();
    loop {
        let page = store.list(&folder, after.as_deref(), usize::MAX).await?;
        for object in &page.objects {
            let Some(id) = object.key.as_str().rsplit('/').nth(1).and_then(|id| id.parse().ok()) else { continue };
            if ids.last() == Some(&id) {
                continue;
            }
            if ids.len() == limit {
                return Ok((ids.clone(), ids.last().copied()));
            }
            ids.push(id);
        }
        after = page.next;
        if after.is_none() {
            return Ok((ids, None));
        }
    }
}

/// Removes the uploads of a tenant whose time is over, and what broken removals left. All uploads are kept for as long: the
/// first that stays ends the round.
pub(crate) async fn sweep(store: &dyn Store, of: &Name, now_ms: u64) -> Result<u64, Error> {
    const AT_ONCE: usize = 100;
    let mut removed = 0;
    let mut after = None;
    loop {
        let (ids, next) = list(store, of, after, AT_ONCE).await?;
        for id in ids {
            let keys = UploadKeys::new(of, id);
            match documents::read::<UploadRecord>(store, &keys.record()).await {
                Ok(Some(record)) if record.expires_ms > now_ms => return Ok(removed),
                Ok(_) | Err(Error::Damaged { .. }) => remove(store, &keys).await?,
                Err(error) => return Err(error),
            }
            removed += 1;
        }
        after = next;
        if after.is_none() {
            return Ok(removed);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(of: &[(u64, u64)]) -> Parts {
        let mut parts: Vec<_> = of.iter().map(|&(start, end)| Part { start, end }).collect();
        parts.sort_unstable();
        Parts(parts)
    }

    #[test]
    fn an_upload_has_come_as_far_as_its_parts_lead() {
        for (of, reach) in [
            (&[][..], 0),
            (&[(0, 3)], 3),
            (&[(0, 3), (3, 8)], 8),
            (&[(3, 8)], 0),
            (&[(0, 3), (4, 8)], 3),
            // A gateway that was thought gone wrote less, or more, of the same bytes.
            (&[(0, 8), (0, 3), (8, 9)], 9),
            (&[(0, 3), (0, 8), (3, 5)], 8),
        ] {
            assert_eq!(parts(of).reach(), reach, "{of:?}");
        }
    }

    #[test]
    fn parts_are_named_in_the_order_of_their_bytes() {
        let key = |part: Part| UploadKeys::new(&Name::from_static("t"), UploadId::fresh(1)).part(part);
        let (early, late) = (Part { start: 9, end: 10 }, Part { start: 10, end: u64::MAX });
        assert_eq!(Part::of(&key(late)), Some(late));
        assert!(key(early).as_str().rsplit('/').next() < key(late).as_str().rsplit('/').next());
        assert_eq!(Part::of(&Key::parse("t/upload-parts/x/5-5").unwrap()), None);
    }

    #[test]
    fn ids_are_one_segment_in_one_spelling() {
        let id = UploadId::fresh(5);
        assert_eq!(id.to_string().to_ascii_lowercase().parse::<UploadId>(), Ok(id));
        for bad in ["", "..", "../../x", "a/b", &"Z".repeat(27), &format!("{id}/"), "%2e%2e"] {
            assert!(bad.parse::<UploadId>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        /// Whatever else is written, an upload never falls back, and what it has come to can be put together.
        #[test]
        fn parts_only_lead_further(of in proptest::collection::vec((0_u64..12, 1_u64..6), 0..30)) {
            let mut so_far = Vec::new();
            let mut reach = 0;
            for (start, bytes) in of {
                so_far.push((start, start + bytes));
                let parts = parts(&so_far);
                prop_assert!(parts.reach() >= reach);
                reach = parts.reach();
                let chain = parts.chain(reach).unwrap();
                prop_assert_eq!(chain.iter().map(|part| part.end - part.start).sum::<u64>(), reach);
                prop_assert!(chain.windows(2).all(|two| two[0].end == two[1].start));
            }
        }
    }
}
