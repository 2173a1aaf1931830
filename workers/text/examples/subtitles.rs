//! Judges subtitles: `subtitles FILE…` reads SubRip files, `timing.json` (speak) and `transcript.json` (transcribe) with
//! words, and prints for each how many cues keep the guides. JSON files are laid out first, so a file beside its old
//! `.srt` shows what a change of the rules does.

use std::{collections::HashSet, env, fs, process::ExitCode};

use medley_proto::{SpeechTiming, Transcript};
use medley_text::{
    marks::is_sentence_end,
    script::{is_han, is_tight},
    subtitle::{Cue, Layout, Limits, speech, srt},
    words,
};

fn main() -> ExitCode {
    let mut shown = false;
    println!("| file | cues | within limits | readable | inside a word | orphans | torn numbers |");
    println!("|---|---|---|---|---|---|---|");
    for path in env::args().skip(1) {
        if path == "--show" {
            shown = true;
            continue;
        }
        let Some(cues) = fs::read_to_string(&path).ok().and_then(|text| read(&path, &text)) else {
            eprintln!("cannot read {path} as SubRip, timing or transcript");
            return ExitCode::FAILURE;
        };
        if shown {
            println!("{}", srt(&cues));
        }
        println!("| {path} | {} |", judge(&cues).map(|n| n.to_string()).join(" | "));
    }
    ExitCode::SUCCESS
}

fn read(path: &str, text: &str) -> Option<Vec<Cue>> {
    if path.ends_with(".srt") {
        return Some(text.replace('\r', "").split("\n\n").filter_map(cue).collect());
    }
    if let Ok(timing) = serde_json::from_str::<SpeechTiming>(text) {
        return Some(speech(&timing, Limits::default()));
    }
    let transcript: Transcript = serde_json::from_str(text).ok()?;
    let mut layout = Layout::new(Limits::default());
    let mut last: Option<char> = None;
    for word in transcript.segments.iter().flat_map(|segment| &segment.words) {
        // A transcript has words without the spaces between them.
        let tight = last.is_none_or(is_tight) && word.text.starts_with(is_tight);
        let space = if tight || last.is_none() { "" } else { " " };
        layout.word(word.start_s, word.end_s, &format!("{space}{}", word.text));
        last = word.text.chars().next_back();
    }
    Some(layout.finish(transcript.duration_s))
}

fn cue(block: &str) -> Option<Cue> {
    let mut lines = block.trim().lines().skip(1);
    let (start, end) = lines.next()?.split_once(" --> ")?;
    Some(Cue {
        start_s: seconds(start)?,
        end_s: seconds(end)?,
        lines: lines.map(str::to_owned).collect(),
        speaker: None,
    })
}

fn seconds(stamp: &str) -> Option<f64> {
    let stamp = stamp.trim().replace(',', ".");
    stamp.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
}

/// All cues; those within lines, width and 5/6 s to 7 s (and two frames before the next); readable ones; borders of
/// lines and cues inside a word of the dictionary; orphans; borders between a number and its unit.
fn judge(cues: &[Cue]) -> [usize; 6] {
    let limits = Limits::default();
    let fits = |n: usize| {
        let cue = &cues[n];
        let shown_s = cue.end_s - cue.start_s;
        let apart = cues.get(n + 1).is_none_or(|next| next.start_s - cue.end_s > 0.08);
        let lines = (1..=2).contains(&cue.lines.len()) && cue.lines.iter().all(|line| limits.holds(line));
        lines && apart && (0.832..7.001).contains(&shown_s)
    };
    let within = (0..cues.len()).filter(|n| fits(*n)).count();
    let readable = cues.iter().filter(|cue| cue.is_readable()).count();
    [cues.len(), within, readable, inside_words(cues), orphans(cues), torn_numbers(cues)]
}

fn joined(left: &str, right: &str) -> bool {
    left.ends_with(is_tight) && right.starts_with(is_tight)
}

fn inside_words(cues: &[Cue]) -> usize {
    let lines: Vec<&str> = cues.iter().flat_map(|cue| &cue.lines).map(String::as_str).collect();
    let (mut text, mut borders) = (String::new(), Vec::new());
    for line in lines {
        if !text.is_empty() && !joined(&text, line) {
            text.push(' ');
        } else if text.ends_with(is_han) && line.starts_with(is_han) {
            borders.push(text.len());
        }
        text.push_str(line);
    }
    let mut at = 0;
    let ends: HashSet<usize> = words::cut(&text)
        .into_iter()
        .map(|word| {
            at += word.len();
            at
        })
        .collect();
    borders.iter().filter(|border| !ends.contains(border)).count()
}

/// What a reader takes for a word.
fn size(text: &str) -> usize {
    let chinese = text.chars().filter(|c| is_han(*c)).count();
    text.split_whitespace().filter(|word| !word.contains(is_han)).count() + chinese.div_ceil(2)
}

/// Lines of one word beside a line of three and more, and cues of one word that are no sentence, with speech around.
fn orphans(cues: &[Cue]) -> usize {
    let ends = |cue: &Cue| cue.lines.last().is_none_or(|line| is_sentence_end(line));
    let near = |a: &Cue, b: &Cue| b.start_s - a.end_s < 0.8;
    let line =
        |cue: &Cue| matches!(cue.lines.as_slice(), [a, b] if size(a).min(size(b)) < 2 && size(a).max(size(b)) > 2);
    let alone = |n: usize| {
        let cue = &cues[n];
        let begun = n > 0 && !ends(&cues[n - 1]) && near(&cues[n - 1], cue);
        let goes_on = cues.get(n + 1).is_some_and(|next| !ends(cue) && near(cue, next));
        cue.lines.len() == 1 && size(&cue.lines[0]) < 2 && (begun || goes_on)
    };
    (0..cues.len()).filter(|n| line(&cues[*n]) || alone(*n)).count()
}

fn torn_numbers(cues: &[Cue]) -> usize {
    const UNITS: [&str; 24] = [
        "%", "percent", "per", "million", "billion", "thousand", "hundred", "dollars", "miles", "years", "days",
        "hours", "minutes", "年", "月", "日", "号", "点", "分", "个", "元", "万", "亿", "章",
    ];
    let lines: Vec<&str> = cues.iter().flat_map(|cue| &cue.lines).map(String::as_str).collect();
    let torn = |pair: &&[&str]| {
        let (Some(last), Some(first)) = (pair[0].chars().next_back(), pair[1].split_whitespace().next()) else {
            return false;
        };
        let month = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ]
        .iter()
        .any(|month| pair[0].ends_with(month));
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let unit = UNITS.iter().any(|unit| first == *unit || !unit.is_ascii() && first.starts_with(unit));
        digit(Some(last)) && unit || (month || last == '第') && digit(first.chars().next())
    };
    lines.windows(2).filter(torn).count()
}
