//! `GET /v1/models`, `/v1/models/{model}` and `/v1/audio/voices`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    error::ApiError,
    names::{self, MODELS},
    speech,
};
use crate::state::App;

/// When these names were first served here, as Unix time.
const CREATED: u64 = 1_796_083_200;

/// A model by OpenAI's name.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OpenAiModel")]
pub(super) struct Model {
    id: &'static str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
    /// None: Medley goes on serving it.
    shutdown_date: Option<&'static str>,
}

impl Model {
    fn new(id: &'static str) -> Self {
        Self { id, object: "model", created: CREATED, owned_by: "medley", shutdown_date: None }
    }
}

/// All models.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OpenAiModelList")]
pub(super) struct Models {
    object: &'static str,
    data: Vec<Model>,
}

pub(super) async fn list() -> Json<Models> {
    Json(Models { object: "list", data: MODELS.iter().map(|(name, _)| Model::new(name)).collect() })
}

pub(super) async fn one(Path(name): Path<String>) -> Result<Json<Model>, ApiError> {
    let found = MODELS.iter().find(|(own, _)| *own == name);
    found.map(|(own, _)| Json(Model::new(own))).ok_or_else(|| ApiError::no_model(&name))
}

/// A voice that `speech` takes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Voice {
    id: String,
    object: &'static str,
    name: String,
}

impl Voice {
    fn new(id: &str, name: String) -> Self {
        Self { id: id.to_owned(), object: "audio.voice", name }
    }
}

/// All voices, under both names that clients look for them.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "VoiceList")]
pub(super) struct Voices {
    object: &'static str,
    data: Vec<Voice>,
    voices: Vec<Voice>,
}

pub(super) async fn voices(State(app): State<Arc<App>>) -> Result<Json<Voices>, ApiError> {
    let data = voices_of(&speech::voices(&app)?);
    Ok(Json(Voices { object: "list", voices: data.clone(), data }))
}

/// The kind's own voices, then OpenAI's names.
fn voices_of(known: &[String]) -> Vec<Voice> {
    let own = known.iter().map(|name| Voice::new(name, name.clone()));
    let others = names::openai_voices(known).filter(|(name, _)| !known.iter().any(|own| own == name));
    own.chain(others.map(|(name, behind)| Voice::new(name, format!("{name} ({behind})")))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn every_name_is_listed_and_found() {
        let Json(list) = list().await;
        assert_eq!(list.data.len(), MODELS.len());
        for model in list.data {
            let Json(same) = one(Path(model.id.to_owned())).await.unwrap();
            assert_eq!(same.id, model.id);
        }
        let golden: Value = serde_json::from_str(include_str!("../../tests/goldens/openai/model.json")).unwrap();
        assert_eq!(json!(Model::new("whisper-1")), golden);
        assert_eq!(one(Path("gpt-9".into())).await.unwrap_err().status.as_u16(), 404);
    }

    #[test]
    fn a_voice_is_listed_once() {
        let known = ["alloy", "hibari", "joe"].map(str::to_owned);
        let mut ids: Vec<String> = voices_of(&known).into_iter().map(|voice| voice.id).collect();
        assert_eq!(ids[..3], known);
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
