//! Receipts from pixels to fields, through the worker, with the real models.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod books;
mod pdf;
mod render;

use std::{path::Path, sync::LazyLock};

use image::{Rgb, RgbImage, imageops};
use medley_models::Models;
use medley_receipt::{ReceiptConfig, ReceiptParams, ReceiptWorker};
use medley_step::{BuildContext, StepError, Worker, testing};
use render::{Cell, Paper, save, skewed};
use serde_json::Value;

/// One worker for all tests: the models are loaded once.
static WORKER: LazyLock<ReceiptWorker> = LazyLock::new(|| {
    let cx = BuildContext { models_dir: Models::default_dir(), slots: 2, threads: 2 };
    ReceiptWorker::build(ReceiptConfig::default(), &cx).unwrap()
});

fn run_file(path: &Path, params: ReceiptParams) -> Result<Value, StepError> {
    let scratch = tempfile::tempdir().unwrap();
    let ran = testing::run(&*WORKER, params, vec![testing::input(path).unwrap()], scratch.path())?;
    let json = std::fs::read(&ran.artifacts["receipt.json"]).unwrap();
    Ok(serde_json::from_slice(&json).unwrap())
}

fn read(picture: &RgbImage) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipt.png");
    save(picture, &path);
    run_file(&path, ReceiptParams { overlay: false, ..ReceiptParams::default() }).unwrap()
}

fn value<'a>(receipt: &'a Value, pointer: &str) -> &'a str {
    let at = format!("{pointer}/value");
    receipt.pointer(&at).and_then(Value::as_str).unwrap_or_default()
}

fn english() -> RgbImage {
    use Cell::{Left, Middle, Right};
    Paper::default().print(&[
        vec![Middle("BLUE HERON HARDWARE SDN BHD")],
        vec![Middle("(314159-T)")],
        vec![Middle("NO 27, JALAN KENANGA 4/2,")],
        vec![Middle("47100 PUCHONG, SELANGOR")],
        vec![Middle("Tel: 03-5512 7788")],
        vec![Middle("GST ID : 000271828459")],
        vec![Middle("TAX INVOICE")],
        vec![Left(0.03, "Invoice No: BH-004217"), Right(0.97, "Date: 14/03/2019")],
        vec![Left(0.03, "Cashier: 07"), Right(0.97, "16:42:10")],
        vec![Left(0.03, "Item"), Right(0.60, "Qty"), Right(0.78, "Price"), Right(0.97, "Amount")],
        vec![Left(0.03, "Claw hammer"), Right(0.60, "2"), Right(0.78, "18.50"), Right(0.97, "37.00")],
        vec![Left(0.03, "Wood screws"), Right(0.60, "3"), Right(0.78, "4.20"), Right(0.97, "12.60")],
        vec![Left(0.03, "Paint brush"), Right(0.60, "1"), Right(0.78, "7.93"), Right(0.97, "7.93")],
        vec![Left(0.03, "Sub Total"), Right(0.97, "57.53")],
        vec![Left(0.03, "GST 6%"), Right(0.97, "3.45")],
        vec![Left(0.03, "Rounding"), Right(0.97, "0.02")],
        vec![Left(0.03, "TOTAL"), Right(0.97, "RM 61.00")],
        vec![Left(0.03, "CASH"), Right(0.97, "70.00")],
        vec![Left(0.03, "CHANGE"), Right(0.97, "9.00")],
        vec![Middle("THANK YOU, PLEASE COME AGAIN")],
    ])
}

/// What must be read of it however it lies.
fn assert_english(receipt: &Value) {
    for (pointer, expected) in [
        ("/merchant/name", "BLUE HERON HARDWARE SDN BHD"),
        ("/merchant/address", "NO 27, JALAN KENANGA 4/2, 47100 PUCHONG, SELANGOR"),
        ("/merchant/phone", "03-5512 7788"),
        ("/merchant/tax_id", "000271828459"),
        ("/number", "BH-004217"),
        ("/date", "2019-03-14"),
        ("/time", "16:42:10"),
        ("/currency", "MYR"),
        ("/subtotal", "57.53"),
        ("/rounding", "0.02"),
        ("/total", "61.00"),
        ("/payment/method", "cash"),
        ("/payment/tendered", "70.00"),
        ("/payment/change", "9.00"),
    ] {
        assert_eq!(value(receipt, pointer), expected, "{pointer}");
    }
    let items = receipt["items"].as_array().unwrap();
    let rows: Vec<_> = items
        .iter()
        .map(|item| ["/description", "/quantity", "/unit_price", "/amount"].map(|pointer| value(item, pointer)))
        .collect();
    let expected = [
        ["Claw hammer", "2", "18.50", "37.00"],
        ["Wood screws", "3", "4.20", "12.60"],
        ["Paint brush", "1", "7.93", "7.93"],
    ];
    assert_eq!(rows, expected);
    assert_eq!(receipt["quality"]["adds_up"], true);
}

#[test]
fn a_searchable_pdf_has_the_words_of_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipt.png");
    save(&english(), &path);
    let params = ReceiptParams { searchable_pdf: true, overlay: false, ..ReceiptParams::default() };
    let scratch = tempfile::tempdir().unwrap();
    let ran = testing::run(&*WORKER, params, vec![testing::input(&path).unwrap()], scratch.path()).unwrap();
    let pdf = &ran.artifacts["receipt.pdf"];
    let said = std::process::Command::new("pdftotext").arg("-layout").arg(pdf).arg("-").output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    for words in ["BLUE HERON HARDWARE SDN BHD", "Claw hammer", "RM 61.00"] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    // Each line stands where it is printed: the first in the upper half, the last in the lower.
    let boxes = std::process::Command::new("pdftotext").arg("-bbox").arg(pdf).arg("-").output().unwrap();
    let boxes = String::from_utf8(boxes.stdout).unwrap();
    let top = |word: &str| -> f32 {
        let line = boxes.lines().find(|line| line.contains(&format!(">{word}<"))).unwrap();
        line.split("yMin=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
    };
    assert!(top("HERON") < top("Claw") && top("Claw") < top("CHANGE"), "{boxes}");
}

#[test]
fn a_receipt_is_read_and_read_again_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipt.png");
    save(&english(), &path);
    let [first, second] = [(), ()].map(|()| {
        let scratch = tempfile::tempdir().unwrap();
        let input = vec![testing::input(&path).unwrap()];
        let ran = testing::run(&*WORKER, ReceiptParams::default(), input, scratch.path()).unwrap();
        assert_eq!(ran.quality["adds_up"], true);
        ["receipt.json", "overlay.png"].map(|name| std::fs::read(&ran.artifacts[name]).unwrap())
    });
    assert_eq!(first, second);
    let receipt: Value = serde_json::from_slice(&first[0]).unwrap();
    assert_english(&receipt);
    // Every value says where it stands.
    let total = &receipt["total"];
    let line = total["line"].as_u64().unwrap() as usize;
    assert!(receipt["lines"][line]["text"].as_str().unwrap().contains("61.00"));
    let [x, y] = [0, 1].map(|axis| total["polygon"][0][axis].as_f64().unwrap());
    assert!(x > 0.6 * 620.0 && y > 600.0, "the total stands at the lower right, not at {x}, {y}");
    let overlay = image::load_from_memory(&first[1]).unwrap().to_rgb8();
    assert!(overlay.pixels().any(|pixel| pixel.0 == [210, 30, 30]), "the total has a red box");
}

#[test]
fn quarter_turns_cost_nothing() {
    let upright = read(&english());
    let texts = |receipt: &Value| {
        receipt["lines"].as_array().unwrap().iter().map(|line| line["text"].clone()).collect::<Vec<_>>()
    };
    let picture = english();
    for (turn_deg, turned) in
        [(270, imageops::rotate90(&picture)), (180, imageops::rotate180(&picture)), (90, imageops::rotate270(&picture))]
    {
        let receipt = read(&turned);
        assert_eq!(receipt["pages"][0]["turn_deg"], turn_deg);
        assert_eq!(texts(&receipt), texts(&upright), "turned by {turn_deg}");
        assert_english(&receipt);
    }
}

#[test]
fn a_leaning_page_and_half_a_shadow_are_read() {
    let mut picture = skewed(&english(), 10.0);
    let width = picture.width();
    for (x, _, pixel) in picture.enumerate_pixels_mut() {
        if x > width / 2 {
            *pixel = Rgb(pixel.0.map(|v| (f32::from(v) * 0.45) as u8));
        }
    }
    let receipt = read(&picture);
    assert!((receipt["pages"][0]["lean_deg"].as_f64().unwrap() - 10.0).abs() < 1.0);
    assert_english(&receipt);
}

#[test]
fn a_page_in_perspective_is_read() {
    let picture = english();
    let (w, h) = (picture.width() as f32, picture.height() as f32);
    // The paper's right-hand side is further away.
    let receipt = read(&render::seen(&picture, w as u32, h as u32, |x, y| {
        let far = 1.0 - 0.18 * x / w;
        let shrink = 1.0 / far;
        (x, (y - h / 2.0) * shrink + h / 2.0)
    }));
    assert_english(&receipt);
}

#[test]
fn a_chinese_till_receipt_is_read() {
    use Cell::{Left, Middle, Right};
    let receipt = read(&Paper { chinese: true, ..Paper::default() }.print(&[
        vec![Middle("青鸟便利店")],
        vec![Middle("地址：杭州市西湖区文三路88号")],
        vec![Left(0.03, "电话：0571-88223344")],
        vec![Left(0.03, "小票号：20230907001")],
        vec![Left(0.03, "日期：2023年09月07日 18:21:05")],
        vec![Left(0.03, "品名"), Right(0.60, "数量"), Right(0.78, "单价"), Right(0.97, "金额")],
        vec![Left(0.03, "矿泉水"), Right(0.60, "2"), Right(0.78, "2.50"), Right(0.97, "5.00")],
        vec![Left(0.03, "全麦面包"), Right(0.60, "1"), Right(0.78, "12.80"), Right(0.97, "12.80")],
        vec![Left(0.03, "小计"), Right(0.97, "17.80")],
        vec![Left(0.03, "优惠"), Right(0.97, "-1.00")],
        vec![Left(0.03, "合计"), Right(0.97, "16.80")],
        vec![Left(0.03, "现金"), Right(0.97, "20.00")],
        vec![Left(0.03, "找零"), Right(0.97, "3.20")],
        vec![Middle("谢谢惠顾")],
    ]));
    for (pointer, expected) in [
        ("/merchant/name", "青鸟便利店"),
        ("/merchant/address", "杭州市西湖区文三路88号"),
        ("/merchant/phone", "0571-88223344"),
        ("/number", "20230907001"),
        ("/date", "2023-09-07"),
        ("/time", "18:21:05"),
        ("/currency", "CNY"),
        ("/subtotal", "17.80"),
        ("/discounts/0", "1.00"),
        ("/total", "16.80"),
        ("/payment/tendered", "20.00"),
        ("/payment/change", "3.20"),
        ("/items/0/description", "矿泉水"),
        ("/items/0/quantity", "2"),
        ("/items/1/amount", "12.80"),
    ] {
        assert_eq!(value(&receipt, pointer), expected, "{pointer}");
    }
    assert_eq!(receipt["quality"]["adds_up"], true);
}

#[test]
fn a_chinese_invoice_is_read_with_its_sum_in_words() {
    use Cell::{Left, Middle, Right};
    let receipt = read(&Paper { width: 1100, chinese: true, ..Paper::default() }.print(&[
        vec![Middle("电子发票（增值税专用发票）")],
        vec![Right(0.97, "发票号码：24332000000012345678")],
        vec![Right(0.97, "开票日期：2024年03月15日")],
        vec![Left(0.02, "购买方名称：北京白鹭贸易有限公司"), Left(0.52, "销售方名称：杭州青鸟科技有限公司")],
        vec![Left(0.02, "纳税人识别号：91110000MA01ABCD2X"), Left(0.52, "纳税人识别号：91330100MA2XYZ1234")],
        vec![
            Left(0.02, "项目名称"),
            Right(0.42, "数量"),
            Right(0.56, "单价"),
            Right(0.70, "金额"),
            Right(0.82, "税率"),
            Right(0.97, "税额"),
        ],
        vec![
            Left(0.02, "键盘"),
            Right(0.42, "2"),
            Right(0.56, "150.00"),
            Right(0.70, "300.00"),
            Right(0.82, "13%"),
            Right(0.97, "39.00"),
        ],
        vec![
            Left(0.02, "鼠标"),
            Right(0.42, "1"),
            Right(0.56, "80.00"),
            Right(0.70, "80.00"),
            Right(0.82, "13%"),
            Right(0.97, "10.40"),
        ],
        vec![Left(0.02, "合计"), Right(0.70, "¥380.00"), Right(0.97, "¥49.40")],
        vec![Left(0.02, "价税合计（大写）"), Left(0.24, "肆佰贰拾玖圆肆角整"), Right(0.97, "（小写）¥429.40")],
    ]));
    for (pointer, expected) in [
        ("/merchant/name", "杭州青鸟科技有限公司"),
        ("/merchant/tax_id", "91330100MA2XYZ1234"),
        ("/number", "24332000000012345678"),
        ("/date", "2024-03-15"),
        ("/currency", "CNY"),
        ("/subtotal", "380.00"),
        ("/taxes/0/amount", "49.40"),
        ("/total", "429.40"),
        ("/items/0/amount", "300.00"),
        ("/items/1/unit_price", "80.00"),
    ] {
        assert_eq!(value(&receipt, pointer), expected, "{pointer}");
    }
    let checks = receipt["quality"]["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["name"] == "words" && check["holds"] == true), "{checks:?}");
    assert_eq!(receipt["quality"]["adds_up"], true);
}

/// An invoice's lines, in points from the bottom left.
fn invoice() -> Vec<(f32, f32, &'static str)> {
    vec![
        (60.0, 780.0, "GREY WAGTAIL STATIONERY LTD"),
        (60.0, 760.0, "12 Harbour Road, Bristol BS1 4ST"),
        (60.0, 740.0, "Invoice No: GW-1881"),
        (60.0, 720.0, "Date: 2 May 2021"),
        (60.0, 690.0, "Item"),
        (300.0, 690.0, "Qty"),
        (400.0, 690.0, "Price"),
        (500.0, 690.0, "Amount"),
        (60.0, 670.0, "Envelopes C5"),
        (300.0, 670.0, "4"),
        (400.0, 670.0, "3.25"),
        (500.0, 670.0, "13.00"),
        (60.0, 640.0, "Total"),
        (490.0, 640.0, "GBP 13.00"),
    ]
}

fn assert_invoice(receipt: &Value) {
    for (pointer, expected) in [
        ("/merchant/name", "GREY WAGTAIL STATIONERY LTD"),
        ("/merchant/address", "12 Harbour Road, Bristol BS1 4ST"),
        ("/number", "GW-1881"),
        ("/date", "2021-05-02"),
        ("/currency", "GBP"),
        ("/total", "13.00"),
        ("/items/0/unit_price", "3.25"),
    ] {
        assert_eq!(value(receipt, pointer), expected, "{pointer}");
    }
}

fn run_pdf(pages: &[pdf::Page<'_>], params: ReceiptParams) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invoice.pdf");
    std::fs::write(&path, pdf::pdf(pages)).unwrap();
    run_file(&path, params).unwrap()
}

fn sources(receipt: &Value) -> Vec<&str> {
    receipt["pages"].as_array().unwrap().iter().map(|page| page["source"].as_str().unwrap()).collect()
}

#[test]
fn a_pdf_gives_its_text_layer_and_its_scans() {
    let receipt = run_pdf(&[pdf::Page::Text(invoice())], ReceiptParams::default());
    assert_eq!(sources(&receipt), ["text_layer"]);
    assert_invoice(&receipt);
    let scan = english();
    let pages = [pdf::Page::Scan(&scan), pdf::Page::Text(vec![(60.0, 60.0, "2")])];
    let receipt = run_pdf(&pages, ReceiptParams { max_pages: 1, ..ReceiptParams::default() });
    assert_eq!(sources(&receipt), ["picture"]);
    assert_english(&receipt);
    let warnings = receipt["quality"]["warnings"].to_string();
    assert!(warnings.contains("1 more page"), "{warnings}");
}

#[test]
fn a_stamp_or_another_readers_junk_on_a_scan_is_not_its_text() {
    let scan = english();
    let stamp = vec![(200.0, 20.0, "Scanned with a pocket scanner")];
    // Letters and digits as a poor reader leaves them, a line for each of the scan's.
    let junk = (0..30).map(|line| (20.0, 800.0 - 25.0 * line as f32, "8lue Her0n T0tal 99.99 lnv 7")).collect();
    for (text, invisible) in [(stamp, false), (junk, true)] {
        let page = pdf::Page::Stamped { scan: &scan, text, invisible };
        let receipt = run_pdf(&[page], ReceiptParams { overlay: false, ..ReceiptParams::default() });
        assert_eq!(sources(&receipt), ["picture"]);
        assert_eq!(value(&receipt, "/merchant/name"), "BLUE HERON HARDWARE SDN BHD");
        assert_eq!(value(&receipt, "/total"), "61.00");
        let warnings = receipt["quality"]["warnings"].to_string();
        assert!(warnings.contains("page 1 was read from its picture"), "{warnings}");
    }
}

#[test]
fn pages_that_are_shown_turned_are_read_from_their_pictures_beside_pages_that_are_not() {
    for turn in [90, 180, 270] {
        let pages = [pdf::Page::Turned(turn, invoice())];
        let receipt = run_pdf(&pages, ReceiptParams { overlay: false, ..ReceiptParams::default() });
        assert_eq!(sources(&receipt), ["picture"], "turned by {turn}");
        assert_invoice(&receipt);
    }
    let pages = [pdf::Page::Text(invoice()), pdf::Page::Turned(90, invoice())];
    let receipt = run_pdf(&pages, ReceiptParams { overlay: false, ..ReceiptParams::default() });
    assert_eq!(sources(&receipt), ["text_layer", "picture"]);
}

/// A TIFF of pages, the first of them a thumbnail of the second.
fn tiff(pages: &[RgbImage]) -> Vec<u8> {
    let thumbnail = imageops::thumbnail(&pages[0], 60, 90);
    let mut out = b"II\x2a\0\x08\0\0\0".to_vec();
    let all: Vec<(&RgbImage, u32)> =
        std::iter::once((&thumbnail, 1)).chain(pages.iter().map(|page| (page, 2))).collect();
    for (index, (page, subfile)) in all.iter().enumerate() {
        let grey: Vec<u8> = page.pixels().map(|pixel| pixel.0[0]).collect();
        let data = out.len() as u32 + 2 + 9 * 12 + 4;
        let (width, height) = page.dimensions();
        out.extend(9u16.to_le_bytes());
        for (tag, value) in [
            (254u16, *subfile),
            (256, width),
            (257, height),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, data),
            (278, height),
            (279, grey.len() as u32),
        ] {
            out.extend(tag.to_le_bytes());
            out.extend([4, 0, 1, 0, 0, 0]);
            out.extend(value.to_le_bytes());
        }
        let next = if index + 1 == all.len() { 0 } else { data + grey.len() as u32 };
        out.extend(next.to_le_bytes());
        out.extend(grey);
    }
    out
}

#[test]
fn every_page_of_a_tiff_is_read_and_its_thumbnail_is_not() {
    let picture = english();
    let half = picture.height() / 2;
    let top = imageops::crop_imm(&picture, 0, 0, picture.width(), half).to_image();
    let mut bottom = RgbImage::from_pixel(picture.width() + 80, half + 120, Rgb([255; 3]));
    imageops::overlay(&mut bottom, &imageops::crop_imm(&picture, 0, half, picture.width(), half).to_image(), 40, 60);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages.tif");
    std::fs::write(&path, tiff(&[top, bottom])).unwrap();
    let params = ReceiptParams { overlay: false, ..ReceiptParams::default() };
    let receipt = run_file(&path, params.clone()).unwrap();
    assert_eq!(sources(&receipt), ["picture", "picture"]);
    assert_eq!(value(&receipt, "/merchant/name"), "BLUE HERON HARDWARE SDN BHD");
    assert_eq!(value(&receipt, "/total"), "61.00");
    let receipt = run_file(&path, ReceiptParams { max_pages: 1, ..params }).unwrap();
    assert_eq!(sources(&receipt), ["picture"]);
    let warnings = receipt["quality"]["warnings"].to_string();
    assert!(warnings.contains("1 more page"), "{warnings}");
}

#[test]
fn what_is_no_receipt_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let blank = folder.path().join("blank.png");
    save(&RgbImage::from_pixel(400, 500, Rgb([250; 3])), &blank);
    let torn = folder.path().join("torn.pdf");
    std::fs::write(&torn, b"%PDF-1.7\nnothing of the kind").unwrap();
    let other = folder.path().join("other.png");
    std::fs::write(&other, b"not a picture").unwrap();
    for (path, code) in [(&blank, "media_empty"), (&torn, "media_undecodable"), (&other, "media_unsupported")] {
        let error = run_file(path, ReceiptParams::default()).unwrap_err();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(error.code().as_str(), code, "{error}");
        assert!(error.to_string().contains(name), "{error} does not name {name}");
    }
}

#[test]
fn the_older_models_and_textracts_names_can_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipt.png");
    save(&english(), &path);
    let params = serde_json::json!({"ocr": "pp_ocrv4", "taxonomy": "textract", "overlay": false});
    let params: ReceiptParams = serde_json::from_value(params).unwrap();
    let cx = BuildContext { models_dir: Models::default_dir(), slots: 1, threads: 1 };
    let worker = ReceiptWorker::build(ReceiptConfig::default(), &cx).unwrap();
    let ran = testing::run(&worker, params, vec![testing::input(&path).unwrap()], folder.path()).unwrap();
    assert_eq!(ran.output.total.unwrap().to_string(), "61.00");
    assert!(worker.models().iter().any(|model| model.name == "pp-ocrv4"));
    let expense: Value = serde_json::from_slice(&std::fs::read(&ran.artifacts["expense.json"]).unwrap()).unwrap();
    let fields = expense["ExpenseDocuments"][0]["SummaryFields"].as_array().unwrap();
    let total = fields.iter().find(|field| field["Type"]["Text"] == "TOTAL").unwrap();
    assert_eq!(total["ValueDetection"]["Text"], "61.00");
    assert_eq!(total["Currency"]["Code"], "MYR");
    let left = total["ValueDetection"]["Geometry"]["BoundingBox"]["Left"].as_f64().unwrap();
    assert!((0.6..1.0).contains(&left), "{left}");
}
