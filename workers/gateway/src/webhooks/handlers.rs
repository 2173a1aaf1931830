//! The requests of a tenant about its webhooks.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use medley_net::Address;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    messages::{self, EventType},
    records::{Book, Delivery, DeliveryState, PAGE, Webhook, delivery_id},
    signature::Secret,
    view::{
        DeliveryPage, DeliveryView, NewWebhook, ReplayRequest, Replayed, RotateRequest, WebhookChange, WebhookList,
        WebhookSecret, WebhookView,
    },
};
use crate::{
    access::Caller,
    extract::{Asked, path_param, too_large},
    problem::Problem,
    state::App,
};

/// The most webhooks of a tenant: each end of a job is a delivery for each.
const MAX_WEBHOOKS: usize = 50;
/// The most secrets that sign a message.
const MAX_SECRETS: usize = 4;
const MAX_DESCRIPTION_BYTES: usize = 1_000;
const DAY_S: u64 = 86_400;
const MAX_KEEP_OLD_S: u64 = 30 * DAY_S;
/// The most deliveries that one request replays.
const MAX_REPLAYED: usize = 1_000;

/// What the path has for `{webhook}`.
#[derive(Debug)]
pub(super) struct WebhookPath(String);

impl<S: Send + Sync> FromRequestParts<S> for WebhookPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        path_param(parts, state, "webhook").await.map(Self)
    }
}

/// What the path has for `{webhook}` and `{delivery}`.
#[derive(Debug)]
pub(super) struct DeliveryPath(String, String);

impl<S: Send + Sync> FromRequestParts<S> for DeliveryPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(path_param(parts, state, "webhook").await?, path_param(parts, state, "delivery").await?))
    }
}

impl App {
    fn book<'a>(&'a self, caller: &'a Caller) -> Book<'a> {
        Book { records: &*self.records, tenant: &caller.tenant }
    }
}

/// The JSON of a body; nothing is an empty object.
#[derive(Debug)]
pub(super) struct Given<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Bytes::from_request(request, state).await;
        let body = read.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large("gateway.max_body_bytes"),
            _ => Problem::bad_request("request_invalid", rejection.body_text()),
        })?;
        let body: &[u8] = if body.trim_ascii().is_empty() { b"{}" } else { &body };
        serde_json::from_slice(body).map(Self).map_err(|error| {
            let detail = format!("the body is not what this route reads: {error}; GET /openapi.json describes it");
            Problem::bad_request("request_invalid", detail)
        })
    }
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "webhook_invalid", detail)
}

fn no_webhook() -> Problem {
    Problem::not_found("there is no such webhook; GET /v1/webhooks lists those there are")
}

fn no_delivery() -> Problem {
    Problem::not_found("there is no such delivery; it may be over its time")
}

/// An id of ours from a path: nothing else becomes part of a key.
fn checked(id: &str) -> Option<&str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(fits)).then_some(id)
}

async fn webhook_of(book: Book<'_>, id: &str) -> Result<Webhook, Problem> {
    let id = checked(id).ok_or_else(no_webhook)?;
    book.webhook(id).await?.ok_or_else(no_webhook)
}

/// One that gets messages.
async fn active(book: Book<'_>, id: &str) -> Result<Webhook, Problem> {
    let webhook = webhook_of(book, id).await?;
    if webhook.enabled && !book.is_gone(id).await? {
        return Ok(webhook);
    }
    let detail = "the webhook is disabled; PATCH it with enabled: true first";
    Err(Problem::new(StatusCode::CONFLICT, "webhook_disabled", detail))
}

async fn delivery_of(book: Book<'_>, webhook: &str, id: &str) -> Result<Delivery, Problem> {
    webhook_of(book, webhook).await?;
    let id = checked(id).ok_or_else(no_delivery)?;
    book.delivery(webhook, id).await?.ok_or_else(no_delivery)
}

fn check_url(app: &App, url: &str) -> Result<(), Problem> {
    app.webhooks.sender.check(&Address::new(url)).map_err(|error| invalid(error.to_string()))
}

fn check_description(description: &str) -> Result<(), Problem> {
    if description.len() > MAX_DESCRIPTION_BYTES {
        return Err(invalid(format!("the description is longer than {MAX_DESCRIPTION_BYTES} bytes; shorten it")));
    }
    Ok(())
}

/// In order, each once.
fn sorted(mut events: Vec<EventType>) -> Vec<EventType> {
    events.sort_unstable();
    events.dedup();
    events
}

async fn shown(book: Book<'_>, id: &str, webhook: &Webhook, now_ms: u64) -> Result<WebhookView, Problem> {
    Ok(WebhookView::of(id, webhook, book.is_gone(id).await?, now_ms))
}

pub(super) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<WebhookList>, Problem> {
    let book = app.book(&caller);
    let mut data = Vec::new();
    for (id, webhook) in book.webhooks().await? {
        data.push(shown(book, &id, &webhook, app.now_ms()).await?);
    }
    Ok(Json(WebhookList { data }))
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Given(NewWebhook { url, description, events }): Given<NewWebhook>,
) -> Result<Response, Problem> {
    check_url(&app, &url)?;
    check_description(&description)?;
    let book = app.book(&caller);
    if book.webhooks().await?.len() >= MAX_WEBHOOKS {
        return Err(invalid(format!("there are {MAX_WEBHOOKS} webhooks already; remove one first")));
    }
    let now_ms = app.now_ms();
    let secret = Secret::fresh(now_ms);
    let secrets = vec![secret.clone()];
    let webhook = Webhook { url, description, events: sorted(events), enabled: true, secrets, created_ms: now_ms };
    let id = ulid::Ulid::generate().to_string();
    book.put_webhook(&id, &webhook).await?;
    // Afterwards: see `remove`.
    app.client.listen_to_ends(&caller.tenant, true).await?;
    app.webhooks.wake.notify_one();
    let made =
        WebhookSecret { webhook: WebhookView::of(&id, &webhook, false, now_ms), secret: secret.reveal().to_owned() };
    let mut response = (StatusCode::CREATED, Json(made)).into_response();
    let location = HeaderValue::from_str(&format!("/v1/webhooks/{id}")).map_err(|_| Problem::internal())?;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
) -> Result<Json<WebhookView>, Problem> {
    let book = app.book(&caller);
    let webhook = webhook_of(book, &id).await?;
    Ok(Json(shown(book, &id, &webhook, app.now_ms()).await?))
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
    Given(WebhookChange { url, description, events, enabled }): Given<WebhookChange>,
) -> Result<Json<WebhookView>, Problem> {
    let book = app.book(&caller);
    let mut webhook = webhook_of(book, &id).await?;
    if let Some(url) = url {
        check_url(&app, &url)?;
        webhook.url = url;
    }
    if let Some(description) = description {
        check_description(&description)?;
        webhook.description = description;
    }
    if let Some(events) = events {
        webhook.events = sorted(events);
    }
    if let Some(enabled) = enabled {
        webhook.enabled = enabled;
    }
    book.put_webhook(&id, &webhook).await?;
    if enabled == Some(true) {
        book.set_gone(&id, false).await?;
    }
    Ok(Json(shown(book, &id, &webhook, app.now_ms()).await?))
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
) -> Result<StatusCode, Problem> {
    let book = app.book(&caller);
    webhook_of(book, &id).await?;
    book.remove(&id).await?;
    if book.webhooks().await?.is_empty() {
        app.client.listen_to_ends(&caller.tenant, false).await?;
        // Another request may have made one between the two.
        if !book.webhooks().await?.is_empty() {
            app.client.listen_to_ends(&caller.tenant, true).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
    Given(RotateRequest { keep_old_s }): Given<RotateRequest>,
) -> Result<Response, Problem> {
    let keep_old_s = keep_old_s.unwrap_or(DAY_S);
    if keep_old_s > MAX_KEEP_OLD_S {
        return Err(invalid(format!("old secrets hold for {MAX_KEEP_OLD_S} s at most; ask for less")));
    }
    let book = app.book(&caller);
    let mut webhook = webhook_of(book, &id).await?;
    let now_ms = app.now_ms();
    let until_ms = now_ms + keep_old_s * 1_000;
    for old in &mut webhook.secrets {
        old.expires_ms = Some(old.expires_ms.map_or(until_ms, |expires_ms| expires_ms.min(until_ms)));
    }
    webhook.secrets.retain(|secret| secret.holds(now_ms));
    webhook.secrets.truncate(MAX_SECRETS - 1);
    let secret = Secret::fresh(now_ms);
    webhook.secrets.insert(0, secret.clone());
    book.put_webhook(&id, &webhook).await?;
    let made = WebhookSecret { webhook: shown(book, &id, &webhook, now_ms).await?, secret: secret.reveal().to_owned() };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(made)).into_response())
}

pub(super) async fn test(
    State(app): State<Arc<App>>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    let book = app.book(&caller);
    active(book, &id).await?;
    let (now_ms, number) = (app.now_ms(), ulid::Ulid::generate().to_string());
    let delivery = Delivery {
        message: format!("msg_test_{number}"),
        event: EventType::Test,
        body: messages::of_test(&id, now_ms),
        state: DeliveryState::Pending,
        failed: 0,
        count: 0,
        tries: Vec::new(),
        created_ms: now_ms,
        next_ms: now_ms,
    };
    let made = delivery_id(now_ms, &number);
    book.make(&id, &made, &delivery).await?;
    app.webhooks.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(DeliveryView::of(&made, delivery))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveriesQuery {
    state: Option<DeliveryState>,
    cursor: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn deliveries(
    State(app): State<Arc<App>>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
    Asked(DeliveriesQuery { state, cursor, limit }): Asked<DeliveriesQuery>,
) -> Result<Json<DeliveryPage>, Problem> {
    let book = app.book(&caller);
    webhook_of(book, &id).await?;
    let after = cursor.as_deref().map(|cursor| {
        let unknown = || Problem::bad_request("cursor_invalid", "the cursor is none of ours; begin without one");
        checked(cursor).ok_or_else(unknown)
    });
    let limit = limit.unwrap_or(PAGE).clamp(1, PAGE);
    let (page, next_cursor) = book.deliveries(&id, after.transpose()?, limit).await?;
    let wanted = page.into_iter().filter(|(_, delivery)| state.is_none_or(|state| delivery.state == state));
    let data = wanted.map(|(id, delivery)| DeliveryView::short(&id, delivery)).collect();
    Ok(Json(DeliveryPage { data, next_cursor }))
}

pub(super) async fn delivery(
    State(app): State<Arc<App>>,
    caller: Caller,
    DeliveryPath(webhook, id): DeliveryPath,
) -> Result<Json<DeliveryView>, Problem> {
    let delivery = delivery_of(app.book(&caller), &webhook, &id).await?;
    Ok(Json(DeliveryView::of(&id, delivery)))
}

pub(super) async fn replay(
    State(app): State<Arc<App>>,
    caller: Caller,
    DeliveryPath(webhook, id): DeliveryPath,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    let book = app.book(&caller);
    let mut delivery = delivery_of(book, &webhook, &id).await?;
    active(book, &webhook).await?;
    // One that is pending is tried now.
    delivery.replay(app.now_ms());
    book.put_delivery(&webhook, &id, &delivery).await?;
    app.webhooks.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(DeliveryView::of(&id, delivery))))
}

pub(super) async fn replay_failed(
    State(app): State<Arc<App>>,
    caller: Caller,
    WebhookPath(webhook): WebhookPath,
    Given(ReplayRequest { since_ms }): Given<ReplayRequest>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    let book = app.book(&caller);
    active(book, &webhook).await?;
    let (mut replayed, mut after) = (0, None::<String>);
    'pages: loop {
        let (page, next) = book.deliveries(&webhook, after.as_deref(), PAGE).await?;
        for (id, mut delivery) in page {
            if delivery.created_ms < since_ms || replayed == MAX_REPLAYED {
                break 'pages;
            }
            if delivery.state == DeliveryState::Failed {
                delivery.replay(app.now_ms());
                book.put_delivery(&webhook, &id, &delivery).await?;
                replayed += 1;
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    app.webhooks.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(Replayed { replayed })))
}
