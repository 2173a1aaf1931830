//! The record `receipt.json`: the fields of a receipt, each with its place and its confidence.

use medley_vision::text::Quad;
use schemars::JsonSchema;
use serde::Serialize;

use crate::money::Decimal;

/// A value with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Field<T> {
    /// Normalised: dates and times ISO 8601, money a decimal string, currency ISO 4217.
    pub value: T,
    /// As it is printed.
    pub raw: String,
    /// 0 to 1: the confidence of its line, times the confidence that the value belongs to this field.
    pub confidence: f32,
    /// The index into `lines` of its (first) line; none when the value was inferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Page, counted from 0.
    pub page: usize,
    /// Four corners in pixels of the page's picture, as `[x, y]`, from the top left as read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<[[f32; 2]; 4]>")]
    pub polygon: Option<Quad>,
    /// A misread digit was corrected by the sums of the receipt.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub corrected: bool,
}

/// The merchant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Merchant {
    pub name: Option<Field<String>>,
    pub address: Option<Field<String>>,
    pub phone: Option<Field<String>>,
    /// GST, SST or VAT number, 纳税人识别号.
    pub tax_id: Option<Field<String>>,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Item {
    pub description: Option<Field<String>>,
    pub quantity: Option<Field<Decimal>>,
    pub unit_price: Option<Field<Decimal>>,
    pub amount: Field<Decimal>,
}

/// A tax.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Tax {
    /// As the receipt calls it: `GST`, `SR`, `VAT`, `税额`.
    pub name: String,
    /// In percent.
    pub rate: Option<Field<Decimal>>,
    /// The amount that it is a share of.
    pub base: Option<Field<Decimal>>,
    pub amount: Field<Decimal>,
    /// The prices include it.
    pub included: Option<bool>,
}

/// The payment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Payment {
    /// `cash`, `card` or `wallet`.
    pub method: Option<Field<String>>,
    pub tendered: Option<Field<Decimal>>,
    pub change: Option<Field<Decimal>>,
}

/// A line of text, in reading order.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OutLine {
    pub text: String,
    #[schemars(with = "[[f32; 2]; 4]")]
    pub polygon: Quad,
    pub confidence: f32,
    pub page: usize,
}

/// A sum that the receipt should satisfy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// `total`, `items`, `change`, `rounding`, `words`, or `magnitude`, which fails where the total may lack its thousands.
    pub name: &'static str,
    /// The sum in words.
    pub sum: String,
    pub found: Decimal,
    pub expected: Decimal,
    pub holds: bool,
}

/// The quality of the record.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Quality {
    /// Whether every sum that could be checked holds; none when there was none.
    pub adds_up: Option<bool>,
    pub checks: Vec<Check>,
    /// Mean confidence of the lines, weighted by length.
    pub text_confidence: f32,
    /// The number of corrected amounts.
    pub corrected: usize,
    /// The fields that a person should look at: missing, or less sure than `0.9`. Of `merchant.name`, `merchant.address`,
    /// `date`, `total` and `currency`.
    pub review: Vec<String>,
    /// Sentences about what a person should check.
    pub warnings: Vec<String>,
}

/// A page as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PageInfo {
    pub width_px: u32,
    pub height_px: u32,
    /// The clockwise rotation by quarter turns that set it upright, in degrees.
    pub turn_deg: u16,
    /// The skew that was removed, in degrees clockwise.
    pub lean_deg: f32,
    /// `picture` or `text_layer`.
    pub source: &'static str,
}

/// The whole record.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Receipt {
    pub merchant: Merchant,
    /// Of the receipt, bill or invoice.
    pub number: Option<Field<String>>,
    pub date: Option<Field<String>>,
    pub time: Option<Field<String>>,
    pub currency: Option<Field<String>>,
    pub items: Vec<Item>,
    pub subtotal: Option<Field<Decimal>>,
    pub discounts: Vec<Field<Decimal>>,
    pub taxes: Vec<Tax>,
    pub service_charge: Option<Field<Decimal>>,
    pub rounding: Option<Field<Decimal>>,
    pub tip: Option<Field<Decimal>>,
    /// Negative where it is printed so: money that goes back.
    pub total: Option<Field<Decimal>>,
    /// A refund, return or credit note: the total goes back to the customer, whichever sign it is printed with.
    pub refund: bool,
    pub payment: Payment,
    pub lines: Vec<OutLine>,
    pub pages: Vec<PageInfo>,
    pub quality: Quality,
}
