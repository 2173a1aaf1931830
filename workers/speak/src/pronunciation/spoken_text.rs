//! A text as it is spoken, and where each stretch of it was written.

use std::ops::Range;

use super::{Pronunciation, Reading};

/// A text in which readings replace what was written.
#[derive(Debug)]
pub(crate) struct SpokenText {
    /// The text to speak.
    pub(crate) text: String,
    /// Replaced stretches in order: their place in `text`, and the place in the written text that they replace.
    replaced: Vec<(Range<usize>, Range<usize>)>,
    /// Stretches of `text` with given phonemes, in order.
    pub(crate) phonemes: Vec<(Range<usize>, Pronunciation)>,
}

impl SpokenText {
    /// `readings` are in order and do not overlap.
    pub(crate) fn new(written: &str, readings: &[Reading]) -> Self {
        let mut spoken =
            Self { text: String::with_capacity(written.len()), replaced: Vec::new(), phonemes: Vec::new() };
        let mut at = 0;
        for Reading { range, how } in readings {
            spoken.text.push_str(&written[at..range.start]);
            let start = spoken.text.len();
            spoken.text.push_str(match how {
                Pronunciation::Said(said) => said,
                Pronunciation::Ipa(_) | Pronunciation::Pinyin(_) => &written[range.clone()],
            });
            let place = start..spoken.text.len();
            if !matches!(how, Pronunciation::Said(_)) {
                spoken.phonemes.push((place.clone(), how.clone()));
            }
            spoken.replaced.push((place, range.clone()));
            at = range.end;
        }
        spoken.text.push_str(&written[at..]);
        spoken
    }

    /// The place in the written text of a stretch of [`Self::text`].
    pub(crate) fn written(&self, stretch: Range<usize>) -> Range<usize> {
        let place = |at: usize, is_end: bool| {
            let mut moved = 0_isize;
            for (place, written) in &self.replaced {
                let inside =
                    if is_end { place.start < at && at <= place.end } else { (place.start..place.end).contains(&at) };
                if inside {
                    return if is_end { written.end } else { written.start };
                }
                if at < place.start || (is_end && at == place.start) {
                    break;
                }
                moved = written.end as isize - place.end as isize;
            }
            at.saturating_add_signed(moved)
        };
        let (start, end) = (place(stretch.start, false), place(stretch.end, true));
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_points_to_what_is_written() {
        let written = "The W3C met 茅台 here.";
        let readings = [
            Reading { range: 4..7, how: Pronunciation::Said("World Wide Web Consortium".into()) },
            Reading { range: 12..18, how: Pronunciation::Pinyin("mao2 tai2".into()) },
        ];
        let spoken = SpokenText::new(written, &readings);
        assert_eq!(spoken.text, "The World Wide Web Consortium met 茅台 here.");
        let wide = spoken.text.find("Wide").unwrap();
        assert_eq!(&written[spoken.written(wide..wide + 4)], "W3C");
        for word in ["The", "met", "茅台", "here."] {
            let at = spoken.text.find(word).unwrap();
            assert_eq!(&written[spoken.written(at..at + word.len())], word);
        }
        assert_eq!(spoken.phonemes.len(), 1);
    }
}
