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

/// Ordinary words of two to four letters that stand in capitals for emphasis. Words that are better known as an acronym (ARM,
/// IT, MAY, US, WHO) are not among them.
pub(super) const EMPHASISED: &str = "\
    able add age ago all also and any are area army ask ate away baby back bad bag bath be bear beat bed been \
    beer beg bell belt best bet big bill bird bit blue boat body bomb bone book boot born boss both bowl box boy \
    burn bus bush busy but buy by cake call calm came camp can card care case cash city club coat cold come cook \
    cool copy cost crew cry cup cut dark date dawn day days dead deaf deal dear debt deep did die diet dig dirt \
    dish do does dog done door down draw drew drop drug dry duck dumb dust duty each ear earn east easy eat edge \
    egg else end even ever evil exam exit eye face fact fail fair fall fame far farm fast fate fear feed feel \
    feet fell felt few file fill film find fine fire fish five flat flew flow fly food foot for four free from \
    fuel full fun fund gain game gate gave get gift girl give glad go goal god goes gold gone good got grew grow \
    gun guy had hair half hall hand hang hard harm has hat hate have he head hear heat held hell help her here \
    hero hers hey hid hide high hill him hire his hit hold hole home hope hot hour how huge huh hung hunt hurt \
    idea if inch into job join joke joy jump just keep kept key kick kid kill kind king knee knew know lack lady \
    laid lake lamp land lane last late law lay lazy lead leaf lean led left leg less let lie life lift like line \
    live load loan lock lone long look lord lose loss lost loud love low luck mad made mail main make male man \
    many me meal mean meat meet met mile milk mind mine miss mix mom mood moon more most move much mum must my \
    name near neck need new news next nice nine no none nope nor nose not note now odd of off oil okay old once \
    one only open our out over own page paid pain pair park part pass past path pay peak pick pink play plus poem \
    poor pull pure push put quit rain ran rare rate read real red rent rest rice rich ride ring rise road rock \
    role roof room root rope rose rude rule run rush safe said sale salt same sand save saw say seat see seed \
    seek seem seen sell send sent sex she shop show shut shy sick side sign sing sink sit six skin skip sky slow \
    so soft soil sold some son song soon sore soul soup stay step stop such suit sun sure swim tail take tale \
    talk tall task tax taxi tea team tell ten tend than that the them then they thin this thus tie tiny to told \
    too took tool top tour town toy tree trip true try turn twin two ugly up upon used vast very view vote wait \
    wake walk wall want war warm warn was wash wave way we weak wear week well went were west wet what when why \
    wide wife wild will win wind wine wing wins wire wise wish with wolf wood word work wow yard yeah year yes \
    yet you your zero";

/// Words that are acronyms by themselves, and words beside an emphasised one: IT in "I LOVE IT".
pub(super) const EMPHASISED_IN_COMPANY: [&str; 9] = ["IT", "IS", "AM", "AT", "AN", "AS", "IN", "ON", "OR"];
