//! What a form of `/v1/audio/transcriptions` or `/translations` asks for: the params of the kind `transcribe`, and how to
//! answer.

use serde_json::{Map, Value, json};

use super::{answers::Granularities, error::ApiError, form::Form, languages, names};

/// How to write a transcript down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
    Srt,
    VerboseJson,
    Vtt,
    /// With who says what.
    DiarizedJson,
}

/// Which of the two routes is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// In the language spoken.
    Transcribe,
    /// Into English.
    Translate,
}

impl Task {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Transcribe => "transcribe",
            Self::Translate => "translate",
        }
    }
}

/// A form that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hearing {
    /// The name that the client gave the model.
    pub(super) model: String,
    /// Of the kind `transcribe`. They do not depend on how to answer, so that every format of a file is one job; only who
    /// speaks is found out when it is asked for.
    pub(super) params: Value,
    pub(super) answer: Answering,
    /// What has no counterpart here and was left out, in sentences.
    pub(super) warnings: Vec<String>,
}

/// How to answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answering {
    pub(super) task: Task,
    pub(super) format: Format,
    pub(super) times: Granularities,
    pub(super) logprobs: bool,
    pub(super) stream: bool,
}

/// What the kind takes of prompt and keywords together, in bytes.
const MAX_PROMPT_BYTES: usize = 4_096;

impl Hearing {
    /// `tells_speakers`: whether the kind can.
    ///
    /// # Errors
    /// When a field cannot be used.
    pub(super) fn of(form: &Form, task: Task, tells_speakers: bool) -> Result<Self, ApiError> {
        let mut warnings = Vec::new();
        refuse_known_speakers(form)?;
        let answer = Answering::of(form, task, &mut warnings)?;
        let model = form.one("model").unwrap_or_default().to_owned();
        let mut params = Map::new();
        params.insert("model".into(), names::recognizer(&model).into());
        params.insert("task".into(), task.as_str().into());
        // Like OpenAI, no error for silence.
        params.insert("silence".into(), "empty".into());
        if answer.format == Format::DiarizedJson {
            if !tells_speakers {
                return Err(unsupported(
                    "response_format",
                    "response_format=diarized_json is not served by this build",
                ));
            }
            params.insert("speakers".into(), "auto".into());
        }
        if let Some(language) = language(form, task, &mut warnings)? {
            params.insert("language".into(), language.into());
        }
        add_words(form, &mut params, &mut warnings)?;
        temperature(form, &mut warnings)?;
        if let Some(threshold) = vad_threshold(form, &mut warnings)? {
            params.insert("vad_threshold".into(), json!(threshold));
        }
        Ok(Self { model, params: params.into(), answer, warnings })
    }
}

impl Answering {
    fn of(form: &Form, task: Task, warnings: &mut Vec<String>) -> Result<Self, ApiError> {
        let format = match form.one("response_format").unwrap_or("json") {
            "json" => Format::Json,
            "text" => Format::Text,
            "srt" => Format::Srt,
            "verbose_json" => Format::VerboseJson,
            "vtt" => Format::Vtt,
            "diarized_json" if task == Task::Transcribe => Format::DiarizedJson,
            other => {
                let message = format!(
                    "response_format '{other}' is unknown; use json, text, srt, verbose_json, vtt or diarized_json"
                );
                return Err(ApiError::param("response_format", message));
            }
        };
        let mut times = Granularities { words: false, segments: false };
        for granularity in form.all("timestamp_granularities") {
            match granularity {
                "word" => times.words = true,
                "segment" => times.segments = true,
                other => {
                    let message = format!("timestamp granularity '{other}' is unknown; use word or segment");
                    return Err(ApiError::param("timestamp_granularities", message));
                }
            }
        }
        if !times.words && !times.segments {
            times = Granularities::DEFAULT;
        } else if format != Format::VerboseJson {
            warnings.push("timestamp_granularities are only in verbose_json".into());
        }
        let mut logprobs = false;
        for included in form.all("include") {
            match included {
                "logprobs" => logprobs = true,
                other => {
                    let message = format!("include '{other}' is not known here; only logprobs is");
                    return Err(ApiError::bad("unsupported_yet", "include", message));
                }
            }
        }
        if logprobs && format != Format::Json {
            warnings.push("logprobs are only in json".into());
        }
        let stream = match form.one("stream").map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "0" | "null") => false,
            Some("true" | "1") => true,
            Some(other) => return Err(ApiError::param("stream", format!("stream is '{other}'; use true or false"))),
        };
        if stream && task == Task::Translate {
            warnings.push("translations are not streamed".into());
        }
        Ok(Self { task, format, times, logprobs, stream: stream && task == Task::Transcribe })
    }
}

/// Samples of voices are data about people, for which a call has no place to say who agreed.
fn refuse_known_speakers(form: &Form) -> Result<(), ApiError> {
    for name in ["known_speaker_names", "known_speaker_references"] {
        if form.all(name).next().is_some() {
            return Err(unsupported(
                name,
                "speakers are not recognized by samples of their voices here; leave them out",
            ));
        }
    }
    Ok(())
}

fn unsupported(param: &'static str, message: &str) -> ApiError {
    ApiError::bad("unsupported_yet", param, message)
}

/// The one language that is spoken, when the client knows it.
fn language(form: &Form, task: Task, warnings: &mut Vec<String>) -> Result<Option<&'static str>, ApiError> {
    let known = |name: &'static str, given: &str| {
        languages::code_of(given).ok_or_else(|| {
            let message = format!("{name} '{given}' is none that Whisper knows; use ISO 639-1 such as en or zh");
            ApiError::param(name, message)
        })
    };
    if let Some(given) = form.one("language").filter(|given| !given.eq_ignore_ascii_case("auto")) {
        if task == Task::Translate {
            // No field of this route, and many clients send it: it is the language spoken.
            return Ok(languages::code_of(given));
        }
        return known("language", given).map(Some);
    }
    let mut candidates = Vec::new();
    for given in form.all("languages") {
        let code = known("languages", given)?;
        if !candidates.contains(&code) {
            candidates.push(code);
        }
    }
    if candidates.len() > 1 {
        warnings.push("several languages: each part is heard in whatever language is detected there".into());
    }
    Ok((candidates.len() == 1).then(|| candidates[0]))
}

/// Prompt and keywords.
fn add_words(form: &Form, params: &mut Map<String, Value>, warnings: &mut Vec<String>) -> Result<(), ApiError> {
    let keywords: Vec<&str> = form.all("keywords").map(str::trim).collect();
    if keywords.iter().any(|word| word.contains(['<', '>', '\r', '\n', '\0'])) {
        let message = "a keyword has '<', '>', a line break or NUL in it; send it without";
        return Err(ApiError::param("keywords", message));
    }
    let taken: usize = keywords.iter().map(|word| word.len()).sum();
    if taken > MAX_PROMPT_BYTES {
        let message = format!("keywords have {taken} bytes; send at most {MAX_PROMPT_BYTES}");
        return Err(ApiError::param("keywords", message));
    }
    if !keywords.is_empty() {
        params.insert("hotwords".into(), json!(keywords));
    }
    if let Some(prompt) = form.one("prompt") {
        let prompt = prompt.replace('\0', " ");
        let end = end_of(&prompt, MAX_PROMPT_BYTES - taken);
        if end.len() < prompt.len() {
            warnings.push("the prompt is long: its end is used, as the model does anyway".into());
        }
        params.insert("initial_prompt".into(), end.into());
    }
    Ok(())
}

/// The last bytes of a text, whole characters only.
fn end_of(text: &str, max_bytes: usize) -> &str {
    let mut at = text.len().saturating_sub(max_bytes);
    while !text.is_char_boundary(at) {
        at += 1;
    }
    &text[at..]
}

/// Checked, and not used: decoding is greedy, and a doubtful window is decoded again at higher temperatures, as with
/// OpenAI's 0.
fn temperature(form: &Form, warnings: &mut Vec<String>) -> Result<(), ApiError> {
    let Some(given) = form.one("temperature") else { return Ok(()) };
    match given.trim().parse::<f64>() {
        Ok(temperature) if (0.0..=1.0).contains(&temperature) => {
            if temperature > 0.0 {
                warnings.push("temperature has no counterpart: it is raised only where a window is doubtful".into());
            }
            Ok(())
        }
        _ => Err(ApiError::param("temperature", format!("temperature is '{given}'; use 0 to 1"))),
    }
}

/// `chunking_strategy`: `auto`, JSON, or fields in brackets. Windows are always cut in pauses; of the rest only the
/// detector's threshold has a counterpart.
fn vad_threshold(form: &Form, warnings: &mut Vec<String>) -> Result<Option<f64>, ApiError> {
    let invalid = |what: &str| {
        let message = format!("chunking_strategy {what}; use auto, or type server_vad with numbers");
        ApiError::param("chunking_strategy", message)
    };
    let mut given: Vec<(&str, String)> = Vec::new();
    match form.one("chunking_strategy").map(str::trim) {
        None | Some("auto") => {}
        Some(text) => {
            let object: Map<String, Value> = serde_json::from_str(text).map_err(|_| invalid("is not known"))?;
            for name in VAD_FIELDS {
                match object.get(name) {
                    None | Some(Value::Null) => {}
                    Some(Value::String(text)) => given.push((name, text.clone())),
                    Some(other) => given.push((name, other.to_string())),
                }
            }
        }
    }
    let brackets = |name: &'static str| Some((name, form.one(&format!("chunking_strategy[{name}]"))?.to_owned()));
    given.extend(VAD_FIELDS.into_iter().filter_map(brackets));
    let mut threshold = None;
    for (name, text) in given {
        if name == "type" {
            if text != "server_vad" && text != "auto" {
                return Err(invalid("has another type than server_vad"));
            }
            continue;
        }
        let number: f64 = text.trim().parse().map_err(|_| invalid("has a field that is no number"))?;
        if name != "threshold" {
            warnings.push(format!("chunking_strategy.{name} has no counterpart"));
        } else if (0.0..=1.0).contains(&number) {
            threshold = Some(number.clamp(0.05, 0.95));
        } else {
            return Err(invalid("has a threshold outside 0 to 1"));
        }
    }
    Ok(threshold)
}

const VAD_FIELDS: [&str; 4] = ["type", "threshold", "prefix_padding_ms", "silence_duration_ms"];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, &str)]) -> Result<Hearing, ApiError> {
        Hearing::of(&Form::of(fields), Task::Transcribe, false)
    }

    #[test]
    fn every_format_of_a_file_is_one_job() {
        let plain = of(&[("model", "whisper-1")]).unwrap();
        let expected = json!({ "model": "auto", "task": "transcribe", "silence": "empty" });
        assert_eq!(plain.params, expected);
        for fields in [
            [("response_format", "srt"), ("stream", "false")],
            [("response_format", "verbose_json"), ("timestamp_granularities", "word")],
            [("response_format", "json"), ("include", "logprobs")],
            [("response_format", "text"), ("stream", "true")],
        ] {
            assert_eq!(of(&fields).unwrap().params, expected, "{fields:?}");
        }
    }

    #[test]
    fn fields_become_params() {
        let hearing = of(&[
            ("model", "whisper-large-v3"),
            ("language", "English"),
            ("prompt", "A talk."),
            ("keywords", "Medley"),
            ("keywords", "Silero"),
            ("temperature", "0"),
            ("chunking_strategy[type]", "server_vad"),
            ("chunking_strategy[threshold]", "0.4"),
        ]);
        let expected = json!({
            "model": "large-v3", "task": "transcribe", "silence": "empty", "language": "en", "initial_prompt": "A talk.",
            "hotwords": ["Medley", "Silero"], "vad_threshold": 0.4,
        });
        let hearing = hearing.unwrap();
        assert_eq!(hearing.params, expected);
        assert!(hearing.warnings.is_empty(), "{:?}", hearing.warnings);
        let strategy = of(&[("chunking_strategy", r#"{"type":"server_vad","threshold":0}"#)]).unwrap();
        assert_eq!(strategy.params["vad_threshold"], json!(0.05));
        assert_eq!(of(&[("languages", "zh")]).unwrap().params["language"], "zh");
    }

    #[test]
    fn what_has_no_counterpart_is_said() {
        for fields in [
            [("temperature", "0.3"), ("model", "whisper-1")],
            [("languages", "en"), ("languages", "zh")],
            [("chunking_strategy[silence_duration_ms]", "200"), ("model", "x")],
            [("timestamp_granularities", "word"), ("response_format", "srt")],
            [("include", "logprobs"), ("response_format", "text")],
        ] {
            assert_eq!(of(&fields).unwrap().warnings.len(), 1, "{fields:?}");
        }
        let long = "é".repeat(3_000);
        let hearing = of(&[("prompt", &long)]).unwrap();
        assert_eq!(hearing.params["initial_prompt"].as_str().unwrap().len(), MAX_PROMPT_BYTES);
        assert_eq!(hearing.warnings.len(), 1);
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        for (field, text, code) in [
            ("response_format", "diarized_json", "unsupported_yet"),
            ("response_format", "xml", "params_invalid"),
            ("known_speaker_names", "Ann", "unsupported_yet"),
            ("known_speaker_references", "data:", "unsupported_yet"),
            ("include", "everything", "unsupported_yet"),
            ("language", "klingon", "params_invalid"),
            ("languages", "klingon", "params_invalid"),
            ("keywords", "<b>", "params_invalid"),
            ("keywords", "a\nb", "params_invalid"),
            ("temperature", "2", "params_invalid"),
            ("temperature", "warm", "params_invalid"),
            ("stream", "perhaps", "params_invalid"),
            ("timestamp_granularities", "phoneme", "params_invalid"),
            ("chunking_strategy", "none", "params_invalid"),
        ] {
            let error = of(&[(field, text)]).unwrap_err();
            assert_eq!(
                (error.status.as_u16(), &*error.code, error.param.as_deref()),
                (400, code, Some(field)),
                "{text}"
            );
        }
    }

    #[test]
    fn speakers_are_told_apart_where_the_kind_can() {
        let form = Form::of(&[("response_format", "diarized_json"), ("model", "gpt-4o-transcribe-diarize")]);
        let hearing = Hearing::of(&form, Task::Transcribe, true).unwrap();
        assert_eq!((&hearing.params["speakers"], hearing.answer.format), (&json!("auto"), Format::DiarizedJson));
        assert_eq!(Hearing::of(&form, Task::Translate, true).unwrap_err().status.as_u16(), 400);
    }

    #[test]
    fn translations_are_into_english_and_not_streamed() {
        let form = Form::of(&[("language", "de"), ("stream", "true")]);
        let hearing = Hearing::of(&form, Task::Translate, true).unwrap();
        assert_eq!(hearing.params["task"], "translate");
        assert!(!hearing.answer.stream);
    }
}
