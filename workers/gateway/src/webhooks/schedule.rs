//! When a message is tried again.

use std::time::Duration;

const S: u64 = 1;
const MIN: u64 = 60;
const H: u64 = 3_600;

/// The pauses between tries that Standard Webhooks recommends: 75 hours and a half together.
const PAUSES_S: [u64; 9] = [5 * S, 5 * MIN, 30 * MIN, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H];
/// So that receivers which failed together are not asked together again.
const JITTER: f64 = 0.1;

/// The pause after so many tries that failed, when there is one more; `jitter` from 0 to 1.
pub(super) fn pause(failed: u32, wish: Option<Duration>, jitter: f64) -> Option<Duration> {
    let pause_s = *PAUSES_S.get(usize::try_from(failed).ok()?.checked_sub(1)?)?;
    let pause = Duration::from_secs(pause_s).mul_f64(1.0 - JITTER + 2.0 * JITTER * jitter.clamp(0.0, 1.0));
    // A receiver may ask for more time, not for less.
    Some(pause.max(wish.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_go_on_for_three_days() {
        let pauses: Vec<_> = (1..).map_while(|failed| pause(failed, None, 0.5)).collect();
        assert_eq!(pauses.len(), 9);
        let all: Duration = pauses.iter().sum();
        assert!((3 * 86_400..4 * 86_400).contains(&all.as_secs()), "{all:?}");
        assert!(pauses.is_sorted());
        let (least, most) = (pause(2, None, 0.0).unwrap(), pause(2, None, 1.0).unwrap());
        assert!((269..=270).contains(&least.as_secs()) && (329..=330).contains(&most.as_secs()), "{least:?} {most:?}");
    }

    #[test]
    fn a_receiver_may_ask_for_more_time() {
        let wish = |s| pause(1, Some(Duration::from_secs(s)), 0.5).unwrap();
        assert_eq!(wish(60), Duration::from_secs(60));
        assert_eq!(wish(1), Duration::from_secs(5));
        assert_eq!(pause(10, Some(Duration::from_secs(60)), 0.5), None);
    }
}
