//! Roman numerals. A single capital is a word or a letter more often than a number ("the book I read", "Type C"), so it
//! needs evidence: what it numbers, and a neighbour that no pronoun would have.

use super::{
    super::{Around, Rule},
    numbers::{cardinal, ordinal, roman, year},
};

/// Names that rulers and popes share: the numeral is an ordinal.
const RULERS: &[&str] = &[
    "louis",
    "henry",
    "elizabeth",
    "charles",
    "george",
    "edward",
    "william",
    "richard",
    "james",
    "philip",
    "napoleon",
    "paul",
    "benedict",
    "pius",
    "francis",
    "nicholas",
    "peter",
    "catherine",
    "alexander",
    "leo",
    "frederick",
    "margrethe",
    "albert",
    "rama",
    "john",
    "gregory",
    "clement",
    "innocent",
    "urban",
    "julius",
    "ivan",
    "otto",
    "ferdinand",
    "alfonso",
    "christian",
    "gustav",
    "karl",
    "carl",
    "haakon",
    "harald",
    "olav",
    "ramesses",
    "ramses",
    "ptolemy",
    "xerxes",
    "darius",
    "mehmed",
    "murad",
    "selim",
    "baldwin",
    "leopold",
    "wilhelm",
    "friedrich",
    "mary",
    "philippe",
    "umberto",
    "pedro",
    "boniface",
    "constantine",
    "theodosius",
    "victor",
    "carlos",
    "felipe",
    "fernando",
    "juan",
    "enrique",
    "luis",
    "sancho",
    "afonso",
    "manuel",
    "maximilian",
    "rudolf",
    "sigismund",
    "casimir",
    "ladislaus",
    "erik",
    "eric",
    "magnus",
    "valdemar",
    "oscar",
    "sixtus",
    "celestine",
    "honorius",
    "callixtus",
    "kamehameha",
    "mohammed",
    "rameses",
    "thutmose",
    "amenhotep",
    "antiochus",
    "mithridates",
];
/// Common names of living people: "Mary I met" is probably no queen.
const COMMON_NAMES: &[&str] = &[
    "john",
    "mary",
    "victor",
    "christian",
    "carl",
    "karl",
    "julius",
    "pedro",
    "carlos",
    "felipe",
    "fernando",
    "juan",
    "enrique",
    "luis",
    "manuel",
    "erik",
    "eric",
    "magnus",
    "oscar",
    "mohammed",
    "rudolf",
    "maximilian",
];
const TITLES: &[&str] = &[
    "king", "queen", "emperor", "empress", "pope", "tsar", "czar", "kaiser", "pharaoh", "sultan", "prince", "of",
    "saint", "elector", "duke", "shah",
];
/// Things that are numbered in Roman numerals of any size.
const DIVISIONS: &[&str] = &[
    "chapter", "part", "act", "scene", "volume", "vol", "section", "title", "article", "book", "bowl", "psalm",
    "canto", "apollo", "episode", "appendix", "symphony", "annex", "olympiad", "sonnet", "vatican", "mark",
];
/// Kinds and degrees: up to nine, for "Type X", "class C" and "grade D" are letters.
const DEGREES: &[&str] = &[
    "war", "phase", "type", "stage", "rocky", "level", "class", "grade", "tier", "category", "division", "schedule",
    "factor", "group", "form", "step", "zone", "unit", "mk", "rank", "track",
];
/// Words after a lower-case "type I". "The type I like" has none of these.
const NUMBERED_THINGS: &[&str] = &[
    "error",
    "errors",
    "diabetes",
    "diabetic",
    "diabetics",
    "cancer",
    "cancers",
    "trial",
    "trials",
    "clinical",
    "collagen",
    "interferon",
    "interferons",
    "felony",
    "misdemeanor",
    "disease",
    "hypersensitivity",
    "drug",
    "drugs",
    "device",
    "devices",
    "listed",
    "railroad",
    "railway",
    "railways",
    "railroads",
    "supernova",
    "supernovae",
    "superconductor",
    "superconductors",
    "trauma",
    "hypertension",
    "study",
    "studies",
    "fibers",
    "muscle",
    "veterans",
    "veteran",
    "memorial",
    "fracture",
    "reactions",
    "reaction",
    "melanoma",
    "topoisomerase",
];
/// Words after the pronoun, never after a king or a chapter.
const FIRST_PERSON: &[&str] = &[
    "am",
    "have",
    "do",
    "don",
    "think",
    "know",
    "knew",
    "need",
    "needed",
    "want",
    "wanted",
    "like",
    "liked",
    "love",
    "loved",
    "loathe",
    "hate",
    "hated",
    "see",
    "saw",
    "met",
    "meet",
    "read",
    "write",
    "wrote",
    "own",
    "owned",
    "live",
    "lived",
    "learn",
    "learned",
    "learnt",
    "agree",
    "agreed",
    "disagree",
    "feel",
    "felt",
    "believe",
    "believed",
    "remember",
    "remembered",
    "enjoy",
    "enjoyed",
    "bought",
    "buy",
    "play",
    "played",
    "hear",
    "heard",
    "watch",
    "watched",
    "mention",
    "mentioned",
    "thought",
    "told",
    "talked",
    "spoke",
    "use",
    "used",
    "wish",
    "hope",
    "hoped",
    "guess",
    "suppose",
    "prefer",
    "preferred",
    "understand",
    "understood",
    "never",
    "always",
    "usually",
    "often",
    "really",
    "just",
    "also",
    "still",
    "personally",
    "mean",
    "meant",
    "regret",
    "recommend",
    "recommended",
    "couldn",
    "won",
    "didn",
    "wouldn",
    "aren",
    "skipped",
    "missed",
    "borrowed",
    "studied",
    "teach",
    "taught",
    "took",
    "quoted",
    "chose",
    "picked",
    "work",
];
/// Verbs that make "I" a pronoun after a chapter or a class, but not after the name of a king.
const EITHER: &[&str] = &[
    "was", "had", "can", "could", "will", "would", "should", "must", "may", "might", "did", "went", "came", "got",
    "made", "finished", "wore", "worked", "attended", "found", "gave", "lost", "left", "tried", "said",
];

/// What small numerals number: the pages before the first chapter, and paragraphs.
const SMALL: &[&str] =
    &["page", "pages", "p", "pp", "chapter", "section", "part", "paragraph", "clause", "article", "appendix", "item"];

pub(super) fn rules() -> [Rule; 3] {
    [
        // MMXXIV
        Rule::whole(r"M[MDCLXVI]{3,}", |found, _| {
            roman(&found[0]).filter(|value| (1_000..=2_100).contains(value)).map(year)
        }),
        Rule::whole(r"[IVXLCDM]+", |found, around| numeral(&found[0], around)),
        // page xii
        Rule::whole(r"[ivxl]+", |found, around| {
            let before = around.word_before();
            let paged = before.starts_with('p') && before != "part" && before != "paragraph";
            let clear = found[0].len() > 1 || paged && &found[0] != "x" && &found[0] != "l";
            (clear && SMALL.contains(&before.as_str())).then(|| roman(&found[0].to_uppercase()).map(cardinal)).flatten()
        }),
    ]
}

/// The numeral in words, when something before it is numbered so and nothing speaks against it.
fn numeral(text: &str, around: &Around<'_>) -> Option<String> {
    let value = roman(text)?;
    let written = around.word_before_as_written();
    let before = written.to_lowercase();
    let capital = written.starts_with(char::is_uppercase);
    let ordinal = || Some(format!("the {}", ordinal(value)));
    if RULERS.contains(&before.as_str()) && capital {
        return match text {
            "I" => is_ruler(&before, around).then(ordinal).flatten(),
            "C" | "D" | "L" | "M" => None,
            _ => ordinal(),
        };
    }
    let divides = DIVISIONS.contains(&before.as_str());
    let degree = DEGREES.contains(&before.as_str()) || (before == "fantasy" || before == "fighter");
    let numbered = match text {
        "I" => (divides || degree) && is_first(&before, capital, around),
        "V" => divides || degree,
        "X" => divides && before != "mark",
        "L" => before == "bowl",
        "C" | "D" | "M" | "CD" | "DC" | "MD" | "MC" | "CC" | "DM" | "MM" => false,
        _ if divides => true,
        _ => degree && value < 40,
    };
    let sequel = capital && matches!(text, "II" | "III" | "VII" | "VIII" | "XII" | "XIII");
    (numbered || sequel).then(|| cardinal(value))
}

/// Whether "James I" is a king.
fn is_ruler(name: &str, around: &Around<'_>) -> bool {
    let words: Vec<&str> = around.before.split_whitespace().rev().skip(1).take(2).collect();
    let titled = words.first().is_some_and(|word| TITLES.contains(&word.to_lowercase().as_str()));
    let stops = ends(around);
    let after = around.word_after().to_lowercase();
    if contracted(around) || FIRST_PERSON.contains(&after.as_str()) {
        return false;
    }
    titled || stops || matches!(after.as_str(), "of" | "and") || !COMMON_NAMES.contains(&name)
}

/// Whether "Part I" is the first part.
fn is_first(before: &str, capital: bool, around: &Around<'_>) -> bool {
    if contracted(around) {
        return false;
    }
    let words: Vec<String> = around.before.split_whitespace().rev().skip(1).take(1).map(str::to_lowercase).collect();
    let earlier = words.first().map_or("", String::as_str);
    if before == "war" {
        return earlier == "world";
    }
    let after = around.word_after().to_lowercase();
    let joined = ["of", "and", "or", "to", "through", "vs", "versus"].contains(&after.as_str());
    if ends(around) || NUMBERED_THINGS.contains(&after.as_str()) {
        return true;
    }
    if FIRST_PERSON.contains(&after.as_str()) {
        return false;
    }
    // "part of the class I and my friends took": only what is counted on goes on with a numeral.
    if !capital {
        return joined && (matches!(after.as_str(), "of") || around.word_after_next().is_some_and(is_numeral));
    }
    let chosen = ["the", "that", "this", "every", "a", "one", "only", "first", "last", "each"].contains(&earlier);
    !(chosen && (after.ends_with("ed") || EITHER.contains(&after.as_str())))
}

fn is_numeral(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| matches!(c, 'I' | 'V' | 'X'))
}

/// "I'm", "I've".
fn contracted(around: &Around<'_>) -> bool {
    let mut after = around.after.chars();
    after.next().is_some_and(|c| matches!(c, '\'' | '’'))
        && !around.after[1..].trim_start_matches('’').starts_with("s ")
}

/// Whether nothing follows, or a mark that never follows a pronoun.
fn ends(around: &Around<'_>) -> bool {
    let after = around.after.trim_start();
    after.is_empty()
        || after.starts_with(['.', ':', ';', ')', ']', '?', '!', '/', '–', '—', '-', '"', '”', '&', '('])
        || around.after.starts_with(',')
        || around.after.starts_with("'s ")
        || around.after.starts_with("’s ")
}
