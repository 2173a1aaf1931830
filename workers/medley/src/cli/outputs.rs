//! Documents and lines on standard output.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use serde::Serialize;

use super::{Failed, printable::printable};

/// Refuses an output folder that is a file, or would lie below one.
pub(super) fn check_folder(output: &Path) -> Result<(), Failed> {
    let here = output.ancestors().find_map(|folder| Some((folder, fs::metadata(folder).ok()?)));
    match here {
        Some((file, meta)) if !meta.is_dir() => {
            Err(Failed::usage(format!("-o {} is no folder, because {} is a file", output.display(), file.display())))
        }
        _ => Ok(()),
    }
}

/// A document for people and programs.
pub(super) fn print_json(document: &impl Serialize) -> Result<ExitCode, Failed> {
    print_exactly(&serde_json::to_string_pretty(document).map_err(Failed::service)?)
}

/// A document on one line.
pub(super) fn print_json_line(document: &impl Serialize) -> Result<ExitCode, Failed> {
    print_exactly(&serde_json::to_string(document).map_err(Failed::service)?)
}

/// Lines of our own making, as they are.
pub(super) fn print_text(text: &str) -> Result<ExitCode, Failed> {
    print_exactly(text.trim_end())
}

/// A line for people.
pub(super) fn print_line(text: &str) -> Result<ExitCode, Failed> {
    print_exactly(&printable(text))
}

fn print_exactly(text: &str) -> Result<ExitCode, Failed> {
    match writeln!(io::stdout(), "{text}") {
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failed::service(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}
