//! Whether a number counts what follows it: "1500 metres", but not "1500 was a leap year" nor "order 1500 ships today".

/// Countable words without the s of a plural.
const COUNTED: &[&str] = &[
    "of",
    "more",
    "fewer",
    "less",
    "extra",
    "additional",
    "or",
    "people",
    "men",
    "women",
    "children",
    "percent",
    "feet",
    "foot",
    "meter",
    "metre",
    "mile",
    "kilometer",
    "kilometre",
    "yard",
    "pound",
    "dollar",
    "euro",
    "word",
    "page",
    "calorie",
    "seat",
    "piece",
    "point",
    "person",
    "mg",
    "kg",
    "km",
    "cm",
    "mm",
    "ml",
    "g",
    "m",
    "lb",
    "lbs",
    "oz",
    "ft",
    "mph",
    "kcal",
    "rpm",
    "hp",
    "watt",
    "volt",
    "hertz",
    "horsepower",
    "sheep",
    "fish",
    "deer",
    "cattle",
    "staff",
    "troops",
    "personnel",
    "aircraft",
    "yuan",
    "yen",
    "won",
    "rmb",
    "usd",
    "eur",
    "gbp",
    "bucks",
    "grand",
    "square",
    "cubic",
    "million",
    "billion",
    "thousand",
    "hundred",
    "mah",
    "dpi",
    "ppm",
    "lumens",
    "times",
    "per",
];
/// Words between a number and the thing that it counts.
const BETWEEN: &[&str] = &[
    "new",
    "different",
    "local",
    "full-time",
    "part-time",
    "full",
    "part",
    "small",
    "large",
    "big",
    "old",
    "young",
    "american",
    "british",
    "chinese",
    "registered",
    "active",
    "average",
    "metric",
    "nautical",
    "us",
    "individual",
    "separate",
    "unique",
    "free",
    "online",
    "other",
    "such",
    "foreign",
    "international",
    "public",
    "private",
    "daily",
    "monthly",
    "weekly",
    "paid",
    "empty",
    "wild",
    "light",
    "business",
    "calendar",
    "working",
    "school",
    "english",
    "good",
    "hard",
    "low-cost",
    "similar",
    "ordinary",
    "human",
    "food",
    "job",
    "student",
    "solar",
    "electric",
    "smart",
    "armed",
    "police",
    "migrant",
    "office",
    "factory",
    "medical",
    "loyal",
    "happy",
    "monthly",
    "single",
    "fresh",
];
/// Words that end like plurals but are none.
const NO_PLURALS: &[&str] = &[
    "was", "is", "has", "this", "his", "its", "as", "us", "does", "goes", "ships", "arrives", "includes", "expires",
    "needs", "works", "contains", "comes", "gets", "leaves", "departs", "lands", "closes", "opens", "remains",
    "belongs", "matches", "starts", "ends", "begins", "always", "perhaps", "thus", "across", "previous", "means",
    "says", "shows", "sees", "saw", "keeps", "looks", "seems", "becomes", "brings", "gives", "takes", "makes", "marks",
    "runs", "stands", "appears", "happens", "towards", "besides", "versus", "plus", "whereas", "unless", "changes",
];

/// Whether what follows is counted or measured by the number before it.
pub(super) fn counts(after: &str) -> bool {
    let rest = after.trim_start();
    if rest.starts_with(['%', '°', '℃', '℉', '‰']) {
        return true;
    }
    // "1500-meter race"
    let spaced = after.starts_with([' ', '-']);
    let mut words =
        rest.trim_start_matches('-').split(' ').map(|word| word.trim_end_matches([',', '.', ';', '!', '?', ':', ')']));
    let (Some(first), second) = (words.next(), words.next()) else { return false };
    if !spaced || first.is_empty() {
        return false;
    }
    let lower = first.to_lowercase();
    if lower == "or" {
        return second.is_some_and(|word| matches!(word, "more" | "so" | "fewer" | "less"));
    }
    if COUNTED.contains(&lower.as_str()) || is_plural(first) {
        return true;
    }
    BETWEEN.contains(&lower.as_str())
        && second.is_some_and(|word| COUNTED.contains(&word) && word != "or" || is_plural(word))
}

fn is_plural(word: &str) -> bool {
    let word = word.rsplit('-').next().unwrap_or_default();
    word.len() > 3
        && word.ends_with('s')
        && !word.ends_with("ss")
        && word.chars().all(char::is_lowercase)
        && !NO_PLURALS.contains(&word)
}

/// Words after which a number is an amount, whatever it looks like.
const AMOUNTS: &[&str] = &[
    "over",
    "nearly",
    "almost",
    "roughly",
    "approximately",
    "exactly",
    "only",
    "another",
    "cost",
    "costs",
    "costing",
    "weigh",
    "weighs",
    "weighed",
    "weighing",
    "paid",
    "pay",
    "pays",
    "earn",
    "earns",
    "earned",
    "worth",
    "contains",
    "holds",
    "counted",
    "sold",
    "total",
    "totaling",
    "totals",
    "scored",
    "burn",
    "burns",
    "burned",
    "owe",
    "owes",
    "owed",
    "spend",
    "spent",
    "need",
    "needs",
    "seats",
    "employs",
    "roughly",
    "win",
    "wins",
];
/// Words that ask for an amount: "a population of 1500".
const AMOUNTS_OF: &[&str] = &[
    "population",
    "total",
    "average",
    "number",
    "distance",
    "maximum",
    "minimum",
    "sum",
    "crowd",
    "score",
    "height",
    "length",
    "width",
    "depth",
    "weight",
    "speed",
    "capacity",
    "budget",
    "fee",
    "price",
    "cost",
    "value",
    "limit",
    "group",
    "team",
    "fleet",
    "collection",
    "salary",
    "rent",
    "resolution",
    "rating",
    "output",
    "loss",
    "profit",
    "fine",
    "deposit",
    "attendance",
    "audience",
    "altitude",
    "area",
    "range",
    "debt",
    "army",
    "force",
    "staff",
];

/// Whether what precedes asks for an amount: "more than 1500", "a population of 1800".
pub(super) fn is_amount(before: &str) -> bool {
    let mut words = before.trim_end().rsplit(' ').map(str::to_lowercase);
    let (last, earlier) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match last.as_str() {
        "than" => {
            ["more", "less", "fewer", "greater", "higher", "lower", "rather"].contains(&earlier.as_str())
                && earlier != "rather"
        }
        "least" | "most" => earlier == "at",
        "to" => earlier == "up" || earlier == "close",
        "many" | "much" => earlier == "as",
        "of" => AMOUNTS_OF.contains(&earlier.as_str()),
        word => AMOUNTS.contains(&word),
    }
}
