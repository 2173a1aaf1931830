//! What the words on receipts mean, in English, Malay and Chinese.
//!
//! Words are compared after [`squeeze`]: capitals without accents, spaces or punctuation, letters and digits that
//! readers confuse made one. Long phrases may differ by a letter, since small print is misread.

use std::sync::LazyLock;

use regex::Regex;

/// What an amount is, by the words beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A number that is no money of this sale: counts, points, averages, savings.
    Other,
    Rounding,
    /// The total after rounding.
    RoundedTotal,
    Change,
    Service,
    Tip,
    Discount,
    Subtotal,
    /// A total that says it is the last word: grand, net, payable.
    GrandTotal,
    Tax,
    /// Paid by this method.
    Paid(Method),
    Total,
}

/// How it was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Method {
    Cash,
    Card,
    Wallet,
    /// Paid, and the word does not say how.
    Unnamed,
}

impl Method {
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Cash => Some("cash"),
            Self::Card => Some("card"),
            Self::Wallet => Some("wallet"),
            Self::Unnamed => None,
        }
    }
}

/// In order of precedence: the first kind of which a phrase is in the label.
const KINDS: &[(Kind, &[&str])] = &[
    (
        Kind::Other,
        &[
            "TOTAL SAVING",
            "YOU SAVED",
            "TOTAL POINT",
            "POINTS",
            "AVERAGE",
            "ITEM COUNT",
            "ITEMS SOLD",
            "TOTAL QTY",
            "TOT QTY",
            "TOTAL ITEM",
            "QUANTITY",
            "NO OF ITEM",
            "JUMLAH ITEM",
            "TOTAL DISC QTY",
            "BALANCE POINT",
            "CARD BALANCE",
            "总数量",
            "件数",
            "数量",
            "积分",
            "余额",
            "单价",
        ],
    ),
    (
        Kind::Rounding,
        &[
            "ROUNDING",
            "ROUND ADJ",
            "ROUND OFF",
            "ROUND AMT",
            "RND ADJ",
            "RNDG",
            "PELARASAN",
            "PEMBUNDARAN",
            "PENGGENAPAN",
            "四舍五入",
            "抹零",
            "舍入",
        ],
    ),
    (
        Kind::RoundedTotal,
        &[
            "TOTAL ROUNDED",
            "ROUNDED TOTAL",
            "TOTAL AFTER ADJ",
            "AFTER ROUND",
            "AFT RND",
            "ATF RND",
            "ROUNDED AMOUNT",
            "AMOUNT ROUNDED",
            "TOTAL ROUND",
        ],
    ),
    (Kind::Change, &["CHANGE", "BAKI", "BALANCE RETURN", "找零", "找赎", "找回"]),
    (
        Kind::Service,
        &[
            "SERVICE CHARGE",
            "SERVICE CHG",
            "SERV CHARGE",
            "SVC CHARGE",
            "SVC CHG",
            "SRV CHG",
            "SVR CHG",
            "SERVICE TAX CHARGE",
            "CAJ PERKHIDMATAN",
            "服务费",
        ],
    ),
    (Kind::Tip, &["GRATUITY", "TIP", "TIPS", "小费"]),
    (
        Kind::Discount,
        &[
            "DISCOUNT", "DISKAUN", "POTONGAN", "REBATE", "VOUCHER", "COUPON", "PROMO", "LESS", "折扣", "优惠", "立减",
            "减免", "满减", "打折",
        ],
    ),
    (
        Kind::Tax,
        &[
            "TOTAL INCLUDES",
            "INCLUDED IN TOTAL",
            "BILL INCLUSIVE",
            "GST INCLUDED",
            "TAX INCLUDED",
            "INCLUDES GST",
            "PRICE INCLUSIVE",
            "INCLUDES TAX",
            "TOTAL GST",
            "TOTAL TAX",
            "TOTAL VAT",
            "TOTAL SST",
            "GST AMOUNT",
            "TAX AMOUNT",
            "GST PAYABLE",
            "TOTAL OUTPUT TAX",
        ],
    ),
    (
        Kind::Subtotal,
        &[
            "SUBTOTAL",
            "SUB TTL",
            "EXCLUDING",
            "EXCL",
            "EXCLUDED",
            "EXCLUSIVE",
            "BEFORE TAX",
            "BEFORE GST",
            "WITHOUT GST",
            "TAXABLE AMOUNT",
            "JUMLAH KECIL",
            "小计",
            "不含税",
            "商品金额",
            "合计金额",
            "原价",
            "SUPPLIES",
        ],
    ),
    (
        Kind::GrandTotal,
        &[
            "GRAND TOTAL",
            "NETT TOTAL",
            "NET TOTAL",
            "TOTAL NET",
            "FINAL TOTAL",
            "TOTAL PAYABLE",
            "TOTAL DUE",
            "AMOUNT DUE",
            "BALANCE DUE",
            "TOTAL TO PAY",
            "AMOUNT PAYABLE",
            "TOTAL AMOUNT PAYABLE",
            "NET AMOUNT",
            "NETT AMOUNT",
            "NETT AMT",
            "NET AMT",
            "JUMLAH BESAR",
            "JUMLAH BAYARAN",
            "JUMLAH PERLU DIBAYAR",
            "TOTAL BILL",
            "价税合计",
            "应付",
            "应收",
            "实付",
            "总计",
            "总额",
            "合计应收",
            "TO PAY",
            "TOTAL REFUND",
            "REFUND TOTAL",
            "REFUND AMOUNT",
            "REFUND DUE",
            "AMOUNT REFUNDED",
            "AMOUNT CREDITED",
            "TOTAL CREDIT",
            "CREDIT TOTAL",
            "应退",
            "退款",
        ],
    ),
    (
        Kind::Paid(Method::Wallet),
        &[
            "ALIPAY",
            "WECHAT",
            "TOUCH N GO",
            "TNG EWALLET",
            "GRABPAY",
            "BOOST PAY",
            "EWALLET",
            "PAYPAL",
            "APPLE PAY",
            "GOOGLE PAY",
            "SHOPEEPAY",
            "DUITNOW",
            "PAYNOW",
            "OCTOPUS",
            "八达通",
            "八達通",
            "微信",
            "支付宝",
            "银联云闪付",
            "数字人民币",
        ],
    ),
    (
        Kind::Paid(Method::Card),
        &[
            "VISA",
            "MASTERCARD",
            "MASTER CARD",
            "CREDIT CARD",
            "DEBIT CARD",
            "AMEX",
            "BANK CARD",
            "MAESTRO",
            "KAD KREDIT",
            "CREDIT",
            "DEBIT",
            "CARD",
            "CONTACTLESS",
            "EFTPOS",
            "NETS",
            "银行卡",
            "刷卡",
            "信用卡",
            "银联",
        ],
    ),
    (Kind::Paid(Method::Cash), &["CASH", "TUNAI", "现金"]),
    (
        Kind::Paid(Method::Unnamed),
        &[
            "TENDER",
            "PAYMENT",
            "AMOUNT PAID",
            "AMT PAID",
            "TOTAL PAID",
            "RECEIVED",
            "BAYARAN",
            "DIBAYAR",
            "实收",
            "收款",
            "支付",
            "已付",
            "付款",
        ],
    ),
    (
        Kind::Total,
        &[
            "TOTAL",
            "TTL",
            "JUMLAH",
            "AMAUN",
            "合计",
            "金额合计",
            "AMOUNT",
            "总金额",
            "消费金额",
            "共计",
            "REFUND",
            "SUMMA",
            "SUMME",
            "GESAMT",
            "SUMA",
            "RAZEM",
            "ATT BETALA",
            "TE BETALEN",
            "TOTAAL",
            "A PAYER",
            "合計",
            "합계",
        ],
    ),
    (
        Kind::Tax,
        &[
            "CGST",
            "SGST",
            "IGST",
            "UTGST",
            "MOMS",
            "MVA",
            "TVA",
            "IVA",
            "MWST",
            "BTW",
            "PPN",
            "PST",
            "GST",
            "VAT",
            "SST",
            "TAX",
            "CUKAI",
            "税额",
            "增值税",
            "税",
        ],
    ),
];

/// What the label of an amount says, or none when it says nothing known.
pub(crate) fn kind_of(label: &str) -> Option<Kind> {
    if COUNT.is_match(label) {
        return Some(Kind::Other);
    }
    if SERVICE.is_match(label) {
        return Some(Kind::Service);
    }
    if PERCENT_OFF.is_match(label) {
        return Some(Kind::Discount);
    }
    let label = Words::of(label);
    let hit = COMPILED.iter().find(|(_, phrases)| phrases.iter().any(|phrase| label.has(phrase)));
    hit.map(|&(kind, _)| kind)
}

/// `ITEM(S) : 2`, `Qty(s): 3`, with nothing else: how many articles there are.
static COUNT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^\W*(?:(?:TOTAL\s+|NO\.?\s*(?:OF\s+)?)?(?:ITEM|QTY|ARTICLE|PIECE|PC)(?:\s?\(S\)\s*(?:SOLD)?\s*[:=]?|S\s*(?:SOLD)?\s*[:=])\s*\d*\W*)+$",
    )
    .expect("the pattern is fixed")
});
/// `Service 10%`, `10% S/C`, `Svc Chg @ 10%`: a charge, where `Service Tax` is a tax.
static SERVICE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^\W*(?:\d{1,2}(?:\.\d+)?\s?%\s*)?(?:SERVICE|SERV|SVC|SVR|S/C|S\.C)\.?(?:\s*CH(?:ARGES?|GE?|RG)?\.?)?\s*(?:[(@]*\s*\d{1,2}(?:\.\d+)?\s?%\s*\)?)?\s*[:.]*\s*$",
    )
    .expect("the pattern is fixed")
});
/// `10% OFF`
static PERCENT_OFF: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\d\s?%\s*(?:OFF|DISC|DIS)\b").expect("the pattern is fixed"));

type Compiled = Vec<(Kind, Vec<Phrase>)>;

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    KINDS.iter().map(|(kind, phrases)| (*kind, phrases.iter().map(|phrase| Phrase::of(phrase)).collect())).collect()
});

/// Does the line hold one of the phrases?
pub(crate) fn mentions(line: &str, phrases: &[&str]) -> bool {
    let line = Words::of(line);
    phrases.iter().any(|phrase| line.has(&Phrase::of(phrase)))
}

/// Is one of the line's words one of these (capitals, exact but for punctuation)?
pub(crate) fn has_word(line: &str, words: &[&str]) -> bool {
    let upper = fold(line);
    upper.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}

/// A line to look phrases up in.
struct Words {
    squeezed: Vec<char>,
    words: Vec<Vec<char>>,
}

impl Words {
    fn of(line: &str) -> Self {
        let folded = fold(line);
        let words = folded.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(squeeze).collect();
        Self { squeezed: squeeze(line), words }
    }

    fn has(&self, phrase: &Phrase) -> bool {
        if phrase.whole_word { self.words.contains(&phrase.letters) } else { contains(&self.squeezed, &phrase.letters) }
    }
}

struct Phrase {
    letters: Vec<char>,
    /// Short words are parts of too many others: `CASH` of `CASHIER`, `LESS` of `WIRELESS`.
    whole_word: bool,
}

/// Latin words up to this length have to stand alone; `TOTAL` is too often glued to its neighbours.
const SHORT_WORD: usize = 6;

impl Phrase {
    fn of(phrase: &str) -> Self {
        let whole_word =
            phrase.len() <= SHORT_WORD && phrase != "TOTAL" && phrase.bytes().all(|b| b.is_ascii_alphabetic());
        Self { letters: squeeze(phrase), whole_word }
    }
}

/// Capitals without accents.
pub(crate) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).map(unaccented).collect()
}

/// Latin capitals without their accents: readers put them on letters that have none.
pub(crate) fn unaccented(c: char) -> char {
    match c {
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => 'A',
        'Ç' | 'Ć' | 'Č' => 'C',
        'È'..='Ë' | 'Ē' | 'Ė' | 'Ę' | 'Ě' => 'E',
        'Ì'..='Ï' | 'Ī' | 'İ' | 'Į' => 'I',
        'Ñ' | 'Ń' | 'Ň' => 'N',
        'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ő' => 'O',
        'Ù'..='Ü' | 'Ū' | 'Ů' | 'Ű' => 'U',
        'Ý' | 'Ÿ' => 'Y',
        'Š' | 'Ś' => 'S',
        'Ž' | 'Ź' | 'Ż' => 'Z',
        '：' => ':',
        '（' => '(',
        '）' => ')',
        '，' => ',',
        '×' => 'X',
        'І' => 'I',
        _ => c,
    }
}

/// Letters, digits and ideographs only, in capitals, those that readers confuse made one.
pub(crate) fn squeeze(text: &str) -> Vec<char> {
    fold(text)
        .chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| match c {
            '0' | 'Q' => 'O',
            '1' | 'L' => 'I',
            '5' => 'S',
            '8' => 'B',
            other => other,
        })
        .collect()
}

/// Is `phrase` a part of `text`, give or take one letter in ten?
fn contains(text: &[char], phrase: &[char]) -> bool {
    if phrase.is_empty() || text.len() + 1 < phrase.len() {
        return false;
    }
    if text.windows(phrase.len()).any(|window| window == phrase) {
        return true;
    }
    let allowed = phrase.len() / 10;
    allowed > 0 && part_distance(text, phrase) <= allowed
}

/// The least edit distance between `phrase` and any part of `text` (Sellers 1980).
fn part_distance(text: &[char], phrase: &[char]) -> usize {
    let mut column: Vec<usize> = (0..=phrase.len()).collect();
    let mut best = phrase.len();
    for &c in text {
        let mut diagonal = 0;
        for (i, &p) in phrase.iter().enumerate() {
            let up = column[i + 1];
            column[i + 1] = (diagonal + usize::from(p != c)).min(up + 1).min(column[i] + 1);
            diagonal = up;
        }
        best = best.min(column[phrase.len()]);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_what_their_amounts_are() {
        for (label, kind) in [
            ("Total Sales (lnclusive of GST) :", Some(Kind::Total)),
            ("Total Sales (Excluding GST)", Some(Kind::Subtotal)),
            ("TOTAL INCLUDES 6% GST", Some(Kind::Tax)),
            ("GST @6% included in total", Some(Kind::Tax)),
            ("Total GST", Some(Kind::Tax)),
            ("TOTAL:", Some(Kind::Total)),
            ("Total Rounded", Some(Kind::RoundedTotal)),
            ("RoundIng (RM) :", Some(Kind::Rounding)),
            ("TTL ATF RND", Some(Kind::RoundedTotal)),
            ("Nett Total:", Some(Kind::GrandTotal)),
            ("Cash Tendered", Some(Kind::Paid(Method::Cash))),
            ("TOTAL QTY: 6", Some(Kind::Other)),
            ("10% Srv Chg", Some(Kind::Service)),
            ("合计：", Some(Kind::Total)),
            ("价税合计(小写)", Some(Kind::GrandTotal)),
            ("找零", Some(Kind::Change)),
            ("Jumlah", Some(Kind::Total)),
            ("Baki", Some(Kind::Change)),
            ("ITEM(S) : 2", Some(Kind::Other)),
            ("ITEM(S) : 1 QTY(S) : 3", Some(Kind::Other)),
            ("Service 12.5%", Some(Kind::Service)),
            ("Service Tax 6%", Some(Kind::Tax)),
            ("10% OFF", Some(Kind::Discount)),
            ("CGST 9%", Some(Kind::Tax)),
            ("TOTAL REFUND", Some(Kind::GrandTotal)),
            ("Refund to VISA", Some(Kind::Paid(Method::Card))),
            ("STERILE FILTRAT", None),
        ] {
            assert_eq!(kind_of(label), kind, "{label:?}");
        }
    }

    #[test]
    fn misread_letters_are_forgiven_in_long_phrases_only() {
        assert_eq!(kind_of("Grand T0ta1"), Some(Kind::GrandTotal));
        assert!(mentions("TAX INVQICE", &["TAX INVOICE"]));
        assert!(!mentions("CASE", &["CASH"]));
    }
}
