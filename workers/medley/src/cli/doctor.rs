//! `medley doctor`: what this machine lacks, and the command that gets it.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use medley_models::{Models, Registry as ModelRegistry, State};
use medley_step::Registry;

/// Programs that jobs run, what for, and the Debian package that has them.
const PROGRAMS: [(&str, &str, &str); 4] = [
    ("ffmpeg", "audio and video that is not wav, mp3, flac, ogg or m4a; all encoding", "ffmpeg"),
    ("espeak-ng", "English speech", "espeak-ng"),
    ("pdftotext", "receipts in PDF files", "poppler-utils"),
    ("python3", "fetching and converting models, at set-up only", "python3 python3-venv"),
];

pub(super) fn main(registry: &Registry) -> ExitCode {
    let mut missing = 0;
    for (program, what_for, package) in PROGRAMS {
        match find(program) {
            Some(path) => println!("ok       {program}: {}", path.display()),
            None => {
                missing += 1;
                println!("missing  {program}, for {what_for}: apt-get install {package}");
            }
        }
    }
    let models = Models::open(&Models::default_dir());
    println!("ok       model cache: {}", models.root().display());
    for (name, model) in &ModelRegistry::built_in().models {
        match models.state(name) {
            Ok(State::Present) => println!("ok       model {name}"),
            Ok(State::Missing) if model.optional => {}
            Ok(State::Missing) => {
                missing += 1;
                println!("missing  model {name}, for {}: medley models pull {name}", model.tasks.join(", "));
            }
            _ => {
                missing += 1;
                println!("damaged  model {name}: medley models pull {name}");
            }
        }
    }
    let kinds: Vec<_> = registry.recipes().map(|recipe| String::from(recipe.kind())).collect();
    println!("ok       kinds of job: {}", kinds.join(", "));
    if missing == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) }
}

/// Where a program is on the PATH.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
