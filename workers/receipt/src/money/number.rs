//! How a document writes its numbers: the thousands separator, the decimal mark, and whether there are cents.

use std::sync::LazyLock;

use regex::Regex;

use super::decimal::Decimal;

/// The style of a document's numbers, inferred from all of its lines: a single `12.500` may be twelve and a half or
/// twelve thousand five hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NumberStyle {
    /// The comma is the decimal mark, and the dot separates thousands.
    pub(crate) decimal_comma: bool,
    /// A plain space separates thousands: `3 798.00` is one number.
    pub(crate) blank_groups: bool,
    /// The currency has no cents (rupiah, yen, won, dong, Chilean pesos): `12.500` and `12,500` are whole amounts.
    pub(crate) no_cents: bool,
    /// The currency has thousandths (dinars, rials): `1.250` is one and a quarter.
    pub(crate) mils: bool,
}

/// Spaces that never separate columns: no-break, figure, thin and narrow no-break.
pub(crate) const THIN_BLANKS: &str = "\u{a0}\u{2007}\u{2009}\u{202f}";
/// Apostrophes as fonts and OCR write them.
pub(crate) const APOSTROPHES: &str = "'’‘´`";

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed")
}

static WITH_CENTS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?:^|[^\d.,/:])(?:\d{1,3}(?:[\s.,'’]\d{3})+|\d+)(?P<point>[.,])\d{2}(?:[^\d.,/:%\s]|\s+[^\d%\s]|\s*$|\s+\d)",
    )
});
static DOTTED: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?:^|[^\d.,/:-])(?P<number>\d{1,3}(?:\.\d{3})+)(?:[^\d.,/:-]|[.,]?[-–]|[.,]?\s|[.,]?$)"));
static COMMAED: LazyLock<Regex> = LazyLock::new(|| fixed(r"(?:^|[^\d.,/:-])[1-9]\d{0,2}(?:,\d{3})+(?:[^\d.,/:]|$)"));
/// `3 798.00`, where the space separates thousands, or a count and a price.
static BLANK_GROUP: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"(?:^|[^\d.,/:#-]|[^\d]-)(?P<number>[1-9]\d{0,2}(?: \d{3})+)[.,·]\s?\d{2}(?:[^\d.,/:]|[.,]?$)")
});
/// The same after a currency sign, or with two groups, where no count is possible.
static SURE_BLANK_GROUP: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?:[$€£₹₱₽₺₪]|\b(?:R|Rs|RM|kr|SEK|NOK|DKK|CHF|EUR|USD|ZAR|PLN|CZK|HUF|MYR))\.?\s?[1-9]\d{0,2}(?: \d{3})+(?:[.,]\d{2})?(?:[^\d.,/:]|$)|(?:^|[^\d.,] ?)[1-9]\d{0,2}(?: \d{3}){2,}[.,]\d{2}(?:\D|$)|[1-9]\d{0,2} \d{3}(?:[.,]\d{2})?\s?(?:kr\b|€|zł|Kč|Ft\b|₽|руб|SEK\b|NOK\b|DKK\b|PLN\b|CZK\b|HUF\b|EUR\b)",
    )
});
static NO_CENTS_MONEY: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?:\b(?:IDR|VND|JPY|KRW|CLP|COP|PYG|ISK|UGX|RUPIAH)\b|\bRp\s?\.?\s?(?:\d|$)|₩|₫|\d\s?đ|円|원|税込|お買上|Jakarta|Bandung|Surabaya|Bali\b|Hà Nội|Santiago de Chile)",
    )
});
static MILS_MONEY: LazyLock<Regex> = LazyLock::new(|| fixed(r"\b(?:KWD|BHD|OMR|JOD|TND|LYD|IQD|K\.?D\.?|B\.?D\.?)\b"));

impl NumberStyle {
    /// The style of a document's lines. Whether plain spaces separate thousands is decided later, by its sums.
    pub(crate) fn of<'a>(lines: impl Iterator<Item = &'a str> + Clone, currency: Option<&str>) -> Self {
        let count = |pattern: &Regex| lines.clone().map(|line| pattern.find_iter(line).count()).sum::<usize>();
        let points = |sign: &str| {
            let found = lines.clone().flat_map(|line| WITH_CENTS.captures_iter(line));
            found.filter(|found| &found["point"] == sign).count()
        };
        let (commas, points) = (points(","), points("."));
        let dotted: Vec<bool> = lines
            .clone()
            .flat_map(|line| DOTTED.captures_iter(line))
            .map(|found| found["number"].starts_with('0'))
            .collect();
        let below_one = dotted.iter().filter(|below_one| **below_one).count();
        let dotted = dotted.len() - below_one;
        let known = |codes: &[&str]| currency.is_some_and(|code| codes.contains(&code));
        let mils = known(&["KWD", "BHD", "OMR", "JOD", "TND", "LYD", "IQD"]) || count(&MILS_MONEY) > 0;
        let mils = mils && dotted + below_one > points + commas;
        let no_cents_money = known(&["IDR", "VND", "JPY", "KRW", "CLP", "COP", "PYG", "ISK", "UGX"])
            || currency.is_none() && count(&NO_CENTS_MONEY) > 0;
        let cents = points + commas;
        let no_cents = !mils
            && (no_cents_money && cents * 2 <= dotted + count(&COMMAED)
                || dotted > 1 && cents == 0 && below_one == 0 && currency.is_none());
        Self { decimal_comma: commas > points && !no_cents, blank_groups: false, no_cents, mils }
    }
}

/// Whether the line holds a number whose space may separate thousands.
pub(crate) fn may_have_blank_groups(line: &str) -> bool {
    BLANK_GROUP.is_match(line)
}

/// Whether the line holds a number whose space certainly separates thousands.
pub(crate) fn has_blank_groups(line: &str) -> bool {
    SURE_BLANK_GROUP.is_match(line)
}

/// A number that was parsed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ParsedNumber {
    pub(crate) value: Decimal,
    pub(crate) places: u8,
    /// It has a thousands separator.
    pub(crate) grouped: bool,
}

/// Parses `1,234.50`, `1.234,50`, `1 234,50`, `1'234.50`, `1,25,000.00`, `12,50`, `0. 60`, `12,-`.
pub(crate) fn value(printed: &str, style: NumberStyle) -> Option<ParsedNumber> {
    let dashed = printed.ends_with(['-', '–', '—']);
    let printed = printed.trim_end_matches(['-', '–', '—']);
    let blanks = printed.trim().chars().any(|c| THIN_BLANKS.contains(c) || APOSTROPHES.contains(c));
    let mut compact: String = printed
        .chars()
        .filter(|c| !c.is_whitespace() && !APOSTROPHES.contains(*c) && !THIN_BLANKS.contains(*c))
        .collect();
    if dashed {
        // `12,-`: the dash means no cents.
        compact.truncate(compact.trim_end_matches(['.', ',']).len());
    }
    let at = compact.rfind(['.', ',', '·']).filter(|&at| !(dashed && compact.len() - at == 4));
    let (whole, fraction) = match at {
        Some(at) if separates_thousands(&compact, at, style) => (compact.as_str(), ""),
        Some(at) => {
            let skip = compact[at..].chars().next().map_or(1, char::len_utf8);
            (&compact[..at], &compact[at + skip..])
        }
        None => (compact.as_str(), ""),
    };
    let parted = |part: &str| part.contains(['.', ',']) || blanks;
    let spaced = style.blank_groups && spaced_thousands(printed);
    let grouped = parted(whole) || spaced;
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    let value = Decimal::from_digits(&digits, fraction)?;
    // `12,-` states its cents.
    let places = if dashed { 2 } else { value.places() };
    Some(ParsedNumber { value, places, grouped })
}

fn spaced_thousands(printed: &str) -> bool {
    let bytes = printed.as_bytes();
    bytes.windows(3).any(|w| w[0].is_ascii_digit() && w[1] == b' ' && w[2].is_ascii_digit())
}

/// Whether the last sign of a number separates thousands.
fn separates_thousands(compact: &str, at: usize, style: NumberStyle) -> bool {
    let sign = compact[at..].chars().next();
    if compact.len() - at != 4 || compact.starts_with('0') && at == 1 {
        return false;
    }
    let same = compact.chars().filter(|c| Some(*c) == sign).count();
    let others = compact.chars().filter(|c| !c.is_ascii_digit() && Some(*c) != sign).count();
    match sign {
        // `1,234,567` and `1.234.567`
        _ if same > 1 && others == 0 => true,
        // `1.234,567` has thousandths.
        _ if others > 0 => false,
        Some(',') => !style.decimal_comma,
        Some('.') => (style.no_cents || style.decimal_comma) && !style.mils,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(lines: &[&str]) -> NumberStyle {
        NumberStyle::of(lines.iter().copied(), None)
    }

    #[test]
    fn all_lines_together_tell_the_style() {
        let comma = style(&["Kaffee 2,50", "Kuchen 1.250,00"]);
        assert!(comma.decimal_comma && !comma.no_cents);
        let point = style(&["Petrol 95 $3.459", "Total $42.10", "Date 12.03.2024"]);
        assert_eq!(point, NumberStyle::default());
        let rupiah = style(&["Nasi Goreng 25.000", "Total Rp 27.500"]);
        assert!(rupiah.no_cents && !rupiah.decimal_comma);
        assert!(style(&["Empanada 2.500", "TOTAL $ 12.500"]).no_cents, "two dotted numbers and no cents");
        assert!(!style(&["Rice kg 1.250", "Total 12.50"]).no_cents);
        let dinar = style(&["Coffee 0.750", "Total KWD 1.250"]);
        assert!(dinar.mils && !dinar.no_cents);
    }

    #[test]
    fn blanks_between_digits_may_or_must_part_thousands() {
        for text in ["3 798.00", "Drill 2 499,00", "R 3 798.00", "12 3 798.00"] {
            assert!(may_have_blank_groups(text), "{text}");
        }
        for text in ["3 79.00", "2 0.50", "12.3 798.00", "A 798.00", "111 22 Stockholm"] {
            assert!(!may_have_blank_groups(text), "{text}");
        }
        assert!(
            has_blank_groups("Total R 3 798.00") && has_blank_groups("1 234 567,00") && has_blank_groups("3 798 kr")
        );
        assert!(!has_blank_groups("Drill 2 499.00"));
    }

    #[test]
    fn values_depend_on_the_style() {
        let read = |text: &str, style: NumberStyle| value(text, style).map(|printed| printed.value.to_string());
        let plain = NumberStyle::default();
        let comma = NumberStyle { decimal_comma: true, ..plain };
        let whole = NumberStyle { no_cents: true, ..plain };
        for (text, style, expected) in [
            ("1,25,000.00", plain, "125000.00"),
            ("1'234.50", plain, "1234.50"),
            ("1.234.50", plain, "1234.50"),
            ("1.234.567", plain, "1234567"),
            ("12.500", plain, "12.500"),
            ("12.500", whole, "12500"),
            ("12.500", comma, "12500"),
            ("0.500", whole, "0.500"),
            ("1\u{202f}234,50", comma, "1234.50"),
            ("1,459", comma, "1.459"),
            ("1,459", plain, "1459"),
            ("12,-", comma, "12"),
            ("12.500,-", comma, "12500"),
        ] {
            assert_eq!(read(text, style).as_deref(), Some(expected), "{text:?} {style:?}");
        }
    }
}
