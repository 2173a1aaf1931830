//! Things of COCO's 80 classes in a picture, as boxes.

mod centernet;
mod finder;
mod letterbox;
mod nanodet;
mod suppress;

pub use self::finder::{ObjectFinder, SecondLook};
use crate::geometry::Rect;

/// The classes, in the order of COCO's numbers (which leave some out).
pub const NAMES: [&str; 80] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
];
/// The class of people.
pub const PERSON: usize = 0;
/// What a detector is less sure of than this is not told at all.
pub const MIN_SCORE: f32 = 0.05;

/// A thing in px of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Object {
    /// Index of [`NAMES`].
    pub class: usize,
    /// 0 to 1, comparable whether one detector looked or two.
    pub score: f32,
    pub bounds: Rect,
}

impl Object {
    pub fn name(&self) -> &'static str {
        NAMES[self.class]
    }
}

/// The number that COCO gives a class of [`NAMES`]: 1 to 90, with gaps.
pub fn coco_category(class: usize) -> u32 {
    /// The numbers that no class has.
    const GAPS: [u32; 10] = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];
    GAPS.iter().fold(class as u32 + 1, |number, gap| number + u32::from(number >= *gap))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_cocos() {
        let known = [("person", 1), ("stop sign", 13), ("backpack", 27), ("wine glass", 46), ("dining table", 67)];
        for (name, number) in known.into_iter().chain([("toilet", 70), ("tv", 72), ("book", 84), ("toothbrush", 90)]) {
            let class = NAMES.iter().position(|known| *known == name).unwrap();
            assert_eq!(coco_category(class), number, "{name}");
        }
    }
}
