//! The one place where a size is checked that a picture has, or that is computed from another: scaled to a least side, padded,
//! straightened, a network's input. A picture of few pixels may have a side of a million; whatever multiplies sides asks here
//! before it takes memory.

use crate::{MediaError, Problem};

/// What a picture, a map or a network's input may be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimit {
    /// Of the longer side.
    pub max_side_px: u32,
    pub max_pixels: u64,
}

impl SizeLimit {
    /// Width and height in whole pixels, at least 1 each; `name` is for the message.
    ///
    /// # Errors
    /// `media_too_large` when a side is longer or the area larger than allowed, infinity too; what is no number counts as 1.
    pub fn check(self, name: &str, [width, height]: [f64; 2]) -> Result<[u32; 2], MediaError> {
        let too_large = |what: String| Err(MediaError::new(name, Problem::TooLarge(what)));
        let [width, height] = [width, height].map(|side| side.round().max(1.0));
        if width.max(height) > f64::from(self.max_side_px) {
            let what = format!("has {width} x {height} pixels, and a side may have {} at most", self.max_side_px);
            return too_large(what);
        }
        if width * height > self.max_pixels as f64 {
            return too_large(format!("has {width} x {height} pixels, more than the {} allowed", self.max_pixels));
        }
        Ok([width as u32, height as u32])
    }

    /// The factor, at most 1, that brings a size within the limit with its proportions kept.
    #[must_use]
    pub fn shrink(self, [width, height]: [f64; 2]) -> f64 {
        let by_side = f64::from(self.max_side_px) / width.max(height).max(1.0);
        let by_area = (self.max_pixels as f64 / (width * height).max(1.0)).sqrt();
        by_side.min(by_area).min(1.0)
    }

    /// The size within the limit, each side a multiple of `step`, at least one step: where both sides together are too
    /// large the longer one gives way, whatever becomes of the proportions. `step` squared is within the limit.
    #[must_use]
    pub fn squeeze(self, [width, height]: [u32; 2], step: u32) -> [u32; 2] {
        let longest = self.max_side_px / step * step;
        let side = |length: u32| (length / step * step).clamp(step, longest.max(step));
        let [width, height] = [width, height].map(side);
        let most = |pixels: u64| (u32::try_from(pixels).unwrap_or(u32::MAX) / step * step).max(step);
        let shorter = width.min(height).min(most(self.max_pixels.isqrt()));
        let longer = width.max(height).min(most(self.max_pixels / u64::from(shorter)));
        if width >= height { [longer, shorter] } else { [shorter, longer] }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: SizeLimit = SizeLimit { max_side_px: 10_000, max_pixels: 1_000_000 };

    #[test]
    fn sizes_within_the_limit_pass_and_others_say_why() {
        assert_eq!(LIMIT.check("a", [999.6, 0.2]).ok(), Some([1000, 1]));
        assert_eq!(LIMIT.check("a", [1000.0, 1000.0]).ok(), Some([1000, 1000]));
        for size in [[10_001.0, 1.0], [1.0, 1e12], [f64::INFINITY, 1.0], [1001.0, 1000.0]] {
            let error = LIMIT.check("strip.png", size).unwrap_err();
            assert_eq!(error.code().as_str(), "media_too_large");
            assert!(error.to_string().starts_with("strip.png "), "{error}");
        }
    }

    #[test]
    fn the_longer_side_gives_way() {
        assert_eq!(LIMIT.squeeze([640, 960], 32), [640, 960]);
        assert_eq!(LIMIT.squeeze([1_000_000, 32], 32), [9_984, 32]);
        assert_eq!(LIMIT.squeeze([320, 9_000], 32), [320, 3_104]);
        assert_eq!(LIMIT.squeeze([0, 0], 32), [32, 32]);
        assert_eq!(LIMIT.squeeze([9_000, 5_000], 32), [992, 992]);
    }

    proptest! {
        #[test]
        fn nothing_gets_past(width in 1_u32.., height in 1_u32.., step in 1_u32..64) {
            let [w, h] = LIMIT.squeeze([width, height], step);
            prop_assert!(w.max(h) <= LIMIT.max_side_px && u64::from(w) * u64::from(h) <= LIMIT.max_pixels);
            prop_assert!(w.is_multiple_of(step) && h.is_multiple_of(step) && w > 0 && h > 0);
            let size = [f64::from(width), f64::from(height)];
            let by = LIMIT.shrink(size);
            prop_assert!(by > 0.0 && by <= 1.0 && size[0] * by * size[1] * by <= LIMIT.max_pixels as f64 * 1.001);
        }
    }
}
