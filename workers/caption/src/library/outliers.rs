//! Images that stand out from their library: the largest of their deviations, each in standard deviations from the mean.

use super::rows::{Fact, Oddity, Outlier};

/// Fewer images have no ordinary to stand out from.
const LEAST_IMAGES: u64 = 20;
/// An image stands out from this many standard deviations on: of numbers from a normal distribution one in 16,000 does.
const FROM: f64 = 4.0;

/// What an image is measured by; the two names are for more and for less than the others.
const MEASURES: [(Oddity, Oddity); 5] = [
    (Oddity::Large, Oddity::Small),
    (Oddity::Wide, Oddity::Tall),
    (Oddity::Sharp, Oddity::Blurred),
    (Oddity::Bright, Oddity::Dark),
    // The other way round is an ordinary image.
    (Oddity::UnlikeTheOthers, Oddity::UnlikeTheOthers),
];

/// Sizes, shapes and sharpness by their logarithms: twice as large is as far away as half as large.
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

/// Mean and spread of each measure, gathered image by image (Welford's method).
#[derive(Debug, Default)]
pub(super) struct Ordinary {
    measures: [Spread; 5],
}

#[derive(Debug, Default, Clone, Copy)]
struct Spread {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Ordinary {
    /// `distance` is that of the embedding from the mean of all, if there are any.
    pub(super) fn add(&mut self, fact: &Fact, distance: Option<f32>) {
        for (spread, value) in self.measures.iter_mut().zip(measure(fact, distance)) {
            let Some(value) = value else { continue };
            spread.count += 1;
            let off = value - spread.mean;
            spread.mean += off / spread.count as f64;
            spread.squares += off * (value - spread.mean);
        }
    }

    pub(super) fn judge(&self, fact: &Fact, distance: Option<f32>) -> Option<Outlier> {
        let mut most: Option<Outlier> = None;
        let measured = self.measures.iter().zip(measure(fact, distance)).zip(MEASURES);
        for ((spread, value), (more, less)) in measured {
            let Some(value) = value else { continue };
            let deviation = (spread.squares / spread.count.max(1) as f64).sqrt();
            if spread.count < LEAST_IMAGES || deviation < 1e-9 {
                continue;
            }
            let score = (value - spread.mean) / deviation;
            let is_odd = score >= FROM || (score <= -FROM && more != less);
            if is_odd && most.is_none_or(|most| score.abs() > f64::from(most.score)) {
                most = Some(Outlier { why: if score > 0.0 { more } else { less }, score: score.abs() as f32 });
            }
        }
        most
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
        let mut ordinary = Ordinary::default();
        (0..1_000).map(photo).chain([dark, panorama, unreadable]).for_each(|fact| ordinary.add(&fact, None));
        assert_eq!(ordinary.judge(&dark, None).map(|odd| odd.why), Some(Oddity::Dark));
        assert!(matches!(ordinary.judge(&panorama, None), Some(Outlier { why: Oddity::Wide | Oddity::Large, .. })));
        assert_eq!(ordinary.judge(&unreadable, None), None);
        assert!((0..1_000).all(|n| ordinary.judge(&photo(n), None).is_none()));
    }

    #[test]
    fn a_few_images_have_no_outliers() {
        let mut ordinary = Ordinary::default();
        let dark = Fact { exposure: 0.0, ..photo(0) };
        (0..10).map(photo).chain([dark]).for_each(|fact| ordinary.add(&fact, None));
        assert_eq!(ordinary.judge(&dark, None), None);
    }
}
