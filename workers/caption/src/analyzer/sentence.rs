//! A plain sentence composed of what the small models found.

use crate::row::Row;

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
    // A stray digit or letter is more often a pattern than a word.
    if row.text.iter().any(|line| line.chars().filter(|c| c.is_alphanumeric()).count() >= MIN_LETTERS) {
        let what = if page { "beginning" } else { "with the words" };
        sentence += &format!(", {what} “{}”", quoted(&row.text));
    }
    if let Some(time) = row.exif.as_ref().and_then(|exif| exif.time.as_deref()) {
        sentence += &format!(", taken on {}", time.split(' ').next().unwrap_or(time));
    }
    sentence.push('.');
    sentence
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
