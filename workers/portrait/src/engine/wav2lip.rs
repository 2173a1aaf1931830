use image::{RgbImage, imageops::FilterType};
use medley_models::Session;
use ort::value::Tensor;

use super::{FrameSpec, LipSync, mel, mesh::Subject};
use crate::{
    PortraitError,
    draw::{Canvas, Mask, Rect, Texture, to_bytes},
    rig::OVAL,
};

/// The face as the network sees it.
const SIDE: usize = 96;
const PLANE: usize = SIDE * SIDE;
/// Frames of sound that one frame of film is drawn from.
const SOUND_FRAMES: usize = 16;
/// Faces in one run of the network.
const BATCH: usize = 16;

/// The engine of Wav2Lip (Prajwal et al. 2020, arXiv:2008.10010) on its published contract: `mel` [N, 1, 80, 16] and
/// `faces` [N, 6, 96, 96] (BGR 0..1, the face with its lower half black, then the face) to `face` [N, 3, 96, 96]. Only the
/// lower face is taken over, within the oval of the face and faded at its rim; the head stays as in the photo.
#[derive(Debug)]
pub(crate) struct Wav2Lip {
    /// The network's output for each frame: SIDE x SIDE.
    faces: Vec<Vec<[u8; 4]>>,
    /// The number of the first.
    first: usize,
    /// The part of the canvas that the network was given.
    seen: Rect,
    /// How much of each pixel is taken from its answer.
    mask: Mask,
}

/// Mel frames of a whole clip, and which frames of film to draw.
#[derive(Debug)]
pub(crate) struct MelFrames<'a> {
    pub(crate) mel: &'a [[f32; mel::BANDS]],
    pub(crate) fps: u32,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Wav2Lip {
    /// Runs the network for all frames, [`BATCH`] at a time. `each` is asked before each run and may end it.
    pub(crate) fn new<E: From<PortraitError>>(
        subject: &Subject<'_>,
        session: &Session,
        sound: &MelFrames<'_>,
        mut each: impl FnMut() -> Result<(), E>,
    ) -> Result<Self, E> {
        let seen = face_box(subject);
        let face = planes(&cut(subject.canvas, seen));
        let mut faces = Vec::with_capacity(sound.to - sound.from);
        for start in (sound.from..sound.to).step_by(BATCH) {
            each()?;
            let frames = start..(start + BATCH).min(sound.to);
            faces.extend(run(session, &face, sound, frames)?);
        }
        Ok(Self { faces, first: sound.from, seen, mask: lower_face(subject, seen) })
    }
}

impl LipSync for Wav2Lip {
    fn reach(&self) -> Rect {
        self.mask.rect
    }

    fn draw(&self, canvas: &mut Canvas, frame: &FrameSpec<'_>) {
        let Some(face) = frame.number.checked_sub(self.first).and_then(|n| self.faces.get(n)) else { return };
        let small = Canvas { width: SIDE, height: SIDE, pixels: face.clone() };
        let texture = Texture::new(&small, small.rect(), 4);
        let scale = [self.seen.width(), self.seen.height()].map(|side| SIDE as f32 / side as f32);
        let (x0, y0) = (self.seen.x0 as f32, self.seen.y0 as f32);
        canvas.map(self.mask.rect, |x, y, pixel| {
            let share = self.mask.at(x as i32, y as i32);
            if share > 0.0 {
                let drawn =
                    texture.bicubic((x as f32 - x0 + 0.5) * scale[0] - 0.5, (y as f32 - y0 + 0.5) * scale[1] - 0.5);
                *pixel = to_bytes(std::array::from_fn(|k| f32::from(pixel[k]) * (1.0 - share) + drawn[k] * share));
            }
        });
    }
}

/// The face box, as the face detector of Wav2Lip's training would cut it: from the middle of the forehead to a little under
/// the chin.
fn face_box(subject: &Subject<'_>) -> Rect {
    const FOREHEAD: f32 = 0.12;
    const UNDER_CHIN: f32 = 0.06;
    let oval = OVAL.map(|i| [subject.mesh[i][0] as f32, subject.mesh[i][1] as f32]);
    let face = Rect::around(oval, 0.0);
    let height = face.height() as f32;
    let (top, bottom) = (height * FOREHEAD, height * UNDER_CHIN);
    Rect::new(face.x0, face.y0 + top as i32, face.x1, face.y1 + bottom as i32).cut(subject.photo)
}

fn cut(canvas: &Canvas, rect: Rect) -> RgbImage {
    let mut image = RgbImage::new(rect.width() as u32, rect.height() as u32);
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let [r, g, b, _] =
            canvas.pixels[(rect.y0 as usize + y as usize) * canvas.width + rect.x0 as usize + x as usize];
        pixel.0 = [r, g, b];
    }
    image::imageops::resize(&image, SIDE as u32, SIDE as u32, FilterType::Triangle)
}

/// Six planes: blue, green, red of the face without its lower half, then with it.
fn planes(face: &RgbImage) -> Vec<f32> {
    let mut planes = vec![0.0; 6 * PLANE];
    for (i, pixel) in face.pixels().enumerate() {
        for (k, value) in pixel.0.into_iter().rev().enumerate() {
            let value = f32::from(value) / 255.0;
            planes[(3 + k) * PLANE + i] = value;
            if i < PLANE / 2 {
                planes[k * PLANE + i] = value;
            }
        }
    }
    planes
}

/// The sound of each frame as [BANDS, SOUND_FRAMES] planes: from the frame's start on, at the end the last that there is.
fn sounds(sound: &MelFrames<'_>, frames: std::ops::Range<usize>) -> Vec<f32> {
    let silent = [-4.0; mel::BANDS];
    let mut sounds = Vec::with_capacity(frames.len() * mel::BANDS * SOUND_FRAMES);
    for frame in frames {
        let start = (frame as f64 * mel::RATE_HZ / f64::from(sound.fps)) as usize;
        let start = start.min(sound.mel.len().saturating_sub(SOUND_FRAMES));
        for band in 0..mel::BANDS {
            sounds.extend((start..start + SOUND_FRAMES).map(|at| sound.mel.get(at).unwrap_or(&silent)[band]));
        }
    }
    sounds
}

fn run(
    session: &Session,
    face: &[f32],
    sound: &MelFrames<'_>,
    frames: std::ops::Range<usize>,
) -> Result<Vec<Vec<[u8; 4]>>, PortraitError> {
    let count = frames.len();
    let sounds = sounds(sound, frames);
    session.with(|session| {
        // Published files name their inputs differently; the sound is the one of a single plane.
        let name = |sound: bool| {
            let planes = |shape: &ort::value::Shape| (shape.get(1) == Some(&1)) == sound;
            let found = session.inputs().iter().find(|input| input.dtype().tensor_shape().is_some_and(planes));
            found.map(|input| input.name().to_owned())
        };
        let contract = || PortraitError::Wav2Lip("its inputs are not mel [N,1,80,16] and faces [N,6,96,96]".into());
        let (sound_name, face_name) = (name(true).ok_or_else(contract)?, name(false).ok_or_else(contract)?);
        let sounds = Tensor::from_array(([count, 1, mel::BANDS, SOUND_FRAMES], sounds))?;
        let faces = Tensor::from_array(([count, 6, SIDE, SIDE], face.repeat(count)))?;
        let found = session.run(ort::inputs![sound_name => sounds, face_name => faces])?;
        let (shape, values) = found[0].try_extract_tensor::<f32>()?;
        if **shape != [count as i64, 3, SIDE as i64, SIDE as i64] {
            return Err(PortraitError::Wav2Lip(format!("it gives {shape:?} where [{count}, 3, 96, 96] is due")));
        }
        let pixel = |face: &[f32], i: usize| {
            let at = |k: usize| (face[k * PLANE + i] * 255.0 + 0.5) as u8;
            [at(2), at(1), at(0), 0]
        };
        Ok(values.chunks_exact(3 * PLANE).map(|face| (0..PLANE).map(|i| pixel(face, i)).collect()).collect())
    })
}

/// The face from the bottom of the nose down, within its oval.
fn lower_face(subject: &Subject<'_>, seen: Rect) -> Mask {
    const WITHIN: f32 = 0.93;
    const FADES: f32 = 0.03;
    /// Between the tip of the nose and the upper lip.
    const UNDER_NOSE: usize = 2;
    let at = |i: usize| [subject.mesh[i][0] as f32, subject.mesh[i][1] as f32];
    let oval = OVAL.map(at);
    let centre = [0, 1].map(|k| oval.iter().map(|p| p[k]).sum::<f32>() / OVAL.len() as f32);
    let top = at(UNDER_NOSE)[1];
    let lower: Vec<[f32; 2]> = oval
        .iter()
        .map(|p| [0, 1].map(|k| centre[k] + (p[k] - centre[k]) * WITHIN))
        .map(|[x, y]| [x, y.max(top)])
        .collect();
    let sigma = FADES * seen.height() as f32;
    let mut mask = Mask::polygon(Rect::around(lower.iter().copied(), 3.0 * sigma).cut(seen), &lower);
    mask.blur(sigma);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frame_hears_a_fifth_of_a_second_from_its_start_on() {
        let mel: Vec<[f32; mel::BANDS]> = (0..100u8).map(|i| [f32::from(i); mel::BANDS]).collect();
        let sound = MelFrames { mel: &mel, fps: 25, from: 0, to: 40 };
        let heard_in = |frame: usize| {
            let sounds = sounds(&sound, frame..frame + 1);
            (sounds[0], sounds[SOUND_FRAMES - 1], sounds.len())
        };
        assert_eq!(heard_in(0), (0.0, 15.0, mel::BANDS * SOUND_FRAMES));
        assert_eq!(heard_in(10).0, 32.0);
        assert_eq!(heard_in(39), (84.0, 99.0, mel::BANDS * SOUND_FRAMES));
    }

    #[test]
    fn the_lower_half_is_hidden_from_the_first_three_planes() {
        let planes = planes(&RgbImage::from_pixel(SIDE as u32, SIDE as u32, image::Rgb([255, 0, 51])));
        let (blue, red) = (0.2, 1.0);
        assert_eq!((planes[0], planes[2 * PLANE]), (blue, red));
        assert_eq!((planes[PLANE / 2], planes[3 * PLANE - 1]), (0.0, 0.0));
        assert_eq!((planes[3 * PLANE], planes[6 * PLANE - 1]), (blue, red));
    }
}
