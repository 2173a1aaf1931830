//! `overlay.png`: the first page with a box and a name for each field.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage, imageops};
use medley_vision::text::{Point, Quad};

use super::font;
use crate::{document::Receipt, error::ReceiptError};

/// The longest side of an overlay. It is for people, so larger pictures are reduced.
const MAX_SIDE_PX: u32 = 2000;
const TEXT: Rgb<u8> = Rgb([170, 170, 170]);
const HEADER: Rgb<u8> = Rgb([0, 90, 200]);
const ITEMS: Rgb<u8> = Rgb([0, 140, 60]);
const SUMS: Rgb<u8> = Rgb([210, 30, 30]);

pub(crate) fn png(picture: RgbImage, receipt: &Receipt) -> Result<Vec<u8>, ReceiptError> {
    let shrink = (MAX_SIDE_PX as f32 / picture.width().max(picture.height()) as f32).min(1.0);
    let mut canvas = if shrink < 1.0 {
        let side = |side: u32| ((side as f32 * shrink) as u32).max(1);
        imageops::thumbnail(&picture, side(picture.width()), side(picture.height()))
    } else {
        picture
    };
    for line in receipt.lines.iter().filter(|line| line.page == 0) {
        outline(&mut canvas, &scaled(&line.polygon, shrink), TEXT, 0);
    }
    let scale = (canvas.width() / 700 + 1).min(3);
    let boxes = boxes(receipt);
    let lines = receipt.lines.iter().filter(|line| line.page == 0);
    let mut taken: Vec<[f32; 4]> = lines.map(|line| scaled(&line.polygon, shrink).bounds()).collect();
    for (_, color, polygon) in &boxes {
        outline(&mut canvas, &scaled(polygon, shrink), *color, 1);
    }
    for (name, color, polygon) in boxes {
        let size = font::size(&name, scale);
        let label = free_place(scaled(&polygon, shrink).bounds(), size, canvas.dimensions(), &taken);
        font::write(&mut canvas, &name, (label[0] as i64, label[1] as i64), scale, color);
        taken.push(label);
    }
    let mut bytes = Vec::new();
    canvas.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).map_err(ReceiptError::Overlay)?;
    Ok(bytes)
}

/// The place where a name covers the least of lines and other names: beside its box, else above or below it.
fn free_place(
    [left, top, right, bottom]: [f32; 4],
    size: (f32, f32),
    canvas: (u32, u32),
    taken: &[[f32; 4]],
) -> [f32; 4] {
    let (width, height) = size;
    let middle = (top + bottom - height) / 2.0;
    let places = [
        (right + GAP_PX, middle),
        (left - width - GAP_PX, middle),
        (left, top - height - GAP_PX),
        (right - width, top - height - GAP_PX),
        (left, bottom + GAP_PX),
        (right - width, bottom + GAP_PX),
        (canvas.0 as f32 - width, middle),
        (0.0, middle),
    ];
    let inside = |(x, y): (f32, f32)| {
        let x = x.min(canvas.0 as f32 - width).max(0.0);
        let y = y.min(canvas.1 as f32 - height).max(0.0);
        [x, y, x + width, y + height]
    };
    let covered = |place: &[f32; 4]| taken.iter().map(|other| shared_area(place, other)).sum::<f32>();
    let places = places.map(inside);
    places.into_iter().min_by(|a, b| covered(a).total_cmp(&covered(b))).unwrap_or([left, top, right, bottom])
}

/// The gap between a box and its name.
const GAP_PX: f32 = 3.0;

fn shared_area(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    (a[2].min(b[2]) - a[0].max(b[0])).max(0.0) * (a[3].min(b[3]) - a[1].max(b[1])).max(0.0)
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
            add(name, HEADER, field.polygon, field.page);
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

/// Draws the sides of a quadrilateral as one-pixel lines, widened by `wide` pixels on each side.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_where_nothing_is_printed() {
        // A value at the right edge with others close above and below: the name goes to its left.
        let line = |top: f32| [500.0, top, 590.0, top + 20.0];
        let taken = [line(100.0), line(122.0), line(144.0)];
        let place = free_place(line(122.0), (60.0, 14.0), (600, 800), &taken);
        assert_eq!(place, [437.0, 125.0, 497.0, 139.0]);
        // With words there too it goes to the end of the row that is free.
        let crowded = [taken.to_vec(), vec![[200.0, 122.0, 495.0, 142.0]]].concat();
        let place = free_place(line(122.0), (60.0, 14.0), (600, 800), &crowded);
        assert!(crowded.iter().all(|other| shared_area(&place, other) == 0.0), "{place:?}");
    }
}
