//! Who asks, what they may, how much of it, and a note of what they did (docs/access.md).
//!
//! [`identify`] stands before every route of the table: a request has a [`Caller`] by its token, or, on loopback while there
//! never was a token, the owner of the machine. [`Tokens`] keeps tokens at rest; a [`Verifier`] remembers them for 20 seconds.
//! [`Quotas`] let jobs and bytes in, [`Usage`] counts what they took, [`Audit`] notes who did what.

mod audit;
mod identify;
#[cfg(test)]
mod quota_tests;
mod quotas;
mod routes;
mod session_routes;
mod sessions;
#[cfg(test)]
mod tests;
mod token;
mod tokens;
mod usage;
mod verifier;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{extract::FromRequestParts, http::request::Parts};
use medley_proto::Name;
use medley_runtime::{Client, Clock, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    audit::{Audit, AuditEntry},
    identify::{Guard, identify},
    quotas::Quotas,
    routes::routes,
    usage::Usage,
    verifier::Verifier,
};
use self::{identify::Credential, sessions::Sessions, verifier::Refusal};
pub use self::{
    token::{InvalidTokenId, Token, TokenId},
    tokens::{MAX_TOKENS, NewToken, TokenError, TokenInfo, Tokens},
};
use crate::{problem::Problem, settings::GatewaySettings};

/// How old what is known of a token or a session may be. What a gateway promises is 30 seconds; the rest is for a slow store.
const MEMORY_MS: u64 = 20_000;
/// How often what is too old is removed.
const UPKEEP: Duration = Duration::from_secs(3_600);

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at jobs and artifacts.
    Read,
    /// Ask for jobs, cancel and delete single ones.
    Submit,
    /// Everything: also dead letters, many jobs at once, models, tokens, usage and the audit log.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Read, Self::Submit, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Admin => "admin",
        }
    }
}

/// What is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a scope is read, submit or admin")]
pub struct InvalidScope;

impl std::str::FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(InvalidScope)
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) tenant: Name,
    pub(crate) scopes: BTreeSet<Scope>,
    /// None on loopback without tokens.
    pub(crate) token: Option<TokenId>,
}

impl Caller {
    /// An administrator may do everything.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::internal)
    }
}

/// Who may ask for what.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) tokens: Tokens,
    pub(crate) audit: Audit,
    pub(crate) quotas: Quotas,
    pub(crate) usage: Arc<Usage>,
    verifier: Verifier,
    sessions: Sessions,
    clock: Clock,
    /// Who asks on loopback while there never was a token.
    owner: Caller,
    /// Whether only this machine can reach the gateway.
    on_loopback: AtomicBool,
    audit_keep_days: u32,
    client: Client,
}

impl Access {
    pub(crate) fn new(client: &Client, settings: &GatewaySettings) -> Self {
        let clock = client.backend().clock().clone();
        let records = client.records().clone();
        let tokens = Tokens::new(records.clone(), clock.clone());
        let usage = Arc::new(Usage::new(client.clone()));
        Self {
            verifier: Verifier::new(tokens.clone(), clock.clone()),
            sessions: Sessions::new(records.clone(), clock.clone()),
            tokens,
            audit: Audit::new(records, clock.clone()),
            quotas: Quotas::new(client.clone(), usage.clone()),
            usage,
            clock,
            owner: Caller { tenant: settings.tenant(), scopes: Scope::ALL.into_iter().collect(), token: None },
            on_loopback: AtomicBool::new(false),
            audit_keep_days: settings.audit_keep_days,
            client: client.clone(),
        }
    }

    /// Learns where the gateway listens, and whether there is a token: on loopback the owner of the machine needs none until
    /// there is one.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn open(&self, address: SocketAddr) -> Result<(), Error> {
        self.on_loopback.store(address.ip().is_loopback(), Ordering::Release);
        match self.verifier.is_required().await {
            Err(TokenError::Runtime(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether there ever was a token, as far as this gateway has heard: without one only loopback is served.
    pub(crate) fn has_tokens(&self) -> bool {
        self.verifier.is_known_required()
    }

    /// Who asks with this token or session, or without one.
    async fn caller(&self, presented: &Credential) -> Result<Caller, Refusal> {
        // What is meant to be a token of ours is looked at, whoever asks.
        if let Credential::Token(text) = presented
            && Token::is_meant(text)
        {
            return self.verifier.verify(text).await;
        }
        let required = match self.verifier.is_required().await {
            Ok(required) => required,
            Err(TokenError::Runtime(error)) => return Err(Refusal::Away(error)),
            Err(_) => true,
        };
        if required || !self.on_loopback.load(Ordering::Acquire) {
            return match presented {
                Credential::None => Err(Refusal::Missing),
                Credential::Token(_) => Err(Refusal::Form),
                Credential::Session(cookie) => match self.sessions.find(cookie).await {
                    Ok(Some(session)) => self.verifier.verify_session(&cookie.tenant, session).await,
                    Ok(None) => Err(Refusal::SessionOver),
                    Err(error) => Err(Refusal::Away(error)),
                },
            };
        }
        // Clients of other services cannot be had without a key: any will do here.
        Ok(self.owner.clone())
    }

    /// Counts, notes and tidies until it is stopped; then writes what is not written.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.audit.run(stop.clone()), self.count(stop.clone()), self.tidy(stop));
    }

    async fn count(&self, stop: CancellationToken) {
        for tenant in self.tenants().await {
            if let Err(error) = self.usage.look_back(&tenant).await {
                tracing::warn!(%tenant, %error, "jobs that ended before this gateway was started are not counted yet");
            }
        }
        while stop.run_until_cancelled(tokio::time::sleep(usage::ROUND)).await.is_some() {
            if let Err(error) = self.usage.round().await {
                tracing::warn!(%error, "what tenants use could not be counted; tried again");
            }
        }
        if let Err(error) = self.usage.flush().await {
            tracing::error!(%error, "the bytes that came in since the last count are lost");
        }
    }

    async fn tidy(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(UPKEEP)).await.is_some() {
            for tenant in self.tenants().await {
                if let Err(error) = self.audit.trim(&tenant, self.audit_keep_days).await {
                    tracing::warn!(%tenant, %error, "old entries of the audit log are not removed");
                }
                if let Err(error) = self.sessions.trim(&tenant).await {
                    tracing::warn!(%tenant, %error, "sessions that have ended are not removed");
                }
            }
        }
    }

    /// Those that are known: by a token, by the settings, or as the owner of the machine.
    async fn tenants(&self) -> BTreeSet<Name> {
        let with_tokens = self.tokens.tenants().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the tenants with tokens cannot be listed");
            Vec::new()
        });
        let configured = self.client.backend().settings().tenants.keys().cloned();
        with_tokens.into_iter().chain(configured).chain([self.owner.tenant.clone()]).collect()
    }
}
