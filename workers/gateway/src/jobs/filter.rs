//! Which jobs a client means.

use std::collections::BTreeMap;

use medley_proto::{JobState, Name};
use medley_runtime::JobStatus;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{problem::Problem, routes::Route};

/// Which jobs: all that every part fits.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "JobFilter")]
pub(crate) struct Filter {
    pub(crate) kind: Option<Name>,
    pub(crate) state: Option<JobState>,
    /// With these labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Made at or after this Unix time.
    pub(crate) created_after_ms: Option<u64>,
    /// Made at or before this Unix time.
    pub(crate) created_before_ms: Option<u64>,
}

impl Filter {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn fits(&self, JobStatus { job, state, .. }: &JobStatus) -> bool {
        self.kind.as_ref().is_none_or(|kind| *kind == job.kind)
            && self.state.is_none_or(|wanted| wanted == *state)
            && self.created_after_ms.is_none_or(|after| job.created_ms >= after)
            && self.created_before_ms.is_none_or(|before| job.created_ms <= before)
            && self.labels.iter().all(|(name, value)| job.labels.get(name) == Some(value))
    }

    /// Whether no older job can fit.
    pub(crate) fn is_past(&self, status: &JobStatus) -> bool {
        self.created_after_ms.is_some_and(|after| status.job.created_ms < after)
    }

    /// Takes a parameter of a query; whether it is one.
    ///
    /// # Errors
    /// When its value is none.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        let invalid = |what: &str| Problem::bad_request("query_invalid", format!("{name}: {value:?} is no {what}"));
        let time = |into: &mut Option<u64>| -> Result<(), Problem> {
            *into = Some(value.parse().map_err(|_| invalid("Unix time in milliseconds"))?);
            Ok(())
        };
        match name {
            "kind" => self.kind = Some(value.parse().map_err(|_| invalid("name of a kind"))?),
            "state" => {
                let state = serde_json::from_value::<JobState>(value.into());
                self.state = Some(state.map_err(|_| invalid("state of a job"))?);
            }
            "created_after_ms" => time(&mut self.created_after_ms)?,
            "created_before_ms" => time(&mut self.created_before_ms)?,
            _ => match name.strip_prefix("label.") {
                Some(label) => drop(self.labels.insert(label.to_owned(), value.to_owned())),
                None => return Ok(false),
            },
        }
        Ok(true)
    }
}

/// The parameters that [`Filter::take`] knows.
pub(crate) fn describe(route: Route) -> Route {
    route
        .query::<Option<Name>>("kind", "Jobs of this kind.")
        .query::<Option<JobState>>("state", "Jobs in this state.")
        .query::<Option<u64>>("created_after_ms", "Made at or after this Unix time.")
        .query::<Option<u64>>("created_before_ms", "Made at or before this Unix time.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_a_filter() {
        let mut filter = Filter::default();
        for (name, value) in [("kind", "speak"), ("state", "failed"), ("label.show", "news"), ("created_after_ms", "5")]
        {
            assert!(filter.take(name, value).unwrap(), "{name}");
        }
        assert_eq!((filter.state, filter.created_after_ms), (Some(JobState::Failed), Some(5)));
        assert_eq!(filter.labels["show"], "news");
        assert!(!filter.take("colour", "red").unwrap());
        for (name, value) in [("kind", "No Kind"), ("state", "asleep"), ("created_before_ms", "yesterday")] {
            assert_eq!(filter.take(name, value).unwrap_err().code, "query_invalid", "{name}");
        }
    }
}
