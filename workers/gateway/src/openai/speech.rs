//! `POST /v1/audio/speech`.

use std::{io, ops::Range, sync::Arc};

use axum::{
    body::{self, Body},
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use medley_proto::{Manifest, Name, Sha256, SpeechTiming};
use medley_runtime::{
    InputRequest, LimitSettings, Scratch, Spooled,
    store::{Key, Store},
};
use serde::Serialize;

use super::{
    call::{self, Asked, Call},
    error::ApiError,
    names,
    patience::{self, Events, Gone, Patience, Preference},
    speaking::{Sound, Speaking, SpeechBody},
    with_headers,
};
use crate::{access::Caller, state::App};

const KIND: Name = Name::from_static("speak");

/// Sound is read from the store in blocks of so many bytes; a multiple of three, so that each is whole in base64.
const BLOCK_BYTES: u64 = 96 << 10;
/// The largest `timing.json` that is sent as an event.
const MAX_TIMING_BYTES: u64 = 32 << 20;
/// The head of a WAV file of ours ends before.
const MAX_WAV_HEAD_BYTES: u64 = 4_096;

pub(super) async fn speak(State(app): State<Arc<App>>, caller: Caller, request: Request) -> Result<Response, ApiError> {
    let preference = Preference::of(request.headers());
    let body = read(request, app.settings.max_body_bytes).await?;
    let Speaking { params, sound, events, warnings } = Speaking::of(&body, &voices(&app)?)?;
    let SpeechBody { input: text, model, .. } = body;
    let sha256 = Sha256::of(text.as_bytes());
    // A short text is part of its job's record, a long one is a file; it stays until the job is accepted.
    let sent = match text.len() > LimitSettings::MAX_TEXT_BYTES {
        true => Some(as_file(&app, text.clone()).await?),
        false => None,
    };
    let input = match &sent {
        Some((_, file)) => InputRequest::Spooled(file.clone()),
        None => InputRequest::Text(text),
    };
    let asked = Asked { kind: KIND, params, input, sha256, model: model.unwrap_or_default() };
    let call = Call::begin(&app, &caller, asked).await?;
    drop(sent);
    let job = call.job;
    let response = if !preference.waited(&call).await {
        patience::accepted(&call).await?
    } else if events {
        let (events, response) = Events::open();
        tokio::spawn(tell(call, sound, events));
        response
    } else {
        let manifest = call.ended().await?;
        let file = File::open(&call, &manifest, sound).await?;
        let bytes = file.range.end - file.range.start;
        let mut response = Body::from_stream(file.blocks()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(sound.media_type()));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
        response
    };
    Ok(with_headers(response, job, &warnings))
}

/// A text as a file that goes when the scratch goes.
async fn as_file(app: &App, text: String) -> Result<(Scratch, Spooled), ApiError> {
    let scratch = app.client.scratch()?;
    let write = move || -> io::Result<(Scratch, Spooled)> {
        let path = std::path::absolute(scratch.path())?;
        std::fs::write(&path, &text)?;
        let (sha256, bytes) = (Sha256::of(text.as_bytes()), text.len() as u64);
        Ok((scratch, Spooled { path, name: "text.txt".into(), sha256, bytes }))
    };
    let written = tokio::task::spawn_blocking(write).await.map_err(io::Error::other).flatten();
    written.map_err(|error| {
        tracing::error!(%error, "a text that a client sent cannot be kept");
        ApiError::away("the gateway cannot keep the text now; ask again later, and tell the owner to look at its disk")
    })
}

/// The voices of the kind, by its schema.
///
/// # Errors
/// When this build has no such kind.
pub(super) fn voices(app: &App) -> Result<Vec<String>, ApiError> {
    let recipe = app.registry().find_recipe(&KIND).map_err(medley_runtime::Error::from)?;
    Ok(names::voices_of(recipe.schema().as_value()))
}

async fn read(request: Request, max_bytes: usize) -> Result<SpeechBody, ApiError> {
    let text = body::to_bytes(request.into_body(), max_bytes).await.map_err(|_| {
        let message = format!("the body breaks off or has more bytes than gateway.max_body_bytes = {max_bytes}");
        ApiError::too_large("input", message)
    })?;
    serde_json::from_slice(&text).map_err(|error| {
        ApiError::param(
            "input",
            format!("the body is not the JSON of a speech request ({error}); send input and voice"),
        )
    })
}

/// The sound of an answer in the store.
struct File {
    store: Arc<dyn Store>,
    key: Key,
    /// Which of its bytes.
    range: Range<u64>,
}

impl File {
    async fn open(call: &Call, manifest: &Manifest, sound: Sound) -> Result<Self, ApiError> {
        let artifact = call::find(manifest, &format!("speech.{}", sound.file()))?;
        let client = &call.app().client;
        let (store, key) = (client.store().clone(), client.artifact_key(call.tenant(), call.job, artifact)?);
        // Before the answer begins: whether it is there.
        let head = store.get_range(&key, 0..MAX_WAV_HEAD_BYTES.min(artifact.bytes)).await?;
        let start = match sound {
            Sound::Pcm => samples_at(&head).ok_or_else(|| ApiError::gone(call.job, &artifact.name))?,
            _ => 0,
        };
        Ok(Self { store, key, range: start..artifact.bytes })
    }

    /// Its bytes, a block in memory at a time.
    fn blocks(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold(self, |mut file| async move {
            let at = file.range.start;
            if at >= file.range.end {
                return None;
            }
            let end = file.range.end.min(at + BLOCK_BYTES);
            let block = file.store.get_range(&file.key, at..end).await.map_err(io::Error::other);
            // Nothing follows an error.
            file.range.start = match &block {
                Ok(bytes) if !bytes.is_empty() => at + bytes.len() as u64,
                _ => file.range.end,
            };
            Some((block, file))
        })
    }
}

/// Where the samples of a WAV file begin.
fn samples_at(head: &[u8]) -> Option<u64> {
    let mut at = 12;
    if head.get(..4)? != b"RIFF" || head.get(8..12)? != b"WAVE" {
        return None;
    }
    loop {
        let chunk = head.get(at..at + 8)?;
        let bytes = u32::from_le_bytes(chunk[4..8].try_into().ok()?) as usize;
        at += 8;
        if &chunk[..4] == b"data" {
            return Some(at as u64);
        }
        at += bytes.checked_add(bytes % 2)?;
    }
}

/// An event of `stream_format=sse`.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
enum SpeechEvent {
    #[serde(rename = "speech.audio.delta")]
    Delta { audio: String },
    /// Medley's own, and nothing that OpenAI sends: when each word sounds.
    #[serde(rename = "speech.audio.timing")]
    Timing { duration: f64, words: Vec<SpokenWord> },
    #[serde(rename = "speech.audio.done")]
    Done { usage: SpeechUsage },
}

#[derive(Debug, Serialize)]
struct SpokenWord {
    word: String,
    start: f64,
    end: f64,
}

/// What clients expect, and what is true: nothing here has tokens.
#[derive(Debug, Default, Serialize)]
struct SpeechUsage {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    /// Seconds of the speech.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
}

/// Writes the events of a speech.
async fn tell(call: Call, sound: Sound, events: Events) {
    let said = async {
        events.comment(&format!("job {}", call.job)).await?;
        let manifest = ended(&call, &events).await?;
        let file = File::open(&call, &manifest, sound).await.map_err(Some)?;
        let mut blocks = std::pin::pin!(chunks_of_three(file.blocks()));
        while let Some(block) = blocks.next().await {
            let block = block.map_err(|error| Some(ApiError::defect(error)))?;
            events.send(&SpeechEvent::Delta { audio: BASE64_STANDARD.encode(block) }).await?;
        }
        let timing = timing(&call, &manifest).await;
        let seconds = timing.as_ref().map(|timing| timing.duration_s);
        if let Some(timing) = timing {
            let word =
                |word: medley_proto::WordTime| SpokenWord { word: word.text, start: word.start_s, end: word.end_s };
            let words = timing.words.into_iter().map(word).collect();
            events.send(&SpeechEvent::Timing { duration: timing.duration_s, words }).await?;
        }
        let usage = SpeechUsage { seconds, ..SpeechUsage::default() };
        events.send(&SpeechEvent::Done { usage }).await?;
        Ok::<(), Option<ApiError>>(())
    };
    match said.await {
        Ok(()) => {}
        Err(None) => tracing::debug!(job = %call.job, "the client of a stream is gone; its job goes on"),
        Err(Some(error)) => events.fail(&error).await,
    }
}

impl From<Gone> for Option<ApiError> {
    fn from(_: Gone) -> Self {
        None
    }
}

/// Waits for the end, and says now and then that the stream lives.
async fn ended(call: &Call, events: &Events) -> Result<Manifest, Option<ApiError>> {
    let mut ended = std::pin::pin!(call.ended());
    loop {
        match tokio::time::timeout(Patience::DEFAULT.every, &mut ended).await {
            Ok(ended) => return ended.map_err(Some),
            Err(_) => events.comment("keep-alive").await?,
        }
    }
}

/// The same bytes in blocks of a multiple of three but for the last: clients may decode the base64 of all blocks as one.
fn chunks_of_three(
    blocks: impl Stream<Item = io::Result<Bytes>> + Send,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let blocks = Box::pin(blocks);
    stream::unfold((blocks, Vec::new()), |(mut blocks, mut held)| async move {
        loop {
            match blocks.next().await {
                Some(Ok(block)) => held.extend_from_slice(&block),
                Some(Err(error)) => return Some((Err(error), (blocks, Vec::new()))),
                None if held.is_empty() => return None,
                None => return Some((Ok(Bytes::from(held)), (blocks, Vec::new()))),
            }
            let whole = held.len() / 3 * 3;
            if whole > 0 {
                let rest = held.split_off(whole);
                return Some((Ok(Bytes::from(held)), (blocks, rest)));
            }
        }
    })
}

/// When each word sounds; none when that is longer than an event may be.
async fn timing(call: &Call, manifest: &Manifest) -> Option<SpeechTiming> {
    let text = call.read(manifest, "timing.json", MAX_TIMING_BYTES).await;
    match text.map(|text| serde_json::from_slice(&text)) {
        Ok(Ok(timing)) => Some(timing),
        Ok(Err(error)) => {
            tracing::warn!(%error, job = %call.job, "timing.json cannot be read");
            None
        }
        Err(error) => {
            tracing::debug!(error = %error.message, job = %call.job, "no times of words are sent");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn samples_come_after_any_other_chunk() {
        let mut wav = b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00".to_vec();
        wav.extend_from_slice(&[0; 16]);
        wav.extend_from_slice(b"LIST\x03\x00\x00\x00abc\x00data\x04\x00\x00\x00");
        assert_eq!(samples_at(&wav), Some(wav.len() as u64));
        assert_eq!(samples_at(&wav[..40]), None);
        assert_eq!(samples_at(b"ID3"), None);
    }

    #[tokio::test]
    async fn blocks_joined_are_the_file_also_in_base64() {
        let file: Vec<u8> = (0..=255).collect();
        let blocks: Vec<io::Result<Bytes>> = file.chunks(7).map(|block| Ok(Bytes::copy_from_slice(block))).collect();
        let blocks: Vec<Bytes> = chunks_of_three(stream::iter(blocks)).map(Result::unwrap).collect().await;
        let text: String = blocks.iter().map(|block| BASE64_STANDARD.encode(block)).collect();
        assert_eq!(BASE64_STANDARD.decode(text).unwrap(), file);
    }

    #[test]
    fn events_are_those_of_the_golden() {
        let stored: Value =
            serde_json::from_str(include_str!("../../tests/goldens/openai/speech-events.json")).unwrap();
        let words = vec![SpokenWord { word: "Hello.".into(), start: 0.05, end: 0.61 }];
        let events = [
            SpeechEvent::Delta { audio: BASE64_STANDARD.encode("abc") },
            SpeechEvent::Timing { duration: 0.8, words },
            SpeechEvent::Done { usage: SpeechUsage { seconds: Some(0.8), ..SpeechUsage::default() } },
        ];
        assert_eq!(stored, json!(events));
    }
}
