//! Models by URL: those that nobody publishes a hash of, and two with files of one name.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{fs, path::Path};

use medley_models::{ModelError, Models, PullEvent, Registry, State};
use medley_proto::Sha256;

/// A registry of a model `free` without a hash and two, `one` and `two`, with: all `model.onnx`, in folders of `place`.
fn models(place: &Path, contents: [&str; 3]) -> Models {
    let mut text = String::from("[python]\nrequirements = []\n");
    for (name, content) in ["free", "one", "two"].iter().zip(contents) {
        let folder = place.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.onnx"), content).unwrap();
        let hash = Sha256::of(content.as_bytes());
        // Of the source, and of the file that comes of it.
        let (pin, known) = match *name {
            "free" => ("unpinned = true".to_owned(), String::new()),
            _ => (format!("sha256 = \"{hash}\""), format!("sha256 = [\"{hash}\"]")),
        };
        text += &format!(
            "[models.{name}]\nversion = \"1\"\nabout = \"\"\noptional = true\n\
             licence = {{ code = \"\", weights = \"\", data = \"\", commercial = \"unclear\" }}\n\
             [[models.{name}.sources]]\nurl = \"file://{}/model.onnx\"\nfile = \"model.onnx\"\n{pin}\n\
             [[models.{name}.files]]\nname = \"model.onnx\"\n{known}\n",
            folder.display()
        );
    }
    let registry: Registry = toml::from_str(&text).unwrap();
    Models::with_registry(&place.join("cache"), Box::leak(Box::new(registry)))
}

#[test]
fn what_nobody_publishes_a_hash_of_is_fetched_when_the_user_says_so_and_insisted_on_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let models = models(dir.path(), ["first", "", ""]);
    let refused = models.pull(&["free"], &mut ()).unwrap_err();
    assert_eq!(refused.code().as_str(), "model_missing");
    assert!(refused.to_string().contains("medley models pull --unpinned free"), "{refused}");
    assert_eq!(models.state("free").unwrap(), State::Missing);

    let mut recorded = Vec::new();
    let mut note = |_: &str, event: PullEvent<'_>| {
        if let PullEvent::Recorded { file, sha256 } = event {
            recorded.push((file.to_owned(), sha256));
        }
    };
    models.pull_unpinned(&["free"], &mut note).unwrap();
    assert_eq!(recorded, [("model.onnx".to_owned(), Sha256::of(b"first"))]);
    models.verify("free").unwrap();
    let lock = fs::read_to_string(models.root().join("models.lock")).unwrap();
    assert!(lock.contains(&Sha256::of(b"first").to_string()), "{lock}");

    // Lost, it comes again without a word; another content under the same address does not, whatever the user says.
    let again = |content: &str| {
        fs::remove_dir_all(models.root().join("models/free")).unwrap();
        fs::write(dir.path().join("free/model.onnx"), content).unwrap();
        // Whoever opens the cache afterwards has seen nothing yet.
        Models::with_registry(models.root(), models.registry())
    };
    again("first").pull(&["free"], &mut ()).unwrap();
    let changed = again("second");
    for outcome in [changed.pull(&["free"], &mut ()), changed.pull_unpinned(&["free"], &mut ())] {
        assert!(matches!(outcome, Err(ModelError::Hash { .. })), "{outcome:?}");
    }
    assert_eq!(changed.state("free").unwrap(), State::Missing);
}

#[test]
fn a_damaged_lock_file_stops_the_models_that_need_it_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let models = models(dir.path(), ["first", "of one", ""]);
    models.pull_unpinned(&["free", "one"], &mut ()).unwrap();
    fs::write(models.root().join("models.lock"), b"\0\xff damaged").unwrap();
    let again = Models::with_registry(models.root(), models.registry());
    let error = again.file("free", "model.onnx").unwrap_err();
    assert_eq!(error.code().as_str(), "model_corrupt");
    assert!(error.to_string().contains("models.lock is damaged"), "{error}");
    assert_eq!(again.state("free").unwrap(), State::Corrupt);
    assert!(again.pull_unpinned(&["free"], &mut ()).is_err(), "what was recorded is not passed over");
    again.file("one", "model.onnx").unwrap();
    again.verify("one").unwrap();
    fs::remove_file(models.root().join("models.lock")).unwrap();
    again.pull_unpinned(&["free"], &mut ()).unwrap();
    again.verify("free").unwrap();
}

#[test]
fn two_models_with_files_of_one_name_are_pulled_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let models = models(dir.path(), ["", "of one", "of two"]);
    models.pull(&["one", "two"], &mut ()).unwrap();
    for (name, content) in [("one", "of one"), ("two", "of two")] {
        models.verify(name).unwrap();
        assert_eq!(fs::read_to_string(models.file(name, "model.onnx").unwrap()).unwrap(), content);
    }
}
