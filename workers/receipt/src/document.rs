//! `receipt.json`: what a receipt says, each value with where it stands and how sure it is.

use medley_vision::text::Quad;
use schemars::JsonSchema;
use serde::Serialize;

use crate::decimal::Decimal;

/// A value with its witness.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Field<T> {
    /// Normalised: dates and times ISO 8601, money a decimal string, currency ISO 4217.
    pub value: T,
    /// As it is printed.
    pub raw: String,
    /// 0 to 1: how well its line was read and how sure the value is to be what it is said to be.
    pub confidence: f32,
    /// The index into `lines` of the (first) line that it stands on; none when it was concluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Page, counted from 0.
    pub page: usize,
    /// Four corners in pixels of the page's picture, as `[x, y]`, from the top left as read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<[[f32; 2]; 4]>")]
    pub polygon: Option<Quad>,
    /// A digit was read otherwise, and the receipt's own sums say this one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub corrected: bool,
}

/// Who sold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Merchant {
    pub name: Option<Field<String>>,
    pub address: Option<Field<String>>,
    pub phone: Option<Field<String>>,
    /// GST, SST or VAT number, 纳税人识别号.
    pub tax_id: Option<Field<String>>,
}

/// One article.
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
    /// What it is a share of.
    pub base: Option<Field<Decimal>>,
    pub amount: Field<Decimal>,
    /// It is part of the prices already.
    pub included: Option<bool>,
}

/// How it was paid.
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
    /// What is added up, in words.
    pub sum: String,
    pub found: Decimal,
    pub expected: Decimal,
    pub holds: bool,
}

/// How good the record is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Quality {
    /// Every sum that could be checked holds; none when there was nothing to check.
    pub adds_up: Option<bool>,
    pub checks: Vec<Check>,
    /// Mean confidence of the lines, weighted by length.
    pub text_confidence: f32,
    /// How many amounts were read otherwise than they are reported.
    pub corrected: usize,
    /// What a person should look at.
    pub warnings: Vec<String>,
}

/// A page as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PageInfo {
    pub width_px: u32,
    pub height_px: u32,
    /// Quarter turns clockwise that set it upright, in degrees.
    pub turn_deg: u16,
    /// The lean that was taken out, in degrees clockwise.
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
