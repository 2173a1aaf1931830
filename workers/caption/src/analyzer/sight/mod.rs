//! What an image shows: things by a detector, its kind by a classifier, and what is said of both.

pub(super) mod chinese;
mod english;
mod facts;
mod groups;
mod scene;
mod vector;

use image::RgbImage;
use medley_clip::{Family, Sentences, Tag, built_in};
use medley_models::{Models, SessionOptions};
use medley_vision::{
    classify::Classifier,
    objects::{Object, ObjectFinder, SecondLook},
};

use self::{
    facts::{Bounds, Facts, Thing},
    groups::Groups,
};
use crate::{
    CaptionError, CaptionParams,
    params::Language,
    row::{Position, SeenObject},
};

/// What follows from a thing, a little less surely than the thing itself.
const IMPLIED: [(&str, &[&str]); 8] = [
    ("skis", &["skiing", "snow"]),
    ("snowboard", &["snowboarding", "snow"]),
    ("surfboard", &["surfing", "sea", "wave"]),
    ("skateboard", &["skateboarding"]),
    ("tennis racket", &["tennis"]),
    ("baseball bat", &["baseball"]),
    ("baseball glove", &["baseball"]),
    ("frisbee", &["game"]),
];
const LESS_SURE: f32 = 0.9;
/// A thing's middle is on the left up to this share of the width, and on the right from as far on the other side.
const LEFT: f32 = 0.36;

/// Looks at images and says what they show.
#[derive(Debug)]
pub(super) struct Sight {
    finder: ObjectFinder,
    classifier: Classifier,
    groups: Groups,
    /// None where a CLIP model makes the vectors.
    sentences: Option<Sentences>,
    bounds: Bounds,
    language: Language,
    max_tags: usize,
}

/// An image, as far as its sight needs it.
pub(super) struct Looked<'a> {
    pub(super) image: &'a RgbImage,
    /// What the detector told of it.
    pub(super) objects: &'a [Object],
    /// The share of it that is green as grass is.
    pub(super) green: f32,
    /// How many people all detectors together count.
    pub(super) people: u32,
    /// The width of the image as it was taken, in px.
    pub(super) width: u32,
}

/// What is said of an image.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// One sentence; none where nothing is believed.
    pub(super) sentence: Option<String>,
    pub(super) objects: Vec<SeenObject>,
    pub(super) scene: Option<String>,
    pub(super) tags: Vec<Tag>,
    pub(super) vector: Option<Vec<f32>>,
}

impl Sight {
    pub(super) fn open(models: &Models, params: &CaptionParams, parallel: usize) -> Result<Self, CaptionError> {
        let options = SessionOptions { threads: 1, parallel };
        let second = if params.second_detector { SecondLook::CenterNet } else { SecondLook::No };
        let labels = built_in("imagenet", Family::Clip).unwrap_or_default();
        Ok(Self {
            finder: ObjectFinder::open(models, second, options)?,
            classifier: Classifier::open(models, options)?,
            groups: Groups::new(&labels),
            sentences: params.model.is_none().then(|| Sentences::open(models, options)).transpose()?,
            bounds: if params.caption_sure { Bounds::SURE } else { Bounds::USUAL },
            language: params.caption_language,
            max_tags: params.max_tags as usize,
        })
    }

    /// What the detector sees, believed or not.
    pub(super) fn objects(&self, image: &RgbImage) -> Result<Vec<Object>, CaptionError> {
        Ok(self.finder.find(image)?)
    }

    /// What is said of the image.
    pub(super) fn say(&self, looked: &Looked<'_>) -> Result<Said, CaptionError> {
        let Looked { image, objects, green, people, width } = *looked;
        let classes = self.classifier.probabilities(image)?;
        let words = self.groups.weigh(&classes);
        let area = image.width() as f32 * image.height() as f32;
        let facts = Facts::new(objects, &words, area, &self.bounds);
        let scene = scene::scene(&facts, green, people as usize);
        let sentence = english::sentence(&scene);
        let seen = vector::Seen { classes: &classes, objects, area, sentence: sentence.as_deref() };
        let scale = width as f32 / image.width() as f32;
        Ok(Said {
            objects: facts.things.iter().map(|thing| in_row(thing, image.width() as f32, scale)).collect(),
            scene: scene.place.map(str::to_owned),
            tags: self.tags(&facts, &classes),
            // The vector is of the English sentence in every language.
            vector: self.sentences.as_ref().map(|sentences| vector::vector(&seen, sentences)).transpose()?,
            sentence: match self.language {
                Language::En => sentence,
                Language::Zh => chinese::sentence(&scene),
            },
        })
    }

    /// Things, what they imply, and words of the classifier; the surest first, each once.
    fn tags(&self, facts: &Facts, classes: &[f32]) -> Vec<Tag> {
        let mut tags: Vec<Tag> = Vec::new();
        let mut add = |label: &str, score: f32| match tags.iter_mut().find(|tag| tag.label == label) {
            Some(tag) => tag.score = tag.score.max(score),
            None => tags.push(Tag { label: label.to_owned(), score }),
        };
        for thing in &facts.things {
            add(english::said(thing.name), thing.score);
            let implied = IMPLIED.iter().filter(|(name, _)| *name == thing.name);
            implied.flat_map(|(_, words)| *words).for_each(|word| add(word, LESS_SURE * thing.score));
        }
        facts.words.iter().for_each(|(word, probability)| add(word, *probability));
        for (word, _) in &facts.words {
            if let Some(fine) = self.groups.fine_label(word, classes)
                && let Some(tag) = tags.iter_mut().find(|tag| tag.label == *word)
            {
                tag.label = format!("{word} ({fine})");
            }
        }
        if self.language == Language::Zh {
            for tag in &mut tags {
                let name = chinese::name(&tag.label).or_else(|| chinese::name_of_said(&tag.label));
                tag.label = name.map_or_else(|| tag.label.clone(), str::to_owned);
            }
        }
        tags.sort_by(|a, b| b.score.total_cmp(&a.score));
        tags.truncate(self.max_tags);
        tags
    }
}

/// A thing in px of the image as it was taken.
fn in_row(thing: &Thing, width: f32, scale: f32) -> SeenObject {
    let bounds = thing.bounds;
    let middle = bounds.centre()[0] / width;
    let position = if middle < LEFT {
        Position::Left
    } else if middle > 1.0 - LEFT {
        Position::Right
    } else {
        Position::Middle
    };
    let px = |value: f32| (value * scale * 10.0).round() / 10.0;
    SeenObject {
        name: thing.name.to_owned(),
        score: thing.score,
        bounds: [bounds.x, bounds.y, bounds.width, bounds.height].map(px),
        position,
    }
}
