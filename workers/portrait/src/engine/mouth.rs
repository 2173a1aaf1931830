use super::{
    appearance::{Colour, MouthAppearance, opening},
    warp::{Layer, paint},
};
use crate::{
    animation::Pose,
    draw::{Canvas, Mask, Rect, Texture, blur, ramp, to_bytes},
    rig::{Posed, Rig},
};

/// How many times finer than the canvas the mouth is drawn: at 1 its corners are stairs.
const FINER: usize = 2;
/// A smaller share of a colour changes no byte.
const SEEN: f32 = 1.0 / 512.0;

/// Draws the opened mouth: cavity, tongue, lower teeth, upper teeth, shade, in the plane of the mouth, from back to
/// front; then mixes it in near the opening only.
pub(super) fn draw(
    canvas: &mut Canvas,
    texture: &Texture,
    rig: &Rig,
    appearance: &MouthAppearance,
    posed: &Posed,
    pose: &Pose,
) {
    let unit = rig.unit();
    let rim = opening(&posed.points);
    let frame = MouthFrame::new(&rim);
    let rim = frame.untangled(&rim);
    let rect = Rect::around(rim.iter().copied(), 6.5 * unit + 2.0).cut(canvas.rect());
    if rect.is_empty() {
        return;
    }
    let fine = Fine { rect, width: rect.width() * FINER, height: rect.height() * FINER };

    let lips = lips(&fine, canvas, texture, rig, posed);
    let fine_rim: Vec<[f32; 2]> = rim.iter().map(|&p| fine.place(p)).collect();
    let mut open = Mask::polygon(fine.whole(), &fine_rim);
    open.blur(0.55 * FINER as f32);
    let interior = Interior::new(rig, appearance, pose, &frame, (posed.points[13], posed.points[14]));
    let sharp = appearance.photo_teeth.is_some();
    let at = |i: usize| fine.back([(i % fine.width) as f32, (i / fine.width) as f32]);
    let mut inside = vec![[0.0; 4]; fine.width * fine.height];
    for (i, colour) in inside.iter_mut().enumerate() {
        // What is blurred afterwards takes from its surroundings, and so needs them.
        if !sharp || open.values[i] > SEEN {
            let [r, g, b] = interior.colour(at(i));
            *colour = [r, g, b, 0.0];
        }
    }
    if !sharp {
        blur(&mut inside, fine.width, fine.height, appearance.softness_px * FINER as f32);
    }
    let lower_rim: Vec<[f32; 2]> =
        rim[UPPER_RIM - 1..].iter().chain(&rim[..1]).rev().map(|&p| frame.place(p)).collect();
    for (i, colour) in inside.iter_mut().enumerate() {
        let share = open.values[i];
        let shade = if share > SEEN { interior.shade(at(i)) } else { 1.0 };
        let touch = interior.contact(at(i), &lower_rim);
        (0..3).for_each(|k| colour[k] = (lips[i][k] * (1.0 - share) + colour[k] * shade * share) * touch);
    }

    let mut near = Mask::polygon(rect, &rim);
    near.dilate((2.0 * unit).round().max(1.0) as usize);
    near.blur(1.5 * unit.max(0.7));
    canvas.map(rect, |x, y, pixel| {
        let share = near.at(x as i32, y as i32).min(1.0);
        if share > SEEN {
            let drawn = fine.average(&inside, x, y);
            let mixed = std::array::from_fn(|k| f32::from(pixel[k]) * (1.0 - share) + drawn[k] * share);
            *pixel = to_bytes(mixed);
        }
    });
}

/// The finer grid over a part of the canvas.
struct Fine {
    rect: Rect,
    width: usize,
    height: usize,
}

impl Fine {
    fn whole(&self) -> Rect {
        Rect::new(0, 0, self.width as i32, self.height as i32)
    }

    /// A place on the canvas in the finer grid.
    fn place(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let finer = FINER as f32;
        [(x - self.rect.x0 as f32 + 0.5) * finer - 0.5, (y - self.rect.y0 as f32 + 0.5) * finer - 0.5]
    }

    fn back(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let finer = FINER as f32;
        [(x + 0.5) / finer - 0.5 + self.rect.x0 as f32, (y + 0.5) / finer - 0.5 + self.rect.y0 as f32]
    }

    /// The mean of the fine pixels that make up a pixel of the canvas.
    fn average(&self, values: &[[f32; 4]], x: usize, y: usize) -> [f32; 4] {
        let (x, y) = ((x - self.rect.x0 as usize) * FINER, (y - self.rect.y0 as usize) * FINER);
        let mut sum = [0.0; 4];
        for row in y..y + FINER {
            for value in &values[row * self.width + x..][..FINER] {
                (0..4).for_each(|k| sum[k] += value[k] / (FINER * FINER) as f32);
            }
        }
        sum
    }
}

/// The warped lips on the finer grid; where no lip is, the canvas.
fn lips(fine: &Fine, canvas: &Canvas, texture: &Texture, rig: &Rig, posed: &Posed) -> Vec<[f32; 4]> {
    let mut pixels = Vec::with_capacity(fine.width * fine.height);
    for y in 0..fine.height {
        let row = (fine.rect.y0 as usize + y / FINER) * canvas.width + fine.rect.x0 as usize;
        pixels.extend((0..fine.width).map(|x| canvas.pixels[row + x / FINER].map(f32::from)));
    }
    let points: Vec<[f32; 2]> = posed.points.iter().map(|&p| fine.place(p)).collect();
    for triangles in [&rig.triangles.mouth, &rig.triangles.lips] {
        let layer = Layer { triangles, at: &points, from: &rig.points };
        paint(&layer, texture, fine.whole(), |x, y, colour| pixels[y * fine.width + x] = colour);
    }
    pixels
}

/// The mouth's own directions, so that a tilted head is drawn like a level one.
struct MouthFrame {
    origin: [f32; 2],
    along: [f32; 2],
    half_width: f32,
    /// The upper lip's rim: along, down.
    upper: Vec<[f32; 2]>,
}

/// Corner, nine points, corner.
const UPPER_RIM: usize = 11;

impl MouthFrame {
    fn new(rim: &[[f32; 2]]) -> Self {
        let (left, right) = (rim[0], rim[UPPER_RIM - 1]);
        let origin = [(left[0] + right[0]) / 2.0, (left[1] + right[1]) / 2.0];
        let across = [right[0] - left[0], right[1] - left[1]];
        let length = across[0].hypot(across[1]).max(1e-3);
        let mut frame = Self { origin, along: across.map(|v| v / length), half_width: length / 2.0, upper: Vec::new() };
        frame.upper = rim[..UPPER_RIM].iter().map(|&p| frame.place(p)).collect();
        frame
    }

    /// Along the mouth and down from it.
    fn place(&self, point: [f32; 2]) -> [f32; 2] {
        let d = [point[0] - self.origin[0], point[1] - self.origin[1]];
        [d[0] * self.along[0] + d[1] * self.along[1], d[1] * self.along[0] - d[0] * self.along[1]]
    }

    fn back(&self, [s, t]: [f32; 2]) -> [f32; 2] {
        [self.origin[0] + s * self.along[0] - t * self.along[1], self.origin[1] + s * self.along[1] + t * self.along[0]]
    }

    /// How far down the upper lip's rim is at `s`.
    fn upper_at(&self, s: f32) -> f32 {
        along(&self.upper, s)
    }

    /// The rim with the lower lip on or under the upper one: lips that cross (f, v) would make bow ties.
    fn untangled(&self, rim: &[[f32; 2]]) -> Vec<[f32; 2]> {
        let mut rim = rim.to_vec();
        for point in &mut rim[UPPER_RIM..] {
            let [s, t] = self.place(*point);
            *point = self.back([s, t.max(self.upper_at(s))]);
        }
        rim
    }
}

/// How far down a rim, from left to right, is at `s`.
fn along(rim: &[[f32; 2]], s: f32) -> f32 {
    let after = rim.partition_point(|p| p[0] < s).clamp(1, rim.len() - 1);
    let (a, b) = (rim[after - 1], rim[after]);
    a[1] + ramp(s, a[0], b[0].max(a[0] + 1e-3)) * (b[1] - a[1])
}

/// A flat patch in the head seen in the picture: from canvas pixels to centimetres to the side and down.
struct Plane {
    origin: [f32; 2],
    /// Rows of the inverse.
    side: [f32; 2],
    down: [f32; 2],
}

impl Plane {
    /// The plane at `height_cm` and the appearance's depth, on the skull or on the jaw.
    fn new(rig: &Rig, appearance: &MouthAppearance, pose: &Pose, height_cm: f64, of_jaw: bool) -> Self {
        let at =
            |x: f64, y: f64| rig.inside([appearance.middle_cm + x, height_cm + y, appearance.depth_cm], pose, of_jaw);
        let (origin, right, below) = (at(0.0, 0.0), at(2.0, 0.0), at(0.0, -1.0));
        let x = [(right[0] - origin[0]) / 2.0, (right[1] - origin[1]) / 2.0];
        let y = [below[0] - origin[0], below[1] - origin[1]];
        let area = x[0] * y[1] - x[1] * y[0];
        let area = if area.abs() < 1e-3 { 1e-3 } else { area };
        Self { origin, side: [y[1] / area, -y[0] / area], down: [-x[1] / area, x[0] / area] }
    }

    fn place(&self, point: [f32; 2]) -> [f32; 2] {
        let d = [point[0] - self.origin[0], point[1] - self.origin[1]];
        [d[0] * self.side[0] + d[1] * self.side[1], d[0] * self.down[0] + d[1] * self.down[1]]
    }

    /// Pixels per centimetre.
    fn scale(&self) -> f32 {
        1.0 / self.side[0].hypot(self.side[1]).max(1e-6)
    }
}

struct Interior<'a> {
    appearance: &'a MouthAppearance,
    frame: &'a MouthFrame,
    skull: Plane,
    jaw: Plane,
    /// Where the skull's plane was at rest, for the photo's own teeth.
    rest: ([f64; 3], [f64; 3], [f64; 3]),
    /// Fades teeth out of closed lips, where they would be a pale thread.
    teeth: f32,
    /// How firmly the lips meet: 1 closed, 0 apart.
    closed: f32,
    /// How much of the tongue's tip shows before the teeth.
    tip: f32,
    tongue_top_cm: f32,
    eye_px: f32,
    /// How sharp an edge is: 1 / cm.
    edge: f32,
}

impl<'a> Interior<'a> {
    fn new(
        rig: &Rig,
        appearance: &'a MouthAppearance,
        pose: &Pose,
        frame: &'a MouthFrame,
        middle: ([f32; 2], [f32; 2]),
    ) -> Self {
        let eye_px = rig.eye_distance_px as f32;
        let gap = (frame.place(middle.1)[1] - frame.place(middle.0)[1]) / eye_px;
        let at =
            |x: f64, y: f64| rig.in_picture([appearance.middle_cm + x, appearance.bite_cm + y, appearance.depth_cm]);
        let skull = Plane::new(rig, appearance, pose, appearance.bite_cm, false);
        Self {
            appearance,
            frame,
            edge: (skull.scale() * 0.9).clamp(8.0, 60.0),
            jaw: Plane::new(rig, appearance, pose, appearance.lower_bite_cm, true),
            skull,
            rest: (at(0.0, 0.0), at(1.0, 0.0), at(0.0, -1.0)),
            teeth: (gap / 0.035 - 0.2).clamp(0.0, 1.0),
            closed: 1.0 - ramp(gap, 0.0, 0.03),
            tip: ramp(pose.tongue, 0.55, 0.85),
            tongue_top_cm: -0.26 - 0.6 * pose.tongue,
            eye_px,
        }
    }

    fn colour(&self, point: [f32; 2]) -> Colour {
        let [side, down] = self.jaw.place(point);
        let mut colour = self.appearance.cavity;
        let (tongue, share) = self.tongue(side, down);
        mix(&mut colour, tongue, share);
        let (tooth, share) = self.lower_teeth(side, down);
        mix(&mut colour, tooth, share);
        let [side, down] = self.skull.place(point);
        match &self.appearance.photo_teeth {
            Some(photo) => {
                let (origin, x, y) = self.rest;
                let at = |k: usize| {
                    let (o, x, y) = (origin[k] as f32, x[k] as f32, y[k] as f32);
                    o + side * (x - o) + down * (y - o)
                };
                let [r, g, b, alpha] = photo.bicubic(at(0), at(1));
                mix(&mut colour, [r, g, b], (alpha / 255.0).clamp(0.0, 1.0) * self.teeth);
            }
            None => {
                let (tooth, share) = self.upper_teeth(side, down);
                mix(&mut colour, tooth, share * self.teeth);
            }
        }
        // The tongue's tip of a "th", between the teeth.
        let bulge = (side / 0.8).powi(2) + ((down - 0.06) / 0.26).powi(2);
        let tip = self.appearance.tongue.map(|v| v * (1.1 - 0.25 * bulge));
        mix(&mut colour, tip, ((1.0 - bulge) * 3.0).clamp(0.0, 1.0) * self.tip);
        colour
    }

    fn tongue(&self, side: f32, down: f32) -> (Colour, f32) {
        let distance = (side / 1.55).powi(2) + ((down - self.tongue_top_cm - 0.9) / 0.9).powi(2);
        let furrow = 1.0 - 0.15 * (-(side / 0.12).powi(2)).exp();
        let light = (0.55 + 0.45 * (1.0 - side.abs() / 1.6).clamp(0.0, 1.0)) * furrow;
        (self.appearance.tongue.map(|v| v * light), ((1.0 - distance) * 2.2).clamp(0.0, 1.0))
    }

    fn lower_teeth(&self, side: f32, down: f32) -> (Colour, f32) {
        const WIDTH_CM: f32 = 0.36;
        let away = side.abs();
        let tooth = (away / WIDTH_CM).min(5.0).floor();
        let within = (away - (tooth + 0.5) * WIDTH_CM) / (WIDTH_CM / 2.0);
        let share = ((down - 0.06 - 0.03 * within.abs().powi(3)) * self.edge).clamp(0.0, 1.0)
            * ((0.8 - down) * 8.0).clamp(0.0, 1.0)
            * ((1.75 - away) * 4.0).clamp(0.0, 1.0);
        let light = (1.0 - 0.2 * within.powi(6)) * (1.0 - 0.5 * (away / 1.8).powi(2)) * 0.62;
        (self.appearance.tooth.map(|v| v * light), share)
    }

    fn upper_teeth(&self, side: f32, down: f32) -> (Colour, f32) {
        /// From the middle: where one tooth ends and the next begins, and how much higher its edge is.
        const EDGES_CM: [f32; 7] = [0.0, 0.43, 0.80, 1.16, 1.50, 1.82, 2.12];
        const RAISED_CM: [f32; 6] = [0.0, 0.05, 0.01, 0.05, 0.09, 0.12];
        let (away, up) = (side.abs(), -down);
        let tooth = EDGES_CM.partition_point(|&edge| edge <= away).saturating_sub(1).min(5);
        let within = (2.0 * away - EDGES_CM[tooth] - EDGES_CM[tooth + 1]) / (EDGES_CM[tooth + 1] - EDGES_CM[tooth]);
        let edge = RAISED_CM[tooth] + 0.05 * within.abs().min(1.5).powi(3);
        let share = ((up - edge) * self.edge).clamp(0.0, 1.0)
            * ((0.95 - up) * 8.0).clamp(0.0, 1.0)
            * ((2.1 - away) * 5.0).clamp(0.0, 1.0);
        let between = 1.0 - 0.20 * within.abs().min(1.0).powi(6);
        let round = (1.0 - 0.45 * (away / 2.1).powi(2)).max(0.0);
        let light = between * round * (0.62 + 0.5 * (0.9 - up) / 0.9).clamp(0.0, 1.02);
        (self.appearance.tooth.map(|v| v * light), share)
    }

    /// The shadow in which closed lips touch.
    fn contact(&self, point: [f32; 2], lower_rim: &[[f32; 2]]) -> f32 {
        const DARK: f32 = 0.5;
        const WIDE: f32 = 0.011;
        let [s, t] = self.frame.place(point);
        let aside = (s / self.frame.half_width).abs();
        if self.closed < SEEN || aside > 1.0 {
            return 1.0;
        }
        let outside = (self.frame.upper_at(s) - t).max(t - along(lower_rim, s)).max(0.0) / (WIDE * self.eye_px);
        1.0 - DARK * self.closed * (1.0 - aside.powi(4)) * (-outside * outside).exp()
    }

    /// The shadow under the upper lip and towards the corners.
    fn shade(&self, point: [f32; 2]) -> f32 {
        let [s, t] = self.frame.place(point);
        let under = (t - self.frame.upper_at(s)) / self.eye_px;
        if self.appearance.photo_teeth.is_some() {
            return 0.75 + 0.25 * ramp(under, 0.0, 0.04);
        }
        let aside = (s / self.frame.half_width).abs().min(1.0);
        (0.60 + 0.40 * ramp(under, 0.0, 0.06)) * (1.0 - 0.45 * aside.powf(2.5))
    }
}

fn mix(colour: &mut Colour, with: Colour, share: f32) {
    (0..3).for_each(|k| colour[k] += (with[k] - colour[k]) * share);
}
