//! `include[]=logprobs`: how sure the recognizer was of each word.

use medley_proto::Transcript;
use schemars::JsonSchema;
use serde::Serialize;

use super::spacing::spaced;

/// The least probability that a transcript can tell from none: it keeps three digits.
const MIN_PROB: f64 = 0.0005;

/// One word. OpenAI gives one for each token of its models; Medley keeps words, and for each the mean of its tokens.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Logprob {
    /// The word with the space before it.
    token: String,
    /// The token in UTF-8.
    bytes: Vec<u8>,
    /// Mean natural-log probability of the word's tokens.
    logprob: f64,
}

impl Logprob {
    pub(super) fn new(token: String, logprob: f64) -> Self {
        Self { bytes: token.clone().into_bytes(), token, logprob: (logprob * 10_000.0).round() / 10_000.0 }
    }
}

/// Those of a whole transcript; the tokens joined are its text.
pub(super) fn logprobs(transcript: &Transcript) -> Vec<Logprob> {
    let words = || transcript.segments.iter().flat_map(|segment| &segment.words);
    let tokens = spaced(&transcript.text, words().map(|word| word.text.as_str()));
    tokens.into_iter().zip(words()).map(|(token, word)| Logprob::new(token, word.prob.max(MIN_PROB).ln())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_joined_are_the_text() {
        let transcript: Transcript =
            serde_json::from_str(include_str!("../../tests/goldens/openai/transcript.json")).unwrap();
        let all = logprobs(&transcript);
        let joined: String = all.iter().map(|word| word.token.as_str()).collect();
        assert_eq!(joined, transcript.text);
        assert!(all.iter().all(|word| word.logprob <= 0.0 && word.bytes == word.token.as_bytes()));
    }
}
