//! The OpenAPI 3.1 document, made of the table of routes that also makes the router.
//!
//! Schemas are those of schemars (JSON Schema 2020-12, which OpenAPI 3.1 takes as they are). A kind's schema stands in it as
//! the kind has it, but for the place of its definitions: `#/$defs/…` becomes `#/components/schemas/<kind>/$defs/…`, since a
//! reference starts from the whole document.

use medley_step::Registry;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    routes::{Answer, Content, In, Param, Route},
    table,
};

const DESCRIPTION: &str = "Media jobs into finished artifacts: ask for a job, follow it, fetch what it made. Errors are \
    problems (RFC 9457) with a stable `code`; the routes of OpenAI's audio protocol answer with OpenAI's errors. \
    docs/gateway.md says more.";
/// What any route can answer.
const ANY_ROUTE: [u16; 5] = [400, 403, 429, 500, 503];

/// The document of this build: its routes, and the kinds of the registry.
pub fn document(registry: &Registry) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for route in table::all() {
        let path = paths.entry(shown(route.path)).or_insert_with(|| json!({}));
        if let Value::Object(path) = path {
            path.insert(route.method.as_str().to_ascii_lowercase(), operation(&route, &mut generator));
        }
    }
    let mut schemas = generator.take_definitions(true);
    let kinds = kinds(registry);
    let any_kind: Vec<Value> =
        kinds.keys().map(|name| json!({ "$ref": format!("#/components/schemas/{name}") })).collect();
    if let Some(params) = schemas.get_mut("JobRequest").and_then(|request| request.pointer_mut("/properties/params")) {
        params["anyOf"] = any_kind.into();
    }
    schemas.extend(kinds);
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Medley",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, {}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of `medley token new`; on loopback none is needed until there is one.",
            } },
        },
    })
}

/// A path as OpenAPI writes it.
fn shown(path: &str) -> String {
    path.replace("{*", "{")
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "tags": [route.tag],
        "summary": route.summary,
        "responses": responses(route, generator),
    });
    if !route.about.is_empty() {
        operation["description"] = route.about.into();
    }
    match route.scope {
        Some(scope) => operation["x-scope"] = scope.as_str().into(),
        None => operation["security"] = json!([]),
    }
    let in_path = path_params(route.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let mut parameters: Vec<Value> = in_path.collect();
    parameters.extend(route.params.iter().map(|param| parameter(param, generator)));
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if !route.body.is_empty() {
        operation["requestBody"] = json!({ "required": true, "content": contents(&route.body, generator) });
    }
    operation
}

fn path_params(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
}

fn parameter(param: &Param, generator: &mut SchemaGenerator) -> Value {
    let place = match param.place {
        In::Query => "query",
        In::Header => "header",
    };
    json!({ "name": param.name, "in": place, "description": param.about, "schema": (param.schema)(generator) })
}

fn contents(all: &[Content], generator: &mut SchemaGenerator) -> Value {
    let one = |content: &Content| {
        let schema = content.schema.map_or_else(|| json!({}), |make| make(generator).to_value());
        (content.media_type.to_owned(), json!({ "schema": schema }))
    };
    Value::Object(all.iter().map(one).collect())
}

fn responses(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    let mut problems: Vec<u16> = [&route.problems[..], &ANY_ROUTE].concat();
    if route.scope.is_some() {
        problems.push(401);
    }
    if route.path.contains('{') {
        problems.push(404);
    }
    for status in problems {
        let about = axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let content = contents(std::slice::from_ref(&route.problem), generator);
        responses
            .insert(status.to_string(), json!({ "description": about.unwrap_or("A problem"), "content": content }));
    }
    for answer in &route.answers {
        responses.insert(answer.status.to_string(), response(answer, generator));
    }
    responses.sort_keys();
    Value::Object(responses)
}

fn response(answer: &Answer, generator: &mut SchemaGenerator) -> Value {
    let mut response = json!({ "description": answer.about });
    if !answer.content.is_empty() {
        response["content"] = contents(&answer.content, generator);
    }
    if !answer.headers.is_empty() {
        let header = |(name, about): &(&str, &str)| {
            ((*name).to_owned(), json!({ "description": about, "schema": { "type": "string" } }))
        };
        response["headers"] = Value::Object(answer.headers.iter().map(header).collect());
    }
    response
}

/// The name of a kind's schema in the document.
fn schema_name(kind: &str) -> String {
    format!("kind.{kind}")
}

fn kinds(registry: &Registry) -> Map<String, Value> {
    let one = |recipe: &dyn medley_step::ErasedRecipe| {
        let (name, mut schema) = (schema_name(recipe.kind().as_str()), recipe.schema().to_value());
        move_references(&mut schema, "#/$defs/", &format!("#/components/schemas/{name}/$defs/"));
        (name, schema)
    };
    registry.recipes().map(one).collect()
}

/// Puts another beginning before the references of a schema that begin with `from`.
fn move_references(schema: &mut Value, from: &str, to: &str) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(reference) if name == "$ref" => {
                        if let Some(rest) = reference.strip_prefix(from) {
                            *reference = format!("{to}{rest}");
                        }
                    }
                    _ => move_references(value, from, to),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| move_references(item, from, to)),
        _ => {}
    }
}

/// A kind's schema as the document has it, put back as the kind has it: for the test that they are the same.
pub fn schema_of_kind(document: &Value, kind: &str) -> Option<Value> {
    let name = schema_name(kind);
    let mut schema = document.pointer(&format!("/components/schemas/{name}"))?.clone();
    move_references(&mut schema, &format!("#/components/schemas/{name}/$defs/"), "#/$defs/");
    Some(schema)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operation_has_a_name_of_its_own_and_says_what_it_answers() {
        let mut names = BTreeSet::new();
        for route in table::all() {
            assert!(names.insert(route.id), "{} twice", route.id);
            assert!(!route.summary.is_empty() && !route.answers.is_empty(), "{}", route.id);
            assert!(route.body.is_empty() || route.method != axum::http::Method::GET, "{}", route.id);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document(&Registry::default());
        let text = document.to_string();
        let references = text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next());
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }

    #[test]
    fn references_move_there_and_back() {
        let kind = json!({ "properties": { "a": { "$ref": "#/$defs/A" } }, "$defs": { "A": { "enum": ["$ref"] } } });
        let mut moved = kind.clone();
        move_references(&mut moved, "#/$defs/", "#/components/schemas/kind.toy/$defs/");
        assert_eq!(moved["properties"]["a"]["$ref"], "#/components/schemas/kind.toy/$defs/A");
        let document = json!({ "components": { "schemas": { "kind.toy": moved } } });
        assert_eq!(schema_of_kind(&document, "toy"), Some(kind));
    }
}
