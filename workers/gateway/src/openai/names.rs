//! The names of models and voices that OpenAI's clients send, and what stands behind them here. All of them work with
//! nothing configured.

use serde_json::Value;

/// What a model of OpenAI's is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Hearing,
    Speaking,
}

/// OpenAI's audio models, the retired ones too.
pub(super) const MODELS: [(&str, Use); 12] = [
    ("gpt-transcribe", Use::Hearing),
    ("gpt-4o-transcribe", Use::Hearing),
    ("gpt-4o-mini-transcribe", Use::Hearing),
    ("gpt-4o-mini-transcribe-2025-03-20", Use::Hearing),
    ("gpt-4o-mini-transcribe-2025-12-15", Use::Hearing),
    ("gpt-4o-transcribe-diarize", Use::Hearing),
    ("whisper-1", Use::Hearing),
    ("tts-1", Use::Speaking),
    ("tts-1-hd", Use::Speaking),
    ("gpt-4o-mini-tts", Use::Speaking),
    ("gpt-4o-mini-tts-2025-03-20", Use::Speaking),
    ("gpt-4o-mini-tts-2025-12-15", Use::Speaking),
];

/// What the kind `transcribe` calls a model that a client names: `auto` for OpenAI's names, and Whisper's sizes however
/// they are written (`whisper-large-v3`, `openai/whisper-small`, `Systran/faster-whisper-base`).
pub(super) fn recognizer(name: &str) -> String {
    let name = name.trim();
    let own = |(model, of): &&(&str, Use)| *of == Use::Hearing && *model == name;
    if name.is_empty() || matches!(name, "whisper" | "default" | "medley") || MODELS.iter().any(|model| own(&model)) {
        return "auto".into();
    }
    let size = name.rsplit('/').next().unwrap_or(name);
    let size = size.strip_prefix("faster-").unwrap_or(size);
    let size = size.strip_prefix("whisper-").unwrap_or(size);
    size.strip_suffix("-ct2").unwrap_or(size).to_owned()
}

/// Voices of OpenAI's, and those of Medley's that stand in for each: the first that there is. Kokoro has voices by most of
/// these names; where there is none, a woman's voice stands in for a woman's.
const VOICES: [(&str, &[&str]); 13] = [
    ("alloy", &["af_alloy", "hibari"]),
    ("ash", &["am_michael", "joe"]),
    ("ballad", &["bm_george", "am_puck", "joe"]),
    ("cedar", &["am_fenrir", "am_michael", "joe"]),
    ("coral", &["af_bella", "hibari"]),
    ("echo", &["am_echo", "joe"]),
    ("fable", &["bm_fable", "joe"]),
    ("marin", &["af_heart", "hibari"]),
    ("nova", &["af_nova", "hibari"]),
    ("onyx", &["am_onyx", "joe"]),
    ("sage", &["af_sarah", "af_sky", "hibari"]),
    ("shimmer", &["af_sky", "bf_emma", "hibari"]),
    ("verse", &["am_puck", "am_adam", "joe"]),
];

/// The voices of the kind `speak`, as its schema lists them; empty when any text is a voice.
pub(super) fn voices_of(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(&schema["properties"]["voice"], schema, 0, &mut found);
    found
}

/// Nesting of a schema that is not followed any further.
const MAX_LEVELS: usize = 8;

/// The texts that a schema allows or shows as examples.
fn collect(part: &Value, root: &Value, level: usize, found: &mut Vec<String>) {
    if level > MAX_LEVELS {
        return;
    }
    let lists = ["enum", "examples"].into_iter().filter_map(|name| part.get(name)?.as_array()).flatten();
    for text in lists.chain(part.get("const")).filter_map(Value::as_str) {
        if !found.iter().any(|known| known == text) {
            found.push(text.to_owned());
        }
    }
    for nested in ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|name| part.get(name)?.as_array()).flatten() {
        collect(nested, root, level + 1, found);
    }
    if let Some(named) =
        part.get("$ref").and_then(Value::as_str).and_then(|name| root.pointer(name.trim_start_matches('#')))
    {
        collect(named, root, level + 1, found);
    }
}

/// The voice of the kind `speak` that a client means, when `known` are all there are; none: there is no such voice.
pub(super) fn voice<'a>(asked: &'a str, known: &[String]) -> Option<&'a str> {
    let has = |name: &str| known.is_empty() || known.iter().any(|own| own == name);
    if known.iter().any(|own| own == asked) {
        return Some(asked);
    }
    let stand_ins = VOICES.iter().find(|(name, _)| asked.eq_ignore_ascii_case(name)).map(|(_, own)| *own);
    match stand_ins {
        Some(own) => own.iter().copied().find(|name| has(name)),
        // A mix of voices (`a:0.6+b:0.4`) is no single name of the list; the kind says what is wrong with it.
        None => (known.is_empty() || asked.contains(['+', ':'])).then_some(asked),
    }
}

/// OpenAI's names of voices, each with the voice of Medley's behind it.
pub(super) fn openai_voices(known: &[String]) -> impl Iterator<Item = (&'static str, &'static str)> {
    VOICES.iter().filter_map(|(name, _)| Some((*name, voice(name, known)?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_name_of_openais_is_a_model_here() {
        for (name, of) in MODELS {
            if of == Use::Hearing {
                assert_eq!(recognizer(name), "auto", "{name}");
            }
        }
        assert_eq!(recognizer("whisper-large-v3-turbo"), "large-v3-turbo");
        assert_eq!(recognizer("openai/whisper-small"), "small");
        assert_eq!(recognizer("Systran/faster-whisper-tiny.en"), "tiny.en");
        assert_eq!(recognizer("deepdml/faster-whisper-large-v3-turbo-ct2"), "large-v3-turbo");
        assert_eq!(recognizer("base"), "base");
    }

    #[test]
    fn voices_are_those_that_the_schema_has() {
        let schema = json!({
            "properties": { "voice": { "$ref": "#/$defs/Voice", "description": "…" } },
            "$defs": { "Voice": { "oneOf": [{ "const": "hibari" }, { "enum": ["joe"] }] } },
        });
        let few = voices_of(&schema);
        assert_eq!(few, ["hibari", "joe"]);
        assert_eq!(voice("alloy", &few), Some("hibari"));
        assert_eq!(voice("Onyx", &few), Some("joe"));
        assert_eq!(voice("joe", &few), Some("joe"));
        assert_eq!(voice("af_heart", &few), None);
        let more: Vec<String> = ["hibari", "joe", "af_alloy", "am_onyx"].map(str::to_owned).into();
        assert_eq!(voice("alloy", &more), Some("af_alloy"));
        assert_eq!(voice("af_alloy:0.6+am_onyx:0.4", &more), Some("af_alloy:0.6+am_onyx:0.4"));
        let any = voices_of(&json!({ "properties": { "voice": { "type": "string" } } }));
        assert_eq!((any.len(), voice("af_heart", &any), voice("nova", &any)), (0, Some("af_heart"), Some("af_nova")));
    }

    /// Each of OpenAI's voices is one that this build has, from the first day on.
    #[test]
    fn every_voice_of_openais_has_a_stand_in() {
        let few = ["hibari", "joe"].map(str::to_owned);
        assert_eq!(openai_voices(&few).count(), VOICES.len());
    }
}
