use super::Object;

/// Boxes of one class that overlap more are one thing.
const MAX_IOU: f32 = 0.6;
/// The most things of one picture.
const MAX_OBJECTS: usize = 100;
/// Two detectors mean the same thing from here on.
const SAME_THING: f32 = 0.55;
/// What is left of the score of a thing that one of two detectors saw.
const SEEN_ONCE: f32 = 0.7;

/// The best of each class and place, the surest first.
pub(super) fn suppress(mut objects: Vec<Object>) -> Vec<Object> {
    objects.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Object> = Vec::new();
    for object in objects {
        let is_known = |other: &Object| other.class == object.class && other.bounds.iou(&object.bounds) > MAX_IOU;
        if kept.len() < MAX_OBJECTS && !kept.iter().any(is_known) {
            kept.push(object);
        }
    }
    kept
}

/// What two detectors saw: a thing that both saw has the mean of their scores and of their boxes (weighted by score); one
/// that a single one saw keeps a part of its score.
pub(super) fn fuse(first: Vec<Object>, second: Vec<Object>) -> Vec<Object> {
    let mut all: Vec<(Object, u8)> =
        first.into_iter().map(|object| (object, 0)).chain(second.into_iter().map(|object| (object, 1))).collect();
    all.sort_by(|a, b| b.0.score.total_cmp(&a.0.score));
    // Each with its detector, and whether the other one saw it too.
    let mut things: Vec<(Object, u8, bool)> = Vec::new();
    for (object, by) in all {
        let same = things.iter_mut().find(|(thing, seen_by, both)| {
            thing.class == object.class && *seen_by != by && !both && thing.bounds.iou(&object.bounds) > SAME_THING
        });
        match same {
            Some((thing, _, both)) => {
                *both = true;
                *thing = mean(thing, &object);
            }
            None => things.push((object, by, false)),
        }
    }
    let scored = things.into_iter().map(|(thing, _, both)| {
        let score = if both { thing.score } else { SEEN_ONCE * thing.score };
        Object { score, ..thing }
    });
    let mut fused: Vec<Object> = scored.collect();
    fused.sort_by(|a, b| b.score.total_cmp(&a.score));
    fused
}

fn mean(one: &Object, other: &Object) -> Object {
    let share = one.score / (one.score + other.score);
    let between = |a: f32, b: f32| a * share + b * (1.0 - share);
    let mut bounds = one.bounds;
    bounds.x = between(one.bounds.x, other.bounds.x);
    bounds.y = between(one.bounds.y, other.bounds.y);
    bounds.width = between(one.bounds.width, other.bounds.width);
    bounds.height = between(one.bounds.height, other.bounds.height);
    Object { class: one.class, score: (one.score + other.score) / 2.0, bounds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;

    fn object(class: usize, x: f32, score: f32) -> Object {
        Object { class, score, bounds: Rect { x, y: 0.0, width: 10.0, height: 10.0 } }
    }

    #[test]
    fn of_one_class_and_place_the_best_is_kept() {
        let kept = suppress(vec![object(1, 1.0, 0.5), object(1, 0.0, 0.9), object(2, 0.0, 0.4), object(1, 50.0, 0.3)]);
        assert_eq!(kept, [object(1, 0.0, 0.9), object(2, 0.0, 0.4), object(1, 50.0, 0.3)]);
    }

    #[test]
    fn two_detectors_agree_or_one_is_believed_less() {
        let fused = fuse(vec![object(1, 0.0, 0.6), object(3, 0.0, 0.5)], vec![object(1, 2.0, 0.2)]);
        assert_eq!((fused.len(), fused[0].class, fused[1].class), (2, 1, 3));
        assert!((fused[0].score - 0.4).abs() < 1e-6 && (fused[0].bounds.x - 0.5).abs() < 1e-5);
        assert!((fused[1].score - 0.35).abs() < 1e-6);
    }
}
