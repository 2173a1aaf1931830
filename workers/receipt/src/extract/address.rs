//! Words and forms that make a line an address.

use std::sync::LazyLock;

use regex::Regex;

use crate::lexicon::{PLACES, fold, has_word};

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed")
}

/// Words for streets, estates and parts of buildings, in Malay and English, with their usual abbreviations.
const PLACE_WORDS: &[&str] = &[
    "JALAN",
    "JLN",
    "JL",
    "LORONG",
    "LRG",
    "LEBUH",
    "LEBUHRAYA",
    "PERSIARAN",
    "PSRN",
    "TAMAN",
    "TMN",
    "KAMPUNG",
    "KG",
    "KAMPONG",
    "BANDAR",
    "BDR",
    "SEKSYEN",
    "SEK",
    "TINGKAT",
    "TKT",
    "BATU",
    "BUKIT",
    "BT",
    "KAWASAN",
    "PERINDUSTRIAN",
    "PERUSAHAAN",
    "DESA",
    "PUSAT",
    "BANGUNAN",
    "WISMA",
    "MENARA",
    "KOMPLEKS",
    "PLAZA",
    "DATARAN",
    "MEDAN",
    "SOLOK",
    "LINTANG",
    "LENGKOK",
    "TAMBAH",
    "LOT",
    "UNIT",
    "SUITE",
    "BLOCK",
    "BLK",
    "BLOK",
    "LEVEL",
    "LVL",
    "FLOOR",
    "FLR",
    "GROUND",
    "GND",
    "ROAD",
    "RD",
    "STREET",
    "ST",
    "AVENUE",
    "AVE",
    "LANE",
    "DRIVE",
    "BOULEVARD",
    "BLVD",
    "HIGHWAY",
    "HWY",
    "SQUARE",
    "PARK",
    "MALL",
    "TOWER",
    "CENTRE",
    "CENTER",
    "SHOPLOT",
    "PT",
    "KM",
    "MILE",
    "GF",
    "PO",
    "BOX",
    "WAY",
    "TERRACE",
    "CRESCENT",
    "PKWY",
    "RUE",
    "CALLE",
    "STRASSE",
    "FLAT",
];

/// States, federal territories and large towns, and other ways to end an address.
const REGION_WORDS: &[&str] = &[
    "SELANGOR",
    "JOHOR",
    "JOHORE",
    "PENANG",
    "PERAK",
    "KEDAH",
    "KELANTAN",
    "TERENGGANU",
    "PAHANG",
    "MELAKA",
    "MALACCA",
    "SEMBILAN",
    "PERLIS",
    "SABAH",
    "SARAWAK",
    "LABUAN",
    "PUTRAJAYA",
    "KUALA",
    "LUMPUR",
    "MALAYSIA",
    "SINGAPORE",
    "DARUL",
    "EHSAN",
    "TAKZIM",
    "BAHRU",
    "KLANG",
    "PUCHONG",
    "CHERAS",
    "IPOH",
    "SEREMBAN",
    "KUCHING",
    "PINANG",
    "WILAYAH",
    "PERSEKUTUAN",
    "USA",
    "UK",
];

/// The words of addresses.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    PLACE_WORDS.iter().chain(REGION_WORDS).copied().chain(PLACES.iter().copied())
}

static POSTCODE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?:^|[\s,])(?:[1-9]\d|0[1-9])\d{3}[,.]?\s?(?:[A-Z]{2}|,|$)|\b[A-Z]{2},? \d{5}\b|(?:^|, )\d{4} [A-Z]{2} [A-Z]|(?:^|, )\d{4} [A-Z]{4,}[A-Z .-]*$|\b\d{4,5}-\d{3} [A-Z]|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b",
    )
});
/// A postcode of five digits with a gap, before a town: `50 480 KL`.
static SPLIT_POSTCODE: LazyLock<Regex> = LazyLock::new(|| fixed(r"(?:^|[\s,])[0-9]\d \d{3},? [A-Z]{2,}"));
static HOUSE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"^(?:NO\b\.?|NO\.?\s?\d|LOT|UNIT|SUITE|LEVEL|BLOCK|BLK|GF\b|[A-Z]{0,2}[-.]?\d{1,5}[A-Z]?(?:[-/&, ]+[A-Z]?\d{0,5}[A-Z]?)*\s?,|\d{1,4}[A-Z]?\s(?:&\s\d+\s)?(?:JALAN|JLN|LORONG|TINGKAT)|(?:1ST|2ND|3RD|\d{1,2}TH|GROUND|GND|LOWER|UPPER)\s(?:FLOOR|FLR))",
    )
});
static CHINESE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"[省市区县镇乡村].{0,24}(?:路|街|道|巷|大道|广场|号|弄|楼|层|室)|^.{2,3}[都道府県].{1,6}[市区郡町村]|^.{2,4}市.{1,4}区|^地址",
    )
});
/// A street with its number, in German, French, Spanish, Portuguese, Italian or Dutch.
static ABROAD: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"[A-Z](?:STRASSE|STR\.|GASSE|WEG|ALLEE|PLATZ|LAAN|STRAAT|KADE|GRACHT) \d{1,4}|^(?:RUA|AVENIDA|TRAVESSA|LARGO|CALLE|PLAZA|PASEO|VIA|VIALE|CORSO|PIAZZA|RUE|BOULEVARD) .{3,40}\d|^\d{1,4},? ?(?:BIS |TER )?(?:RUE|AVENUE|PLACE|BOULEVARD|QUAI|IMPASSE|CHEMIN) [A-Z]",
    )
});
/// A branch: its number and its place, in letters.
static BRANCH: LazyLock<Regex> = LazyLock::new(|| fixed(r"^#?\d{2,5}\s?-\s?[A-Z][A-Z '.&]{2,30}$"));

/// How much a line looks like part of an address: 0 is not at all, 2 and more is certain.
pub(super) fn score(line: &str) -> u32 {
    let upper = fold(line);
    let mut score = 0;
    // Words are often glued together when they are read: JALANSS21/39.
    if has_word(&upper, PLACE_WORDS)
        || ["JALAN", "LORONG", "TAMAN", "LEVEL"]
            .iter()
            .any(|word| upper.starts_with(word) || upper.contains(&format!(",{word}")))
    {
        score += 2;
    }
    if has_word(&upper, REGION_WORDS) || REGION_WORDS[..12].iter().any(|region| upper.contains(region)) {
        score += 2;
    }
    if has_postcode(&upper) {
        score += 2;
    }
    if starts_address(&upper) {
        score += 1;
    }
    if upper.contains(',') {
        score += 1;
    }
    if CHINESE.is_match(&upper) {
        score += 3;
    }
    if ABROAD.is_match(&upper) {
        score += 2;
    }
    score
}

/// Whether an address could begin with this line.
pub(super) fn starts_address(line: &str) -> bool {
    let upper = fold(line);
    HOUSE.is_match(&upper) || CHINESE.is_match(&upper)
}

/// A house number and a street without a word for street: `418 Juniper`, `Keizersgracht 214`. Only the lines below it
/// distinguish it from an item.
pub(super) fn is_house_and_street(line: &str) -> bool {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        fixed(
            r"^(?:\d{1,4}[A-Z]?(?:[-/]\d{1,4})?,? [A-Z][A-Z'. ]{3,}|[A-Z][A-Z'. -]{3,} \d{1,4}[A-Z]?)(?:[,.].{0,24})?$",
        )
    });
    LINE.is_match(fold(line).trim())
}

/// Whether a line names a building, which is part of an address above the house number too.
pub(super) fn names_building(line: &str) -> bool {
    const BUILDINGS: &[&str] = &[
        "WISMA", "MENARA", "PLAZA", "KOMPLEKS", "BANGUNAN", "BUILDING", "TOWER", "MALL", "BLOCK", "BLOK", "LOT",
        "LEVEL", "FLOOR", "HOUSE", "ARCADE", "COMPLEX", "JALAN", "JLN", "ROAD", "STREET",
    ];
    has_word(line, BUILDINGS)
}

pub(super) fn has_postcode(line: &str) -> bool {
    let upper = fold(line);
    // The number of a lot has as many digits: `LOT P.T. 33198, BATU 4`.
    let is_lot = |before: &str| {
        let word = before.trim_end_matches(['.', ':', ' ', ',']).rsplit([' ', ',']).next().unwrap_or_default();
        matches!(word.trim_start_matches('('), "LOT" | "PT" | "P.T" | "T" | "NO" | "HS" | "GM" | "PTD")
    };
    POSTCODE.find_iter(&upper).any(|found| !is_lot(&upper[..found.start()])) || SPLIT_POSTCODE.is_match(&upper)
}

/// Whether a line names a state, a large town or a country.
pub(super) fn is_region(line: &str) -> bool {
    has_word(line, REGION_WORDS)
}

/// Whether a line is the name of a town and nothing else.
pub(super) fn is_town(line: &str) -> bool {
    let upper = fold(line);
    let mut words = upper.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    words.peek().is_some()
        && upper.split_whitespace().count() <= 3
        && words.all(|word| PLACES.binary_search(&word).is_ok())
}

/// A branch number with the name of a place, as chains print it below their address.
pub(super) fn is_branch(line: &str) -> bool {
    BRANCH.is_match(fold(line).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_names_and_notes() {
        for line in [
            "NO 12, JALAN MAWAR 3,",
            "81100 JOHOR BAHRU",
            "LOT 5, TINGKAT BAWAH",
            "Level6, Bangunan AB",
            "上海市黄浦区南京东路100号",
            "742 Evergreen Terrace St, Springfield, IL 62704",
        ] {
            assert!(score(line) >= 2, "{line}: {}", score(line));
        }
        for line in ["TAX INVOICE", "KEDAI BUKU MAJU", "GST ID: 000123456789", "Cashier: 12", "谢谢惠顾"] {
            assert!(score(line) < 2, "{line}: {}", score(line));
        }
    }

    #[test]
    fn streets_without_a_word_for_street() {
        for line in ["418 Juniper", "Keizersgracht 214", "12 Rue des Lilas", "77 Harbor Blvd, Suite 4"] {
            assert!(is_house_and_street(line), "{line}");
        }
        for line in ["75011 Paris", "Blue Ridge Tavern", "31/02/2018", "TABLE: 12"] {
            assert!(!is_house_and_street(line), "{line}");
        }
        assert!(has_postcode("1016 DX Amsterdam") && has_postcode("Norwich NR1 1WS"));
    }

    #[test]
    fn branches_have_a_number_and_a_place() {
        assert!(is_branch("1234-TMN MELATI") && is_branch("0987-SUNGAI EMAS"));
        assert!(
            has_postcode("12345 BANDAR EMAS") && has_postcode("50 480 KL") && !has_postcode("LOT P.T. 12345, BATU 4")
        );
        assert!(!is_branch("12-34567"));
    }
}
