//! What lies in `deploy/` is checked without a container engine: that it is well formed, that it declares what the binary
//! works with, and that images have the packages which `scripts/setup.sh` installs. Its command lines are parsed where the
//! parser is: in `workers/medley/src/cli/command_lines.rs`. The larger checks are in Python, which the tools for these
//! files speak.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{fs, path::PathBuf, process::Command};

use medley_tests::{binary::program, clients};
use yaml_rust2::{Yaml, YamlLoader};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Yaml {
    YamlLoader::load_from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}")).remove(0)
}

/// The words of `NAME=(a b c)` in `scripts/setup.sh`.
fn packages(name: &str) -> Vec<String> {
    let text = read("scripts/setup.sh");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}=("))).unwrap();
    line.trim_end_matches(')').split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_image_has_what_the_machine_needs_and_works_as_nobody_special() {
    let dockerfile = read("deploy/Dockerfile");
    let stages: Vec<_> = dockerfile.split("\nFROM ").skip(1).collect();
    let [console, build, run, setup] = stages[..] else { panic!("{} stages", stages.len()) };
    assert!(console.contains("npm ci") && build.contains("COPY --from=console /src/console/dist console/dist"));
    for package in packages("BUILD_PACKAGES") {
        assert!(build.contains(&package), "the build stage lacks {package}");
    }
    for package in packages("RUN_PACKAGES") {
        assert!(run.contains(&package), "the run stage lacks {package}");
    }
    assert!(!run.contains("python") && setup.contains("python3-venv"), "Python is for setting up only");
    for stage in [run, setup] {
        let last_user = stage.lines().rfind(|line| line.starts_with("USER")).unwrap();
        assert_eq!(last_user, "USER medley");
    }
    let version =
        read("Cargo.toml").lines().find_map(|line| Some(line.strip_prefix("rust-version = \"")?.to_owned())).unwrap();
    assert!(build.starts_with(&format!("rust:{}-bookworm", version.trim_end_matches('"'))), "{build}");
}

/// The shared libraries of the binary are in the packages of the run stage, by the name that Debian gives them.
#[test]
fn the_image_has_the_libraries_that_the_binary_is_linked_with() {
    let output = Command::new("ldd").arg(program()).output().unwrap();
    let dockerfile = read("deploy/Dockerfile");
    let linked = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in linked.lines().filter(|line| line.contains("libopencv_")) {
        let (library, version) = line.trim().split_once(".so.").unwrap();
        let version = version.split_whitespace().next().unwrap();
        let package = format!("{}{version}", library.replace('_', "-"));
        // Those that a named one depends on come with it.
        let direct = ["core", "imgproc", "imgcodecs", "calib3d"].iter().any(|name| library.ends_with(name));
        assert!(!direct || dockerfile.contains(&package), "the run stage lacks {package}");
    }
}

#[test]
fn the_compose_file_speaks_to_this_binary() {
    let compose = yaml("deploy/compose.yaml");
    let services = compose["services"].as_hash().unwrap();
    let own = services.iter().filter(|(_, service)| !service["build"].is_badvalue());
    let mut count = 0;
    for (name, service) in own {
        count += 1;
        let target = service["build"]["target"].as_str().unwrap();
        assert!(read("deploy/Dockerfile").contains(&format!(" AS {target}\n")), "{name:?}: no stage {target}");
    }
    assert_eq!(count, 2);
    let worker = &compose["services"]["worker"];
    assert_eq!(worker["read_only"].as_bool(), Some(true));
    for secret in worker["secrets"].as_vec().unwrap() {
        assert!(!compose["secrets"][secret.as_str().unwrap()].is_badvalue(), "{secret:?} is not declared");
    }
    for volume in services.values().flat_map(|service| service["volumes"].as_vec().into_iter().flatten()) {
        let Some((from, _)) = volume.as_str().unwrap().split_once(':') else { continue };
        let known = match from.strip_prefix("./") {
            Some(file) => root().join("deploy").join(file).exists(),
            None => compose["volumes"].as_hash().unwrap().contains_key(&Yaml::String(from.into())),
        };
        assert!(known, "{from} is not there");
    }
}

#[test]
fn the_configuration_is_read() {
    let config = root().join("deploy/medley.toml");
    // It is read before anything is connected to: the broker's name leads nowhere here.
    let output = Command::new(program()).arg("--config").arg(&config).arg("list").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(!told.contains("TOML"), "{told}");
}

/// `deploy/rabbitmq/definitions.json` is generated: run with `MEDLEY_REGENERATE=1` to write it.
#[test]
fn the_definitions_of_the_broker_are_those_of_this_binary() {
    let output = Command::new(program()).arg("queues").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let current = String::from_utf8(output.stdout).unwrap();
    let path = "deploy/rabbitmq/definitions.json";
    #[expect(clippy::disallowed_methods, reason = "only this test reads it")]
    let regenerate = std::env::var_os("MEDLEY_REGENERATE").is_some();
    if regenerate {
        fs::write(root().join(path), &current).unwrap();
    }
    assert!(read(path) == current, "{path} is out of date: run this test with MEDLEY_REGENERATE=1");
    // A kind without a worker of its own has no steps, and nobody would take any from its queue.
    assert!(!current.contains("podcast") && current.contains("medley.transcribe.batch"));
}

/// Runs one of the Python checks of this folder; it says why when it fails.
fn check(script: &str, packages: &[&str]) {
    let mut command = Command::new("python3");
    command.arg(root().join("tests/tests/deploy").join(script)).arg(program());
    if !packages.is_empty() {
        command.env("PYTHONPATH", clients::pip(packages));
    }
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{script}: {told}");
}

#[test]
fn the_manifests_are_what_kubernetes_keda_and_the_binary_take() {
    check("kubernetes.py", &["kubernetes-validate==1.37.0"]);
}

#[test]
fn keys_by_web_identity_are_written_and_renewed() {
    check("web_identity.py", &[]);
}

#[test]
fn a_prometheus_sees_a_gateway_and_a_worker_and_wakes_somebody() {
    check("monitoring.py", &[]);
}

/// systemd reads the units without a word, and finds little that they expose. It knows no binary here, so another one
/// stands in its place.
#[test]
fn the_units_are_what_systemd_reads() {
    let folder = tempfile::tempdir().unwrap();
    for unit in ["medley-worker.service", "medley-gateway.service"] {
        let (from, path) = (read(&format!("deploy/systemd/{unit}")), folder.path().join(unit));
        fs::write(&path, from.replace("/usr/local/bin/medley ", "/bin/true ")).unwrap();
        let verified = Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap();
        let told = String::from_utf8_lossy(&verified.stderr);
        // It goes on behind a setting that it does not know, and says so.
        assert!(verified.status.success() && told.is_empty(), "{unit}: {told}");
        let mut security = Command::new("systemd-analyze");
        let output = security.args(["security", "--offline=yes", "--threshold=20"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// The capacity plan rests on it.
#[test]
fn the_simulator_agrees_with_theory() {
    let output = Command::new("python3").arg(root().join("scripts/simulate")).arg("check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
