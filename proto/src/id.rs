use std::{borrow::Cow, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a [`Name`] may not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a name: use 1 to 63 lower-case letters, digits, '-' and '_', starting with a letter or digit")]
pub struct InvalidName(pub String);

/// A validated word used as a path segment and routing key: kinds, tenants, stages. It can be joined into a store
/// key or a queue name without escaping anything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[a-z0-9][a-z0-9_-]{0,62}$"))]
pub struct Name(Cow<'static, str>);

impl Name {
    /// The longest name.
    pub const MAX_BYTES: usize = 63;

    /// A name known at compile time.
    ///
    /// # Panics
    /// When the text is not a name; in a constant this fails the build.
    pub const fn from_static(text: &'static str) -> Self {
        assert!(is_name(text.as_bytes()), "not a valid name");
        Self(Cow::Borrowed(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_name(bytes: &[u8]) -> bool {
    if bytes.is_empty() || bytes.len() > Name::MAX_BYTES {
        return false;
    }
    let mut i = 0;
    while i < bytes.len() {
        let ok = matches!(bytes[i], b'a'..=b'z' | b'0'..=b'9') || (i > 0 && matches!(bytes[i], b'-' | b'_'));
        if !ok {
            return false;
        }
        i += 1;
    }
    true
}

impl TryFrom<String> for Name {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        if is_name(text.as_bytes()) { Ok(Self(Cow::Owned(text))) } else { Err(InvalidName(text)) }
    }
}

impl FromStr for Name {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::try_from(text.to_owned())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.into_owned()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// A job's identity: a ULID, so that ids sort by time; or, with an idempotency key, a ULID-shaped hash of tenant and
/// key, so that the same request is the same job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9A-HJKMNP-TV-Z]{26}$"))]
pub struct JobId(ulid::Ulid);

impl JobId {
    /// A fresh id for a job made at `now_ms` (Unix time) with 80 bits of the caller's randomness.
    pub fn fresh(now_ms: u64, random: u128) -> Self {
        Self(ulid::Ulid::from_parts(now_ms, random))
    }

    /// The id of the job that this tenant asks for under this key, now and for ever.
    pub fn from_key(tenant: &Name, key: &str) -> Self {
        use sha2::Digest;
        let mut hash = sha2::Sha256::new();
        hash.update(tenant.as_str());
        hash.update([0]);
        hash.update(key);
        let mut bits = [0; 16];
        bits.copy_from_slice(&hash.finalize()[..16]);
        Self(ulid::Ulid(u128::from_be_bytes(bits)))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for JobId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        ulid::Ulid::from_string(text).map(Self).map_err(|_| InvalidName(text.to_owned()))
    }
}

impl TryFrom<String> for JobId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.to_string()
    }
}

/// Where a step stands in its job: `<stage>/<group>/<n>`. It is the same whoever publishes the step and however
/// often, and it is the step's place in the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepId {
    pub stage: Name,
    pub group: u32,
    pub n: u32,
}

impl StepId {
    pub fn new(stage: Name, group: u32, n: u32) -> Self {
        Self { stage, group, n }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.stage, self.group, self.n)
    }
}

impl FromStr for StepId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName(text.to_owned());
        let mut parts = text.split('/');
        let (Some(stage), Some(group), Some(n), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(invalid());
        };
        Ok(Self {
            stage: stage.parse()?,
            group: group.parse().map_err(|_| invalid())?,
            n: n.parse().map_err(|_| invalid())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_path_segment() {
        for bad in ["", "a/b", "..", "a.b", "A", "-a", "a b", "名", &"a".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?} must be refused");
        }
        for good in ["a", "transcribe", "gather-2", "0x"] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_key_gives_one_id_per_tenant() {
        let (a, b) = (Name::from_static("a"), Name::from_static("b"));
        assert_eq!(JobId::from_key(&a, "k"), JobId::from_key(&a, "k"));
        assert_ne!(JobId::from_key(&a, "k"), JobId::from_key(&b, "k"));
        let id = JobId::from_key(&a, "k");
        assert_eq!(id.to_string().parse::<JobId>().unwrap(), id);
    }

    #[test]
    fn step_ids_round_trip() {
        let id = StepId::new(Name::from_static("decode"), 3, 17);
        assert_eq!(id.to_string(), "decode/3/17");
        assert_eq!("decode/3/17".parse::<StepId>().unwrap(), id);
        assert!("decode/3".parse::<StepId>().is_err());
        assert!("decode/3/x".parse::<StepId>().is_err());
        assert!("decode/3/1/2".parse::<StepId>().is_err());
    }
}
