//! A scene as an English sentence.

use super::scene::{ANIMALS, Action, Named, Scene};

const COUNTS: [&str; 6] = ["no", "a", "two", "three", "four", "five"];
/// The detector's names, where people say something else.
const SAID: [(&str, &str); 5] = [
    ("tv", "television"),
    ("dining table", "table"),
    ("sports ball", "ball"),
    ("airplane", "plane"),
    ("hair drier", "hair dryer"),
];
const PLURALS: [(&str, &str); 9] = [
    ("bus", "buses"),
    ("bench", "benches"),
    ("sheep", "sheep"),
    ("knife", "knives"),
    ("couch", "couches"),
    ("sandwich", "sandwiches"),
    ("toothbrush", "toothbrushes"),
    ("wine glass", "wine glasses"),
    ("mouse", "mice"),
];
/// Words of the classifier that have no article.
const UNCOUNTED: [&str; 19] = [
    "food",
    "fruit",
    "vegetables",
    "clothes",
    "corn",
    "flower",
    "coral",
    "underwear",
    "jeans",
    "sunglasses",
    "glasses",
    "tools",
    "soup",
    "dessert",
    "bread",
    "coffee",
    "wine",
    "text",
    "shoes",
];

/// "Two people sitting at a table with pizza." None of an empty scene.
pub(super) fn sentence(scene: &Scene) -> Option<String> {
    let things: Vec<String> = scene.things.iter().map(named).collect();
    let mut words = Vec::new();
    if scene.people > 0 {
        words.push(people(scene.people));
        match &scene.action {
            Some(action) => words.push(acting(action, scene.people == 1)),
            None if scene.stands && scene.place.is_some() => words.push("standing".into()),
            None => {}
        }
        if !things.is_empty() {
            words.push(format!("with {}", listed(&things)));
        }
    } else if let [first, rest @ ..] = &things[..] {
        words.push(first.clone());
        if !rest.is_empty() {
            words.push(format!("with {}", listed(rest)));
        } else if stands(scene) {
            words.push("standing".into());
        }
    } else {
        let place = scene.place?;
        words.push(if place.starts_with("in a ") { "a scene" } else { "a view" }.into());
    }
    words.extend(scene.place.map(str::to_owned));
    Some(capitalised(&words.join(" ")) + ".")
}

/// A few animals in a field or a room stand there.
fn stands(scene: &Scene) -> bool {
    let few_animals = matches!(&scene.things[..], [Named::Thing(name, many)] if ANIMALS.contains(name) && *many <= 5);
    few_animals && scene.place.is_some_and(|place| place.starts_with("in a "))
}

fn acting(action: &Action, one: bool) -> String {
    use Action as A;
    let either = |alone: &str, together: &str| if one { alone.to_owned() } else { together.to_owned() };
    match action {
        A::Tennis => either("playing tennis on a court, holding a racket", "playing tennis on a court"),
        A::Bat => either("holding a baseball bat on a baseball field", "playing baseball on a field with a bat"),
        A::Baseball => "playing baseball on a baseball field".into(),
        A::Surf => either("riding a wave on a surfboard", "on surfboards in the water"),
        A::Snowboard => either("riding a snowboard down a snowy slope", "on snowboards in the snow"),
        A::Ski => "on skis in the snow".into(),
        A::Skateboard => either("riding a skateboard", "with a skateboard"),
        A::Frisbee => "playing with a frisbee".into(),
        A::Kite(1) => "flying a kite".into(),
        A::Kite(_) => "flying kites".into(),
        A::RideHorse => either("riding a horse", "on horses"),
        A::Motorcycle(1) => either("sitting on a motorcycle", "with a motorcycle"),
        A::Motorcycle(_) => "on motorcycles".into(),
        A::RideBicycle => either("riding a bike", "riding bikes"),
        A::EatAt(food) => {
            let food: Vec<String> = food.iter().map(|(name, many)| dish(name, *many)).collect();
            format!("sitting at a table with {}", listed(&food))
        }
        A::FoodAt => "sitting at a table with food".into(),
        A::DrinksAt => "sitting at a table with drinks".into(),
        A::SitAtTable => "sitting at a table".into(),
        A::Laptop => either("at a laptop computer", "with laptop computers"),
        A::Couch => "sitting on a couch".into(),
        A::Bed => "on a bed".into(),
        A::Umbrella => either("holding an umbrella", "with umbrellas"),
        A::Phone => "holding a cell phone".into(),
    }
}

fn dish(name: &str, many: usize) -> String {
    if many < 3 { counted(name, many) } else { plural(name) }
}

fn people(many: usize) -> String {
    match many {
        1 => "a person".into(),
        2..=4 => format!("{} people", COUNTS[many]),
        5..=9 => "a group of people".into(),
        _ => "a crowd of people".into(),
    }
}

fn named(what: &Named) -> String {
    match what {
        Named::Thing(name, many) => counted(name, *many),
        Named::Word(word) if word == "flower" => "flowers".into(),
        Named::Word(word) if UNCOUNTED.contains(&word.as_str()) => word.clone(),
        Named::Word(word) => with_article(word),
    }
}

fn counted(name: &str, many: usize) -> String {
    match (name, many) {
        ("broccoli" | "skis", _) => name.into(),
        ("scissors", _) => "a pair of scissors".into(),
        (_, 1) => with_article(said(name)),
        (_, 2..=5) => format!("{} {}", COUNTS[many], plural(name)),
        (_, 6..=8) => format!("several {}", plural(name)),
        _ => format!("many {}", plural(name)),
    }
}

/// The detector's name as people say it.
pub(super) fn said(name: &str) -> &str {
    SAID.iter().find(|(known, _)| *known == name).map_or(name, |(_, said)| *said)
}

fn plural(name: &str) -> String {
    let known = PLURALS.iter().find(|(known, _)| *known == name);
    known.map_or_else(|| format!("{}s", said(name)), |(_, plural)| (*plural).to_owned())
}

fn with_article(word: &str) -> String {
    let vowel = word.to_lowercase().starts_with(['a', 'e', 'i', 'o', 'u']) && !word.to_lowercase().starts_with("uni");
    format!("{} {word}", if vowel { "an" } else { "a" })
}

fn listed(things: &[String]) -> String {
    match things {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(people: usize, action: Option<Action>, things: Vec<Named>, place: Option<&'static str>) -> String {
        sentence(&Scene { people, action, things, place, stands: people == 1 }).unwrap()
    }

    #[test]
    fn sentences_are_english() {
        let thing = |name, many| Named::Thing(name, many);
        assert_eq!(said(1, Some(Action::Skateboard), vec![], None), "A person riding a skateboard.");
        assert_eq!(
            said(
                2,
                Some(Action::EatAt(vec![("pizza", 1), ("cake", 4)])),
                vec![thing("dog", 1)],
                Some("in a restaurant")
            ),
            "Two people sitting at a table with a pizza and cakes with a dog in a restaurant."
        );
        assert_eq!(
            said(0, None, vec![thing("sheep", 2)], Some("in a grassy field")),
            "Two sheep standing in a grassy field."
        );
        let many = vec![thing("airplane", 1), thing("bench", 7), Named::Word("umbrella".into())];
        assert_eq!(said(0, None, many, None), "A plane with several benches and an umbrella.");
        assert_eq!(said(0, None, vec![], Some("in a kitchen")), "A scene in a kitchen.");
        assert_eq!(said(12, None, vec![], Some("on a street")), "A crowd of people on a street.");
        assert_eq!(said(1, None, vec![], Some("at the beach")), "A person standing at the beach.");
        assert_eq!(sentence(&Scene::default()), None);
    }
}
