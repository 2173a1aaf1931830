//! `overlay.png`: the first page with a box and a name for each field.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage, imageops};
use medley_step::StepError;
use medley_vision::text::{Point, Quad};

use crate::{document::Receipt, letters};

/// Larger pictures are reduced to this side: an overlay is to be looked at.
const MOST_SIDE_PX: u32 = 2000;
const TEXT: Rgb<u8> = Rgb([170, 170, 170]);
const HEAD: Rgb<u8> = Rgb([0, 90, 200]);
const ITEMS: Rgb<u8> = Rgb([0, 140, 60]);
const SUMS: Rgb<u8> = Rgb([210, 30, 30]);

pub(crate) fn png(picture: RgbImage, receipt: &Receipt) -> Result<Vec<u8>, StepError> {
    let shrink = (MOST_SIDE_PX as f32 / picture.width().max(picture.height()) as f32).min(1.0);
    let mut canvas = if shrink < 1.0 {
        let side = |side: u32| ((side as f32 * shrink) as u32).max(1);
        imageops::thumbnail(&picture, side(picture.width()), side(picture.height()))
    } else {
        picture
    };
    for line in receipt.lines.iter().filter(|line| line.page == 0) {
        outline(&mut canvas, &scaled(&line.polygon, shrink), TEXT, 0);
    }
    for (name, color, polygon) in boxes(receipt) {
        let quad = scaled(&polygon, shrink);
        outline(&mut canvas, &quad, color, 1);
        let scale = (canvas.width() / 700 + 1).min(3);
        let [left, top, ..] = quad.bounds();
        let y = (top as i64 - i64::from(letters::HEIGHT * scale) - 2).max(0);
        letters::write(&mut canvas, &name, (left as i64, y), scale, color);
    }
    let mut bytes = Vec::new();
    canvas
        .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
        .map_err(|error| StepError::internal("the overlay could not be written").because(error))?;
    Ok(bytes)
}

fn scaled(quad: &Quad, by: f32) -> Quad {
    Quad(quad.0.map(|p| Point { x: p.x * by, y: p.y * by }))
}

/// The fields of the first page with their names.
fn boxes(receipt: &Receipt) -> Vec<(String, Rgb<u8>, Quad)> {
    let mut boxes = Vec::new();
    let mut add = |name: &str, color, polygon: Option<Quad>, page: usize| {
        if let Some(polygon) = polygon.filter(|_| page == 0) {
            boxes.push((name.to_owned(), color, polygon));
        }
    };
    let merchant = &receipt.merchant;
    let texts = [
        ("name", &merchant.name),
        ("address", &merchant.address),
        ("phone", &merchant.phone),
        ("tax id", &merchant.tax_id),
        ("number", &receipt.number),
        ("date", &receipt.date),
        ("time", &receipt.time),
    ];
    for (name, field) in texts {
        if let Some(field) = field {
            add(name, HEAD, field.polygon, field.page);
        }
    }
    for item in &receipt.items {
        for (name, field) in [("quantity", &item.quantity), ("unit price", &item.unit_price)] {
            if let Some(field) = field {
                add(name, ITEMS, field.polygon, field.page);
            }
        }
        if let Some(field) = &item.description {
            add("item", ITEMS, field.polygon, field.page);
        }
        add("amount", ITEMS, item.amount.polygon, item.amount.page);
    }
    let sums = [
        ("subtotal", &receipt.subtotal),
        ("service", &receipt.service_charge),
        ("rounding", &receipt.rounding),
        ("tip", &receipt.tip),
        ("total", &receipt.total),
        ("tendered", &receipt.payment.tendered),
        ("change", &receipt.payment.change),
    ];
    for (name, field) in sums {
        if let Some(field) = field {
            add(name, SUMS, field.polygon, field.page);
        }
    }
    for discount in &receipt.discounts {
        add("discount", SUMS, discount.polygon, discount.page);
    }
    for tax in &receipt.taxes {
        add("tax", SUMS, tax.amount.polygon, tax.amount.page);
    }
    boxes
}

/// Draws the sides of a quadrilateral, `wide` pixels to each side of a one-pixel line.
fn outline(canvas: &mut RgbImage, quad: &Quad, color: Rgb<u8>, wide: i64) {
    for i in 0..4 {
        let (a, b) = (quad.0[i], quad.0[(i + 1) % 4]);
        let steps = a.distance(b).ceil().max(1.0) as u32;
        for step in 0..=steps {
            let p = a.towards(b, step as f32 / steps as f32);
            for dy in -wide..=wide {
                for dx in -wide..=wide {
                    put(canvas, p.x.round() as i64 + dx, p.y.round() as i64 + dy, color);
                }
            }
        }
    }
}

fn put(canvas: &mut RgbImage, x: i64, y: i64, color: Rgb<u8>) {
    if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
        && let Some(pixel) = canvas.get_pixel_mut_checked(x, y)
    {
        *pixel = color;
    }
}
