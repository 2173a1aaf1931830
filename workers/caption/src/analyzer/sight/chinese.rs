//! A scene as a Chinese sentence, and Chinese queries as English words.

use std::{collections::HashMap, sync::OnceLock};

use super::{
    english,
    scene::{Action, Named, Scene},
};

const NAMES: &str = include_str!("names.zh.txt");
const GLOSSARY: &str = include_str!("glossary.zh.txt");
const COUNTS: [&str; 6] = ["零", "一", "两", "三", "四", "五"];
/// Where something is, without 在.
const PLACES: [(&str, &str); 27] = [
    ("in a kitchen", "厨房里"),
    ("in a restaurant", "餐厅里"),
    ("in a bathroom", "卫生间里"),
    ("in the snow", "雪地里"),
    ("in the mountains", "山里"),
    ("at the beach", "海滩上"),
    ("in a shop", "商店里"),
    ("in a library", "图书馆里"),
    ("in a field", "田野里"),
    ("by the water", "水边"),
    ("at a church", "教堂旁"),
    ("by a bridge", "桥边"),
    ("by a castle", "城堡旁"),
    ("at a playground", "游乐场里"),
    ("on a stage", "舞台上"),
    ("by a barn", "谷仓旁"),
    ("by a cliff", "悬崖边"),
    ("in a valley", "山谷里"),
    ("by a fountain", "喷泉旁"),
    ("on a street", "街道上"),
    ("in a living room", "客厅里"),
    ("in a grassy field", "草地上"),
    ("in the water", "水面上"),
    ("in the sky", "空中"),
    ("on a runway", "跑道上"),
    ("on the tracks", "铁轨上"),
    ("at a station", "车站里"),
];
const OCEAN: &str = "in the ocean";
/// The names of colours of `colours.rs`.
const COLOURS: [(&str, &str); 27] = [
    ("black", "黑色"),
    ("dark grey", "深灰色"),
    ("grey", "灰色"),
    ("light grey", "浅灰色"),
    ("white", "白色"),
    ("red", "红色"),
    ("dark red", "深红色"),
    ("pink", "粉色"),
    ("orange", "橙色"),
    ("brown", "棕色"),
    ("dark brown", "深棕色"),
    ("tan", "棕褐色"),
    ("beige", "米色"),
    ("yellow", "黄色"),
    ("gold", "金色"),
    ("olive", "橄榄色"),
    ("light green", "浅绿色"),
    ("green", "绿色"),
    ("dark green", "深绿色"),
    ("teal", "青绿色"),
    ("cyan", "青色"),
    ("light blue", "浅蓝色"),
    ("blue", "蓝色"),
    ("navy", "藏青色"),
    ("purple", "紫色"),
    ("lilac", "淡紫色"),
    ("magenta", "品红色"),
];

/// A name and its measure word; none for what is not counted.
struct Name {
    measure: Option<&'static str>,
    name: &'static str,
}

/// The Chinese names by the English ones.
fn names() -> &'static HashMap<&'static str, Name> {
    static ALL: OnceLock<HashMap<&'static str, Name>> = OnceLock::new();
    ALL.get_or_init(|| {
        let lines = NAMES.lines().filter(|line| !line.starts_with('#'));
        let entry = |line: &'static str| {
            let (english, chinese) = line.split_once(": ")?;
            let (measure, name) = chinese.split_once(' ')?;
            Some((english, Name { measure: (measure != "-").then_some(measure), name }))
        };
        lines.filter_map(entry).collect()
    })
}

/// The Chinese name of a thing, of a word of the classifier, or of a colour.
pub(in crate::analyzer) fn name(english: &str) -> Option<&'static str> {
    let colour = || COLOURS.iter().find(|(known, _)| *known == english).map(|(_, name)| *name);
    names().get(english).map(|name| name.name).or_else(colour)
}

/// The same of what [`english::said`] gives: "plane" for "airplane".
pub(super) fn name_of_said(said: &str) -> Option<&'static str> {
    names().iter().find(|(english, _)| english::said(english) == said).map(|(_, name)| name.name)
}

/// "厨房里有一台冰箱。" None of a scene of which no Chinese is known.
pub(super) fn sentence(scene: &Scene) -> Option<String> {
    let things: Vec<String> = scene.things.iter().filter_map(named).collect();
    let place = scene.place.and_then(place);
    let mut text = String::new();
    if scene.people > 0 {
        text += people(scene.people);
        match (&scene.action, place) {
            (Some(action), Some(place)) => text += &format!("在{place}{}", acting(action)),
            (Some(action), None) => text += &acting(action),
            (None, Some(place)) => text += &format!("在{place}"),
            (None, None) => {}
        }
        if !things.is_empty() {
            text += &format!("，旁边有{}", listed(&things));
        }
    } else if !things.is_empty() {
        text += &place.map(|place| format!("{place}有")).unwrap_or_default();
        text += &listed(&things);
    } else {
        text += &format!("{}的景象", place?);
    }
    Some(text + "。")
}

fn place(english: &str) -> Option<&'static str> {
    if english == OCEAN {
        return Some("海里");
    }
    PLACES.iter().find(|(known, _)| *known == english).map(|(_, place)| *place)
}

fn people(many: usize) -> &'static str {
    match many {
        1 => "一个人",
        2 => "两个人",
        3 => "三个人",
        4 => "四个人",
        5..=9 => "一群人",
        _ => "许多人",
    }
}

fn acting(action: &Action) -> String {
    use Action as A;
    match action {
        A::Tennis => "在球场上打网球",
        A::Bat => "在棒球场上拿着球棒",
        A::Baseball => "在棒球场上打棒球",
        A::Surf => "踩着冲浪板冲浪",
        A::Snowboard => "在雪坡上单板滑雪",
        A::Ski => "在雪地上滑雪",
        A::Skateboard => "玩滑板",
        A::Frisbee => "玩飞盘",
        A::Kite(_) => "放风筝",
        A::RideHorse => "骑马",
        A::Motorcycle(_) => "骑着摩托车",
        A::RideBicycle => "骑自行车",
        A::EatAt(food) => {
            let food: Vec<String> = food.iter().filter_map(|(name, many)| counted(name, *many)).collect();
            return format!("坐在桌旁，桌上有{}", listed(&food));
        }
        A::FoodAt => "坐在摆着食物的桌旁",
        A::DrinksAt => "坐在摆着饮料的桌旁",
        A::SitAtTable => "坐在桌旁",
        A::Laptop => "在笔记本电脑前",
        A::Couch => "坐在沙发上",
        A::Bed => "在床上",
        A::Umbrella => "打着伞",
        A::Phone => "拿着手机",
    }
    .into()
}

fn named(what: &Named) -> Option<String> {
    match what {
        Named::Thing(name, many) => counted(name, *many),
        Named::Word(word) => counted(word, 1),
    }
}

fn counted(english: &str, many: usize) -> Option<String> {
    let Name { measure, name } = names().get(english)?;
    Some(match (measure, many) {
        (None, _) => (*name).to_owned(),
        (Some(measure), 1..=5) => format!("{}{measure}{name}", COUNTS[many]),
        (Some(measure), 6..=8) => format!("几{measure}{name}"),
        _ => format!("许多{name}"),
    })
}

fn listed(things: &[String]) -> String {
    match things {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{}和{last}", first.join("、")),
    }
}

/// A query with its Chinese words in English, the longest first at each place; what no table knows is left out. None of
/// a query without a known Chinese word.
pub(crate) fn in_english(query: &str) -> Option<String> {
    let words = glossary();
    let letters: Vec<char> = query.chars().collect();
    let longest = words.keys().map(|word| word.chars().count()).max().unwrap_or(0);
    let (mut at, mut out, mut known) = (0, String::new(), false);
    while at < letters.len() {
        let word = (1..=longest.min(letters.len() - at)).rev().find_map(|length| {
            let word: String = letters[at..at + length].iter().collect();
            words.get(word.as_str()).map(|english| (length, *english))
        });
        match word {
            Some((length, english)) => {
                out = format!("{} {english} ", out.trim_end());
                (at, known) = (at + length, true);
            }
            None => {
                // Latin words stay.
                out.push(if letters[at].is_ascii() { letters[at] } else { ' ' });
                at += 1;
            }
        }
    }
    known.then(|| out.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Chinese words and their English ones.
fn glossary() -> &'static HashMap<&'static str, &'static str> {
    static ALL: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    ALL.get_or_init(|| {
        let named = names().iter().map(|(english, name)| (name.name, english::said(english)));
        let listed = GLOSSARY.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
        named.chain(listed).collect()
    })
}

#[cfg(test)]
mod tests {
    use medley_vision::objects::NAMES as CLASSES;

    use super::*;

    #[test]
    fn sentences_are_chinese() {
        let said = |people, action, things: &[(&'static str, usize)], place| {
            let things = things.iter().map(|(name, many)| Named::Thing(name, *many)).collect();
            sentence(&Scene { people, action, things, place, stands: false })
        };
        assert_eq!(said(1, Some(Action::Skateboard), &[], None).as_deref(), Some("一个人玩滑板。"));
        let eating = Some(Action::EatAt(vec![("pizza", 1), ("cake", 2)]));
        assert_eq!(
            said(3, eating, &[("dog", 1)], Some("in a restaurant")).as_deref(),
            Some("三个人在餐厅里坐在桌旁，桌上有一个披萨和两块蛋糕，旁边有一只狗。")
        );
        assert_eq!(said(0, None, &[("sheep", 2)], Some("in a grassy field")).as_deref(), Some("草地上有两只绵羊。"));
        assert_eq!(said(0, None, &[], Some("in a kitchen")).as_deref(), Some("厨房里的景象。"));
        assert_eq!(said(0, None, &[], None), None);
    }

    #[test]
    fn every_class_and_place_has_a_name() {
        assert!(CLASSES.iter().all(|class| name(class).is_some()));
        assert!(super::super::facts::PLACES.iter().all(|(_, phrase)| place(phrase).is_some()));
    }

    #[test]
    fn queries_become_english() {
        assert_eq!(in_english("穿雪板的人").as_deref(), Some("wearing snowboard person"));
        assert_eq!(in_english("一只猫 on a 沙发").as_deref(), Some("a cat on a couch"));
        assert_eq!(in_english("a cat"), None);
    }
}
