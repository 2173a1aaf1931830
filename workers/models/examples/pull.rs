//! Pulls models into the default cache: `cargo run --release -p medley-models --example pull -- all`.

use std::process::ExitCode;

use medley_models::{Models, PullEvent};

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let models = Models::open(&Models::default_dir());
    let mut say = |model: &str, event: PullEvent<'_>| println!("{model}: {event:?}");
    match models.pull(&names, &mut say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
