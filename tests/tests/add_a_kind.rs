//! What docs/add-a-kind.md promises: a kind outside of this workspace, in under 80 lines, that runs on both pairs of queue
//! and store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use medley_tests::{
    rabbitmq::Broker,
    s3::{ACCESS_KEY, SECRET_KEY, Server},
};

const SOURCE: &str = include_str!("../toy/main.rs");

/// Compiles the program against the library that was built beside this test: cargo would build all of it anew for another
/// workspace.
fn build(folder: &Path) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let libraries = fs::read_dir(deps).unwrap().flatten().map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.strip_prefix("libmedley-").is_some_and(|rest| rest.ends_with(".rlib"))
    });
    let library = libraries.max_by_key(|path| path.metadata().unwrap().modified().unwrap()).unwrap();
    let (source, program) = (folder.join("main.rs"), folder.join("toy"));
    fs::write(&source, SOURCE).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-name", "toy", "--extern"]);
    rustc.arg(format!("medley={}", library.display())).arg("-L").arg(format!("dependency={}", deps.display()));
    // In the workspace's folder the toolchain is the one that built the library.
    let ran = rustc.arg("-o").arg(&program).arg(&source).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    program
}

struct Toy {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Toy {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null()).env_remove("MEDLEY_CONFIG");
        command.env("XDG_DATA_HOME", self.folder.path().join("data"));
        command
    }

    fn call(&self, mut command: Command) -> String {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn said(&self, below: &str) -> String {
        fs::read_to_string(self.folder.path().join(below).join("shout.txt")).unwrap()
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_kind_of_ones_own_runs_here_and_in_a_fleet() {
    assert!(SOURCE.lines().count() < 80, "{} lines", SOURCE.lines().count());
    let folder = tempfile::tempdir().unwrap();
    let program = build(folder.path());
    let toy = Toy { program, folder };
    assert!(toy.call(toy.command(&["run", "shout", "--help"])).contains("How often it is said"));
    assert_eq!(toy.call(toy.command(&["models", "sample", "shout"])), "hello");
    toy.call(toy.command(&["run", "shout", "hello there", "--times", "2", "-o", "here", "--quiet"]));
    assert_eq!(toy.said("here"), "HELLO THEREHELLO THERE");

    let (broker, bucket) = (Broker::shared().vhost(), Server::shared().bucket());
    let fleet = |args: &[&str]| {
        let mut command = toy.command(args);
        command.env("MEDLEY_QUEUE", &broker).env("MEDLEY_STORE", format!("s3://{bucket}/toy"));
        command.env("MEDLEY_ENDPOINT", Server::shared().endpoint());
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command
    };
    let mut worker = fleet(&["worker"]);
    let _worker = Killed(worker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let job = toy.call(fleet(&["submit", "shout", "hello"]));
    toy.call(fleet(&["watch", &job, "--quiet"]));
    toy.call(fleet(&["fetch", &job, "-o", "there"]));
    assert_eq!(toy.said("there"), "HELLO");
}

#[test]
fn the_page_shows_the_program_that_is_tested() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/add-a-kind.md")).unwrap();
    assert!(page.contains(SOURCE), "docs/add-a-kind.md shows another tests/toy/main.rs");
}
