//! A plain sentence of an image in which nothing could be named, and what is added to one that names things.

use super::sight::chinese;
use crate::{params::Language, row::Row};

/// The longest quotation of the text in an image.
const QUOTED_CHARS: usize = 80;
/// A line is worth quoting from so many letters and digits on.
const MIN_LETTERS: usize = 3;
/// An image with more lines than this and no people is a page of text.
const LINES_OF_A_PAGE: usize = 12;
const BLURRED: f32 = 60.0;
const DARK: f32 = 0.2;
const BRIGHT: f32 = 0.8;

/// "A dark photo of two people, mostly blue and black, with the words “STOP”, taken on 2024-05-01."
pub(super) fn compose(row: &Row, grey: bool) -> String {
    let page = row.people == 0 && row.text.len() > LINES_OF_A_PAGE;
    let mut words = Vec::new();
    // A page is bright and sharp because it is a page.
    if !page {
        words.extend((row.exposure < DARK).then_some("dark"));
        words.extend((row.exposure > BRIGHT).then_some("bright"));
        words.extend((row.sharpness < BLURRED).then_some("blurred"));
    }
    words.extend(grey.then_some("black-and-white"));
    words.push(if page { "page of text" } else { "image" });
    let mut sentence = format!("{} {}", article(words[0]), words.join(" "));
    if let Some(people) = people(row) {
        sentence += &format!(" of {people}");
    }
    // Of a black-and-white image, the colours are known.
    let colours: Vec<&str> = row.colours.iter().take(2).map(|colour| colour.name.as_str()).collect();
    if !grey && !colours.is_empty() {
        sentence += &format!(", mostly {}", colours.join(" and "));
    }
    if has_words(&row.text) {
        let what = if page { "beginning" } else { "with the words" };
        sentence += &format!(", {what} “{}”", quoted(&row.text));
    }
    if let Some(taken) = taken(row) {
        sentence += &format!(", {taken}");
    }
    sentence.push('.');
    sentence
}

/// A sentence that names things, and a second one with the text in the image, and when and where it was taken.
pub(super) fn with_the_rest(sentence: String, row: &Row, language: Language) -> String {
    if language == Language::Zh {
        return sentence + &rest_in_chinese(row);
    }
    let words = has_words(&row.text).then(|| format!("with the words “{}”", quoted(&row.text)));
    let rest: Vec<String> = words.into_iter().chain(taken(row)).collect();
    if rest.is_empty() { sentence } else { format!("{sentence} {}.", capitalised(&rest.join(", "))) }
}

/// "一张黑白图片，以蓝色和白色为主。" and the text in the image, when and where it was taken.
pub(super) fn compose_in_chinese(row: &Row, grey: bool) -> String {
    let people = match row.people {
        0 => String::new(),
        many => format!("，有{many}个人"),
    };
    let colours: Vec<&str> = row.colours.iter().take(2).filter_map(|colour| chinese::name(&colour.name)).collect();
    let colours =
        if grey || colours.is_empty() { String::new() } else { format!("，以{}为主", colours.join("和")) };
    format!("一张{}图片{people}{colours}。{}", if grey { "黑白" } else { "" }, rest_in_chinese(row))
}

fn rest_in_chinese(row: &Row) -> String {
    let words = has_words(&row.text).then(|| format!("图中文字：“{}”。", quoted(&row.text)));
    let exif = row.exif.as_ref();
    let day = exif.and_then(|exif| exif.time.as_deref()).map(|time| time.split(' ').next().unwrap_or(time));
    let day = day.map(|day| format!("拍摄于{day}。"));
    let place = exif.and_then(|exif| exif.lat.zip(exif.lon)).map(|(lat, lon)| format!("位置：{lat:.4}，{lon:.4}。"));
    [words, day, place].into_iter().flatten().collect()
}

/// A stray digit or letter is more often a pattern than a word.
fn has_words(lines: &[String]) -> bool {
    lines.iter().any(|line| line.chars().filter(|c| c.is_alphanumeric()).count() >= MIN_LETTERS)
}

/// "taken on 2024-05-01 near 48.2082, 16.3738"
fn taken(row: &Row) -> Option<String> {
    let exif = row.exif.as_ref()?;
    let day = exif.time.as_deref().map(|time| format!(" on {}", time.split(' ').next().unwrap_or(time)));
    let place = exif.lat.zip(exif.lon).map(|(lat, lon)| format!(" near {lat:.4}, {lon:.4}"));
    (day.is_some() || place.is_some()).then(|| format!("taken{}{}", day.unwrap_or_default(), place.unwrap_or_default()))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "An" } else { "A" }
}

fn people(row: &Row) -> Option<String> {
    const COUNTS: [&str; 10] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    match row.people {
        0 => None,
        1 if row.faces == 1 && row.poses == 0 => Some("a face".into()),
        1 => Some("one person".into()),
        many => Some(match COUNTS.get(many as usize) {
            Some(count) => format!("{count} people"),
            None => format!("about {many} people"),
        }),
    }
}

fn quoted(lines: &[String]) -> String {
    let text = lines.join(" ");
    if text.chars().count() <= QUOTED_CHARS {
        return text;
    }
    let cut: String = text.chars().take(QUOTED_CHARS).collect();
    // Between words, where there are any.
    let cut = cut.rsplit_once(' ').map_or(cut.as_str(), |(whole, _)| whole);
    format!("{cut} …")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Colour, Exif};

    #[test]
    fn what_was_seen_is_said_and_no_more() {
        let colour = |name: &str| Colour { name: name.into(), share: 0.4 };
        let row = Row {
            people: 2,
            faces: 2,
            poses: 1,
            exposure: 0.1,
            sharpness: 500.0,
            colours: vec![colour("blue"), colour("black"), colour("white")],
            text: vec!["STOP".into()],
            exif: Some(Exif { time: Some("2024-05-01 12:00:00".into()), ..Exif::default() }),
            ..Row::default()
        };
        assert_eq!(
            compose(&row, false),
            "A dark image of two people, mostly blue and black, with the words “STOP”, taken on 2024-05-01."
        );
        let nothing = Row { exposure: 0.5, sharpness: 500.0, ..Row::default() };
        assert_eq!(compose(&nothing, false), "An image.");
        let face = Row { people: 1, faces: 1, ..nothing.clone() };
        assert_eq!(compose(&face, true), "A black-and-white image of a face.");
        let page = Row { text: vec!["Lorem ipsum dolor".into(); 20], exposure: 0.9, ..nothing };
        assert!(compose(&page, true).starts_with("A black-and-white page of text, beginning “Lorem ipsum"));
        assert!(compose(&page, true).chars().count() < 160);
    }
}
