use crate::geometry::{Rect, Roi};

/// Numbers of BlazePose's 33 points; left and right are the person's own.
pub mod part {
    pub const NOSE: usize = 0;
    pub const LEFT_EYE: usize = 2;
    pub const RIGHT_EYE: usize = 5;
    pub const LEFT_EAR: usize = 7;
    pub const RIGHT_EAR: usize = 8;
    pub const LEFT_SHOULDER: usize = 11;
    pub const RIGHT_SHOULDER: usize = 12;
    pub const LEFT_ELBOW: usize = 13;
    pub const RIGHT_ELBOW: usize = 14;
    pub const LEFT_WRIST: usize = 15;
    pub const RIGHT_WRIST: usize = 16;
    pub const LEFT_HIP: usize = 23;
    pub const RIGHT_HIP: usize = 24;
    pub const LEFT_KNEE: usize = 25;
    pub const RIGHT_KNEE: usize = 26;
    pub const LEFT_ANKLE: usize = 27;
    pub const RIGHT_ANKLE: usize = 28;

    /// The 17 points of COCO, in COCO's order.
    pub const COCO_17: [usize; 17] = [
        NOSE,
        LEFT_EYE,
        RIGHT_EYE,
        LEFT_EAR,
        RIGHT_EAR,
        LEFT_SHOULDER,
        RIGHT_SHOULDER,
        LEFT_ELBOW,
        RIGHT_ELBOW,
        LEFT_WRIST,
        RIGHT_WRIST,
        LEFT_HIP,
        RIGHT_HIP,
        LEFT_KNEE,
        RIGHT_KNEE,
        LEFT_ANKLE,
        RIGHT_ANKLE,
    ];
}

/// One point of a body.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Landmark {
    /// In px of the picture; may lie outside it.
    pub x: f32,
    pub y: f32,
    /// Depth relative to the hips in px, of about x's scale; smaller is closer to the camera.
    pub z: f32,
    /// That the point is in the picture and not hidden, 0 to 1.
    pub visibility: f32,
    /// That the point is in the picture, 0 to 1.
    pub presence: f32,
}

impl Landmark {
    pub fn at(&self) -> [f32; 2] {
        [self.x, self.y]
    }
}

/// One person.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// That this is a person seen right, 0 to 1: ranks the people of many pictures among each other.
    pub score: f32,
    /// 33 points ([`part`]).
    pub landmarks: Vec<Landmark>,
    /// The same points in metres around the hips' middle: x right, y down, z away from the camera.
    pub world_m: Vec<[f32; 3]>,
    /// What the network saw the person in.
    pub roi: Roi,
}

impl Person {
    /// The upright box around the points of COCO.
    pub fn bounds(&self) -> Rect {
        let points = part::COCO_17.iter().map(|i| self.landmarks[*i].at());
        Rect::of(points).unwrap_or(Rect { x: 0.0, y: 0.0, width: 0.0, height: 0.0 })
    }

    /// How visible the person is: the mean over the points of COCO.
    pub fn visibility(&self) -> f32 {
        part::COCO_17.iter().map(|i| self.landmarks[*i].visibility).sum::<f32>() / 17.0
    }

    /// Object keypoint similarity of two people (COCO's measure of poses, Ruggero Ronchi and Perona,
    /// arXiv:1707.05388), with the mean of the two boxes standing in for the segment's area.
    pub fn similarity(&self, other: &Self) -> f32 {
        let area = (self.bounds().area() + other.bounds().area()) / 2.0 * SHARE_OF_BOX;
        let points = part::COCO_17.iter().zip(FALLOFF).map(|(&i, sigma)| {
            let (a, b) = (&self.landmarks[i], &other.landmarks[i]);
            let squared = (a.x - b.x).powi(2) + (a.y - b.y).powi(2);
            (-squared / (2.0 * area.max(1.0) * (2.0 * sigma).powi(2))).exp()
        });
        points.sum::<f32>() / 17.0
    }
}

/// How much of its box a person fills.
const SHARE_OF_BOX: f32 = 0.53;
/// COCO's standard deviations of human annotators, relative to the person's size.
const FALLOFF: [f32; 17] = [
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
];
