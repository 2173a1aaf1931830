use std::{
    borrow::Cow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use image::RgbImage;
use medley_models::{Models, Session, SessionOptions};
use medley_step::{Host, StepError};

use super::{
    LineReader, TextError, TextLine, TextPage,
    detect::{DetectSize, detect},
    geometry::{Plane, Point, Quad},
    order,
    orient::{self, Lean},
    pixels::{self, Pyramid},
    recognize::{self, Alphabet, Reading},
};

/// Lines that the recogniser doubts more than this are noise.
const LINE_CONFIDENCE: f32 = 0.5;
/// Below and above these the direction classifier is taken at its word; between them both ways are read.
const SURELY_UPRIGHT: f32 = 0.3;
/// So many lines are read both ways.
const READ_BOTH_WAYS: usize = 5;
/// Detection sees pictures of this size; recognition reads from the full picture.
const FIRST_LOOK: DetectSize = DetectSize { min_side_px: 640, max_pixels: 1_000_000 };
/// Where most lines are lower than this for the detector, it looks again, closer.
const SMALL_PRINT_PX: f32 = 14.0;
const CLOSER_LOOK: DetectSize = DetectSize { min_side_px: 736, max_pixels: 2_600_000 };

/// Which trained models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PpOcrVersion {
    #[default]
    V6Small,
    V4,
}

impl PpOcrVersion {
    /// The model's name in the registry.
    pub fn model(self) -> &'static str {
        match self {
            Self::V6Small => "pp-ocrv6-small",
            Self::V4 => "pp-ocrv4",
        }
    }
}

/// How many pages are read at once and how many threads each may use.
#[derive(Debug, Clone, Copy)]
pub struct Slots {
    pub pages: usize,
    pub threads_per_page: usize,
}

/// The PP-OCR pipeline. Shared by threads.
#[derive(Debug)]
pub struct PpOcr {
    detector: Session,
    classifier: Session,
    recogniser: Session,
    alphabet: Alphabet,
    threads_per_page: usize,
}

impl PpOcr {
    /// Loads the models.
    ///
    /// # Errors
    /// When a file is missing or not what it should be.
    pub fn open(models: &Models, version: PpOcrVersion, slots: Slots) -> Result<Self, TextError> {
        let name = version.model();
        let session = |file: &str, threads: usize, parallel: usize| {
            models.session(name, file, SessionOptions { threads, parallel }).map_err(StepError::from)
        };
        let keys = models.file(name, "keys.txt").map_err(StepError::from)?;
        let alphabet = Alphabet::parse(&std::fs::read_to_string(keys).map_err(StepError::from)?)?;
        Ok(Self {
            detector: session("det.onnx", slots.threads_per_page, slots.pages)?,
            classifier: session("cls.onnx", 1, slots.pages)?,
            recogniser: session("rec.onnx", 1, slots.pages * slots.threads_per_page)?,
            alphabet,
            threads_per_page: slots.threads_per_page,
        })
    }

    /// How many quarter turns clockwise set the page upright.
    fn quarter_turns(&self, pyramid: &Pyramid<'_>, quads: &[Quad]) -> Result<u8, TextError> {
        let lines = orient::telling(quads);
        let on_end = orient::on_end(&lines);
        // Lines on end are tried read upwards: the page's top would be its right-hand side now.
        let lines: Vec<Quad> = lines
            .into_iter()
            .filter(|quad| (quad.height() > quad.width()) == on_end)
            .map(|quad| if on_end { quad.turned() } else { quad })
            .collect();
        let as_tried = if on_end { 3 } else { 0 };
        if orient::upside_down(&self.classifier, pyramid, &lines)? < SURELY_UPRIGHT {
            return Ok(as_tried);
        }
        let mut tried: Vec<Quad> = lines.into_iter().take(READ_BOTH_WAYS).collect();
        let upright = self.confidence(pyramid, &tried)?;
        for quad in &mut tried {
            *quad = quad.turned().turned();
        }
        let turned = self.confidence(pyramid, &tried)?;
        Ok(if turned > upright { (as_tried + 2) % 4 } else { as_tried })
    }

    fn confidence(&self, pyramid: &Pyramid<'_>, quads: &[Quad]) -> Result<f32, TextError> {
        let mut sum = 0.0;
        for batch in recognize::batches(quads) {
            let readings = recognize::read(&self.recogniser, &self.alphabet, pyramid, &batch)?;
            sum += readings.iter().map(|(_, reading)| reading.confidence * reading.glyphs.len() as f32).sum::<f32>();
        }
        Ok(sum)
    }

    /// What the lines say, the batches shared among threads.
    fn recognize(&self, view: &Pyramid<'_>, quads: &[Quad], host: &dyn Host) -> Result<Vec<Reading>, TextError> {
        // The widest first: no thread is left alone with a long one at the end.
        let batches: Vec<_> = recognize::batches(quads).into_iter().rev().collect();
        let next = AtomicUsize::new(0);
        let readings = Mutex::new(vec![Reading::default(); quads.len()]);
        let work = || -> Result<(), TextError> {
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                host.checkpoint()?;
                let read = recognize::read(&self.recogniser, &self.alphabet, view, batch)?;
                let mut readings = readings.lock().unwrap_or_else(PoisonError::into_inner);
                for (index, reading) in read {
                    readings[index] = reading;
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (1..self.threads_per_page).map(|_| scope.spawn(work)).collect();
            let mine = work();
            threads.into_iter().fold(mine, |so_far, thread| {
                let theirs = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                so_far.and(theirs)
            })
        })?;
        Ok(readings.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Half of the lines are lower than this, in pixels.
fn median_thickness(quads: &[Quad]) -> f32 {
    let mut sides: Vec<f32> = quads.iter().map(|quad| quad.width().min(quad.height())).collect();
    sides.sort_by(f32::total_cmp);
    sides.get(sides.len() / 2).copied().unwrap_or(0.0)
}

/// The picture as it is read: turned and set straight.
struct View<'a> {
    pyramid: Pyramid<'a>,
    /// From the picture to the view.
    plane: Plane,
    quads: Vec<Quad>,
}

impl LineReader for PpOcr {
    fn read(&self, picture: &RgbImage, host: &dyn Host) -> Result<TextPage, TextError> {
        let look = |pyramid: &Pyramid<'_>| -> Result<Vec<Quad>, TextError> {
            host.checkpoint()?;
            let quads = detect(&self.detector, pyramid, FIRST_LOOK)?;
            let scale = FIRST_LOOK.scale(pyramid.picture().width(), pyramid.picture().height());
            if scale < 1.0 && median_thickness(&quads) * scale < SMALL_PRINT_PX && !quads.is_empty() {
                host.checkpoint()?;
                return detect(&self.detector, pyramid, CLOSER_LOOK);
            }
            Ok(quads)
        };
        let pyramid = Pyramid::new(Cow::Borrowed(picture));
        let quads = look(&pyramid)?;
        let mut view = View { pyramid, plane: Plane::IDENTITY, quads };
        let turns = self.quarter_turns(&view.pyramid, &view.quads)?;
        if turns != 0 {
            let pyramid = Pyramid::new(Cow::Owned(pixels::turned(picture, turns)));
            let quads = look(&pyramid)?;
            view = View { pyramid, plane: Plane::quarter_turns(turns, picture.width(), picture.height()), quads };
        }
        let mut lean = view.lean();
        let lean_deg = lean.angle.to_degrees();
        if lean.is_worth_straightening(view.pyramid.picture().height())
            && let Some(straight) = view.straightened(lean)
        {
            view = straight;
            view.quads = look(&view.pyramid)?;
            lean = view.lean();
        }
        let readings = self.recognize(&view.pyramid, &view.quads, host)?;
        let page = TextPage { turn_deg: u16::from(turns) * 90, lean_deg, ..view.page(lean, readings) };
        Ok(page)
    }
}

impl View<'_> {
    fn lean(&self) -> Lean {
        let picture = self.pyramid.picture();
        let center = Point { x: picture.width() as f32 / 2.0, y: picture.height() as f32 / 2.0 };
        Lean::of(&self.quads, center)
    }

    /// The view resampled so that its lines are level; without quads yet.
    fn straightened(&self, lean: Lean) -> Option<View<'static>> {
        let picture = self.pyramid.picture();
        let (straighten, width, height) = lean.straightening(picture.width(), picture.height());
        let back = straighten.inverse()?;
        let picture = pixels::warped(picture, &back, width, height);
        let pyramid = Pyramid::new(Cow::Owned(picture));
        Some(View { pyramid, plane: self.plane.then(&straighten), quads: Vec::new() })
    }

    /// The page in reading order; what is left of the lean is taken out of the lines' places.
    fn page(&self, lean: Lean, readings: Vec<Reading>) -> TextPage {
        let picture = self.pyramid.picture();
        let (level, width, height) = lean.straightening(picture.width(), picture.height());
        let back = self.plane.inverse().unwrap_or(Plane::IDENTITY);
        let (quads, readings): (Vec<Quad>, Vec<Reading>) =
            self.quads.iter().copied().zip(readings).filter(|(_, reading)| is_text(reading)).unzip();
        let upright: Vec<Quad> = quads.iter().map(|quad| quad.map(&level)).collect();
        let mut lines = Vec::with_capacity(quads.len());
        for (row, members) in order::rows(&upright).into_iter().enumerate() {
            lines.extend(members.into_iter().map(|index| TextLine {
                text: readings[index].text(),
                confidence: readings[index].confidence,
                polygon: quads[index].map(&back),
                upright: upright[index],
                row,
                glyphs: readings[index].glyphs.clone(),
            }));
        }
        TextPage { width: width as f32, height: height as f32, lines, ..TextPage::default() }
    }
}

fn is_text(reading: &Reading) -> bool {
    reading.confidence >= LINE_CONFIDENCE && reading.glyphs.iter().any(|glyph| !glyph.char.is_whitespace())
}
