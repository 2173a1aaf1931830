//! The real binary, with a data folder of its own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The `medley` that was built beside this test; `scripts/test` builds it first.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let program = test.ancestors().nth(2).expect("tests lie in <target>/<profile>/deps").join("medley");
    assert!(program.exists(), "{} is missing: cargo build --release -p medley", program.display());
    program
}

/// A sample of the model registry: real media.
pub fn sample(model: &str, file: &str) -> PathBuf {
    let output = Command::new(program()).args(["models", "path", model, file]).output().expect("medley starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().into()
}

/// One user's Medley: a folder with a queue and a store of its own.
#[derive(Debug)]
pub struct Medley {
    pub folder: tempfile::TempDir,
}

impl Default for Medley {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }
}

/// What a call came to.
#[derive(Debug)]
pub struct Ended {
    /// None when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Medley {
    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// A command in the folder, its queue and store there too.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("XDG_DATA_HOME", self.path("data")).env("MEDLEY_LOG", "warn").env_remove("MEDLEY_CONFIG");
        command
    }

    pub fn call(&self, args: &[&str]) -> Ended {
        self.command(args).output().expect("medley starts").into()
    }
}

/// The files of a folder by name, without `.medley` and the manifest, whose timings may differ.
pub fn artifacts(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_file() && name != "manifest.json" {
            files.insert(name, fs::read(&path).expect("the file can be read"));
        }
    }
    files
}
