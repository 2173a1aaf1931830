//! What is said of a picture, before it is said in a language: who does what with what, and where.
//!
//! The rules are those of a description by a careful person: a few things by how sure and how large they are, one action that
//! the things allow, one place; what is implied is not said.

use std::collections::BTreeMap;

use super::facts::{Facts, PLACES, SAME, Thing, over};

/// The most things that are named.
const MAX_THINGS: usize = 3;
/// Who is lower than so much of the tallest stands in the background.
const FOREGROUND: f32 = 0.45;
const MANY_PEOPLE: usize = 7;
/// A box so many times as high as it is wide is that of somebody who stands.
const UPRIGHT: f32 = 1.8;
/// Of a thing that a person rides or holds, so much lies in the person's box.
const TOUCH: f32 = 0.2;
const SPORTS: [&str; 6] = ["tennis racket", "baseball bat", "surfboard", "snowboard", "skis", "skateboard"];
pub(super) const FOOD: [&str; 10] =
    ["banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake"];
const TABLEWARE: [&str; 7] = ["bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl"];
pub(super) const ANIMALS: [&str; 10] =
    ["bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"];
const VEHICLES: [&str; 7] = ["bicycle", "car", "motorcycle", "airplane", "train", "truck", "boat"];
/// Words that things say better.
const WIDER: [(&str, &[&str]); 6] = [
    ("fruit", &["banana", "apple", "orange"]),
    ("vegetables", &["broccoli", "carrot"]),
    ("food", &FOOD),
    ("bread", &["sandwich", "hot dog"]),
    ("dessert", &["cake", "donut"]),
    ("toy", &["teddy bear"]),
];
/// Words that say nothing by themselves, or that a place or the text in the picture says.
const UNSAID: [&str; 14] = [
    "kitchen", "baseball", "tennis", "racket", "snow", "ball", "pot", "glass", "window", "door", "table", "bread",
    "ski", "text",
];

/// What people do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    Tennis,
    Bat,
    Baseball,
    Surf,
    Snowboard,
    Ski,
    Skateboard,
    Frisbee,
    /// So many kites.
    Kite(usize),
    RideHorse,
    /// So many motorcycles.
    Motorcycle(usize),
    RideBicycle,
    /// At a table, with these kinds of food, each so many.
    EatAt(Vec<(&'static str, usize)>),
    FoodAt,
    DrinksAt,
    SitAtTable,
    Laptop,
    Couch,
    Bed,
    Umbrella,
    Phone,
}

/// A thing or a word of the classifier.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Named {
    /// Of the detector, so many.
    Thing(&'static str, usize),
    Word(String),
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Scene {
    /// The people in front.
    pub(super) people: usize,
    pub(super) action: Option<Action>,
    pub(super) things: Vec<Named>,
    /// An English phrase: "in a kitchen".
    pub(super) place: Option<&'static str>,
    /// Whether the one person's box is as narrow as that of somebody who stands.
    pub(super) stands: bool,
}

/// Chooses what is said. `green` is the share of the picture that has the colour of grass; `people` is the count of all
/// detectors together, where it says more than the things do.
pub(super) fn scene(facts: &Facts, green: f32, people: usize) -> Scene {
    let mut seen = Seen::new(facts);
    let lead = seen.people_in_front().max(if seen.people.is_empty() { people } else { 0 });
    if lead > 0 {
        seen.keep_one_sport();
    }
    let (action, used) = if lead > 0 { seen.action(lead) } else { (None, Vec::new()) };
    let place = seen.place(lead, action.as_ref(), &used, green);
    let things = seen.things(lead, &used, place);
    let stands =
        lead == 1 && seen.tallest().is_some_and(|person| person.bounds.height >= UPRIGHT * person.bounds.width);
    Scene { people: lead, action, things, place, stands }
}

/// The facts by name.
struct Seen<'f> {
    facts: &'f Facts,
    people: Vec<&'f Thing>,
    /// All but people.
    things: BTreeMap<&'static str, Vec<&'f Thing>>,
}

impl<'f> Seen<'f> {
    fn new(facts: &'f Facts) -> Self {
        let (people, others): (Vec<&Thing>, Vec<&Thing>) =
            facts.things.iter().partition(|thing| thing.name == "person");
        let mut things: BTreeMap<&str, Vec<&Thing>> = BTreeMap::new();
        for thing in others {
            things.entry(thing.name).or_default().push(thing);
        }
        Self { facts, people, things }
    }

    fn count(&self, name: &str) -> usize {
        self.things.get(name).map_or(0, Vec::len)
    }

    fn has(&self, name: &str) -> bool {
        self.things.contains_key(name)
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    fn word(&self, word: &str) -> f32 {
        self.facts.words.iter().find(|(known, _)| known == word).map_or(0.0, |(_, share)| *share)
    }

    /// Whether one of these touches a person.
    fn touches(&self, name: &str) -> bool {
        let touches = |thing: &&Thing| self.people.iter().any(|person| over(&thing.bounds, &person.bounds) > TOUCH);
        self.things.get(name).is_some_and(|things| things.iter().any(touches))
    }

    fn tallest(&self) -> Option<&Thing> {
        self.people.iter().copied().max_by(|a, b| a.bounds.height.total_cmp(&b.bounds.height))
    }

    fn people_in_front(&self) -> usize {
        if self.people.len() >= MANY_PEOPLE {
            return self.people.len();
        }
        let tallest = self.tallest().map_or(0.0, |person| person.bounds.height);
        self.people.iter().filter(|person| person.bounds.height >= FOREGROUND * tallest).count()
    }

    /// Of several sports the surest; the others are taken for slips.
    fn keep_one_sport(&mut self) {
        let surest =
            |name: &str| self.things.get(name).into_iter().flatten().map(|thing| thing.score).fold(0.0, f32::max);
        let best = SPORTS.into_iter().filter(|name| self.has(name)).max_by(|a, b| surest(a).total_cmp(&surest(b)));
        if let Some(best) = best {
            self.things.retain(|name, _| *name == best || !SPORTS.contains(name));
        }
    }

    /// What the people do, and the things that it says already.
    fn action(&self, lead: usize) -> (Option<Action>, Vec<&'static str>) {
        let one = lead == 1;
        let skis = self.has("skis") || self.word("ski") > 0.3 && self.word("snow") > 0.3;
        let baseball = self.has("baseball glove") || self.word("baseball") > 0.22;
        let is_snowboard = self.has("snowboard") && self.facts.best("snowboard") >= self.facts.best("skis");
        let (action, used): (Action, &[&'static str]) = if self.has("tennis racket") {
            (Action::Tennis, &["tennis racket", "sports ball", "chair", "bench"])
        } else if self.has("baseball bat") {
            (Action::Bat, &["baseball bat", "baseball glove", "sports ball", "chair", "bench"])
        } else if baseball {
            (Action::Baseball, &["baseball bat", "baseball glove", "sports ball", "chair", "bench"])
        } else if self.has("surfboard") {
            (Action::Surf, &["surfboard", "boat"])
        } else if is_snowboard {
            (Action::Snowboard, &["snowboard", "skis"])
        } else if skis {
            (Action::Ski, &["snowboard", "skis"])
        } else if self.has("skateboard") {
            (Action::Skateboard, &["skateboard"])
        } else if self.has("frisbee") {
            (Action::Frisbee, &["frisbee", "sports ball"])
        } else if self.has("kite") {
            (Action::Kite(self.count("kite")), &["kite"])
        } else if self.touches("horse") {
            (Action::RideHorse, &["horse"])
        } else if self.touches("motorcycle") {
            let many = if one { 1 } else { self.count("motorcycle") };
            (Action::Motorcycle(many), &["motorcycle"])
        } else if self.touches("bicycle") {
            (Action::RideBicycle, &["bicycle"])
        } else if self.has("dining table") {
            return self.at_a_table();
        } else if self.has("laptop") {
            (Action::Laptop, &["laptop", "keyboard", "mouse"])
        } else {
            return self.holding_or_sitting();
        };
        (Some(action), used.to_vec())
    }

    fn at_a_table(&self) -> (Option<Action>, Vec<&'static str>) {
        let table = ["dining table", "chair"];
        let dishes = self.word("food") > 0.0 || self.word("restaurant") > 0.0;
        let is_laid = self.has_any(&FOOD) || self.has_any(&TABLEWARE) || dishes || self.word("table") > 0.0;
        if is_laid {
            let mut food: Vec<&str> = FOOD.into_iter().filter(|name| self.has(name)).collect();
            food.sort_by(|a, b| self.facts.best(b).total_cmp(&self.facts.best(a)));
            let action = if !food.is_empty() {
                Action::EatAt(food.into_iter().take(2).map(|name| (name, self.count(name))).collect())
            } else if dishes || self.has("bowl") || self.has("fork") {
                Action::FoodAt
            } else {
                Action::DrinksAt
            };
            return (Some(action), table.into_iter().chain(FOOD).chain(TABLEWARE).collect());
        }
        if self.touches("dining table") && !self.has_any(&ANIMALS) {
            return (Some(Action::SitAtTable), table.to_vec());
        }
        if self.has("laptop") {
            return (Some(Action::Laptop), vec!["laptop", "keyboard", "mouse"]);
        }
        self.holding_or_sitting()
    }

    fn holding_or_sitting(&self) -> (Option<Action>, Vec<&'static str>) {
        let which = [
            ("couch", Action::Couch),
            ("bed", Action::Bed),
            ("umbrella", Action::Umbrella),
            ("cell phone", Action::Phone),
        ];
        match which.into_iter().find(|(name, _)| self.touches(name)) {
            Some((name, action)) => (Some(action), vec![name]),
            None => (None, Vec::new()),
        }
    }

    fn place(&self, lead: usize, action: Option<&Action>, used: &[&str], green: f32) -> Option<&'static str> {
        use Action as A;
        if matches!(action, Some(A::Snowboard | A::Ski | A::Tennis | A::Bat | A::Baseball)) {
            return None;
        }
        let appliances = ["oven", "refrigerator", "microwave", "sink", "toaster"];
        let appliances = appliances.into_iter().filter(|name| self.has(name) || self.facts.best(name) > 0.3).count();
        let from_word = self
            .facts
            .words
            .iter()
            .find_map(|(word, _)| PLACES.iter().find(|(known, _)| known == word).map(|(_, phrase)| *phrase));
        let is_street = self.has_any(&["traffic light", "stop sign", "parking meter", "fire hydrant", "bus"])
            || self.count("car") >= 2;
        if self.has("toilet") || self.word("bathroom") > self.word("kitchen") {
            Some("in a bathroom")
        } else if appliances >= 2 || self.word("kitchen") > 0.0 || self.has_any(&["oven", "refrigerator"]) {
            Some("in a kitchen")
        } else if self.has("bed") && !used.contains(&"bed") && lead > 0 {
            None
        } else if self.word("snow") > 0.0 {
            Some("in the snow")
        } else if from_word.is_some() {
            from_word
        } else if is_street {
            Some("on a street")
        } else if self.has("couch") && self.has("tv") {
            Some("in a living room")
        } else if self.has_any(&["sheep", "cow", "horse", "zebra", "elephant", "giraffe"]) || used.contains(&"frisbee")
        {
            if green > 0.25 { Some("in a grassy field") } else { (lead == 0).then_some("in a field") }
        } else if self.has("boat") && !used.contains(&"boat") {
            Some("in the water")
        } else if let Some(planes) = self.things.get("airplane") {
            Some(if planes[0].share < 0.12 { "in the sky" } else { "on a runway" })
        } else if self.has("train") {
            Some(if lead == 0 { "on the tracks" } else { "at a station" })
        } else if used.contains(&"surfboard") && lead == 1 {
            Some("in the ocean")
        } else {
            None
        }
    }

    /// What is named besides the people and what their action says.
    fn things(&self, lead: usize, used: &[&str], place: Option<&str>) -> Vec<Named> {
        let mut skipped: Vec<&str> = match place {
            Some("in a kitchen") if lead > 0 => {
                vec!["oven", "sink", "refrigerator", "microwave", "bottle", "bowl", "cup", "chair", "knife", "spoon"]
            }
            Some("in a kitchen") => vec!["bottle", "cup", "bowl", "chair"],
            Some("in a bathroom") => vec!["bottle", "cup"],
            Some("on a street") => vec!["backpack", "handbag"],
            Some("in a restaurant") => vec!["chair", "bottle"],
            _ => Vec::new(),
        };
        if lead > 0 && used.iter().any(|name| SPORTS.contains(name)) {
            skipped.extend(VEHICLES);
            skipped.extend(["bench", "chair", "backpack", "handbag", "umbrella", "sports ball"]);
        }
        let weight = |things: &[&Thing]| {
            let surest = things.iter().map(|thing| thing.score).fold(0.0, f32::max);
            surest * things.iter().map(|thing| thing.share).sum::<f32>().powf(0.35)
        };
        let mut rest: Vec<(&'static str, f32)> = self
            .things
            .iter()
            .filter(|(name, _)| !used.contains(*name) && !skipped.contains(*name))
            .map(|(name, things)| (*name, weight(things)))
            .collect();
        rest.sort_by(|a, b| b.1.total_cmp(&a.1));
        let rest: Vec<&'static str> = rest.into_iter().map(|(name, _)| name).collect();
        let alone = self.words_alone(used);
        let extra = self.words_beyond(&rest).take(if rest.is_empty() && lead == 0 { 2 } else { 1 });
        let things = rest.iter().copied().take(MAX_THINGS).map(|name| Named::Thing(name, self.count(name)));
        things.chain(alone.chain(extra).map(Named::Word)).take(MAX_THINGS).collect()
    }

    /// Words of things that the detector knows and did not see.
    fn words_alone(&self, used: &[&str]) -> impl Iterator<Item = String> {
        let is_unseen =
            |word: &String| SAME.iter().any(|(known, name)| known == word && !self.has(name) && !used.contains(name));
        self.facts
            .words
            .iter()
            .filter(move |(word, share)| is_unseen(word) && *share >= 0.6)
            .map(|(word, _)| word.clone())
    }

    /// Words of what the detector cannot know.
    fn words_beyond(&self, rest: &[&'static str]) -> impl Iterator<Item = String> {
        let rest = rest.join(" ");
        let is_known = move |word: &str| {
            SAME.iter().any(|(known, _)| *known == word)
                || PLACES.iter().any(|(known, _)| *known == word)
                || UNSAID.contains(&word)
                || rest.contains(word)
        };
        let is_said = |word: &str| WIDER.iter().any(|(wide, names)| *wide == word && self.has_any(names));
        let words = self.facts.words.iter().filter(move |(word, _)| !is_known(word) && !is_said(word));
        words.map(|(word, _)| word.clone())
    }
}
