//! When each cue is shown.

use super::Cue;

/// A cue that is shown for less time is hard to see, let alone to read.
pub(super) const MIN_SHOWN_S: f64 = 5.0 / 6.0;
/// What a cue gets where nothing follows at once.
pub(super) const WANTED_SHOWN_S: f64 = 1.0;
pub(super) const MAX_SHOWN_S: f64 = 7.0;
/// Two frames at 24 frames a second between two cues, so that the eye sees the change.
pub(super) const GAP_S: f64 = 1.0 / 12.0;
/// Gaps that are shorter than this are closed to [`GAP_S`]: a picture without text for a moment only flickers.
const CLOSED_GAP_S: f64 = 0.5;
/// How late a cue may come so that the one before it can be read.
const MAX_LAG_S: f64 = 0.8;
/// Only where words fall on one another: a cue is never shown for no time at all.
const FLASH_S: f64 = 0.04;

/// Sets when cues are shown: from the first word on, as long as they take to read, never two at once. A cue's end
/// depends on the next one's start, so one waits.
#[derive(Debug, Default)]
pub(super) struct Display {
    ready: Vec<Cue>,
    waiting: Option<Cue>,
    /// When the place is free for the waiting cue.
    free_s: f64,
}

impl Display {
    /// Adds a cue with the times at which its words are said.
    pub(super) fn add(&mut self, cue: Cue) {
        self.show(Some(cue.start_s), 0.0);
        self.waiting = Some(cue);
    }

    pub(super) fn take(&mut self) -> Vec<Cue> {
        std::mem::take(&mut self.ready)
    }

    pub(super) fn finish(mut self, duration_s: f64) -> Vec<Cue> {
        self.show(None, duration_s);
        self.ready
    }

    fn show(&mut self, next_s: Option<f64>, duration_s: f64) {
        let Some(mut cue) = self.waiting.take() else { return };
        cue.start_s = cue.start_s.max(self.free_s);
        let reading_s = cue.reading_s();
        let last_s = cue.start_s + MAX_SHOWN_S;
        let wanted_s = cue.end_s.max(cue.start_s + reading_s.max(WANTED_SHOWN_S));
        cue.end_s = match next_s {
            None => wanted_s.min(duration_s.max(cue.end_s)),
            Some(next_s) => {
                let until_s = next_s - GAP_S;
                let needed_s = cue.start_s + reading_s.max(MIN_SHOWN_S);
                if wanted_s > until_s {
                    until_s.max(needed_s.min(until_s + MAX_LAG_S))
                } else if next_s - wanted_s < CLOSED_GAP_S {
                    until_s
                } else {
                    wanted_s
                }
            }
        };
        cue.end_s = cue.end_s.min(last_s).max(cue.start_s + FLASH_S);
        self.free_s = cue.end_s + GAP_S;
        self.ready.push(cue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cues: &[(&str, f64, f64)], duration_s: f64) -> Vec<(f64, f64)> {
        let mut display = Display::default();
        for (text, start_s, end_s) in cues {
            display.add(Cue { start_s: *start_s, end_s: *end_s, lines: vec![(*text).into()], speaker: None });
        }
        let rounded = |s: f64| (s * 100.0).round() / 100.0;
        display.finish(duration_s).iter().map(|cue| (rounded(cue.start_s), rounded(cue.end_s))).collect()
    }

    #[test]
    fn a_cue_stays_while_it_is_read_and_the_place_is_free() {
        assert_eq!(shown(&[("Yes.", 1.0, 1.3)], 9.0), [(1.0, 2.0)], "a second where it can be");
        assert_eq!(shown(&[("Yes.", 1.0, 1.3)], 1.5), [(1.0, 1.5)], "never beyond the end");
        assert_eq!(shown(&[("Yes.", 1.0, 1.3), ("No.", 3.0, 3.2)], 9.0)[0], (1.0, 2.0));
        assert_eq!(shown(&[("One.", 1.0, 2.5), ("Two.", 2.9, 3.2)], 9.0)[0], (1.0, 2.82), "a short gap is closed");
        assert_eq!(shown(&[("One.", 1.0, 2.5), ("Two.", 3.1, 3.4)], 9.0)[0], (1.0, 2.5));
    }

    #[test]
    fn the_next_cue_waits_until_the_one_before_could_be_read() {
        let fast = "a".repeat(34);
        assert_eq!(shown(&[(&fast, 0.0, 1.5), ("Two.", 1.5, 3.0)], 9.0), [(0.0, 2.0), (2.08, 3.08)]);
        let faster = "a".repeat(60);
        assert_eq!(shown(&[(&faster, 0.0, 1.5), ("Two.", 1.5, 3.0)], 9.0)[0], (0.0, 2.22), "but not for long");
    }
}
