//! `multipart/form-data` as OpenAI's packages send it.

use axum::extract::Request;

use super::error::ApiError;
use crate::{
    jobs::{self, FormFile},
    state::App,
};

/// A form that was read.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Names without `[]`, and texts, in their order.
    fields: Vec<(String, String)>,
    file: Option<FormFile>,
}

impl Form {
    /// Reads a form to its end.
    ///
    /// # Errors
    /// When it is none, breaks off, or exceeds a limit.
    pub(super) async fn read(app: &App, request: Request) -> Result<Self, ApiError> {
        let sent = jobs::Form::read(app, request).await?;
        let mut fields = Vec::with_capacity(sent.fields.len());
        for (name, text) in sent.fields {
            let name = name.strip_suffix("[]").unwrap_or(&name).to_owned();
            match String::from_utf8(text.into()) {
                Ok(text) => fields.push((name, text)),
                Err(_) => return Err(ApiError::param(name.clone(), format!("{name} is not UTF-8; convert it"))),
            }
        }
        Ok(Self { fields, file: sent.files.into_iter().find(|file| file.part == "file") })
    }

    /// The last field of this name that is not empty: a client that leaves a choice open may send it without a text.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        let own = |(own, text): &&(String, String)| own == name && !text.trim().is_empty();
        self.fields.iter().rev().find(own).map(|(_, text)| text.as_str())
    }

    /// The fields of this name that are not empty.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let own = move |(own, text): &&(String, String)| own == name && !text.trim().is_empty();
        self.fields.iter().filter(own).map(|(_, text)| text.as_str())
    }

    /// The recording, which goes from the disk when this goes.
    ///
    /// # Errors
    /// Without a file.
    pub(super) fn take_file(&mut self) -> Result<FormFile, ApiError> {
        self.file.take().ok_or_else(|| {
            ApiError::param("file", "the form has no file; send the recording, with a file name, in the field 'file'")
        })
    }
}

#[cfg(test)]
impl Form {
    /// A form without a file.
    pub(super) fn of(fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self { fields, file: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_without_a_text_is_not_there() {
        let mut form =
            Form::of(&[("model", "a"), ("language", " "), ("model", "b"), ("keywords", "x"), ("keywords", "y")]);
        assert_eq!((form.one("model"), form.one("language")), (Some("b"), None));
        assert_eq!(form.all("keywords").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(form.take_file().unwrap_err().param.as_deref(), Some("file"));
    }
}
