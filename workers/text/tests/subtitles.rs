//! Subtitles of texts in both languages, and what holds for every text.

use medley_proto::{SentenceTime, SpeechTiming, WordTime};
use medley_text::subtitle::{Cue, Layout, Limits, MAX_BLOCK_CHARS, speech, srt};
use proptest::prelude::*;

/// Words as a recogniser gives them: English ones with a space before them, Chinese ones character by character.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut space = "";
    for c in text.chars() {
        let joins =
            |word: &String| !space.is_empty() || word.ends_with(|c: char| c as u32 > 0x2fff && c.is_alphanumeric());
        match words.last_mut() {
            _ if c == ' ' => space = " ",
            Some(last) if !c.is_alphanumeric() && space.is_empty() => last.push(c),
            Some(last) if !joins(last) && (c as u32) < 0x3000 => last.push(c),
            _ => {
                words.push(format!("{space}{c}"));
                space = "";
            }
        }
    }
    words
}

/// The cues of a text that is said at a number of characters a second.
fn said(text: &str, chars_per_s: f64) -> Vec<Cue> {
    let mut layout = Layout::new(Limits::default());
    let mut at_s = 0.0;
    for word in words(text) {
        let end_s = at_s + word.chars().count() as f64 / chars_per_s;
        layout.word(at_s, end_s, &word);
        at_s = end_s;
    }
    layout.finish(at_s + 1.0)
}

fn shown(cues: &[Cue]) -> Vec<String> {
    cues.iter().map(|cue| cue.lines.join(" / ")).collect()
}

#[test]
fn english_breaks_at_phrases_and_keeps_together_what_belongs_together() {
    for (text, expected) in [
        (
            "If the reader will excuse me, I will say nothing of my antecedents, nor of the circumstances which led me \
             to leave my native country.",
            vec![
                "If the reader will excuse me, / I will say nothing of my antecedents,",
                "nor of the circumstances which led me / to leave my native country.",
            ],
        ),
        (
            "The harbour was quiet, and the fishermen had sold 42 boats.",
            vec!["The harbour was quiet, / and the fishermen had sold 42 boats."],
        ),
        (
            "The council wants to open the new bridge on May 6, 2026.",
            vec!["The council wants to open / the new bridge on May 6, 2026."],
        ),
        (
            "Prices in the capital have risen by about 10 % since January.",
            vec!["Prices in the capital have risen / by about 10 % since January."],
        ),
        ("Yes.", vec!["Yes."]),
    ] {
        assert_eq!(shown(&said(text, 14.0)), expected, "{text}");
    }
}

#[test]
fn chinese_breaks_at_words_and_keeps_numbers_whole() {
    for (text, expected) in [
        (
            "我们在这台机器上训练了一个新的语言模型，效果比以前好。",
            vec!["我们在这台机器上训练了一个新的 / 语言模型，效果比以前好。"],
        ),
        ("这本书的第3章讲的是怎样训练语音识别模型。", vec!["这本书的第3章讲的是怎样 / 训练语音识别模型。"]),
        ("公司在2026年11月30日宣布，全年的收入增长了10%。", vec!["公司在2026年11月30日宣布， / 全年的收入增长了10%。"]),
        ("好。", vec!["好。"]),
    ] {
        assert_eq!(shown(&said(text, 5.0)), expected, "{text}");
    }
}

#[test]
fn a_sentence_in_two_languages_fits_its_lines() {
    let cues = said("今天我们用 PyTorch 训练模型，then we run the same benchmark on three machines again.", 9.0);
    assert_eq!(
        shown(&cues),
        ["今天我们用 PyTorch 训练模型，", "then we run the same benchmark / on three machines again."]
    );
}

#[test]
fn no_cue_is_shown_across_a_pause() {
    let mut layout = Layout::new(Limits::default());
    layout.word(0.0, 0.5, "Well,");
    layout.word(1.5, 2.0, " perhaps.");
    assert_eq!(
        srt(&layout.finish(9.0)),
        "1\n00:00:00,000 --> 00:00:01,000\nWell,\n\n2\n00:00:01,500 --> 00:00:02,500\nperhaps.\n\n"
    );
}

#[test]
fn cues_come_as_speech_goes_on() {
    let mut layout = Layout::new(Limits::default());
    let mut cues = Vec::new();
    for n in 0..4_000_u32 {
        let text = if n % 9 == 8 { " end." } else { " words" };
        layout.word(f64::from(n) * 0.4, f64::from(n) * 0.4 + 0.4, text);
        let ready = layout.take();
        // Whatever waits is one block.
        assert!(
            f64::from(n) * 0.4 - cues.last().map_or(0.0, |cue: &Cue| cue.end_s) < 0.4 * MAX_BLOCK_CHARS as f64 / 5.0
        );
        cues.extend(ready);
    }
    assert!(cues.len() > 100);
    cues.extend(layout.finish(1_600.0));
    let text: String = cues.iter().flat_map(|cue| &cue.lines).map(|line| format!("{line} ")).collect();
    assert_eq!(text.split_whitespace().count(), 4_000);
}

const SPEECH: &str = include_str!("golden/speech.json");
const CUES: &str = include_str!("golden/speech.srt");

/// The kinds test the same pair of files: the same words have the same cues whatever kind asks.
#[test]
fn words_and_sentences_have_the_same_cues() {
    let timing: SpeechTiming = serde_json::from_str(SPEECH).unwrap();
    assert_eq!(srt(&speech(&timing, Limits::default())), CUES);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is said, however fast: no word is lost, lines and times keep their limits, nothing overlaps, and where
    /// speech is slow enough everything can be read.
    #[test]
    fn limits_hold(
        words in prop::collection::vec(
            ("[a-z]{1,14}[,.]?|[a-z]{60}|[0-9]{1,4}%?|May|the|模型|第|[一-十年月日个的了]{1,3}[，。]?|“[a-z]{3}”", 0.06..1.2_f64, 0.0..1.6_f64),
            1..120,
        ),
        lines in 1..3_usize,
        line_chars in prop::option::of(12..60_u16),
    ) {
        let limits = Limits::default().lines(lines);
        let limits = line_chars.map_or(limits, |chars| limits.chars(chars, chars));
        let mut layout = Layout::new(limits);
        let (mut at, mut slow, mut dense) = (0.0, true, false);
        for (text, len, pause) in &words {
            let start = at + if *pause > 0.8 { *pause } else { 0.0 };
            at = start + len;
            let read: f64 = text.chars().map(|c| if c as u32 > 0x2000 { 1.0 / 9.0 } else { 1.0 / 17.0 }).sum();
            // Nobody says eighty characters a second; cues that are never read may run on behind the end.
            dense |= text.chars().count() as f64 > 80.0 * *len;
            slow &= (read + 1.0 / 17.0) * 1.5 < *len;
            layout.word(start, at, &format!(" {text}"));
        }
        let cues = layout.finish(at + 1.0);
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        let shown: String = cues.iter().flat_map(|cue| cue.lines.iter().map(|line| bare(line))).collect();
        let all: String = words.iter().map(|(text, ..)| text.as_str()).collect();
        prop_assert_eq!(shown, all);
        let mut last = 0.0;
        for cue in &cues {
            prop_assert!((1..=lines).contains(&cue.lines.len()));
            prop_assert!(cue.lines.iter().all(|line| !line.is_empty() && limits.holds(line)), "{:?}", cue.lines);
            prop_assert!(cue.start_s >= last && cue.end_s > cue.start_s);
            prop_assert!(cue.end_s - cue.start_s <= 7.0 + 1e-9);
            prop_assert!(dense || cue.end_s <= at + 1.0 + 1e-9);
            last = cue.end_s;
        }
        prop_assert!(!slow || cues.iter().all(Cue::is_readable), "{:?}", cues);
    }

    /// Where no cue needs a whole line for one word, no number is torn from its unit and no word from its characters.
    #[test]
    fn what_belongs_together_stays_together(
        words in prop::collection::vec("[a-z]{2,9}|[1-9][0-9]? %|May [1-9]|[1-9] million|Chapter [1-9]", 2..60),
        chars_per_s in 5.0..25.0_f64,
    ) {
        let text = words.join(" ");
        let lines: Vec<String> = said(&text, chars_per_s).into_iter().flat_map(|cue| cue.lines).collect();
        for pair in words.iter().filter(|word| word.contains(' ')) {
            let whole = lines.iter().filter(|line| line.contains(pair.as_str())).count();
            prop_assert!(whole > 0, "{pair} in {lines:?}");
        }
    }

    /// The same words, whether they come one by one or by sentences with an approximate list.
    #[test]
    fn both_doors_give_the_same_cues(
        sentences in prop::collection::vec(
            prop::collection::vec(("[a-z]{1,9}|[1-9]{1,3}", 0.1..0.9_f64, 0.0..1.5_f64), 1..14), 1..8),
    ) {
        let mut layout = Layout::new(Limits::default());
        let mut timing = SpeechTiming::default();
        let mut at = 0.0;
        for sentence in &sentences {
            let first = timing.words.len();
            let mut text = String::new();
            for (n, (word, len, pause)) in sentence.iter().enumerate() {
                let start_s = at + if *pause > 1.2 { *pause } else { 0.0 };
                at = start_s + len;
                let mark = if n + 1 == sentence.len() { "." } else if n % 4 == 3 { "," } else { "" };
                let space = if timing.words.is_empty() { "" } else { " " };
                layout.word(start_s, at, &format!("{space}{word}{mark}"));
                text += &format!("{}{word}{mark}", if n == 0 { "" } else { " " });
                timing.words.push(WordTime { start_s, end_s: at, text: word.clone() });
            }
            timing.sentences.push(SentenceTime { start_s: timing.words[first].start_s, end_s: at, text, language: "en".into() });
        }
        timing.duration_s = at + 0.5;
        prop_assert_eq!(layout.finish(timing.duration_s), speech(&timing, Limits::default()));
    }
}
