use medley_vision::{
    geometry::Rect,
    objects::{NAMES, Object, coco_category},
};
use opencv::{
    core::{Mat, Rect as Square, Scalar},
    imgproc,
};
use serde_json::{Value, json};

use crate::{Annotator, ControlError, Map, Scene, annotator::Document, mat};

/// The outline of each thing's box on black, a colour for each class; and the boxes in COCO's format.
#[derive(Debug)]
pub(crate) struct Detect;

const LINE_PX: i32 = 3;

/// A thing in px of the working size.
#[derive(Debug, Clone, Copy)]
struct Boxed {
    class: usize,
    score: f32,
    bounds: Rect,
}

impl Annotator for Detect {
    fn annotate(&self, scene: &Scene<'_>) -> Result<Map, ControlError> {
        let mut canvas = mat::black_like(scene.view())?;
        let scale = scene.scale();
        let min_score = scene.params().detect_min_score;
        let sure = scene.objects()?.into_iter().filter(|object| object.score >= min_score);
        let things: Vec<Boxed> = sure.map(|object| boxed(&object, scale)).collect();
        // The surest on top.
        for thing in things.iter().rev() {
            draw(&mut canvas, thing)?;
        }
        let (count, view) = (things.len(), scene.view_size());
        let mut map = Map::new(canvas).hard();
        map.document = Some(Document(Box::new(move |canvas| document(&things, view, canvas))));
        Ok(map.quality("detect_objects", count))
    }
}

fn boxed(object: &Object, [across, down]: [f32; 2]) -> Boxed {
    let Rect { x, y, width, height } = object.bounds;
    let bounds = Rect { x: x * across, y: y * down, width: width * across, height: height * down };
    Boxed { class: object.class, score: object.score, bounds }
}

fn draw(canvas: &mut Mat, thing: &Boxed) -> mat::Result<()> {
    let [x, y, width, height] =
        [thing.bounds.x, thing.bounds.y, thing.bounds.width, thing.bounds.height].map(|px| px.round() as i32);
    let [red, green, blue] = colour(thing.class).map(f64::from);
    let square = Square::new(x, y, width.max(1), height.max(1));
    imgproc::rectangle(canvas, square, Scalar::new(red, green, blue, 0.0), LINE_PX, imgproc::LINE_8, 0)
}

/// Hues that follow each other by the golden angle are far apart.
fn colour(class: usize) -> [u8; 3] {
    let hue = (class as f32 * 0.618_034).fract() * 6.0;
    let channel = |at: f32| {
        let far = (hue - at).rem_euclid(6.0);
        let level = (far.min(6.0 - far) - 1.0).clamp(0.0, 1.0);
        (255.0 - 200.0 * level) as u8
    };
    [channel(0.0), channel(2.0), channel(4.0)]
}

/// As pycocotools reads it, with `score` besides. Boxes are left, top, width and height in px of the map.
fn document(things: &[Boxed], view: [u32; 2], canvas: [u32; 2]) -> Value {
    let scale = [0, 1].map(|axis| canvas[axis] as f32 / view[axis] as f32);
    let annotations: Vec<Value> = (1..)
        .zip(things)
        .map(|(id, thing): (u32, &Boxed)| {
            let Rect { x, y, width, height } = thing.bounds;
            let bounds = [x * scale[0], y * scale[1], width * scale[0], height * scale[1]];
            json!({
                "id": id, "image_id": 1, "category_id": coco_category(thing.class), "bbox": bounds,
                "area": bounds[2] * bounds[3], "iscrowd": 0, "score": thing.score,
            })
        })
        .collect();
    let categories: Vec<Value> =
        NAMES.iter().enumerate().map(|(class, name)| json!({ "id": coco_category(class), "name": name })).collect();
    let image = json!({ "id": 1, "width": canvas[0], "height": canvas[1], "file_name": "detect.png" });
    json!({ "images": [image], "annotations": annotations, "categories": categories })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_of_the_published_map() {
        let bounds = Rect { x: 10.0, y: 20.0, width: 30.0, height: 40.0 };
        let json = document(&[Boxed { class: 16, score: 0.5, bounds }], [100, 100], [200, 300]);
        let annotation = &json["annotations"][0];
        assert_eq!(annotation["bbox"], json!([20.0, 60.0, 60.0, 120.0]));
        assert_eq!((&annotation["category_id"], &annotation["area"]), (&json!(18), &json!(7200.0)));
        assert_eq!(json["categories"].as_array().unwrap().len(), 80);
        assert!((0..80).all(|class| colour(class).iter().any(|level| *level > 200)));
    }
}
