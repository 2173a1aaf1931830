//! Finds out whether a token is good, with a short memory: a token that was revoked anywhere is refused here when the memory of
//! it is [`MEMORY_MS`] old at the latest.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use medley_proto::Name;
use medley_runtime::{Clock, Error};
use tokio::sync::Semaphore;

use super::{
    Caller, MEMORY_MS, Token, TokenId, Tokens,
    sessions::SessionRecord,
    token::NoToken,
    tokens::{Fit, TokenError, TokenRecord},
};

/// The most tokens that are remembered, unknown ones included.
const MAX_REMEMBERED: usize = 10_000;
/// The most looks into the records side by side: made-up ids must not keep the store busy.
const LOOKS: usize = 32;

/// Why nobody is let in.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No token came, and one is needed.
    Missing,
    /// The header is of another form.
    Form,
    /// A character of the token is wrong.
    Checksum,
    /// Unknown, revoked, or with another secret: which of them is nobody's business.
    Unknown { forged: Option<(Name, TokenId)> },
    /// It was good once.
    Expired { tenant: Name, id: TokenId },
    /// Nobody is signed in by this cookie any more.
    SessionOver,
    /// Nobody can tell now.
    Away(Error),
}

/// What is known of a token, and since when.
type Slot = Arc<tokio::sync::Mutex<Option<(u64, Option<TokenRecord>)>>>;

/// Remembers tokens for a while.
#[derive(Debug)]
pub(crate) struct Verifier {
    tokens: Tokens,
    clock: Clock,
    slots: Mutex<HashMap<(Name, TokenId), Slot>>,
    looks: Semaphore,
    /// When it was last found that there never was a token.
    none_ms: tokio::sync::Mutex<Option<u64>>,
    /// Once needed, always needed.
    required: AtomicBool,
}

impl Verifier {
    pub(super) fn new(tokens: Tokens, clock: Clock) -> Self {
        Self {
            tokens,
            clock,
            slots: Mutex::default(),
            looks: Semaphore::new(LOOKS),
            none_ms: tokio::sync::Mutex::default(),
            required: AtomicBool::new(false),
        }
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// When it opens nothing.
    pub(super) async fn verify(&self, text: &str) -> Result<Caller, Refusal> {
        let token = Token::parse(text).map_err(|why| match why {
            NoToken::Form => Refusal::Form,
            NoToken::Checksum => Refusal::Checksum,
        })?;
        let (tenant, id) = (token.tenant().clone(), token.id().clone());
        let Some(record) = self.recall(&tenant, &id).await.map_err(Refusal::Away)? else {
            return Err(Refusal::Unknown { forged: None });
        };
        match record.fits(token.hash(), self.clock.now_ms()) {
            Fit::Good => Ok(Caller { tenant, scopes: record.scopes, token: Some(id) }),
            Fit::Expired => Err(Refusal::Expired { tenant, id }),
            Fit::Forged => Err(Refusal::Unknown { forged: Some((tenant, id)) }),
        }
    }

    /// Whose session it is, as long as the token that opened it is good.
    ///
    /// # Errors
    /// When it opens nothing.
    pub(super) async fn verify_session(&self, tenant: &Name, session: SessionRecord) -> Result<Caller, Refusal> {
        let SessionRecord { token: id, token_sha256, .. } = session;
        let Some(record) = self.recall(tenant, &id).await.map_err(Refusal::Away)? else {
            return Err(Refusal::SessionOver);
        };
        match record.fits(token_sha256, self.clock.now_ms()) {
            Fit::Good => Ok(Caller { tenant: tenant.clone(), scopes: record.scopes, token: Some(id) }),
            Fit::Expired | Fit::Forged => Err(Refusal::SessionOver),
        }
    }

    /// Whether every request needs a token.
    pub(super) async fn is_required(&self) -> Result<bool, TokenError> {
        if self.is_known_required() {
            return Ok(true);
        }
        let mut none_ms = self.none_ms.lock().await;
        if none_ms.is_some_and(|at_ms| self.is_fresh(at_ms)) {
            return Ok(self.is_known_required());
        }
        let at_ms = self.clock.now_ms();
        let required = self.tokens.are_required().await?;
        *none_ms = Some(at_ms);
        self.required.store(required, Ordering::Release);
        Ok(required)
    }

    /// The same by what was last found, without asking.
    pub(super) fn is_known_required(&self) -> bool {
        self.required.load(Ordering::Acquire)
    }

    /// A token was made here.
    pub(super) fn require(&self) {
        self.required.store(true, Ordering::Release);
    }

    /// The token's record: one look into the records for all who ask at once.
    async fn recall(&self, tenant: &Name, id: &TokenId) -> Result<Option<TokenRecord>, Error> {
        let slot = self.slot(tenant, id);
        let mut known = slot.lock().await;
        if let Some((at_ms, record)) = &*known
            && self.is_fresh(*at_ms)
        {
            return Ok(record.clone());
        }
        let _look = self.looks.acquire().await;
        // Before the look: what is written during it may not be seen.
        let at_ms = self.clock.now_ms();
        let record = self.tokens.find(tenant, id).await?;
        *known = Some((at_ms, record.clone()));
        Ok(record)
    }

    /// A clock that was set back makes nothing young.
    fn is_fresh(&self, at_ms: u64) -> bool {
        let now_ms = self.clock.now_ms();
        now_ms >= at_ms && now_ms - at_ms < MEMORY_MS
    }

    fn slot(&self, tenant: &Name, id: &TokenId) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_REMEMBERED {
            // Those that nobody waits for; a look brings back what is used.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry((tenant.clone(), id.clone())).or_default().clone()
    }

    /// What this gateway changed itself is known at once.
    pub(super) fn forget(&self, tenant: &Name, id: &TokenId) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.remove(&(tenant.clone(), id.clone()));
    }
}
