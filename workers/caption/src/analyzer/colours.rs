//! Dominant colours by names that people use.

use image::RgbImage;
use medley_vision::resample::{Filter, resize};

use crate::row::{Chroma, Colour};

/// Names, each with an sRGB value that most people would call by it.
const NAMES: [(&str, [u8; 3]); 27] = [
    ("black", [12, 12, 12]),
    ("dark grey", [70, 70, 70]),
    ("grey", [128, 128, 128]),
    ("light grey", [195, 195, 195]),
    ("white", [248, 248, 248]),
    ("red", [205, 30, 35]),
    ("dark red", [110, 20, 25]),
    ("pink", [240, 150, 175]),
    ("orange", [240, 130, 30]),
    ("brown", [105, 65, 35]),
    ("dark brown", [55, 35, 22]),
    ("tan", [190, 150, 110]),
    ("beige", [228, 212, 185]),
    ("yellow", [245, 215, 50]),
    ("gold", [200, 155, 40]),
    ("olive", [120, 120, 45]),
    ("light green", [150, 210, 130]),
    ("green", [55, 145, 60]),
    ("dark green", [25, 65, 35]),
    ("teal", [25, 125, 125]),
    ("cyan", [90, 210, 225]),
    ("light blue", [155, 195, 230]),
    ("blue", [40, 90, 195]),
    ("navy", [20, 30, 80]),
    ("purple", [110, 50, 140]),
    ("lilac", [190, 160, 215]),
    ("magenta", [205, 40, 140]),
];
const SIDE_PX: u32 = 64;
/// A colour with a smaller share of the image is left out.
const MIN_SHARE: f32 = 0.08;
const MAX_COLOURS: usize = 4;

/// An image made small enough to count its colours.
pub(super) struct Palette {
    small: RgbImage,
    /// Of each pixel of `small`.
    lab: Vec<[f32; 3]>,
}

impl Palette {
    pub(super) fn of(image: &RgbImage) -> Self {
        let small = resize(image, [SIDE_PX.min(image.width()), SIDE_PX.min(image.height())], Filter::Box);
        let lab = small.as_raw().as_chunks::<3>().0.iter().map(|pixel| lab(*pixel)).collect();
        Self { small, lab }
    }

    /// The share of the image that is green as grass and leaves are.
    pub(super) fn green(&self) -> f32 {
        let pixels = self.small.as_raw().as_chunks::<3>().0;
        pixels.iter().filter(|pixel| is_green(**pixel)).count() as f32 / pixels.len().max(1) as f32
    }

    /// The colours of at least 8 % of the image, at most four, the largest share first.
    pub(super) fn colours(&self) -> Vec<Colour> {
        let names = NAMES.map(|(name, rgb)| (name, lab(rgb)));
        let mut counts = [0_u32; NAMES.len()];
        for here in &self.lab {
            let distance = |lab: &[f32; 3]| lab.iter().zip(here).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
            let nearest = (0..names.len()).min_by(|a, b| distance(&names[*a].1).total_cmp(&distance(&names[*b].1)));
            counts[nearest.unwrap_or(0)] += 1;
        }
        let mut colours: Vec<Colour> = names
            .iter()
            .zip(counts)
            .map(|((name, _), count)| Colour { name: (*name).to_owned(), share: count as f32 / self.lab.len() as f32 })
            .filter(|colour| colour.share >= MIN_SHARE)
            .collect();
        colours.sort_by(|a, b| b.share.total_cmp(&a.share));
        colours.truncate(MAX_COLOURS);
        for colour in &mut colours {
            colour.share = (colour.share * 1e3).round() / 1e3;
        }
        colours
    }

    /// Whether the image is in shades of grey.
    pub(super) fn is_grey(&self) -> bool {
        let pixels = self.small.as_raw().as_chunks::<3>().0;
        pixels.iter().all(|[r, g, b]| r.abs_diff(*g) < 8 && g.abs_diff(*b) < 8)
    }

    /// The mean a* and b* of each tile of the image.
    pub(super) fn chroma(&self) -> Chroma {
        let (width, height) = (self.small.width() as usize, self.small.height() as usize);
        // A side of fewer pixels than tiles gives a pixel to several of them.
        let span = |tile: usize, length: usize| {
            let from = tile * length / Chroma::SIDE;
            from..((tile + 1) * length / Chroma::SIDE).max(from + 1)
        };
        let tiles = (0..Chroma::SIDE).flat_map(|row| (0..Chroma::SIDE).map(move |column| (row, column)));
        let mut values = tiles.flat_map(|(row, column)| {
            let (mut sum, mut count) = ([0.0_f32; 2], 0.0_f32);
            for y in span(row, height) {
                for [_, a, b] in &self.lab[y * width..][span(column, width)] {
                    sum = [sum[0] + a, sum[1] + b];
                    count += 1.0;
                }
            }
            sum.map(|sum| (sum / count).round().clamp(-128.0, 127.0) as i8)
        });
        Chroma(std::array::from_fn(|_| values.next().unwrap_or_default()))
    }
}

/// sRGB to CIE L*a*b* (D65), in which distances are about what eyes see.
fn lab(rgb: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(|value| {
        let value = f32::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let x = (0.412_456 * r + 0.357_576 * g + 0.180_437 * b) / 0.950_47;
    let y = 0.212_673 * r + 0.715_152 * g + 0.072_175 * b;
    let z = (0.019_334 * r + 0.119_192 * g + 0.950_304 * b) / 1.088_83;
    let [x, y, z] = [x, y, z].map(|t| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// A hue between yellow-green and green-cyan, neither pale nor dark.
fn is_green(pixel: [u8; 3]) -> bool {
    let [red, green, blue] = pixel.map(|value| f32::from(value) / 255.0);
    let (highest, lowest) = (red.max(green).max(blue), red.min(green).min(blue));
    let spread = highest - lowest;
    if highest <= 0.15 || spread <= 0.2 * highest || green < highest {
        return false;
    }
    let hue = 120.0 + 60.0 * (blue - red) / spread;
    hue > 65.0 && hue < 165.0
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn halves_are_named_with_their_shares() {
        let image = RgbImage::from_fn(100, 100, |x, _| if x < 70 { Rgb([30, 80, 200]) } else { Rgb([250, 250, 250]) });
        let palette = Palette::of(&image);
        let found = palette.colours();
        assert_eq!(found.iter().map(|colour| colour.name.as_str()).collect::<Vec<_>>(), ["blue", "white"]);
        assert!((found[0].share - 0.7).abs() < 0.02);
        assert!(!palette.is_grey() && Palette::of(&RgbImage::from_pixel(9, 9, Rgb([99, 100, 101]))).is_grey());
    }

    #[test]
    fn each_name_names_itself() {
        for (name, rgb) in NAMES {
            assert_eq!(Palette::of(&RgbImage::from_pixel(5, 5, Rgb(rgb))).colours()[0].name, name);
        }
    }

    #[test]
    fn another_colour_is_far_and_a_copy_is_near() {
        let mug = |colour: [u8; 3]| {
            RgbImage::from_fn(400, 300, |x, y| {
                let inside = (140..230).contains(&x) && (90..200).contains(&y);
                Rgb(if inside { colour } else { [200 - (y / 4) as u8, 190, 180 - (x / 8) as u8] })
            })
        };
        let chroma = |image: &RgbImage| Palette::of(image).chroma();
        let (red, green) = (mug([190, 40, 40]), mug([40, 130, 50]));
        assert!(chroma(&red).distance(&chroma(&green)) > 20.0);
        let smaller = resize(&red, [133, 100], Filter::Bicubic);
        let jpeg = medley_media::picture::jpeg(smaller.as_raw(), 133, 100, 40).unwrap();
        let copy = image::load_from_memory(&jpeg).unwrap().into_rgb8();
        assert!(chroma(&red).distance(&chroma(&copy)) < 5.0, "{}", chroma(&red).distance(&chroma(&copy)));
        for (width, height) in [(1, 1), (1, 9_000), (3, 2), (9_000, 1)] {
            let flat = RgbImage::from_pixel(width, height, Rgb([190, 40, 40]));
            assert!(chroma(&flat).0.as_chunks::<2>().0.iter().all(|tile| *tile == [58, 38]), "{:?}", chroma(&flat));
        }
    }
}
