//! Fields from text alone: the sums as a witness, and layouts that no picture is needed for.

mod rows;

use medley_receipt::{Hints, Receipt, fields};
use medley_vision::text::{Glyph, TextPage};
use rows::page;

/// The same with what the recogniser would say of its characters: `doubt` is a character that may be another.
fn recognised(mut page: TextPage, line: &str, doubt: Option<(usize, char)>) -> TextPage {
    for read in &mut page.lines {
        read.glyphs = read
            .text
            .chars()
            .enumerate()
            .map(|(index, char)| {
                let instead = doubt.filter(|(at, _)| read.text == line && *at == index).map(|(_, other)| (other, 0.2));
                Glyph { char, prob: 0.8, at: 0.5, instead: instead.into_iter().collect() }
            })
            .collect();
    }
    page
}

fn read(page: TextPage) -> Receipt {
    fields(vec![page], &Hints::default())
}

const SHOP: &[&[(f32, &str)]] = &[
    &[(3.0, "GREEN FINCH TRADING")],
    &[(3.0, "Date: 05/06/2020")],
    &[(0.0, "Item"), (5.0, "Qty"), (8.0, "Amount")],
    &[(0.0, "Rope 10m"), (5.0, "1"), (8.0, "12.40")],
    &[(0.0, "Hook"), (5.0, "2"), (8.0, "6.00")],
    &[(0.0, "Total"), (8.0, "18.40")],
    &[(0.0, "Cash"), (8.0, "20.00")],
    &[(0.0, "Change"), (8.0, "1.60")],
];

fn with_total(total: &'static str) -> TextPage {
    let mut rows: Vec<Vec<(f32, &str)>> = SHOP.iter().map(|row| row.to_vec()).collect();
    rows[5][1].1 = total;
    page(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

#[test]
fn a_digit_that_two_sums_speak_against_is_corrected_and_marked() {
    let receipt = read(recognised(with_total("18.90"), "", None));
    let total = receipt.total.unwrap();
    assert_eq!((total.value.to_string().as_str(), total.raw.as_str(), total.corrected), ("18.40", "18.90", true));
    assert_eq!((receipt.quality.adds_up, receipt.quality.corrected), (Some(true), 1));
}

#[test]
fn what_was_read_surely_from_a_text_layer_is_never_corrected() {
    let receipt = read(with_total("18.90"));
    assert_eq!(receipt.total.unwrap().value.to_string(), "18.90");
    assert_eq!((receipt.quality.adds_up, receipt.quality.corrected), (Some(false), 0));
    assert!(receipt.quality.warnings.iter().any(|warning| warning.contains("add up")));
}

#[test]
fn one_sum_is_enough_where_the_reader_doubted_and_not_where_it_did_not() {
    // Without what was paid only the articles speak; 12.40 was read as 12.70.
    let rows = |first: &'static str| {
        let mut rows: Vec<Vec<(f32, &str)>> = SHOP[..6].iter().map(|row| row.to_vec()).collect();
        rows[3][2].1 = first;
        page(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let doubted = read(recognised(rows("12.70"), "12.70", Some((3, '4'))));
    assert_eq!(doubted.items[0].amount.value.to_string(), "12.40");
    assert!(doubted.items[0].amount.corrected);
    let sure = read(recognised(rows("12.70"), "", None));
    assert_eq!(sure.items[0].amount.value.to_string(), "12.70");
    assert_eq!(sure.quality.adds_up, Some(false));
}

#[test]
fn the_rounded_total_is_the_total() {
    let receipt = read(page(&[
        &[(3.0, "WHITE EGRET CAFE SDN BHD")],
        &[(0.0, "Laksa"), (8.0, "11.98")],
        &[(0.0, "Sub Total"), (8.0, "11.98")],
        &[(0.0, "Service Charge 10%"), (8.0, "1.20")],
        &[(0.0, "Total"), (8.0, "13.18")],
        &[(0.0, "Rounding Adj"), (8.0, "0.02")],
        &[(0.0, "Total Rounded"), (8.0, "13.20")],
        &[(0.0, "VISA"), (8.0, "13.20")],
    ]));
    assert_eq!(receipt.total.unwrap().value.to_string(), "13.20");
    assert_eq!(receipt.service_charge.unwrap().value.to_string(), "1.20");
    assert_eq!(receipt.payment.method.unwrap().value, "card");
    assert_eq!(receipt.quality.adds_up, Some(true), "{:?}", receipt.quality.checks);
}

#[test]
fn malay_words_mean_what_they_mean() {
    let receipt = read(page(&[
        &[(3.0, "KEDAI RUNCIT BURUNG PIPIT")],
        &[(2.0, "Lot 8, Jalan Cempaka 2, 43000 Kajang, Selangor")],
        &[(0.0, "Tarikh: 3-MAC-2021"), (6.0, "Masa: 10:15")],
        &[(0.0, "Beras 5kg"), (8.0, "26.00")],
        &[(0.0, "Gula"), (8.0, "2.85")],
        &[(0.0, "Jumlah Kecil"), (8.0, "28.85")],
        &[(0.0, "Diskaun"), (8.0, "0.85")],
        &[(0.0, "Jumlah"), (8.0, "RM 28.00")],
        &[(0.0, "Tunai"), (8.0, "30.00")],
        &[(0.0, "Baki"), (8.0, "2.00")],
    ]));
    assert_eq!(receipt.merchant.name.unwrap().value, "KEDAI RUNCIT BURUNG PIPIT");
    assert_eq!(receipt.merchant.address.unwrap().value, "Lot 8, Jalan Cempaka 2, 43000 Kajang, Selangor");
    assert_eq!(receipt.date.unwrap().value, "2021-03-03");
    assert_eq!(receipt.discounts[0].value.to_string(), "0.85");
    assert_eq!(receipt.total.unwrap().value.to_string(), "28.00");
    assert_eq!(receipt.currency.unwrap().value, "MYR");
    assert_eq!(receipt.payment.change.unwrap().value.to_string(), "2.00");
    assert_eq!(receipt.quality.adds_up, Some(true), "{:?}", receipt.quality.checks);
}

#[test]
fn american_dates_put_the_month_first() {
    let receipt = read(page(&[
        &[(3.0, "SANDPIPER DINER LLC")],
        &[(2.0, "415 Main Street, Springfield, IL 62704")],
        &[(0.0, "03/04/2022 7:05 PM")],
        &[(0.0, "Coffee"), (8.0, "$3.50")],
        &[(0.0, "Subtotal"), (8.0, "$3.50")],
        &[(0.0, "Tax"), (8.0, "$0.29")],
        &[(0.0, "Tip"), (8.0, "$0.71")],
        &[(0.0, "Total"), (8.0, "$4.50")],
    ]));
    assert_eq!(receipt.date.unwrap().value, "2022-03-04");
    assert_eq!(receipt.time.unwrap().value, "19:05");
    assert_eq!(receipt.currency.unwrap().value, "USD");
    assert_eq!(receipt.tip.unwrap().value.to_string(), "0.71");
    assert_eq!(receipt.quality.adds_up, Some(true), "{:?}", receipt.quality.checks);
}

#[test]
fn a_page_without_amounts_or_names_is_a_record_with_warnings() {
    let receipt = read(page(&[&[(0.0, "-----")], &[(0.0, "1")]]));
    assert!(receipt.total.is_none() && receipt.items.is_empty());
    assert_eq!(receipt.quality.adds_up, None);
    assert_eq!(receipt.quality.warnings.len(), 3);
    assert_eq!(fields(Vec::new(), &Hints::default()).lines.len(), 0);
}

/// `description | quantity | amount` of each item; `-` for what is not there.
fn items(receipt: &Receipt) -> Vec<String> {
    let item = |item: &medley_receipt::Item| {
        let name = item.description.as_ref().map_or("-", |name| &name.value);
        let count = item.quantity.as_ref().map_or("-".into(), |count| count.value.to_string());
        format!("{name} | {count} | {}", item.amount.value)
    };
    receipt.items.iter().map(item).collect()
}

#[test]
fn a_bare_number_at_the_end_is_the_amount_and_not_the_quantity_too() {
    let receipt = read(page(&[
        &[(0.0, "CAFE SAKURA")],
        &[(0.0, "2024-01-20")],
        &[(0.0, "Espresso"), (8.0, "300")],
        &[(0.0, "Muffin"), (8.0, "280")],
        &[(0.0, "Latte"), (5.0, "2"), (8.0, "650")],
        &[(0.0, "Total JPY"), (8.0, "1,230")],
    ]));
    assert_eq!(items(&receipt), ["Espresso | - | 300.00", "Muffin | - | 280.00", "Latte | 2 | 650.00"]);
    assert_eq!(receipt.quality.adds_up, Some(true));
    assert_eq!(receipt.currency.unwrap().value, "JPY");
}

#[test]
fn a_measure_in_a_name_is_no_quantity() {
    let receipt = read(page(&[
        &[(0.0, "SEOUL MART")],
        &[(0.0, "2024-01-20")],
        &[(0.0, "Kimchi 1kg"), (6.0, "9,500"), (8.0, "9,500")],
        &[(0.0, "Soy sauce 1L"), (8.0, "4,200")],
        &[(0.0, "Total KRW"), (8.0, "13,700")],
    ]));
    assert_eq!(items(&receipt), ["Kimchi 1kg | - | 9500.00", "Soy sauce 1L | - | 4200.00"]);
}

#[test]
fn numbers_of_rows_are_no_part_of_the_names() {
    let receipt = read(page(&[
        &[(0.0, "SHREE BHAVAN HOTEL")],
        &[(0.0, "Bill No: 118   Date: 21/08/2023")],
        &[(0.0, "1 Masala Dosa"), (5.0, "2"), (6.5, "80.00"), (8.0, "160.00")],
        &[(0.0, "2 Filter Coffee"), (5.0, "3"), (6.5, "30.00"), (8.0, "90.00")],
        &[(0.0, "3 Idli"), (8.0, "70.00")],
        &[(0.0, "Grand Total Rs"), (8.0, "320.00")],
    ]));
    assert_eq!(items(&receipt), ["Masala Dosa | 2 | 160.00", "Filter Coffee | 3 | 90.00", "Idli | - | 70.00"]);
    assert_eq!(receipt.currency.unwrap().value, "INR");
}

#[test]
fn counts_that_look_like_numbers_of_rows_are_told_by_their_prices() {
    let receipt = read(page(&[
        &[(0.0, "THE STEAK HOUSE")],
        &[(0.0, "21/06/2023")],
        &[(0.0, "1 Burger"), (6.5, "5.00"), (8.0, "5.00")],
        &[(0.0, "2 Fries"), (6.5, "3.00"), (8.0, "6.00")],
        &[(0.0, "Total"), (8.0, "11.00")],
    ]));
    assert_eq!(items(&receipt), ["Burger | 1 | 5.00", "Fries | 2 | 6.00"]);
}

#[test]
fn numbers_that_are_not_of_rows_are_counts() {
    let receipt = read(page(&[
        &[(0.0, "THE STEAK HOUSE")],
        &[(0.0, "21/06/2023")],
        &[(0.0, "1 Ribeye"), (8.0, "38.00")],
        &[(0.0, "2 Soup"), (8.0, "14.00")],
        &[(0.0, "1 Cola"), (8.0, "3.50")],
        &[(0.0, "Total"), (8.0, "55.50")],
    ]));
    assert_eq!(items(&receipt), ["Ribeye | 1 | 38.00", "Soup | 2 | 14.00", "Cola | 1 | 3.50"]);
}

#[test]
fn sums_in_other_words_are_no_items() {
    for (subtotal, total, currency) in [
        ("Zwischensumme", "Gesamtbetrag EUR", "EUR"),
        ("Sous-total", "Total EUR", "EUR"),
        ("Taxable", "Grand Total Rs", "INR"),
        ("Delsum", "Sum NOK", "NOK"),
        ("Subtotal", "TOTAL Rp", "IDR"),
        ("Subtotal", "TOTAL CLP $", "CLP"),
        ("Subtotal", "Tong cong VND", "VND"),
    ] {
        let receipt = read(page(&[
            &[(0.0, "NORTH WIND TRADING")],
            &[(0.0, "Date: 05/06/2020")],
            &[(0.0, "Rope"), (8.0, "12.400")],
            &[(0.0, "Hook"), (8.0, "6.000")],
            &[(0.0, subtotal), (8.0, "18.400")],
            &[(0.0, total), (8.0, "18.400")],
        ]));
        assert_eq!(receipt.items.len(), 2, "{total}: {:?}", items(&receipt));
        assert_eq!(receipt.currency.map(|found| found.value).as_deref(), Some(currency), "{total}");
        assert!(receipt.total.is_some() && receipt.subtotal.is_some(), "{total}");
    }
}
