//! Money in a line of text: exact decimals, number styles, amounts with their currencies, and sums in words.

pub(crate) mod amount;
mod decimal;
pub(crate) mod number;
pub(crate) mod spelled;

pub use decimal::Decimal;
