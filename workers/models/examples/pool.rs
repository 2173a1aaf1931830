//! Memory of a pool: `pool MODEL FILE PARALLEL` takes that many sessions at once and prints this process's resident
//! size (decision record 0009).

use std::{fs, sync::Barrier, thread};

use medley_models::{Models, SessionOptions};

fn resident_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, file, parallel] = &arguments[..] else { return Err("pool MODEL FILE PARALLEL".into()) };
    let parallel = parallel.parse()?;
    let before = resident_mb();
    let models = Models::open(&Models::default_dir());
    let session = models.session(model, file, SessionOptions { threads: 1, parallel })?;
    let together = Barrier::new(parallel);
    thread::scope(|scope| {
        for _ in 0..parallel {
            scope.spawn(|| session.with(|_| together.wait()));
        }
    });
    println!("{model} {file}: {parallel} sessions, {} MB more", resident_mb() - before);
    Ok(())
}
