//! Every form of a data set, opened with the tool that it is meant for. The tools come from pip into an environment in
//! the cache; none of them needs torch.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod library_support;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use library_support::{BARE, draw, drawn, rows, run};
use medley_tests::binary::Medley;

/// Pinned, so that the environment is made once.
const TOOLS: [&str; 6] = [
    "numpy==2.4.6",
    "pyarrow==26.0.1",
    "pycocotools==2.0.11",
    "webdataset==1.0.2",
    "datasets==5.2.0",
    "pillow==13.0.0",
];

/// A Python with the tools; processes that need it at once wait for each other.
#[expect(clippy::disallowed_methods, reason = "a folder beside the caches, for this test alone")]
fn python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"));
    let named = medley_proto::Sha256::of(TOOLS.join(" ").as_bytes()).to_string();
    let folder = cache.join("medley/tools").join(format!("library-{}", &named[..12]));
    let done = folder.join("complete");
    if !done.exists() {
        fs::create_dir_all(folder.parent().unwrap()).unwrap();
        let making = fs::File::create(folder.with_extension("lock")).unwrap();
        making.lock().unwrap();
        if !done.exists() {
            succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder).output().unwrap());
            let pip = Command::new(folder.join("bin/pip")).args(["install", "--quiet"]).args(TOOLS).output();
            succeed(pip.unwrap());
            fs::write(&done, b"").unwrap();
        }
    }
    folder.join("bin/python")
}

fn succeed(output: Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_form_opens_in_its_tool() {
    let medley = Medley::default();
    let folder = medley.path("photos");
    drawn(&folder, 1_200);
    fs::create_dir(folder.join("sub")).unwrap();
    fs::rename(folder.join("00003.jpg"), folder.join("sub/00003.v2.jpg")).unwrap();
    fs::write(folder.join("bad.jpg"), &draw(0)[..40]).unwrap();
    fs::write(folder.join("twin.jpg"), draw(5)).unwrap();
    let asked = ["--write", "kohya,webdataset,coco,huggingface", "--drop-duplicates", "--duplicate-bits", "0"];
    run(&medley, &[&["photos", "--trigger", "sks waves"], &asked[..], BARE].concat());
    let kept = rows(&medley.path("dataset")).iter().filter(|row| row["dropped"].is_null()).count();
    assert!(kept > 1_000 && kept < 1_202, "{kept}");
    let check = Command::new(python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/library_support/open.py"))
        .args([medley.path("dataset"), folder])
        .env("HF_HOME", medley.path("hf"))
        .env("HF_HUB_OFFLINE", "1")
        .output();
    succeed(check.unwrap());
}
