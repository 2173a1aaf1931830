//! The record in the format of Amazon Textract's `AnalyzeExpense`, for programs that read it. `docs/receipt.md` maps
//! the fields.

use medley_vision::text::Quad;
use serde_json::{Value, json};

use crate::{
    document::{Field, PageInfo, Receipt},
    money::Decimal,
};

/// `{ExpenseDocuments: [{ExpenseIndex, SummaryFields, LineItemGroups}]}`.
pub(crate) fn analyze_expense(receipt: &Receipt) -> Value {
    let of = |kind: &str, field: Option<Value>| field.map(|detection| typed(kind, detection));
    let text = |field: &Option<Field<String>>| field.as_ref().map(|field| detection(field, &receipt.pages));
    let money = |field: &Option<Field<Decimal>>| field.as_ref().map(|field| detection(field, &receipt.pages));
    let merchant = &receipt.merchant;
    let mut summary: Vec<Value> = [
        of("VENDOR_NAME", text(&merchant.name)),
        of("VENDOR_ADDRESS", text(&merchant.address)),
        of("VENDOR_PHONE", text(&merchant.phone)),
        of("VENDOR_VAT_NUMBER", text(&merchant.tax_id)),
        of("INVOICE_RECEIPT_ID", text(&receipt.number)),
        of("INVOICE_RECEIPT_DATE", text(&receipt.date)),
        of("SUBTOTAL", money(&receipt.subtotal)),
        of("SERVICE_CHARGE", money(&receipt.service_charge)),
        of("GRATUITY", money(&receipt.tip)),
        of("TOTAL", money(&receipt.total)),
        of("AMOUNT_PAID", money(&receipt.payment.tendered)),
        of("PAYMENT_TERMS", text(&receipt.payment.method)),
    ]
    .into_iter()
    .flatten()
    .collect();
    summary.extend(receipt.discounts.iter().map(|field| typed("DISCOUNT", detection(field, &receipt.pages))));
    summary.extend(receipt.taxes.iter().map(|tax| typed("TAX", detection(&tax.amount, &receipt.pages))));
    // Textract has no names for these: `OTHER` with a label, as it does for what it cannot name.
    for (label, field) in [("ROUNDING", &receipt.rounding), ("CHANGE", &receipt.payment.change)] {
        summary.extend(field.as_ref().map(|field| {
            let mut other = typed("OTHER", detection(field, &receipt.pages));
            other["LabelDetection"] = json!({ "Text": label });
            other
        }));
    }
    if let Some(currency) = &receipt.currency {
        for field in &mut summary {
            if matches!(
                field["Type"]["Text"].as_str(),
                Some("TOTAL" | "SUBTOTAL" | "TAX" | "AMOUNT_PAID" | "DISCOUNT" | "SERVICE_CHARGE" | "GRATUITY")
            ) {
                field["Currency"] = json!({ "Code": currency.value, "Confidence": percent(currency.confidence) });
            }
        }
    }
    let items: Vec<Value> = receipt
        .items
        .iter()
        .map(|item| {
            let fields: Vec<Value> = [
                of("ITEM", text(&item.description)),
                of("QUANTITY", money(&item.quantity)),
                of("UNIT_PRICE", money(&item.unit_price)),
                Some(typed("PRICE", detection(&item.amount, &receipt.pages))),
            ]
            .into_iter()
            .flatten()
            .collect();
            json!({ "LineItemExpenseFields": fields })
        })
        .collect();
    json!({
        "DocumentMetadata": { "Pages": receipt.pages.len() },
        "ExpenseDocuments": [{
            "ExpenseIndex": 1,
            "SummaryFields": summary,
            "LineItemGroups": [{ "LineItemGroupIndex": 1, "LineItems": items }],
        }],
    })
}

fn typed(kind: &str, detection: Value) -> Value {
    let page = detection["PageNumber"].clone();
    let mut value = detection;
    if let Some(value) = value.as_object_mut() {
        value.remove("PageNumber");
    }
    json!({ "Type": { "Text": kind, "Confidence": value["Confidence"] }, "ValueDetection": value, "PageNumber": page })
}

fn detection<T: std::fmt::Display>(field: &Field<T>, pages: &[PageInfo]) -> Value {
    let page = pages.get(field.page);
    let geometry = field.polygon.zip(page).map(|(polygon, page)| geometry(&polygon, page));
    json!({
        "Text": field.value.to_string(),
        "Confidence": percent(field.confidence),
        "Geometry": geometry,
        "PageNumber": field.page + 1,
    })
}

fn percent(confidence: f32) -> f64 {
    (f64::from(confidence) * 1e4).round() / 1e2
}

/// Corners and box as fractions of the page.
fn geometry(polygon: &Quad, page: &PageInfo) -> Value {
    let (width, height) = (f64::from(page.width_px.max(1)), f64::from(page.height_px.max(1)));
    let [left, top, right, bottom] = polygon.bounds().map(f64::from);
    let corners: Vec<Value> =
        polygon.0.iter().map(|p| json!({ "X": f64::from(p.x) / width, "Y": f64::from(p.y) / height })).collect();
    json!({
        "BoundingBox": { "Left": left / width, "Top": top / height, "Width": (right - left) / width, "Height": (bottom - top) / height },
        "Polygon": corners,
    })
}
