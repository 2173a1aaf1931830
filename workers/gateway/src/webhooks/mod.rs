//! Webhooks by Standard Webhooks (docs/webhooks.md): whoever registers an address hears how jobs end, with a signature that the
//! standard's libraries check.

mod courier;
mod handlers;
mod messages;
pub(crate) mod outbox;
mod records;
mod schedule;
pub(crate) mod settings;
mod signature;
mod view;

pub(crate) use self::courier::run;
use self::view::{
    DeliveryPage, DeliveryView, NewWebhook, ReplayRequest, Replayed, RotateRequest, WebhookChange, WebhookList,
    WebhookSecret, WebhookView,
};
use crate::{
    access::Scope,
    routes::{Answer, Content, Route},
};

pub(crate) fn routes() -> Vec<Route> {
    const ALL: &str = "/v1/webhooks";
    const ONE: &str = "/v1/webhooks/{webhook}";
    const DELIVERIES: &str = "/v1/webhooks/{webhook}/deliveries";
    let of = |route: Route| route.tag("webhooks").scope(Scope::Admin);
    let one = |route: Route| of(route).problems(&[404]);
    vec![
        of(Route::get(ALL, "listWebhooks", handlers::list))
            .summary("List webhooks")
            .answer(Answer::json::<WebhookList>(200, "all webhooks of the tenant")),
        of(Route::post(ALL, "createWebhook", handlers::create))
            .summary("Register an address that hears how jobs end")
            .about("The answer shows the secret of its signatures, this once.")
            .body(Content::json::<NewWebhook>())
            .answer(Answer::json::<WebhookSecret>(201, "the webhook and its secret").header("Location", "the webhook"))
            .problems(&[413, 422]),
        one(Route::get(ONE, "getWebhook", handlers::get))
            .summary("A webhook")
            .answer(Answer::json::<WebhookView>(200, "the webhook")),
        one(Route::patch(ONE, "changeWebhook", handlers::change))
            .summary("Change a webhook, or enable it again")
            .body(Content::json::<WebhookChange>())
            .answer(Answer::json::<WebhookView>(200, "the webhook as it is now"))
            .problems(&[413, 422]),
        one(Route::delete(ONE, "deleteWebhook", handlers::remove))
            .summary("Remove a webhook and its deliveries")
            .answer(Answer::new(204, "it is gone")),
        one(Route::post("/v1/webhooks/{webhook}/secret", "rotateWebhookSecret", handlers::rotate))
            .summary("Make a new secret")
            .about("Messages are signed with the old secrets too, until their time is over.")
            .body(Content::json::<RotateRequest>())
            .answer(Answer::json::<WebhookSecret>(200, "the webhook and its new secret, shown this once"))
            .problems(&[413, 422]),
        one(Route::post("/v1/webhooks/{webhook}/test", "testWebhook", handlers::test))
            .summary("Send a message that means nothing")
            .answer(Answer::json::<DeliveryView>(202, "the delivery; GET it to see what became of it"))
            .problems(&[409]),
        one(Route::get(DELIVERIES, "listDeliveries", handlers::deliveries))
            .summary("List the deliveries of a webhook, the newest first")
            .query::<Option<records::DeliveryState>>("state", "only those that stand so")
            .query::<Option<String>>("cursor", "the `next_cursor` of the page before")
            .query::<Option<usize>>("limit", "how many are looked at, at most 200")
            .answer(Answer::json::<DeliveryPage>(200, "a page of deliveries")),
        one(Route::get("/v1/webhooks/{webhook}/deliveries/{delivery}", "getDelivery", handlers::delivery))
            .summary("A delivery, its message and its tries")
            .answer(Answer::json::<DeliveryView>(200, "the delivery")),
        one(Route::post("/v1/webhooks/{webhook}/deliveries/{delivery}/replay", "replayDelivery", handlers::replay))
            .summary("Deliver a message once more")
            .answer(Answer::json::<DeliveryView>(202, "the delivery, which is tried again"))
            .problems(&[409]),
        one(Route::post("/v1/webhooks/{webhook}/replay", "replayDeliveries", handlers::replay_failed))
            .summary("Deliver all failed messages once more")
            .body(Content::json::<ReplayRequest>())
            .answer(Answer::json::<Replayed>(202, "how many are tried again"))
            .problems(&[409, 413, 422]),
    ]
}
