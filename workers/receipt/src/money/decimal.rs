//! Money and quantities: exact, as printed.

use std::{borrow::Cow, fmt, iter::Sum, ops};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A decimal number with at most four places, exact; in JSON a string (`"5.90"`), as printed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decimal {
    /// In ten-thousandths.
    units: i64,
    /// How many places to print.
    places: u8,
}

const ONE: i64 = 10_000;
const PLACES: u8 = 4;
/// A hundred thousand million, the price of a villa in dong. Larger numbers are codes.
const MAX_UNITS: i64 = 100_000_000_000 * ONE;

impl Decimal {
    pub const fn new(units: i64, places: u8) -> Self {
        Self { units, places: if places < PLACES { places } else { PLACES } }
    }

    pub fn whole(value: i64) -> Self {
        Self { units: value.saturating_mul(ONE), places: 0 }
    }

    /// From hundredths.
    pub fn cents(cents: i64) -> Self {
        Self { units: cents.saturating_mul(ONE / 100), places: 2 }
    }

    /// From the digits before and after the point; none when it is too long to be a sum of money.
    pub fn from_digits(whole: &str, fraction: &str) -> Option<Self> {
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let places = u8::try_from(fraction.len()).ok().filter(|&places| places <= PLACES)?;
        let fraction: i64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        let units = whole.checked_mul(ONE)? + fraction * 10i64.pow(u32::from(PLACES - places));
        (units < MAX_UNITS).then_some(Self { units, places })
    }

    /// At least two places, as money is written.
    #[must_use]
    pub fn as_money(self) -> Self {
        Self { places: self.places.max(2), ..self }
    }

    #[must_use]
    pub fn abs(self) -> Self {
        Self { units: self.units.abs(), ..self }
    }

    pub fn is_zero(self) -> bool {
        self.units == 0
    }

    pub fn is_negative(self) -> bool {
        self.units < 0
    }

    /// The number of places printed.
    pub fn places(self) -> u8 {
        self.places
    }

    /// The product, rounded to four places.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        let product = i128::from(self.units) * i128::from(other.units);
        let half = i128::from(ONE / 2) * if product < 0 { -1 } else { 1 };
        let units = ((product + half) / i128::from(ONE)).clamp(i128::from(-MAX_UNITS), i128::from(MAX_UNITS));
        Self { units: units as i64, places: 2 }
    }

    /// Within half a cent and a bit: what rounding to cents leaves.
    pub fn is_about(self, other: Self, tolerance: Self) -> bool {
        (self.units - other.units).abs() <= tolerance.units
    }

    pub fn to_f64(self) -> f64 {
        self.units as f64 / ONE as f64
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.units == other.units
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.units.cmp(&other.units)
    }
}

impl std::hash::Hash for Decimal {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.units.hash(state);
    }
}

impl ops::Add for Decimal {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { units: self.units + other.units, places: self.places.max(other.places) }
    }
}

impl ops::Sub for Decimal {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl ops::Neg for Decimal {
    type Output = Self;
    fn neg(self) -> Self {
        Self { units: -self.units, ..self }
    }
}

impl Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        numbers.fold(Self::default(), |sum, number| sum + number)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let (whole, fraction) = (self.units.abs() / ONE, self.units.abs() % ONE);
        let mut fraction = format!("{fraction:04}");
        // Places that are not zero are always shown.
        let shown = fraction.trim_end_matches('0').len().max(usize::from(self.places));
        fraction.truncate(shown);
        if fraction.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{fraction}") }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^-?\d+(\.\d{1,4})?$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_they_were_read() {
        for (whole, fraction, printed) in
            [("5", "90", "5.90"), ("12", "", "12"), ("2", "9000", "2.9000"), ("", "05", "0.05")]
        {
            assert_eq!(Decimal::from_digits(whole, fraction).unwrap().to_string(), printed);
        }
        assert_eq!((-Decimal::cents(2)).to_string(), "-0.02");
        assert_eq!(Decimal::whole(35).as_money().to_string(), "35.00");
        assert!(Decimal::from_digits("123456789012", "").is_none(), "a bar code is not money");
    }

    #[test]
    fn products_round_and_sums_are_exact() {
        let price = Decimal::from_digits("10", "49").unwrap();
        assert_eq!(Decimal::whole(3).times(price), Decimal::cents(3147));
        let sum: Decimal = [Decimal::cents(10), Decimal::cents(20)].into_iter().sum();
        assert_eq!(sum, Decimal::cents(30));
    }
}
