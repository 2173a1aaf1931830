//! The command lines of `deploy/` and `scripts/` are ones that this parser takes, whole: arguments that must be there, and
//! values too.

use std::{fs, path::Path};

use yaml_rust2::{Yaml, YamlLoader};

use super::{all_kinds, command, switches};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn check(place: &str, line: &[&str]) {
    let command = command(&all_kinds().registry());
    let words = std::iter::once("medley").chain(line.iter().copied()).map(Into::into).collect();
    let words = switches::normalised(words, &command);
    if let Err(error) = command.try_get_matches_from(words) {
        panic!("{place}: `medley {}`: {error}", line.join(" "));
    }
}

/// The words of a list in JSON, as Dockerfiles have them.
fn words(list: &str) -> Vec<String> {
    serde_json::from_str(list).unwrap_or_else(|error| panic!("{list}: {error}"))
}

#[test]
fn the_compose_file_speaks_to_this_binary() {
    let compose = YamlLoader::load_from_str(&read("deploy/compose.yaml")).unwrap().remove(0);
    let services = compose["services"].as_hash().unwrap();
    let own: Vec<&Yaml> = services.values().filter(|service| !service["build"].is_badvalue()).collect();
    assert_eq!(own.len(), 2);
    for service in own {
        let line: Vec<_> = service["command"].as_vec().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        check("deploy/compose.yaml", &line);
    }
}

#[test]
fn the_images_start_this_binary() {
    let dockerfile = read("deploy/Dockerfile");
    assert!(dockerfile.contains("\nENTRYPOINT [\"medley\"]\n"));
    let commands: Vec<_> = dockerfile.lines().filter_map(|line| line.strip_prefix("CMD ")).collect();
    assert_eq!(commands.len(), 1);
    for command in commands {
        let words = words(command);
        check("deploy/Dockerfile", &words.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn the_units_start_this_binary() {
    for unit in ["deploy/systemd/medley-worker.service", "deploy/systemd/medley-gateway.service"] {
        let text = read(unit);
        let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/medley ")).unwrap();
        check(unit, &start.split_whitespace().collect::<Vec<_>>());
    }
}

/// What somebody types at two in the morning is there.
#[test]
fn the_runbook_speaks_to_this_binary() {
    let mut count = 0;
    for page in ["docs/operations.md", "docs/kubernetes.md"] {
        let text = read(page);
        let shell = text.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
        for line in shell.flat_map(str::lines) {
            // Also those that a pod runs.
            let in_pod = line.split_once(" -- medley ").map(|(_, line)| line);
            let Some(line) = in_pod.or_else(|| line.strip_prefix("medley ")) else { continue };
            let line = line.split(['#', '|']).next().unwrap_or_default();
            let line = line.replace("JOB", "01JDF00000000000000000000A");
            check(page, &line.split_whitespace().collect::<Vec<_>>());
            count += 1;
        }
    }
    assert!(count >= 20, "{count} command lines");
}

#[test]
fn the_scripts_speak_to_this_binary() {
    let mut count = 0;
    for script in ["scripts/run", "scripts/test"] {
        let text = read(script);
        for line in text.lines().filter_map(|line| line.split_once("\"$MEDLEY\" ")).map(|(_, line)| line) {
            let line = line.split(')').next().unwrap_or_default().replace("\"$kind\"", "speak");
            let line: Vec<_> = line.split_whitespace().filter(|word| !word.starts_with("\"${args")).collect();
            let words = if line[0] == "run" { [&line[..], &["text"]].concat() } else { line };
            check(script, &words);
            count += 1;
        }
    }
    assert!(count >= 4, "{count} command lines");
}

/// `scripts/run` works on a fresh machine: it installs the programs that kinds say they need.
#[test]
fn the_scripts_install_the_programs_of_the_kinds() {
    let setup = read("scripts/setup.sh");
    let packages = setup.lines().find_map(|line| line.strip_prefix("RUN_PACKAGES=(")).unwrap();
    let packages: Vec<_> = packages.trim_end_matches(')').split_whitespace().collect();
    for (program, kinds) in all_kinds().programs() {
        assert!(packages.contains(&program.package), "{} of {kinds:?}", program.package);
    }
}
