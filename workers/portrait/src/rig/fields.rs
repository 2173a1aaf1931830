use std::collections::BTreeMap;

use super::{
    RINGS,
    canonical::POINTS,
    landmarks::{BROWS, CHIN, CORNERS, EYES, JAW_LINE, LIP_HALF_WIDTH_CM, LOWER_LIP, NOSE, OVAL, UPPER_LIP},
    similarity::Similarity,
    solve::Laplacian,
};

/// How each point of the rig follows each movement: given on a few points, harmonic between them, over a mesh that is
/// cut open at the lips, so that nothing leaks from one lip to the other.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    /// The jaw under spread lips and under rounded ones; 1 moves as the bone does.
    pub(crate) jaw_wide: Vec<f64>,
    pub(crate) jaw_round: Vec<f64>,
    pub(crate) wide: Vec<f64>,
    pub(crate) protrude: Vec<f64>,
    pub(crate) raise_upper: Vec<f64>,
    pub(crate) lower_down: Vec<f64>,
    pub(crate) press: Vec<f64>,
    pub(crate) tuck: Vec<f64>,
    /// Pixels: from the photo's mouth to a closed one.
    pub(crate) close: [Vec<f64>; 2],
    /// Pixels: from the photo's eyes to shut ones.
    pub(crate) blink: [Vec<f64>; 2],
    pub(crate) brow: Vec<f64>,
}

type Seeds = BTreeMap<usize, f64>;

/// What the seeds are chosen from.
struct Ground<'a> {
    canonical: &'a [[f64; 3]],
    laplacian: &'a Laplacian,
    pose: &'a Similarity,
    /// Points that no movement of the mouth reaches.
    zero: Seeds,
}

impl Ground<'_> {
    /// How far a lip point is from the middle (0) towards the corner (1).
    fn u(&self, point: usize, ring: usize) -> f64 {
        (self.canonical[point][0].abs() / LIP_HALF_WIDTH_CM[ring]).min(1.0)
    }

    fn solve(&self, seeds: &Seeds) -> Vec<f64> {
        self.laplacian.harmonic(seeds)
    }

    /// A field of the lips: `upper` and `lower` get (u, ring), `corner` the place in `CORNERS`; zero on the oval.
    fn lips(
        &self,
        upper: impl Fn(f64, usize) -> f64,
        lower: impl Fn(f64, usize) -> f64,
        corner: f64,
        extra: &[(usize, f64)],
    ) -> Vec<f64> {
        let mut seeds = self.zero.clone();
        seeds.extend(OVAL.map(|point| (point, 0.0)));
        for ring in 0..4 {
            seeds.extend(UPPER_LIP[ring].map(|point| (point, upper(self.u(point, ring), ring))));
            seeds.extend(LOWER_LIP[ring].map(|point| (point, lower(self.u(point, ring), ring))));
        }
        seeds.extend(CORNERS.into_iter().flatten().map(|point| (point, corner)));
        seeds.extend(extra.iter().copied());
        self.solve(&seeds)
    }

    /// `span` and `power` say how far to the corners the lower lip follows the jaw.
    fn jaw(&self, span: f64, power: f64) -> Vec<f64> {
        const CORNER: f64 = 0.3;
        let mut seeds = self.zero.clone();
        seeds.extend(CHIN.map(|point| (point, 1.0)));
        seeds.extend(JAW_LINE);
        // The jaw fades over the neck: a shorter way folds the chin over the collar, a longer one drags the collar.
        for (j, point) in OVAL.iter().enumerate() {
            let here = seeds.get(point).copied().unwrap_or(0.0);
            seeds.insert(POINTS + j, 0.6 * here);
            seeds.insert(POINTS + OVAL.len() + j, 0.2 * here);
        }
        for ring in 0..4 {
            seeds.extend(UPPER_LIP[ring].map(|point| (point, CORNER * self.u(point, ring).powi(4))));
            seeds.extend(LOWER_LIP[ring].map(|point| {
                let inward = (1.0 - (self.u(point, ring) / span).powf(power)).max(0.0);
                (point, CORNER + (1.0 - CORNER) * inward)
            }));
        }
        seeds.extend(CORNERS.into_iter().flatten().map(|point| (point, CORNER)));
        self.solve(&seeds)
    }
}

impl Fields {
    pub(super) fn new(points: &[[f64; 3]], canonical: &[[f64; 3]], laplacian: &Laplacian, pose: &Similarity) -> Self {
        let far = POINTS + 2 * OVAL.len()..POINTS + RINGS.len() * OVAL.len();
        let above = (0..POINTS).filter(|&point| canonical[point][1] > 0.6);
        let zero: Seeds = far.chain(above).chain(NOSE).map(|point| (point, 0.0)).collect();
        let ground = Ground { canonical, laplacian, pose, zero };

        const RAISE: [f64; 4] = [1.0, 1.0, 0.95, 0.85];
        const DROP: [f64; 4] = [1.0, 1.0, 0.95, 0.8];
        const PRESS: [f64; 4] = [0.0, 0.3, 0.65, 1.0];
        const TUCK: [f64; 4] = [0.75, 0.85, 0.95, 1.0];
        let forward = |u: f64, _| 1.0 - 0.5 * u * u;
        let pressed = |u: f64, ring: usize| (1.0 - 0.6 * u * u) * PRESS[ring];
        let nothing = |_, _| 0.0;
        Self {
            jaw_wide: ground.jaw(1.0, 2.4),
            jaw_round: ground.jaw(0.85, 2.0),
            wide: wide(&ground),
            protrude: ground.lips(forward, forward, 0.5, &[]),
            raise_upper: ground.lips(|u, ring| (1.0 - u * u) * RAISE[ring], nothing, 0.0, &[]),
            lower_down: ground.lips(
                nothing,
                |u, ring| (1.0 - u.powf(2.4)) * DROP[ring],
                0.0,
                &[(199, 0.15), (152, 0.0)],
            ),
            press: ground.lips(|u, ring| -pressed(u, ring), pressed, 0.0, &[]),
            tuck: ground.lips(
                nothing,
                |u, ring| (1.0 - u.powf(2.5)) * TUCK[ring],
                0.0,
                &[(199, 0.3), (175, 0.25), (152, 0.15)],
            ),
            close: close(&ground, points),
            blink: blink(&ground, points),
            brow: brow(&ground, points.len()),
        }
    }
}

fn wide(ground: &Ground<'_>) -> Vec<f64> {
    let mut seeds = ground.zero.clone();
    seeds.extend(OVAL.into_iter().chain([199, 175, 152]).map(|point| (point, 0.0)));
    let lips = UPPER_LIP.iter().chain(&LOWER_LIP).flatten().chain(CORNERS.iter().flatten());
    seeds.extend(lips.map(|&point| (point, ground.canonical[point][0] / LIP_HALF_WIDTH_CM[3])));
    ground.solve(&seeds)
}

/// Of the way that closes the lips, the upper lip goes this share.
pub(crate) const UPPER_SHARE: f64 = 0.28;

/// The key to photos that smile: whatever is spoken starts from the closed mouth, and a mouth that closes lets go of
/// its smile.
fn close(ground: &Ground<'_>, points: &[[f64; 3]]) -> [Vec<f64>; 2] {
    const REACH: [f64; 4] = [1.0, 0.9, 0.7, 0.45];
    let corners = [0, 1].map(|side| relaxed(ground, points, side));
    let side = |point: usize| usize::from(ground.canonical[point][0] * ground.canonical[CORNERS[0][0]][0] < 0.0);
    [0, 1].map(|axis| {
        let mut seeds = ground.zero.clone();
        seeds.extend(OVAL.into_iter().map(|point| (point, 0.0)));
        for (corner, relaxed) in CORNERS.into_iter().zip(corners) {
            seeds.extend(corner.map(|point| (point, relaxed[axis])));
        }
        for j in 0..UPPER_LIP[0].len() {
            let gap = points[LOWER_LIP[0][j]][axis] - points[UPPER_LIP[0][j]][axis];
            for ring in 0..4 {
                let (upper, lower) = (UPPER_LIP[ring][j], LOWER_LIP[ring][j]);
                // Lips shorten evenly along, and hang from their corners.
                let pulled = |point: usize| {
                    let u = ground.u(point, ring);
                    corners[side(point)][axis] * if axis == 0 { u } else { u * u }
                };
                seeds.insert(upper, UPPER_SHARE * REACH[ring] * gap + pulled(upper));
                seeds.insert(lower, -(1.0 - UPPER_SHARE) * REACH[ring] * gap + pulled(lower));
            }
        }
        ground.solve(&seeds)
    })
}

/// How a corner of the mouth moves, in pixels, when a smile is let go: most of the way to where the canonical head,
/// which is at rest, has it, as seen from the middle of the mouth. A mouth that is no wider than at rest stays.
fn relaxed(ground: &Ground<'_>, points: &[[f64; 3]], side: usize) -> [f64; 2] {
    const LETS_GO: [f64; 2] = [0.7, 0.5];
    let rest = |point: usize| {
        let [x, y, _] = ground.pose.point(ground.canonical[point]);
        [x, -y]
    };
    let seen = |point: usize| [points[point][0], points[point][1]];
    let span = |of: &dyn Fn(usize) -> [f64; 2]| {
        let (corner, upper, lower) = (of(CORNERS[side][0]), of(UPPER_LIP[0][4]), of(LOWER_LIP[0][4]));
        [0, 1].map(|k| corner[k] - (upper[k] + lower[k]) / 2.0)
    };
    let (rest, seen) = (span(&rest), span(&seen));
    if seen[0].hypot(seen[1]) <= rest[0].hypot(rest[1]) {
        return [0.0; 2];
    }
    [0, 1].map(|k| LETS_GO[k] * (rest[k] - seen[k]))
}

fn blink(ground: &Ground<'_>, points: &[[f64; 3]]) -> [Vec<f64>; 2] {
    const BRIDGE: [usize; 3] = [168, 6, 197];
    [0, 1].map(|axis| {
        let outside = (0..POINTS).filter(|&point| !(0.3..=6.0).contains(&ground.canonical[point][1]));
        let rings = POINTS..points.len();
        let corners = EYES.iter().flat_map(|eye| [eye.corners.0, eye.corners.1]);
        let mut seeds: Seeds =
            outside.chain(rings).chain(BROWS).chain(corners).chain(BRIDGE).map(|point| (point, 0.0)).collect();
        for eye in EYES {
            for (upper, lower) in eye.upper.into_iter().zip(eye.lower) {
                let opening = points[lower][axis] - points[upper][axis];
                seeds.insert(upper, 0.9 * opening);
                seeds.insert(lower, -0.08 * opening);
            }
        }
        ground.solve(&seeds)
    })
}

fn brow(ground: &Ground<'_>, points: usize) -> Vec<f64> {
    let below = (0..POINTS).filter(|&point| ground.canonical[point][1] < 3.2);
    let mut seeds: Seeds = (POINTS + OVAL.len()..points).chain(below).map(|point| (point, 0.0)).collect();
    seeds.extend(BROWS.map(|point| (point, 1.0)));
    for eye in EYES {
        seeds.extend(eye.upper.into_iter().chain([eye.corners.0, eye.corners.1]).map(|point| (point, 0.0)));
    }
    ground.solve(&seeds)
}
