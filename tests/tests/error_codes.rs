//! docs/errors.md lists every code that the source can raise, and no other.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder of the project can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The texts between `before` and the next quotation mark.
fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![root.join("proto/src/error.rs")];
    sources(&root.join("workers"), &mut files);
    let mut raised = BTreeSet::new();
    for file in files.iter().filter(|file| file.components().any(|part| part.as_os_str() == "src")) {
        let text = fs::read_to_string(file).expect("sources are text");
        raised.extend(quoted(&text, "ErrorCode::new(\"").into_iter().map(str::to_owned));
        if file.ends_with("proto/src/error.rs") {
            raised.extend(quoted(&text, "Self = Self::new(\"").into_iter().map(str::to_owned));
        }
    }
    let page = fs::read_to_string(root.join("docs/errors.md")).expect("the page is there");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned));
    assert_eq!(rows.collect::<BTreeSet<_>>(), raised);
}
