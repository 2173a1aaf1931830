//! One image, one row: decodes it once and runs every measurement and model that the params ask for.

mod colours;
mod describe;
mod jpeg;
mod luma;
mod nsfw;
mod people;
mod photo;
mod sentence;
mod sight;
mod tagger;

use std::{
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::Arc,
};

use image::RgbImage;
use medley_assist::Assistant;
use medley_clip::Tag;
use medley_media::picture;
use medley_models::Models;
use medley_proto::ErrorCode;
use medley_step::Host;
use medley_vision::{
    parallel,
    resample::{Filter, fit_within, resize},
    text::{LineReader, PpOcr, PpOcrVersion, Slots},
};

pub(crate) use self::sight::chinese::in_english;
use self::{
    colours::Palette,
    nsfw::Nsfw,
    people::People,
    photo::{Detail, ImageFile, Photo},
    sight::{Looked, Said, Sight},
    tagger::ClipTagger,
};
use crate::{
    CaptionConfig, CaptionError, CaptionParams, Language, RowError,
    row::{CaptionedBy, Row},
};

/// Of a thumbnail's JPEG, 1 to 100.
const THUMBNAIL_QUALITY: u8 = 72;
/// Images in flight for each thread, with a CLIP model.
const DECODED_AHEAD: usize = 4;

/// How many images are analyzed at the same time, each on one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnalyzerSlots {
    /// Threads of one call of [`Analyzer::analyze`].
    pub threads: usize,
    /// Calls at the same time (the slots of the compute child).
    pub calls: usize,
}

/// The result for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    pub row: Row,
    /// A unit vector, of the CLIP model or of what is said of the image. The caller sets the row's `embedding`.
    pub embedding: Option<Vec<f32>>,
    /// A JPEG of the upright image whose longer side is at most [`CaptionParams::thumbnail_px`]; none when that is 0.
    pub thumbnail: Option<Vec<u8>>,
}

impl Analysis {
    /// The result for an image that could not be read.
    pub(crate) fn failed(row: Row) -> Self {
        Self { row, embedding: None, thumbnail: None }
    }
}

/// Analyzes images. Threads share it; a clone is cheap and shares the models.
#[derive(Debug, Clone)]
pub struct Analyzer {
    inner: Arc<Inner>,
    assistant: Option<Arc<Assistant>>,
}

#[derive(Debug)]
struct Inner {
    params: CaptionParams,
    threads: usize,
    text: Option<PpOcr>,
    sight: Option<Sight>,
    people: Option<People>,
    nsfw: Option<Nsfw>,
    tagger: Option<ClipTagger>,
}

impl Analyzer {
    /// Loads the models that the params ask for.
    ///
    /// # Errors
    /// When the params cannot be used or a model is missing.
    pub fn open(models: &Models, params: &CaptionParams, slots: AnalyzerSlots) -> Result<Self, CaptionError> {
        Self::with_config(models, params, slots, &CaptionConfig::default())
    }

    /// [`Analyzer::open`] with the CLIP models and label banks of the machine's owner.
    ///
    /// # Errors
    /// As [`Analyzer::open`].
    pub fn with_config(
        models: &Models,
        params: &CaptionParams,
        slots: AnalyzerSlots,
        config: &CaptionConfig,
    ) -> Result<Self, CaptionError> {
        params.check()?;
        let parallel = slots.threads.max(1) * slots.calls.max(1);
        // One thread for each image: there are many images, and threads inside a model wait for each other.
        let pages = Slots { pages: parallel, threads_per_page: 1 };
        let inner = Inner {
            params: params.clone(),
            // While one batch is in the tower, more images are decoded, so that the next batch is a full one.
            threads: slots.threads.max(1) * if params.model.is_some() { DECODED_AHEAD } else { 1 },
            text: params.text.then(|| PpOcr::open(models, PpOcrVersion::V6Small, pages)).transpose()?,
            sight: params.objects.then(|| Sight::open(models, params, parallel)).transpose()?,
            people: params.people.then(|| People::open(models, parallel)).transpose()?,
            nsfw: params.nsfw.then(|| Nsfw::open(models, parallel)).transpose()?,
            tagger: ClipTagger::open(models, params, config, parallel)?,
        };
        Ok(Self { inner: Arc::new(inner), assistant: None })
    }

    /// Adds the vision model that writes captions, when the params ask for one.
    ///
    /// # Errors
    /// When the params ask for one and `assistant` is none.
    pub fn with_assistant(self, assistant: Option<Arc<Assistant>>) -> Result<Self, CaptionError> {
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

    /// Analyzes files, each given as the path to show and the path to read. The results keep their order. An image that
    /// cannot be read, or on which a model or decoder fails, is a row with an error.
    ///
    /// # Errors
    /// When a model fails on every one of several images, or `host` asks to stop.
    pub fn analyze(&self, files: &[(String, PathBuf)], host: &dyn Host) -> Result<Vec<Analysis>, CaptionError> {
        let outcomes = parallel::map(files, self.inner.threads, |(shown, path)| self.outcome(shown, path, host))?;
        // An error on all of several images is not the images' fault.
        let fails_on_all = outcomes.len() > 1 && outcomes.iter().all(|outcome| matches!(outcome, Err((_, Some(_)))));
        let settle = |outcome: Outcome| match outcome {
            Err((_, Some(error))) if fails_on_all => Err(error),
            Err((row, error)) => {
                tracing::warn!(image = row.path, error = error.as_ref().map(tracing::field::display), "not analyzed");
                Ok(Analysis::failed(row))
            }
            Ok(analysis) => Ok(analysis),
        };
        outcomes.into_iter().map(settle).collect()
    }

    /// Analyzes one file, so that a defect that it lays bare does not keep other images from being analyzed.
    fn outcome(&self, shown: &str, path: &Path, host: &dyn Host) -> Result<Outcome, CaptionError> {
        host.checkpoint().map_err(|stop| CaptionError::Stopped(Box::new(stop)))?;
        let file = match photo::read(shown, path) {
            Ok(file) => file,
            Err(error) => return Ok(Ok(Analysis::failed(Row::failed(shown, None, 0, error)))),
        };
        match panic::catch_unwind(AssertUnwindSafe(|| self.analyze_file(shown, &file, host))) {
            Ok(Err(error)) if error.is_about_the_image() => Ok(Err((row_of_defect(shown, &file), Some(error)))),
            Ok(analysis) => analysis.map(Ok),
            Err(_) => Ok(Err((row_of_defect(shown, &file), None))),
        }
    }

    fn analyze_file(&self, shown: &str, file: &ImageFile, host: &dyn Host) -> Result<Analysis, CaptionError> {
        let photo = match Photo::decode(&file.bytes, shown, self.inner.detail()) {
            Ok(photo) => photo,
            Err(error) => {
                let error = RowError { code: error.code(), message: error.to_string() };
                let row = Row::failed(shown, Some(file.sha256), file.bytes.len() as u64, error);
                return Ok(Analysis::failed(row));
            }
        };
        let (mut row, mut embedding) = self.inner.row(shown, file, &photo, host)?;
        if let Some(tagger) = &self.inner.tagger {
            let seen = std::mem::take(&mut row.tags);
            embedding = Some(tagger.tag(&photo.rgb, &mut row)?);
            // Labels of the user's own stand alone.
            if self.inner.params.own_labels.is_empty() {
                let seen = without(seen, &row.tags);
                row.tags.extend(seen);
            }
        }
        if let Some(assistant) = &self.assistant
            && let Some(caption) = describe::describe(assistant, photo.on_white(), &row)
        {
            row.caption = caption;
            row.captioned_by = CaptionedBy::Assistant;
        }
        row.caption = self.inner.params.with_trigger(row.caption);
        let thumbnail = self.inner.thumbnail(photo.on_white())?;
        Ok(Analysis { row, embedding, thumbnail })
    }
}

/// The tags that are not among the others.
fn without(tags: Vec<Tag>, others: &[Tag]) -> Vec<Tag> {
    tags.into_iter().filter(|tag| !others.iter().any(|other| other.label == tag.label)).collect()
}

/// An analysis, or the row of an image on which a model, a decoder (with its error) or the code (a panic) failed.
type Outcome = Result<Analysis, (Row, Option<CaptionError>)>;

fn row_of_defect(shown: &str, file: &ImageFile) -> Row {
    let message = format!("{shown}: it was read, but to look at it met a defect of Medley; please report it");
    let error = RowError { code: ErrorCode::INTERNAL, message };
    Row::failed(shown, Some(file.sha256), file.bytes.len() as u64, error)
}

impl Inner {
    fn detail(&self) -> Detail {
        if self.tagger.is_some() { Detail::Full } else { Detail::Enough }
    }

    /// The row, and the vector of what is said of the image.
    fn row(
        &self,
        shown: &str,
        file: &ImageFile,
        photo: &Photo,
        host: &dyn Host,
    ) -> Result<(Row, Option<Vec<f32>>), CaptionError> {
        let image = photo.on_white();
        let palette = Palette::of(image);
        let (sharpness, exposure) = luma::sharpness_and_exposure(image);
        // The detector's boxes say where people are looked for.
        let objects = self.sight.as_ref().map(|sight| sight.objects(image)).transpose()?;
        let counts = self.people.as_ref().map(|people| people.count(image, objects.as_deref())).transpose()?;
        let counts = counts.unwrap_or_default();
        let said = match (&self.sight, &objects) {
            (Some(sight), Some(objects)) => {
                let (green, width, people) = (palette.green(), photo.width, counts.people);
                sight.say(&Looked { image, objects, green, people, width })?
            }
            _ => Said::default(),
        };
        let mut row = Row {
            path: shown.into(),
            sha256: file.sha256.to_string(),
            bytes: file.bytes.len() as u64,
            width: photo.width,
            height: photo.height,
            format: photo.format.into(),
            orientation: photo.orientation,
            objects: said.objects,
            scene: said.scene,
            tags: said.tags,
            text: self.text.as_ref().map(|reader| lines(reader, image, host)).transpose()?.unwrap_or_default(),
            people: counts.people,
            faces: counts.faces,
            poses: counts.poses,
            nsfw: self.nsfw.as_ref().map(|nsfw| nsfw.score(&photo.rgb)).transpose()?,
            colours: palette.colours(),
            chroma: Some(palette.chroma()),
            sharpness,
            exposure,
            phash: Some(luma::perceptual_hash(image)),
            exif: photo.exif.clone().filter(|_| !self.params.strip_exif),
            ..Row::default()
        };
        let language = self.params.caption_language;
        row.caption = match (said.sentence, language) {
            (Some(sentence), _) => sentence::with_the_rest(sentence, &row, language),
            (None, Language::En) => sentence::compose(&row, palette.is_grey()),
            (None, Language::Zh) => sentence::compose_in_chinese(&row, palette.is_grey()),
        };
        Ok((row, said.vector))
    }

    fn thumbnail(&self, image: &RgbImage) -> Result<Option<Vec<u8>>, CaptionError> {
        let side = self.params.thumbnail_px;
        if side == 0 {
            return Ok(None);
        }
        let small = resize(image, fit_within([image.width(), image.height()], side), Filter::Box);
        Ok(Some(picture::jpeg(small.as_raw(), small.width(), small.height(), THUMBNAIL_QUALITY)?))
    }
}

fn lines(reader: &PpOcr, image: &RgbImage, host: &dyn Host) -> Result<Vec<String>, CaptionError> {
    let page = reader.read(image, host)?;
    Ok(page.lines.into_iter().map(|line| line.text).collect())
}

/// Opens an image as networks see it: upright, all pixels, the same bytes as Pillow's `convert("RGB")` of a JPEG or of a
/// PNG of 8 bits.
///
/// # Errors
/// As a row's error: when the file is no image, is damaged or over a limit.
pub fn open_rgb(path: &Path) -> Result<RgbImage, RowError> {
    let shown = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let file = photo::read(&shown, path)?;
    let photo = Photo::decode(&file.bytes, &shown, Detail::Full);
    photo.map(|photo| photo.rgb).map_err(|error| RowError { code: error.code(), message: error.to_string() })
}
