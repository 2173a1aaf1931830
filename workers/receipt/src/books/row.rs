//! A row of the books: what one file says.

use medley_media::source::RowError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    document::{Field, Receipt},
    money::Decimal,
};

/// One file of the job, between its reading and the tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct BookRow {
    /// The path as the user knows it.
    pub(super) file: String,
    /// Of the file, 64 hex digits; empty where it could not be read.
    pub(super) sha256: String,
    pub(super) pages: u32,
    pub(super) merchant: String,
    pub(super) address: String,
    pub(super) tax_id: String,
    pub(super) number: String,
    pub(super) date: String,
    pub(super) time: String,
    pub(super) currency: String,
    pub(super) subtotal: String,
    pub(super) discount: String,
    pub(super) service_charge: String,
    pub(super) tax: String,
    pub(super) rounding: String,
    pub(super) tip: String,
    pub(super) total: String,
    pub(super) refund: bool,
    pub(super) method: String,
    pub(super) items: Vec<BookItem>,
    pub(super) adds_up: Option<bool>,
    /// The least confidence of merchant, date and total; 0 where one is missing.
    pub(super) confidence: f32,
    /// The fields that a person should look at.
    pub(super) review: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// Perceptual hash of the first page, 16 hex digits.
    pub(super) picture: String,
    /// JPEG in base64.
    pub(super) thumbnail: String,
    /// `receipt.json` without its lines.
    pub(super) record: Value,
    pub(super) error: Option<RowError>,
}

/// An article.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct BookItem {
    pub(super) description: String,
    pub(super) quantity: String,
    pub(super) unit_price: String,
    pub(super) amount: String,
}

impl BookRow {
    /// The row of a file that could not be read.
    pub(super) fn failed(file: &str, error: RowError) -> Self {
        Self { file: file.to_owned(), error: Some(error), ..Self::default() }
    }

    /// The row of a receipt; file, hashes and thumbnail are the caller's to fill in.
    pub(super) fn of(receipt: &Receipt) -> Result<Self, serde_json::Error> {
        let mut record = serde_json::to_value(receipt)?;
        if let Some(record) = record.as_object_mut() {
            record.remove("lines");
        }
        let sum = |values: &mut dyn Iterator<Item = Decimal>| {
            let values: Vec<Decimal> = values.collect();
            if values.is_empty() { String::new() } else { values.into_iter().sum::<Decimal>().as_money().to_string() }
        };
        let core = [
            receipt.merchant.name.as_ref().map(|field| field.confidence),
            receipt.date.as_ref().map(|field| field.confidence),
            receipt.total.as_ref().map(|field| field.confidence),
        ];
        Ok(Self {
            pages: u32::try_from(receipt.pages.len()).unwrap_or(u32::MAX),
            merchant: shown(receipt.merchant.name.as_ref()),
            address: shown(receipt.merchant.address.as_ref()),
            tax_id: shown(receipt.merchant.tax_id.as_ref()),
            number: shown(receipt.number.as_ref()),
            date: shown(receipt.date.as_ref()),
            time: shown(receipt.time.as_ref()),
            currency: shown(receipt.currency.as_ref()),
            subtotal: shown(receipt.subtotal.as_ref()),
            discount: sum(&mut receipt.discounts.iter().map(|field| field.value)),
            service_charge: shown(receipt.service_charge.as_ref()),
            tax: sum(&mut receipt.taxes.iter().map(|tax| tax.amount.value)),
            rounding: shown(receipt.rounding.as_ref()),
            tip: shown(receipt.tip.as_ref()),
            total: shown(receipt.total.as_ref()),
            refund: receipt.refund,
            method: shown(receipt.payment.method.as_ref()),
            items: receipt.items.iter().map(BookItem::of).collect(),
            adds_up: receipt.quality.adds_up,
            confidence: core.into_iter().map(Option::unwrap_or_default).fold(1.0, f32::min),
            review: receipt.quality.review.clone(),
            warnings: receipt.quality.warnings.clone(),
            record,
            ..Self::default()
        })
    }
}

impl BookItem {
    fn of(item: &crate::document::Item) -> Self {
        Self {
            description: shown(item.description.as_ref()),
            quantity: shown(item.quantity.as_ref()),
            unit_price: shown(item.unit_price.as_ref()),
            amount: item.amount.value.to_string(),
        }
    }
}

fn shown<T: ToString>(field: Option<&Field<T>>) -> String {
    field.map(|field| field.value.to_string()).unwrap_or_default()
}
