//! The table of routes, and the router made of it.

use std::sync::Arc;

use axum::{Router, extract::Request, http::StatusCode, middleware};

use crate::{
    access::{self, Guard},
    events, jobs, openai, operations,
    problem::Problem,
    routes::Route,
    state::App,
    uploads, webhooks,
};

/// Every route of the gateway.
pub(crate) fn all() -> Vec<Route> {
    [
        jobs::routes(),
        events::routes(),
        openai::routes(),
        uploads::routes(),
        webhooks::routes(),
        access::routes(),
        operations::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The router of a table; who asks is known before a handler runs.
pub(crate) fn router(app: &Arc<App>, routes: Vec<Route>) -> Router {
    let mut router = Router::new();
    for route in routes {
        let guard = Guard { app: app.clone(), scope: route.scope, render: route.render };
        let handler = route
            .handler
            .route_layer(middleware::from_fn_with_state(guard, access::identify))
            .route_layer(middleware::from_fn_with_state(route.id, operations::count));
        router = router.route(route.path, handler);
    }
    router.fallback(no_such_route).method_not_allowed_fallback(no_such_method).with_state(app.clone())
}

async fn no_such_route(request: Request) -> Problem {
    Problem::not_found(format!("there is no {}; GET /openapi.json lists the routes", request.uri().path()))
}

async fn no_such_method(request: Request) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{} is not for {}; GET /openapi.json lists the routes", request.method(), request.uri().path()),
    )
}
