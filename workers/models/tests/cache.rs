//! The cache: pulls from a mirror, damage, and several processes at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Command, Stdio},
};

use medley_models::{ModelError, Models, PullEvent, Registry, State, doc};

/// The default cache's objects are a mirror of it.
fn mirror() -> String {
    Models::open(&Models::default_dir()).root().join("objects").display().to_string()
}

fn pulled(root: &Path, names: &[&str]) -> Models {
    let models = Models::open(root);
    models.pull_from(&mirror(), names, &mut ()).unwrap();
    models
}

#[test]
fn the_registry_is_whole() {
    let registry = Registry::built_in();
    for (name, model) in &registry.models {
        assert!(!model.files.is_empty() && !model.sources.is_empty(), "{name}");
        let mut seen = BTreeSet::new();
        for file in &model.files {
            assert!(seen.insert(&file.name), "{name} has two files {}", file.name);
            assert!(!file.name.contains('/') && !file.name.starts_with('.'), "{name}: {}", file.name);
            let by_url = model.sources.iter().any(|source| source.url.is_some());
            assert!(by_url || !file.sha256.is_empty(), "{name}: {} has no hash", file.name);
            let here = model.sources.iter().flat_map(|s| s.take.iter().map(|t| &t.name).chain([&s.file]));
            let taken: BTreeSet<_> = here.collect();
            if file.make.is_empty() {
                assert!(taken.contains(&file.name), "{name}: nothing gives {}", file.name);
            }
        }
        for source in &model.sources {
            let places = [&source.pypi, &source.npm, &source.url].iter().filter(|place| place.is_some()).count();
            assert_eq!(places, 1, "{name}: {}", source.file);
            let hashed = source.sha256.is_some() || source.sha1.is_some() || source.md5.is_some();
            assert_eq!(hashed, !source.unpinned, "{name}: {} has a hash, or says that it has none", source.file);
            assert!(source.url.is_some() || source.sha256.is_some(), "{name}: {} has no hash", source.file);
            assert!(source.url.is_none() || model.optional, "{name}: what a URL gives is optional");
        }
    }
    let all = registry.resolve(&["all"]).unwrap();
    assert!(all.contains(&"whisper-tiny.en") && !all.contains(&"wav2lip-gan-96"));
    assert_eq!(registry.resolve(&["silero-vad", "silero-vad"]).unwrap(), ["silero-vad"]);
    assert!(matches!(registry.resolve(&["no-such"]), Err(ModelError::Unknown(name)) if name == "no-such"));
}

/// `MEDLEY_BLESS=1 cargo test` writes the table anew.
#[test]
fn the_table_of_the_docs_is_the_registry() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/models.md");
    let page = fs::read_to_string(&path).unwrap();
    let (start, end) = ("<!-- table: made from models.toml -->\n", "<!-- end of table -->");
    let from = page.find(start).unwrap() + start.len();
    let to = page.find(end).unwrap();
    let table = doc::table(Registry::built_in());
    #[expect(clippy::disallowed_methods, reason = "only this test reads it")]
    let bless = std::env::var_os("MEDLEY_BLESS").is_some();
    if bless {
        fs::write(&path, format!("{}{table}{}", &page[..from], &page[to..])).unwrap();
    } else {
        assert_eq!(&page[from..to], table, "docs/models.md is out of date: run this test with MEDLEY_BLESS=1");
    }
}

#[test]
fn a_missing_model_names_the_command_that_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::open(dir.path());
    let error = models.file("silero-vad", "vad.onnx").unwrap_err();
    assert_eq!(error.code().as_str(), "model_missing");
    assert!(error.to_string().contains("medley models pull silero-vad"), "{error}");
    assert_eq!(models.state("silero-vad").unwrap(), State::Missing);
    assert!(matches!(models.file("silero-vad", "nothing"), Err(ModelError::UnknownFile { .. })));
    assert!(models.verify("silero-vad").is_err());
}

#[test]
fn a_mirror_serves_without_the_internet_and_without_python() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::open(dir.path());
    let mut events = Vec::new();
    let mut note = |_: &str, event: PullEvent<'_>| events.push(format!("{event:?}"));
    models.pull_from(&mirror(), &["silero-vad"], &mut note).unwrap();
    models.pull_from(&mirror(), &["silero-vad"], &mut note).unwrap();
    assert!(events[0].starts_with("Done") && events[1] == "Present", "{events:?}");
    assert!(!dir.path().join("python").exists(), "nothing was converted");
    models.verify("silero-vad").unwrap();
    assert_eq!(models.state("silero-vad").unwrap(), State::Present);
    let left = fs::read_dir(dir.path().join(".tmp")).unwrap().count();
    assert_eq!(left, 0, "nothing is left lying about");
}

#[test]
fn damage_is_seen_and_a_pull_repairs_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = pulled(dir.path(), &["silero-vad"]).file("silero-vad", "vad.onnx").unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    fs::set_permissions(fs::canonicalize(&path).unwrap(), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, &bytes).unwrap();
    // Whoever opens the cache afterwards sees it: the time of the file has changed.
    let models = Models::open(dir.path());
    let error = models.file("silero-vad", "vad.onnx").unwrap_err();
    assert_eq!(error.code().as_str(), "model_corrupt");
    assert!(models.verify("silero-vad").is_err());
    models.pull_from(&mirror(), &["silero-vad"], &mut ()).unwrap();
    models.verify("silero-vad").unwrap();
    models.file("silero-vad", "vad.onnx").unwrap();
}

/// Overwrites a file of the cache where it lies, and gives it back the time that it had.
fn tamper(path: &Path) {
    let object = fs::canonicalize(path).unwrap();
    let modified = fs::metadata(&object).unwrap().modified().unwrap();
    let mut bytes = fs::read(&object).unwrap();
    bytes[1000] ^= 1;
    fs::set_permissions(&object, fs::Permissions::from_mode(0o644)).unwrap();
    let mut file = fs::File::options().write(true).open(&object).unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    file.set_modified(modified).unwrap();
    drop(file);
    fs::set_permissions(&object, fs::Permissions::from_mode(0o444)).unwrap();
    assert_eq!(fs::metadata(&object).unwrap().modified().unwrap(), modified);
}

#[test]
fn a_file_that_was_changed_and_keeps_its_size_and_time_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let path = pulled(dir.path(), &["silero-vad"]).file("silero-vad", "vad.onnx").unwrap();
    tamper(&path);
    for _ in 0..2 {
        let error = Models::open(dir.path()).file("silero-vad", "vad.onnx").unwrap_err();
        assert_eq!(error.code().as_str(), "model_corrupt");
    }
    assert_eq!(Models::open(dir.path()).state("silero-vad").unwrap(), State::Corrupt);
}

/// Who can set the clock can even keep the time of change; only hashing sees that, and what it saw stands.
#[test]
fn verify_hashes_however_a_file_looks() {
    let dir = tempfile::tempdir().unwrap();
    let models = pulled(dir.path(), &["silero-vad"]);
    let path = models.file("silero-vad", "vad.onnx").unwrap();
    tamper(&path);
    let stamps = dir.path().join("models/silero-vad/.stamps");
    let mut forged: serde_json::Value = serde_json::from_slice(&fs::read(&stamps).unwrap()).unwrap();
    let meta = fs::metadata(&path).unwrap();
    let ctime_ns = i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec());
    forged["vad.onnx"]["ctime_ns"] = serde_json::from_str(&ctime_ns.to_string()).unwrap();
    fs::write(&stamps, forged.to_string()).unwrap();
    Models::open(dir.path()).file("silero-vad", "vad.onnx").expect("the looks are those of the good file");
    assert!(matches!(Models::open(dir.path()).verify("silero-vad"), Err(ModelError::Corrupt { .. })));
    let error = Models::open(dir.path()).file("silero-vad", "vad.onnx").unwrap_err();
    assert_eq!(error.code().as_str(), "model_corrupt");
}

#[test]
fn what_is_no_file_is_not_read_and_a_pull_replaces_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = pulled(dir.path(), &["silero-vad"]).file("silero-vad", "vad.onnx").unwrap();
    let pipe = |at: &Path| assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
    let device = |at: &Path| std::os::unix::fs::symlink("/dev/zero", at).unwrap();
    let folder = |at: &Path| fs::create_dir(at).unwrap();
    let circle = |at: &Path| std::os::unix::fs::symlink(at, at).unwrap();
    type Make<'a> = &'a dyn Fn(&Path);
    let makers: [(Make<'_>, &str); 4] =
        [(&pipe, "a pipe"), (&device, "a device"), (&folder, "a folder"), (&circle, "a link that leads nowhere")];
    for (make, what) in makers {
        fs::remove_file(&path).unwrap();
        make(&path);
        let models = Models::open(dir.path());
        let error = models.file("silero-vad", "vad.onnx").unwrap_err();
        assert_eq!(error.code().as_str(), "model_corrupt", "{what}");
        assert!(error.to_string().contains(what), "{error}");
        assert!(models.verify("silero-vad").is_err());
        assert_eq!(models.state("silero-vad").unwrap(), State::Corrupt);
        models.pull_from(&mirror(), &["silero-vad"], &mut ()).unwrap();
        models.verify("silero-vad").unwrap();
    }
}

#[test]
fn the_file_that_a_link_leads_to_may_be_none_either() {
    let dir = tempfile::tempdir().unwrap();
    let path = pulled(dir.path(), &["silero-vad"]).file("silero-vad", "vad.onnx").unwrap();
    let object = fs::canonicalize(&path).unwrap();
    fs::remove_file(&object).unwrap();
    fs::create_dir(&object).unwrap();
    assert_eq!(Models::open(dir.path()).state("silero-vad").unwrap(), State::Corrupt);
    let models = Models::open(dir.path());
    models.pull_from(&mirror(), &["silero-vad"], &mut ()).unwrap();
    models.verify("silero-vad").unwrap();
}

#[test]
fn a_mirror_that_lies_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let lies = dir.path().join("lies");
    fs::create_dir(&lies).unwrap();
    let registry = Registry::built_in();
    for file in &registry.models["silero-vad"].files {
        fs::write(lies.join(file.sha256[0].to_string()), "not the model").unwrap();
    }
    let models = Models::open(&dir.path().join("cache"));
    let mut asked = false;
    let mut note = |_: &str, event: PullEvent<'_>| asked |= matches!(event, PullEvent::Fetching { .. });
    let outcome = models.pull_from(&lies.display().to_string(), &["silero-vad"], &mut note);
    // The publisher is asked instead, who may be out of reach; in no case is the lie in the cache.
    assert!(asked);
    match outcome {
        Ok(()) => models.verify("silero-vad").unwrap(),
        Err(_) => assert_eq!(models.state("silero-vad").unwrap(), State::Missing),
    }
}

#[test]
fn a_cache_that_was_copied_is_checked_once() {
    let dir = tempfile::tempdir().unwrap();
    pulled(dir.path(), &["silero-vad"]);
    let stamps = dir.path().join("models/silero-vad/.stamps");
    let before = fs::read(&stamps).unwrap();
    fs::write(&stamps, "{}").unwrap();
    Models::open(dir.path()).file("silero-vad", "vad.onnx").unwrap();
    Models::open(dir.path()).file("silero-vad", "vad-sequence.onnx").unwrap();
    assert_eq!(fs::read(&stamps).unwrap(), before);
}

/// This test runs itself in four more processes that pull into one cache at the same time.
#[test]
fn several_processes_pull_into_one_cache() {
    #[expect(clippy::disallowed_methods, reason = "only this test reads it")]
    let root = std::env::var_os("MEDLEY_TEST_PULL_INTO");
    if let Some(root) = root {
        pulled(Path::new(&root), &["silero-vad", "sample-clip"]);
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "several_processes_pull_into_one_cache"])
                .env("MEDLEY_TEST_PULL_INTO", dir.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let models = Models::open(dir.path());
    for name in ["silero-vad", "sample-clip"] {
        models.verify(name).unwrap();
    }
    let objects = fs::read_dir(dir.path().join("objects")).unwrap().count();
    assert_eq!(objects, 5, "each file once, no drafts");
}
