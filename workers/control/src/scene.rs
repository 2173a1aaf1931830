use std::cell::OnceCell;

use image::{RgbImage, imageops};
use medley_models::{Models, SessionOptions};
use medley_vision::{
    face::{Face, FaceFinder, FaceMesher, Mesh},
    geometry::{Rect, Roi},
    objects::{Object, ObjectFinder, SecondLook},
    pose::{Mask, Person, PoseFinder, PoseMasker, PoseModel, PoseOptions, part},
};
use opencv::{core::Mat, imgproc, prelude::*};

use crate::{
    ControlConfig, ControlError, ControlParams, PoseNetwork, Stereo, mat, network::Network, relief::Relief, size,
};

/// The longest side of the picture in which faces and bodies are detected. In larger ones sampling would skip pixels.
const MAX_SEEN_PX: u32 = 1600;
/// A mesh with a lower score is no face.
const MIN_FACE_SCORE: f32 = 0.5;
/// The largest view that HED gets: it needs half a gigabyte for each quarter of this. Larger views are reduced.
const MAX_EDGES_PX: f64 = 1024.0 * 1024.0;

/// The models, settings and threads that maps are made with.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    pub(crate) models: Models,
    pub(crate) config: ControlConfig,
    pub(crate) threads: usize,
}

/// One picture and what was detected in it so far. The first annotator that asks for a result computes it; the others
/// share it.
#[derive(Debug)]
pub struct Scene<'a> {
    name: &'a str,
    params: &'a ControlParams,
    resources: &'a Resources,
    /// At most `MAX_SEEN_PX` long.
    picture: RgbImage,
    /// The picture's own size.
    own_size: [u32; 2],
    view: Mat,
    right_view: Option<Mat>,
    people: OnceCell<Vec<Person>>,
    masks: OnceCell<Vec<Mask>>,
    faces: OnceCell<Vec<Mesh>>,
    edges: OnceCell<Mat>,
    relief: OnceCell<Relief>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(
        name: &'a str,
        picture: RgbImage,
        params: &'a ControlParams,
        resources: &'a Resources,
    ) -> Result<Self, ControlError> {
        let (picture, right) = match params.stereo {
            Stereo::None => (picture, None),
            Stereo::SideBySide => halves(name, &picture).map(|(left, right)| (left, Some(right)))?,
        };
        let view = |picture: &RgbImage| size::resize_image(&mat::of_rgb(picture)?, params.detect_resolution, name);
        Ok(Self {
            name,
            params,
            resources,
            own_size: picture.dimensions().into(),
            view: view(&picture)?,
            right_view: right.as_ref().map(view).transpose()?,
            picture: seen(picture)?,
            people: OnceCell::new(),
            masks: OnceCell::new(),
            faces: OnceCell::new(),
            edges: OnceCell::new(),
            relief: OnceCell::new(),
        })
    }

    /// The name of the picture in messages.
    pub fn name(&self) -> &str {
        self.name
    }

    pub fn params(&self) -> &ControlParams {
        self.params
    }

    pub(crate) fn resources(&self) -> &Resources {
        self.resources
    }

    /// The picture at the working size: 8-bit RGB.
    pub fn view(&self) -> &Mat {
        &self.view
    }

    /// The right eye's picture at the working size, of stereo pairs.
    pub(crate) fn right_view(&self) -> Option<&Mat> {
        self.right_view.as_ref()
    }

    /// Width and height of the working size.
    pub fn view_size(&self) -> [u32; 2] {
        mat::size(&self.view)
    }

    /// Width and height of the published maps.
    pub(crate) fn output_size(&self) -> Result<[u32; 2], ControlError> {
        let [width, height] = self.view_size();
        match self.params.image_resolution {
            0 => Ok(self.own_size),
            resolution => size::rounded([width, height], resolution).ok_or_else(|| ControlError::TooLong {
                name: self.name.into(),
                width,
                height,
                resolution,
            }),
        }
    }

    /// The size of the picture in whose px people and faces are stated.
    pub fn seen_size(&self) -> [u32; 2] {
        self.picture.dimensions().into()
    }

    /// Px of the working size for each px of [`Self::seen_size`].
    pub fn scale(&self) -> [f32; 2] {
        let ([width, height], [from_width, from_height]) = (self.view_size(), self.seen_size());
        [width as f32 / from_width as f32, height as f32 / from_height as f32]
    }

    /// All people with the score that the parameters ask for, best first.
    pub fn people(&self) -> Result<&[Person], ControlError> {
        if let Some(people) = self.people.get() {
            return Ok(people);
        }
        let finder = PoseFinder::open(&self.resources.models, self.pose_options())?;
        let people = finder.find(&self.picture, self.params.pose_min_score)?;
        Ok(self.people.get_or_init(|| people))
    }

    /// The mask of each of [`Self::people`], in their order.
    pub fn masks(&self) -> Result<&[Mask], ControlError> {
        if let Some(masks) = self.masks.get() {
            return Ok(masks);
        }
        let masker = PoseMasker::open(&self.resources.models, self.pose_options())?;
        let masks = masker.masks(&self.picture, self.people()?)?;
        Ok(self.masks.get_or_init(|| masks))
    }

    fn pose_options(&self) -> PoseOptions {
        let model = match self.params.pose_network {
            PoseNetwork::Lite => PoseModel::Lite,
            PoseNetwork::Full => PoseModel::Full,
            PoseNetwork::Heavy => PoseModel::Heavy,
        };
        PoseOptions { model, threads: self.resources.threads }
    }

    /// All faces.
    pub fn faces(&self) -> Result<&[Mesh], ControlError> {
        if let Some(faces) = self.faces.get() {
            return Ok(faces);
        }
        let (finder, mesher) = self.face_networks()?;
        let mut meshes = Vec::new();
        for face in finder.find(&self.picture)? {
            meshes.extend(self.mesh(&mesher, &face)?);
        }
        Ok(self.faces.get_or_init(|| meshes))
    }

    /// A person's face: one of [`Self::faces`], or one detected in the region of the head.
    pub fn face_of(&self, person: &Person) -> Result<Option<Mesh>, ControlError> {
        let nose = person.landmarks[part::NOSE].at();
        let around_nose = |mesh: &&Mesh| {
            let Some(b) = Rect::of((0..Mesh::POINTS).map(|i| mesh.at(i))) else { return false };
            (b.x..b.x + b.width).contains(&nose[0]) && (b.y..b.y + b.height).contains(&nose[1])
        };
        if let Some(mesh) = self.faces()?.iter().find(around_nose) {
            return Ok(Some(mesh.clone()));
        }
        let (finder, mesher) = self.face_networks()?;
        let faces = finder.find_in(&self.picture, &[head(person)])?;
        match faces.first() {
            Some(face) => self.mesh(&mesher, face),
            None => Ok(None),
        }
    }

    fn face_networks(&self) -> Result<(FaceFinder, FaceMesher), ControlError> {
        let options = SessionOptions { threads: self.resources.threads, parallel: 1 };
        Ok((FaceFinder::open(&self.resources.models, options)?, FaceMesher::open(&self.resources.models, options)?))
    }

    /// Fits the mesh twice, the second time in the region that the first fit suggests.
    fn mesh(&self, mesher: &FaceMesher, face: &Face) -> Result<Option<Mesh>, ControlError> {
        let first = mesher.fit(&self.picture, face.roi())?;
        let mesh = mesher.fit(&self.picture, first.roi())?;
        Ok((mesh.score >= MIN_FACE_SCORE).then_some(mesh))
    }

    /// Things of COCO's classes in px of [`Self::seen_size`], the surest first.
    pub fn objects(&self) -> Result<Vec<Object>, ControlError> {
        let options = SessionOptions { threads: self.resources.threads, parallel: 1 };
        Ok(ObjectFinder::open(&self.resources.models, SecondLook::No, options)?.find(&self.picture)?)
    }

    /// Soft edges at the working size: f32, 0 to 1.
    pub fn edges(&self) -> Result<&Mat, ControlError> {
        if let Some(edges) = self.edges.get() {
            return Ok(edges);
        }
        let network = Network::of_registry(&self.resources.models, "hed", "hed.onnx", self.resources.threads)?;
        let full = self.view_size();
        let share = (MAX_EDGES_PX / (f64::from(full[0]) * f64::from(full[1]))).sqrt().min(1.0);
        let shown = full.map(|side| ((f64::from(side) * share).round() as u32).max(1));
        let shrunk = if share < 1.0 { Some(mat::resize(&self.view, shown, imgproc::INTER_AREA)?) } else { None };
        let pixels = shrunk.as_ref().unwrap_or(&self.view).data_bytes()?;
        let [width, height] = shown.map(|side| side as usize);
        let planes = (0..3).flat_map(|channel| pixels.iter().skip(channel).step_by(3).map(|v| f32::from(*v))).collect();
        let output = network.run([1, 3, height, width], planes)?;
        if output.values.len() != width * height {
            return Err(network.breach("edges are one value for each pixel"));
        }
        let mut edges = mat::of_values(&output.values, height as u32, 1)?;
        if share < 1.0 {
            edges = mat::resize(&edges, full, imgproc::INTER_LINEAR)?;
        }
        Ok(self.edges.get_or_init(|| edges))
    }

    /// Inverse depth at the working size; `estimate` computes it the first time.
    pub(crate) fn relief_or_else(
        &self,
        estimate: impl FnOnce() -> Result<Relief, ControlError>,
    ) -> Result<&Relief, ControlError> {
        if let Some(relief) = self.relief.get() {
            return Ok(relief);
        }
        let relief = estimate()?;
        Ok(self.relief.get_or_init(|| relief))
    }
}

/// The two pictures of a stereo pair.
fn halves(name: &str, pair: &RgbImage) -> Result<(RgbImage, RgbImage), ControlError> {
    let (width, height) = pair.dimensions();
    let half = width / 2;
    if half < 16 {
        return Err(ControlError::NoPair { name: name.into(), width });
    }
    let cut = |x| imageops::crop_imm(pair, x, 0, half, height).to_image();
    Ok((cut(0), cut(half)))
}

/// The picture, reduced if it is longer than [`MAX_SEEN_PX`].
fn seen(picture: RgbImage) -> Result<RgbImage, ControlError> {
    let (width, height) = picture.dimensions();
    let share = f64::from(MAX_SEEN_PX) / f64::from(width.max(height));
    if share >= 1.0 {
        return Ok(picture);
    }
    let side = |length: u32| ((f64::from(length) * share).round() as u32).max(1);
    let smaller = mat::resize(&mat::of_rgb(&picture)?, [side(width), side(height)], imgproc::INTER_AREA)?;
    Ok(mat::to_rgb(&smaller)?)
}

/// A square around the head, of which the face is a third, as the face detector expects.
fn head(person: &Person) -> Roi {
    let points = [part::NOSE, part::LEFT_EYE, part::RIGHT_EYE, part::LEFT_EAR, part::RIGHT_EAR];
    let bounds = Rect::of(points.map(|i| person.landmarks[i].at())).expect("five points");
    Roi { centre: bounds.centre(), side: (bounds.width.max(bounds.height) * 3.0).max(16.0), angle: 0.0 }
}
