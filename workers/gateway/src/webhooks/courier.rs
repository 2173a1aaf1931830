//! Passes on how jobs end: makes deliveries of the ends that the store has notes of, and tries what is due. All that it must not
//! forget is in the store and the records; whatever dies, the next round goes on, here or at another gateway.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::StreamExt;
use medley_net::Address;
use medley_proto::{EventBody, Name};
use medley_runtime::{
    Client, Error,
    fetch::{SendError, Sent},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use super::{
    messages,
    outbox::TIMEOUT,
    records::{Book, Claim, Delivery, DeliveryState, Due, Try, Webhook, delivery_id},
    schedule::pause,
    signature::signature,
};
use crate::state::App;

/// How often the courier looks although nothing told it to: events of queues may be lost.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// The pause after a round that failed.
const SOON: Duration = Duration::from_secs(1);
/// A claim whose try has not ended after so long is that of a gateway that died.
const CLAIM_HOLDS_MS: u64 = 60_000;
/// How often old deliveries are removed.
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);
const DAY_MS: u64 = 86_400_000;
const ENDS_PAGE: usize = 100;

/// Rounds until the gateway stops; tries that are under way then may end.
pub(crate) async fn run(app: Arc<App>, stop: CancellationToken) {
    let tries = TaskTracker::new();
    let mut ears: HashMap<Name, AbortOnDropHandle<()>> = HashMap::new();
    let mut pruned = Instant::now();
    loop {
        let prune = pruned.elapsed() > PRUNE_EVERY;
        if prune {
            pruned = Instant::now();
        }
        let pause = match round(&app, &tries, &mut ears, prune).await {
            Ok(next_ms) => {
                let wait_ms = next_ms.map(|next_ms| next_ms.saturating_sub(app.client.backend().clock().now_ms()));
                wait_ms.map_or(LOOK_EVERY, |ms| Duration::from_millis(ms).min(LOOK_EVERY))
            }
            Err(error) => {
                tracing::warn!(%error, "webhooks wait: the store or the records do not answer");
                SOON
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = app.webhooks.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    tries.close();
    // A try that does not end is made again by another gateway, once its claim is old.
    let _ = tokio::time::timeout(TIMEOUT, tries.wait()).await;
}

/// Returns when the next delivery is due, as far as it is known.
async fn round(
    app: &Arc<App>,
    tries: &TaskTracker,
    ears: &mut HashMap<Name, AbortOnDropHandle<()>>,
    prune: bool,
) -> Result<Option<u64>, Error> {
    let tenants = app.client.listening().await?;
    ears.retain(|of, _| tenants.contains(of));
    let mut next: Option<u64> = None;
    for of in tenants {
        let ear = || AbortOnDropHandle::new(tokio::spawn(hear(app.clone(), of.clone())));
        ears.entry(of.clone()).or_insert_with(ear);
        let book = Book { records: &*app.records, tenant: &of };
        pass_on(app, book).await?;
        let due = start_due(app, book, tries).await?;
        next = [next, due].into_iter().flatten().min();
        if prune {
            let keep_ms = u64::from(app.settings.webhooks.keep_days.max(1)).saturating_mul(DAY_MS);
            let before_ms = app.client.backend().clock().now_ms().saturating_sub(keep_ms);
            for (id, _) in book.webhooks().await? {
                book.remove_deliveries(&id, Some(before_ms)).await?;
            }
        }
    }
    Ok(next)
}

/// Wakes the courier when a job of the tenant ends, so that nobody waits for its next look.
async fn hear(app: Arc<App>, of: Name) {
    loop {
        match app.client.queue().events(&of, None).await {
            Ok(mut events) => {
                while let Some(event) = events.next().await {
                    if matches!(event.body, EventBody::Finished { .. }) {
                        app.webhooks.wake.notify_one();
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "ends of jobs are seen at the next look"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Makes a delivery for each webhook that wants to hear of an end, and then forgets the end. Two gateways that do it at once make
/// the same deliveries.
async fn pass_on(app: &App, book: Book<'_>) -> Result<(), Error> {
    let (client, of): (&Client, _) = (&app.client, book.tenant);
    let mut webhooks: Option<Vec<(String, Webhook)>> = None;
    let mut after: Option<String> = None;
    loop {
        let page = client.ends(of, after.as_deref(), ENDS_PAGE).await?;
        for end in &page.ends {
            let webhooks = match &mut webhooks {
                Some(webhooks) => webhooks,
                none => none.insert(book.webhooks().await?),
            };
            let body = messages::of_end(end, &app.settings.webhooks.public_url);
            // The clock of whoever ended it may go ahead of this one.
            let next_ms = end.finished_ms.min(client.backend().clock().now_ms());
            for (id, _) in webhooks.iter().filter(|(_, webhook)| webhook.wants(end.outcome.into())) {
                let delivery = Delivery {
                    message: format!("msg_{}_{}", end.job, end.finished_ms),
                    event: end.outcome.into(),
                    body: body.clone(),
                    state: DeliveryState::Pending,
                    failed: 0,
                    count: 0,
                    tries: Vec::new(),
                    created_ms: end.finished_ms,
                    next_ms,
                };
                book.make(id, &delivery_id(end.finished_ms, &end.job.to_string()), &delivery).await?;
            }
            client.forget_end(of, end).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Starts a try of each delivery that is due; returns when the next one is.
async fn start_due(app: &Arc<App>, book: Book<'_>, tries: &TaskTracker) -> Result<Option<u64>, Error> {
    let mut after: Option<String> = None;
    loop {
        let (page, next) = book.due(after.as_deref()).await?;
        for due in page {
            if due.next_ms > app.client.backend().clock().now_ms() {
                return Ok(Some(due.next_ms));
            }
            let Some(permit) = app.webhooks.enter(book.tenant, &due) else { continue };
            let (app, of) = (app.clone(), book.tenant.clone());
            tries.spawn(async move {
                let book = Book { records: &*app.records, tenant: &of };
                if let Err(error) = try_it(&app, book, &due).await {
                    tracing::warn!(%error, webhook = due.webhook, "a webhook's message is tried again later");
                }
                drop(permit);
                app.webhooks.leave(&of, &due);
            });
        }
        after = next;
        if after.is_none() || app.webhooks.room.available_permits() == 0 {
            return Ok(None);
        }
    }
}

/// One try of a delivery, if it is this gateway's to make.
async fn try_it(app: &App, book: Book<'_>, due: &Due) -> Result<(), Error> {
    let Due { webhook: to, delivery: id, next_ms } = due;
    let is_due = |delivery: &Delivery| delivery.state == DeliveryState::Pending && delivery.next_ms == *next_ms;
    let Some(before) = book.delivery(to, id).await?.filter(is_due) else { return book.clear_due(due).await };
    let now_ms = app.client.backend().clock().now_ms();
    let claim = Claim { gateway: app.webhooks.gateway.clone(), at_ms: now_ms };
    match book.claim(due, before.count, &claim).await? {
        None => {}
        Some(other) if now_ms.saturating_sub(other.at_ms) < CLAIM_HOLDS_MS => return Ok(()),
        // It may have been sent or not: it is sent again, as it must be at least once.
        Some(other) => {
            let mut delivery = before;
            let problem = Some("the gateway ended during this try".to_owned());
            delivery.note(Try { at_ms: other.at_ms, status: None, problem, took_ms: 0 });
            failed(&mut delivery, None, now_ms);
            book.put_delivery(to, id, &delivery).await?;
            return book.clear_due(due).await;
        }
    }
    // Another gateway may have made this try, and removed its claim, between the two looks.
    let Some(mut delivery) = book.delivery(to, id).await?.filter(|now| *now == before) else { return Ok(()) };
    match book.webhook(to).await? {
        Some(webhook) if webhook.enabled && !book.is_gone(to).await? => {
            send(app, book, to, &webhook, &mut delivery).await?;
        }
        _ => {
            let problem = Some("the webhook is disabled or gone".to_owned());
            delivery.note(Try { at_ms: now_ms, status: None, problem, took_ms: 0 });
            delivery.state = DeliveryState::Failed;
        }
    }
    book.put_delivery(to, id, &delivery).await?;
    book.clear_due(due).await
}

/// Sends the message, and notes what came of it.
async fn send(app: &App, book: Book<'_>, to: &str, webhook: &Webhook, delivery: &mut Delivery) -> Result<(), Error> {
    let at_ms = app.client.backend().clock().now_ms();
    let secrets = webhook.secrets.iter().filter(|secret| secret.holds(at_ms));
    let signature = signature(secrets, &delivery.message, at_ms / 1_000, &delivery.body);
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", delivery.message.clone()),
        ("webhook-timestamp", (at_ms / 1_000).to_string()),
        ("webhook-signature", signature),
    ];
    let address = Address::new(webhook.url.clone());
    let sent = app.webhooks.sender.post(&address, headers, Bytes::from(delivery.body.clone())).await;
    let now_ms = app.client.backend().clock().now_ms();
    let (status, problem) = told(&sent);
    let arrived = problem.is_none();
    metrics::counter!("medley_webhook_tries_total", "outcome" => if arrived { "delivered" } else { "failed" })
        .increment(1);
    tracing::debug!(webhook = to, message = delivery.message, status, problem, "a webhook's message was sent");
    delivery.note(Try { at_ms, status, problem, took_ms: now_ms.saturating_sub(at_ms) });
    if arrived {
        (delivery.state, delivery.failed) = (DeliveryState::Delivered, 0);
    } else if status == Some(410) {
        delivery.state = DeliveryState::Failed;
        tracing::warn!(webhook = to, "a webhook's receiver is gone for good; the webhook is disabled");
        book.set_gone(to, true).await?;
    } else {
        failed(delivery, sent.ok().and_then(|sent| sent.retry_after), now_ms);
    }
    Ok(())
}

/// The status that a receiver answered, and what was wrong with it.
fn told(sent: &Result<Sent, SendError>) -> (Option<u16>, Option<String>) {
    match sent {
        Ok(Sent { status: status @ 200..=299, .. }) => (Some(*status), None),
        Ok(Sent { status: status @ 300..=399, .. }) => {
            (Some(*status), Some(format!("the receiver answered {status}; redirects are not followed")))
        }
        Ok(Sent { status, .. }) => (Some(*status), Some(format!("the receiver answered {status}"))),
        Err(error) => (None, Some(error.to_string())),
    }
}

fn failed(delivery: &mut Delivery, wish: Option<Duration>, now_ms: u64) {
    delivery.failed = delivery.failed.saturating_add(1);
    match pause(delivery.failed, wish, rand::random()) {
        Some(pause) => delivery.next_ms = now_ms + u64::try_from(pause.as_millis()).unwrap_or(DAY_MS),
        None => delivery.state = DeliveryState::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpListener,
        path::Path,
        sync::{
            Mutex,
            atomic::{AtomicU64, Ordering},
        },
        thread,
    };

    use medley_runtime::{Backend, Clock, Settings, queue::SqliteQueue, store::FileStore};
    use medley_step::Registry;

    use super::*;
    use crate::{Gateway, GatewaySettings, webhooks::messages::EventType, webhooks::signature::Secret};

    const TENANT: Name = Name::from_static("t");

    /// A receiver that takes everything, and the ids of what it got.
    fn receiver() -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let ids = got.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(&stream);
                let (mut id, mut length, mut line) = (String::new(), 0, String::new());
                while reader.read_line(&mut line).unwrap() > 2 {
                    match line.trim().split_once(": ") {
                        Some(("webhook-id", value)) => id = value.to_owned(),
                        Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                            length = value.parse().unwrap();
                        }
                        _ => {}
                    }
                    line.clear();
                }
                reader.read_exact(&mut vec![0; length]).unwrap();
                // Noted before it is answered: whoever hears the answer finds it noted.
                ids.lock().unwrap().push(id);
                (&stream).write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
            }
        });
        (url, got)
    }

    /// A gateway over this folder, of which there may be several.
    async fn gateway(folder: &Path, ahead_ms: &Arc<AtomicU64>) -> Arc<App> {
        let queue = SqliteQueue::open(&folder.join("queue.db")).await.unwrap();
        let store = FileStore::open(&folder.join("store")).await.unwrap();
        let ahead_ms = ahead_ms.clone();
        let clock = Clock::new(move || Clock::system().now_ms() + ahead_ms.load(Ordering::Relaxed));
        let registry = Arc::new(Registry::default());
        let backend = Backend::new(Arc::new(queue), Arc::new(store), registry, Settings::default()).with_clock(clock);
        let mut settings = GatewaySettings::default();
        settings.webhooks.allow = vec!["127.0.0.1".parse().unwrap()];
        Gateway::new(Client::new(backend), settings).unwrap().app().clone()
    }

    fn message(number: u64, now_ms: u64) -> Delivery {
        Delivery {
            message: format!("msg_{number}"),
            event: EventType::Test,
            body: "{}".into(),
            state: DeliveryState::Pending,
            failed: 0,
            count: 0,
            tries: Vec::new(),
            created_ms: now_ms,
            next_ms: now_ms,
        }
    }

    async fn register(app: &App, url: String) {
        let book = Book { records: &*app.records, tenant: &TENANT };
        let secrets = vec![Secret::fresh(1)];
        let webhook =
            Webhook { url, description: String::new(), events: Vec::new(), enabled: true, secrets, created_ms: 1 };
        book.put_webhook("HOOK", &webhook).await.unwrap();
        app.client.listen_to_ends(&TENANT, true).await.unwrap();
    }

    /// Runs the couriers of these gateways until every delivery has arrived.
    async fn until_delivered(apps: &[&Arc<App>], ids: &[String]) {
        let stop = CancellationToken::new();
        let couriers: Vec<_> = apps.iter().map(|app| tokio::spawn(run((*app).clone(), stop.clone()))).collect();
        let book = Book { records: &*apps[0].records, tenant: &TENANT };
        for id in ids {
            while book.delivery("HOOK", id).await.unwrap().unwrap().state != DeliveryState::Delivered {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        stop.cancel();
        for courier in couriers {
            courier.await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_gateways_deliver_each_message_once() {
        let (folder, ahead) = (tempfile::tempdir().unwrap(), Arc::default());
        let (one, other) = (gateway(folder.path(), &ahead).await, gateway(folder.path(), &ahead).await);
        let (url, got) = receiver();
        register(&one, url).await;
        let book = Book { records: &*one.records, tenant: &TENANT };
        let now_ms = Clock::system().now_ms();
        let mut ids = Vec::new();
        for number in 0..30 {
            let id = delivery_id(now_ms, &format!("{number:02}"));
            // Both make it, as when both read the same note of an end.
            book.make("HOOK", &id, &message(number, now_ms)).await.unwrap();
            book.make("HOOK", &id, &message(number, now_ms)).await.unwrap();
            ids.push(id);
        }
        until_delivered(&[&one, &other], &ids).await;
        let mut got = got.lock().unwrap().clone();
        got.sort_unstable();
        let mut expected: Vec<_> = (0..30).map(|number| format!("msg_{number}")).collect();
        expected.sort_unstable();
        assert_eq!(got, expected);
        assert_eq!(book.due(None).await.unwrap(), (Vec::new(), None), "nothing is due any more");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_try_of_a_gateway_that_died_is_made_again() {
        let (folder, ahead) = (tempfile::tempdir().unwrap(), Arc::<AtomicU64>::default());
        let app = gateway(folder.path(), &ahead).await;
        let (url, got) = receiver();
        register(&app, url).await;
        let book = Book { records: &*app.records, tenant: &TENANT };
        let now_ms = Clock::system().now_ms();
        let id = delivery_id(now_ms, "01");
        book.make("HOOK", &id, &message(1, now_ms)).await.unwrap();
        let due = Due { webhook: "HOOK".into(), delivery: id.clone(), next_ms: now_ms };
        let dead = Claim { gateway: "dead".into(), at_ms: now_ms };
        assert_eq!(book.claim(&due, 0, &dead).await.unwrap(), None);
        try_it(&app, book, &due).await.unwrap();
        assert_eq!(book.delivery("HOOK", &id).await.unwrap().unwrap(), message(1, now_ms), "it may still be trying");
        ahead.store(CLAIM_HOLDS_MS, Ordering::Relaxed);
        try_it(&app, book, &due).await.unwrap();
        let noted = book.delivery("HOOK", &id).await.unwrap().unwrap();
        assert_eq!((noted.state, noted.count, got.lock().unwrap().len()), (DeliveryState::Pending, 1, 0));
        // Past the pause before the next try.
        ahead.store(2 * CLAIM_HOLDS_MS, Ordering::Relaxed);
        until_delivered(&[&app], &[id]).await;
        assert_eq!(*got.lock().unwrap(), ["msg_1"]);
    }
}
