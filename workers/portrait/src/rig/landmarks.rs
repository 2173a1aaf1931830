//! The points of the 468-point face mesh that have a meaning here. Left and right are the picture's.

/// Inner rim, two rings in the red of the lips, outer rim; index `k` of an upper list pairs with `k` of the lower one.
pub(crate) const UPPER_LIP: [[usize; 9]; 4] = [
    [191, 80, 81, 82, 13, 312, 311, 310, 415],
    [183, 42, 41, 38, 12, 268, 271, 272, 407],
    [184, 74, 73, 72, 11, 302, 303, 304, 408],
    [185, 40, 39, 37, 0, 267, 269, 270, 409],
];
pub(crate) const LOWER_LIP: [[usize; 9]; 4] = [
    [95, 88, 178, 87, 14, 317, 402, 318, 324],
    [96, 89, 179, 86, 15, 316, 403, 319, 325],
    [77, 90, 180, 85, 16, 315, 404, 320, 307],
    [146, 91, 181, 84, 17, 314, 405, 321, 375],
];
/// Corners of the mouth, from the outer rim inwards, and the order of rings reversed against the lips'.
pub(crate) const CORNERS: [[usize; 4]; 2] = [[61, 76, 62, 78], [291, 306, 292, 308]];
/// Half widths of the rings in canonical centimetres, inner to outer.
pub(crate) const LIP_HALF_WIDTH_CM: [f64; 4] = [2.15, 2.2, 2.3, 2.46];
pub(crate) const INNER_LEFT: usize = 78;
pub(crate) const INNER_RIGHT: usize = 308;

pub(crate) const OVAL: [usize; 36] = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
];
/// Skin over the bone of the chin: moves fully with the jaw.
pub(crate) const CHIN: [usize; 17] =
    [18, 200, 199, 175, 152, 148, 377, 201, 421, 208, 428, 171, 396, 83, 313, 182, 406];
/// How much the jaw line follows the jaw, from the chin to the ear.
pub(crate) const JAW_LINE: [(usize, f64); 16] = [
    (176, 1.0),
    (400, 1.0),
    (149, 0.97),
    (378, 0.97),
    (150, 0.92),
    (379, 0.92),
    (136, 0.86),
    (365, 0.86),
    (172, 0.74),
    (397, 0.74),
    (58, 0.5),
    (288, 0.5),
    (132, 0.25),
    (361, 0.25),
    (93, 0.08),
    (323, 0.08),
];
/// Nose and philtrum: never move with the mouth.
pub(crate) const NOSE: [usize; 15] = [2, 97, 326, 98, 327, 1, 4, 5, 94, 19, 64, 294, 129, 358, 164];
pub(crate) const BROWS: [usize; 20] =
    [70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285];

/// One eye's rims, from the corner `corners.0` to `corners.1`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Eye {
    pub(crate) upper: [usize; 7],
    pub(crate) lower: [usize; 7],
    pub(crate) corners: (usize, usize),
}

impl Eye {
    pub(crate) fn contains(&self, point: usize) -> bool {
        self.upper.contains(&point) || self.lower.contains(&point) || point == self.corners.0 || point == self.corners.1
    }

    /// The rim as a closed polygon.
    pub(crate) fn rim(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.corners.0)
            .chain(self.upper)
            .chain(std::iter::once(self.corners.1))
            .chain(self.lower.into_iter().rev())
    }
}

pub(crate) const EYES: [Eye; 2] = [
    Eye { upper: [246, 161, 160, 159, 158, 157, 173], lower: [7, 163, 144, 145, 153, 154, 155], corners: (33, 133) },
    Eye { upper: [466, 388, 387, 386, 385, 384, 398], lower: [249, 390, 373, 374, 380, 381, 382], corners: (263, 362) },
];

/// Whether a point lies on the rim of the mouth's opening.
pub(crate) fn on_inner_rim(point: usize) -> bool {
    UPPER_LIP[0].contains(&point) || LOWER_LIP[0].contains(&point) || point == INNER_LEFT || point == INNER_RIGHT
}

/// Whether a point belongs to the lips, corners included.
pub(crate) fn on_lips(point: usize) -> bool {
    UPPER_LIP.iter().chain(&LOWER_LIP).any(|ring| ring.contains(&point))
        || CORNERS.iter().any(|corner| corner.contains(&point))
}
