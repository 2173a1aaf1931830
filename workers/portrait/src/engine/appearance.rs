use crate::{
    draw::{Canvas, Mask, Rect, Texture},
    rig::{
        Canonical, INNER_LEFT, INNER_RIGHT, LOWER_LIP, POINTS, TUNED_EYE_DISTANCE_PX, UPPER_LIP, UPPER_SHARE,
        eye_distance, head_pose,
    },
};

pub(super) type Colour = [f32; 3];

/// The appearance of the inside of this person's mouth: colours taken from the photo's own light, and the photo's own
/// teeth where it shows them.
#[derive(Debug, Clone)]
pub(super) struct MouthAppearance {
    pub(super) cavity: Colour,
    pub(super) tongue: Colour,
    pub(super) tooth: Colour,
    /// The photo's mouth, filled up beyond its rim; the fourth channel is how much of it counts, 0 to 255.
    pub(super) photo_teeth: Option<Texture>,
    /// Middle of the mouth, bite line of the upper teeth, edge of the lower teeth when the jaw is shut, and depth:
    /// canonical centimetres.
    pub(super) middle_cm: f64,
    pub(super) bite_cm: f64,
    pub(super) lower_bite_cm: f64,
    pub(super) depth_cm: f64,
    /// How blurred the photo is: drawn teeth are no sharper.
    pub(super) softness_px: f32,
}

/// A rest gap of the lips above this share of the eye distance may show teeth.
const OPEN_GAP: f64 = 0.05;

impl MouthAppearance {
    /// `enlarged` is how many canvas pixels a pixel of the photo became.
    pub(super) fn new(canvas: &Canvas, mesh: &[[f64; 3]], canonical: &Canonical, enlarged: f32) -> Self {
        let unit = (eye_distance(mesh) / TUNED_EYE_DISTANCE_PX) as f32;
        let flat: Vec<[f32; 2]> = mesh.iter().map(|p| [p[0] as f32, p[1] as f32]).collect();
        let points = |indices: &[usize]| indices.iter().map(|&i| flat[i]).collect::<Vec<_>>();
        let skin = median(canvas, &hull(points(&[205, 425, 50, 280, 101, 330])));
        let lower_lip: Vec<usize> = LOWER_LIP[3].into_iter().chain(LOWER_LIP[0].into_iter().rev()).collect();
        let lip = median(canvas, &points(&lower_lip));
        let hole = opening(&flat);
        let gap = ((mesh[14][0] - mesh[13][0]).powi(2) + (mesh[14][1] - mesh[13][1]).powi(2)).sqrt();
        let open = gap / eye_distance(mesh) > OPEN_GAP;
        let bright = mean(canvas, &hole) > 0.6 * (skin[0] + skin[1] + skin[2]) / 3.0;
        let photo_teeth = (open && bright).then(|| photo_teeth(canvas, &flat, &hole, unit));

        let pose = head_pose(mesh, canonical);
        let rest = [13, 14, INNER_LEFT, INNER_RIGHT].map(|i| pose.inverse([mesh[i][0], -mesh[i][1], -mesh[i][2]]));
        let bite_cm = rest[0][1] - 0.32;
        let brightest = skin.into_iter().fold(0.0, f32::max);
        let times = |colour: Colour, by: Colour| [0, 1, 2].map(|k| colour[k] * by[k]);
        Self {
            cavity: times(lip, [0.18, 0.12, 0.13]),
            tongue: times(lip, [0.66, 0.52, 0.62]),
            tooth: times([brightest; 3], [0.85, 0.79, 0.68]).map(|v| v.min(225.0)),
            middle_cm: rest.iter().map(|p| p[0]).sum::<f64>() / 4.0,
            bite_cm,
            // Just under where the lips meet: the tongue shows over the lower lip, and the teeth's edge hardly does.
            lower_bite_cm: rest[0][1] - UPPER_SHARE * (rest[0][1] - rest[1][1]) - 0.06,
            depth_cm: (rest[2][2] + rest[3][2]) / 2.0 + 0.2,
            softness_px: (0.8 * unit).clamp(0.5, 1.0).max(0.5 * enlarged),
            photo_teeth,
        }
    }
}

/// The rim of the mouth's opening: corner, upper lip, corner, lower lip.
pub(super) fn opening(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let upper = std::iter::once(INNER_LEFT).chain(UPPER_LIP[0]).chain(std::iter::once(INNER_RIGHT));
    upper.chain(LOWER_LIP[0].into_iter().rev()).map(|i| points[i]).collect()
}

/// The photo's mouth region with its teeth, grown outwards beyond the lips' rim, so that lips that part further than
/// in the photo uncover something.
fn photo_teeth(canvas: &Canvas, points: &[[f32; 2]], hole: &[[f32; 2]], unit: f32) -> Texture {
    debug_assert!(points.len() >= POINTS);
    let eye_px = unit * TUNED_EYE_DISTANCE_PX as f32;
    let rect = Rect::around(hole.iter().copied(), 16.0 * unit).cut(canvas.rect());
    let (width, height) = (rect.width(), rect.height());
    let inside = Mask::polygon(rect, hole);
    let shrink = unit.round().max(1.0) as i32;
    let known: Vec<bool> = (0..width * height)
        .map(|i| {
            let (x, y) = (rect.x0 + (i % width) as i32, rect.y0 + (i / width) as i32);
            [(0, 0), (shrink, 0), (-shrink, 0), (0, shrink), (0, -shrink)]
                .into_iter()
                .all(|(dx, dy)| inside.at(x + dx, y + dy) > 0.9)
        })
        .collect();
    let mut colours: Vec<[f32; 3]> = (0..width * height)
        .map(|i| {
            let [r, g, b, _] =
                canvas.pixels[(rect.y0 as usize + i / width) * canvas.width + rect.x0 as usize + i % width];
            [f32::from(r), f32::from(g), f32::from(b)]
        })
        .collect();
    grow(&mut colours, known, width, height);

    // Its lower edge is moved up: below it shows the seam of the lip.
    let (left, right) = (points[INNER_LEFT], points[INNER_RIGHT]);
    let along = normal([right[0] - left[0], right[1] - left[1]]);
    let up = [along[1], -along[0]];
    let lifted = |i: usize, by: f32| [points[i][0] + up[0] * by * eye_px, points[i][1] + up[1] * by * eye_px];
    let upper = std::iter::once(INNER_LEFT).chain(UPPER_LIP[0]).chain(std::iter::once(INNER_RIGHT));
    let upper = upper.map(|i| lifted(i, 0.16));
    let lower = LOWER_LIP[0].into_iter().rev().map(|i| lifted(i, 0.022));
    let mut alpha = Mask::polygon(rect, &upper.chain(lower).collect::<Vec<_>>());
    alpha.blur(unit.max(0.7));

    let pixels = colours
        .iter()
        .zip(&alpha.values)
        .map(|(colour, alpha)| [colour[0] as u8, colour[1] as u8, colour[2] as u8, (alpha * 255.0 + 0.5) as u8])
        .collect();
    Texture::new(&Canvas { width, height, pixels }, Rect::new(0, 0, width as i32, height as i32), 4)
        .moved((rect.x0, rect.y0))
}

/// Fills what is not known from its known neighbours, ring by ring.
fn grow(colours: &mut [[f32; 3]], mut known: Vec<bool>, width: usize, height: usize) {
    loop {
        let mut found = Vec::new();
        for i in (0..colours.len()).filter(|&i| !known[i]) {
            let (x, y) = (i % width, i / width);
            let (mut sum, mut weight) = ([0.0; 3], 0.0);
            for dy in -2i32..=2 {
                for dx in -2i32..=2 {
                    let (x, y) = (x as i32 + dx, y as i32 + dy);
                    if x < 0 || y < 0 || x >= width as i32 || y >= height as i32 {
                        continue;
                    }
                    let j = y as usize * width + x as usize;
                    if known[j] {
                        let w = 1.0 / (dx * dx + dy * dy) as f32;
                        (0..3).for_each(|k| sum[k] += w * colours[j][k]);
                        weight += w;
                    }
                }
            }
            if weight > 0.0 {
                found.push((i, sum.map(|v| v / weight)));
            }
        }
        if found.is_empty() {
            return;
        }
        for (i, colour) in found {
            colours[i] = colour;
            known[i] = true;
        }
    }
}

fn normal(v: [f32; 2]) -> [f32; 2] {
    let length = v[0].hypot(v[1]).max(1e-6);
    [v[0] / length, v[1] / length]
}

/// Convex hull, in order (Andrew's monotone chain).
fn hull(mut points: Vec<[f32; 2]>) -> Vec<[f32; 2]> {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let cross = |o: [f32; 2], a: [f32; 2], b: [f32; 2]| (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
    let half = |points: &mut dyn Iterator<Item = [f32; 2]>| {
        let mut chain: Vec<[f32; 2]> = Vec::new();
        for point in points {
            while chain.len() >= 2 && cross(chain[chain.len() - 2], chain[chain.len() - 1], point) <= 0.0 {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut ring = half(&mut points.iter().copied());
    ring.extend(half(&mut points.iter().rev().copied()));
    ring
}

/// The colours of the pixels that lie for the most part in a polygon.
fn inside<'a>(canvas: &'a Canvas, polygon: &[[f32; 2]]) -> impl Iterator<Item = [u8; 4]> + use<'a> {
    let rect = Rect::around(polygon.iter().copied(), 1.0).cut(canvas.rect());
    let mask = Mask::polygon(rect, polygon);
    let width = rect.width();
    mask.values
        .into_iter()
        .enumerate()
        .filter(|(_, share)| *share > 0.5)
        .map(move |(i, _)| canvas.pixels[(rect.y0 as usize + i / width) * canvas.width + rect.x0 as usize + i % width])
}

fn median(canvas: &Canvas, polygon: &[[f32; 2]]) -> Colour {
    let mut counts = [[0u32; 256]; 3];
    let mut total = 0;
    for pixel in inside(canvas, polygon) {
        (0..3).for_each(|k| counts[k][usize::from(pixel[k])] += 1);
        total += 1;
    }
    counts.map(|counts| {
        let mut seen = 0;
        let middle = counts.iter().position(|count| {
            seen += count;
            2 * seen >= total
        });
        middle.unwrap_or(0) as f32
    })
}

fn mean(canvas: &Canvas, polygon: &[[f32; 2]]) -> f32 {
    let (sum, count) = inside(canvas, polygon)
        .fold((0u64, 0u64), |(sum, count), [r, g, b, _]| (sum + u64::from(r) + u64::from(g) + u64::from(b), count + 3));
    if count == 0 { 0.0 } else { sum as f32 / count as f32 }
}
