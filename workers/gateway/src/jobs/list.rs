//! The list of jobs.

use std::sync::Arc;

use axum::extract::State;
use medley_proto::Name;
use medley_runtime::{Client, JobStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::{filter::Filter, view::JobView};
use crate::{access::Caller, extract::Asked, problem::Problem, state::App};

/// A page of jobs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JobList {
    /// The newest first.
    data: Vec<JobView>,
    /// Passed as `cursor`, the list goes on; none at the end.
    next_cursor: Option<String>,
}

const MAX_LIMIT: usize = 100;
const USUAL_LIMIT: usize = 20;
/// So many jobs a request looks at, whether or not they fit.
pub(crate) const MAX_LOOKED_AT: usize = 1_000;

/// What a query asks for.
#[derive(Debug, Default)]
struct ListQuery {
    filter: Filter,
    limit: usize,
    cursor: Option<String>,
}

impl ListQuery {
    fn read(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let mut query = Self { limit: USUAL_LIMIT, ..Self::default() };
        for (name, value) in pairs {
            match name.as_str() {
                "limit" => query.limit = limit(value)?,
                "cursor" => query.cursor = Some(value.clone()),
                _ if query.filter.take(name, value)? => {}
                _ => {
                    let detail = format!("there is no parameter {name:?}; GET /openapi.json lists those there are");
                    return Err(Problem::bad_request("query_invalid", detail));
                }
            }
        }
        Ok(query)
    }
}

fn limit(value: &str) -> Result<usize, Problem> {
    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| Problem::bad_request("query_invalid", format!("limit: give a number from 1 to {MAX_LIMIT}")))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<axum::Json<JobList>, Problem> {
    let ListQuery { filter, limit, cursor } = ListQuery::read(&pairs)?;
    let found = find(&app.client, &caller.tenant, &filter, cursor.as_deref(), limit).await?;
    let data = found.jobs.into_iter().map(JobView::new).collect();
    Ok(axum::Json(JobList { data, next_cursor: found.next_cursor }))
}

/// Jobs that fit.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) jobs: Vec<JobStatus>,
    pub(crate) next_cursor: Option<String>,
}

/// Looks for up to `limit` jobs that fit, among the next thousand.
pub(crate) async fn find(
    client: &Client,
    of: &Name,
    filter: &Filter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Found, Problem> {
    let mut after = match (cursor, filter.created_before_ms) {
        (Some(cursor), _) => Some(opened(of, cursor)?),
        (None, Some(before_ms)) => Some(client.list_from(of, before_ms)),
        (None, None) => None,
    };
    let (mut found, mut looked_at) = (Found::default(), 0);
    while looked_at < MAX_LOOKED_AT {
        let page = client.list(of, after.as_deref(), MAX_LIMIT).await?;
        for (job, error) in &page.damaged {
            tracing::warn!(%job, %error, "a job is left out of a list");
        }
        looked_at += page.jobs.len() + page.damaged.len();
        for status in page.jobs {
            if filter.is_past(&status) {
                return Ok(found);
            }
            if filter.fits(&status) {
                let at = client.list_after(&status.job);
                found.jobs.push(status);
                if found.jobs.len() == limit {
                    found.next_cursor = Some(closed(of, &at));
                    return Ok(found);
                }
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
    found.next_cursor = after.map(|after| closed(of, &after));
    Ok(found)
}

/// A place in the list as clients see it: without the tenant, which is the caller's.
fn closed(of: &Name, after: &str) -> String {
    after.strip_prefix(&format!("{of}/index/")).unwrap_or_default().to_owned()
}

fn opened(of: &Name, cursor: &str) -> Result<String, Problem> {
    let is_place =
        (1..=64).contains(&cursor.len()) && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match is_place {
        true => Ok(format!("{of}/index/{cursor}")),
        false => {
            Err(Problem::bad_request("cursor_invalid", "that is no cursor; take `next_cursor` of an earlier page"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_stays_with_its_tenant() {
        let of = Name::from_static("kim");
        let cursor = closed(&of, "kim/index/8236-01JD");
        assert_eq!(cursor, "8236-01JD");
        assert_eq!(opened(&of, &cursor).unwrap(), "kim/index/8236-01JD");
        for bad in ["", "../../lee/index/1", "a/b", "%2e", &"9".repeat(65)] {
            assert_eq!(opened(&of, bad).unwrap_err().code, "cursor_invalid", "{bad:?}");
        }
    }

    #[test]
    fn unknown_parameters_are_refused() {
        let query = |name: &str, value: &str| ListQuery::read(&[(name.to_owned(), value.to_owned())]);
        assert_eq!(query("limit", "5").unwrap().limit, 5);
        for (name, value) in [("limit", "0"), ("limit", "101"), ("limit", "x"), ("lmit", "5")] {
            assert_eq!(query(name, value).unwrap_err().code, "query_invalid");
        }
    }
}
