//! `transcript.rttm`: who speaks when, as NIST's Rich Transcription Time Marked files have it.

use std::fmt::Write as _;

use super::{label, step::Turn};

/// One line a turn. `file` names the recording; the format allows no spaces in names.
pub(crate) fn rttm(file: &str, turns: &[Turn]) -> String {
    let plain = |name: &str| -> String {
        name.chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c }).collect()
    };
    let file = Some(plain(file)).filter(|file| !file.is_empty()).unwrap_or_else(|| "sound".into());
    let mut out = String::new();
    for turn in turns {
        let (start_s, len_s) = (turn.span.start_s, turn.span.len_s());
        let speaker = label(turn.speaker as usize);
        let _ = writeln!(out, "SPEAKER {file} 1 {start_s:.3} {len_s:.3} <NA> <NA> {speaker} <NA> <NA>");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::span::Span;

    #[test]
    fn a_turn_is_a_line_of_ten_fields() {
        let turns = [Turn { span: Span::new(1.25, 3.0), speaker: 1 }];
        let text = rttm("my talk", &turns);
        assert_eq!(text, "SPEAKER my_talk 1 1.250 1.750 <NA> <NA> B <NA> <NA>\n");
        assert_eq!(text.split_whitespace().count(), 10);
    }
}
