//! Words that make a line the name of a business.

use crate::lexicon::{fold, has_word};

/// Legal forms of companies.
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
/// Trades that small businesses are named after.
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
    "SEAFOOD",
    "HEALTH",
    "BEAUTY",
    "TEXTILE",
    "TEXTILES",
    "COFFEE",
    "TEA",
    "BOUTIQUE",
    "DEPARTMENT",
    "GROCER",
    "GROCERY",
    "GROCERIES",
    "CONFECTIONERY",
    "LIGHTING",
    "PLUMBING",
    "MACHINERY",
    "TECHNOLOGY",
    "SOLUTIONS",
    "VENTURE",
    "VENTURES",
    "RESOURCES",
    "INTERNATIONAL",
    "HANDICRAFT",
    "TAILORING",
    "PACKAGING",
    "SPORTS",
    "TOYS",
    "GIFTS",
    "DECO",
    "EQUIPMENT",
    "MATERIALS",
    "FROZEN",
    "BURGER",
    "NOODLE",
    "NOODLES",
    "STEAMBOAT",
    "SPA",
    "BOOKS",
    "SONS",
    "BROTHERS",
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

/// The words of businesses' names.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    LEGAL.iter().chain(TRADES).copied().chain(["SDN"])
}

/// Whether a name goes on in the next line: it ends with `&`, `AND`, `DAN` or `OF`.
pub(super) fn goes_on(line: &str) -> bool {
    let upper = fold(line);
    let last = upper.split_whitespace().next_back().unwrap_or_default();
    matches!(last, "AND" | "DAN" | "OF" | "N'" | "'N'" | "+" | "THE") || upper.trim_end().ends_with(['&', '@', '＆'])
}

/// Whether a line goes on with a name: it begins with `&`, `AND` or `DAN`.
pub(super) fn continues(line: &str) -> bool {
    let upper = fold(line);
    let first = upper.split_whitespace().next().unwrap_or_default();
    matches!(first, "AND" | "DAN" | "OF" | "+") || upper.trim_start().starts_with(['&', '＆'])
}

/// Whether a line holds nothing but trades and a legal form: `HARDWARE & ELECTRICAL SDN BHD`.
pub(super) fn is_only_trade(line: &str) -> bool {
    let upper = fold(line);
    let mut words = upper.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    words.peek().is_some()
        && words.all(|word| {
            LEGAL.contains(&word)
                || TRADES.contains(&word)
                || matches!(word, "SDN" | "M" | "KL" | "S" | "B" | "AND" | "DAN")
        })
}

/// Whether a line names the legal form of a company.
pub(super) fn is_legal_name(line: &str) -> bool {
    let upper = fold(line);
    has_word(&upper, LEGAL)
        || ["SDN.BHD", "SDNBHD", "S/B", "5/B", "S/8", "5/8", "有限公司"].iter().any(|form| upper.contains(form))
}

/// Whether a line holds nothing but a legal form: `SDN BHD`, `CO. (M) SDN BHD`.
pub(super) fn is_only_legal_form(line: &str) -> bool {
    let upper = fold(line);
    is_legal_name(&upper)
        && upper
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .all(|word| LEGAL.contains(&word) || matches!(word, "SDN" | "CO" | "M" | "KL" | "S" | "B"))
}

/// Splits trades off the end of a long word: `MAJUSTATIONERYSHOP`.
pub(super) fn split_trades(word: &str) -> String {
    const MIN_REST: usize = 3;
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = word;
    while rest.len() > 10 && rest.bytes().all(|b| b.is_ascii_uppercase()) {
        let longest = TRADES
            .iter()
            .filter(|trade| trade.len() >= 4 && rest.len() >= trade.len() + MIN_REST && rest.ends_with(**trade));
        let Some(trade) = longest.max_by_key(|trade| trade.len()) else { break };
        let (head, tail) = rest.split_at(rest.len() - trade.len());
        parts.push(tail);
        rest = head;
    }
    parts.push(rest);
    parts.reverse();
    parts.join(" ")
}

/// Whether a line names a trade.
pub(super) fn is_trade_name(line: &str) -> bool {
    let upper = fold(line);
    has_word(&upper, TRADES) || CHINESE_TRADES.iter().any(|trade| upper.contains(trade))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_and_trade_names_are_recognised() {
        assert!(is_legal_name("MAJU JAYA (M) SDN. BHD."));
        assert!(is_only_legal_form("CO. (M) SDN BHD"));
        assert!(!is_only_legal_form("MAJU SDN BHD"));
        assert!(is_trade_name("RESTORAN SEDAP"));
        assert_eq!(split_trades("MAJUSTATIONERYSHOP"), "MAJU STATIONERY SHOP");
        assert_eq!(split_trades("WORKSHOP"), "WORKSHOP");
    }
}
