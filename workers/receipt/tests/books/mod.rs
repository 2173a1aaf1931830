//! A folder of receipts becomes books: every step of the job, with the real models, twice.

use std::path::Path;

use image::{RgbImage, imageops};
use medley_proto::{Input, Sha256};
use medley_receipt::{
    BooksOutput, BooksStep, BooksWorker, MergeStep, ReadStep, ReceiptConfig, ReceiptParams, WriteStep,
};
use medley_step::{BuildContext, LocalInput, Worker, testing};

use crate::render::{Cell, Paper, save};

fn receipt(merchant: &str, number: &str, total: &str) -> RgbImage {
    use Cell::{Left, Middle, Right};
    let number = format!("Invoice No: {number}");
    Paper::default().print(&[
        vec![Middle(merchant)],
        vec![Middle("NO 5, JALAN MELUR 2,")],
        vec![Middle("43000 KAJANG, SELANGOR")],
        vec![Left(0.03, &number), Right(0.97, "Date: 21/08/2021")],
        vec![Left(0.03, "Item"), Right(0.97, "Amount")],
        vec![Left(0.03, "Rice cooker"), Right(0.97, total)],
        vec![Left(0.03, "TOTAL RM"), Right(0.97, total)],
        vec![Left(0.03, "CASH"), Right(0.97, total)],
    ])
}

fn local(name: &str, path: &Path, media_type: Option<&str>) -> LocalInput {
    LocalInput {
        name: name.into(),
        path: path.to_owned(),
        sha256: Sha256::of(b""),
        bytes: 0,
        media_type: media_type.map(str::to_owned),
    }
}

/// Runs the steps that the recipe plans, and returns the texts of the artifacts of the last one by name.
fn books(worker: &BooksWorker, folder: &Path) -> Vec<(String, Vec<u8>)> {
    let scratch = tempfile::tempdir().unwrap();
    let step = |name: &str, step: BooksStep, inputs: Vec<LocalInput>| {
        let place = scratch.path().join(name);
        std::fs::create_dir(&place).unwrap();
        testing::run(worker, step, inputs, &place).unwrap()
    };
    let job = || local("scans", folder, Some(Input::FOLDER));
    let params = ReceiptParams::default;
    let place = scratch.path().join("list");
    std::fs::create_dir(&place).unwrap();
    let listed = testing::run(&*crate::WORKER, params(), vec![job()], &place).unwrap();
    let listing = listed.output.listing.unwrap();
    assert_eq!((listing.receipts, listing.files_passed_over, listing.shards.len()), (5, 1, 1));
    let list = local("list.jsonl", &listed.artifacts["list.jsonl"], None);
    let read = ReadStep { params: params(), shard: listing.shards[0].clone() };
    let read = step("read", BooksStep::Read(read), vec![job(), list]);
    let BooksOutput::Read(of) = read.output else { panic!("a shard") };
    assert_eq!((of.receipts, of.unreadable), (5, 1));
    let rows = |path: &Path| vec![local("rows.jsonl", path, None)];
    let merged = step("merge", BooksStep::Merge(MergeStep { of }), rows(&read.artifacts["rows.jsonl"]));
    let write = BooksStep::Write(WriteStep { files_passed_over: 1, folders_passed_over: 0 });
    let written = step("write", write, rows(&merged.artifacts["rows.jsonl"]));
    written.artifacts.iter().map(|(name, path)| (name.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn a_folder_of_receipts_becomes_books_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = receipt("GREEN VALLEY TRADING SDN BHD", "GV-00127", "84.90");
    save(&first, &folder.path().join("a.png"));
    // The same purchase photographed again, smaller.
    let small = imageops::resize(&first, 500, 500 * first.height() / first.width(), imageops::FilterType::Triangle);
    save(&small, &folder.path().join("b.png"));
    // The same price on the same day, another purchase.
    save(&receipt("GREEN VALLEY TRADING SDN BHD", "GV-00131", "84.90"), &folder.path().join("c.png"));
    save(&receipt("=SUM(A1) SDN BHD", "SM-00001", "12.00"), &folder.path().join("d.png"));
    std::fs::write(folder.path().join("e.jpg"), b"no picture").unwrap();
    std::fs::write(folder.path().join("notes.doc"), b"no receipt").unwrap();

    let cx = BuildContext { models_dir: medley_models::Models::default_dir(), slots: 1, threads: 2 };
    let worker = BooksWorker::build(ReceiptConfig::default(), &cx).unwrap();
    let made = books(&worker, folder.path());
    assert_eq!(made, books(&worker, folder.path()));

    let names: Vec<&str> = made.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["items.csv", "receipts.csv", "receipts.jsonl", "receipts.xlsx", "report.html"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let text = |name: &str| {
        let (_, bytes) = made.iter().find(|(known, _)| known == name).unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    };
    let csv = text("receipts.csv");
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines.len(), 7, "{csv}");
    assert!(lines[1].starts_with("a.png,GREEN VALLEY TRADING SDN BHD,") && lines[1].contains(",84.90,"), "{csv}");
    assert!(lines[2].contains(",a.png,same_fields,"), "{csv}");
    assert!(!lines[3].contains("same_"), "another number is another purchase: {csv}");
    assert!(lines[4].starts_with("d.png,'=SUM"), "{csv}");
    assert!(lines[5].starts_with("e.jpg,") && lines[5].contains("e.jpg"), "{csv}");
    assert_eq!(text("items.csv").matches("Rice cooker").count(), 4);
    let report = text("report.html");
    // The duplicate does not count: 84.90 + 84.90 + 12.00.
    assert!(report.contains("<td>2021-08</td><td>MYR</td><td>3</td><td>181.80</td>"), "{report}");
    let records: Vec<serde_json::Value> =
        text("receipts.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records[0]["receipt"]["total"]["value"], "84.90");
    assert_eq!(records[1]["duplicate"]["of"], "a.png");
    assert_eq!(records[4]["error"]["code"], "media_undecodable");
}
