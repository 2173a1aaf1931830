//! Signs and thousands: amounts that sums alone cannot vouch for.

mod rows;

use medley_receipt::{Hints, Receipt, fields};
use rows::page;

type Row<'a> = Vec<(f32, &'a str)>;

/// A receipt of rows with a label on the left and an amount that ends on the right.
fn read(head: &[&str], sums: &[(&str, &str)]) -> Receipt {
    let mut rows: Vec<Row<'_>> = head.iter().map(|line| vec![(0.0, *line)]).collect();
    rows.extend(sums.iter().map(|(label, amount)| {
        let left = 9.5 - 0.15 * amount.chars().count() as f32;
        vec![(0.0, *label), (left, *amount)]
    }));
    fields(vec![page(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())], &Hints::default())
}

fn total(receipt: &Receipt) -> String {
    receipt.total.as_ref().map(|total| total.value.to_string()).unwrap_or_default()
}

fn items(receipt: &Receipt) -> Vec<String> {
    receipt.items.iter().map(|item| item.amount.value.to_string()).collect()
}

const SHOP: [&str; 3] = ["GREY HERON LLC", "415 Main Street, Springfield, IL 62704", "04/21/2024 15:02"];

#[test]
fn a_refund_keeps_its_sign_however_it_is_printed() {
    let coats: [fn(&str) -> String; 6] = [
        |amount| format!("-{amount}"),
        |amount| format!("-${amount}"),
        |amount| format!("$-{amount}"),
        |amount| format!("{amount}-"),
        |amount| format!("({amount})"),
        |amount| format!("{amount} CR"),
    ];
    for coat in coats {
        let printed = ["12.99", "25.00", "37.99", "3.13", "41.12"].map(coat);
        let labels = ["Cable", "Mouse", "Subtotal", "Sales Tax", "Total"];
        let rows: Vec<(&str, &str)> = labels.into_iter().zip(printed.iter().map(String::as_str)).collect();
        let receipt = read(&[&SHOP[..], &["RETURN RECEIPT"]].concat(), &rows);
        assert_eq!(total(&receipt), "-41.12", "{printed:?}");
        assert_eq!(receipt.subtotal.as_ref().unwrap().value.to_string(), "-37.99", "{printed:?}");
        assert_eq!(items(&receipt), ["-12.99", "-25.00"], "{printed:?}");
        assert!(receipt.refund);
        assert_eq!(receipt.quality.adds_up, Some(true), "{:?}", receipt.quality.checks);
        // Without a word for it the signs say so.
        let receipt = read(&SHOP, &rows);
        assert_eq!((total(&receipt).as_str(), receipt.refund), ("-41.12", true), "{printed:?}");
    }
}

#[test]
fn a_credit_note_without_signs_is_marked_and_one_whose_total_alone_has_one_adds_up() {
    let mut sums =
        [("Cable", "12.99"), ("Mouse", "25.00"), ("Subtotal", "37.99"), ("Tax", "3.13"), ("Total Credit", "41.12")];
    let receipt = read(&[&SHOP[..], &["CREDIT NOTE"]].concat(), &sums);
    assert_eq!((total(&receipt).as_str(), receipt.refund), ("41.12", true));
    sums[4] = ("Amount refunded", "-$41.12");
    let receipt = read(&SHOP, &sums);
    assert_eq!((total(&receipt).as_str(), receipt.refund), ("-41.12", true));
    assert_eq!(receipt.quality.adds_up, Some(true), "{:?}", receipt.quality.checks);
}

#[test]
fn what_a_shop_says_of_returns_makes_no_refund() {
    let sums = [("Cable", "12.99"), ("Mouse", "25.00"), ("Discount", "-1.00"), ("Total", "36.99"), ("VISA", "36.99")];
    let mut rows: Vec<Row<'_>> = SHOP.iter().map(|line| vec![(0.0, *line)]).collect();
    rows.extend(sums.iter().map(|(label, amount)| vec![(0.0, *label), (8.0, *amount)]));
    for line in ["NO REFUND", "Returns within 30 days", "REFUND."] {
        rows.push(vec![(0.0, line)]);
    }
    let receipt = fields(vec![page(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())], &Hints::default());
    assert_eq!((total(&receipt).as_str(), receipt.refund), ("36.99", false));
    assert_eq!(receipt.discounts[0].value.to_string(), "1.00");
    assert_eq!(receipt.quality.adds_up, Some(true), "{:?}", receipt.quality.checks);
}

#[test]
fn thousands_are_read_whatever_parts_them() {
    for (drill, saw, all) in [
        ("R 2 499.00", "R 1 299.00", "R 3 798.00"),
        ("2 499.00", "1 299.00", "3 798.00"),
        ("2 499,00", "1 299,00", "3 798,00"),
        ("2\u{a0}499,00", "1\u{a0}299,00", "3\u{a0}798,00"),
        ("2\u{202f}499,00", "1\u{202f}299,00", "3\u{202f}798,00"),
        ("2'499.00", "1'299.00", "3'798.00"),
        ("2’499.00", "1’299.00", "3’798.00"),
        ("2.499,00", "1.299,00", "3.798,00"),
        ("2,499.00", "1,299.00", "3,798.00"),
        ("2, 499.00", "1, 299.00", "3, 798.00"),
        ("Rp 2.499", "Rp 1.299", "Rp 3.798"),
        ("2.499", "1.299", "3.798"),
        ("¥2,499", "¥1,299", "¥3,798"),
        ("2 499 kr", "1 299 kr", "3 798 kr"),
    ] {
        let receipt =
            read(&["CAPE HARDWARE", "12 Long Street", "2024-03-05"], &[("Drill", drill), ("Saw", saw), ("Total", all)]);
        assert_eq!(
            (total(&receipt).as_str(), items(&receipt)),
            ("3798.00", vec!["2499.00".into(), "1299.00".into()]),
            "{all}"
        );
        assert_eq!(receipt.quality.adds_up, Some(true), "{all}: {:?}", receipt.quality.checks);
    }
    let indian = read(
        &["SHREE TRADERS", "Date 05/03/2024"],
        &[
            ("Laptop", "1,05,000.00"),
            ("Mouse", "1,000.00"),
            ("Subtotal", "1,06,000.00"),
            ("CGST 9%", "9,540.00"),
            ("SGST 9%", "9,540.00"),
            ("Grand Total", "1,25,080.00"),
        ],
    );
    assert_eq!(total(&indian), "125080.00");
    let taxes: Vec<_> = indian.taxes.iter().map(|tax| (tax.name.as_str(), tax.amount.value.to_string())).collect();
    assert_eq!(taxes, [("CGST", "9540.00".to_owned()), ("SGST", "9540.00".to_owned())]);
    assert_eq!(indian.quality.adds_up, Some(true), "{:?}", indian.quality.checks);
}

#[test]
fn thousands_read_as_a_line_of_their_own_belong_to_the_amount() {
    let row = |label, thousands, rest| vec![(0.0, label), (7.6, thousands), (7.85, rest)];
    let rows: Vec<Row<'_>> = vec![
        vec![(0.0, "CAPE HARDWARE")],
        row("Drill", "R 2", "499.00"),
        row("Saw", "R 1", "299.00"),
        row("Total", "R 3", "798.00"),
    ];
    let rows: Vec<Row<'_>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(|(at, text)| (if text.starts_with("R ") { 7.3 } else { at }, text)).collect())
        .collect();
    let receipt = fields(vec![page(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())], &Hints::default());
    assert_eq!((total(&receipt).as_str(), items(&receipt)), ("3798.00", vec!["2499.00".into(), "1299.00".into()]));
}

#[test]
fn counts_before_prices_are_no_thousands() {
    // The counts stand in a column of their own, named or told by the products.
    let rows: Vec<Row<'_>> = vec![
        vec![(0.0, "PAPER CRANE TRADING")],
        vec![(0.0, "Item"), (5.0, "Qty"), (8.0, "Amount")],
        vec![(0.0, "Chair"), (7.0, "2 300.00")],
        vec![(0.0, "Desk"), (7.0, "1 450.00")],
        vec![(0.0, "Total"), (7.0, "750.00")],
        vec![(0.0, "Cash"), (7.0, "750.00")],
    ];
    let receipt = fields(vec![page(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())], &Hints::default());
    assert_eq!((total(&receipt).as_str(), receipt.quality.adds_up), ("750.00", Some(true)));
    assert_eq!(items(&receipt), ["300.00", "450.00"]);
    let receipt = read(
        &["PAPER CRANE TRADING"],
        &[("Chair", "2 150.00 300.00"), ("Desk", "1 450.00 450.00"), ("Total", "750.00")],
    );
    assert_eq!((total(&receipt).as_str(), receipt.quality.adds_up), ("750.00", Some(true)));
    assert_eq!(receipt.items[0].unit_price.as_ref().unwrap().value.to_string(), "150.00");
}

#[test]
fn sums_that_may_have_lost_their_thousands_are_no_witness() {
    // A count beside the total, or its thousands: either may be meant.
    let rows: Vec<Row<'_>> = vec![
        vec![(0.0, "PAPER CRANE TRADING")],
        vec![(0.0, "Item"), (5.0, "Qty"), (8.0, "Amount")],
        vec![(0.0, "Chair"), (7.0, "2 499.00")],
        vec![(0.0, "Desk"), (7.0, "1 299.00")],
        vec![(0.0, "Total"), (7.0, "3 798.00")],
    ];
    let receipt = fields(vec![page(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())], &Hints::default());
    assert_ne!((total(&receipt).as_str(), receipt.quality.adds_up), ("798.00", Some(true)));
    // A sign that no rule knows.
    let receipt = read(&["CAPE HARDWARE"], &[("Drill", "2_499.00"), ("Saw", "1_299.00"), ("Total", "3_798.00")]);
    assert_eq!(receipt.quality.adds_up, Some(false), "{:?}", receipt.quality.checks);
    assert!(receipt.quality.warnings.iter().any(|warning| warning.contains("thousands")));
}

#[test]
fn charges_and_reductions_are_fields_of_their_own() {
    let receipt = read(
        &SHOP,
        &[
            ("Jacket", "$80.00"),
            ("10% OFF", "-$8.00"),
            ("Scarf", "$20.00"),
            ("Subtotal", "$92.00"),
            ("Service 10%", "$9.20"),
            ("Tax 8%", "$8.10"),
            ("Total", "$109.30"),
        ],
    );
    assert_eq!(receipt.discounts[0].value.to_string(), "8.00");
    assert_eq!(receipt.service_charge.as_ref().unwrap().value.to_string(), "9.20");
    assert_eq!(receipt.taxes[0].amount.value.to_string(), "8.10");
    assert_eq!((items(&receipt), total(&receipt).as_str()), (vec!["80.00".into(), "20.00".into()], "109.30"));
    assert_eq!(receipt.quality.adds_up, Some(true), "{:?}", receipt.quality.checks);
}

#[test]
fn the_head_does_not_run_into_the_first_article() {
    let receipt = read(
        &[
            "GREY HERON BISTRO LLC",
            "415 Main Street, Springfield, IL 62704",
            "Server: Ann  Table 12",
            "MAR05'24  7:14PM",
        ],
        &[
            ("1 Burger", "$12.50"),
            ("2 Iced Tea", "$6.00"),
            ("1 Salad", "$9.50"),
            ("Subtotal", "$28.00"),
            ("Total", "$28.00"),
        ],
    );
    assert_eq!(receipt.date.as_ref().unwrap().value, "2024-03-05");
    assert_eq!(receipt.time.as_ref().unwrap().value, "19:14");
    let names: Vec<_> = receipt.items.iter().map(|item| item.description.as_ref().unwrap().value.as_str()).collect();
    assert_eq!(names, ["Burger", "Iced Tea", "Salad"]);
}
