//! Tokens at rest: who may be whom. `<tenant>/tokens/<id>` is a token, `<tenant>/revoked-tokens/<id>` says that it is no
//! longer one, and `_gateway/tenants/<tenant>` that the tenant has had one.
//!
//! A revocation is a record of its own, so that of two administrators, one of whom rotates a token while the other revokes it,
//! the second always wins (docs/decisions/0088-tokens-and-quotas.md).

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use medley_proto::{Name, Sha256, VERSION};
use medley_runtime::{
    Clock, Error,
    records::{self, RecordKey, Records},
    store::StoreError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{Scope, Token, TokenId};

/// The most tokens that a tenant has, revoked ones included.
pub const MAX_TOKENS: usize = 1_000;
/// The longest name of a token.
const MAX_NAME_CHARS: usize = 100;
/// The longest that an old secret is good for after a rotation.
const MAX_GRACE: Duration = Duration::from_secs(30 * 86_400);

/// A revoked token's records stay for so long at least.
const FORGET_AFTER: Duration = Duration::from_secs(3_600);

const TOKENS: &str = "tokens";
const REVOKED: &str = "revoked-tokens";
const TENANTS: &str = "tenants";

/// What cannot be done with a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("there is no token {0}; `medley token list` shows those that there are")]
    NoSuchToken(TokenId),
    #[error("token {0} was revoked; make another with `medley token create`")]
    Revoked(TokenId),
    /// The request cannot be served as it stands.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Runtime(#[from] Error),
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Runtime(error.into())
    }
}

/// What a new token should be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What people know it by.
    pub name: String,
    pub scopes: BTreeSet<Scope>,
    /// It ends after so long; none: it does not.
    pub expires_in: Option<Duration>,
}

/// A token without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Token")]
pub struct TokenInfo {
    pub id: TokenId,
    pub name: String,
    pub scopes: BTreeSet<Scope>,
    /// Unix time.
    pub created_ms: u64,
    /// Unix time; none: it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// Unix time until which the secret before the last rotation is good too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotating_until_ms: Option<u64>,
    /// Unix time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_ms: Option<u64>,
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenRecord {
    v: u16,
    name: String,
    pub(crate) scopes: BTreeSet<Scope>,
    created_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_ms: Option<u64>,
    /// The newest first.
    secrets: Vec<SecretRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SecretRecord {
    /// Of the whole token.
    sha256: Sha256,
    /// Unix time; none for the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Revocation {
    v: u16,
    at_ms: u64,
}

/// Whether a token opens the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Good,
    /// Its secret was good once.
    Expired,
    Forged,
}

impl TokenRecord {
    /// Compares in constant time with every secret: how long it takes says nothing about how much of it was right.
    pub(crate) fn fits(&self, hash: Sha256, now_ms: u64) -> Fit {
        let mut fit = Fit::Forged;
        for secret in &self.secrets {
            let same: bool = hash.as_bytes().ct_eq(secret.sha256.as_bytes()).into();
            let over = secret.until_ms.is_some_and(|until_ms| now_ms >= until_ms)
                || self.expires_ms.is_some_and(|expires_ms| now_ms >= expires_ms);
            if same {
                fit = if over { Fit::Expired } else { Fit::Good };
            }
        }
        fit
    }

    fn info(&self, id: TokenId, revoked_ms: Option<u64>, now_ms: u64) -> TokenInfo {
        let old = self.secrets.iter().filter_map(|secret| secret.until_ms);
        TokenInfo {
            id,
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            created_ms: self.created_ms,
            expires_ms: self.expires_ms,
            rotating_until_ms: old.max().filter(|until_ms| *until_ms > now_ms),
            revoked_ms,
        }
    }
}

/// The tokens of all tenants.
#[derive(Debug, Clone)]
pub struct Tokens {
    records: Arc<dyn Records>,
    clock: Clock,
}

impl Tokens {
    pub fn new(records: Arc<dyn Records>, clock: Clock) -> Self {
        Self { records, clock }
    }

    /// Makes a token. It is told this once: what is kept is its hash.
    ///
    /// # Errors
    /// When the request cannot be served, or those of the store.
    pub async fn create(&self, tenant: &Name, new: NewToken) -> Result<(Token, TokenInfo), TokenError> {
        let now_ms = self.clock.now_ms();
        let name = new.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
            let message =
                format!("a token's name has 1 to {MAX_NAME_CHARS} characters and no line breaks; give another");
            return Err(TokenError::Refused(message));
        }
        if new.scopes.is_empty() {
            return Err(TokenError::Refused(
                "a token without a scope opens nothing; give read, submit or admin".into(),
            ));
        }
        if new.expires_in.is_some_and(|span| span.is_zero()) {
            return Err(TokenError::Refused("a token that ends at once opens nothing; give a longer time".into()));
        }
        let here = self.records.keys_below(&RecordKey::of(tenant, [TOKENS])?, None, MAX_TOKENS).await?;
        if here.keys.len() >= MAX_TOKENS {
            let message =
                format!("{tenant} has {MAX_TOKENS} tokens; `medley token forget` removes those that were revoked");
            return Err(TokenError::Refused(message));
        }
        let token = Token::random(tenant);
        let record = TokenRecord {
            v: VERSION,
            name,
            scopes: new.scopes,
            created_ms: now_ms,
            expires_ms: new.expires_in.map(|span| now_ms.saturating_add(milliseconds(span))),
            secrets: vec![SecretRecord { sha256: token.hash(), until_ms: None }],
        };
        // First that there is one: a gateway that sees the token without it would be open to all.
        let marker = RecordKey::shared([TENANTS, tenant.as_str()])?;
        records::write(&*self.records, &marker, &serde_json::json!({ "v": VERSION })).await?;
        records::write(&*self.records, &key(TOKENS, tenant, token.id())?, &record).await?;
        let info = record.info(token.id().clone(), None, now_ms);
        Ok((token, info))
    }

    /// The tenant's tokens, the newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, tenant: &Name) -> Result<Vec<TokenInfo>, TokenError> {
        let now_ms = self.clock.now_ms();
        let page = self.records.read_below(&RecordKey::of(tenant, [TOKENS])?, None, MAX_TOKENS).await?;
        let mut tokens = Vec::with_capacity(page.records.len());
        for (key, body) in &page.records {
            let Ok(id) = key.name().parse::<TokenId>() else { continue };
            let record: TokenRecord = records::parse(key, body)?;
            let revoked_ms = self.revoked_ms(tenant, &id).await?;
            tokens.push(record.info(id, revoked_ms, now_ms));
        }
        tokens.sort_by(|one, other| other.created_ms.cmp(&one.created_ms).then_with(|| one.id.cmp(&other.id)));
        Ok(tokens)
    }

    /// Gives the token another secret; the one before is good for `grace` more, and earlier ones no longer.
    ///
    /// # Errors
    /// When there is no such token, or it was revoked, or those of the store.
    pub async fn rotate(&self, tenant: &Name, id: &TokenId, grace: Duration) -> Result<(Token, TokenInfo), TokenError> {
        if grace > MAX_GRACE {
            return Err(TokenError::Refused("an old secret is good for 30 days at most; give a shorter grace".into()));
        }
        let key = key(TOKENS, tenant, id)?;
        let found = records::read::<TokenRecord>(&*self.records, &key).await?;
        let mut record = found.ok_or_else(|| TokenError::NoSuchToken(id.clone()))?;
        if self.revoked_ms(tenant, id).await?.is_some() {
            return Err(TokenError::Revoked(id.clone()));
        }
        let now_ms = self.clock.now_ms();
        if record.expires_ms.is_some_and(|expires_ms| now_ms >= expires_ms) {
            return Err(TokenError::Refused(format!("token {id} has ended; make another with `medley token create`")));
        }
        let token = Token::with_id(tenant, id.clone());
        let before = record.secrets.iter().find(|secret| secret.until_ms.is_none()).cloned();
        record.secrets = vec![SecretRecord { sha256: token.hash(), until_ms: None }];
        if !grace.is_zero() {
            let until_ms = Some(now_ms.saturating_add(milliseconds(grace)));
            record.secrets.extend(before.map(|secret| SecretRecord { until_ms, ..secret }));
        }
        records::write(&*self.records, &key, &record).await?;
        Ok((token, record.info(id.clone(), None, now_ms)))
    }

    /// Ends the token: every gateway refuses it within 30 seconds, and streams that it opened end. Done again, it does
    /// nothing.
    ///
    /// # Errors
    /// When there is no such token, or those of the store.
    pub async fn revoke(&self, tenant: &Name, id: &TokenId) -> Result<(), TokenError> {
        let there = self.records.get(&key(TOKENS, tenant, id)?).await?;
        there.ok_or_else(|| TokenError::NoSuchToken(id.clone()))?;
        let revocation = Revocation { v: VERSION, at_ms: self.clock.now_ms() };
        records::write_new(&*self.records, &key(REVOKED, tenant, id)?, &revocation).await?;
        Ok(())
    }

    /// Removes the records of tokens that were revoked more than an hour ago: until then a rotation that is under way could
    /// write one of them anew. Returns how many.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn forget_revoked(&self, tenant: &Name) -> Result<usize, TokenError> {
        let mut forgotten = 0;
        let before_ms = self.clock.now_ms().saturating_sub(milliseconds(FORGET_AFTER));
        let is_old = |token: &TokenInfo| token.revoked_ms.is_some_and(|revoked_ms| revoked_ms <= before_ms);
        for token in self.list(tenant).await?.into_iter().filter(is_old) {
            // The token first: what is left when this breaks off opens nothing.
            self.records.delete(&key(TOKENS, tenant, &token.id)?).await?;
            self.records.delete(&key(REVOKED, tenant, &token.id)?).await?;
            forgotten += 1;
        }
        Ok(forgotten)
    }

    /// The tenants that ever had a token.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tenants(&self) -> Result<Vec<Name>, TokenError> {
        let (mut tenants, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.records.keys_below(&RecordKey::shared([TENANTS])?, after.as_deref(), 1_000).await?;
            tenants.extend(page.keys.iter().filter_map(|key| key.name().parse::<Name>().ok()));
            after = page.next;
            if after.is_none() {
                return Ok(tenants);
            }
        }
    }

    /// Whether there ever was a token: from then on every request needs one. Revoking the last does not open the door again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn are_required(&self) -> Result<bool, TokenError> {
        let page = self.records.keys_below(&RecordKey::shared([TENANTS])?, None, 1).await?;
        Ok(!page.keys.is_empty())
    }

    /// The record of a token that was not revoked.
    pub(crate) async fn find(&self, tenant: &Name, id: &TokenId) -> Result<Option<TokenRecord>, Error> {
        let (token, revoked) = (key(TOKENS, tenant, id)?, key(REVOKED, tenant, id)?);
        let read = records::read::<TokenRecord>(&*self.records, &token);
        let is_revoked = async { self.records.get(&revoked).await.map_err(Error::from) };
        let (record, revoked) = tokio::try_join!(read, is_revoked)?;
        Ok(record.filter(|_| revoked.is_none()))
    }

    async fn revoked_ms(&self, tenant: &Name, id: &TokenId) -> Result<Option<u64>, Error> {
        let found = records::read::<Revocation>(&*self.records, &key(REVOKED, tenant, id)?).await?;
        Ok(found.map(|revocation| revocation.at_ms))
    }
}

fn key(room: &str, tenant: &Name, id: &TokenId) -> Result<RecordKey, StoreError> {
    RecordKey::of(tenant, [room, id.as_str()])
}

pub(super) fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use medley_runtime::records::SqliteRecords;

    use super::*;
    use crate::access::{MEMORY_MS, Verifier, verifier::Refusal};

    const START_MS: u64 = 1_764_547_200_000;

    /// Tokens in a file, two gateways that remember them, and a clock that the test moves.
    struct World {
        _folder: tempfile::TempDir,
        now_ms: Arc<AtomicU64>,
        tokens: Tokens,
        gateways: [Verifier; 2],
    }

    impl World {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let records = Arc::new(SqliteRecords::open(&folder.path().join("records.db")).await.unwrap());
            let now_ms = Arc::new(AtomicU64::new(START_MS));
            let told = Arc::clone(&now_ms);
            let clock = Clock::new(move || told.load(Ordering::Relaxed));
            let tokens = Tokens::new(records, clock.clone());
            let gateway = || Verifier::new(tokens.clone(), clock.clone());
            let gateways = [gateway(), gateway()];
            Self { _folder: folder, now_ms, gateways, tokens }
        }

        fn pass(&self, span_ms: u64) {
            self.now_ms.fetch_add(span_ms, Ordering::Relaxed);
        }

        async fn is_good(&self, gateway: usize, token: &Token) -> bool {
            self.gateways[gateway].verify(token.reveal()).await.is_ok()
        }
    }

    fn tenant() -> Name {
        Name::from_static("acme_media")
    }

    fn wanted(expires_in: Option<Duration>) -> NewToken {
        NewToken { name: "ci".into(), scopes: [Scope::Read].into(), expires_in }
    }

    #[tokio::test]
    async fn a_token_says_who_asks() {
        let world = World::new().await;
        assert!(!world.gateways[0].is_required().await.unwrap());
        let (token, info) = world.tokens.create(&tenant(), wanted(None)).await.unwrap();
        let caller = world.gateways[0].verify(token.reveal()).await.unwrap();
        assert_eq!((caller.tenant.clone(), caller.token.as_ref()), (tenant(), Some(&info.id)));
        assert!(caller.may(Scope::Read) && !caller.may(Scope::Submit) && !caller.may(Scope::Admin));
        assert_eq!(world.tokens.list(&tenant()).await.unwrap(), [info]);
        assert!(world.tokens.list(&Name::from_static("other")).await.unwrap().is_empty());
        // A gateway that knew of none hears of it in time.
        world.pass(MEMORY_MS);
        assert!(world.gateways[0].is_required().await.unwrap());
    }

    #[tokio::test]
    async fn only_the_hash_is_kept() {
        let world = World::new().await;
        let (token, info) = world.tokens.create(&tenant(), wanted(None)).await.unwrap();
        let kept = world.tokens.records.get(&key(TOKENS, &tenant(), &info.id).unwrap()).await.unwrap().unwrap();
        let kept = String::from_utf8(kept.to_vec()).unwrap();
        assert!(kept.contains(&token.hash().to_string()));
        assert!(!kept.contains(token.reveal().rsplit('_').nth(1).unwrap()));
    }

    #[tokio::test]
    async fn another_secret_opens_nothing() {
        let world = World::new().await;
        let (token, info) = world.tokens.create(&tenant(), wanted(None)).await.unwrap();
        assert!(world.is_good(0, &token).await);
        let forged = Token::with_id(&tenant(), info.id.clone());
        let refusal = world.gateways[0].verify(forged.reveal()).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Unknown { forged: Some(_) }), "{refusal:?}");
        // The same id and secret at another tenant is another token.
        let elsewhere = Token::with_id(&Name::from_static("other"), info.id);
        let refusal = world.gateways[0].verify(elsewhere.reveal()).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Unknown { forged: None }), "{refusal:?}");
    }

    /// The promise of 30 seconds, with the memory of another gateway as old as it gets.
    #[tokio::test]
    async fn a_revoked_token_is_refused_everywhere_in_time() {
        let world = World::new().await;
        let (token, info) = world.tokens.create(&tenant(), wanted(None)).await.unwrap();
        assert!(world.is_good(0, &token).await && world.is_good(1, &token).await);
        world.tokens.revoke(&tenant(), &info.id).await.unwrap();
        world.tokens.revoke(&tenant(), &info.id).await.unwrap();
        world.gateways[0].forget(&tenant(), &info.id);
        assert!(!world.is_good(0, &token).await, "where it was revoked, at once");
        assert!(world.is_good(1, &token).await, "remembered");
        world.pass(MEMORY_MS);
        assert!(!world.is_good(1, &token).await);
        const { assert!(MEMORY_MS <= 20_000, "with the pause between looks of a stream it stays below 30 seconds") };
        let rotated = world.tokens.rotate(&tenant(), &info.id, Duration::ZERO).await;
        assert!(matches!(rotated, Err(TokenError::Revoked(_))), "{rotated:?}");
        assert_eq!(world.tokens.forget_revoked(&tenant()).await.unwrap(), 0, "too young");
        world.pass(milliseconds(FORGET_AFTER));
        assert_eq!(world.tokens.forget_revoked(&tenant()).await.unwrap(), 1);
        assert!(!world.is_good(1, &token).await);
        assert!(world.tokens.are_required().await.unwrap(), "the door stays shut");
    }

    /// A rotation that was under way while another administrator revoked the token.
    #[tokio::test]
    async fn a_revocation_wins_over_a_rotation() {
        let world = World::new().await;
        let (_, info) = world.tokens.create(&tenant(), wanted(None)).await.unwrap();
        let at = key(TOKENS, &tenant(), &info.id).unwrap();
        let read = world.tokens.records.get(&at).await.unwrap().unwrap();
        world.tokens.revoke(&tenant(), &info.id).await.unwrap();
        world.tokens.records.put(&at, read).await.unwrap();
        assert!(world.tokens.find(&tenant(), &info.id).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn an_old_secret_is_good_for_its_grace() {
        let world = World::new().await;
        let (first, info) = world.tokens.create(&tenant(), wanted(None)).await.unwrap();
        let rotate = async |grace| world.tokens.rotate(&tenant(), &info.id, grace).await.unwrap().0;
        let second = rotate(Duration::from_secs(3_600)).await;
        assert_ne!(first.reveal(), second.reveal());
        assert!(world.is_good(0, &first).await && world.is_good(0, &second).await);
        assert!(world.tokens.list(&tenant()).await.unwrap()[0].rotating_until_ms.is_some());
        world.pass(3_600_000);
        assert!(!world.is_good(0, &first).await && world.is_good(0, &second).await);
        let third = rotate(Duration::ZERO).await;
        world.pass(MEMORY_MS);
        assert!(!world.is_good(0, &second).await && world.is_good(0, &third).await);
    }

    #[tokio::test]
    async fn a_token_ends_when_it_was_said() {
        let world = World::new().await;
        let (token, info) = world.tokens.create(&tenant(), wanted(Some(Duration::from_secs(60)))).await.unwrap();
        world.pass(59_999);
        assert!(world.is_good(0, &token).await);
        world.pass(1);
        let refusal = world.gateways[0].verify(token.reveal()).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Expired { .. }), "{refusal:?}");
        assert!(world.tokens.rotate(&tenant(), &info.id, Duration::ZERO).await.is_err());
    }

    #[tokio::test]
    async fn what_no_token_can_be_is_refused() {
        let world = World::new().await;
        let nothing = NewToken { scopes: BTreeSet::new(), ..wanted(None) };
        let at_once = wanted(Some(Duration::ZERO));
        let unnamed = NewToken { name: " ".into(), ..wanted(None) };
        let broken = NewToken { name: "a\nb".into(), ..wanted(None) };
        for new in [nothing, at_once, unnamed, broken] {
            let refused = world.tokens.create(&tenant(), new).await;
            assert!(matches!(refused, Err(TokenError::Refused(_))), "{refused:?}");
        }
        assert!(!world.tokens.are_required().await.unwrap());
        let stranger = "0123456789abcdef".parse().unwrap();
        assert!(matches!(world.tokens.revoke(&tenant(), &stranger).await, Err(TokenError::NoSuchToken(_))));
    }
}
