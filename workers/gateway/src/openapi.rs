//! The OpenAPI 3.1 document, made of the table of routes.

use medley_step::Registry;
use serde_json::{Value, json};

use crate::routes;

/// The document of this build: its routes, and the kinds of the registry.
pub fn document(_registry: &Registry) -> Value {
    let paths: serde_json::Map<String, Value> =
        routes::all().iter().map(|route| (route.path.to_owned(), json!({}))).collect();
    json!({ "openapi": "3.1.1", "info": { "title": "Medley", "version": env!("CARGO_PKG_VERSION") }, "paths": paths })
}
