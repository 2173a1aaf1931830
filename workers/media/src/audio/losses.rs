//! What of a stream could not be decoded, counted while it is read.

use super::Undecoded;

/// Shorter losses are the rough edges of cuts and of encoders.
const MIN_S: f64 = 0.1;
pub(super) const ENDS_EARLY: &str = "it ends before its header says";
pub(super) const DAMAGED: &str = "some of its packets are damaged";

/// Lost frames.
#[derive(Debug, Default)]
pub(super) struct Losses {
    frames: u64,
    /// Of packets that failed since the last good one; how long they were shows when that comes.
    suspected: u64,
    is_suspect: bool,
    reason: Option<&'static str>,
}

impl Losses {
    /// A packet that would have held so many frames (0: nobody knows) could not be decoded.
    pub(super) fn suspect(&mut self, frames: u64) {
        self.suspected += frames;
        self.is_suspect = true;
    }

    /// So much silence stands where packets were damaged, or where the stream has a hole of its own.
    pub(super) fn mend(&mut self, silence: u64) {
        if self.is_suspect {
            self.add(silence.max(self.suspected), DAMAGED);
            (self.suspected, self.is_suspect) = (0, false);
        }
    }

    pub(super) fn add(&mut self, frames: u64, reason: &'static str) {
        if frames > 0 {
            self.frames += frames;
            self.reason.get_or_insert(reason);
        }
    }

    pub(super) fn told(&self, rate_hz: u32) -> Option<Undecoded> {
        let seconds = (self.frames + self.suspected) as f64 / f64::from(rate_hz.max(1));
        (seconds >= MIN_S).then(|| Undecoded { seconds, reason: self.reason.unwrap_or(DAMAGED).into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_behind_damage_are_losses_and_others_are_not() {
        let mut losses = Losses::default();
        losses.mend(48_000);
        assert_eq!(losses.told(48_000), None);
        losses.suspect(1_000);
        losses.suspect(0);
        losses.mend(24_000);
        assert_eq!(losses.told(48_000), Some(Undecoded { seconds: 0.5, reason: DAMAGED.into() }));
        losses.add(48_000, ENDS_EARLY);
        assert!((losses.told(48_000).unwrap().seconds - 1.5).abs() < 1e-9);
        let mut edge = Losses::default();
        edge.suspect(1_152);
        assert_eq!(edge.told(44_100), None);
    }
}
