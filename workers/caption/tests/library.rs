//! Libraries through the real binary: real photographs, bad ones, archives and lists, a second run, a kill.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod library_support;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::{ffi::OsStringExt, fs::symlink, process::ExitStatusExt},
    path::Path,
    process::Stdio,
};

use library_support::{BARE, draw, drawn, rows, run};
use medley_tests::binary::{Medley, sample};
use serde_json::Value;

/// Real photographs of a pinned package.
fn photos(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for name in ["astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "coins.png", "page.png"] {
        fs::copy(sample("sample-pictures", name), folder.join(name)).unwrap();
    }
}

fn by_path(rows: &[Value]) -> BTreeMap<&str, &Value> {
    rows.iter().map(|row| (row["path"].as_str().unwrap_or_default(), row)).collect()
}

#[test]
fn a_folder_of_photographs_becomes_a_data_set() {
    let medley = Medley::default();
    photos(&medley.path("photos"));
    // The same picture, smaller and encoded again, and a copy.
    let coffee = image::open(medley.path("photos/coffee.png")).unwrap();
    coffee.thumbnail(300, 300).into_rgb8().save(medley.path("photos/coffee-small.jpg")).unwrap();
    fs::copy(medley.path("photos/chelsea.png"), medley.path("photos/copy of chelsea.png")).unwrap();
    run(&medley, &["photos", "--contact-sheet", "100"]);

    let rows = rows(&medley.path("dataset"));
    let of = by_path(&rows);
    assert_eq!(rows.len(), of.len());
    let astronaut = of["astronaut.png"];
    assert!(astronaut["faces"].as_u64() >= Some(1) && astronaut["people"].as_u64() >= Some(1), "{astronaut}");
    assert!(!astronaut["caption"].as_str().unwrap().is_empty());
    assert!(of["page.png"]["text"].as_array().unwrap().len() > 3, "{}", of["page.png"]);
    assert_eq!(of["coffee-small.jpg"]["group"], of["coffee.png"]["group"]);
    let best = rows.iter().position(|row| row["path"] == "coffee.png").unwrap();
    assert_eq!(of["coffee.png"]["group"], best, "the best of a group is the one with most pixels");
    assert_eq!(of["chelsea.png"]["group"], of["copy of chelsea.png"]["group"]);
    assert!(of["astronaut.png"]["group"].is_null());

    let sheet = fs::read_to_string(medley.path("dataset/contact-sheet.html")).unwrap();
    assert!(sheet.contains("\"path\":\"astronaut.png\"") && sheet.contains("\"thumbnail\":\"/9j/"));

    let found = |args: &[&str]| {
        let ended = medley.call(&[&["search", "dataset", "--json", "--most", "3"], args].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let hits: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (hits.iter().map(|hit| hit["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), ended.err)
    };
    assert_eq!(found(&["--like", &best.to_string()]).0[0], "coffee-small.jpg");
    let (similar, note) = found(&["--image", "photos/chelsea.png"]);
    assert!(similar[..2].contains(&"chelsea.png".to_owned()), "{similar:?}");
    assert!(note.is_empty(), "{note}");
    assert_eq!(found(&["astronaut"]).0[0], "astronaut.png");
    // No row has these words.
    let (kitten, note) = found(&["a", "kitten's", "whiskers"]);
    assert!(kitten[0].contains("chelsea.png") && note.is_empty(), "{kitten:?} {note}");
    let text = of["page.png"]["text"][0].as_str().unwrap();
    assert_eq!(found(&["--text", text]).0[0], "page.png");
    assert!(found(&["--text", "no such words anywhere"]).0.is_empty());
}

/// Archives are packed behind the step that counts.
#[test]
fn the_quality_of_a_data_set_is_told_with_training_archives_and_without() {
    let medley = Medley::default();
    drawn(&medley.path("photos"), 3);
    fs::write(medley.path("photos/bad.jpg"), b"this is a text and no picture").unwrap();
    fs::write(medley.path("photos/notes.txt"), b"passed over").unwrap();
    let of = |write: &str| {
        let manifest = run(&medley, &[&["photos", "--write", write, "--fresh"], BARE].concat());
        (manifest["quality"].clone(), manifest["artifacts"].to_string())
    };
    let (with, artifacts) = of("webdataset,coco");
    let (without, _) = of("coco");
    assert_eq!(with, without);
    assert_eq!((&with["images"], &with["unreadable"], &with["files_passed_over"]), (&4.into(), &1.into(), &1.into()));
    assert!(artifacts.contains("train-000000.tar") && !artifacts.contains("quality"), "{artifacts}");
}

#[test]
fn a_bad_image_is_a_row_and_not_a_failed_job() {
    let medley = Medley::default();
    let at = |name: &str| medley.path("photos").join(name);
    fs::create_dir_all(at("sub/empty")).unwrap();
    let jpeg = draw(1);
    let png_of = |width: u32, height: u32| {
        // A header that promises more pixels than there is data: what decompression bombs do.
        let header = [b"IHDR", &width.to_be_bytes()[..], &height.to_be_bytes(), b"\x08\x02\0\0\0"].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&header);
        [b"\x89PNG\r\n\x1a\n\0\0\0\r", &header[..], &crc.sum().to_be_bytes(), b"\0\0\0\0IDAT"].concat()
    };
    let long = format!("{}.jpg", "长".repeat(80));
    let odd = "sub/ü \u{1f600} 'quoted' \"<b>\" #1%41.jpg";
    for (name, bytes) in [
        ("good.jpg", jpeg.as_slice()),
        ("cut.jpg", &jpeg[..jpeg.len() / 3]),
        ("empty.png", b""),
        ("text.jpg", b"this is a text and no picture"),
        ("bomb.png", &png_of(200_000, 200_000)),
        ("film.heic", b"\0\0\0\x18ftypheic"),
        ("notes.txt", b"passed over"),
        ("._good.jpg", b"what macOS leaves"),
        (long.as_str(), &jpeg),
        (odd, &jpeg),
    ] {
        fs::write(at(name), bytes).unwrap();
    }
    fs::write(at("").join(std::ffi::OsString::from_vec(b"latin\xe9.jpg".to_vec())), &jpeg).unwrap();
    fs::write(medley.path("outside.jpg"), &jpeg).unwrap();
    symlink(medley.path("outside.jpg"), at("escapes.jpg")).unwrap();
    symlink(at("good.jpg"), at("link.jpg")).unwrap();
    symlink(at("gone"), at("dangling.jpg")).unwrap();
    symlink(at(""), at("sub/loop")).unwrap();
    run(&medley, &[&["photos", "--write", "coco,kohya"], BARE].concat());

    let rows = rows(&medley.path("dataset"));
    let of = by_path(&rows);
    let code = |name: &str| of[name]["error"]["code"].as_str().map(str::to_owned);
    for name in ["good.jpg", "link.jpg", odd, long.as_str(), "latin\u{fffd}.jpg"] {
        assert_eq!(code(name), None, "{}", of[name]);
        assert_eq!(of[name]["width"], 96);
    }
    for (name, expected) in [
        ("empty.png", "media_empty"),
        ("text.jpg", "media_unsupported"),
        ("bomb.png", "media_too_large"),
        ("film.heic", "media_unsupported"),
        ("escapes.jpg", "input_forbidden"),
        ("dangling.jpg", "input_not_found"),
    ] {
        assert_eq!(code(name).as_deref(), Some(expected), "{}", of[name]);
        assert_eq!(of[name]["dropped"], "unreadable");
    }
    assert!(of.contains_key("cut.jpg"));
    assert_eq!(rows.len(), 12, "{:?}", of.keys());
    let manifest: Value = serde_json::from_slice(&fs::read(medley.path("dataset/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["quality"]["files_passed_over"], 2);
    assert_eq!(manifest["quality"]["images"], 12);
    let coco = fs::read_to_string(medley.path("dataset/captions_coco.json")).unwrap();
    assert!(!coco.contains("escapes.jpg") && coco.contains("good.jpg"));
}

#[test]
fn what_is_no_library_says_what_to_give() {
    let medley = Medley::default();
    fs::create_dir(medley.path("empty")).unwrap();
    fs::write(medley.path("photo.jpg"), draw(1)).unwrap();
    fs::write(medley.path("photos.tar.gz"), b"\x1f\x8b\x08\0").unwrap();
    fs::write(medley.path("broken.zip"), b"PK\x03\x04broken").unwrap();
    for (input, code, says) in [
        ("empty", "media_empty", "no images in it"),
        ("photo.jpg", "media_unsupported", "medley run caption"),
        ("photos.tar.gz", "media_unsupported", "unpack it"),
        ("broken.zip", "media_undecodable", "pack it again"),
        ("nowhere", "input_not_found", "check the path"),
    ] {
        let ended = medley.call(&[&["run", "library", input, "-q", "-o", "dataset"], BARE].concat());
        assert_eq!(ended.code, Some(1), "{input}: {}", ended.err);
        assert!(ended.err.contains(&format!("error[{code}]")) && ended.err.contains(says), "{input}: {}", ended.err);
    }
    let ended = medley.call(&["run", "transcribe", "empty", "-q"]);
    assert!(ended.err.contains("input_not_a_file"), "other kinds still take no folders: {}", ended.err);
    let ended = medley.call(&["search", "empty", "cat"]);
    assert!(ended.code == Some(1) && ended.err.contains("medley run library"), "{}", ended.err);
}

#[test]
fn archives_and_lists_give_what_their_folder_gives() {
    let medley = Medley::default();
    let folder = medley.path("photos");
    drawn(&folder, 40);
    fs::create_dir(folder.join("sub")).unwrap();
    fs::rename(folder.join("00007.jpg"), folder.join("sub/00007.jpg")).unwrap();
    let names: Vec<String> =
        (0..40).map(|n| if n == 7 { "sub/00007.jpg".into() } else { format!("{n:05}.jpg") }).collect();

    let mut archive = tar::Builder::new(fs::File::create(medley.path("photos.tar")).unwrap());
    let mut zipped = zip::ZipWriter::new(fs::File::create(medley.path("photos.zip")).unwrap());
    for name in &names {
        archive.append_path_with_name(folder.join(name), name).unwrap();
        zipped.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zipped.write_all(&fs::read(folder.join(name)).unwrap()).unwrap();
    }
    archive.finish().unwrap();
    zipped.finish().unwrap();
    let lines: Vec<String> = names.iter().map(|name| format!("{{\"path\": \"{name}\"}}")).collect();
    fs::write(medley.path("list.jsonl"), lines.join("\n")).unwrap();
    let below: Vec<String> = names.iter().map(|name| format!("photos/{name}\r\n")).collect();
    fs::write(medley.path("list.txt"), below.concat() + "../outside.jpg\nphotos/none.jpg\n").unwrap();

    let seen = |input: &[&str]| {
        run(&medley, &[input, BARE].concat());
        let rows = rows(&medley.path("dataset"));
        let good = rows.into_iter().filter(|row| row["error"].is_null());
        let mut good: Vec<_> =
            good.map(|row| (row["sha256"].to_string(), row["phash"].to_string(), row["caption"].to_string())).collect();
        good.sort();
        good
    };
    let expected = seen(&["photos"]);
    assert_eq!(expected.len(), 40);
    assert_eq!(seen(&["photos.tar"]), expected);
    assert_eq!(seen(&["photos.zip"]), expected);
    assert_eq!(seen(&["photos", "list.jsonl"]), expected);
    assert_eq!(seen(&["list.txt"]), expected);
    let rows = rows(&medley.path("dataset"));
    let errors: Vec<&Value> = rows.iter().map(|row| &row["error"]["code"]).filter(|code| !code.is_null()).collect();
    assert_eq!(errors, ["input_not_found", "input_not_found"], "what is not there, inside or outside, is a row");
}

#[test]
fn a_second_run_looks_only_at_what_changed() {
    let medley = Medley::default();
    let folder = medley.path("photos");
    drawn(&folder, 2_000);
    let first = run(&medley, &[&["photos"], BARE].concat());
    let all = rows(&medley.path("dataset"));
    let cached = || count(&medley.path("dataset/.medley/store"), "cache%");
    let shares = cached();
    assert!(shares >= 8, "{shares}");
    let again = run(&medley, &[&["photos"], BARE].concat());
    assert_eq!(again["job"], first["job"], "nothing changed: the same job, done at once");

    fs::write(folder.join("00100b.jpg"), draw(9_000)).unwrap();
    fs::remove_file(folder.join("00200.jpg")).unwrap();
    run(&medley, &[&["photos"], BARE].concat());
    let looked_at = cached() - shares;
    assert!((1..=5).contains(&looked_at), "{looked_at} of {shares} shares were looked at again");
    let rows = rows(&medley.path("dataset"));
    assert_eq!(rows.len(), 2_000);
    let of = by_path(&rows);
    assert!(of.contains_key("00100b.jpg") && !of.contains_key("00200.jpg"));
    for row in all.iter().filter(|row| row["path"] != "00200.jpg") {
        let path = row["path"].as_str().unwrap();
        assert_eq!(of[path]["phash"], row["phash"], "{path}");
    }
}

#[test]
fn a_kill_in_the_middle_loses_nothing() {
    let medley = Medley::default();
    drawn(&medley.path("photos"), 1_500);
    let args = [&["run", "library", "photos", "-q", "-o", "dataset"], BARE].concat();
    // Killed as soon as a few shares have their results, and long before the last.
    let mut killed = medley.command(&args);
    killed.env("MEDLEY_TEST_BREAKPOINT", "after_result:5").stdout(Stdio::null()).stderr(Stdio::null());
    let ended = killed.status().unwrap();
    assert_eq!(ended.signal(), Some(9), "{ended}");
    assert!(count(&medley.path("dataset/.medley/store"), "cache%") >= 1, "the kill came too early to test anything");
    assert!(!medley.path("dataset/captions.jsonl").exists(), "the kill came too late to test anything");
    run(&medley, &[&["photos"], BARE].concat());
    let killed = fs::read(medley.path("dataset/captions.jsonl")).unwrap();
    fs::remove_dir_all(medley.path("dataset")).unwrap();
    run(&medley, &[&["photos"], BARE].concat());
    let whole = fs::read(medley.path("dataset/captions.jsonl")).unwrap();
    assert!(killed == whole, "a job that was killed leaves the same bytes");
}

/// Files below folders of a store that have this in their path.
fn count(folder: &Path, part: &str) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .map(|path| match path.is_dir() {
            true => count(&path, part),
            false => usize::from(path.to_string_lossy().contains(part)),
        })
        .sum()
}
