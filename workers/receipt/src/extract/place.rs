//! Words that make a line an address or a name.

use std::sync::LazyLock;

use regex::Regex;

use crate::lexicon::{fold, has_word};

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed")
}

/// Streets, estates and parts of buildings, in Malay and English, with their usual abbreviations.
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

static POSTCODE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?:^|[\s,])(?:[1-9]\d|0[1-9])\d{3}[,.]?\s?(?:[A-Z]{2}|,|$)|\b[A-Z]{2},? \d{5}\b|^\d{4} [A-Z]{2} [A-Z]|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b",
    )
});
static HOUSE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"^(?:NO\b\.?|NO\.?\s?\d|LOT|UNIT|SUITE|LEVEL|BLOCK|BLK|GF\b|[A-Z]{0,2}[-.]?\d{1,5}[A-Z]?(?:[-/&, ]+[A-Z]?\d{0,5}[A-Z]?)*\s?,|\d{1,4}[A-Z]?\s(?:&\s\d+\s)?(?:JALAN|JLN|LORONG|TINGKAT)|(?:1ST|2ND|3RD|\d{1,2}TH|GROUND|GND|LOWER|UPPER)\s(?:FLOOR|FLR))",
    )
});
static CHINESE: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"[省市区县镇乡村].{0,24}(?:路|街|道|巷|大道|广场|号|弄|楼|层|室)|^地址"));
/// A branch: its number and where it is.
static BRANCH: LazyLock<Regex> = LazyLock::new(|| fixed(r"^#?\d{2,5}\s?-\s?[A-Z]"));

/// How much a line looks like part of an address: 0 not at all; from 2 on surely.
pub(super) fn addressness(line: &str) -> u32 {
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
    score
}

/// Could an address begin with this line?
pub(super) fn starts_address(line: &str) -> bool {
    let upper = fold(line);
    HOUSE.is_match(&upper) || CHINESE.is_match(&upper)
}

/// A house's number and a street without a word that says so: `418 Juniper`, `Keizersgracht 214`. Only what stands below
/// tells it from an article.
pub(super) fn is_house_and_street(line: &str) -> bool {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        fixed(
            r"^(?:\d{1,4}[A-Z]?(?:[-/]\d{1,4})?,? [A-Z][A-Z'. ]{3,}|[A-Z][A-Z'. -]{3,} \d{1,4}[A-Z]?)(?:[,.].{0,24})?$",
        )
    });
    LINE.is_match(fold(line).trim())
}

pub(super) fn has_postcode(line: &str) -> bool {
    POSTCODE.is_match(&fold(line))
}

/// Does a line name a state, a large town or a country?
pub(super) fn is_region(line: &str) -> bool {
    has_word(line, REGION_WORDS)
}

/// A numbered branch with a place's name, as chains print it below their address.
pub(super) fn is_branch(line: &str) -> bool {
    let upper = fold(line);
    BRANCH.is_match(&upper) && has_word(&upper, PLACE_WORDS)
}

/// What companies call themselves by law.
const LEGAL: &[&str] = &[
    "BHD",
    "BERHAD",
    "LTD",
    "LIMITED",
    "LLC",
    "INC",
    "INCORPORATED",
    "CORP",
    "CORPORATION",
    "GMBH",
    "PLC",
    "PLT",
    "PTE",
    "LLP",
    "PTY",
];
/// What small businesses call themselves.
const TRADES: &[&str] = &[
    "ENTERPRISE",
    "ENTERPRISES",
    "TRADING",
    "TRADERS",
    "PERNIAGAAN",
    "SYARIKAT",
    "PERUSAHAAN",
    "KEDAI",
    "RESTORAN",
    "RESTAURANT",
    "RESTAURANTS",
    "CAFE",
    "KOPITIAM",
    "MART",
    "MINIMARKET",
    "SUPERMARKET",
    "HYPERMARKET",
    "MARKET",
    "STORE",
    "STORES",
    "SHOP",
    "BAKERY",
    "BAKERIES",
    "PHARMACY",
    "FARMASI",
    "KLINIK",
    "CLINIC",
    "HARDWARE",
    "STATIONERY",
    "BOOKSTORE",
    "BOOKSTORES",
    "BOOK",
    "SUPPLY",
    "SUPPLIES",
    "SERVICES",
    "SERVICE",
    "STATION",
    "HOTEL",
    "GROUP",
    "HOLDINGS",
    "COMPANY",
    "CO",
    "BISTRO",
    "GRILL",
    "KITCHEN",
    "HOUSE",
    "FOOD",
    "FOODS",
    "INDUSTRIES",
    "MARKETING",
    "MANAGEMENT",
    "CENTRE",
    "ELECTRICAL",
    "MOTOR",
    "AUTO",
    "TYRE",
    "OPTICAL",
    "FURNITURE",
    "FASHION",
    "JEWELLERY",
    "SALON",
    "LAUNDRY",
    "PETROL",
    "CARRY",
    "WHOLESALE",
];
const CHINESE_TRADES: &[&str] = &[
    "有限公司",
    "公司",
    "超市",
    "商店",
    "餐厅",
    "饭店",
    "酒店",
    "便利店",
    "药房",
    "药店",
    "商场",
    "百货",
    "书店",
    "店",
];

/// Does a line end as registered companies do?
pub(super) fn is_legal_name(line: &str) -> bool {
    let upper = fold(line);
    has_word(&upper, LEGAL) || ["SDN.BHD", "SDNBHD", "S/B", "5/B", "有限公司"].iter().any(|form| upper.contains(form))
}

/// A line that is nothing but the end of a company's name: `SDN BHD`, `CO. (M) SDN BHD`.
pub(super) fn is_only_legal_form(line: &str) -> bool {
    let upper = fold(line);
    is_legal_name(&upper)
        && upper
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .all(|word| LEGAL.contains(&word) || matches!(word, "SDN" | "CO" | "M" | "KL" | "S" | "B"))
}

/// A long word that ends in words businesses are called by, taken apart: `MAJUSTATIONERYSHOP`.
pub(super) fn split_trades(word: &str) -> String {
    const LEAST_REST: usize = 3;
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = word;
    while rest.len() > 10 && rest.bytes().all(|b| b.is_ascii_uppercase()) {
        let longest = TRADES
            .iter()
            .filter(|trade| trade.len() >= 4 && rest.len() >= trade.len() + LEAST_REST && rest.ends_with(**trade));
        let Some(trade) = longest.max_by_key(|trade| trade.len()) else { break };
        let (head, tail) = rest.split_at(rest.len() - trade.len());
        parts.push(tail);
        rest = head;
    }
    parts.push(rest);
    parts.reverse();
    parts.join(" ")
}

/// Does a line hold a word that businesses are called by?
pub(super) fn is_trade_name(line: &str) -> bool {
    let upper = fold(line);
    has_word(&upper, TRADES) || CHINESE_TRADES.iter().any(|trade| upper.contains(trade))
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
            assert!(addressness(line) >= 2, "{line}: {}", addressness(line));
        }
        for line in ["TAX INVOICE", "KEDAI BUKU MAJU", "GST ID: 000123456789", "Cashier: 12", "谢谢惠顾"] {
            assert!(addressness(line) < 2, "{line}: {}", addressness(line));
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
    fn names_say_what_they_are() {
        assert!(is_legal_name("MAJU JAYA (M) SDN. BHD."));
        assert!(is_only_legal_form("CO. (M) SDN BHD"));
        assert!(!is_only_legal_form("MAJU SDN BHD"));
        assert!(is_trade_name("RESTORAN SEDAP"));
        assert_eq!(split_trades("MAJUSTATIONERYSHOP"), "MAJU STATIONERY SHOP");
        assert_eq!(split_trades("WORKSHOP"), "WORKSHOP");
        assert!(is_branch("1234-TMN MELATI"));
        assert!(!is_branch("12-34567"));
    }
}
