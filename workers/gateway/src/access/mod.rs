//! Who asks, and what they may.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::request::Parts,
    middleware::Next,
    response::Response,
};
use medley_proto::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{problem::Problem, routes::Route, settings::GatewaySettings, state::App};

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Look at jobs and artifacts.
    Read,
    /// Ask for jobs, cancel and delete single ones.
    Submit,
    /// Everything else: dead letters, many jobs at once, models.
    Admin,
}

impl Scope {
    pub(crate) const ALL: [Self; 3] = [Self::Read, Self::Submit, Self::Admin];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Admin => "admin",
        }
    }
}

/// The public part of a token, which may be shown and logged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct TokenId(pub(crate) String);

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) tenant: Name,
    pub(crate) scopes: BTreeSet<Scope>,
    /// None on loopback without tokens.
    pub(crate) token: Option<TokenId>,
}

impl Caller {
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
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
    /// Whose jobs they are while there is no token.
    loopback: Caller,
}

impl Access {
    pub(crate) fn new(settings: &GatewaySettings) -> Self {
        let scopes = Scope::ALL.into_iter().collect();
        Self { loopback: Caller { tenant: settings.tenant(), scopes, token: None } }
    }

    /// Whether there is a token: without one only loopback is served.
    pub(crate) fn has_tokens(&self) -> bool {
        false
    }
}

/// What stands before a route.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) app: Arc<App>,
    /// None: anyone may ask.
    pub(crate) scope: Option<Scope>,
    pub(crate) render: fn(Problem) -> Response,
}

/// Finds out who asks, refuses whoever may not, and hands the [`Caller`] on.
pub(crate) async fn identify(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let Guard { app, scope, render } = guard;
    let caller = app.access.loopback.clone();
    if scope.is_some_and(|scope| !caller.may(scope)) {
        return render(Problem::forbidden("scope_missing", "the token does not allow this; use one with more scopes"));
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

pub(crate) fn routes() -> Vec<Route> {
    Vec::new()
}
