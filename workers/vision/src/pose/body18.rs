use crate::pose::{Landmark, Person, part::*};

/// A body in OpenPose's 18 points (the COCO model of Cao et al., arXiv:1812.08008): nose, neck, right shoulder, elbow,
/// wrist, left shoulder, elbow, wrist, right hip, knee, ankle, left hip, knee, ankle, right eye, left eye, right ear,
/// left ear.
#[derive(Debug, Clone, PartialEq)]
pub struct Body18 {
    /// `None` where the point is not seen.
    pub points: [Option<Landmark>; 18],
}

/// BlazePose's number of each point; the neck is made of the shoulders.
const FROM_33: [usize; 18] = [
    NOSE,
    usize::MAX,
    RIGHT_SHOULDER,
    RIGHT_ELBOW,
    RIGHT_WRIST,
    LEFT_SHOULDER,
    LEFT_ELBOW,
    LEFT_WRIST,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_ANKLE,
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_ANKLE,
    RIGHT_EYE,
    LEFT_EYE,
    RIGHT_EAR,
    LEFT_EAR,
];

impl Body18 {
    /// The pairs that OpenPose draws a limb between, in its order of colours.
    pub const LIMBS: [[usize; 2]; 17] = [
        [1, 2],
        [1, 5],
        [2, 3],
        [3, 4],
        [5, 6],
        [6, 7],
        [1, 8],
        [8, 9],
        [9, 10],
        [1, 11],
        [11, 12],
        [12, 13],
        [1, 0],
        [0, 14],
        [14, 16],
        [0, 15],
        [15, 17],
    ];

    /// Keeps what is at least `min_visibility` visible and inside the `size` of the picture.
    pub fn of(person: &Person, size: [u32; 2], min_visibility: f32) -> Self {
        let seen = |landmark: Landmark| {
            let inside = (0.0..size[0] as f32).contains(&landmark.x) && (0.0..size[1] as f32).contains(&landmark.y);
            (inside && landmark.visibility >= min_visibility).then_some(landmark)
        };
        let middle = |a: &Landmark, b: &Landmark| Landmark {
            x: (a.x + b.x) / 2.0,
            y: (a.y + b.y) / 2.0,
            z: (a.z + b.z) / 2.0,
            visibility: a.visibility.min(b.visibility),
            presence: a.presence.min(b.presence),
        };
        let neck = middle(&person.landmarks[LEFT_SHOULDER], &person.landmarks[RIGHT_SHOULDER]);
        Self { points: FROM_33.map(|from| seen(person.landmarks.get(from).copied().unwrap_or(neck))) }
    }
}
