//! What is held true of a picture, of all that a detector and a classifier say of it.

use medley_vision::{
    geometry::Rect,
    objects::{NAMES, Object, PERSON},
};

/// From which score on things are believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) person: f32,
    pub(super) thing: f32,
    /// Of things that a detector takes others for.
    pub(super) small: f32,
    /// How much less is asked of what a person may hold or ride, where it touches one.
    pub(super) attached: f32,
    /// How much more of what the classifier knows, and is sure to see something else in the place of.
    pub(super) contradicted: f32,
    pub(super) group: f32,
    pub(super) scene: f32,
    /// Of a group that the detector knows too and has not seen.
    pub(super) unseen: f32,
    /// Of small things in a picture of which nothing else is believed: most coins are clocks or bowls to a detector.
    pub(super) alone: f32,
}

impl Bounds {
    /// Chosen on 15 photos of COCO by how alike the sentences were to people's.
    pub(super) const USUAL: Self = Self {
        person: 0.40,
        thing: 0.35,
        small: 0.41,
        attached: 0.10,
        contradicted: 0.20,
        group: 0.28,
        scene: 0.22,
        unseen: 0.60,
        alone: 0.55,
    };
    /// Says less.
    pub(super) const SURE: Self = Self {
        person: 0.50,
        thing: 0.50,
        small: 0.50,
        attached: 0.0,
        contradicted: 0.20,
        group: 0.50,
        scene: 0.40,
        unseen: 0.75,
        alone: 0.60,
    };
}

/// How much the classifier's word for it lowers what is asked of a thing.
const AGREEMENT: f32 = 0.15;
/// From this probability of the word on, all of it.
const FULL_AGREEMENT: f32 = 0.4;
/// The detector's score that a word needs which the detector knows too.
const SEEN: f32 = 0.15;
/// What fills the picture is often the picture itself: a disc on black is a bed. Of these the classifier, which looks at the
/// whole picture, has a word, too: it must have a little of it.
const FILLING: f32 = 0.9;
const NEEDS_SUPPORT: [&str; 8] = ["bed", "tv", "clock", "umbrella", "couch", "vase", "cup", "bottle"];
const SUPPORT: f32 = 0.02;
/// From here on the classifier is sure: its slug is no hot dog, its monkey no bear.
const SURE_WORD: f32 = 0.5;
/// A thing covers at least this share of the picture.
const MIN_SHARE: f32 = 0.004;
/// These are often smaller.
const TINY: [&str; 6] = ["sports ball", "frisbee", "kite", "traffic light", "bird", "skis"];
const SMALL: [&str; 24] = [
    "backpack",
    "handbag",
    "tie",
    "bottle",
    "cup",
    "fork",
    "knife",
    "spoon",
    "book",
    "remote",
    "mouse",
    "chair",
    "potted plant",
    "clock",
    "wine glass",
    "bowl",
    "vase",
    "sports ball",
    "bench",
    "traffic light",
    "cell phone",
    "umbrella",
    "suitcase",
    "baseball glove",
];
const HELD: [&str; 13] = [
    "tennis racket",
    "sports ball",
    "frisbee",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "snowboard",
    "skis",
    "cell phone",
    "umbrella",
    "kite",
    "tie",
];
/// Words of the classifier and the detector's name for the same.
pub(super) const SAME: [(&str, &str); 36] = [
    ("dog", "dog"),
    ("cat", "cat"),
    ("horse", "horse"),
    ("sheep", "sheep"),
    ("cow", "cow"),
    ("elephant", "elephant"),
    ("bear", "bear"),
    ("zebra", "zebra"),
    ("bird", "bird"),
    ("airplane", "airplane"),
    ("bus", "bus"),
    ("car", "car"),
    ("truck", "truck"),
    ("train", "train"),
    ("motorcycle", "motorcycle"),
    ("bicycle", "bicycle"),
    ("boat", "boat"),
    ("couch", "couch"),
    ("bed", "bed"),
    ("television", "tv"),
    ("teddy bear", "teddy bear"),
    ("pizza", "pizza"),
    ("hot dog", "hot dog"),
    ("umbrella", "umbrella"),
    ("vase", "vase"),
    ("parking meter", "parking meter"),
    ("traffic light", "traffic light"),
    ("ski", "skis"),
    ("phone", "cell phone"),
    ("clock", "clock"),
    ("bench", "bench"),
    ("computer", "laptop"),
    ("cup", "cup"),
    ("bottle", "bottle"),
    ("chair", "chair"),
    ("table", "dining table"),
];
/// Words that name a place.
pub(super) const PLACES: [(&str, &str); 19] = [
    ("kitchen", "in a kitchen"),
    ("restaurant", "in a restaurant"),
    ("bathroom", "in a bathroom"),
    ("snow", "in the snow"),
    ("mountain", "in the mountains"),
    ("beach", "at the beach"),
    ("shop", "in a shop"),
    ("library", "in a library"),
    ("field", "in a field"),
    ("sea", "by the water"),
    ("church", "at a church"),
    ("bridge", "by a bridge"),
    ("castle", "by a castle"),
    ("playground", "at a playground"),
    ("stage", "on a stage"),
    ("barn", "by a barn"),
    ("cliff", "by a cliff"),
    ("valley", "in a valley"),
    ("fountain", "by a fountain"),
];

/// A thing that is believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Thing {
    pub(super) name: &'static str,
    pub(super) score: f32,
    /// Of the picture, 0 to 1.
    pub(super) share: f32,
    pub(super) bounds: Rect,
}

/// What is believed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Facts {
    /// The surest first.
    pub(super) things: Vec<Thing>,
    /// Words of the classifier, the likeliest first.
    pub(super) words: Vec<(String, f32)>,
    best: Vec<f32>,
}

impl Facts {
    /// `words` are weighed by the classifier, the likeliest first; `area` is the picture's in square px.
    pub(super) fn new(objects: &[Object], words: &[(&str, f32)], area: f32, bounds: &Bounds) -> Self {
        let mut best = vec![0.0_f32; NAMES.len()];
        for object in objects {
            best[object.class] = best[object.class].max(object.score);
        }
        let mut facts = Self { best, ..Self::default() };
        facts.things = believed(objects, words, area, bounds);
        for (word, probability) in words.iter().take_while(|(_, probability)| *probability >= bounds.scene) {
            if *word == "baseball" && facts.is_rather_a_racket() {
                facts.add_unseen("tennis racket");
            } else if facts.believes_word(word, *probability, bounds) {
                facts.words.push(((*word).to_owned(), *probability));
            }
        }
        if facts.words.is_empty() && facts.things.iter().all(|thing| SMALL.contains(&thing.name)) {
            facts.things.retain(|thing| thing.score >= bounds.alone);
        }
        facts
    }

    /// The best score of a class, believed or not.
    pub(super) fn best(&self, name: &str) -> f32 {
        NAMES.iter().position(|known| *known == name).map_or(0.0, |class| self.best[class])
    }

    fn believes_word(&self, word: &str, probability: f32, bounds: &Bounds) -> bool {
        match SAME.iter().find(|(known, _)| *known == word) {
            Some((_, name)) => probability >= bounds.unseen || self.best(name) >= SEEN,
            None => PLACES.iter().any(|(known, _)| *known == word) || probability >= bounds.group,
        }
    }

    /// Tennis courts and baseball fields look alike to the classifier.
    fn is_rather_a_racket(&self) -> bool {
        let racket = self.best("tennis racket");
        racket >= 0.2 && racket > self.best("baseball bat").max(self.best("baseball glove"))
    }

    fn add_unseen(&mut self, name: &'static str) {
        if !self.things.iter().any(|thing| thing.name == name) {
            let bounds = Rect { x: 0.0, y: 0.0, width: 0.0, height: 0.0 };
            self.things.push(Thing { name, score: self.best(name), share: 0.005, bounds });
        }
    }
}

fn believed(objects: &[Object], words: &[(&str, f32)], area: f32, bounds: &Bounds) -> Vec<Thing> {
    let is_person = |object: &&Object| object.class == PERSON && object.score >= bounds.person;
    let people: Vec<&Rect> = objects.iter().filter(is_person).map(|person| &person.bounds).collect();
    let word_of = |name: &str| {
        let of = |word: &str| words.iter().find(|(known, _)| *known == word).map_or(0.0, |(_, share)| *share);
        let same = SAME.iter().filter(|(_, known)| *known == name).map(|(word, _)| of(word));
        same.fold(0.0, f32::max)
    };
    let is_sure = words.first().is_some_and(|(_, share)| *share >= SURE_WORD);
    let known = |name: &str| SAME.iter().any(|(_, known)| *known == name);
    let agreement = |name: &str| AGREEMENT * (word_of(name) / FULL_AGREEMENT).min(1.0);
    let wanted = |object: &Object| {
        let name = object.name();
        let bound = match name {
            "person" => bounds.person,
            _ if SMALL.contains(&name) => bounds.small,
            _ => bounds.thing,
        };
        let is_held = HELD.contains(&name) && people.iter().any(|person| over(&object.bounds, person) > 0.1);
        let is_contradicted = is_sure && known(name) && word_of(name) < SUPPORT;
        let doubt = if is_contradicted { bounds.contradicted } else { 0.0 };
        bound + doubt - agreement(name) - if is_held { bounds.attached } else { 0.0 }
    };
    let thing = |object: &Object| {
        let share = object.bounds.area() / area.max(1.0);
        let is_large_enough = share >= MIN_SHARE || TINY.contains(&object.name());
        let is_supported =
            share < FILLING || !NEEDS_SUPPORT.contains(&object.name()) || word_of(object.name()) >= SUPPORT;
        let is_believed = object.score >= wanted(object) && is_large_enough && is_supported;
        is_believed.then(|| Thing { name: object.name(), score: object.score, share, bounds: object.bounds })
    };
    objects.iter().filter_map(thing).collect()
}

/// The share of the smaller box that both cover.
pub(super) fn over(one: &Rect, other: &Rect) -> f32 {
    let smaller = one.area().min(other.area());
    if smaller > 0.0 { one.overlap(other) / smaller } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, score: f32, x: f32) -> Object {
        let class = NAMES.iter().position(|known| *known == name).unwrap();
        Object { class, score, bounds: Rect { x, y: 0.0, width: 20.0, height: 40.0 } }
    }

    fn names(objects: &[Object], words: &[(&str, f32)], bounds: &Bounds) -> Vec<String> {
        let facts = Facts::new(objects, words, 10_000.0, bounds);
        let things = facts.things.iter().map(|thing| thing.name.to_owned());
        things.chain(facts.words.iter().map(|(word, _)| format!("*{word}"))).collect()
    }

    #[test]
    fn what_fits_together_is_believed_earlier() {
        let board = object("skateboard", 0.27, 10.0);
        assert_eq!(names(&[object("person", 0.6, 0.0), board], &[], &Bounds::USUAL), ["person", "skateboard"]);
        assert_eq!(names(&[object("person", 0.6, 50.0), board], &[], &Bounds::USUAL), ["person"]);
        assert_eq!(names(&[object("dog", 0.25, 0.0)], &[("dog", 0.5)], &Bounds::USUAL), ["dog", "*dog"]);
        assert_eq!(names(&[object("cow", 0.5, 0.0)], &[("dog", 0.45)], &Bounds::USUAL), ["cow"]);
        assert_eq!(names(&[], &[("dog", 0.7), ("snow", 0.25), ("boathouse", 0.25)], &Bounds::USUAL), ["*dog", "*snow"]);
    }

    #[test]
    fn what_only_looks_like_a_thing_is_not_believed() {
        let disc = |word: f32| {
            let bounds = Rect { x: 0.0, y: 0.0, width: 100.0, height: 100.0 };
            names(&[Object { bounds, ..object("bed", 0.46, 0.0) }], &[("bed", word)], &Bounds::USUAL)
        };
        assert_eq!((disc(0.0), disc(0.05)), (vec![], vec!["bed".to_owned()]));
        let bear = object("bear", 0.45, 0.0);
        assert_eq!(names(&[bear], &[("monkey", 0.8)], &Bounds::USUAL), ["*monkey"]);
        assert_eq!(names(&[bear], &[("monkey", 0.4)], &Bounds::USUAL), ["bear", "*monkey"]);
        let coins = [object("clock", 0.45, 0.0), object("bowl", 0.42, 30.0)];
        assert_eq!(names(&coins, &[], &Bounds::USUAL), [""; 0]);
        assert_eq!(names(&coins, &[("kitchen", 0.3)], &Bounds::USUAL), ["clock", "bowl", "*kitchen"]);
    }

    #[test]
    fn the_sure_say_less() {
        let seen = [object("person", 0.45, 0.0), object("skateboard", 0.45, 10.0), object("truck", 0.6, 50.0)];
        assert_eq!(names(&seen, &[("snow", 0.3)], &Bounds::SURE), ["truck"]);
    }
}
