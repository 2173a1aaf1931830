use super::{
    FrameSpec, LipSync,
    appearance::MouthAppearance,
    eyes, mouth,
    warp::{self, Layer},
};
use crate::{
    draw::{Canvas, Rect, Texture},
    rig::{Canonical, Posed, Rig, Triangles},
    scene::Scene,
};

/// The default engine: a photo warped over a 468-point mesh, with a drawn mouth. No training, no GPU.
#[derive(Debug)]
pub(crate) struct MeshFace {
    rig: Rig,
    appearance: MouthAppearance,
    texture: Texture,
    reach: Rect,
    /// The triangles that can move.
    moving: Triangles,
}

/// The subject of a portrait: the person in the photo, placed on the canvas.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    /// The picture as it stands in the clip.
    pub(crate) canvas: &'a Canvas,
    /// The part of it that is the photo; the face is never drawn outside.
    pub(crate) photo: Rect,
    /// 468 points in pixels of the canvas, z growing away from the camera.
    pub(crate) mesh: &'a [[f64; 3]],
    /// Canvas pixels for a pixel of the photo.
    pub(crate) enlarged: f32,
    /// Whether the head turns, eyes blink and brows move, or the mouth alone does.
    pub(crate) lively: bool,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(scene: &'a Scene, canvas: &'a Canvas) -> Self {
        Self { canvas, photo: scene.photo, mesh: &scene.mesh, enlarged: scene.enlarged, lively: scene.lively }
    }
}

impl MeshFace {
    pub(crate) fn new(subject: &Subject<'_>, canonical: &Canonical) -> Self {
        let appearance = MouthAppearance::new(subject.canvas, subject.mesh, canonical, subject.enlarged);
        let rig = Rig::new(subject.mesh, canonical, appearance.photo_teeth.is_some());
        let moves = rig.can_move(subject.lively);
        let only_moving = |triangles: &[[usize; 3]]| {
            triangles.iter().filter(|t| t.iter().any(|&i| moves[i])).copied().collect::<Vec<_>>()
        };
        let all = &rig.triangles;
        let moving = Triangles {
            rings: only_moving(&all.rings),
            eyes: if subject.lively { all.eyes.clone() } else { Vec::new() },
            mouth: all.mouth.clone(),
            skin: only_moving(&all.skin),
            lips: all.lips.clone(),
        };
        let drawn = [&moving.rings, &moving.skin, &moving.mouth].into_iter().flatten().flatten();
        let corners = drawn.map(|&i| [rig.points[i][0] as f32, rig.points[i][1] as f32]);
        // A jaw drops by .2 and a head shifts by .1 of the eye distance at most.
        let margin = 0.3 * rig.eye_distance_px as f32;
        let reach = Rect::around(corners, margin).cut(subject.photo);
        let mirrored = (0.3 * rig.eye_distance_px) as i32;
        let texture = Texture::new(subject.canvas, subject.photo, mirrored);
        Self { texture, rig, appearance, reach, moving }
    }

    fn warp(&self, canvas: &mut Canvas, posed: &Posed) {
        let (points, moving) = (&posed.points, &self.moving);
        // Outermost first, eyeballs under the lids, the inside of the mouth under the lips, skin from far to near.
        let layers = [
            (&moving.rings, points),
            (&moving.eyes, &posed.unblinked),
            (&moving.mouth, points),
            (&moving.skin, points),
        ];
        for (triangles, at) in layers {
            let layer = Layer { triangles, at, from: &self.rig.points };
            warp::draw(canvas, &layer, &self.texture, self.reach);
        }
    }
}

impl LipSync for MeshFace {
    fn reach(&self) -> Rect {
        self.reach
    }

    fn draw(&self, canvas: &mut Canvas, frame: &FrameSpec<'_>) {
        let pose = frame.pose;
        let mut posed = Posed::default();
        self.rig.posed(pose, &mut posed);
        self.warp(canvas, &posed);
        mouth::draw(canvas, &self.texture, &self.rig, &self.appearance, &posed, pose);
        if pose.blink > 0.02 {
            eyes::draw(canvas, &self.texture, &self.rig, &posed);
        }
    }
}
