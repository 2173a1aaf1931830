//! "Dr." and "St." by their place: a doctor or a drive, a saint or a street; and a capital A that is a letter.

use super::super::{Around, Rule};

/// Saints after whom places and feasts are named.
const SAINTS: &[&str] = &[
    "Louis",
    "Petersburg",
    "Paul",
    "Patrick",
    "Helens",
    "John",
    "Johns",
    "Lucie",
    "Clair",
    "Nick",
    "Nicholas",
    "Peter",
    "Peters",
    "George",
    "Mary",
    "Martin",
    "Maarten",
    "James",
    "Thomas",
    "Andrew",
    "Andrews",
    "Francis",
    "Augustine",
    "Joseph",
    "Michael",
    "Anthony",
    "Catherine",
    "Catharines",
    "Bernard",
    "Albans",
    "Pancras",
    "Kitts",
    "Lucia",
    "Vincent",
    "Helena",
    "Moritz",
    "Tropez",
    "Gallen",
    "Ives",
    "Stephen",
    "Barts",
    "Elmo",
    "Ann",
    "Anne",
    "Margaret",
    "Cloud",
    "Luke",
    "Mark",
    "Matthew",
    "David",
    "Charles",
    "Jude",
    "Valentine",
    "Benedict",
    "Croix",
    "Simeon",
    "Basil",
    "Teresa",
    "Therese",
    "Bartholomew",
    "Philip",
    "Jerome",
    "Ignatius",
    "Clement",
    "Bede",
    "Swithin",
];
/// Words before a title or a saint that have a capital only at the start of a sentence.
const NO_STREETS: &[&str] = &[
    "The",
    "In",
    "At",
    "Near",
    "On",
    "Ask",
    "Call",
    "See",
    "Meet",
    "Visit",
    "Thank",
    "Thanks",
    "Dear",
    "Happy",
    "Mount",
    "Mt",
    "Fort",
    "Port",
    "Lake",
    "Sault",
    "And",
    "But",
    "With",
    "From",
    "To",
    "For",
    "By",
    "When",
    "Is",
    "Was",
    "Does",
    "Did",
    "Has",
    "Can",
    "Will",
    "Contact",
    "Tell",
    "Hello",
    "Hi",
    "Celebrate",
    "As",
    "If",
    "Since",
    "After",
    "Before",
    "Professor",
    "Prof",
    "Mr",
    "Mrs",
    "Ms",
    "Yes",
    "No",
    "Then",
    "Our",
    "My",
    "His",
    "Her",
    "Their",
    "I",
];
const DIRECTIONS: &[&str] = &["N", "S", "E", "W", "NE", "NW", "SE", "SW", "North", "South", "East", "West"];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::anywhere(r"\bDr\b\.?", |found, around| {
            let dotted = found[0].ends_with('.');
            let drive = is_street(around, dotted);
            let doctor = dotted || around.after.trim_start().starts_with(char::is_uppercase);
            if drive { Some("drive".into()) } else { doctor.then(|| "doctor".into()) }
        }),
        Rule::anywhere(r"\bSt\b\.?", |found, around| {
            let dotted = found[0].ends_with('.');
            let next = around.word_after();
            let saint = SAINTS.contains(&next) && !is_numbered(around);
            if saint {
                return Some("saint".into());
            }
            if is_street(around, dotted) {
                return Some("street".into());
            }
            let named = next.starts_with(char::is_uppercase);
            dotted.then(|| if named { "saint" } else { "street" }.into())
        }),
        // Type A, an A, from A to Z; but "A man"
        Rule::whole(r"A", |_, around| is_letter(around).then(|| "eigh".into())),
    ]
}

/// Whether the match ends the name of a street: "12 Elm Dr.", "Mulholland Dr. is closed".
fn is_street(around: &Around<'_>, dotted: bool) -> bool {
    let before = around.before.trim_end();
    let name = before.rsplit(' ').next().unwrap_or_default().trim_end_matches('.');
    let ordinal = name.starts_with(|c: char| c.is_ascii_digit()) && name.ends_with(['t', 'd', 'h']);
    let named = ordinal
        || name.starts_with(char::is_uppercase)
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '\'' | '’' | '-'));
    if !named || NO_STREETS.contains(&name) || before.ends_with([',', ':', ';']) {
        return false;
    }
    if is_numbered(around) {
        return true;
    }
    let after = around.after.trim_start();
    let next = around.word_after();
    let person = next.starts_with(char::is_uppercase) && !DIRECTIONS.contains(&next);
    let ends = after.is_empty()
        || after.starts_with([',', '.', ';', ':', '?', '!', ')'])
        || next.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit());
    let place = ends || DIRECTIONS.contains(&next);
    !person && place && (dotted || after.is_empty() || after.starts_with([',', '.', ';', ')']))
}

/// A house number stands within three words before: "123 Martin Luther King Dr".
fn is_numbered(around: &Around<'_>) -> bool {
    let words = around.before.trim_end().rsplit(' ').take(5).collect::<Vec<_>>();
    let number = words.iter().position(|word| {
        word.chars().all(|c| c.is_ascii_digit() || matches!(c, 'A'..='D' | '-'))
            && word.starts_with(|c: char| c.is_ascii_digit())
    });
    number.is_some_and(|at| {
        at > 0
            && words[..at]
                .iter()
                .all(|word| word.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()) && !word.ends_with(','))
    })
}

/// Whether a capital A is the letter, not the article.
fn is_letter(around: &Around<'_>) -> bool {
    const GRADED: &[&str] = &[
        "type",
        "grade",
        "class",
        "plan",
        "vitamin",
        "hepatitis",
        "section",
        "part",
        "appendix",
        "exhibit",
        "option",
        "gate",
        "level",
        "team",
        "building",
        "point",
        "size",
        "series",
        "model",
        "influenza",
        "straight",
        "an",
        "grades",
        "category",
        "schedule",
        "block",
        "terminal",
        "side",
        "blood",
        "letter",
        "answer",
        "column",
    ];
    let before = around.word_before();
    let direct = around.before.ends_with(' ') && around.before.trim_end().ends_with(|c: char| c.is_alphanumeric());
    let after = around.after.trim_start();
    let counterpart = ["to ", "and ", "or "].iter().any(|word| {
        after.strip_prefix(word).is_some_and(|rest| {
            let mut rest = rest.chars();
            rest.next().is_some_and(|c| c.is_ascii_uppercase() && c != 'I')
                && !rest.next().is_some_and(char::is_alphanumeric)
        })
    });
    let ends = after.is_empty() || around.after.starts_with(['.', ',', ')', '?', '!', ';', ':', '+', '/']);
    counterpart || (direct && (GRADED.contains(&before.as_str()) || ends))
}
