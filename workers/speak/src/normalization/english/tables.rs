//! What English abbreviations, units, currencies and months stand for.

/// Month names by their first three letters.
pub(super) fn month(text: &str) -> Option<&'static str> {
    MONTHS.into_iter().find(|name| text.get(..3).is_some_and(|start| name[..3].eq_ignore_ascii_case(start)))
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A currency: its sign or code, one of it, several, a hundredth, several hundredths.
pub(super) struct Currency {
    pub(super) signs: &'static [&'static str],
    pub(super) one: &'static str,
    pub(super) many: &'static str,
    pub(super) cent: &'static str,
    pub(super) cents: &'static str,
}

const fn currency(
    signs: &'static [&'static str],
    one: &'static str,
    many: &'static str,
    cent: &'static str,
    cents: &'static str,
) -> Currency {
    Currency { signs, one, many, cent, cents }
}

pub(super) const CURRENCIES: [Currency; 14] = [
    currency(&["US$", "USD"], "US dollar", "US dollars", "cent", "cents"),
    currency(&["HK$", "HKD"], "Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    currency(&["NT$", "TWD"], "Taiwan dollar", "Taiwan dollars", "cent", "cents"),
    currency(&["NZ$", "NZD"], "New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    currency(&["A$", "AUD"], "Australian dollar", "Australian dollars", "cent", "cents"),
    currency(&["C$", "CAD"], "Canadian dollar", "Canadian dollars", "cent", "cents"),
    currency(&["S$", "SGD"], "Singapore dollar", "Singapore dollars", "cent", "cents"),
    currency(&["$"], "dollar", "dollars", "cent", "cents"),
    currency(&["£", "GBP"], "pound", "pounds", "penny", "pence"),
    currency(&["€", "EUR"], "euro", "euros", "cent", "cents"),
    currency(&["¥", "￥", "RMB", "CNY"], "yuan", "yuan", "fen", "fen"),
    currency(&["JPY"], "yen", "yen", "sen", "sen"),
    currency(&["₹", "INR"], "rupee", "rupees", "paisa", "paise"),
    currency(&["₩", "KRW"], "won", "won", "jeon", "jeon"),
];

/// Magnitudes that follow an amount.
pub(super) fn magnitude(text: &str) -> Option<&'static str> {
    Some(match text.to_lowercase().as_str() {
        "k" | "thousand" => "thousand",
        "m" | "mn" | "million" => "million",
        "b" | "bn" | "billion" => "billion",
        "t" | "tn" | "trillion" => "trillion",
        _ => return None,
    })
}

/// Units: as written, one, several.
pub(super) const UNITS: [(&str, &str, &str); 64] = [
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("mph", "mile per hour", "miles per hour"),
    ("m/s", "meter per second", "meters per second"),
    ("km²", "square kilometer", "square kilometers"),
    ("km2", "square kilometer", "square kilometers"),
    ("m²", "square meter", "square meters"),
    ("m³", "cubic meter", "cubic meters"),
    ("km", "kilometer", "kilometers"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("nm", "nanometer", "nanometers"),
    ("m", "meter", "meters"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("ha", "hectare", "hectares"),
    ("kg", "kilogram", "kilograms"),
    ("mg", "milligram", "milligrams"),
    ("g", "gram", "grams"),
    ("lbs", "pound", "pounds"),
    ("lb", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("L", "liter", "liters"),
    ("l", "liter", "liters"),
    ("°C", "degree Celsius", "degrees Celsius"),
    ("℃", "degree Celsius", "degrees Celsius"),
    ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
    ("℉", "degree Fahrenheit", "degrees Fahrenheit"),
    ("°", "degree", "degrees"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("MWh", "megawatt hour", "megawatt hours"),
    ("GWh", "gigawatt hour", "gigawatt hours"),
    ("kW", "kilowatt", "kilowatts"),
    ("MW", "megawatt", "megawatts"),
    ("GW", "gigawatt", "gigawatts"),
    ("W", "watt", "watts"),
    ("V", "volt", "volts"),
    ("mAh", "milliamp hour", "milliamp hours"),
    ("GHz", "gigahertz", "gigahertz"),
    ("MHz", "megahertz", "megahertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("Hz", "hertz", "hertz"),
    ("Gbps", "gigabit per second", "gigabits per second"),
    ("Mbps", "megabit per second", "megabits per second"),
    ("kbps", "kilobit per second", "kilobits per second"),
    ("TB", "terabyte", "terabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("MB", "megabyte", "megabytes"),
    ("KB", "kilobyte", "kilobytes"),
    ("kB", "kilobyte", "kilobytes"),
    ("hrs", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("h", "hour", "hours"),
    ("mins", "minute", "minutes"),
    ("min", "minute", "minutes"),
    ("secs", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("s", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("fps", "frame per second", "frames per second"),
    ("dB", "decibel", "decibels"),
];

/// Abbreviations with a full stop, which does not end a sentence. Months are in [`MONTHS`].
pub(super) const ABBREVIATIONS: [(&str, &str); 48] = [
    ("Mr", "mister"),
    ("Mrs", "missus"),
    ("Ms", "miz"),
    ("Dr", "doctor"),
    ("Prof", "professor"),
    ("Rev", "reverend"),
    ("Hon", "honorable"),
    ("Gen", "general"),
    ("Sen", "senator"),
    ("Rep", "representative"),
    ("Gov", "governor"),
    ("Lt", "lieutenant"),
    ("Col", "colonel"),
    ("Sgt", "sergeant"),
    ("Capt", "captain"),
    ("Cmdr", "commander"),
    ("Maj", "major"),
    ("Pres", "president"),
    ("Jr", "junior"),
    ("Sr", "senior"),
    ("Inc", "incorporated"),
    ("Ltd", "limited"),
    ("Corp", "corporation"),
    ("Co", "company"),
    ("Bros", "brothers"),
    ("Ave", "avenue"),
    ("Blvd", "boulevard"),
    ("Rd", "road"),
    ("Hwy", "highway"),
    ("Mt", "mount"),
    ("Ft", "fort"),
    ("vs", "versus"),
    ("etc", "et cetera"),
    ("approx", "approximately"),
    ("est", "estimated"),
    ("dept", "department"),
    ("Dept", "department"),
    ("govt", "government"),
    ("min", "minimum"),
    ("max", "maximum"),
    ("avg", "average"),
    ("fig", "figure"),
    ("Fig", "figure"),
    ("vol", "volume"),
    ("Vol", "volume"),
    ("ed", "edition"),
    ("Univ", "university"),
    ("Assn", "association"),
];

/// Abbreviations with a stop after each letter that are not spelled out.
pub(super) const DOTTED: [(&str, &str); 4] =
    [("e.g.", "for example"), ("i.e.", "that is"), ("Ph.D.", "P H D"), ("a.k.a.", "also known as")];

/// Whether a full stop after this word is part of an abbreviation.
pub(crate) fn is_abbreviation(word: &str) -> bool {
    let short_month =
        word.len() <= 4 && word.len() >= 3 && month(word).is_some() && word.starts_with(char::is_uppercase);
    short_month
        || matches!(word, "St" | "No" | "Nos" | "pp")
        || ABBREVIATIONS.iter().any(|(short, _)| *short == word)
        || (word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I")
        || word.contains('.')
}

/// Whether a full stop after this word belongs to it when a number follows: "account no. 12345678", "ext. 4402".
pub(crate) fn is_number_label(word: &str) -> bool {
    const LABELS: [&str; 20] = [
        "no", "nos", "nr", "num", "ext", "p", "pp", "ch", "chap", "fig", "figs", "eq", "tel", "ref", "acct", "inv",
        "vol", "apt", "ste", "bldg",
    ];
    LABELS.contains(&word.to_lowercase().as_str()) || matches!(word, "Art" | "Sec" | "Rm" | "Fl" | "Pt" | "Ver")
}

/// Acronyms that are read as a word.
pub(super) const ACRONYM_WORDS: [&str; 38] = [
    "NASA", "NATO", "OPEC", "FIFA", "UEFA", "AIDS", "SARS", "MERS", "ASEAN", "APEC", "UNICEF", "UNESCO", "COVID",
    "IKEA", "LEGO", "OPPO", "VIVO", "ASUS", "NASDAQ", "RAM", "ROM", "LAN", "WAN", "PIN", "SIM", "VAT", "ZIP", "GIF",
    "JPEG", "SWAT", "CERN", "BRICS", "NAFTA", "LASER", "RADAR", "SCUBA", "DARPA", "OSHA",
];

/// Acronyms of five letters or more that are spelled.
pub(super) const SPELLED_CAPITALS: [&str; 6] = ["HTTPS", "XHTML", "NAACP", "ASCAP", "LGBTQ", "IUPAC"];

/// Domains whose last part is read as a word.
pub(super) const DOMAIN_WORDS: [&str; 14] =
    ["com", "net", "org", "gov", "info", "app", "dev", "shop", "blog", "news", "site", "online", "mil", "biz"];
