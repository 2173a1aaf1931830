//! Events and cancellations: lossy, but not in a test that waits for them one by one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use medley_proto::{Event, EventBody, JobId};

use super::*;

fn event(tenant: &Name, job: JobId, done: f64) -> Event {
    let body = EventBody::Progress { done, total: 9.0, unit: "seconds".into() };
    Event { v: VERSION, tenant: tenant.clone(), job, step: None, at_ms: 5, body }
}

async fn come<T>(stream: &mut BoxStream<'static, T>) -> T {
    tokio::time::timeout(PATIENCE, stream.next()).await.expect("it comes").expect("the stream goes on")
}

pub(crate) async fn events_reach_those_who_asked(place: &dyn Place) {
    let (here, there) = (place.open().await, place.open().await);
    let other_tenant = Name::from_static("tenant-2");
    let mut of_job = there.events(&tenant(), Some(job("a"))).await.unwrap();
    let mut of_all = here.events(&tenant(), None).await.unwrap();
    let mut of_other = here.events(&other_tenant, None).await.unwrap();
    for sender in [&here, &there] {
        sender.send_event(&event(&tenant(), job("b"), 1.0)).await.unwrap();
        sender.send_event(&event(&other_tenant, job("a"), 2.0)).await.unwrap();
        sender.send_event(&event(&tenant(), job("a"), 3.0)).await.unwrap();
        assert_eq!(come(&mut of_job).await, event(&tenant(), job("a"), 3.0));
        assert_eq!(come(&mut of_all).await, event(&tenant(), job("b"), 1.0));
        assert_eq!(come(&mut of_all).await, event(&tenant(), job("a"), 3.0));
        assert_eq!(come(&mut of_other).await, event(&other_tenant, job("a"), 2.0));
    }
    assert!(of_job.next().now_or_never().is_none());
}

pub(crate) async fn cancellations_reach_everyone(place: &dyn Place) {
    let (here, there) = (place.open().await, place.open().await);
    let mut streams = [here.cancels().await.unwrap(), there.cancels().await.unwrap()];
    for sender in [&here, &there] {
        sender.send_cancel(&tenant(), job("c")).await.unwrap();
        for stream in &mut streams {
            assert_eq!(come(stream).await, (tenant(), job("c")));
        }
    }
}

pub(crate) async fn nobody_needs_to_listen(place: &dyn Place) {
    let queue = place.open().await;
    for n in 0..200 {
        queue.send_event(&event(&tenant(), job("silent"), f64::from(n))).await.unwrap();
    }
    drop(queue.events(&tenant(), None).await.unwrap());
    queue.send_event(&event(&tenant(), job("silent"), 0.0)).await.unwrap();
    queue.send_cancel(&tenant(), job("silent")).await.unwrap();
    queue.publish(&[step("silent", Class::Batch, 1)]).await.unwrap();
}
