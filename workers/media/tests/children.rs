//! Guarded children: none outlives its parent, none is lost, none waits for a reader.

#![expect(clippy::unwrap_used, reason = "a helper of tests is not seen as a test")]

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use medley_media::child::{Bounds, Guarded, Limits, RunError, command, run};

const PATIENCE: Duration = Duration::from_secs(60);
/// Set in the process that the test kills.
const HOLD: &str = "MEDLEY_TEST_HOLD_CHILDREN";

fn shell(script: &str) -> Command {
    let mut shell = command("sh", &Limits::default());
    shell.args(["-c", script]);
    shell
}

fn bounds(wall: Duration) -> Bounds {
    Bounds { wall, output_bytes: 1 << 20 }
}

/// Whether a process runs: it is there and no zombie.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::yield_now();
    }
}

/// Starts children from a thread that ends at once, prints their ids, and holds them until it is killed.
fn hold_children() {
    let started = thread::spawn(|| {
        let quiet = Guarded::start(shell("exec sleep 600")).unwrap();
        let busy = Guarded::start(shell("while :; do :; done")).unwrap();
        (quiet, busy)
    });
    let (quiet, busy) = started.join().unwrap();
    println!("\nchildren {} {}", quiet.id(), busy.id());
    let mut nothing = Vec::new();
    std::io::stdin().read_to_end(&mut nothing).unwrap();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "only this test reads it")]
fn no_child_outlives_a_killed_parent() {
    if std::env::var_os(HOLD).is_some() {
        return hold_children();
    }
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_child_outlives_a_killed_parent", "--nocapture"])
        .env(HOLD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.into_iter().find(|line| line.starts_with("children ")).unwrap();
    let children: Vec<u32> = line.split(' ').skip(1).map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(children.len(), 2);
    assert!(children.iter().all(|&pid| runs(pid)), "the thread that wanted them has ended, and they run on");
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until("the children are gone", || children.iter().all(|&pid| !runs(pid)));
}

#[test]
fn a_child_that_floods_standard_error_succeeds() {
    let script = "head -c 3000000 /dev/zero | tr '\\0' 'w' >&2; echo done; head -c 3000000 /dev/zero >&2";
    let ended = run(shell(script), &bounds(PATIENCE), &mut || true).unwrap();
    assert!(ended.status.success());
    assert_eq!(ended.output, b"done\n");
    assert!(ended.said.starts_with("www") && ended.said.len() <= 64 << 10);
}

#[test]
fn a_child_that_computes_and_says_nothing_is_ended_with_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let note = dir.path().join("pids");
    // A grandchild in the background, and a child that closes its output and goes on.
    let script = format!("sleep 600 & echo $$ $! > {}; exec >&-; while :; do :; done", note.display());
    let error = run(shell(&script), &bounds(Duration::from_millis(1500)), &mut || true).unwrap_err();
    assert!(matches!(error, RunError::TooLong(_)), "{error}");
    let pids: Vec<u32> = read_pids(&note);
    assert_eq!(pids.len(), 2);
    wait_until("both are gone", || pids.iter().all(|&pid| !runs(pid)));
}

fn read_pids(note: &Path) -> Vec<u32> {
    std::fs::read_to_string(note).unwrap().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn a_child_is_ended_when_nobody_wants_it_or_it_writes_too_much() {
    let mut asked = 0;
    let stopped = run(shell("sleep 600"), &bounds(PATIENCE), &mut || {
        asked += 1;
        asked < 3
    });
    assert!(matches!(stopped, Err(RunError::Stopped)));
    let flood = run(shell("cat /dev/zero"), &bounds(PATIENCE), &mut || true);
    assert!(matches!(flood, Err(RunError::TooMuch(_))));
    let missing = run(command("no-such-program-here", &Limits::default()), &bounds(PATIENCE), &mut || true);
    assert!(matches!(missing, Err(RunError::Missing(_))));
}

#[test]
fn a_child_sees_an_empty_environment_and_its_limits() {
    let script = "env | cut -d= -f1 | sort | tr '\\n' ' '; pwd; ulimit -t; ulimit -c";
    let limits = Limits { cpu_s: 7, ..Limits::default() };
    let mut shell = command("sh", &limits);
    shell.args(["-c", script]);
    let ended = run(shell, &bounds(PATIENCE), &mut || true).unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.output), "PATH PWD /\n7\n0\n");
}
