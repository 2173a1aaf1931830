use std::{
    fmt, fs, thread,
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use medley_net::{Address, LONGEST_WISH, retry_after};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::{AssistError, Config};

/// The longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 1 << 20;
/// The pause before the first repetition; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// A picture to ask about: the bytes of a JPEG, PNG or WebP file.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    pub media_type: &'a str,
    pub bytes: &'a [u8],
}

/// A configured endpoint. Blocking: call it from a compute thread.
pub struct Assistant {
    config: Config,
    url: String,
    authorization: Option<String>,
    agent: Agent,
}

impl fmt::Debug for Assistant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the key.
        f.debug_struct("Assistant")
            .field("url", &Address::from(self.url.as_str()))
            .field("model", &self.config.model)
            .finish_non_exhaustive()
    }
}

impl Assistant {
    /// The assistant that the configuration names; none when it names no endpoint.
    pub fn new(config: &Config) -> Result<Option<Self>, AssistError> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let authorization = match &config.api_key_file {
            Some(path) => {
                let text =
                    fs::read_to_string(path).map_err(|source| AssistError::Key { path: path.clone(), source })?;
                Some(format!("Bearer {}", text.lines().next().unwrap_or_default().trim()))
            }
            None => None,
        };
        let agent = Agent::config_builder()
            // The client adds it to the clock.
            .timeout_global(Some(Duration::from_secs(config.timeout_s.max(1)).min(LONGEST_WISH)))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        let url = format!("{}/chat/completions", endpoint.trim_end_matches('/'));
        Ok(Some(Self { config: config.clone(), url, authorization, agent }))
    }

    /// The model's name, for the manifest.
    pub fn model(&self) -> &str {
        &self.config.model
    }

    /// Asks for text.
    pub fn chat(&self, system: &str, user: &str) -> Result<String, AssistError> {
        self.complete(system, user.into(), None)
    }

    /// Asks for a JSON object that reads as `T`.
    pub fn chat_json<T: for<'de> Deserialize<'de>>(&self, system: &str, user: &str) -> Result<T, AssistError> {
        let text = self.complete(system, user.into(), Some(json!({"type": "json_object"})))?;
        serde_json::from_str(&text).map_err(|error| AssistError::BadAnswer(format!("not the JSON asked for ({error})")))
    }

    /// Asks about a picture.
    pub fn look(&self, system: &str, user: &str, picture: Picture<'_>) -> Result<String, AssistError> {
        let url = format!("data:{};base64,{}", picture.media_type, STANDARD.encode(picture.bytes));
        let content = json!([{"type": "text", "text": user}, {"type": "image_url", "image_url": {"url": url}}]);
        self.complete(system, content, None)
    }

    fn complete(&self, system: &str, content: Value, format: Option<Value>) -> Result<String, AssistError> {
        let mut body = json!({
            "model": self.config.model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": content}],
            "max_tokens": self.config.max_tokens,
            "temperature": 0,
            "stream": false,
        });
        if let Some(format) = format {
            body["response_format"] = format;
        }
        let total = Duration::from_secs(self.config.total_timeout_s);
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let error = match self.call(&body) {
                Ok(text) => return Ok(text),
                Err(error) => error,
            };
            // A server that wants to be left alone for longer than there is time for is not waited for at all.
            let pause = pause_before(attempt, &error);
            let in_time = started.elapsed().saturating_add(pause) < total;
            if attempt >= self.config.max_attempts || !error.worth_repeating() || !in_time {
                return Err(error);
            }
            tracing::debug!(%error, attempt, "assist call is repeated");
            thread::sleep(pause);
            attempt += 1;
        }
    }

    fn call(&self, body: &Value) -> Result<String, AssistError> {
        let mut request = self.agent.post(&self.url);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let mut response = request.send_json(body).map_err(unreachable)?;
        let status = response.status().as_u16();
        let wish = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = wish.and_then(|value| retry_after(value, SystemTime::now()));
        let text = match response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string() {
            Ok(text) => text,
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                return Err(AssistError::BadAnswer(format!("longer than {MAX_ANSWER_BYTES} bytes")));
            }
            Err(error) => return Err(unreachable(error)),
        };
        match status {
            200..=299 => answer(&text),
            429 | 500..=599 => Err(AssistError::Busy { status, retry_after }),
            _ => Err(AssistError::Refused { status, detail: self.without_key(&text).chars().take(200).collect() }),
        }
    }

    /// Some servers repeat a key that they do not know.
    fn without_key(&self, text: &str) -> String {
        match self.authorization.as_deref().and_then(|header| header.strip_prefix("Bearer ")) {
            Some(key) if !key.is_empty() => text.replace(key, "…"),
            _ => text.to_owned(),
        }
    }
}

/// These errors repeat the endpoint, with what may be secret in it.
fn unreachable(error: ureq::Error) -> AssistError {
    let told = match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::RequireHttpsOnly(_) => {
            ureq::Error::Other("the endpoint is no URL that can be asked for".into())
        }
        error => error,
    };
    AssistError::Unreachable(Box::new(told))
}

fn pause_before(attempt: u32, error: &AssistError) -> Duration {
    match error {
        AssistError::Busy { retry_after: Some(wait), .. } => *wait,
        _ => FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1).min(64),
    }
}

/// The text of a chat completion.
fn answer(body: &str) -> Result<String, AssistError> {
    #[derive(Deserialize)]
    struct Completion {
        choices: Vec<Choice>,
    }
    #[derive(Deserialize)]
    struct Choice {
        message: Message,
    }
    #[derive(Deserialize)]
    struct Message {
        content: Option<String>,
    }
    let completion: Completion = serde_json::from_str(body)
        .map_err(|error| AssistError::BadAnswer(format!("not a chat completion ({error})")))?;
    let text = completion.choices.into_iter().next().and_then(|choice| choice.message.content).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() { Err(AssistError::BadAnswer("it holds no text".into())) } else { Ok(text.to_owned()) }
}
