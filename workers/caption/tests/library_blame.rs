//! Whatever happens to one image of a library is that image's row: also when it takes the compute process with it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod library_support;

use std::fs;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use library_support::{BARE, draw, drawn, rows, run};
use medley_tests::binary::Medley;
use serde_json::Value;

/// What a compute process may hold here: enough for small images, not for `large`.
const CONFIG: &str = "[limits]\nchild_memory_mib = 220\n";

/// Decoded it takes 270 MB and more while it is turned into what is looked at.
fn large() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::new(9_500, 9_500)).write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

#[test]
fn an_image_that_takes_the_process_with_it_is_a_row() {
    let medley = Medley::default();
    fs::write(medley.path("medley.toml"), CONFIG).unwrap();
    let photos = medley.path("photos");
    drawn(&photos, 150);
    let large = large();
    // Two in one batch and one in another.
    for name in ["00003b.png", "00007b.png", "00100b.png"] {
        fs::write(photos.join(name), &large).unwrap();
    }
    let manifest = run(&medley, &[&["photos", "--slots", "2"], BARE].concat());
    assert_eq!(manifest["quality"]["images"], 153);
    assert_eq!(manifest["quality"]["unreadable"], 3, "{manifest}");

    let rows = rows(&medley.path("dataset"));
    assert_eq!(rows.len(), 153);
    let (bad, good): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| !row["error"].is_null());
    assert!(good.iter().all(|row| row["width"] == 96 && !row["phash"].is_null()));
    assert_eq!(good.len(), 150);
    let names: Vec<_> = bad.iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert_eq!(names, ["00003b.png", "00007b.png", "00100b.png"]);
    for row in bad {
        assert_eq!(row["error"]["code"], "memory_exceeded", "{row}");
        assert!(row["error"]["message"].as_str().unwrap().contains("child_memory_mib"), "{row}");
        assert_eq!(row["dropped"], "unreadable");
    }
    // The rows of the good ones are those of a library without the bad ones.
    let path = |row: &Value| row["path"].as_str().unwrap().to_owned();
    let hashes: Vec<_> = good.iter().map(|row| (path(row), row["phash"].clone())).collect();
    for name in ["00003b.png", "00007b.png", "00100b.png"] {
        fs::remove_file(photos.join(name)).unwrap();
    }
    fs::remove_dir_all(medley.path("dataset")).unwrap();
    run(&medley, &[&["photos"], BARE].concat());
    let without = library_support::rows(&medley.path("dataset"));
    assert_eq!(without.iter().map(|row| (path(row), row["phash"].clone())).collect::<Vec<_>>(), hashes);
}

#[test]
fn thin_pictures_are_rows_and_take_no_memory() {
    let medley = Medley::default();
    // Half of what one of them used to take.
    fs::write(medley.path("medley.toml"), "[limits]\nchild_memory_mib = 2048\n").unwrap();
    let photos = medley.path("photos");
    drawn(&photos, 3);
    let write = |name: &str, width: u32, height: u32, format: ImageFormat| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        DynamicImage::from(GrayImage::new(width, height)).into_rgb8().write_to(&mut bytes, format).unwrap();
        fs::write(photos.join(name), bytes.into_inner()).unwrap();
    };
    write("endless.png", 1_000_000, 1, ImageFormat::Png);
    write("deep.tif", 1, 1_000_000, ImageFormat::Tiff);
    write("long.png", 65_500, 3, ImageFormat::Png);
    write("long.jpg", 65_500, 3, ImageFormat::Jpeg);
    write("long.gif", 2, 50_000, ImageFormat::Gif);
    write("long.webp", 16_000, 1, ImageFormat::WebP);
    write("dot.png", 1, 1, ImageFormat::Png);
    run(&medley, &["photos"]);
    let rows = rows(&medley.path("dataset"));
    assert_eq!(rows.len(), 10);
    for row in &rows {
        let too_large = ["endless.png", "deep.tif"].contains(&row["path"].as_str().unwrap());
        let code = row["error"]["code"].as_str();
        assert_eq!(code, too_large.then_some("media_too_large"), "{row}");
    }
    for name in ["long.png", "long.gif", "endless.png"] {
        let ended = medley.call(&["run", "caption", &format!("photos/{name}"), "-q", "-o", "out"]);
        assert_eq!(ended.code, Some(i32::from(name == "endless.png")), "{name}: {}", ended.err);
        assert!(ended.code == Some(0) || ended.err.contains("error[media_too_large]"), "{name}: {}", ended.err);
    }
}

#[test]
fn colours_tell_images_apart_that_hashes_do_not() {
    let medley = Medley::default();
    let photos = medley.path("photos");
    fs::create_dir_all(&photos).unwrap();
    // Mugs alike in light and shade, of two colours; and one of them smaller, and encoded again.
    let mug = |colour: [u8; 3]| {
        RgbImage::from_fn(480, 360, |x, y| {
            let inside = (160..300).contains(&x) && (110..260).contains(&y);
            image::Rgb(if inside { colour } else { [210 - (y / 4) as u8, 205 - (x / 9) as u8, 190 - (y / 7) as u8] })
        })
    };
    let save = |image: &RgbImage, name: &str| image.save(photos.join(name)).unwrap();
    let (red, green) = (mug([190, 50, 50]), mug([60, 120, 40]));
    save(&red, "red.png");
    save(&green, "green.png");
    save(&image::imageops::thumbnail(&red, 240, 180), "red-small.jpg");
    fs::write(photos.join("other.jpg"), draw(7)).unwrap();
    run(&medley, &[&["photos", "--drop-duplicates", "--write", "coco"], BARE].concat());
    let rows = rows(&medley.path("dataset"));
    let of = |name: &str| rows.iter().find(|row| row["path"] == name).unwrap();
    let bits = |name: &str| u64::from_str_radix(of(name)["phash"].as_str().unwrap(), 16).unwrap();
    assert!((bits("red.png") ^ bits("green.png")).count_ones() <= 5, "the hash sees no colour");
    assert_eq!(of("green.png")["group"], Value::Null);
    assert!(of("green.png")["dropped"].is_null() && of("red.png")["dropped"].is_null());
    assert_eq!(of("red-small.jpg")["dropped"], "duplicate");
    assert_eq!(of("red-small.jpg")["group"], of("red.png")["group"]);
}
