//! Finds images that stand out from their library: by the largest of their deviations, in standard deviations from the
//! mean.

use super::rows::{Fact, Oddity, Outlier};

/// With fewer images, mean and deviation say too little.
const MIN_IMAGES: u64 = 20;
/// An image stands out from this many standard deviations on, as one in 16,000 numbers of a normal distribution does.
const MIN_SCORE: f64 = 4.0;

/// The measures. Each has a name for images with a larger and for images with a smaller value than the others.
const MEASURES: [(Oddity, Oddity); 5] = [
    (Oddity::Large, Oddity::Small),
    (Oddity::Wide, Oddity::Tall),
    (Oddity::Sharp, Oddity::Blurred),
    (Oddity::Bright, Oddity::Dark),
    // An embedding close to the mean is no oddity.
    (Oddity::UnlikeTheOthers, Oddity::UnlikeTheOthers),
];

/// An image's values. Sizes, shapes and sharpness are logarithms: twice as large is as far away as half as large.
fn measure(fact: &Fact, distance: Option<f32>) -> [Option<f64>; 5] {
    let log = |value: f64| value.max(1e-6).ln();
    if !fact.readable {
        return [None; 5];
    }
    [
        Some(log(fact.pixels() as f64)),
        Some(log(f64::from(fact.width) / f64::from(fact.height.max(1)))),
        Some(log(1.0 + f64::from(fact.sharpness))),
        Some(f64::from(fact.exposure)),
        distance.map(f64::from),
    ]
}

/// Mean and deviation of each measure, updated image by image (Welford's method).
#[derive(Debug, Default)]
pub(super) struct Statistics {
    measures: [RunningVariance; 5],
}

#[derive(Debug, Default, Clone, Copy)]
struct RunningVariance {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Statistics {
    /// Adds an image. `distance` is the distance of its embedding from the mean of all, if it has one.
    pub(super) fn add(&mut self, fact: &Fact, distance: Option<f32>) {
        for (variance, value) in self.measures.iter_mut().zip(measure(fact, distance)) {
            let Some(value) = value else { continue };
            variance.count += 1;
            let off = value - variance.mean;
            variance.mean += off / variance.count as f64;
            variance.squares += off * (value - variance.mean);
        }
    }

    /// How the image stands out, if it does.
    pub(super) fn judge(&self, fact: &Fact, distance: Option<f32>) -> Option<Outlier> {
        let mut strongest: Option<Outlier> = None;
        let measured = self.measures.iter().zip(measure(fact, distance)).zip(MEASURES);
        for ((variance, value), (more, less)) in measured {
            let Some(value) = value else { continue };
            let deviation = (variance.squares / variance.count.max(1) as f64).sqrt();
            if variance.count < MIN_IMAGES || deviation < 1e-9 {
                continue;
            }
            let score = (value - variance.mean) / deviation;
            let is_odd = score >= MIN_SCORE || (score <= -MIN_SCORE && more != less);
            if is_odd && strongest.is_none_or(|other| score.abs() > f64::from(other.score)) {
                strongest = Some(Outlier { why: if score > 0.0 { more } else { less }, score: score.abs() as f32 });
            }
        }
        strongest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(n: u32) -> Fact {
        let wave = (n % 10) as f32;
        Fact {
            readable: true,
            width: 4_000 + n % 7,
            height: 3_000,
            exposure: 0.4 + wave / 50.0,
            sharpness: 500.0 + wave,
            ..Fact::default()
        }
    }

    #[test]
    fn the_odd_one_is_found_and_named() {
        let dark = Fact { exposure: 0.0, ..photo(0) };
        let panorama = Fact { width: 30_000, ..photo(0) };
        let unreadable = Fact { readable: false, width: 0, height: 0, ..Fact::default() };
        let mut statistics = Statistics::default();
        (0..1_000).map(photo).chain([dark, panorama, unreadable]).for_each(|fact| statistics.add(&fact, None));
        assert_eq!(statistics.judge(&dark, None).map(|odd| odd.why), Some(Oddity::Dark));
        assert!(matches!(statistics.judge(&panorama, None), Some(Outlier { why: Oddity::Wide | Oddity::Large, .. })));
        assert_eq!(statistics.judge(&unreadable, None), None);
        assert!((0..1_000).all(|n| statistics.judge(&photo(n), None).is_none()));
    }

    #[test]
    fn a_few_images_have_no_outliers() {
        let mut statistics = Statistics::default();
        let dark = Fact { exposure: 0.0, ..photo(0) };
        (0..10).map(photo).chain([dark]).for_each(|fact| statistics.add(&fact, None));
        assert_eq!(statistics.judge(&dark, None), None);
    }
}
