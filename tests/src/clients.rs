//! Other people's clients, in pinned versions: packages of PyPI and npm, each installed once beside the build.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::binary::program;

/// A folder for `PYTHONPATH` with these packages (`name==version`) and what they need.
///
/// # Panics
/// When they cannot be installed.
pub fn pip(packages: &[&str]) -> PathBuf {
    installed("pip", packages, |folder| {
        let venv = folder.join("venv");
        let made = quiet(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        assert!(made, "python3 -m venv does not work: install python3-venv");
        let site = folder.join("site");
        let pip = venv.join("bin/pip");
        let done = quiet(Command::new(pip).args(["install", "--quiet", "--target"]).arg(&site).args(packages));
        fs::remove_dir_all(venv).expect("what was made can be removed");
        done
    })
    .join("site")
}

/// A folder for `NODE_PATH` with these packages (`name@version`) and what they need.
///
/// # Panics
/// When they cannot be installed.
pub fn npm(packages: &[&str]) -> PathBuf {
    installed("npm", packages, |folder| {
        let arguments = ["install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];
        quiet(Command::new("npm").args(arguments).arg(folder).args(packages))
    })
    .join("node_modules")
}

/// The folder of these packages, which comes into its place whole: tests that need it side by side may all install.
fn installed(by: &str, packages: &[&str], install: impl FnOnce(&Path) -> bool) -> PathBuf {
    let clients = program().with_file_name("test-clients");
    let name: Vec<String> = packages.iter().map(|package| package.replace(['/', '@', '='], "-")).collect();
    let folder = clients.join(format!("{by}-{}", name.join("+")));
    if !folder.is_dir() {
        fs::create_dir_all(&clients).expect("the build's folder can be written to");
        let part = tempfile::tempdir_in(&clients).expect("the build's folder can be written to");
        assert!(install(part.path()), "{packages:?} cannot be installed by {by}");
        // Another test may have been first.
        if let Err(error) = fs::rename(part.path(), &folder) {
            assert!(folder.is_dir(), "{}: {error}", folder.display());
        }
    }
    folder
}

fn quiet(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
