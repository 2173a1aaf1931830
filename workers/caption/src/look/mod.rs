mod clip_sight;
mod colours;
mod describe;
mod jpeg;
mod measure;
mod nsfw;
mod people;
pub(crate) mod photo;
mod sentence;
pub(crate) mod spread;

use std::{
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::Arc,
};

use image::RgbImage;
use medley_assist::Assistant;
use medley_media::picture;
use medley_models::Models;
use medley_proto::ErrorCode;
use medley_step::Host;
use medley_vision::text::{LineReader, PpOcr, PpOcrVersion, Slots};

use self::{
    clip_sight::ClipSight,
    colours::Palette,
    nsfw::Nsfw,
    people::People,
    photo::{Bytes, Detail, Photo},
    spread::spread,
};
use crate::{
    CaptionConfig, CaptionError, LookParams, Row, RowError,
    resample::{Filter, fit_within, resize},
    row::CaptionedBy,
};

/// Of a thumbnail's JPEG, 1 to 100.
const THUMBNAIL_QUALITY: u8 = 72;
/// Images in flight for each thread, with a CLIP model.
const DECODED_AHEAD: usize = 4;

/// How many images are looked at side by side, each on one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookSlots {
    /// Threads of one call of [`Looker::look`].
    pub threads: usize,
    /// Calls at the same time (the slots of the compute child).
    pub calls: usize,
}

/// What was seen of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub row: Row,
    /// A unit vector, when there is a CLIP model; the row's `embedding` is the caller's to set.
    pub embedding: Option<Vec<f32>>,
    /// A JPEG of the image upright, its longer side [`LookParams::thumbnail_px`] at most, when that is not 0.
    pub thumbnail: Option<Vec<u8>>,
}

/// Looks at images. Shared by threads; cheap to clone, clones share models.
#[derive(Debug, Clone)]
pub struct Looker {
    inner: Arc<Inner>,
    assistant: Option<Arc<Assistant>>,
}

#[derive(Debug)]
struct Inner {
    params: LookParams,
    threads: usize,
    text: Option<PpOcr>,
    people: Option<People>,
    nsfw: Option<Nsfw>,
    clip: Option<ClipSight>,
}

impl Looker {
    /// Loads what the params ask for.
    ///
    /// # Errors
    /// When params cannot be used or a model is missing.
    pub fn open(models: &Models, params: &LookParams, slots: LookSlots) -> Result<Self, CaptionError> {
        Self::configured(models, params, slots, &CaptionConfig::default())
    }

    /// The same on a machine whose owner has models and label banks of their own.
    ///
    /// # Errors
    /// As [`Looker::open`].
    pub fn configured(
        models: &Models,
        params: &LookParams,
        slots: LookSlots,
        config: &CaptionConfig,
    ) -> Result<Self, CaptionError> {
        params.check()?;
        let parallel = slots.threads.max(1) * slots.calls.max(1);
        // One thread for each image: images are many, and threads inside of a model wait for each other.
        let pages = Slots { pages: parallel, threads_per_page: 1 };
        let inner = Inner {
            params: params.clone(),
            // While a batch is in the tower, others are decoded: so that the next batch is more than an image or two.
            threads: slots.threads.max(1) * if params.model.is_some() { DECODED_AHEAD } else { 1 },
            text: params.text.then(|| PpOcr::open(models, PpOcrVersion::V6Small, pages)).transpose()?,
            people: params.people.then(|| People::open(models, parallel)).transpose()?,
            nsfw: params.nsfw.then(|| Nsfw::open(models, parallel)).transpose()?,
            clip: ClipSight::open(models, params, config, parallel)?,
        };
        Ok(Self { inner: Arc::new(inner), assistant: None })
    }

    /// The same with a vision model to ask, where the params say so.
    ///
    /// # Errors
    /// When the params ask for one and there is none.
    pub fn assisted(self, assistant: Option<Arc<Assistant>>) -> Result<Self, CaptionError> {
        if !self.inner.params.describe {
            return Ok(self);
        }
        let Some(assistant) = assistant else {
            return Err(CaptionError::Params(
                "describe needs a vision model: set endpoint and model in [caption.assist] of medley.toml".into(),
            ));
        };
        Ok(Self { assistant: Some(assistant), ..self })
    }

    /// One answer for each file (the path to show, the path to read), in their order. An image that cannot be read, or
    /// at which a model or a decoder of ours fails, is a row with an error.
    ///
    /// # Errors
    /// When a model fails at every one of several images, or `host` says stop.
    pub fn look(&self, files: &[(String, PathBuf)], host: &dyn Host) -> Result<Vec<Seen>, CaptionError> {
        let looked = spread(files, self.inner.threads, |(shown, path)| {
            host.checkpoint().map_err(|stop| CaptionError::Stopped(Box::new(stop)))?;
            let file = match photo::read(shown, path) {
                Ok(file) => file,
                Err(error) => return Ok(Ok(Seen::failed(Row::failed(shown, None, 0, error)))),
            };
            // A defect that one image lays bare keeps no other from being looked at.
            let look = || self.look_at(shown, &file, host);
            match panic::catch_unwind(AssertUnwindSafe(look)) {
                Ok(Err(error)) if error.is_of_what_was_shown() => Ok(Err((failed_at(shown, &file), Some(error)))),
                Ok(seen) => seen.map(Ok),
                Err(_) => Ok(Err((failed_at(shown, &file), None))),
            }
        })?;
        // What fails at all of them is not the images' fault.
        let fails_at_all = looked.len() > 1 && looked.iter().all(|seen| matches!(seen, Err((_, Some(_)))));
        let settle = |seen: Result<Seen, (Row, Option<CaptionError>)>| match seen {
            Err((_, Some(error))) if fails_at_all => Err(error),
            Err((row, error)) => {
                tracing::warn!(image = row.path, error = error.as_ref().map(tracing::field::display), "not looked at");
                Ok(Seen::failed(row))
            }
            Ok(seen) => Ok(seen),
        };
        looked.into_iter().map(settle).collect()
    }
}

/// The row of an image at which a model or a decoder failed.
fn failed_at(shown: &str, file: &Bytes) -> Row {
    let message = format!("{shown}: it was read, but to look at it met a defect of Medley; please report it");
    let error = RowError { code: ErrorCode::INTERNAL, message };
    Row::failed(shown, Some(file.sha256), file.bytes.len() as u64, error)
}

impl Seen {
    pub(crate) fn failed(row: Row) -> Self {
        Self { row, embedding: None, thumbnail: None }
    }
}

impl Looker {
    fn look_at(&self, shown: &str, file: &Bytes, host: &dyn Host) -> Result<Seen, CaptionError> {
        let photo = match Photo::decode(&file.bytes, shown, self.inner.detail()) {
            Ok(photo) => photo,
            Err(error) => {
                let error = RowError { code: error.code(), message: error.to_string() };
                let row = Row::failed(shown, Some(file.sha256), file.bytes.len() as u64, error);
                return Ok(Seen::failed(row));
            }
        };
        let mut row = self.inner.row(shown, file, &photo, host)?;
        let embedding = self.inner.clip.as_ref().map(|clip| clip.look(&photo.rgb, &mut row)).transpose()?;
        if let Some(assistant) = &self.assistant
            && let Some(caption) = describe::describe(assistant, photo.seen(), &row)
        {
            row.caption = caption;
            row.captioned_by = CaptionedBy::Assistant;
        }
        row.caption = self.inner.params.captioned(row.caption);
        let side = self.inner.params.thumbnail_px;
        let thumbnail = (side > 0).then(|| {
            let image = photo.seen();
            let small = resize(image, fit_within([image.width(), image.height()], side), Filter::Box);
            picture::jpeg(small.as_raw(), small.width(), small.height(), THUMBNAIL_QUALITY)
        });
        let thumbnail = thumbnail.transpose()?;
        Ok(Seen { row, embedding, thumbnail })
    }
}

impl Inner {
    fn detail(&self) -> Detail {
        if self.clip.is_some() { Detail::Full } else { Detail::Enough }
    }

    fn row(&self, shown: &str, file: &Bytes, photo: &Photo, host: &dyn Host) -> Result<Row, CaptionError> {
        let image = photo.seen();
        let palette = Palette::of(image);
        let (sharpness, exposure) = measure::sharpness_and_exposure(image);
        let found = self.people.as_ref().map(|people| people.count(image)).transpose()?.unwrap_or_default();
        let mut row = Row {
            path: shown.into(),
            sha256: file.sha256.to_string(),
            bytes: file.bytes.len() as u64,
            width: photo.width,
            height: photo.height,
            format: photo.format.into(),
            orientation: photo.orientation,
            text: self.text.as_ref().map(|reader| lines(reader, image, host)).transpose()?.unwrap_or_default(),
            people: found.people,
            faces: found.faces,
            poses: found.poses,
            nsfw: self.nsfw.as_ref().map(|nsfw| nsfw.score(&photo.rgb)).transpose()?,
            colours: palette.colours(),
            chroma: Some(palette.chroma()),
            sharpness,
            exposure,
            phash: Some(measure::perceptual_hash(image)),
            exif: photo.exif.clone().filter(|_| !self.params.strip_exif),
            ..Row::default()
        };
        row.caption = sentence::compose(&row, palette.is_grey());
        Ok(row)
    }
}

fn lines(reader: &PpOcr, image: &RgbImage, host: &dyn Host) -> Result<Vec<String>, CaptionError> {
    let page = reader.read(image, host)?;
    Ok(page.lines.into_iter().map(|line| line.text).collect())
}

/// An image of the disk as networks see it: upright, all pixels, to the bit what Pillow's `convert("RGB")` gives of a
/// JPEG or of a PNG of 8 bits.
///
/// # Errors
/// As a row's error: when it is no image, is damaged or over a limit.
pub fn open_rgb(path: &std::path::Path) -> Result<RgbImage, RowError> {
    let shown = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let file = photo::read(&shown, path)?;
    let photo = Photo::decode(&file.bytes, &shown, Detail::Full);
    photo.map(|photo| photo.rgb).map_err(|error| RowError { code: error.code(), message: error.to_string() })
}
