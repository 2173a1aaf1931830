//! Signs of hallucination: Whisper repeats itself, runs on, skips speech, or writes what its training videos ended with.

use medley_text::script::is_unspaced;

use super::word_timestamps;
use crate::{
    speech::{span::Span, windows::Window},
    whisper::{self, DecodingResult},
};

/// Why a result may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The same words over and over.
    Repeats,
    /// More words than anybody says in that time.
    TooMuch,
    /// Far fewer words than there is speech.
    TooLittle,
    /// Seconds of speech in its middle or at an end without a word.
    Skips,
    /// The model itself finds it improbable.
    Improbable,
}

/// Faster than an auctioneer: words, or characters of a script without spaces, in a second of speech.
const MAX_WORDS_PER_S: f64 = 6.5;
const MAX_CHARS_PER_S: f64 = 11.0;
/// Slower than anybody who keeps talking.
const MIN_WORDS_PER_S: f64 = 0.55;
const MIN_CHARS_PER_S: f64 = 1.0;
/// Below this much speech, the voice detector's lengths are too coarse to judge a rate by.
const MIN_JUDGED_S: f64 = 1.5;
/// This much speech is more than a hum or a laugh, so it must have words.
const MIN_EXPECTED_S: f64 = 5.0;
/// OpenAI's own threshold of the mean log-probability (`logprob_threshold`).
const MIN_AVG_LOGPROB: f64 = -1.0;

/// The doubts about the result of a window.
pub(crate) fn doubts(result: &DecodingResult, window: &Window) -> Vec<Doubt> {
    let text = result.text();
    let units = units(&text);
    let speech_s = window.speech_s();
    let (max_rate, min_rate) = if units.iter().filter(|unit| unit.chars().all(is_unspaced)).count() * 2 > units.len() {
        (MAX_CHARS_PER_S, MIN_CHARS_PER_S)
    } else {
        (MAX_WORDS_PER_S, MIN_WORDS_PER_S)
    };
    let rate = units.len() as f64 / speech_s.max(0.1);
    let mut doubts = Vec::new();
    if loops(&units) {
        doubts.push(Doubt::Repeats);
    }
    if speech_s >= MIN_JUDGED_S && rate > max_rate || speech_s < MIN_JUDGED_S && units.len() as f64 > max_rate * 3.0 {
        doubts.push(Doubt::TooMuch);
    }
    if speech_s >= MIN_EXPECTED_S && rate < min_rate {
        doubts.push(Doubt::TooLittle);
    }
    if skips(result, window) {
        doubts.push(Doubt::Skips);
    }
    if result.avg_logprob() < MIN_AVG_LOGPROB {
        doubts.push(Doubt::Improbable);
    }
    doubts
}

/// Whether the attention skipped more speech than a person fills without words.
fn skips(result: &DecodingResult, window: &Window) -> bool {
    if result.tokens.iter().all(|token| token.end_s.is_none()) {
        return false;
    }
    let times = word_timestamps::place(&whisper::words(&result.tokens), window);
    word_timestamps::unheard(&times, &window.speech).iter().any(|gap| {
        let inside = |region: &Span| (region.end_s.min(gap.end_s) - region.start_s.max(gap.start_s)).max(0.0);
        window.speech.iter().map(inside).sum::<f64>() >= MIN_EXPECTED_S
    })
}

/// Words in lower case without punctuation; each character of a script without spaces is one.
fn units(text: &str) -> Vec<String> {
    let mut units: Vec<String> = Vec::new();
    let mut open = false;
    for c in text.chars().flat_map(char::to_lowercase) {
        if is_unspaced(c) {
            units.push(c.into());
            open = false;
        } else if c.is_alphanumeric() || c == '\'' && open {
            match units.last_mut() {
                Some(last) if open => last.push(c),
                _ => units.push(c.into()),
            }
            open = true;
        } else {
            open = false;
        }
    }
    units
}

/// A run of 1 to 24 units is said at least four times in a row, over at least ten units.
fn loops(units: &[String]) -> bool {
    longest_loop(units).is_some()
}

/// The start, the length of a round and the number of rounds of the longest loop.
fn longest_loop(units: &[String]) -> Option<(usize, usize, usize)> {
    let mut longest: Option<(usize, usize, usize)> = None;
    for len in 1..=24.min(units.len() / 4) {
        let mut same = 0;
        for i in len..=units.len() {
            if i < units.len() && units[i] == units[i - len] {
                same += 1;
                continue;
            }
            let rounds = same / len + 1;
            let covered = rounds * len;
            if rounds >= 4 && covered >= 10 && longest.is_none_or(|(_, l, r)| covered > l * r) {
                longest = Some((i - same - len, len, rounds));
            }
            same = 0;
        }
    }
    longest
}

/// The result with a loop cut down to its first round.
pub(crate) fn first_round(result: &DecodingResult) -> DecodingResult {
    let units = units(&result.text());
    let Some((start, len, _)) = longest_loop(&units) else { return result.clone() };
    let mut kept = DecodingResult { tokens: Vec::new(), no_speech_prob: result.no_speech_prob };
    for token in &result.tokens {
        kept.tokens.push(token.clone());
        if self::units(&kept.text()).len() > start + len {
            kept.tokens.pop();
            break;
        }
    }
    kept
}

/// What Whisper writes into silence and music, whole, in lower case and without punctuation.
const PHRASES: [&str; 26] = [
    "thank you",
    "thank you for watching",
    "thanks for watching",
    "thank you so much for watching",
    "please subscribe",
    "please subscribe to my channel",
    "subscribe to my channel",
    "like and subscribe",
    "see you in the next video",
    "ill see you in the next video",
    "bye",
    "bye bye",
    "you",
    "subtitles by the amaraorg community",
    "transcription by castingwords",
    "music",
    "applause",
    "谢谢大家",
    "谢谢观看",
    "谢谢收看",
    "感谢观看",
    "字幕由amaraorg社区提供",
    "中文字幕志愿者",
    "请不吝点赞订阅转发打赏支持明镜与点点栏目",
    "ご視聴ありがとうございました",
    "시청해주셔서 감사합니다",
];

/// Whether the text is one of the sentences that Whisper hallucinates and the evidence for it is weak: the model itself is
/// unsure, or there is hardly any speech. "Thank you" said by somebody stays.
pub(crate) fn is_hallucinated(result: &DecodingResult, window: &Window, prompt: &str) -> bool {
    let text = bare(&result.text());
    let weak = result.no_speech_prob > 0.3 || result.avg_logprob() < -0.7 || window.speech_s() < 0.35;
    text.is_empty()
        || weak && PHRASES.contains(&text.as_str())
        // The model repeats its prompt.
        || !prompt.is_empty() && text.chars().count() > 5 && bare(prompt).contains(&text) && result.avg_logprob() < -0.4
}

fn bare(text: &str) -> String {
    let simplified = {
        let mut words = [text.to_lowercase()];
        crate::text::chinese::convert(&mut words, crate::params::Script::Simplified);
        words.concat()
    };
    let kept: String = simplified.chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whisper::Token;

    fn result(text: &str, logprob: f64, no_speech_prob: f64) -> DecodingResult {
        let token = |word: &str| Token { bytes: word.as_bytes().to_vec(), logprob, end_s: None };
        DecodingResult { tokens: text.split_inclusive(' ').map(token).collect(), no_speech_prob }
    }

    fn window(speech_s: f64) -> Window {
        Window { pieces: vec![Span::new(0.0, speech_s + 0.4)], speech: vec![Span::new(0.2, 0.2 + speech_s)] }
    }

    #[test]
    fn good_speech_is_not_doubted() {
        let text = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of \
                    foolishness, it was the epoch of belief, it was the epoch of incredulity";
        assert_eq!(doubts(&result(text, -0.2, 0.01), &window(10.0)), []);
        assert_eq!(doubts(&result("No, no, no, no!", -0.3, 0.1), &window(2.0)), []);
        assert_eq!(doubts(&result("今天天气很好，我们去公园。", -0.3, 0.1), &window(3.0)), []);
    }

    #[test]
    fn loops_floods_and_gaps_are_doubted() {
        assert_eq!(doubts(&result(&"I'm sorry, I'm sorry. ".repeat(5), -0.2, 0.0), &window(12.0)), [Doubt::Repeats]);
        assert_eq!(doubts(&result(&"哈".repeat(12), -0.2, 0.0), &window(12.0)), [Doubt::Repeats]);
        let flood: String = (0..100).map(|n| format!("word{n} ")).collect();
        assert_eq!(doubts(&result(&flood, -0.2, 0.0), &window(10.0)), [Doubt::TooMuch]);
        assert_eq!(doubts(&result("Yes.", -0.2, 0.0), &window(20.0)), [Doubt::TooLittle]);
        assert_eq!(doubts(&result("Something or other", -1.4, 0.0), &window(2.0)), [Doubt::Improbable]);
    }

    #[test]
    fn a_loop_is_cut_to_its_first_round() {
        let cut = first_round(&result(&format!("He said: {}", "go on now. ".repeat(9)), -0.2, 0.0));
        assert_eq!(cut.text(), "He said: go on now. ");
        let fine = result("nothing is repeated here at all", -0.2, 0.0);
        assert_eq!(first_round(&fine), fine);
    }

    #[test]
    fn thanks_are_kept_when_somebody_gave_them() {
        assert!(is_hallucinated(&result("Thank you.", -0.9, 0.2), &window(2.0), ""));
        assert!(is_hallucinated(&result("謝謝觀看", -0.2, 0.6), &window(2.0), ""));
        assert!(!is_hallucinated(&result("Thank you.", -0.2, 0.05), &window(1.0), ""));
        assert!(!is_hallucinated(&result("Nobody invents this.", -2.0, 0.9), &window(1.0), ""));
        let prompt = "以下是普通话的句子，请加标点。";
        assert!(is_hallucinated(&result("以下是普通话的句子", -0.6, 0.1), &window(2.0), prompt));
    }
}
