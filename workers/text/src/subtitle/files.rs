//! The two file formats.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use super::Cue;

/// Writes SubRip, a cue at a time.
#[derive(Debug)]
pub struct SrtWriter<W> {
    out: W,
    count: u64,
    /// Who said the cue before.
    speaker: Option<String>,
}

impl<W: Write> SrtWriter<W> {
    pub fn new(out: W) -> Self {
        Self { out, count: 0, speaker: None }
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, cues: &[Cue]) -> io::Result<()> {
        for cue in cues {
            self.count += 1;
            let (start, end) = (stamp(cue.start_s, ','), stamp(cue.end_s, ','));
            let label = cue.speaker.as_ref().filter(|speaker| self.speaker.as_ref() != Some(speaker));
            let label = label.map(|speaker| speaker_label(speaker)).unwrap_or_default();
            let text = without_markup(label + &written(cue));
            write!(self.out, "{}\n{start} --> {end}\n{text}\n\n", self.count)?;
            self.speaker.clone_from(&cue.speaker);
        }
        Ok(())
    }

    pub fn into_inner(self) -> W {
        self.out
    }
}

/// What stands before the first words of a speaker.
pub(super) fn speaker_label(speaker: &str) -> String {
    format!("{}: ", one_line(speaker))
}

/// SubRip.
pub fn srt(cues: &[Cue]) -> String {
    let mut writer = SrtWriter::new(Vec::new());
    writer.write(cues).expect("memory can be written");
    String::from_utf8(writer.into_inner()).expect("cues are UTF-8")
}

/// WebVTT; a voice tag says who speaks.
pub fn vtt(cues: &[Cue]) -> String {
    let mut out = String::from("WEBVTT\n\n");
    for cue in cues {
        let (start, end) = (stamp(cue.start_s, '.'), stamp(cue.end_s, '.'));
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let voice = cue.speaker.as_ref().map(|speaker| format!("<v {}>", escaped(&one_line(speaker))));
        let _ = write!(out, "{start} --> {end}\n{}{}\n\n", voice.unwrap_or_default(), escaped(&written(cue)));
    }
    out
}

/// Reads what [`vtt`] wrote; nothing when it is anything else.
pub fn parse_vtt(text: &str) -> Option<Vec<Cue>> {
    let unescaped = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let cue = |block: &str| {
        let (times, text) = block.split_once('\n')?;
        let (start, end) = times.split_once(" --> ")?;
        let (speaker, text) = match text.strip_prefix("<v ") {
            Some(named) => named.split_once('>').map(|(speaker, text)| (Some(unescaped(speaker)), text))?,
            None => (None, text),
        };
        Some(Cue {
            start_s: seconds(start)?,
            end_s: seconds(end)?,
            lines: text.lines().map(unescaped).collect(),
            speaker,
        })
    };
    let blocks = text.strip_prefix("WEBVTT\n\n")?.split("\n\n").filter(|block| !block.is_empty());
    blocks.map(cue).collect()
}

/// Reads `01:02:03.456`.
fn seconds(stamp: &str) -> Option<f64> {
    let mut fields = stamp.splitn(3, ':').map(|field| field.parse::<f64>().ok());
    Some(fields.next()?? * 3600.0 + fields.next()?? * 60.0 + fields.next()??)
}

/// SubRip has no escapes: what players would take for a time line, a tag or a style gets an invisible joiner.
fn without_markup(text: String) -> String {
    const JOINER: &str = "\u{2060}";
    let mut text = text.replace("-->", &format!("--{JOINER}>")).replace("{\\", &format!("{{{JOINER}\\"));
    let tags: Vec<usize> = text
        .match_indices('<')
        .filter(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!')))
        .map(|(at, _)| at + 1)
        .collect();
    tags.into_iter().rev().for_each(|at| text.insert_str(at, JOINER));
    text
}

/// A cue's lines, none of them empty: an empty line would end it.
fn written(cue: &Cue) -> String {
    cue.lines.iter().map(|line| one_line(line)).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn stamp(at_s: f64, point: char) -> String {
    let ms = (at_s.max(0.0) * 1000.0).round() as u64;
    format!("{:02}:{:02}:{:02}{point}{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_shape_that_players_read() {
        let cue =
            Cue { start_s: 3_661.5, end_s: 3_663.045_6, lines: vec!["a < b".into(), "& c".into()], speaker: None };
        assert_eq!(srt(std::slice::from_ref(&cue)), "1\n01:01:01,500 --> 01:01:03,046\na < b\n& c\n\n");
        assert_eq!(vtt(&[cue]), "WEBVTT\n\n01:01:01.500 --> 01:01:03.046\na &lt; b\n&amp; c\n\n");
    }

    #[test]
    fn speakers_are_named_where_they_begin() {
        let cue = |speaker: &str, text: &str| Cue {
            start_s: 0.0,
            end_s: 1.0,
            lines: vec![text.into()],
            speaker: Some(speaker.into()),
        };
        let cues = [cue("A", "One."), cue("A", "Two."), cue("<b>\nB", "Three.")];
        let texts = |file: &str| -> Vec<String> {
            file.split("\n\n").filter_map(|cue| cue.lines().last()).map(str::to_owned).collect()
        };
        assert_eq!(texts(&srt(&cues)), ["A: One.", "Two.", "<\u{2060}b> B: Three."]);
        assert_eq!(texts(&vtt(&cues))[1..], ["<v A>One.", "<v A>Two.", "<v &lt;b&gt; B>Three."]);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let lines = vec!["a & <b>".into(), "&lt; c".into()];
        let mut cue = Cue { start_s: 3_661.25, end_s: 3_663.5, lines, speaker: Some("Ann > & Bo".into()) };
        let first = cue.clone();
        (cue.start_s, cue.end_s, cue.speaker) = (3_664.0, 3_665.125, None);
        let cues = [first, cue];
        assert_eq!(parse_vtt(&vtt(&cues)).unwrap(), cues);
        assert_eq!(parse_vtt("WEBVTT\n\n").unwrap(), []);
        assert_eq!(parse_vtt("1\n00:00:00,000 --> 00:00:01,000\na\n"), None);
    }

    #[test]
    fn what_is_said_is_no_markup() {
        let lines = vec!["a --> b <i>c</i>".into(), "{\\an8} \n & <3".into()];
        let cue = [Cue { start_s: 0.0, end_s: 1.0, lines, speaker: None }];
        let srt = srt(&cue);
        assert_eq!(
            (srt.matches("-->").count(), srt.matches("<i>").count(), srt.matches("{\\").count()),
            (1, 0, 0),
            "{srt}"
        );
        let bare = srt.replace('\u{2060}', "");
        assert_eq!(bare, "1\n00:00:00,000 --> 00:00:01,000\na --> b <i>c</i>\n{\\an8} & <3\n\n");
        let text = "a --&gt; b &lt;i&gt;c&lt;/i&gt;\n{\\an8} &amp; &lt;3\n\n";
        assert_eq!(vtt(&cue), format!("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}"));
    }
}
