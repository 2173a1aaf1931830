//! Sessions of people who use the console: a token, handed in once, becomes a cookie that no script can read.
//!
//! `<tenant>/sessions/<id>` keeps the SHA-256 of the cookie and of the token that opened it, so that a session ends with its
//! token: when that is revoked, expires, or its secret is rotated away. The console proves by a header that its own page made a
//! request that changes something: the header's value is made of the cookie, which another site's page can neither read nor
//! choose (docs/decisions/0125-the-console.md).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use medley_proto::{Name, Sha256, VERSION};
use medley_runtime::{
    Clock, Error,
    records::{self, RecordKey, Records},
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::{
    MEMORY_MS, Token, TokenId,
    token::{ID_CHARS, SECRET_CHARS, secret_characters},
};

pub(super) const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
const COOKIE: &str = "medley_session";
const ROOM: &str = "sessions";
const MAX_COOKIE_BYTES: usize = Name::MAX_BYTES + ID_CHARS + SECRET_CHARS + 2;
/// The most sessions that are remembered; when they are more, all are looked up again.
const MAX_REMEMBERED: usize = 10_000;
const LOOKS: usize = 32;
const PAGE: usize = 1_000;

/// The cookie's text: `<tenant>.<id>.<secret>`. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Cookie {
    pub(super) tenant: Name,
    id: TokenId,
    text: String,
}

impl Cookie {
    fn random(tenant: &Name) -> Self {
        let id = TokenId::random();
        let text = format!("{tenant}.{id}.{}", secret_characters());
        Self { tenant: tenant.clone(), id, text }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (tenant, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let is_whole = text.len() <= MAX_COOKIE_BYTES && secret.len() == SECRET_CHARS && parts.next().is_none();
        let tenant = tenant.parse().ok().filter(|_| is_whole)?;
        Some(Self { tenant, id: id.parse().ok()?, text: text.to_owned() })
    }

    /// What a request brings; of several the first that is one, since a neighbour on the same host may set others.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(|(name, _)| *name == COOKIE).find_map(|(_, value)| Self::parse(value))
    }

    fn hash(&self) -> Sha256 {
        Sha256::of(self.text.as_bytes())
    }

    /// What the header of a request that changes something has.
    pub(super) fn csrf(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::of(format!("csrf {}", self.text).as_bytes()).as_bytes())
    }

    /// Whether the request was made by a page that knows the session.
    pub(super) fn is_vouched_for(&self, headers: &HeaderMap) -> bool {
        headers.get(&CSRF_HEADER).is_some_and(|given| given.as_bytes().ct_eq(self.csrf().as_bytes()).into())
    }

    /// `Set-Cookie` that keeps it, or with an age of 0 forgets it.
    fn set(value: &str, max_age_s: u64, secure: bool) -> Option<HeaderValue> {
        let secure = if secure { "; Secure" } else { "" };
        let text = format!("{COOKIE}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::from_str(&text).ok()
    }

    pub(super) fn kept(&self, max_age_s: u64, secure: bool) -> Option<HeaderValue> {
        Self::set(&self.text, max_age_s, secure)
    }

    pub(super) fn forgotten(secure: bool) -> Option<HeaderValue> {
        Self::set("", 0, secure)
    }
}

/// A session as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SessionRecord {
    v: u16,
    /// Of the cookie.
    sha256: Sha256,
    /// By which it was opened.
    pub(super) token: TokenId,
    pub(super) token_sha256: Sha256,
    /// Unix time.
    pub(super) expires_ms: u64,
}

/// All sessions, with a short memory as tokens have it.
#[derive(Debug)]
pub(super) struct Sessions {
    records: Arc<dyn Records>,
    clock: Clock,
    known: Mutex<HashMap<RecordKey, (u64, Option<SessionRecord>)>>,
    looks: Semaphore,
}

impl Sessions {
    pub(super) fn new(records: Arc<dyn Records>, clock: Clock) -> Self {
        Self { records, clock, known: Mutex::default(), looks: Semaphore::new(LOOKS) }
    }

    /// Opens a session for whoever holds the token.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn open(&self, token: &Token, keep_ms: u64) -> Result<(Cookie, u64), Error> {
        let cookie = Cookie::random(token.tenant());
        let expires_ms = self.clock.now_ms().saturating_add(keep_ms);
        let record = SessionRecord {
            v: VERSION,
            sha256: cookie.hash(),
            token: token.id().clone(),
            token_sha256: token.hash(),
            expires_ms,
        };
        records::write(&*self.records, &key(&cookie)?, &record).await?;
        Ok((cookie, expires_ms))
    }

    /// The session of a cookie, when there is one and it has not ended.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn find(&self, cookie: &Cookie) -> Result<Option<SessionRecord>, Error> {
        let record = self.recall(&key(cookie)?).await?;
        let hash = cookie.hash();
        let is_good = |record: &SessionRecord| {
            let same: bool = hash.as_bytes().ct_eq(record.sha256.as_bytes()).into();
            same && self.clock.now_ms() < record.expires_ms
        };
        Ok(record.filter(is_good))
    }

    /// Ends the session: here at once, at other gateways when their memory of it is over.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn close(&self, cookie: &Cookie) -> Result<(), Error> {
        let key = key(cookie)?;
        self.records.delete(&key).await?;
        self.known().remove(&key);
        Ok(())
    }

    /// Removes what has ended.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn trim(&self, tenant: &Name) -> Result<(), Error> {
        let (room, mut after) = (RecordKey::of(tenant, [ROOM])?, None::<String>);
        loop {
            let page = self.records.read_below(&room, after.as_deref(), PAGE).await?;
            for (key, body) in &page.records {
                let record: SessionRecord = records::parse(key, body)?;
                if record.expires_ms <= self.clock.now_ms() {
                    self.records.delete(key).await?;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn recall(&self, key: &RecordKey) -> Result<Option<SessionRecord>, Error> {
        let is_fresh = |at_ms: u64| self.clock.now_ms().checked_sub(at_ms).is_some_and(|age_ms| age_ms < MEMORY_MS);
        if let Some((_, record)) = self.known().get(key).filter(|(at_ms, _)| is_fresh(*at_ms)) {
            return Ok(record.clone());
        }
        let _look = self.looks.acquire().await;
        // Before the look: what is written during it may not be seen.
        let at_ms = self.clock.now_ms();
        let record = records::read::<SessionRecord>(&*self.records, key).await?;
        let mut known = self.known();
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(key.clone(), (at_ms, record.clone()));
        Ok(record)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<RecordKey, (u64, Option<SessionRecord>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(cookie: &Cookie) -> Result<RecordKey, Error> {
    Ok(RecordKey::of(&cookie.tenant, [ROOM, cookie.id.as_str()])?)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use medley_runtime::records::SqliteRecords;

    use super::*;

    fn headers(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let cookie = Cookie::random(&Name::from_static("acme"));
        let found = Cookie::of(&headers(&format!("theme=dark; medley_session=x; medley_session={}", cookie.text)));
        assert!(found == Some(cookie.clone()));
        for none in ["", "medley_session=", "medley_session=a.b.c", "other=1", &format!("x={}", cookie.text)] {
            assert!(Cookie::of(&headers(none)).is_none(), "{none}");
        }
        let set = cookie.kept(60, true).unwrap();
        let set = set.to_str().unwrap();
        for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=60"] {
            assert!(set.contains(part), "{set}");
        }
    }

    #[test]
    fn the_header_is_made_of_the_cookie() {
        let tenant = Name::from_static("acme");
        let (cookie, other) = (Cookie::random(&tenant), Cookie::random(&tenant));
        let with = |value: String| HeaderMap::from_iter([(CSRF_HEADER, HeaderValue::from_str(&value).unwrap())]);
        assert!(cookie.is_vouched_for(&with(cookie.csrf())));
        assert!(!cookie.is_vouched_for(&with(other.csrf())) && !cookie.is_vouched_for(&HeaderMap::new()));
        assert!(!cookie.is_vouched_for(&with(cookie.text.clone())), "the cookie itself does not do");
    }

    #[tokio::test]
    async fn a_session_ends() {
        let folder = tempfile::tempdir().unwrap();
        let records = Arc::new(SqliteRecords::open(&folder.path().join("records.db")).await.unwrap());
        let now_ms = Arc::new(AtomicU64::new(1_764_547_200_000));
        let told = now_ms.clone();
        let clock = Clock::new(move || told.load(Ordering::Relaxed));
        let [here, there] = [0, 1].map(|_| Sessions::new(records.clone(), clock.clone()));
        let tenant = Name::from_static("acme");
        let token = Token::random(&tenant);

        let (first, _) = here.open(&token, 60_000).await.unwrap();
        let (second, _) = here.open(&token, 60_000).await.unwrap();
        assert_eq!(there.find(&first).await.unwrap().unwrap().token_sha256, token.hash());
        here.close(&first).await.unwrap();
        assert!(here.find(&first).await.unwrap().is_none(), "signed out here");
        assert!(there.find(&first).await.unwrap().is_some(), "the other gateway still remembers");
        now_ms.fetch_add(MEMORY_MS, Ordering::Relaxed);
        assert!(there.find(&first).await.unwrap().is_none());
        let forged = Cookie::parse(&second.text.replace(&second.text[second.text.len() - 3..], "zzz")).unwrap();
        assert!(here.find(&forged).await.unwrap().is_none() || forged == second);
        assert!(here.find(&second).await.unwrap().is_some());
        now_ms.fetch_add(60_000, Ordering::Relaxed);
        assert!(here.find(&second).await.unwrap().is_none(), "over its time");
        here.trim(&tenant).await.unwrap();
        let left = records.keys_below(&RecordKey::of(&tenant, [ROOM]).unwrap(), None, 10).await.unwrap();
        assert!(left.keys.is_empty());
    }
}
