//! What a route is: the router and the OpenAPI document are both made of it.

use std::sync::Arc;

use axum::{
    handler::Handler,
    http::Method,
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::{
    access::Scope,
    problem::{PROBLEM_JSON, Problem, ProblemBody},
    state::App,
};

/// Makes a schema, and leaves the types that it names in the generator.
pub(crate) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What a route reads, or what it answers with.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) media_type: &'static str,
    /// None: bytes of that media type.
    pub(crate) schema: Option<MakeSchema>,
}

impl Content {
    pub(crate) fn json<T: JsonSchema>() -> Self {
        Self { media_type: "application/json", schema: Some(SchemaGenerator::subschema_for::<T>) }
    }

    pub(crate) fn form<T: JsonSchema>() -> Self {
        Self { media_type: "multipart/form-data", schema: Some(SchemaGenerator::subschema_for::<T>) }
    }

    pub(crate) fn bytes(media_type: &'static str) -> Self {
        Self { media_type, schema: None }
    }
}

/// One answer of a route that is no problem.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    pub(crate) content: Vec<Content>,
    /// Headers that the answer has: name and meaning.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

impl Answer {
    pub(crate) fn new(status: u16, about: &'static str) -> Self {
        Self { status, about, content: Vec::new(), headers: Vec::new() }
    }

    pub(crate) fn json<T: JsonSchema>(status: u16, about: &'static str) -> Self {
        Self::new(status, about).content(Content::json::<T>())
    }

    #[must_use]
    pub(crate) fn content(mut self, content: Content) -> Self {
        self.content.push(content);
        self
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, about: &'static str) -> Self {
        self.headers.push((name, about));
        self
    }
}

/// Where a parameter stands. Those of the path are read off the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum In {
    Query,
    Header,
}

/// A parameter of a route.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) place: In,
    pub(crate) about: &'static str,
    pub(crate) schema: MakeSchema,
}

/// One operation.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// The operation's name in generated clients.
    pub(crate) id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) about: &'static str,
    /// What a token must allow; none: anyone may ask.
    pub(crate) scope: Option<Scope>,
    pub(crate) params: Vec<Param>,
    pub(crate) body: Vec<Content>,
    pub(crate) answers: Vec<Answer>,
    /// Statuses of problems beside 400, 401, 403, 429, 500 and 503, which any route can have.
    pub(crate) problems: Vec<u16>,
    /// How problems are sent.
    pub(crate) render: fn(Problem) -> Response,
    /// What they then look like.
    pub(crate) problem: Content,
    pub(crate) handler: MethodRouter<Arc<App>>,
}

impl Route {
    fn new<H, T>(method: Method, filter: MethodFilter, path: &'static str, id: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        Self {
            method,
            path,
            id,
            tag: "jobs",
            summary: "",
            about: "",
            scope: Some(Scope::Admin),
            params: Vec::new(),
            body: Vec::new(),
            answers: Vec::new(),
            problems: Vec::new(),
            render: Problem::into_response,
            problem: Content {
                media_type: PROBLEM_JSON,
                schema: Some(SchemaGenerator::subschema_for::<ProblemBody<'static>>),
            },
            handler: on(filter, handler),
        }
    }

    pub(crate) fn get<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, id: &'static str, handler: H) -> Self {
        Self::new(Method::GET, MethodFilter::GET, path, id, handler)
    }

    pub(crate) fn head<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, id: &'static str, handler: H) -> Self {
        Self::new(Method::HEAD, MethodFilter::HEAD, path, id, handler)
    }

    pub(crate) fn post<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, id: &'static str, handler: H) -> Self {
        Self::new(Method::POST, MethodFilter::POST, path, id, handler)
    }

    pub(crate) fn patch<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, id: &'static str, handler: H) -> Self {
        Self::new(Method::PATCH, MethodFilter::PATCH, path, id, handler)
    }

    pub(crate) fn delete<H: Handler<T, Arc<App>>, T: 'static>(
        path: &'static str,
        id: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::DELETE, MethodFilter::DELETE, path, id, handler)
    }

    pub(crate) fn options<H: Handler<T, Arc<App>>, T: 'static>(
        path: &'static str,
        id: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::OPTIONS, MethodFilter::OPTIONS, path, id, handler)
    }

    #[must_use]
    pub(crate) fn tag(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    #[must_use]
    pub(crate) fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    #[must_use]
    pub(crate) fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    #[must_use]
    pub(crate) fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Anyone may ask, without a token.
    #[must_use]
    pub(crate) fn open(mut self) -> Self {
        self.scope = None;
        self
    }

    #[must_use]
    pub(crate) fn query<T: JsonSchema>(mut self, name: &'static str, about: &'static str) -> Self {
        self.params.push(Param { name, place: In::Query, about, schema: SchemaGenerator::subschema_for::<T> });
        self
    }

    #[must_use]
    pub(crate) fn header<T: JsonSchema>(mut self, name: &'static str, about: &'static str) -> Self {
        self.params.push(Param { name, place: In::Header, about, schema: SchemaGenerator::subschema_for::<T> });
        self
    }

    /// What it reads; several are alternatives.
    #[must_use]
    pub(crate) fn body(mut self, content: Content) -> Self {
        self.body.push(content);
        self
    }

    #[must_use]
    pub(crate) fn answer(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    #[must_use]
    pub(crate) fn problems(mut self, statuses: &[u16]) -> Self {
        self.problems.extend_from_slice(statuses);
        self
    }

    /// Sends problems in another form than `application/problem+json`.
    #[must_use]
    pub(crate) fn render(mut self, render: fn(Problem) -> Response) -> Self {
        self.render = render;
        self
    }

    /// What problems look like in that form.
    #[must_use]
    pub(crate) fn problem_content(mut self, content: Content) -> Self {
        self.problem = content;
        self
    }
}
