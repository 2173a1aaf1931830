//! Lines over the 468 points, as MediaPipe draws them, and the 68 points that face alignment knows.

/// The outline, closed.
pub const FACE_OVAL: [&[u16]; 1] = [&[
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10,
]];

/// Outer and inner rim of each lip.
pub const LIPS: [&[u16]; 4] = [
    &[61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
    &[61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
    &[78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
    &[78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
];

/// The rim of the left eye (to the right in a picture), upper and lower lid.
pub const LEFT_EYE: [&[u16]; 2] =
    [&[263, 466, 388, 387, 386, 385, 384, 398, 362], &[263, 249, 390, 373, 374, 380, 381, 382, 362]];

/// The rim of the right eye (to the left in a picture), upper and lower lid.
pub const RIGHT_EYE: [&[u16]; 2] =
    [&[33, 7, 163, 144, 145, 153, 154, 155, 133], &[33, 246, 161, 160, 159, 158, 157, 173, 133]];

/// The left brow, lower and upper edge.
pub const LEFT_EYEBROW: [&[u16]; 2] = [&[276, 283, 282, 295, 285], &[300, 293, 334, 296, 336]];

/// The right brow, lower and upper edge.
pub const RIGHT_EYEBROW: [&[u16]; 2] = [&[46, 53, 52, 65, 55], &[70, 63, 105, 66, 107]];

/// The 68 points of the iBUG scheme (Sagonas et al., 2013) by the mesh's numbers: jaw 17, right brow 5, left brow 5,
/// bridge of the nose 4, nostrils 5, right eye 6, left eye 6, outer lips 12, inner lips 8. OpenPose's face is these and
/// the two pupils.
pub const IBUG_68: [u16; 68] = [
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, //
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, //
    168, 197, 5, 4, 75, 97, 2, 326, 305, //
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, //
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, //
    78, 82, 13, 312, 308, 317, 14, 87,
];
